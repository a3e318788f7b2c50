package audit

import (
	"context"
	"errors"
	"slices"

	"github.com/portico-health/portico/fhir"
)

// growing is a block that this process writes. While few events are in it, those of the next half second are put behind them: a block for each half second would
// be many small records.
type growing struct {
	block
	id       string
	revision int64 // of its record; 0 while there is none
	written  int   // events that are in the record
	unsaved  int   // bytes of what is not in the record, as they were counted when they were recorded
}

// fewEvents is up to how many a block grows on. Every time it is packed anew, and written as a whole.
const fewEvents = 500

// open says whether an event may still be put into a block.
func (g *growing) open(e *Event) bool { return g.written < fewEvents && g.takes(e) }

// desk is where events are made into blocks.
type desk struct {
	turn   chan struct{}                 // holds what is left of turns: one Flush at a time
	blocks map[fhir.Partition][]*growing // those that are not written, and the one of each partition that may grow
}

func newDesk() desk {
	d := desk{turn: make(chan struct{}, 1), blocks: make(map[fhir.Partition][]*growing)}
	d.turn <- struct{}{}
	return d
}

// Flush writes what was recorded before the call. What it cannot write stays in memory, for the next call.
func (t *Trail) Flush(ctx context.Context) error { return t.flush(ctx).first() }

// Settle is Flush, but that it fails only where what was recorded of a partition could not be written.
func (t *Trail) Settle(ctx context.Context, p fhir.Partition) error { return t.flush(ctx).of(p) }

// flush is Flush, and tells what failed of which partition.
func (t *Trail) flush(ctx context.Context) faults {
	select {
	case <-t.desk.turn:
		defer func() { t.desk.turn <- struct{}{} }()
	case <-ctx.Done():
		return faults{"": ctx.Err()}
	}
	pieces, _ := t.waiting.take()
	t.lay(pieces)
	t.waiting.reuse(pieces)
	failed := t.save(ctx)
	t.tidy()
	return failed
}

// lay puts events into blocks, by their instants.
func (t *Trail) lay(pieces [][]Event) {
	for p, events := range byPartition(pieces) {
		if !slices.IsSortedFunc(events, byInstant) {
			slices.SortStableFunc(events, byInstant)
		}
		for len(events) > 0 {
			all := t.desk.blocks[p]
			if len(all) == 0 || !all[len(all)-1].open(&events[0]) {
				all = append(all, &growing{id: blockID(events[0].Instant, newTail(t.Now()))})
				t.desk.blocks[p] = all
			}
			events = all[len(all)-1].grow(events)
		}
	}
}

// byPartition copies events, so that those of each partition stand together.
func byPartition(pieces [][]Event) map[fhir.Partition][]Event {
	counts := make(map[fhir.Partition]int)
	for _, piece := range pieces {
		for i := range piece {
			counts[piece[i].Who.Partition]++
		}
	}
	by := make(map[fhir.Partition][]Event, len(counts))
	for p, n := range counts {
		by[p] = make([]Event, 0, n)
	}
	for _, piece := range pieces {
		for from := 0; from < len(piece); { // those of one partition that follow each other at once
			p, to := piece[from].Who.Partition, from+1
			for to < len(piece) && piece[to].Who.Partition == p {
				to++
			}
			by[p] = append(by[p], piece[from:to]...)
			from = to
		}
	}
	return by
}

// grow takes as many events as there is room for, and returns the others. A block that is new keeps them where they are.
func (g *growing) grow(events []Event) []Event {
	room, n := *g, 0
	if len(g.events) == 0 {
		room.events = events[:0:0]
	}
	for ; n < len(events) && room.open(&events[n]); n++ {
		size := events[n].size()
		room.size, room.unsaved = room.size+size, room.unsaved+size+eventBytes
		if len(g.events) == 0 {
			room.events = events[: n+1 : n+1]
		} else {
			room.events = append(room.events, events[n])
		}
	}
	*g = room
	return events[n:]
}

// save writes what is not written. It goes on behind what fails.
func (t *Trail) save(ctx context.Context) faults {
	type unsaved struct {
		fhir.Partition
		*growing
	}
	var all []unsaved
	for p, blocks := range t.desk.blocks {
		for _, g := range blocks {
			if g.unsaved > 0 {
				all = append(all, unsaved{p, g})
			}
		}
	}
	failed := make(faults)
	failed.add(each(len(all), func(i int) error { return t.saveBlock(ctx, all[i].Partition, all[i].growing) }), func(i int) fhir.Partition { return all[i].Partition })
	return failed
}

// saveBlock writes one block. Where an earlier try came through though it seemed to fail, the record is further than it was thought to be; or it is gone, for
// what was in it had to be kept no longer. Then it is written once more.
func (t *Trail) saveBlock(ctx context.Context, p fhir.Partition, g *growing) error {
	revision, err := t.put(ctx, p, g.id, g.revision, g.block)
	if errors.Is(err, fhir.Conflict) {
		there, getErr := t.Store.Records().Get(ctx, blockPrefix(p)+g.id)
		if getErr != nil && !errors.Is(getErr, fhir.NotFound) {
			return getErr
		}
		revision, err = t.put(ctx, p, g.id, there.Revision, g.block) // 0: it is gone
	}
	if err != nil {
		return err
	}
	t.waiting.written(g.unsaved)
	g.revision, g.written, g.unsaved = revision, len(g.events), 0
	return nil
}

// tidy forgets blocks that are written and will not grow.
func (t *Trail) tidy() {
	now := fhir.InstantOf(t.Now())
	for p, blocks := range t.desk.blocks {
		last := blocks[len(blocks)-1]
		blocks = slices.DeleteFunc(blocks, func(g *growing) bool {
			grows := g == last && g.written < fewEvents && now-g.events[0].Instant <= maxBlockSpan
			return g.unsaved == 0 && !grows
		})
		if t.desk.blocks[p] = blocks; len(blocks) == 0 {
			delete(t.desk.blocks, p)
		}
	}
}
