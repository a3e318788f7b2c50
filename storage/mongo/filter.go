package mongo

import (
	"slices"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// condition is what a filter for the current collection of a type says of clauses.
type condition struct {
	filter bson.D // every resource that satisfies them satisfies it; empty: it says nothing
	exact  bool   // and the reverse
	never  bool   // nothing satisfies them; the filter says so, too
}

// The conditions without a filter of their own.
var (
	always  = condition{exact: true}
	unknown = condition{}
	never   = condition{filter: bson.D{{Key: fieldID, Value: in(nil)}}, exact: true, never: true}
)

// maxNesting is how deep conditions nest: those below say nothing. MongoDB takes a hundred levels of "$and", "$or" and "$nor".
const maxNesting = 40

// filterAll is the filter for the clauses of a query. Clauses with a Refers or ReferredBy have to be grounded before: otherwise they say nothing.
// Marks of deletions, which have no entries, satisfy no filter.
func filterAll(all []search.Any) condition {
	c := conditionOfAll(all, maxNesting)
	if !c.never {
		c.filter = slices.Concat(bson.D{{Key: fieldIndex, Value: bson.D{{Key: "$exists", Value: true}}}}, c.filter)
	}
	return c
}

func conditionOfAll(all []search.Any, nesting int) condition {
	conditions := make([]condition, len(all))
	for i, a := range all {
		conditions[i] = conditionOf(a, nesting)
	}
	return conjunction(conditions)
}

// conditionOf is that of one clause. The values that one field may have are one list, however many.
func conditionOf(a search.Any, nesting int) condition {
	if nesting == 0 {
		return unknown
	}
	var ids, terms []string
	var conditions []condition
	for _, t := range a {
		switch e, isEqual := t.(search.Equal); {
		case !isEqual:
			conditions = append(conditions, conditionOfTest(t, nesting))
		case !utf8.ValidString(e.Value):
			conditions = append(conditions, unknown)
		case e.Param == search.ID:
			ids = append(ids, e.Value)
		default:
			terms = append(terms, prefixed(e.Param, e.Value))
		}
	}
	if len(terms) > 0 {
		conditions = append(conditions, exactly(bson.E{Key: indexTerm, Value: in(terms)}))
	}
	if len(ids) > 0 {
		conditions = append(conditions, exactly(bson.E{Key: fieldName, Value: in(ids)}))
	}
	return disjunction(conditions)
}

func conditionOfTest(t search.Test, nesting int) condition {
	switch t := t.(type) {
	case search.StartsWith:
		return beginning(t)
	case search.Contains:
		return containing(t)
	case search.EndsWith:
		return ending(t)
	case search.Whole:
		return whole(t)
	case search.Exactly:
		return written(t)
	case search.Within:
		return within(t)
	case search.Between:
		return between(t)
	case search.Near:
		return near(t)
	case search.Missing:
		return missing(t)
	case search.Not:
		return negation(conditionOf(t.Any, nesting-1))
	case search.Every:
		return conditionOfAll(t, nesting-1)
	default:
		return unknown
	}
}

// exactly is the condition that is just these elements.
func exactly(elements ...bson.E) condition { return condition{filter: elements, exact: true} }

// in is the test on one of some values.
func in(values []string) any {
	if len(values) == 1 {
		return values[0]
	}
	return bson.D{{Key: "$in", Value: append([]string{}, values...)}} // no list is no array
}

// oneOf is the test on an element of a list that has all of these.
func oneOf(list string, tests ...bson.E) condition {
	return exactly(bson.E{Key: list, Value: bson.D{{Key: "$elemMatch", Value: bson.D(tests)}}})
}

// conjunction holds where all conditions do. What tests a field that another has tested already stands below "$and".
func conjunction(all []condition) condition {
	c := always
	var more bson.A
	for _, part := range all {
		if part.never {
			return never
		}
		c.exact = c.exact && part.exact
		if slices.ContainsFunc(part.filter, func(e bson.E) bool { return has(c.filter, e.Key) || e.Key == "$and" }) {
			more = append(more, part.filter)
		} else {
			c.filter = slices.Concat(c.filter, part.filter)
		}
	}
	if len(more) > 0 {
		c.filter = slices.Concat(c.filter, bson.D{{Key: "$and", Value: more}})
	}
	return c
}

func has(d bson.D, key string) bool {
	return slices.ContainsFunc(d, func(e bson.E) bool { return e.Key == key })
}

// disjunction holds where one of the conditions does.
func disjunction(some []condition) condition {
	some = slices.DeleteFunc(some, func(c condition) bool { return c.never })
	switch len(some) {
	case 0:
		return never
	case 1:
		return some[0]
	}
	c := condition{exact: true}
	var filters bson.A
	says := true
	for _, part := range some {
		if len(part.filter) == 0 && part.exact {
			return always
		}
		says = says && len(part.filter) > 0
		c.exact = c.exact && part.exact
		filters = append(filters, part.filter)
	}
	if !says {
		return unknown
	}
	c.filter = bson.D{{Key: "$or", Value: filters}}
	return c
}

// negation holds where a condition does not. Of one that is not exact it says nothing.
func negation(c condition) condition {
	switch {
	case c.never:
		return always
	case !c.exact:
		return unknown
	case len(c.filter) == 0:
		return never
	default:
		return exactly(bson.E{Key: "$nor", Value: bson.A{c.filter}})
	}
}

// within is the condition that a time, or the instant of the version, is in a window.
func within(t search.Within) condition {
	if t.Param == search.LastUpdated {
		from, to := t.Instants()
		if bounds := instantBounds(from, to); len(bounds) > 0 {
			return exactly(bson.E{Key: fieldInstant, Value: bounds})
		}
		return always
	}
	tests := bson.D{{Key: "param", Value: t.Param}}
	if bounds := instantBounds(t.LowFrom, t.LowTo); len(bounds) > 0 {
		tests = append(tests, bson.E{Key: "low", Value: bounds})
	}
	if bounds := instantBounds(t.HighFrom, t.HighTo); len(bounds) > 0 {
		tests = append(tests, bson.E{Key: "high", Value: bounds})
	}
	return oneOf(indexTime, tests...)
}

// instantBounds are the bounds of an instant, both included, without those that are open.
func instantBounds(from, to fhir.Instant) (bounds bson.D) {
	if from != fhir.Beginning {
		bounds = append(bounds, bson.E{Key: "$gte", Value: int64(from)})
	}
	if to != fhir.End {
		bounds = append(bounds, bson.E{Key: "$lte", Value: int64(to)})
	}
	return bounds
}

// between is the condition that an ordered value is in a window.
func between(t search.Between) condition {
	return oneOf(indexOrder,
		bson.E{Key: "low", Value: textBounds(t.Param, t.LowFrom, t.LowTo)},
		bson.E{Key: "high", Value: textBounds(t.Param, t.HighFrom, t.HighTo)})
}

// near is the condition that a place is in the surroundings of a circle: who is in the circle is decided by its distance.
func near(t search.Near) condition {
	if !(t.Metres >= 0) { // also when it is no number
		return never
	}
	c := t.Surroundings()
	latitude := bson.E{Key: "latitude", Value: bson.D{{Key: "$gte", Value: c.South}, {Key: "$lte", Value: c.North}}}
	at := []condition{oneOf(indexPlace, bson.E{Key: "param", Value: t.Param}, latitude)}
	for i, s := range c.Stretches {
		longitude := bson.E{Key: "longitude", Value: bson.D{{Key: "$gte", Value: s[0]}, {Key: "$lte", Value: s[1]}}}
		at = append(at[:i], oneOf(indexPlace, bson.E{Key: "param", Value: t.Param}, latitude, longitude))
	}
	box := disjunction(at)
	box.exact = false
	return box
}

// missing is the condition that there is no entry of a parameter, or one. Ids are no entries, and no interval as instants are.
func missing(t search.Missing) condition {
	switch {
	case t.Param == search.LastUpdated:
		if t.Absent {
			return never
		}
		return always
	case t.Absent:
		return exactly(bson.E{Key: indexHas, Value: bson.D{{Key: "$ne", Value: t.Param}}})
	default:
		return exactly(bson.E{Key: indexHas, Value: t.Param})
	}
}
