package rest

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-health/portico/fhir/engine"
)

// search of a type, of all types or of a compartment, by GET or by a form: https://hl7.org/fhir/R4/http.html#search.
func (s *server) search(x *exchange) error {
	query, err := x.query()
	if err != nil {
		return err
	}
	asked := x.asked(query)
	page, err := s.engineOf(asked.Type).Search(x.enter(), x.who, asked)
	if err != nil {
		return ofRequest(err)
	}
	x.applied("handling", x.prefer.handling)
	x.write(http.StatusOK, s.searchset(x, page, query))
	return nil
}

// asked is the search that a path and parameters ask for.
func (x *exchange) asked(query string) engine.SearchRequest {
	asked := engine.SearchRequest{Type: x.key.Type, Query: query, Strict: x.strict(), Face: x.version.Number}
	if x.place == onCompartment || x.place == onCompartmentSearch {
		asked.Compartment, asked.Type = x.key, strings.TrimSuffix(x.member, everyMember)
	}
	return asked
}

// searched is the path of a search by GET, below the base.
func (x *exchange) searched() string {
	switch x.place {
	case onBase, onSystemSearch:
		return ""
	case onCompartment, onCompartmentSearch:
		return "/" + x.key.String() + "/" + cmp.Or(x.member, everyMember)
	default:
		return "/" + x.key.Type
	}
}

// searchset is the Bundle of a page (https://hl7.org/fhir/R4/search.html#return). The links are those of a search by GET,
// also behind a form: a cursor carries the whole search.
func (s *server) searchset(x *exchange, page engine.SearchPage, query string) []byte {
	address := s.Promises.BaseURL + x.searched()
	self := address
	if page.Self != "" {
		self += "?" + page.Self
	}
	links := []link{{"self", self}}
	if page.Next != "" {
		params, _ := url.ParseQuery(query) // the engine has read it without fault
		links = append(links, link{"next", address + "?" + nextQuery(page.Next, params)})
	}
	total := -1
	if page.Counted {
		total = page.Total
	}
	b := newBundle("searchset", s.Promises.BaseURL, total, links, page.Versions, page.Included)
	for _, v := range page.Versions {
		b.found(v, modeMatch)
	}
	for _, v := range page.Included {
		b.found(v, modeInclude)
	}
	if len(page.Warnings) > 0 {
		b.outcome(outcome(parameterIssues(page.Warnings)))
	}
	return b.end()
}

// query returns the parameters of a search, percent-encoded: those of the URL, and behind them those of a form, which may
// say too how the answer is to be written.
func (x *exchange) query() (query string, err error) {
	query = x.request.URL.RawQuery
	if x.request.Method != http.MethodPost {
		return query, nil
	}
	if x.request.ContentLength != 0 {
		form, err := x.body(maxBody, isForm, "the parameters of a search as "+typeForm+", in UTF-8")
		if err != nil {
			return "", err
		}
		query = strings.Trim(query+"&"+strings.TrimSpace(string(form)), "&")
	}
	params, _ := url.ParseQuery(query) // what is wrong with it is for the engine to say
	x.form, err = negotiateFor(x.request, params, x.strict())
	return query, err
}

// isForm says whether a media type is that of a form.
func isForm(mediaType string) bool {
	name, readable := parseMediaType(mediaType)
	return readable && name == typeForm
}
