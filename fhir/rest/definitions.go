package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
)

// definitions are the resources of a type that the server defines itself. There are few, they are the same for everybody, and they change with the
// program alone: none of them is in the store.
type definitions struct {
	*server
	all []fhir.Resource
}

// addDefinitions makes the routes of a type whose resources are definitions of the server's own.
func (s *server) addDefinitions(t conformance.Type) {
	d := definitions{s, t.Definitions}
	s.add(target{place: onInstance, resourceType: t.Name}, http.MethodGet, action{answer: d.read})
	s.add(target{place: onType, resourceType: t.Name}, http.MethodGet, action{answer: d.search})
	s.add(target{place: onSearch, resourceType: t.Name}, http.MethodPost, action{answer: d.search})
}

// read: https://hl7.org/fhir/R4/http.html#read.
func (d definitions) read(x *exchange) error {
	i := slices.IndexFunc(d.all, func(r fhir.Resource) bool { return r.ID() == x.key.ID })
	if i < 0 {
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no %s among this server's own definitions, which are all that it has of the type.", x.key)
	}
	doc := newDocument(fhir.AppendJSON(nil, d.all[i].Root()))
	x.header().Set("ETag", doc.etag())
	if doc.isKnownBy(x.request) {
		x.writeEmpty(http.StatusNotModified)
		return nil
	}
	x.write(http.StatusOK, doc.text)
	return nil
}

// search by _id and url: https://hl7.org/fhir/R4/http.html#search.
func (d definitions) search(x *exchange) error {
	query, err := x.query()
	if err != nil {
		return err
	}
	pairs, err := search.SplitQuery(query)
	if err != nil {
		return ofRequest(err)
	}
	page, err := d.find(x, pairs)
	if err != nil {
		return err
	}
	x.applied("handling", x.prefer.handling)
	x.write(http.StatusOK, d.searchset(x, page, query))
	return nil
}

// find finds the definitions that satisfy all parameters.
func (d definitions) find(x *exchange, pairs []search.Pair) (engine.SearchPage, error) {
	page := engine.SearchPage{Counted: true}
	faults := &fhir.Error{Kind: fhir.Invalid}
	found := slices.Clone(d.all)
	var applied []search.Pair
	for _, p := range pairs {
		switch {
		case p.Value == "" || p.Name == "_format" || p.Name == "_pretty":
		case p.Name == "_id" || p.Name == "url":
			member, values := strings.TrimPrefix(p.Name, "_"), strings.Split(p.Value, ",")
			found = slices.DeleteFunc(found, func(r fhir.Resource) bool { return !slices.Contains(values, r.Root().Text(member)) })
			applied = append(applied, p)
		default:
			issue := fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "This server's own definitions are searched by _id and url, not by %s.", fhir.Quote(p.Name)).At(p.Name).Issues[0]
			faults.Issues = append(faults.Issues, issue)
			issue.Severity, issue.Detail = fhir.Warning, "This was ignored. "+issue.Detail
			page.Warnings = append(page.Warnings, issue)
		}
	}
	if len(faults.Issues) > 0 && x.strict() {
		return page, ofRequest(faults)
	}
	for _, r := range found {
		page.Versions = append(page.Versions, fhir.Version{Key: r.Key(), Body: fhir.AppendJSON(nil, r.Root())})
	}
	page.Total, page.Self = len(found), search.JoinQuery(applied)
	return page, nil
}
