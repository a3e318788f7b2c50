package validate

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// rule is an invariant of R4, programmed by hand from its FHIRPath expression. broken returns "" when it holds, else a sentence that
// says what would be right.
type rule struct {
	key      string
	severity fhir.Severity
	broken   func(node) string
}

// rules holds the programmed invariants by key: families by the types that state them. Keys that mean different things
// in different types have the type before them.
var rules = merge(elementRules, resourceRules, bookingRules, clinicalRules, quantityRules, timingRules, bundleRules)

// elsewhere are the invariants that another part of the walk keeps: narrative.go, and containedRules.
var elsewhere = []string{"txt-1", "txt-2", "dom-2", "dom-3", "dom-4", "dom-5"}

func merge(families ...map[string]func(node) string) map[string]func(node) string {
	all := map[string]func(node) string{}
	for _, family := range families {
		for key, broken := range family {
			all[key] = broken
		}
	}
	return all
}

// find looks up an invariant as it is meant by a type.
func find(owner, key string) (func(node) string, bool) {
	broken, ok := rules[owner+" "+key]
	if !ok {
		broken, ok = rules[key]
	}
	return broken, ok
}

// rulesOf gives the programmed rules among the keys that a type states.
func rulesOf(owner string, errors, warnings []string) []rule {
	var list []rule
	for _, key := range slices.Concat(errors, warnings) {
		if broken, ok := find(owner, key); ok {
			severity := fhir.Severe
			if slices.Contains(warnings, key) {
				severity = fhir.Warning
			}
			list = append(list, rule{key, severity, broken})
		}
	}
	return list
}

// join adds the rules of another list that are not yet in the first.
func join(a, b []rule) []rule {
	for _, r := range b {
		if !slices.ContainsFunc(a, func(known rule) bool { return known.key == r.key }) {
			a = append(a, r)
		}
	}
	return a
}

// obey holds an object against invariants.
func (w *walk) obey(rules []rule, o *fhir.Object) {
	for _, r := range rules {
		if r.severity == fhir.Warning && !w.warnings {
			continue
		}
		if says := r.broken(node{o, w.scope}); says != "" {
			w.report.add(r.severity, fhir.CodeInvariant, w.where(), says+" ("+r.key+").")
		}
	}
}

// Unchecked lists the keys of the invariants that R4 states for a resource type and its data types and that no rule keeps, sorted. It
// is empty for the types that are served by default, and nil for a name that is no resource type.
func Unchecked(resourceType string) []string {
	if !r4.IsResource(resourceType) {
		return nil
	}
	missing := map[string]bool{}
	seen := map[*r4.Element]bool{}
	var look func(e *r4.Element)
	look = func(e *r4.Element) {
		if seen[e] {
			return
		}
		seen[e] = true
		owner, _, _ := strings.Cut(e.Path, ".")
		for _, key := range slices.Concat(e.Invariants, e.Warnings) {
			if _, ok := find(owner, key); !ok && !slices.Contains(elsewhere, key) {
				missing[key] = true
			}
		}
		for i := range e.Types {
			if below := e.Descend(&e.Types[i]); below != nil && below != e {
				look(below)
			}
		}
		for _, child := range e.Children {
			look(child)
		}
	}
	look(r4.Lookup(resourceType).Root)
	keys := make([]string, 0, len(missing))
	for key := range missing {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
