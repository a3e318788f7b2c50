package search

import (
	"github.com/portico-health/portico/fhir"
)

// Rules are the search parameters of the served types, compiled: they say how entries are extracted and what a search means.
// They never change and may be used by many goroutines at once.
type Rules struct {
	base        string
	types       map[string]*typeRules
	fingerprint string
}

// Param is a search parameter that is promised for a type.
type Param struct {
	Name       string   // "birthdate"
	Type       string   // token, string, reference or date
	Definition string   // canonical URL of the SearchParameter
	Modifiers  []string // without the colon, of https://hl7.org/fhir/R4/valueset-search-modifier-code.html: "missing", "exact"
	Targets    []string // resource types that a reference may point at; nil means any
	Sortable   bool     // _sort takes it
}

// Options say how a search is to be read.
type Options struct {
	// Strict refuses unknown parameters and unknown names in _sort. Otherwise they are ignored and told in Request.Ignored.
	Strict bool

	Now fhir.Instant // for the prefix ap, whose tolerance depends on the distance to now
}

// Total says how much work the client wants put into Bundle.total (https://hl7.org/fhir/R4/search.html#total).
type Total string

// The modes of _total; "" when it was not given.
const (
	TotalNone     Total = "none"
	TotalEstimate Total = "estimate"
	TotalAccurate Total = "accurate"
)

// Limits of a search.
const (
	DefaultCount = 50   // rows of a page when _count is not given
	MaxCount     = 1000 // what a greater _count is cut to
	MaxClauses   = 64   // parameters that select
	MaxValues    = 256  // values of all of them
)

// Request is a search as it was understood.
type Request struct {
	Query Query

	Count      int   // rows of a page, 0 to MaxCount; 0 asks for the total alone (also _summary=count)
	CountGiven bool  // by _count or _summary=count; else Count is DefaultCount
	Total      Total // as asked

	// Applied are the parameters that were understood, in their order, for the self link: _count as it is served,
	// _sort without the names that were ignored.
	Applied []Pair

	Ignored []fhir.Issue // a warning for everything that was ignored; always empty when Strict
}

// NewRules compiles the parameters of the types that are served: those of R4's core that are of type token, string, reference
// or date. References below baseURL ("https://example.org/fhir") are the same as relative ones. A type that R4 does not have is Invalid.
func NewRules(types []string, baseURL string) (*Rules, error) {
	return nil, fhir.Errorf(fhir.Internal, fhir.CodeException, "Search is being built.")
}

// Params lists what is promised for a type, sorted by name; nil for a type that is not served. The caller owns the slice.
func (r *Rules) Params(typ string) []Param { return nil }

// SortKeys are the parameters that _sort takes, as they are (ascending) and behind a minus sign (descending).
func (r *Rules) SortKeys(typ string) []string { return nil }

// Fingerprint is a short text that changes when the rules would extract other entries.
func (r *Rules) Fingerprint() string { return r.fingerprint }

// Extract makes the index entries of a resource, without repetitions and in an order that depends on the resource alone.
// A type that is not served has none.
func (r *Rules) Extract(res fhir.Resource) Entries { return Entries{} }

// Parse reads a search for resources of a type. Invalid, with every fault and the parameter's name as its place:
// what cannot be understood; TooCostly: more than MaxClauses or MaxValues; NotFound: a type that is not served.
func (r *Rules) Parse(typ string, pairs []Pair, opt Options) (Request, error) {
	return Request{}, fhir.Errorf(fhir.Internal, fhir.CodeException, "Search is being built.")
}

// Criteria reads what selects the resource to write (If-None-Exist, conditional update and delete, Subscription criteria):
// always strict, with at least one parameter that selects, none empty, and none that shapes a result. Errors as of Parse.
func (r *Rules) Criteria(typ string, pairs []Pair, now fhir.Instant) (Query, error) {
	return Query{}, fhir.Errorf(fhir.Internal, fhir.CodeException, "Search is being built.")
}

type typeRules struct{}
