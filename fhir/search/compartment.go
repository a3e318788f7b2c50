package search

import (
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// inThemselves are the types of a compartment that is said to hold the resource that it is of, by the parameter {def} of its definition. In the
// compartment of a Patient are of all Patients those that are linked to it.
var inThemselves = []string{"Encounter", "Practitioner", "RelatedPerson"}

// InCompartment says whether resources of a type can be searched in the compartments of another, as in Patient/1/Appointment: both are served, and R4 has
// the one in the compartment of the other (https://hl7.org/fhir/R4/compartmentdefinition.html).
func (r *Rules) InCompartment(compartment, typ string) bool {
	return r.types[compartment] != nil && r.membership(fhir.Key{Type: compartment}, typ) != nil
}

// membership holds for the resources of a type that are in the compartment of a resource; nil where none is ever.
func (r *Rules) membership(of fhir.Key, typ string) Any {
	t := r.types[typ]
	if t == nil {
		return nil
	}
	var clause Any
	for _, name := range r4.Compartment(of.Type)[typ] {
		if p := t.byName[name]; p != nil && p.RefersTo(of.Type) {
			clause = append(clause, Equal{name, of.String()})
		}
	}
	if typ == of.Type && slices.Contains(inThemselves, typ) {
		clause = append(clause, Equal{ID, of.ID})
	}
	return clause
}

// compartment bounds the search to the compartment of Options.
func (p *reading) compartment() error {
	of := p.opt.Compartment
	if of == (fhir.Key{}) {
		return nil
	}
	if !p.rules.InCompartment(of.Type, p.typ) {
		return outside(of, p.typ)
	}
	p.req.Query.All = append(p.req.Query.All, p.rules.membership(of, p.typ))
	return nil
}

// outside refuses the search of a compartment that none of the types is in.
func outside(of fhir.Key, types ...string) error {
	return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "There is no search for %s in the compartment of a %s.", list(types), fhir.Quote(of.Type))
}
