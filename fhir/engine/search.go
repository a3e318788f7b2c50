package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// exactTotal is how many matches are counted where the client does not ask for more (_total=accurate).
const exactTotal = 1000

// SearchRequest asks for one page of the resources of a type (https://hl7.org/fhir/R4/search.html).
type SearchRequest struct {
	Type   string
	Query  string // the parameters as they came, percent-encoded: the URL's, and behind it a form's
	Strict bool   // refuse unknown parameters instead of ignoring them
	Face   string // what a cursor is bound to beside the partition: the HC-API-Version
}

// SearchPage is one page of matches.
type SearchPage struct {
	Versions []fhir.Version
	Total    int
	Counted  bool         // Total is exact
	Self     string       // the parameters that were understood, percent-encoded; the cursor on a later page
	Next     string       // the cursor of the next page; "" when there is none
	Warnings []fhir.Issue // parameters that were ignored
}

// searchCursor is what a cursor of a search carries: everything that the next page needs, so that its link shows
// nothing of the query.
type searchCursor struct {
	Query    string
	Strict   bool
	Now      fhir.Instant // of the first page: "approximately" must not move between pages
	Position []byte
}

// Search returns one page of matches. Its errors are NotFound for a type that is not served, Invalid for what
// the query says wrong, TooCostly, and Unavailable for a parameter whose index is being made anew.
func (e *Engine) Search(ctx context.Context, p fhir.Principal, req SearchRequest) (SearchPage, error) {
	if err := e.serves(req.Type); err != nil {
		return SearchPage{}, err
	}
	at := searchCursor{Query: req.Query, Strict: req.Strict, Now: fhir.InstantOf(e.Now())}
	purpose := "search/" + req.Type + "/" + req.Face
	pairs, err := search.SplitQuery(req.Query)
	if err != nil {
		return SearchPage{}, err
	}
	cursor, err := cursorOf(pairs)
	if err != nil {
		return SearchPage{}, err
	}
	if cursor != "" {
		if err := e.openCursor(ctx, p, purpose, cursor, &at); err != nil {
			return SearchPage{}, err
		}
		if pairs, err = search.SplitQuery(at.Query); err != nil {
			return SearchPage{}, err
		}
	}
	request, err := e.Rules.Parse(req.Type, pairs, search.Options{Strict: at.Strict, Now: at.Now})
	if err != nil {
		return SearchPage{}, err
	}
	found, err := e.find(ctx, p, request.Query, storage.PageRequest{
		Limit: request.Count, After: at.Position, CountUpTo: countUpTo(request),
	})
	if err != nil {
		return SearchPage{}, err
	}
	matches, err := Subset{request.Summary, request.Elements}.versions(ctx, found.Versions)
	if err != nil {
		return SearchPage{}, err
	}
	page := SearchPage{Versions: matches, Total: found.Total, Counted: found.Counted, Self: search.JoinQuery(request.Applied), Warnings: request.Ignored}
	if found.Next != nil {
		at.Query, at.Position = search.JoinQuery(request.Applied), found.Next
		page.Next, err = e.sealCursor(ctx, p, purpose, at)
	}
	if cursor != "" {
		page.Self = search.JoinQuery([]search.Pair{{Name: CursorParam, Value: cursor}})
	}
	return page, err
}

// find asks the store for a page of what satisfies a query, within the engine's budget.
func (e *Engine) find(ctx context.Context, p fhir.Principal, q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	if err := e.finished(q); err != nil {
		return storage.SearchPage{}, err
	}
	page.Budget = e.SearchBudget
	return e.Store.Search(ctx, p.Partition, q, page)
}

// cursorOf returns the cursor of a query that continues an earlier one, or "". A cursor brings the whole query with it, so
// that other parameters beside it would contradict or repeat it.
func cursorOf(pairs []search.Pair) (string, error) {
	cursor, cursors, others := "", 0, 0
	for _, p := range pairs {
		switch p.Name {
		case CursorParam:
			cursor = p.Value
			cursors++
		case "_format", "_pretty":
		default:
			others++
		}
	}
	if cursors > 1 || (cursors == 1 && (others > 0 || cursor == "")) {
		return "", fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "A cursor carries the whole search; no other parameter goes with it but _format and _pretty. Follow the link of the page before as it stands.").At(CursorParam)
	}
	return cursor, nil
}

// countUpTo says how far the matches of a search are counted: 0 not at all, negative to the end.
func countUpTo(r search.Request) int {
	switch {
	case r.Count == 0 || r.Total == search.TotalAccurate:
		return -1
	case r.Total == search.TotalNone:
		return 0
	default:
		return exactTotal
	}
}
