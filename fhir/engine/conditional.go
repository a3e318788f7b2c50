package engine

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// aims bounds how often a conditional write is aimed anew because another write came between. Each time another one was
// carried out, so that at least this many that come at once all succeed.
const aims = 20

// CriteriaError is a fault of the criteria that select the resource to write, not of the resource that is written: the
// places of its issues are names of search parameters.
type CriteriaError struct{ Err error }

// Error is the text of the fault.
func (e *CriteriaError) Error() string { return e.Err.Error() }

// Unwrap gives errors.Is and errors.As the fault itself.
func (e *CriteriaError) Unwrap() error { return e.Err }

// CreateIfNone stores a new resource, as Create does, unless one matches the criteria, a query as it stands in a URL: then
// that one is returned, neither created nor changed (https://hl7.org/fhir/R4/http.html#ccreate). This is decided inside the write: of
// equal requests that come at once, one creates. Its errors are those of Create; a CriteriaError; PreconditionFailed
// where several match.
func (e *Engine) CreateIfNone(ctx context.Context, p fhir.Principal, r fhir.Resource, query string) (Outcome, error) {
	if err := e.writes(r.Type()); err != nil {
		return Outcome{}, err
	}
	criteria, err := e.criteria(r.Type(), query)
	if err != nil {
		return Outcome{}, err
	}
	r.SetID(e.NewID(e.Now()))
	op, err := e.prepare(r)
	if err != nil {
		return Outcome{}, err
	}
	op.Condition, op.Method = storage.Condition{Absent: true, NoMatch: &criteria}, fhir.Created
	var match fhir.Version
	o, err := e.aimed(ctx, p, func() (_ *storage.Op, err error) {
		if match, err = e.only(ctx, p, criteria); err != nil || match.Number > 0 {
			return nil, err
		}
		return &op, nil
	})
	if err == nil && !o.Changed {
		o.Version = match
	}
	return o, err
}

// UpdateWhere updates the one resource of a type that matches the criteria, a query as it stands in a URL. Where none
// matches, it creates the resource: under its own id, or under one that the server gives when it has none
// (https://hl7.org/fhir/R4/http.html#cond-update). The update is bound to the version that matched, and "none" is decided inside the
// write. The resource is taken over. Its errors are those of Update; a CriteriaError; Invalid where the resource's id is not that
// of the match; PreconditionFailed where several match; Conflict where none matches but the id is taken, or when other
// writes came between again and again.
func (e *Engine) UpdateWhere(ctx context.Context, p fhir.Principal, resourceType, query string, r fhir.Resource, pre Precondition) (Outcome, error) {
	if err := e.writes(resourceType); err != nil {
		return Outcome{}, err
	}
	criteria, err := e.criteria(resourceType, query)
	if err != nil {
		return Outcome{}, err
	}
	if r.Type() != resourceType {
		return Outcome{}, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The URL is for %s, but the resource is of type %s.", resourceType, fhir.Quote(r.Type())).At("resourceType")
	}
	_, named := r.Root().Get("id")
	if !named {
		r.SetID(e.NewID(e.Now()))
	}
	op, err := e.prepare(r)
	if err != nil {
		return Outcome{}, err
	}
	u := conditionalUpdate{op: op, own: op.Key, named: named, criteria: criteria, pre: pre}
	return e.aimed(ctx, p, func() (*storage.Op, error) { return e.aimUpdate(ctx, p, u) })
}

// DeleteWhere deletes the one resource of a type that matches the criteria, a query as it stands in a URL, in the version that
// matched (https://hl7.org/fhir/R4/http.html#cdelete). Where none matches, that is no error and no change. Its errors are those
// of Delete; a CriteriaError; PreconditionFailed where several match; Conflict when other writes came between again and again.
func (e *Engine) DeleteWhere(ctx context.Context, p fhir.Principal, resourceType, query string, pre Precondition) (Outcome, error) {
	if err := e.writes(resourceType); err != nil {
		return Outcome{}, err
	}
	criteria, err := e.criteria(resourceType, query)
	if err != nil {
		return Outcome{}, err
	}
	return e.aimed(ctx, p, func() (*storage.Op, error) {
		match, err := e.only(ctx, p, criteria)
		switch {
		case err != nil:
			return nil, err
		case match.Number == 0:
			return nil, pre.holdsForNone(resourceType)
		}
		return &storage.Op{Key: match.Key, Condition: storage.Condition{Version: match.Number}}, pre.holds(match)
	})
}

