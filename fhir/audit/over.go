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
// among it. A search that would have to look at AuditEvents for the sake of another resource, or the reverse, is Invalid.
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

// Search is storage.Store's.
func (o *over) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	if err := linked(q); err != nil {
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
	if err := linked(q); err != nil {
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
	b, _, err := t.get(ctx, p, block)
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

// linked refuses searches that lead from AuditEvents to other resources, or from those to AuditEvents: what is in the record has no index entries.
func linked(q search.Query) error {
	if leads(q.Type, q.All) {
		return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "Chained parameters and _has are not supported with AuditEvent, neither from it nor to it. "+
			"Search in two steps, by the ids that the first one finds: AuditEvent?patient=Patient/1.")
	}
	return nil
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
