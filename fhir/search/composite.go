package search

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// A composite is two values of one element that are looked for together, "code$value" (https://hl7.org/fhir/R4/search.html#composite). Both parts are read by the
// kinds of their own parameters, in the resource and in the search, and their entries and tests are joined: the first part, which is
// compared whole, stands before the second. Two Terms make a Term; a number, a quantity, a date or a string makes an Ordered.
//
// A token is asked for by its code, with or without its system, not by its system alone. What has more parts, or a first part that is a stretch, is not
// promised. An element leaves at most maxPairs entries of a composite, which is what ten codings of each part come to.
type composite struct {
	name  string
	names [2]string // of the parameters of the parts
	parts [2]kind
	at    [2]string // their expressions, relative to the element
	fault error     // of compiling them
}

const maxPairs = 512

// crossed is the composite whose definition in R4 gives each part the parameter of the other: DocumentReference.relatesTo.code is no reference.
const crossed = "http://hl7.org/fhir/SearchParameter/DocumentReference-relationship"

// composite is the kind of a composite parameter, nil for one that is not promised.
func (r *Rules) composite(typ string, d r4.SearchParam, served []string) kind {
	if len(d.Components) != 2 {
		return nil
	}
	c := &composite{name: d.Code}
	for i, component := range d.Components {
		definition := component.Definition
		if d.URL == crossed {
			definition = d.Components[1-i].Definition
		}
		params := r4.SearchParams(typ)
		at := slices.IndexFunc(params, func(p r4.SearchParam) bool { return p.URL == definition })
		if at < 0 || params[at].Type == "composite" || i == 0 && !comparedWhole(params[at].Type) {
			return nil
		}
		c.names[i], c.at[i], c.parts[i] = params[at].Code, component.Expression, r.kind(typ, params[at], served)
	}
	return c
}

// comparedWhole says whether parameters of a type are found by Equal tests.
func comparedWhole(paramType string) bool {
	return slices.Contains([]string{"token", "reference", "uri"}, paramType)
}

func (c *composite) stamp() string {
	return "composite 1 " + c.at[0] + " " + c.parts[0].stamp() + " " + c.at[1] + " " + c.parts[1].stamp()
}

func (c *composite) index(at place) sink {
	first, err := compileAt(at, c.at[0], c.parts[0].index)
	if err != nil {
		c.fault = err
		return nil
	}
	second, err := compileAt(at, c.at[1], c.parts[1].index)
	if err != nil {
		c.fault = err
		return nil
	}
	if first == nil || second == nil {
		return nil
	}
	return func(x *extraction, v any) {
		part := extraction{rules: x.rules, root: x.root, contained: x.contained, plain: true}
		first(&part, v)
		x.contained = part.contained // which is made once
		whole := c.scopes(part.out.Terms)
		if len(whole) == 0 {
			return
		}
		part.out = Entries{}
		second(&part, v)
		c.join(x, whole, part.out)
	}
}

// scopes are what stands before the second part.
func (c *composite) scopes(terms []Term) []string {
	var scopes []string
	for _, t := range terms {
		if scope := compositeScope(t.Value); t.Param == c.names[0] && !asksForSystem(c.parts[0], t.Value) && len(scope) <= maxScope {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

func compositeScope(first string) string { return escapeDollars(first) + "$" }

// asksForSystem tells the Term by which a token is found with its system alone, and that of a value which cannot be asked for.
func asksForSystem(k kind, term string) bool {
	if _, isToken := k.(*token); !isToken {
		return term == ""
	}
	return term == "" || indexMark(term, '|') == len(term)-1
}

// join leaves what first and second part come to.
func (c *composite) join(x *extraction, scopes []string, second Entries) {
	left := maxPairs
	for _, scope := range scopes[:min(len(scopes), maxPairs)] {
		if left == 0 {
			return
		}
		for _, e := range second.Terms {
			if e.Param == c.names[1] && !asksForSystem(c.parts[1], e.Value) && len(e.Value) <= maxScope && left > 0 {
				x.term(c.name, scope+e.Value)
				left--
			}
		}
		for o := range c.stretches(second) {
			if left > 0 {
				x.ordered(c.indexOf(o.Param), scope+o.Low, scope+o.High)
				left--
			}
		}
	}
}

// stretches are the entries that have an order, in the form that compares byte by byte.
func (c *composite) stretches(e Entries) func(yield func(Ordered) bool) {
	return func(yield func(Ordered) bool) {
		for _, o := range e.Ordereds {
			if _, isURI := c.parts[1].(*uri); !isURI && !yield(o) {
				return
			}
		}
		for _, t := range e.Texts {
			if t.Param == c.names[1] && !yield(Ordered{t.Param, t.Folded, t.Folded}) {
				return
			}
		}
		for _, r := range e.Ranges {
			if !yield(Ordered{r.Param, timeForm(r.Low), timeForm(r.High)}) {
				return
			}
		}
	}
}

// indexOf is where entries of an index of the second part go: a quantity with its unit has one of its own.
func (c *composite) indexOf(index string) string {
	if strings.HasSuffix(index, "|") {
		return c.name + "|"
	}
	return c.name
}

func (c *composite) always() bool { return false }

func (c *composite) modifiers() []string { return nil }

func (c *composite) lower(crit criterion) (Any, *fhir.Error) {
	return crit.each(func(v string) ([]Test, *fhir.Error) {
		values := cutParts(v, '$')
		if len(values) != 2 || values[0] == "" || values[1] == "" {
			return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s does not have two parts: write both, with a dollar sign between them.", fhir.Quote(v))
		}
		var parts [2]Any
		var faults *fhir.Error
		for i, value := range values {
			var err *fhir.Error
			if parts[i], err = c.parts[i].lower(criterion{values: []string{value}, now: crit.now}); err != nil {
				faults = join(faults, err)
			}
		}
		if faults != nil {
			return nil, faults
		}
		return c.pairs(v, parts)
	})
}

// pairs are the tests of the first part with those of the second.
func (c *composite) pairs(v string, parts [2]Any) ([]Test, *fhir.Error) {
	var tests []Test
	for _, first := range parts[0] {
		if whole, ok := first.(Equal); ok && !asksForSystem(c.parts[0], whole.Value) && len(compositeScope(whole.Value)) > maxScope {
			continue // of so long a one there are no entries
		}
		for _, second := range parts[1] {
			if whole, ok := second.(Equal); ok && len(whole.Value) > maxScope {
				continue
			}
			t := c.pair(first, second)
			if t == nil {
				return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s has a part that is not looked for together with another: give codes with their system or without one, not a system alone.", fhir.Quote(v))
			}
			tests = append(tests, t)
		}
	}
	return tests, nil
}

// pair is one test on both parts; nil where there is none.
func (c *composite) pair(first, second Test) Test {
	whole, ok := first.(Equal)
	if !ok || asksForSystem(c.parts[0], whole.Value) {
		return nil
	}
	scope := compositeScope(whole.Value)
	switch t := second.(type) {
	case Equal:
		if asksForSystem(c.parts[1], t.Value) {
			return nil
		}
		return Equal{c.name, scope + t.Value}
	case Between:
		return t.behind(c.indexOf(t.Param), scope)
	case Within:
		return t.ordered().behind(c.name, scope)
	case StartsWith:
		return beginsWith(c.name, scope+t.Folded)
	}
	return nil
}
