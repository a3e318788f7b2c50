package search

import "github.com/portico-health/portico/fhir"

// Options say how a search is to be read.
type Options struct {
	// Strict refuses unknown parameters and unknown names in _sort. Otherwise they are ignored and told in Request.Ignored.
	Strict bool

	Now fhir.Instant // for the prefix ap, whose tolerance depends on the distance to now

	// Compartment is the resource whose compartment is searched alone (https://hl7.org/fhir/R4/compartmentdefinition.html); zero for none.
	Compartment fhir.Key
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
	MaxPairs     = 1000 // parameters of any meaning, or of none
	MaxClauses   = 64   // parameters that select
	MaxValues    = 256  // values of all of them
	MaxTests     = 1024 // tests that they come to: an id without its type asks for every type that it may be of
	MaxSort      = 8    // names in _sort
	MaxFolded    = 256  // characters of a string that are compared, but for :exact, counted as they are compared
)

// Request is a search as it was understood.
type Request struct {
	Query Query

	Count      int   // rows of a page, 0 to MaxCount; 0 asks for the total alone (also _summary=count)
	CountGiven bool  // by _count or _summary=count; else Count is DefaultCount
	Total      Total // as asked

	Includes []Include // what is to come with the matches, in the order in which it was asked for
	Summary  Summary   // which elements of resources are asked for; "" for all
	Elements []string  // names of elements at the root of a resource, of _elements; nil for all

	// Applied are the parameters that were understood, in their order, for the self link: _count as it is served,
	// _sort without the names that were ignored.
	Applied []Pair

	Ignored []fhir.Issue // warnings of what was ignored, the first of them when there are many; always empty when Strict
}

// Include asks for resources that matches refer to, or that refer to matches (https://hl7.org/fhir/R4/search.html#include).
type Include struct {
	Reverse bool     // _revinclude: resources of type Source that refer to what was found
	Iterate bool     // also from resources that were included
	Source  string   // the type that refers
	Params  []string // its reference parameters; several for a wildcard
	Target  string   // only what is of this type, or with Reverse only what refers to one of this type; "" for any
}

// Summary says which part of a resource is asked for (https://hl7.org/fhir/R4/search.html#summary).
type Summary string

// The values of _summary that ask for a part; that of count is told by Request.Count.
const (
	SummaryTrue Summary = "true" // the elements that are marked as summary, and mandatory ones
	SummaryText Summary = "text" // id, meta, narrative and mandatory elements
	SummaryData Summary = "data" // all but the narrative
)
