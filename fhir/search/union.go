package search

import (
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// A union is a composite that finds what several others of the same parts find: combo-code-value-quantity looks at an Observation as
// code-value-quantity does, and at its components as component-code-value-quantity does. It has no entries of its own, for pairs are many, and asks for
// those of the others.
type union struct {
	of []*composite
}

// union is the kind of a composite that is one; nil for another.
func (r *Rules) union(typ string, d r4.SearchParam, served []string) kind {
	branches := splitUnion(d.Expression)
	if len(branches) < 2 {
		return nil
	}
	u := &union{}
	for _, branch := range branches {
		params := r4.SearchParams(typ)
		at := slices.IndexFunc(params, func(p r4.SearchParam) bool { return p.Expression == branch && alike(p.Components, d.Components) })
		if at < 0 {
			return nil
		}
		c, isComposite := r.composite(typ, params[at], served).(*composite)
		if !isComposite {
			return nil
		}
		if s, err := compile(typ, branch, c.index); s == nil || err != nil { // what its parts are is known when it is compiled
			return nil
		}
		u.of = append(u.of, c)
	}
	return u
}

// alike says whether composites compare the same parts of an element.
func alike(a, b []r4.Component) bool {
	return slices.EqualFunc(a, b, func(a, b r4.Component) bool { return a.Expression == b.Expression })
}

func (u *union) stamp() string { return "union 1" }

// index leaves nothing.
func (u *union) index(place) sink { return func(*extraction, any) {} }

func (u *union) always() bool { return false }

func (u *union) modifiers() []string { return nil }

func (u *union) lower(c criterion) (Any, *fhir.Error) {
	var clause Any
	for _, composite := range u.of {
		tests, err := composite.lower(c)
		if err != nil {
			return nil, err
		}
		clause = append(clause, tests...)
	}
	return clause, nil
}

// missing asks whether all of the others are missing.
func (u *union) missing(absent bool) []Test {
	var one Any
	var every Every
	for _, composite := range u.of {
		one = append(one, Missing{composite.name, false})
		every = append(every, Any{Missing{composite.name, true}})
	}
	if absent {
		return []Test{every}
	}
	return one
}
