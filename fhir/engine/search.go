package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// exactTotal is how many matches are counted where the client does not ask for more (_total=accurate).
const exactTotal = 1000

// SearchRequest asks for one page of a search (https://hl7.org/fhir/R4/search.html).
type SearchRequest struct {
	Type string // what is searched; "" for all types

	// Compartment is the resource whose compartment is searched alone (https://hl7.org/fhir/R4/http.html#vsearch), zero for none. It need not be
	// there: what refers to it may be here before it, or without it.
	Compartment fhir.Key

	Query  string // the parameters as they came, percent-encoded: the URL's, and behind it a form's
	Strict bool   // refuse unknown parameters instead of ignoring them
	Face   string // what a cursor is bound to beside the partition: the HC-API-Version
}

// SearchPage is one page of matches.
type SearchPage struct {
	Versions []fhir.Version
	Included []fhir.Version // what comes with them, none of which is a match of this page
	Total    int            // matches on all pages, as they were counted for the first one
	Counted  bool           // Total is exact
	Self     string         // the parameters that were understood, percent-encoded; the cursor on a later page
	Next     string         // the cursor of the next page; "" when there is none
	Warnings []fhir.Issue   // parameters that were ignored, and types that are left out since the client may not see them
}

// searchCursor is what a cursor of a search carries: everything that the next page needs, so that its link shows
// nothing of the query.
type searchCursor struct {
	Query    string
	Strict   bool
	Now      fhir.Instant // of the first page: "approximately" must not move between pages
	Position []byte       // where the page before ended, of a search of one type
	Last     fhir.Instant `json:",omitzero"` // of the last match on the page before, of a search of several types
	Total    int          `json:",omitzero"` // of the first page: counting for each would cost what finding does
	Counted  bool         `json:",omitzero"`
}

// continues says whether the page is a later one.
func (c searchCursor) continues() bool { return c.Position != nil || c.Last != 0 }

// searchPage returns one page of matches, and what comes with them. It notes for the record what it understood, and whose data are shown.
func (e *Engine) searchPage(ctx context.Context, p fhir.Principal, req SearchRequest, event *audit.Event) (SearchPage, error) {
	err := e.searches(req)
	if err == nil && req.Type != "" {
		err = e.may(p, req.Type, fhir.MaySearch)
	}
	if err != nil {
		return SearchPage{}, err
	}
	at := searchCursor{Query: req.Query, Strict: req.Strict, Now: fhir.InstantOf(e.Now())}
	cursor, pairs, err := e.continued(ctx, p, req, &at)
	if err != nil {
		return SearchPage{}, err
	}
	if cursor == "" {
		if pairs, err = e.narrowed(p, req, pairs); err != nil {
			return SearchPage{}, err
		}
	}
	requests, err := e.understood(req, pairs, at, event)
	if err == nil {
		err = e.mayFind(p, requests)
	}
	if err != nil {
		return SearchPage{}, err
	}
	page, more, err := e.page(ctx, p, requests, &at, event)
	if err != nil {
		return SearchPage{}, err
	}
	applied := search.JoinQuery(requests[0].Applied)
	page.Self, page.Warnings = applied, slices.Concat(requests[0].Ignored, page.Warnings)
	if cursor != "" {
		page.Self = search.JoinQuery([]search.Pair{{Name: CursorParam, Value: cursor}})
	}
	if more {
		at.Query = applied
		page.Next, err = e.sealCursor(ctx, p, req.purpose(), at)
	}
	return page, err
}

// searches refuses types that are not served, or not in the compartment.
func (e *Engine) searches(req SearchRequest) error {
	if req.Type != "" {
		if err := e.serves(req.Type); err != nil {
			return err
		}
	}
	compartment := req.Compartment.Type
	if compartment == "" {
		return nil
	}
	if err := e.serves(compartment); err != nil {
		return err
	}
	if req.Type != "" && !e.Rules.InCompartment(compartment, req.Type) {
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "By R4's definition no %s is in the compartment of %s. Search %s by its own parameters.", req.Type, req.Compartment, req.Type)
	}
	return nil
}

// purpose is what a cursor is bound to beside the partition.
func (r SearchRequest) purpose() string {
	return strings.Join([]string{"search", r.Compartment.Type, r.Compartment.ID, r.Type, r.Face}, "/")
}