// criteria reads the query that selects what to write.
func (e *Engine) criteria(resourceType, query string) (search.Query, error) {
	pairs, err := search.SplitQuery(query)
	if err != nil {
		return search.Query{}, &CriteriaError{err}
	}
	criteria, err := e.Rules.Criteria(resourceType, pairs, fhir.InstantOf(e.Now()))
	if err == nil {
		err = e.finished(criteria)
	}
	if err != nil {
		return search.Query{}, &CriteriaError{err}
	}
	return criteria, nil
}

// only returns the one current resource that satisfies a query; a Version without a number where there is none.
func (e *Engine) only(ctx context.Context, p fhir.Principal, q search.Query) (fhir.Version, error) {
	page, err := e.Store.Search(ctx, p.Partition, q, storage.PageRequest{Limit: 2})
	switch {
	case err != nil || len(page.Versions) == 0:
		return fhir.Version{}, err
	case len(page.Versions) > 1 || page.Next != nil: // large bodies may end a page early
		return fhir.Version{}, fhir.Errorf(fhir.PreconditionFailed, fhir.CodeMultipleMatches, "Several resources of type %s match the condition; one or none must.", q.Type)
	default:
		return page.Versions[0], nil
	}
}

// aimed carries out a write that is aimed at what is there now, and aims it anew when another write came between: a
// condition rests on what aim has read, never on the client's words alone. No operation means that there is nothing to do.
func (e *Engine) aimed(ctx context.Context, p fhir.Principal, aim func() (*storage.Op, error)) (Outcome, error) {
	for range aims {
		op, err := aim()
		if err != nil || op == nil {
			return Outcome{}, err
		}
		result, err := e.commit(ctx, p, *op)
		switch {
		case errors.Is(err, fhir.PreconditionFailed), errors.Is(err, fhir.Conflict):
		case err != nil:
			return Outcome{}, err
		case !result.Changed: // a match came to be after aim had found none, or was deleted
		default:
			return Outcome{Version: result.Version, Created: !result.Existed, Changed: true}, nil
		}
	}
	return Outcome{}, fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "What matches was changed by others each of the %d times that the write was tried. Nothing was written; try it again.", aims)
}

// conditionalUpdate is an update that was prepared but has no target yet.
type conditionalUpdate struct {
	op       storage.Op
	own      fhir.Key // what is created where nothing matches
	named    bool     // own was given by the client
	criteria search.Query
	pre      Precondition
}

// aimUpdate chooses what an update writes. That its own id is taken is looked up before what matches: a resource of this id
// that comes to be in between is found by one of the two, or by the write.
func (e *Engine) aimUpdate(ctx context.Context, p fhir.Principal, u conditionalUpdate) (*storage.Op, error) {
	taken, err := e.isTaken(ctx, p, u)
	if err != nil {
		return nil, err
	}
	match, err := e.only(ctx, p, u.criteria)
	switch {
	case err != nil:
		return nil, err
	case match.Number > 0 && u.named && match.Key != u.own:
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The resource that matches has the id %s, but the one in the body has the id %s. Leave the id out, or give that of the match.", fhir.Quote(match.Key.ID), fhir.Quote(u.own.ID)).At(u.own.Type + ".id")
	case match.Number > 0:
		u.op.Condition, u.op.Method = storage.Condition{Version: match.Number}, fhir.Updated
		u.target(match.Key)
		return &u.op, u.pre.holds(match)
	case taken:
		return nil, fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Nothing matches, so that the resource would be created, but its id is taken: %s exists and does not match. Leave the id out for a new one.", u.own).At(u.own.Type + ".id")
	}
	u.op.Condition = storage.Condition{Absent: true, NoMatch: &u.criteria}
	u.op.Method = fhir.Created
	if u.named { // an update as create
		u.op.Method = fhir.Updated
	}
	u.target(u.own)
	return &u.op, u.pre.holdsForNone(u.own.Type)
}

// target gives the update its key. Nothing else of what was prepared depends on the id.
func (u *conditionalUpdate) target(key fhir.Key) {
	u.op.Key = key
	u.op.Resource.SetID(key.ID)
}

// isTaken says whether there is a resource under the id that the client gave.
func (e *Engine) isTaken(ctx context.Context, p fhir.Principal, u conditionalUpdate) (bool, error) {
	if !u.named {
		return false, nil
	}
	current, err := e.Store.Read(ctx, p.Partition, u.own)
	if errors.Is(err, fhir.NotFound) {
		return false, nil
	}
	return err == nil && !current.IsDeleted(), err
}

// holdsForNone says what a precondition misses where nothing matches. Its error is PreconditionFailed.
func (pre Precondition) holdsForNone(resourceType string) error {
	if !pre.Exists && pre.Version == 0 {
		return nil
	}
	return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "No %s matches the condition, but the request demands that one does (If-Match).", resourceType)
}
