package audit

import (
	"context"
	"errors"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// over is a store with AuditEvents.
type over struct {
	storage.Store
	trail *Trail
}

// Over returns the store with AuditEvents: Read, ReadVersion, Search and Explain of that type are answered from the trail, what was recorded before the call
// among it. A search that has to look at AuditEvents for the sake of another resource, or the reverse, is Invalid.
func (t *Trail) Over(s storage.Store) storage.Store { return &over{s, t} }

// Read is storage.Store's.
func (o *over) Read(ctx context.Context, p fhir.Partition, key fhir.Key) (fhir.Version, error) {
	if key.Type != resourceType {
		return o.Store.Read(ctx, p, key)
	}
	if block, place, ok := placeOf(key.ID); ok {
		e, err := o.trail.event(ctx, p, block, place)
		if err != nil {
			return fhir.Version{}, err
		}
		if e != nil {
			return e.version(key.ID), nil
		}
	}
	return fhir.Version{}, fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no %s, or it is older than such are kept.", key)
}

// ReadVersion is storage.Store's. An AuditEvent has one version.
func (o *over) ReadVersion(ctx context.Context, p fhir.Partition, key fhir.Key, number int64) (fhir.Version, error) {
	if key.Type != resourceType {
		return o.Store.ReadVersion(ctx, p, key, number)
	}
	v, err := o.Read(ctx, p, key)
	if err == nil && number != v.Number {
		return fhir.Version{}, fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "%s has no version %d; the only one is %d.", key, number, v.Number)
	}
	return v, err
}

// History is storage.Store's. Who asks for the history of AuditEvents by name is refused, with Invalid.
func (o *over) History(ctx context.Context, p fhir.Partition, q storage.HistoryQuery) (storage.HistoryPage, error) {
	if q.Key.Type == resourceType || slices.Contains(q.Types, resourceType) {
		return storage.HistoryPage{}, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "AuditEvents never change, and have no history. Search them: AuditEvent?date=ge2026-01-31.")
	}
	return o.Store.History(ctx, p, q)
}

// Search is storage.Store's.
func (o *over) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	q, err := apart(q)
	if err != nil {
		return storage.SearchPage{}, err
	}
	if q.Type != resourceType {
		return o.Store.Search(ctx, p, q, page)
	}
	f, err := o.trail.finder(ctx, p, q, page)
	if err != nil {
		return storage.SearchPage{}, err
	}
	err = f.find()
	return f.found, err
}

// Explain is storage.Store's.
func (o *over) Explain(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.Plan, error) {
	q, err := apart(q)
	if err != nil {
		return storage.Plan{}, err
	}
	if q.Type != resourceType {
		return o.Store.Explain(ctx, p, q, page)
	}
	page.CountUpTo, page.Budget = 0, 10*page.Budget
	f, err := o.trail.finder(ctx, p, q, page)
	if err != nil {
		return storage.Plan{}, err
	}
	if err = f.find(); errors.Is(err, storage.ErrOverBudget) {
		err = nil
	}
	plan := storage.Plan{
		Index: "audit events by instant", Clause: -1, Ordered: f.streams(), Looked: f.meter.looked/inVain + len(f.found.Versions), Found: len(f.found.Versions),
	}
	for i := range q.All {
		plan.ByRow = append(plan.ByRow, i)
	}
	return plan, err
}

// event is the one in a place of a block; nil where there is none, or it is older than events are kept.
func (t *Trail) event(ctx context.Context, p fhir.Partition, block string, place int) (*Event, error) {
	b, err := t.get(ctx, p, block)
	if errors.Is(err, fhir.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if place >= len(b.events) || b.events[place].Instant <= t.forgotten() {
		return nil, nil
	}
	return &b.events[place], nil
}

// forgotten is the instant up to which events are no longer kept.
func (t *Trail) forgotten() fhir.Instant { return fhir.InstantOf(t.Now().Add(-t.Keep)) }

// apart is a query without the ways to AuditEvents where there are others: a chain that does not say the type of what a reference points at looks into all that are
// possible, and into the record of who did what only where that is named. What leads there alone, or from there, is Invalid: what is in the record has no
// index entries.
func apart(q search.Query) (search.Query, error) {
	all, ok := stay(q.Type, q.All)
	if !ok || q.Type == resourceType && leads(q.Type, q.All) {
		return q, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "Chained parameters and _has are not supported with AuditEvent, neither from it nor to it. "+
			"Search in two steps, by the ids that the first one finds: AuditEvent?patient=Patient/1.")
	}
	q.All = all
	return q, nil
}

// stay leaves out of clauses that resources of a type satisfy what goes along a reference to AuditEvents. It says whether of each clause that has such something is
// left that goes along a reference; to look into contained resources is part of every chain.
func stay(from string, all []search.Any) ([]search.Any, bool) {
	if !leads(from, all) {
		return all, true
	}
	kept := make([]search.Any, len(all))
	for i, ways := range all {
		left := !leads(from, []search.Any{ways})
		for _, t := range ways {
			if t, ok := stays(from, t); ok {
				kept[i] = append(kept[i], t)
				left = left || follows(t)
			}
		}
		if !left {
			return nil, false
		}
	}
	return kept, true
}

// follows says whether a test goes along a reference.
func follows(t search.Test) bool {
	switch t := t.(type) {
	case search.Refers, search.ReferredBy:
		return true
	case search.Not:
		return slices.ContainsFunc(t.Any, follows)
	case search.Every:
		return slices.ContainsFunc(t, func(ways search.Any) bool { return slices.ContainsFunc(ways, follows) })
	default:
		return false
	}
}

func stays(from string, t search.Test) (_ search.Test, ok bool) {
	switch t := t.(type) {
	case search.Not:
		all, ok := stay(from, []search.Any{t.Any})
		if !ok {
			return nil, false
		}
		return search.Not{Any: all[0]}, true
	case search.Every:
		all, ok := stay(from, t)
		return search.Every(all), ok
	case search.Refers:
		t.To.All, ok = stay(t.To.Type, t.To.All)
		return t, ok && from != resourceType && t.To.Type != resourceType
	case search.ReferredBy:
		t.From.All, ok = stay(t.From.Type, t.From.All)
		return t, ok && from != resourceType && t.From.Type != resourceType
	default:
		return t, true
	}
}

// leads says whether clauses that resources of a type satisfy go along a reference from or to AuditEvents.
func leads(from string, all []search.Any) bool {
	return slices.ContainsFunc(all, func(a search.Any) bool {
		return slices.ContainsFunc(a, func(t search.Test) bool {
			switch t := t.(type) {
			case search.Not:
				return leads(from, []search.Any{t.Any})
			case search.Every:
				return leads(from, t)
			case search.Refers:
				return from == resourceType || t.To.Type == resourceType || leads(t.To.Type, t.To.All)
			case search.ReferredBy:
				return from == resourceType || t.From.Type == resourceType || leads(t.From.Type, t.From.All)
			default:
				return false
			}
		})
	})
}
