package search

import (
	"github.com/portico-health/portico/fhir"
)

// extraction is one run over a resource.
type extraction struct {
	rules *Rules
	root  *fhir.Object
	out   Entries

	contained map[string]string // the types of the contained resources, by id; made when first asked for

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
	for _, p := range t.params {
		if p.sink == nil {
			continue
		}
		terms, texts, ranges := len(x.out.Terms), len(x.out.Texts), len(x.out.Ranges)
		p.sink(&x, x.root)
		x.out.Terms = distinct(x.out.Terms, terms)
		x.out.Texts = distinct(x.out.Texts, texts)
		x.out.Ranges = distinct(x.out.Ranges, ranges)
	}
	return x.out
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
func (x *extraction) nameless(param string) { x.term(param, "") }
