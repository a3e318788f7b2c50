package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Explanation says how a search is understood and carried out.
type Explanation struct {
	Requests []search.Request // as it was understood: one of each type that is searched
	Plans    []storage.Plan   // of the first page of each of them, as if it were searched alone: together they share the budget
	Budget   int              // how much a page may look at in vain
}

// Refused says whether the search of a type is refused, since it would look at more than the budget.
func (e Explanation) Refused(i int) bool { return e.Plans[i].Looked-e.Plans[i].Found > e.Budget }

// explain carries out the first page of a search, and shows nothing of what it finds but numbers. It notes for the record what it understood.
func (e *Engine) explain(ctx context.Context, p fhir.Principal, req SearchRequest, event *audit.Event) (Explanation, error) {
	if err := operates(p); err != nil {
		return Explanation{}, err
	}
	if err := e.searches(req); err != nil {
		return Explanation{}, err
	}
	pairs, err := search.SplitQuery(req.Query)
	if err != nil {
		return Explanation{}, err
	}
	if cursor, err := cursorOf(pairs); cursor != "" || err != nil {
		return Explanation{}, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "What is explained is a search from its beginning, without a cursor.").At(CursorParam)
	}
	out := Explanation{Budget: e.SearchBudget}
	if out.Requests, err = e.understood(req, pairs, searchCursor{Strict: req.Strict, Now: fhir.InstantOf(e.Now())}, event); err != nil {
		return Explanation{}, err
	}
	for _, r := range out.Requests {
		if err := e.finished(r.Query); err != nil {
			return Explanation{}, err
		}
		plan, err := e.Store.Explain(ctx, p.Partition, r.Query, storage.PageRequest{Limit: r.Count, Budget: e.SearchBudget})
		if err != nil {
			return Explanation{}, err
		}
		out.Plans = append(out.Plans, plan)
	}
	return out, nil
}

// operates refuses whoever may not operate the server: how it answers tells of data that one may not see.
func operates(p fhir.Principal) error {
	if p.Admin {
		return nil
	}
	return fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden, "This is for the operator of the server.")
}
