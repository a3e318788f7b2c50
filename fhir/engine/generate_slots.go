package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// How slots are written: so many as one where the store can, on the condition that the Schedule has still the rules by which they are made, else one by one, so
// many at a time.
const (
	slotsAtOnce = 250
	slotWriters = 16
)

// calendarSlot is a Slot that is there.
type calendarSlot struct {
	booking.Slot
	number    int64 // of its version
	generated bool
}

// slots are those of the Schedule that overlap with the period, or with a slot that begins in it.
func (g *generation) slots(ctx context.Context) ([]calendarSlot, error) {
	until := g.period.End
	if n := len(g.wanted); n > 0 {
		until = max(until, g.wanted[n-1].End)
	}
	query := search.Query{Type: "Slot", All: []search.Any{{search.CalendarOf(g.schedule.Key, g.period.Start, until)}}}
	var slots []calendarSlot
	for page := (storage.PageRequest{Limit: search.MaxCount}); ; {
		found, err := g.finder(ctx, g.who).find(query, page)
		if err != nil {
			return nil, err
		}
		for _, v := range found.Versions {
			s, err := g.slotOf(v)
			if err != nil {
				return nil, err
			}
			slots = append(slots, s)
		}
		if page.After = found.Next; page.After == nil {
			return slots, nil
		}
	}
}

func (g *generation) slotOf(v fhir.Version) (calendarSlot, error) {
	r, err := stored(v)
	if err != nil {
		return calendarSlot{}, err
	}
	s := calendarSlot{Slot: booking.SlotOf(g.Rules.BaseURL(), r), number: v.Number}
	for _, x := range r.Root().Objects("extension") {
		yes, _ := x.Get("valueBoolean")
		s.generated = s.generated || x.Text("url") == booking.GeneratedURL && yes == true
	}
	return s, nil
}

// remove deletes slots as they were found. Those that somebody changed in between are returned as they are now, if they still are.
func (g *generation) remove(ctx context.Context, unwanted []calendarSlot) ([]calendarSlot, error) {
	origin := audit.OriginOf(g.who, audit.Delete)
	lost, err := g.write(ctx, len(unwanted), func(i int) storage.Op {
		return storage.Op{Key: unwanted[i].Key, Condition: storage.Condition{Version: unwanted[i].number}, Origin: origin}
	})
	if err != nil {
		return nil, err
	}
	var remain []calendarSlot
	for _, i := range lost {
		s, err := g.now(ctx, unwanted[i].Key)
		if err != nil {
			return nil, err
		}
		if s.number > 0 {
			remain = append(remain, s)
		}
	}
	return remain, nil
}

// now is a slot as it is; the zero one where there is none.
func (g *generation) now(ctx context.Context, key fhir.Key) (calendarSlot, error) {
	v, exists, err := g.current(ctx, g.who, key)
	if err != nil || !exists {
		return calendarSlot{}, err
	}
	return g.slotOf(v)
}

// create makes slots, and counts them. Where the key of one is in use already, another Generate was quicker, or a client has moved a slot that was generated.
func (g *generation) create(ctx context.Context, times []booking.Span, out *Generated) error {
	origin := audit.OriginOf(g.who, audit.Create)
	lost, err := g.write(ctx, len(times), func(i int) storage.Op {
		slot := g.slot(times[i])
		return storage.Op{Key: slot.Key(), Resource: slot, Entries: g.Rules.Extract(slot), Condition: storage.Condition{Absent: true}, Method: fhir.Created, Origin: origin}
	})
	if err != nil {
		return err
	}
	out.Created = len(times) - len(lost)
	for _, i := range lost {
		s, err := g.now(ctx, fhir.Key{Type: "Slot", ID: slotID(g.schedule.Key, times[i])})
		switch {
		case err != nil:
			return err
		case s.Span == times[i]:
			out.Kept++
		default:
			out.Left++
		}
	}
	return nil
}

// slot is the Slot for a time. Its id follows from Schedule and time, so that whoever makes it makes the same one.
func (g *generation) slot(at booking.Span) fhir.Resource {
	slot := fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: "Slot"},
		fhir.Member{Name: "id", Value: slotID(g.schedule.Key, at)},
		fhir.Member{Name: "extension", Value: fhir.Array{fhir.NewObject(fhir.Member{Name: "url", Value: booking.GeneratedURL}, fhir.Member{Name: "valueBoolean", Value: true})}},
	)
	for _, name := range []string{"serviceCategory", "serviceType", "specialty"} {
		if codes, has := g.resource.Root().Get(name); has {
			slot.Set(name, fhir.Clone(codes))
		}
	}
	slot.Set("schedule", fhir.NewObject(fhir.Member{Name: "reference", Value: g.schedule.Key.String()}))
	slot.Set("status", "free")
	slot.Set("start", at.Start.Time().Format(time.RFC3339Nano))
	slot.Set("end", at.End.Time().Format(time.RFC3339Nano))
	return fhir.NewResource(slot)
}

// slotID is the id of the slot that is made for a time: 22 characters of [0-9A-Za-z].
func slotID(schedule fhir.Key, at booking.Span) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", schedule.ID, at.Start, at.End))
	return fmt.Sprintf("%022s", new(big.Int).SetBytes(sum[:16]).Text(62))
}

// write carries out n operations, each on its own condition, and returns those whose condition did not hold. An error ends it, and what was written stays.
func (g *generation) write(ctx context.Context, n int, op func(int) storage.Op) (lost []int, err error) {
	size, writers := slotsAtOnce, 1
	if !g.Store.Transactions() {
		size, writers = 1, slotWriters
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var mu sync.Mutex
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for ctx.Err() == nil {
				end := int(next.Add(int64(size)))
				if end-size >= n {
					return
				}
				missed, err := g.writeSome(ctx, end-size, min(end, n), op)
				mu.Lock()
				lost = append(lost, missed...)
				mu.Unlock()
				if err != nil {
					stop(err)
				}
			}
		})
	}
	all.Wait()
	return lost, context.Cause(ctx)
}

// writeSome carries out the operations from one to another, as one if they all may be, else in halves.
func (g *generation) writeSome(ctx context.Context, from, to int, op func(int) storage.Op) (lost []int, err error) {
	ops := make([]storage.Op, to-from)
	for i := range ops {
		ops[i] = op(from + i)
	}
	if g.Store.Transactions() {
		ops = append(ops, storage.Op{Key: g.schedule.Key, Condition: storage.Condition{Version: g.schedule.Number}, Guard: true})
	}
	_, err = g.Store.Commit(ctx, g.who.Partition, ops)
	var refused *storage.OpError
	switch {
	case !errors.Is(err, fhir.PreconditionFailed) && !errors.Is(err, fhir.Conflict):
		return nil, err
	case errors.As(err, &refused) && refused.Index == to-from:
		return nil, fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s was changed while its slots were made. Some of them are made; do it again for the rest.", g.schedule.Key)
	case to-from == 1:
		return []int{from}, nil
	}
	middle := from + (to-from)/2
	lost, err = g.writeSome(ctx, from, middle, op)
	if err != nil {
		return lost, err
	}
	more, err := g.writeSome(ctx, middle, to, op)
	return slices.Concat(lost, more), err
}
