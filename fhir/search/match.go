package search

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// World is what a Match looks at beside the resource itself: the current, not deleted resources of one partition.
type World interface {
	// Of yields the resources of a type, in any order.
	Of(resourceType string) iter.Seq[Indexed]
}

// Match decides whether a resource satisfies every clause of a query; its type is the caller's business. It is the
// meaning of a Query, written for clarity: every driver is held against it. There is nothing that a Refers or ReferredBy could find: a query that has one
// asks MatchIn.
func Match(q Query, x Indexed) bool { return MatchIn(nil, q, x) }

// MatchIn is Match for queries that may look at other resources too. A nil World is empty.
func MatchIn(w World, q Query, x Indexed) bool { return matching{w, q.Type}.every(q.All, x) }

// matching judges resources of a type.
type matching struct {
	world World
	typ   string
}

func (m matching) every(all []Any, x Indexed) bool {
	return !slices.ContainsFunc(all, func(a Any) bool { return !m.any(a, x) })
}

func (m matching) any(a Any, x Indexed) bool {
	return slices.ContainsFunc(a, func(t Test) bool { return m.holds(t, x) })
}

func (m matching) holds(t Test, x Indexed) bool {
	switch t := t.(type) {
	case Equal:
		if t.Param == ID {
			return x.ID == t.Value
		}
		return slices.Contains(x.Entries.Terms, Term(t))
	case StartsWith:
		return anyText(x, t.Param, func(e Text) bool { return strings.HasPrefix(e.Folded, t.Folded) })
	case Contains:
		return anyText(x, t.Param, func(e Text) bool { return strings.Contains(e.Folded, t.Folded) })
	case EndsWith:
		return anyText(x, t.Param, func(e Text) bool { return e.Exact != "" && strings.HasSuffix(e.Folded, t.Folded) })
	case Whole:
		return anyText(x, t.Param, func(e Text) bool { return e.Exact != "" && e.Folded == t.Folded })
	case Exactly:
		return anyText(x, t.Param, func(e Text) bool { return e.Exact == t.Exact })
	case Within:
		return slices.ContainsFunc(x.ranges(t.Param), t.covers)
	case Between:
		return slices.ContainsFunc(x.Entries.Ordereds, t.covers)
	case Near:
		return slices.ContainsFunc(x.Entries.Places, func(p Place) bool { return p.Param == t.Param && p.Metres(t.Point) <= t.Metres })
	case Missing:
		return x.has(t.Param) != t.Absent
	case Not:
		return !m.any(t.Any, x)
	case Every:
		return m.every(t, x)
	case Refers:
		return m.finds(t.To, func(other Indexed) bool {
			return slices.Contains(x.Entries.Terms, Term{t.Param, t.To.Type + "/" + other.ID})
		})
	case ReferredBy:
		return m.finds(t.From, func(other Indexed) bool {
			return slices.Contains(other.Entries.Terms, Term{t.Param, m.typ + "/" + x.ID})
		})
	default:
		return false
	}
}

// finds says whether one of a selection is linked.
func (m matching) finds(s Selection, linked func(Indexed) bool) bool {
	if m.world == nil {
		return false
	}
	of := matching{m.world, s.Type}
	for other := range m.world.Of(s.Type) {
		if linked(other) && of.every(s.All, other) {
			return true
		}
	}
	return false
}

func anyText(x Indexed, param string, holds func(Text) bool) bool {
	return slices.ContainsFunc(x.Entries.Texts, func(e Text) bool { return e.Param == param && holds(e) })
}

// covers says whether both ends of an interval lie in the bounds.
func (w Within) covers(i fhir.Interval) bool {
	return w.LowFrom <= i.Low && i.Low <= w.LowTo && w.HighFrom <= i.High && i.High <= w.HighTo
}

// covers says whether an entry is one of the parameter, and both of its ends lie in the bounds.
func (b Between) covers(e Ordered) bool {
	return e.Param == b.Param && b.LowFrom <= e.Low && e.Low < b.LowTo && b.HighFrom <= e.High && e.High < b.HighTo
}

