package search

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// Definitions are the SearchParameters of what is served beside R4's core, sorted by id: of this server's own parameters, and the configured ones as they were
// read. Their ids are those in the URL of our own, and of the first base and the code else: "Appointment-comment".
func (r *Rules) Definitions() []fhir.Resource {
	var all []fhir.Resource
	for _, d := range r.beyond {
		all = append(all, d.publish())
	}
	slices.SortFunc(all, func(a, b fhir.Resource) int { return strings.Compare(a.ID(), b.ID()) })
	return all
}

// publish is the SearchParameter of a definition.
func (d Definition) publish() fhir.Resource {
	out := d.read
	if out.IsZero() {
		out = d.write()
	} else {
		out = fhir.NewResource(fhir.Clone(out.Root()).(*fhir.Object))
	}
	id, isOwn := strings.CutPrefix(d.URL, fhir.OwnURL+"SearchParameter/")
	if !isOwn {
		id = d.Bases[0] + "-" + strings.ReplaceAll(d.Code, "_", ".")
	}
	if !fhir.ValidID(id) {
		id = digest(16, "%s", d.URL)
	}
	out.SetID(id)
	return out
}

// write makes the SearchParameter of a definition that was not read from one.
func (d Definition) write() fhir.Resource {
	about := d.about
	if about == "" {
		about = "Finds " + strings.Join(d.Bases, " and ") + " by " + d.Expression + "."
	}
	out := fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: "SearchParameter"},
		fhir.Member{Name: "url", Value: d.URL},
		fhir.Member{Name: "name", Value: d.Code},
		fhir.Member{Name: "status", Value: "active"},
		fhir.Member{Name: "description", Value: about},
		fhir.Member{Name: "code", Value: d.Code},
		fhir.Member{Name: "base", Value: array(d.Bases)},
		fhir.Member{Name: "type", Value: d.Type},
		fhir.Member{Name: "expression", Value: d.Expression},
	)
	if d.Targets != nil {
		out.Set("target", array(d.Targets))
	}
	return fhir.NewResource(out)
}

func array(texts []string) fhir.Array {
	all := make(fhir.Array, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}
