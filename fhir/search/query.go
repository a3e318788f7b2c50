package search

import (
	"slices"

	"github.com/portico-health/portico/fhir"
)

// Query asks for the current, not deleted resources of one type that satisfy every clause, in an order.
// It is what all faces translate to, and all that a driver sees of a search.
type Query struct {
	Type string
	All  []Any     // every clause must hold; none means every resource of the type
	Sort []SortKey // empty means newest first: LastUpdated descending. Ties are broken by id, ascending.
}

// Params are the parameters whose entries decide what the query finds and in which order, sorted; ID and LastUpdated have none.
func (q Query) Params() []string {
	var names []string
	for _, a := range q.All {
		names = a.params(names)
	}
	for _, k := range q.Sort {
		names = append(names, k.Param)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(name string) bool { return name == ID || name == LastUpdated })
}

// params appends the parameters of the tests.
func (a Any) params(names []string) []string {
	for _, t := range a {
		switch t := t.(type) {
		case Equal:
			names = append(names, t.Param)
		case StartsWith:
			names = append(names, t.Param)
		case Contains:
			names = append(names, t.Param)
		case Exactly:
			names = append(names, t.Param)
		case Within:
			names = append(names, t.Param)
		case Missing:
			names = append(names, t.Param)
		case Not:
			names = t.params(names)
		}
	}
	return names
}

// Any holds when one of its tests does; an empty Any never does. Each criterion of a search (name=a,b) is one
// clause, each of its values one test (or several, where a value means alternatives).
type Any []Test

// Test is one of Equal, StartsWith, Contains, Exactly, Within, Missing or Not.
type Test interface{ test() }

// Equal holds when the resource has the Term, or its id is Value where Param is ID.
type Equal struct{ Param, Value string }

// StartsWith holds when the resource has a Text of Param whose Folded begins with Folded.
type StartsWith struct{ Param, Folded string }

// Contains holds when the resource has a Text of Param whose Folded contains Folded.
type Contains struct{ Param, Folded string }

// Exactly holds when the resource has a Text of Param whose Exact is Exact.
type Exactly struct{ Param, Exact string }

// Within holds when the resource has a Range of Param whose Low and High both lie in the given bounds, each
// bound included. LastUpdated is the Range [instant, instant+1µs). All prefixes of R4 lower to one or
// two of it (https://hl7.org/fhir/R4/search.html#prefix); an open bound is fhir.Beginning or fhir.End.
type Within struct {
	Param            string
	LowFrom, LowTo   fhir.Instant
	HighFrom, HighTo fhir.Instant
}

// Missing holds when the resource has no entry of Param at all (Absent true), or has one (Absent false).
type Missing struct {
	Param  string
	Absent bool
}

// Not holds when none of its tests does, also for a resource without any entry of the parameter
// (R4: only :not and :missing match absence). An empty Not always holds.
type Not struct{ Any }

func (Equal) test()      {}
func (StartsWith) test() {}
func (Contains) test()   {}
func (Exactly) test()    {}
func (Within) test()     {}
func (Missing) test()    {}
func (Not) test()        {}

// SortKey orders by a parameter that has Ranges, or by LastUpdated. Ascending goes by the smallest Low,
// descending by the largest High; resources without a value come last both ways.
type SortKey struct {
	Param      string
	Descending bool
}
