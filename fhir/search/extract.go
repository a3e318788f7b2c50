package search

import (
	"strings"

	"github.com/portico-health/portico/fhir"
)

// extraction is one run over a resource.
type extraction struct {
	rules *Rules
	root  *fhir.Object
	out   Entries

	plain bool // only what is compared without a modifier is wanted

	contained map[string]*fhir.Object // the contained resources by id; made when first asked for
	inside    []pointer               // references to them, each once

	found bool // for finds
	nth   int  // place of the value in its array, 0 where it is none
}

// Extract makes the index entries of a resource, without repetitions and in an order that depends on the resource alone.
// A type that is not served has none.
func (r *Rules) Extract(res fhir.Resource) Entries {
	t := r.types[res.Type()]
	if t == nil {
		return Entries{}
	}
	x := extraction{rules: r, root: res.Root(), out: Entries{
		Terms: make([]Term, 0, 2*len(t.params)),
		Texts: make([]Text, 0, len(t.params)),
	}}
	x.take(t, x.root)
	switch res.Type() {
	case "Slot":
		x.calendar(x.root)
	case "Location":
		x.area(x.root)
	}
	if x.inside != nil {
		x.follow()
	}
	return x.out
}

// take makes the entries of a resource of a type.
func (x *extraction) take(t *typeRules, resource *fhir.Object) {
	for _, p := range t.params {
		if p.sink == nil {
			continue
		}
		before := x.out.lengths()
		p.sink(x, resource)
		if resource == x.root { // nothing is sorted by what it contains
			x.absence(p, before)
		}
		x.out.distinct(before)
	}
}

// lengths are how many entries there are of each kind.
func (e *Entries) lengths() [5]int {
	return [5]int{len(e.Terms), len(e.Texts), len(e.Ranges), len(e.Ordereds), len(e.Places)}
}

// distinct removes what comes again among the entries behind those that were there before.
func (e *Entries) distinct(before [5]int) {
	e.Terms = distinct(e.Terms, before[0])
	e.Texts = distinct(e.Texts, before[1])
	e.Ranges = distinct(e.Ranges, before[2])
	e.Ordereds = distinct(e.Ordereds, before[3])
	e.Places = distinct(e.Places, before[4])
}

// Pointers are what a resource refers to by some reference parameters of its type, as their Terms tell it: "Patient/1", an absolute URL, and
// for a reference to one version that alone, "Patient/1/_history/2". Without repetitions, in the order of the parameters.
func (r *Rules) Pointers(res fhir.Resource, params []string) []string {
	t := r.types[res.Type()]
	if t == nil {
		return nil
	}
	x := extraction{rules: r, root: res.Root(), plain: true}
	for _, name := range params {
		if p := t.byName[name]; p != nil && p.sink != nil {
			p.sink(&x, x.root)
		}
	}
	var found []string
	before := ""
	for _, term := range x.out.Terms {
		ofVersion := strings.HasPrefix(before, term.Value+historySegment) // the second Term of a reference to a version
		before = term.Value
		if term.Value != "" && !ofVersion {
			found = append(found, term.Value)
		}
	}
	return distinct(found, 0)
}

// distinct removes what comes again, from an index on.
func distinct[E comparable](all []E, from int) []E {
	const few = 16
	if len(all)-from > few {
		return distinctOfMany(all, from)
	}
	kept := from
next:
	for _, e := range all[from:] {
		for _, before := range all[from:kept] {
			if before == e {
				continue next
			}
		}
		all[kept] = e
		kept++
	}
	return all[:kept]
}

func distinctOfMany[E comparable](all []E, from int) []E {
	seen := make(map[E]bool, len(all)-from)
	kept := from
	for _, e := range all[from:] {
		if !seen[e] {
			seen[e] = true
			all[kept] = e
			kept++
		}
	}
	return all[:kept]
}

func (x *extraction) term(param, value string) {
	x.out.Terms = append(x.out.Terms, Term{param, value})
}

// nameless leaves the empty Term for a value that is there but has nothing that it could be asked for: a
// CodeableConcept of text alone, a Reference to a contained resource. Only :missing sees it.
func (x *extraction) nameless(param string) {
	if n := len(x.out.Terms); n == 0 || x.out.Terms[n-1] != (Term{Param: param}) {
		x.term(param, "")
	}
}
