package engine

import (
	"context"
	"net/url"
	"strings"

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
// the query says wrong, and TooCostly.
func (e *Engine) Search(ctx context.Context, p fhir.Principal, req SearchRequest) (SearchPage, error) {
	if err := e.serves(req.Type); err != nil {
		return SearchPage{}, err
	}
	at := searchCursor{Query: req.Query, Strict: req.Strict, Now: fhir.InstantOf(e.Now())}
	purpose := "search/" + req.Type + "/" + req.Face
	cursor, err := cursorOf(req.Query)
	if err == nil && cursor != "" {
		err = e.openCursor(p, purpose, cursor, &at)
	}
	if err != nil {
		return SearchPage{}, err
	}
	request, err := e.Rules.Parse(req.Type, at.Query, search.Options{Strict: at.Strict, Now: at.Now})
	if err != nil {
		return SearchPage{}, err
	}
	found, err := e.Store.Search(ctx, p.Partition, request.Query, storage.PageRequest{
		Limit: request.Count, After: at.Position, CountUpTo: countUpTo(request),
	})
	if err != nil {
		return SearchPage{}, err
	}
	page := SearchPage{Versions: found.Versions, Total: found.Total, Counted: found.Counted, Self: request.Applied, Warnings: request.Warnings}
	if found.Next != nil {
		at.Query, at.Position = request.Applied, found.Next
		page.Next, err = e.sealCursor(p, purpose, at)
	}
	if cursor != "" {
		page.Self = CursorParam + "=" + url.QueryEscape(cursor)
	}
	return page, err
}

// cursorOf returns the cursor of a query that continues an earlier one, or "". A cursor brings the whole query with it, so
// that other parameters beside it would contradict or repeat it.
func cursorOf(query string) (string, error) {
	if !strings.Contains(query, CursorParam+"=") {
		return "", nil
	}
	values, err := url.ParseQuery(query)
	if err != nil || !values.Has(CursorParam) {
		return "", nil // no cursor; what is wrong with the query is for its parser to say
	}
	values.Del("_format")
	values.Del("_pretty")
	if len(values) > 1 || len(values[CursorParam]) > 1 {
		return "", fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "A cursor carries the whole search; no other parameter goes with it but _format and _pretty. Follow the link of the page before as it stands.").At(CursorParam)
	}
	return values.Get(CursorParam), nil
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
