package search

import (
	"errors"
	"fmt"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// An expression is compiled from its end to its beginning into closures, each of which hands what it selects on to the
// next. What stands at which place is known from the definitions when it is compiled, so that the last closure
// knows the type of its values and running it compares, converts and allocates nothing.

// sink takes a value of a resource.
type sink func(x *extraction, v any)

// test judges a value of a resource.
type test func(x *extraction, v any) bool

// place is where a value stands in the definitions: at an element, as one of its types. The root of a type
// has no typ; a value that an expression computes has no element.
type place struct {
	elem *r4.Element
	typ  *r4.TypeRef
}

// computed is the place of the value of a condition. Only true is ever handed on.
var computed = place{typ: &r4.TypeRef{Code: "boolean"}}

func (p place) isComputed() bool { return p.elem == nil }

// code is the name of the type that stands here.
func (p place) code() string {
	if p.typ == nil {
		return p.elem.Path
	}
	return p.typ.Code
}

// is says whether what stands here is of a type, or of one that specialises it.
func (p place) is(typ string) bool {
	for code := p.code(); code != ""; {
		if code == typ {
			return true
		}
		known := r4.Lookup(code)
		if known == nil {
			return false
		}
		code = known.Base
	}
	return false
}

// children are the elements below.
func (p place) children() []*r4.Element {
	if p.isComputed() {
		return nil
	}
	below := p.elem
	if p.typ != nil {
		below = p.elem.Descend(p.typ)
	}
	if below == nil {
		return nil
	}
	return below.Children
}

// compile makes the sink for a resource type that hands on what the expression selects, to the sink that
// then gives for each place where a selected value may stand. Where then gives nil, such values are passed
// over; the result is nil when all are.
func compile(resourceType, expression string, then func(place) sink) (sink, error) {
	return compileAt(place{elem: r4.Lookup(resourceType).Root}, expression, then)
}

// compileAt is compile for an expression whose context is what stands at a place.
func compileAt(at place, expression string, then func(place) sink) (sink, error) {
	e, err := parseExpression(expression)
	if err != nil {
		return nil, err
	}
	var c compiler
	s := c.values(e, at, then)
	if c.faults != nil {
		return nil, fmt.Errorf("the expression %q: %w", expression, errors.Join(c.faults...))
	}
	return s, nil
}

// compiler collects what cannot be compiled.
type compiler struct{ faults []error }

func (c *compiler) fail(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf(format, args...))
}

// values compiles an expression with its context at a place.
func (c *compiler) values(e expr, in place, then func(place) sink) sink {
	switch e := e.(type) {
	case pathExpr:
		return c.path(e, in, then)
	case indexExpr:
		return c.index(e, in, then)
	case callExpr:
		return c.call(e, in, then)
	case binaryExpr:
		switch e.operator {
		case "|":
			return both(c.values(e.left, in, then), c.values(e.right, in, then))
		case "as":
			return c.as(e.left, e.right, in, then)
		}
	}
	return whenTrue(c.condition(e, in), then(computed))
}

func (c *compiler) path(e pathExpr, in place, then func(place) sink) sink {
	if e.from == nil {
		if in.typ == nil && (in.elem.Path == e.name || r4.Lookup(in.elem.Path).Base == e.name || e.name == "Resource") {
			return then(in)
		}
		return c.child(in, e.name, then)
	}
	return c.values(e.from, in, func(at place) sink { return c.child(at, e.name, then) })
}

// child compiles the step to an element below, under each of its names.
func (c *compiler) child(at place, name string, then func(place) sink) sink {
	var all sink
	for _, elem := range at.children() {
		if elem.Name != name {
			continue
		}
		for i := range elem.Types {
			next := then(place{elem, &elem.Types[i]})
			all = both(all, member(elem.JSONName(&elem.Types[i]), next))
		}
		return all
	}
	c.fail("%s has no element %s", at.code(), name)
	return nil
}

// index compiles one value of an element of the context, or of the resource.
func (c *compiler) index(e indexExpr, in place, then func(place) sink) sink {
	step, ok := e.from.(pathExpr)
	if !ok {
		c.fail("%v: only an element can have an index", e)
		return nil
	}
	root, direct := step.from.(pathExpr)
	if step.from != nil && (!direct || root.from != nil) {
		c.fail("%v: only the first step can have an index", e)
		return nil
	}
	return c.path(step, in, func(at place) sink {
		next := then(at)
		if next == nil {
			return nil
		}
		return func(x *extraction, v any) {
			if x.nth == e.n {
				next(x, v)
			}
		}
	})
}