// ranges are the intervals of a parameter.
func (x Indexed) ranges(param string) []fhir.Interval {
	if param == LastUpdated {
		return []fhir.Interval{{Low: x.Instant, High: x.Instant + 1}}
	}
	var found []fhir.Interval
	for _, e := range x.Entries.Ranges {
		if e.Param == param {
			found = append(found, e.Interval)
		}
	}
	return found
}

// has says whether there is any entry of a parameter.
func (x Indexed) has(param string) bool {
	return slices.ContainsFunc(x.Entries.Terms, func(e Term) bool { return e.Param == param }) ||
		anyText(x, param, func(Text) bool { return true }) ||
		len(x.ranges(param)) > 0 ||
		slices.ContainsFunc(x.Entries.Ordereds, func(e Ordered) bool { return e.Param == param }) ||
		slices.ContainsFunc(x.Entries.Places, func(e Place) bool { return e.Param == param })
}

// Compare says which of two matches comes first in the order of a query: negative when a does. It is 0 for one and the
// same id alone.
func Compare(q Query, a, b Indexed) int {
	keys := q.Sort
	if len(keys) == 0 {
		keys = []SortKey{{Param: LastUpdated, Descending: true}}
	}
	for _, k := range keys {
		if c := k.compare(a, b); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.ID, b.ID)
}

// Sort puts matches in the order of a query.
func Sort(q Query, matches []Indexed) {
	slices.SortFunc(matches, func(a, b Indexed) int { return Compare(q, a, b) })
}

func (k SortKey) compare(a, b Indexed) int {
	x, hasX := k.value(a)
	y, hasY := k.value(b)
	switch {
	case !hasX || !hasY:
		return cmp.Compare(rank(hasX), rank(hasY))
	case k.Descending:
		return y.compare(x)
	default:
		return x.compare(y)
	}
}

// rank puts what has a value before what has none.
func rank(has bool) int {
	if has {
		return 0
	}
	return 1
}

// sortValue is what a resource is ordered by: an instant, or a text.
type sortValue struct {
	at   fhir.Instant
	text string
}

func (v sortValue) compare(w sortValue) int {
	return cmp.Or(cmp.Compare(v.at, w.at), cmp.Compare(v.text, w.text))
}

// value is the smallest or, descending, the largest value of the key.
func (k SortKey) value(x Indexed) (sortValue, bool) {
	all := k.values(x)
	switch {
	case len(all) == 0:
		return sortValue{}, false
	case k.Descending:
		return slices.MaxFunc(all, sortValue.compare), true
	default:
		return slices.MinFunc(all, sortValue.compare), true
	}
}

// values are those of the key: of what is a stretch, the end that counts.
func (k SortKey) values(x Indexed) (all []sortValue) {
	switch {
	case k.Param == ID:
		return []sortValue{{text: x.ID}}
	case k.Param == LastUpdated || k.By == ByTime:
		for _, i := range x.ranges(k.Param) {
			all = append(all, sortValue{at: either(k.Descending, i.High, i.Low)})
		}
	case k.By == ByOrder:
		for _, e := range x.Entries.Ordereds {
			if e.Param == k.Param {
				all = append(all, sortValue{text: either(k.Descending, e.High, e.Low)})
			}
		}
	case k.By == ByText:
		for _, e := range x.Entries.Texts {
			if e.Param == k.Param && e.Exact != "" {
				all = append(all, sortValue{text: e.Folded})
			}
		}
	case k.By == ByTerm:
		for _, e := range x.Entries.Terms {
			if e.Param == k.Param && SortsBy(e.Value) {
				all = append(all, sortValue{text: e.Value})
			}
		}
	}
	return all
}

func either[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// SortsBy says whether a Term's value is one that ByTerm goes by: a code rather than one with its system, and not the empty one. Of
// "system|code" the same value has the Term "code" beside it.
func SortsBy(term string) bool {
	for i := 0; i < len(term); i++ {
		switch term[i] {
		case '\\':
			i++
		case '|':
			return false
		}
	}
	return term != ""
}
