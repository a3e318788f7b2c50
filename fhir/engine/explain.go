package engine

import (
	"context"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Explanation says how a search is understood and carried out.
type Explanation struct {
	Request  search.Request // as it was understood
	Plan     storage.Plan   // of the first page
	Gathered int            // how many matches there may be, because no index has the order; 0 for any number
	Budget   int            // how much the page may look at in vain
	Refused  bool           // the search is refused, since it would look at more
}

// Explain says how a search is understood, which index serves it and what its first page costs. It carries the page out, and shows nothing of what it
// finds but numbers. Its errors are those of Search, but that the budget is passed, and Forbidden for whoever may not operate the server; Invalid for a
// cursor, which stands for a search that began elsewhere.
func (e *Engine) Explain(ctx context.Context, p fhir.Principal, req SearchRequest) (Explanation, error) {
	if err := operates(p); err != nil {
		return Explanation{}, err
	}
	if err := e.serves(req.Type); err != nil {
		return Explanation{}, err
	}
	pairs, err := search.SplitQuery(req.Query)
	if err != nil {
		return Explanation{}, err
	}
	if cursor, err := cursorOf(pairs); cursor != "" || err != nil {
		return Explanation{}, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "What is explained is a search from its beginning, without a cursor.").At(CursorParam)
	}
	request, err := e.Rules.Parse(req.Type, pairs, search.Options{Strict: req.Strict, Now: fhir.InstantOf(e.Now())})
	if err != nil {
		return Explanation{}, err
	}
	if err := e.finished(request.Query); err != nil {
		return Explanation{}, err
	}
	plan, err := e.Store.Explain(ctx, p.Partition, request.Query, storage.PageRequest{Limit: request.Count, Budget: e.SearchBudget})
	out := Explanation{Request: request, Plan: plan, Budget: e.SearchBudget, Refused: plan.Looked-plan.Found > e.SearchBudget}
	if slices.ContainsFunc(request.Query.Sort, func(k search.SortKey) bool { return !k.Streams() }) {
		out.Gathered = MaxGathered
	}
	return out, err
}

// operates refuses whoever may not operate the server: how it answers tells of data that one may not see.
func operates(p fhir.Principal) error {
	if p.Admin {
		return nil
	}
	return fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden, "This is for the operator of the server.")
}
