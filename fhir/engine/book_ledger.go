package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// ledger is what the bookings of a transaction look at, as it is and as the transaction leaves it.
type ledger struct {
	*transaction
	ctx     context.Context
	base    string
	now     fhir.Instant
	writers map[fhir.Key]*draft
	plans   map[*draft]*plan
	entries map[fhir.Key]*entry
	seen    map[fhir.Key]bool     // what decisions rest on beside what is written
	unseen  []search.Query        // nothing that satisfies one of these may come in between
	beside  map[string][]fhir.Key // Schedules, by the actors that they were asked for, and whether all
	passed  []fhir.Key            // slots that overlap with booked ones, and were left to another appointment that overlaps with them
}

// entry is a resource in the ledger.
type entry struct {
	key     fhir.Key
	version fhir.Version  // of the store; without a number where there never was one
	before  fhir.Resource // of that version; zero where there is none, or it was not read
	now     fhir.Resource // as the transaction leaves it; zero where it leaves none
	draft   *draft        // the change that writes it; nil where none does

	taker   *draft // the change of an Appointment that takes the slot
	anew    bool   // the taker did not hold it before
	written bool   // now is not what the store has, nor what the draft brought
}

// maxUnseen bounds how many queries a transaction rests on of which nothing more may satisfy one: each may be searched while all other writes wait.
const maxUnseen = 3000

func newLedger(ctx context.Context, t *transaction) *ledger {
	l := &ledger{
		transaction: t, ctx: ctx, base: t.Rules.BaseURL(), now: fhir.InstantOf(t.Now()), seen: map[fhir.Key]bool{},
		writers: make(map[fhir.Key]*draft, len(t.drafts)), plans: map[*draft]*plan{}, entries: map[fhir.Key]*entry{}, beside: map[string][]fhir.Key{},
	}
	for _, d := range t.drafts {
		if !d.idle && d.target.ID != "" {
			l.writers[d.target] = d
		}
	}
	return l
}

// at is the entry of a resource.
func (l *ledger) at(key fhir.Key) (*entry, error) {
	if x := l.entries[key]; x != nil {
		return x, nil
	}
	var found fhir.Version
	var err error
	if d := l.writers[key]; d != nil {
		found = d.found
	} else if l.serves(key.Type) == nil {
		found, _, err = l.current(l.ctx, l.who, key)
	}
	if err != nil {
		return nil, err
	}
	return l.enter(key, found)
}

// enter makes the entry of a resource of which the store has a version.
func (l *ledger) enter(key fhir.Key, found fhir.Version) (*entry, error) {
	x := &entry{key: key, version: found, draft: l.writers[key]}
	if found.Number > 0 && !found.IsDeleted() {
		var err error
		if x.before, err = stored(found); err != nil {
			return nil, err
		}
	}
	switch {
	case x.draft == nil:
		x.now = x.before
	case x.draft.writesResource():
		x.now = x.draft.resource
	}
	l.entries[key] = x
	return x, nil
}

// forget has entries read again that no change of the transaction writes.
func (l *ledger) forget(keys ...fhir.Key) {
	for _, key := range keys {
		delete(l.entries, key)
	}
}

// write sets what the transaction leaves of a resource.
func (x *entry) write(now fhir.Resource) { x.now, x.written = now, true }

// find looks up what satisfies a query, as the changes of the transaction leave it.
func (l *ledger) find(q search.Query) ([]*entry, error) {
	found, _, err := l.lookUp(q)
	return found, err
}