func (c *compiler) call(e callExpr, in place, then func(place) sink) sink {
	switch {
	case e.name == "as" && e.arg != nil:
		return c.as(e.from, e.arg, in, then)
	case e.name == "where" && e.arg != nil:
		return c.values(e.from, in, func(at place) sink {
			next := then(at)
			if next == nil {
				return nil
			}
			holds := c.condition(e.arg, at)
			return func(x *extraction, v any) {
				if holds(x, v) {
					next(x, v)
				}
			}
		})
	case e.name == "exists" && e.arg == nil:
		return whenTrue(c.condition(e, in), then(computed))
	}
	c.fail("%v: this function is not known", e)
	return nil
}

// as keeps the values of a type.
func (c *compiler) as(from, typ expr, in place, then func(place) sink) sink {
	written, ok := typ.(pathExpr)
	if !ok || written.from != nil || typeName(written.name) == "" {
		c.fail("%v is not a type", typ)
		return nil
	}
	name := typeName(written.name)
	return c.values(from, in, func(at place) sink {
		if !at.is(name) {
			return nil
		}
		return then(at)
	})
}

// typeName is the name of a type that an expression means, "" for none: R4's composites write DateTime for dateTime.
func typeName(written string) string {
	for _, name := range []string{written, strings.ToLower(written[:1]) + written[1:]} {
		if r4.Lookup(name) != nil {
			return name
		}
	}
	return ""
}

// condition compiles what is true or false of its context. An empty collection counts as false.
func (c *compiler) condition(e expr, in place) test {
	switch e := e.(type) {
	case callExpr:
		if e.name == "exists" && e.arg == nil && e.from != nil {
			return finds(c.values(e.from, in, func(place) sink { return func(x *extraction, _ any) { x.found = true } }))
		}
	case binaryExpr:
		switch e.operator {
		case "and":
			left, right := c.condition(e.left, in), c.condition(e.right, in)
			return func(x *extraction, v any) bool { return left(x, v) && right(x, v) }
		case "=", "!=":
			return c.comparison(e, in)
		case "is":
			return c.pointsAt(e)
		}
	}
	c.fail("%v is no condition that can be compiled", e)
	return func(*extraction, any) bool { return false }
}

// comparison compiles path = literal and path != literal.
func (c *compiler) comparison(e binaryExpr, in place) test {
	literal, ok := e.right.(literalExpr)
	if !ok {
		c.fail("%v: only a literal can be compared with", e)
	}
	equal := e.operator == "="
	return finds(c.values(e.left, in, func(place) sink {
		return func(x *extraction, v any) {
			if _, ok := v.(*fhir.Object); (!ok && v == literal.value) == equal {
				x.found = true
			}
		}
	}))
}

// pointsAt compiles resolve() is Patient: it is decided by what the reference itself says, for what it points at may not be here.
func (c *compiler) pointsAt(e binaryExpr) test {
	call, isCall := e.left.(callExpr)
	typ, isName := e.right.(pathExpr)
	if !isCall || call.name != "resolve" || call.from != nil || !isName || typ.from != nil || !r4.IsResource(typ.name) {
		c.fail("%v: only resolve() and a resource type can be compared by is", e)
		return nil
	}
	return func(x *extraction, v any) bool { return x.referencedType(v) == typ.name }
}

// both runs two sinks; either may be nil.
func both(a, b sink) sink {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	default:
		return func(x *extraction, v any) { a(x, v); b(x, v) }
	}
}

// member hands on the value of a member of an object, one by one where it is an array.
func member(name string, next sink) sink {
	if next == nil {
		return nil
	}
	return func(x *extraction, v any) {
		o, ok := v.(*fhir.Object)
		if !ok {
			return
		}
		v, _ = o.Get(name)
		switch v := v.(type) {
		case nil:
		case fhir.Array:
			for i, item := range v {
				if item != nil { // the place of a value that has extensions alone
					x.nth = i
					next(x, item)
				}
			}
		default:
			x.nth = 0
			next(x, v)
		}
	}
}

// whenTrue hands on true where a condition holds.
func whenTrue(holds test, next sink) sink {
	if next == nil {
		return nil
	}
	return func(x *extraction, v any) {
		if holds(x, v) {
			next(x, true)
		}
	}
}

// finds says whether a sink that marks what it looks for has marked anything.
func finds(s sink) test {
	if s == nil {
		return func(*extraction, any) bool { return false }
	}
	return func(x *extraction, v any) bool {
		before := x.found
		x.found = false
		s(x, v)
		found := x.found
		x.found = before
		return found
	}
}
