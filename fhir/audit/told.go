package audit

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// Changes are recorded in blocks whose names follow from the partition and the half minute in which the changes were made: there the first is number 0, and
// when it is full the next one begins. Each says how far it tells (its mark), and is written by compare-and-set. All processes see the same changes in the
// same order, so that they are about to put the same change at the same place: one does, and the others find it there. What a process that died has told of and not written
// down in the position is told of already. So nobody has to claim anything, and little that is told often (a change now and then) fills a block all the
// same.

// change is a write that is to be recorded, or where it concerns very many patients a part of it.
type change struct {
	Event
	sequence int64 // of the store's event
}

// group are changes that belong into blocks of the same names.
type group struct {
	partition fhir.Partition
	window    fhir.Instant // the half minute's beginning
	changes   []change     // ascending by sequence and instant
}

// grouped are changes, which are ascending, by where they belong.
func grouped(changes []change) (all []group) {
	type place struct {
		partition fhir.Partition
		window    fhir.Instant
	}
	at := make(map[place]int)
	for _, c := range changes {
		of := place{c.Who.Partition, c.Instant - c.Instant%maxBlockSpan}
		i, known := at[of]
		if !known {
			i, at[of] = len(all), len(all)
			all = append(all, group{partition: of.partition, window: of.window})
		}
		all[i].changes = append(all[i].changes, c)
	}
	return all
}

// toldID is the id of a block of a half minute.
func toldID(window fhir.Instant, index int) string { return blockID(window, "w"+strconv.Itoa(index)) }

// maxRaces is how often others may be quicker before a group is left to the next call.
const maxRaces = 32

// tellGroup records the changes of a group that are not recorded yet.
func (t *Trail) tellGroup(ctx context.Context, g group) error {
	index, races := 0, 0
	for {
		end, err := t.tailOf(ctx, g, index)
		if err != nil {
			return err
		}
		index = end.index
		left := g.behind(end.block)
		if len(left) == 0 {
			return nil
		}
		grown, n := end.grown(left)
		if n == 0 {
			end = tail{index: index + 1}
			grown, n = end.grown(left)
		}
		_, err = t.put(ctx, g.partition, toldID(g.window, end.index), end.revision, grown)
		switch {
		case err == nil && n == len(left):
			return nil
		case errors.Is(err, fhir.Conflict) && races < maxRaces:
			races++
		case err != nil:
			return err
		}
	}
}

// tail is the last block of a half minute.
type tail struct {
	block
	index    int
	revision int64 // of its record; 0: it is not there yet
}

// tailOf finds the last block of a group's half minute; it has at least this index. Behind one that cannot be read another one begins: what that told of is
// lost, and what comes later shall not be.
func (t *Trail) tailOf(ctx context.Context, g group, index int) (tail, error) {
	var last storage.Record
	for {
		r, err := t.Store.Records().Get(ctx, blockPrefix(g.partition)+toldID(g.window, index))
		if errors.Is(err, fhir.NotFound) {
			break
		}
		if err != nil {
			return tail{}, err
		}
		last = r
		index++
	}
	if last.Revision == 0 {
		return tail{index: index}, nil
	}
	b, err := decode(g.partition, last.Value)
	if err != nil {
		t.Log.Error("a block of audit events cannot be read", "record", last.Name, "error", err)
		return tail{index: index}, nil
	}
	return tail{block: b, index: index - 1, revision: last.Revision}, nil
}

// behind are the changes of a group that come behind what the last block tells.
func (g group) behind(last block) []change {
	for i, c := range g.changes {
		if !last.tells(c) {
			return g.changes[i:]
		}
	}
	return nil
}

// tells says whether a change is told of in a block or before it. One with many patients is told in parts, which have the order of the patients: behind one that
// has no room for more of them, the next may be missing.
func (b *block) tells(c change) bool {
	if c.sequence != b.mark || len(b.events) == 0 {
		return c.sequence < b.mark
	}
	last := b.events[len(b.events)-1].Patients
	return len(last) < maxPatients || len(c.Patients) == 0 || slices.Max(c.Patients) <= slices.Max(last)
}

// grown is the block with as many changes behind it as there is room for, and how many that is. One with many events does not grow, for it would be written anew
// with each of them. That it takes none depends on the block and the first change alone, so that all processes find the same.
func (b block) grown(changes []change) (block, int) {
	if len(b.events) >= fewEvents {
		return b, 0
	}
	for i, c := range changes {
		if !b.takes(&c.Event) {
			return b, i
		}
		b.events, b.mark, b.size = append(b.events, c.Event), c.sequence, b.size+c.size()
	}
	return b, len(changes)
}
