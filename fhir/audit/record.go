package audit

import (
	"errors"
	"sync"

	"github.com/portico-health/portico/fhir"
)

const (
	maxWaiting = 64 << 20 // bytes of events that wait to be written
	muchWaits  = 4 << 20  // bytes at which they are not left to wait for the next half second
)

// waiting are events that were recorded and are not written yet.
type waiting struct {
	sync.Mutex
	full  [][]Event // pieces of which none is ever copied because another one is recorded
	piece []Event
	spare [][]Event // empty pieces
	bytes int
	held  int // bytes that Flush took and has not written
	last  fhir.Instant
}

const (
	pieceEvents = 512
	maxSpare    = 64
	eventBytes  = 240 // of an event beside its texts
)

// errWaiting is why no more events are taken.
var errWaiting = errors.New("more audit events wait to be written than memory is meant for")

// Record takes an event as the mode says. It costs less than a microsecond, and keeps the event in memory until it is written.
func (t *Trail) Record(e Event) error {
	if !t.Mode.keeps(&e) {
		return nil
	}
	if e.Who.Partition == "" {
		e.Who.Partition = NoSite
	}
	e.Who.Scopes, e.Who.Admin = nil, false // nothing is told of them
	e.bound()
	size := 0
	for part := range e.parts() {
		size += part.size() + eventBytes
	}
	now := fhir.InstantOf(t.Now())

	w := &t.waiting
	w.Lock()
	if w.bytes+w.held+size > maxWaiting {
		w.Unlock()
		return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The record of what is done here cannot be kept at the moment, and nothing is done without it. Try again later.").Because(errWaiting)
	}
	for part := range e.parts() {
		w.put(part, now)
	}
	before := w.bytes
	w.bytes += size
	w.Unlock()
	if before < muchWaits && before+size >= muchWaits {
		select {
		case t.much <- struct{}{}:
		default:
		}
	}
	return nil
}

// keeps says whether an event is recorded.
func (m Mode) keeps(e *Event) bool {
	switch m {
	case Off:
		return false
	case Writes:
		operates := e.Interaction == Operation && e.Who.Partition == NoSite // makes sites and credentials
		return e.Outcome != Success || e.Interaction == Login || e.Interaction.writes() || operates
	default:
		return true
	}
}

// writes says whether an interaction changes a resource.
func (i Interaction) writes() bool {
	return i == Create || i == Update || i == Patch || i == Delete
}

// put puts an event behind the others.
func (w *waiting) put(e Event, now fhir.Instant) {
	if e.Instant == 0 {
		e.Instant = w.after(now)
	}
	if len(w.piece) == cap(w.piece) {
		w.turn()
	}
	w.piece = append(w.piece, e)
}

// after is an instant that is now, and behind that of the event before, unless the clock was put back.
func (w *waiting) after(now fhir.Instant) fhir.Instant {
	const second = 1_000_000
	if now <= w.last && w.last-now < second {
		now = w.last + 1
	}
	w.last = now
	return now
}

// turn begins a new piece.
func (w *waiting) turn() {
	if len(w.piece) > 0 {
		w.full = append(w.full, w.piece)
	}
	if n := len(w.spare); n > 0 {
		w.piece, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		w.piece = make([]Event, 0, pieceEvents)
	}
}

// take returns what waits, and how many bytes it is: they count until they are given back.
func (w *waiting) take() (pieces [][]Event, bytes int) {
	w.Lock()
	defer w.Unlock()
	if w.bytes == 0 {
		return nil, 0
	}
	w.turn()
	pieces, bytes = w.full, w.bytes
	w.held, w.bytes, w.full = w.held+bytes, 0, nil
	return pieces, bytes
}

// reuse takes pieces back whose events were copied.
func (w *waiting) reuse(pieces [][]Event) {
	for _, p := range pieces {
		clear(p)
	}
	w.Lock()
	defer w.Unlock()
	for _, p := range pieces[:min(len(pieces), maxSpare-len(w.spare))] {
		w.spare = append(w.spare, p[:0])
	}
}

// written forgets bytes that were held.
func (w *waiting) written(bytes int) {
	w.Lock()
	defer w.Unlock()
	w.held -= bytes
}
