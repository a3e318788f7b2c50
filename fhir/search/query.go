package search

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// Query asks for the current, not deleted resources of one type that satisfy every clause, in an order.
// It is what all faces translate to, and all that a driver sees of a search.
type Query struct {
	Type string
	All  []Any     // every clause must hold; none means every resource of the type
	Sort []SortKey // empty means newest first: LastUpdated descending. Ties are broken by id, ascending.
}

// Selection are the current, not deleted resources of a type that satisfy every clause: what a chain leads to.
type Selection struct {
	Type string
	All  []Any
}

// Uses are the parameters, by type and each list sorted, whose entries decide what the query finds and in which order: also those of the types
// that its chains lead to. ID and LastUpdated have none; a type of which nothing else is asked is there without parameters.
func (q Query) Uses() map[string][]string {
	u := make(uses)
	u.clauses(q.Type, q.All)
	for _, k := range q.Sort {
		u.note(q.Type, k.Param)
		if k.Absent != "" {
			u.note(q.Type, k.Absent)
		}
	}
	for typ := range u {
		slices.Sort(u[typ])
		u[typ] = slices.Compact(u[typ])
	}
	return u
}

// Owner is the parameter whose rules decide the entries of an index name: its stamp (Rules.Stamps) is theirs, too. A parameter has entries under
// its own name, and those that only some searches ask for under names of its own that go on behind a colon or a vertical bar ("code:text",
// "value-quantity|"). What stands behind a dot is of the parameters of contained resources ("patient.Patient.name"), whose rules are those of another
// type: their owner ends with the dot ("patient."), and has a stamp of its own.
func Owner(index string) string {
	if i := strings.IndexAny(index, ".:|"); i >= 0 {
		if index[i] == '.' {
			i++
		}
		return index[:i]
	}
	return index
}

// uses are parameters by type.
type uses map[string][]string

func (u uses) note(typ, param string) {
	if param != ID && param != LastUpdated {
		u[typ] = append(u[typ], param)
	}
}

func (u uses) clauses(typ string, all []Any) {
	if _, there := u[typ]; !there {
		u[typ] = nil
	}
	for _, a := range all {
		for _, t := range a {
			u.test(typ, t)
		}
	}
}

func (u uses) test(typ string, t Test) {
	switch t := t.(type) {
	case Equal:
		u.note(typ, t.Param)
	case StartsWith:
		u.note(typ, t.Param)
	case Contains:
		u.note(typ, t.Param)
	case EndsWith:
		u.note(typ, t.Param)
	case Whole:
		u.note(typ, t.Param)
	case Exactly:
		u.note(typ, t.Param)
	case Within:
		u.note(typ, t.Param)
	case Between:
		u.note(typ, t.Param)
	case Near:
		u.note(typ, t.Param)
	case Missing:
		u.note(typ, t.Param)
	case Not:
		u.clauses(typ, []Any{t.Any})
	case Every:
		u.clauses(typ, t)
	case Refers:
		u.note(typ, t.Param)
		u.clauses(t.To.Type, t.To.All)
	case ReferredBy:
		u.note(t.From.Type, t.Param)
		u.clauses(t.From.Type, t.From.All)
	}
}

// Any holds when one of its tests does; an empty Any never does. Each criterion of a search (name=a,b) is one
// clause, each of its values one test (or several, where a value means alternatives).
type Any []Test

// Test is one of Equal, StartsWith, Contains, EndsWith, Whole, Exactly, Within, Between, Near, Missing, Not, Every, Refers or ReferredBy.
type Test interface{ test() }

// Equal holds when the resource has the Term, or its id is Value where Param is ID.
type Equal struct{ Param, Value string }

// StartsWith holds when the resource has a Text of Param whose Folded begins with Folded.
type StartsWith struct{ Param, Folded string }

// Contains holds when the resource has a Text of Param whose Folded contains Folded.
type Contains struct{ Param, Folded string }

// EndsWith holds when the resource has a Text of Param that is a value, not a part of one (its Exact is not empty), and whose Folded ends
// with Folded.
type EndsWith struct{ Param, Folded string }

// Whole holds when the resource has a Text of Param that is a value, not a part of one (its Exact is not empty), and whose Folded is Folded.
type Whole struct{ Param, Folded string }

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

// Instants are the bounds, both included, that a test on LastUpdated puts on the instant of a version. Nothing is between them where from is
// behind to.
func (w Within) Instants() (from, to fhir.Instant) {
	if w.HighTo == fhir.Beginning {
		return fhir.End, fhir.Beginning
	}
	from, to = w.LowFrom, w.LowTo
	if w.HighTo != fhir.End {
		to = min(to, w.HighTo-1)
	}
	if w.HighFrom != fhir.Beginning {
		from = max(from, w.HighFrom-1)
	}
	return from, to
}

// Between holds when the resource has an Ordered of Param with LowFrom <= Low < LowTo and HighFrom <= High < HighTo, byte by byte. An open
// bound is First or Last.
type Between struct {
	Param            string
	LowFrom, LowTo   string
	HighFrom, HighTo string
}

// The open bounds of a Between. No value of an Ordered is Last or behind it.
const (
	First = ""
	Last  = "\xff"
)

// Near holds when the resource has a Place of Param that is at most Metres away from Point, as Point.Metres tells it.
type Near struct {
	Param string
	Point
	Metres float64
}

// Missing holds when the resource has no entry of Param at all (Absent true), or has one (Absent false).
type Missing struct {
	Param  string
	Absent bool
}

// Not holds when none of its tests does, also for a resource without any entry of the parameter
// (R4: only :not and :missing match absence). An empty Not always holds.
type Not struct{ Any }

// Every holds when all of its clauses do; an empty Every always does. It is an "and" within an "or".
type Every []Any

// Refers holds when the resource refers by Param to one of a selection: it has the Term "Type/id" of a resource that is in it (a chained
// parameter, https://hl7.org/fhir/R4/search.html#chaining).
type Refers struct {
	Param string
	To    Selection
}

// ReferredBy holds when a resource of a selection refers to this one by Param, a parameter of the selection's type
// (_has, https://hl7.org/fhir/R4/search.html#has).
type ReferredBy struct {
	Param string
	From  Selection
}

func (Equal) test()      {}
func (StartsWith) test() {}
func (Contains) test()   {}
func (EndsWith) test()   {}
func (Whole) test()      {}
func (Exactly) test()    {}
func (Within) test()     {}
func (Between) test()    {}
func (Near) test()       {}
func (Missing) test()    {}
func (Not) test()        {}
func (Every) test()      {}
func (Refers) test()     {}
func (ReferredBy) test() {}

// SortKey orders by a parameter. Ascending goes by the smallest value that a resource has, descending by the largest one; resources
// without a value come last both ways.
type SortKey struct {
	Param      string
	Descending bool
	By         Basis // of no meaning for ID and LastUpdated, which the version itself answers

	// Absent is the index name under which the resources without a value, and they alone, have the empty Term; "" where entries do not tell. It
	// changes nothing of the order: it says where a driver finds its end.
	Absent string
}

// Basis is which entries of its parameter a SortKey goes by.
type Basis uint8

// The bases of sorting. The first two stream from an index; by the others a driver gathers what it finds, up to storage.MaxGathered
// matches.
const (
	ByTime  Basis = iota // Ranges: the Low, descending the High
	ByOrder              // Ordereds: the Low, descending the High, byte by byte
	ByText               // Texts that are values (their Exact is not empty): the Folded, byte by byte
	ByTerm               // Terms without an unescaped vertical bar, but the empty one, byte by byte: codes, references, URIs
)
