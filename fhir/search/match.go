package search

import (
	"cmp"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// Match decides whether a resource satisfies every clause of a query; its type is the caller's business. It is the
// meaning of a Query, written for clarity: every driver is held against it.
func Match(q Query, x Indexed) bool {
	for _, clause := range q.All {
		if !clause.holds(x) {
			return false
		}
	}
	return true
}

func (a Any) holds(x Indexed) bool {
	return slices.ContainsFunc(a, func(t Test) bool { return holds(t, x) })
}

func holds(t Test, x Indexed) bool {
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
	case Exactly:
		return anyText(x, t.Param, func(e Text) bool { return e.Exact == t.Exact })
	case Within:
		return slices.ContainsFunc(x.ranges(t.Param), t.covers)
	case Missing:
		return x.has(t.Param) != t.Absent
	case Not:
		return !t.holds(x)
	default:
		return false
	}
}

func anyText(x Indexed, param string, holds func(Text) bool) bool {
	return slices.ContainsFunc(x.Entries.Texts, func(e Text) bool { return e.Param == param && holds(e) })
}

// covers says whether both ends of an interval lie in the bounds.
func (w Within) covers(i fhir.Interval) bool {
	return w.LowFrom <= i.Low && i.Low <= w.LowTo && w.HighFrom <= i.High && i.High <= w.HighTo
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
		len(x.ranges(param)) > 0
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
		return cmp.Compare(y, x)
	default:
		return cmp.Compare(x, y)
	}
}

// rank puts what has a value before what has none.
func rank(has bool) int {
	if has {
		return 0
	}
	return 1
}

// value is what a resource is ordered by: its smallest Low or its largest High.
func (k SortKey) value(x Indexed) (fhir.Instant, bool) {
	all := x.ranges(k.Param)
	if len(all) == 0 {
		return 0, false
	}
	if k.Descending {
		return slices.MaxFunc(all, func(a, b fhir.Interval) int { return cmp.Compare(a.High, b.High) }).High, true
	}
	return slices.MinFunc(all, func(a, b fhir.Interval) int { return cmp.Compare(a.Low, b.Low) }).Low, true
}
