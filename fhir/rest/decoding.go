package rest

import (
	"context"
	"slices"
	"sync"

	"github.com/portico-health/portico/fhir"
)

const (
	// maxDecoding is how many bytes of large bodies may be decoded at once: one Bundle of the largest size, and a few others beside it.
	// To read a byte of an ordinary text allocates four bytes, and four stay; of the worst, a list of numbers, 59, and 17 stay, but such a text
	// ends at fhir.MaxValues.
	maxDecoding = 64 << 20

	// smallBody is how large a body may be that is read and decoded without waiting.
	smallBody = 64 << 10
)

// decoding bounds the bytes of the bodies that are in memory at once, with the trees that are made of them. Of one that waits there are no more than
// the first smallBody bytes; before more is read, it is let in with the length that it states, or with as much as it may have when that is packed or
// not stated, and what that is too much is given back when it has been read. Bodies are let in in the order in which they came, so that a large one is
// not passed by smaller ones for ever; while the first one waits, so do all behind it. A client that is slow with the rest is cut off (restTime).
//
// What is not counted: small bodies and the first bytes of those that wait, of which there are as many as connections; what engine and store make of a
// body, which is bounded there; and answers.
type decoding struct {
	mu      sync.Mutex
	free    int64
	waiting []*admission
}

// admission is what one exchange has of the bytes, or waits for.
type admission struct {
	decoding *decoding
	bytes    int64
	let      chan struct{} // closed when it is let in
}

func newDecoding(bytes int64) *decoding { return &decoding{free: bytes} }

// enter waits until so many bytes may be decoded. Its error, when the time of the request is over, is Unavailable.
func (a *admission) enter(ctx context.Context, bytes int64) error {
	if bytes <= smallBody {
		return nil
	}
	if a.decoding.admits(a, bytes) {
		return nil
	}
	select {
	case <-a.let:
		return nil
	case <-ctx.Done():
		a.leave()
		return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The server was too busy with other large requests for too long. Try it again later.").Because(ctx.Err())
	}
}

// admits lets an admission in at once, or puts it at the end of those that wait.
func (d *decoding) admits(a *admission, bytes int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	a.bytes, a.let = bytes, make(chan struct{})
	d.waiting = append(d.waiting, a)
	d.advance()
	return !slices.Contains(d.waiting, a)
}

// leave gives back what the exchange had, or ceases to wait. It may be called again.
func (a *admission) leave() {
	if a.bytes == 0 {
		return
	}
	d := a.decoding
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.Index(d.waiting, a); i >= 0 {
		d.waiting = slices.Delete(d.waiting, i, i+1)
	} else {
		d.free += a.bytes
	}
	a.bytes = 0
	d.advance()
}

// settle gives back what was taken beyond the bytes that there are.
func (a *admission) settle(bytes int64) {
	d := a.decoding
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free += a.bytes - bytes
	a.bytes = bytes
	d.advance()
}

// advance lets in whoever comes first, as long as there is room.
func (d *decoding) advance() {
	for len(d.waiting) > 0 && d.waiting[0].bytes <= d.free {
		first := d.waiting[0]
		d.free -= first.bytes
		d.waiting = slices.Delete(d.waiting, 0, 1)
		close(first.let)
	}
}