// continued reads the parameters of a search. Where they are a cursor, it returns that, sets what it carries, and reads the parameters of the first
// page.
func (e *Engine) continued(ctx context.Context, p fhir.Principal, req SearchRequest, at *searchCursor) (cursor string, pairs []search.Pair, err error) {
	if pairs, err = search.SplitQuery(req.Query); err != nil {
		return "", nil, err
	}
	if cursor, err = cursorOf(pairs); err != nil || cursor == "" {
		return "", pairs, err
	}
	if err = e.openCursor(ctx, p, req.purpose(), cursor, at); err != nil {
		return "", nil, err
	}
	pairs, err = search.SplitQuery(at.Query)
	return cursor, pairs, err
}

// understood reads a search: one request of each type, at least one. It notes it for the record.
func (e *Engine) understood(req SearchRequest, pairs []search.Pair, at searchCursor, event *audit.Event) (requests []search.Request, err error) {
	options := search.Options{Strict: at.Strict, Now: at.Now, Compartment: req.Compartment}
	if req.Type == "" {
		requests, err = e.Rules.ParseSystem(pairs, options)
	} else {
		requests = make([]search.Request, 1)
		requests[0], err = e.Rules.Parse(req.Type, pairs, options)
	}
	if err == nil {
		e.noteQuery(event, req, requests[0].Applied)
	}
	return requests, err
}

// page finds the matches of a page and what comes with them, sets where the next page begins, and says whether there is one.
func (e *Engine) page(ctx context.Context, p fhir.Principal, requests []search.Request, at *searchCursor, event *audit.Event) (page SearchPage, more bool, err error) {
	continued, f := at.continues(), e.finder(ctx, p)
	if len(requests) == 1 {
		page, more, err = f.ofType(requests[0], at)
	} else {
		page, more, err = f.ofTypes(requests, at)
	}
	if err != nil {
		return page, more, err
	}
	if continued {
		page.Total, page.Counted = at.Total, at.Counted
	} else {
		at.Total, at.Counted = page.Total, page.Counted
	}
	if page.Included, page.Warnings, err = f.include(requests[0].Includes, page.Versions); err != nil {
		return page, more, err
	}
	e.notePatients(event, page.Versions, page.Included)
	// _elements names elements of what is searched: what comes with it has others.
	part, partIncluded := Subset{requests[0].Summary, requests[0].Elements}, Subset{Summary: requests[0].Summary}
	if page.Versions, err = part.versions(ctx, page.Versions); err != nil {
		return page, more, err
	}
	page.Included, err = partIncluded.versions(ctx, page.Included)
	return page, more, err
}

// ofType finds the matches of a search of one type.
func (f *finder) ofType(r search.Request, at *searchCursor) (page SearchPage, more bool, err error) {
	found, err := f.find(r.Query, storage.PageRequest{Limit: r.Count, After: at.Position, CountUpTo: at.countUpTo(r)})
	at.Position = found.Next
	return SearchPage{Versions: found.Versions, Total: found.Total, Counted: found.Counted}, found.Next != nil, err
}

// cursorOf returns the cursor of a query that continues an earlier one, or "". A cursor brings the whole query with it, so
// that other parameters beside it would contradict or repeat it.
func cursorOf(pairs []search.Pair) (string, error) {
	cursor, cursors, others := "", 0, 0
	for _, p := range pairs {
		switch {
		case p.Value == "": // "Empty parameters are not an error - they are just ignored" (https://hl7.org/fhir/R4/search.html#errors)
		case p.Name == CursorParam:
			cursor = p.Value
			cursors++
		case p.Name == "_format" || p.Name == "_pretty":
		default:
			others++
		}
	}
	if cursors > 1 || cursors == 1 && others > 0 {
		return "", fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "A cursor carries the whole search; no other parameter goes with it but _format and _pretty. Follow the link of the page before as it stands.").At(CursorParam)
	}
	return cursor, nil
}

// countUpTo says how far the matches of a search are counted for a page: 0 not at all, negative to the end.
func (c searchCursor) countUpTo(r search.Request) int {
	switch {
	case c.continues():
		return 0
	case r.Count == 0 || r.Total == search.TotalAccurate:
		return -1
	case r.Total == search.TotalNone:
		return 0
	default:
		return exactTotal
	}
}
