package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// constraints gives what applies to an element: what it states, what the target of its contentReference states
// (http://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.contentReference: invariants come with
// the content), and what SimpleQuantity adds.
func (w *elementWriter) constraints(e elementDefinition) []constraint {
	all := slices.Clone(e.Constraints)
	if e.ContentReference != "" {
		path := strings.TrimPrefix(e.ContentReference, "#")
		target, found := w.byPath[path]
		if !found {
			w.fault(e, "contentReference %s does not exist", e.ContentReference)
		}
		all = append(all, target.Constraints...)
	}
	for _, t := range e.Types {
		for _, p := range t.Profile {
			if p != simpleQuantity {
				w.fault(e, "unknown profile %s", p)
			}
			all = append(all, w.quantity...)
		}
	}
	return all
}

// keys lists the keys of one severity, each once, in the order of the definition.
func keys(all []constraint, severity string) string {
	var found []string
	for _, c := range all {
		if c.Severity == severity && !slices.Contains(found, c.Key) {
			found = append(found, c.Key)
		}
	}
	return strings.Join(found, ",")
}

// simpleQuantityConstraints gives what the profile SimpleQuantity states by itself. It is the one profile that
// R4 uses in its own types.
func (d *definitions) simpleQuantityConstraints() []constraint {
	for _, s := range d.structures {
		if s.URL == simpleQuantity {
			return s.stated()
		}
	}
	return nil
}

// stated gives the constraints that a type states itself, on any of its elements, without inherited ones.
func (s structureDefinition) stated() []constraint {
	var all []constraint
	for _, e := range s.Differential.Elements {
		for _, c := range e.Constraints {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

func writeInvariants(d *definitions, t *table) error {
	owners := d.types()
	owners = append(owners, slices.DeleteFunc(slices.Clone(d.structures), func(s structureDefinition) bool { return s.URL != simpleQuantity })...)
	slices.SortFunc(owners, func(a, b structureDefinition) int { return cmp.Compare(a.Name, b.Name) })
	for _, s := range owners {
		stated := s.stated()
		if len(stated) == 0 {
			continue
		}
		slices.SortFunc(stated, func(a, b constraint) int { return cmp.Compare(a.Key, b.Key) })
		t.section(s.Name)
		for i, c := range stated {
			if i > 0 && c.Key == stated[i-1].Key {
				return fmt.Errorf("%s: two different invariants %s", s.Name, c.Key)
			}
			t.line(c.Key, c.Severity, strings.Join(strings.Fields(c.Expression), " "))
		}
	}
	return nil
}
