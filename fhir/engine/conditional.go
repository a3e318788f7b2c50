package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// CriteriaError is a fault of the criteria that select the resource to write, not of the resource that is written: the
// places of its issues are names of search parameters.
type CriteriaError struct{ Err error }

// Error is the text of the fault.
func (e *CriteriaError) Error() string { return e.Err.Error() }

// Unwrap gives errors.Is and errors.As the fault itself.
func (e *CriteriaError) Unwrap() error { return e.Err }

// criteria reads the query that selects what to write, of a client that may search for it.
func (e *Engine) criteria(p fhir.Principal, resourceType, query string) (search.Query, error) {
	if err := e.may(p, resourceType, fhir.MaySearch); err != nil {
		return search.Query{}, &CriteriaError{err}
	}
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

// keys are resources that a search passes over.
type keys map[fhir.Key]bool

// matches returns the current resources that satisfy a query and are not passed over, two at most: nobody needs to know of more.
func (e *Engine) matches(ctx context.Context, p fhir.Principal, q search.Query, without keys) ([]fhir.Version, error) {
	const most, pageOfPassed = 2, 100
	var found []fhir.Version
	f := e.finder(ctx, p)
	request := storage.PageRequest{Limit: most}
	for {
		page, err := f.find(q, request)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			if !without[v.Key] {
				found = append(found, v)
			}
		}
		if len(found) >= most || page.Next == nil {
			return found[:min(len(found), most)], nil
		}
		request = storage.PageRequest{Limit: pageOfPassed, After: page.Next}
	}
}

// only returns the one current resource that satisfies a query and is not passed over; a Version without a number where there is none.
func (e *Engine) only(ctx context.Context, p fhir.Principal, q search.Query, without keys) (fhir.Version, error) {
	found, err := e.matches(ctx, p, q, without)
	switch {
	case err != nil || len(found) == 0:
		return fhir.Version{}, err
	case len(found) > 1:
		return fhir.Version{}, fhir.Errorf(fhir.PreconditionFailed, fhir.CodeMultipleMatches, "Several resources of type %s match the condition; one or none must.", q.Type)
	default:
		return found[0], nil
	}
}
