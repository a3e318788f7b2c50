package audit

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// hit is an event that a search has come to, and where.
type hit struct {
	block string
	place int
	*Event
}

func (h hit) id() string { return eventID(h.block, h.place) }

// older orders hits newest first, and those of one instant by their ids.
func older(a, b hit) int {
	return cmp.Or(cmp.Compare(b.Instant, a.Instant), cmp.Compare(a.block, b.block), cmp.Compare(a.place, b.place))
}

// younger orders hits oldest first, and those of one instant by their ids.
func younger(a, b hit) int {
	return cmp.Or(cmp.Compare(a.Instant, b.Instant), cmp.Compare(a.block, b.block), cmp.Compare(a.place, b.place))
}

// walk goes through the events of a partition that pass a sieve, in the order of their instants.
type walk struct {
	*Trail
	ctx       context.Context
	partition fhir.Partition
	sieve     *sieve
	meter     *meter
	yield     func(hit) (more bool, err error)

	held []hit // that have not had their turn
	done bool  // nothing more is wanted
}

// Blocks that are read at once.
const (
	firstScan = 4
	fewScan   = 16
	mostScan  = 64
)

// newest goes from the newest event to the oldest. Blocks come by their first instants; what is in one that is yet to come is later than that by its span at most.
func (w *walk) newest() error {
	prefix := blockPrefix(w.partition)
	after := prefix + blockID(w.sieve.to, "")
	for limit := firstScan; ; limit = min(2*limit, mostScan) {
		records, err := w.Store.Records().Scan(w.ctx, prefix, after, limit)
		if err != nil {
			return err
		}
		bound, ended := fhir.Instant(0), len(records) < limit
		for _, r := range records {
			first, err := w.firstOf(r)
			if err != nil {
				return err
			}
			if bound = first + maxBlockSpan; bound < w.sieve.from {
				ended = true
				break
			}
			if err := w.open(r); err != nil {
				return err
			}
		}
		if ended {
			return w.release(older, func(hit) bool { return true })
		}
		if err := w.release(older, func(h hit) bool { return h.Instant > bound }); err != nil || w.done {
			return err
		}
		after = records[len(records)-1].Name
	}
}

// oldest goes from the oldest event to the newest. Names lead from new to old, so it goes from one stretch of time to the next, each as long as makes some blocks.
func (w *walk) oldest() error {
	prefix := blockPrefix(w.partition)
	newest, err := w.Store.Records().Scan(w.ctx, prefix, prefix+blockID(w.sieve.to, ""), 1)
	if err != nil || len(newest) == 0 {
		return err
	}
	end, err := w.firstOf(newest[0])
	if err != nil {
		return err
	}
	const narrowest = fhir.Instant(time.Second / time.Microsecond)
	width := 60 * narrowest
	for from := w.sieve.from - maxBlockSpan; from <= end; {
		if from > math.MaxInt64-width {
			return fmt.Errorf("a block of audit events begins at %d", end)
		}
		records, whole, err := w.between(from, from+width, width > narrowest)
		if err != nil {
			return err
		}
		if !whole {
			width = max(width/8, narrowest)
			continue
		}
		for _, r := range records {
			if err := w.open(r); err != nil {
				return err
			}
		}
		from += width
		if err := w.release(younger, func(h hit) bool { return h.Instant < from }); err != nil || w.done {
			return err
		}
		if len(records) < fewScan && width < 1<<52 {
			width *= 2
		}
	}
	return w.release(younger, func(hit) bool { return true })
}

// between are the blocks whose first instants are in [from, to). It is not the whole of them where few are wanted and there are more than mostScan.
func (w *walk) between(from, to fhir.Instant, few bool) (all []storage.Record, whole bool, err error) {
	prefix := blockPrefix(w.partition)
	for after := prefix + blockID(to-1, ""); ; after = all[len(all)-1].Name {
		records, err := w.Store.Records().Scan(w.ctx, prefix, after, fewScan)
		if err != nil {
			return nil, false, err
		}
		for _, r := range records {
			first, err := w.firstOf(r)
			if err != nil {
				return nil, false, err
			}
			if first < from {
				return all, true, nil
			}
			all = append(all, r)
		}
		if len(records) < fewScan {
			return all, true, nil
		}
		if few && len(all) > mostScan {
			return nil, false, nil
		}
	}
}

// named goes to the events whose ids the search names.
func (w *walk) named() error {
	for _, id := range w.sieve.ids {
		block, place, ok := placeOf(id)
		if !ok {
			continue
		}
		e, err := w.event(w.ctx, w.partition, block, place)
		if err != nil {
			return err
		}
		if err := w.meter.look(inVain); err != nil {
			return err
		}
		if e != nil && w.sieve.passes(e) {
			w.held = append(w.held, hit{block, place, e})
		}
	}
	return nil
}

// firstOf is the first instant of a block, by its name.
func (w *walk) firstOf(r storage.Record) (fhir.Instant, error) {
	first, ok := firstOf(strings.TrimPrefix(r.Name, blockPrefix(w.partition)))
	if !ok {
		return 0, fmt.Errorf("the record %q is no block of audit events", r.Name)
	}
	return first, nil
}

// open holds the events of a block that pass.
func (w *walk) open(r storage.Record) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	head, err := readHead(r.Value)
	if err != nil {
		return w.unreadable(r.Name, err)
	}
	if !w.sieve.mayHave(head) {
		return w.meter.look(passedOver)
	}
	events, err := head.events(w.partition)
	if err != nil {
		return w.unreadable(r.Name, err)
	}
	if err := w.meter.look(inVain + len(events)); err != nil {
		return err
	}
	id := strings.TrimPrefix(r.Name, blockPrefix(w.partition))
	for i := range events {
		if w.sieve.passes(&events[i]) {
			w.held = append(w.held, hit{id, i, &events[i]})
		}
	}
	return nil
}

// release yields, in an order, the held events whose turn has come.
func (w *walk) release(order func(a, b hit) int, due func(hit) bool) error {
	slices.SortFunc(w.held, order)
	n := 0
	for ; n < len(w.held) && due(w.held[n]) && !w.done; n++ {
		more, err := w.yield(w.held[n])
		if err != nil {
			return err
		}
		w.done = !more
	}
	w.held = slices.Delete(w.held, 0, n)
	return nil
}

// meter counts what a search looks at in vain.
type meter struct {
	budget int // resources; 0 sets no bound
	looked int // sixteenths of resources
}

// What it costs to look at a block that is unpacked, or at an AuditEvent that was made of an event; and at a block whose terms say that there is no match in it.
// To look at an event that was unpacked is one.
const (
	inVain     = 16
	passedOver = 2 // so that a year of a busy site is within the budget
)

// look counts. TooCostly, because of storage.ErrOverBudget.
func (m *meter) look(sixteenths int) error {
	m.looked += sixteenths
	if m.budget > 0 && m.looked/inVain > m.budget {
		return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "The search would look at more than %d blocks and events of the record that are none of its matches.", m.budget).
			Because(storage.ErrOverBudget)
	}
	return nil
}