// lookUp is find, and tells what of the store satisfies the query before the transaction.
func (l *ledger) lookUp(q search.Query) (found []*entry, before search.Any, err error) {
	f := l.finder(l.ctx, l.who)
	for request := (storage.PageRequest{Limit: 100}); ; {
		page, err := f.find(q, request)
		if err != nil {
			return nil, nil, err
		}
		for _, v := range page.Versions {
			before = append(before, search.Equal{Param: search.ID, Value: v.Key.ID})
			x := l.entries[v.Key]
			if x == nil && l.writers[v.Key] == nil {
				if x, err = l.enter(v.Key, v); err != nil {
					return nil, nil, err
				}
			}
			if x != nil && x.draft == nil {
				found = append(found, x)
			}
		}
		if page.Next == nil {
			break
		}
		request.After = page.Next
	}
	for d := range l.written.that(q) {
		x, err := l.at(d.target)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, x)
	}
	return found, before, nil
}

// findAll is find, of which nothing more may be found when the transaction is written, and nothing that has changed. What the transaction writes itself is known,
// and written behind the guards.
func (l *ledger) findAll(q search.Query) ([]*entry, error) {
	found, before, err := l.lookUp(q)
	if err != nil {
		return nil, err
	}
	for _, x := range found {
		l.seen[x.key] = true
	}
	if len(before) > 0 {
		q.All = append(slices.Clip(q.All), search.Any{search.Not{Any: before}})
	}
	l.unseen = append(l.unseen, q)
	return found, nil
}

// finding is find, or findAll where it must be all that there is, or the transaction brings slots, Schedules or roles of its own: what two such transactions bring at once neither of them sees,
// and no version of anything keeps them apart.
func (l *ledger) finding(all bool) func(search.Query) ([]*entry, error) {
	if all {
		return l.findAll
	}
	for key := range l.writers {
		if key.Type == "Slot" || key.Type == "Schedule" || key.Type == "PractitionerRole" {
			return l.findAll
		}
	}
	return l.find
}

// setDrafts gives the changes of the transaction what bookings make of their resources.
func (l *ledger) setDrafts() {
	for _, x := range l.entries {
		if d := x.draft; d != nil && x.written {
			d.booked, d.bookedEntries = x.now, l.Rules.Extract(x.now)
		}
	}
}

// consequences are what is written beside the changes, in the order of their keys.
func (l *ledger) consequences() []*entry {
	if l == nil {
		return nil
	}
	var all []*entry
	for _, key := range slices.SortedFunc(maps.Keys(l.entries), func(a, b fhir.Key) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID)) }) {
		if x := l.entries[key]; x.draft == nil && x.written {
			all = append(all, x)
		}
	}
	return all
}

// op is what the store is to do about an entry: it is written by the client of the transaction, on the version that was read.
func (l *ledger) op(x *entry) storage.Op {
	op := storage.Op{Key: x.key, Resource: x.now, Entries: l.Rules.Extract(x.now), Condition: storage.Condition{Version: x.version.Number}, Origin: audit.OriginOf(l.who, audit.Update)}
	if x.before.IsZero() {
		op.Condition, op.Origin = storage.Condition{Absent: true, Next: x.version.Number + 1}, audit.OriginOf(l.who, audit.Create)
	}
	return op
}

// undertaking is the change of an Appointment with what it brings with it, where the store has no transactions.
func (l *ledger) undertaking(main storage.Op, consequences []*entry) undertaking {
	u := undertaking{main: main, passed: l.passed}
	for _, x := range consequences {
		if x.anew {
			u.claims = append(u.claims, l.op(x))
		} else {
			u.rest = append(u.rest, l.op(x))
		}
	}
	return u
}

// guards hold what bookings rest on beside what is written.
func (l *ledger) guards(held keys) []storage.Op {
	if l == nil {
		return nil
	}
	var guards []storage.Op
	for i := range l.unseen {
		guards = append(guards, storage.Op{Condition: storage.Condition{NoMatch: &l.unseen[i]}, Guard: true})
	}
	for key := range l.seen {
		if x := l.entries[key]; !held[key] && x != nil && !x.before.IsZero() {
			held[key] = true
			guards = append(guards, storage.Op{Key: key, Condition: storage.Condition{Version: x.version.Number}, Guard: true})
		}
	}
	return guards
}
