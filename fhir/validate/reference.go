package validate

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// reference checks where a Reference points and whether its element allows a resource of that type
// (https://hl7.org/fhir/R4/references.html#Reference). Whether the resource exists is not asked.
func (w *walk) reference(m *member, o *fhir.Object) {
	literal := o.Text("reference")
	w.scope.link(literal)
	pointed := w.target(literal)
	w.allowed(m, "reference", pointed)

	declared := strings.TrimPrefix(o.Text("type"), "http://hl7.org/fhir/StructureDefinition/")
	switch {
	case declared == "":
	case r4.IsResource(declared):
		if pointed != "" && pointed != declared {
			w.faultAt("type", fhir.CodeBusinessRule, "The type is "+declared+", but the reference points at "+withArticle(pointed)+".")
		} else if pointed == "" {
			w.allowed(m, "type", declared)
		}
	case !strings.Contains(declared, ":"):
		w.faultAt("type", fhir.CodeBusinessRule, fhir.Quote(declared)+" is no resource type of R4.")
	}
}

func (w *walk) allowed(m *member, name, resourceType string) {
	if resourceType == "" || len(m.typ.Targets) == 0 || slices.Contains(m.typ.Targets, resourceType) {
		return
	}
	w.faultAt(name, fhir.CodeBusinessRule, m.name+" may not point at "+withArticle(resourceType)+", only at "+alternatives(m.typ.Targets)+".")
}

// target says at which type a literal reference points, "" when it does not tell. It reports a relative reference that is none.
func (w *walk) target(literal string) string {
	scheme, rest, absolute := strings.Cut(literal, ":")
	switch {
	case literal == "":
		return ""
	case literal[0] == '#':
		return w.scope.contained(literal[1:])
	case absolute && !strings.ContainsAny(scheme, "/?"):
		if scheme != "http" && scheme != "https" {
			return ""
		}
		return typeAtEnd(rest)
	}
	name, query, conditional := strings.Cut(literal, "?")
	if conditional && query != "" && w.scope.bundled && r4.IsResource(name) {
		return name // in a transaction: https://hl7.org/fhir/R4/http.html#trules
	}
	name, id, _ := strings.Cut(literal, "/")
	id, version, versioned := strings.Cut(id, "/_history/")
	switch {
	case !fhir.ValidID(id) || (versioned && !fhir.ValidID(version)):
		w.faultAt("reference", fhir.CodeValue, fhir.Quote(literal)+" is no reference: write Type/id, an absolute URL, a URN, or # and the id of a contained resource.")
		return ""
	case !r4.IsResource(name):
		w.faultAt("reference", fhir.CodeBusinessRule, fhir.Quote(name)+" is no resource type of R4.")
		return ""
	default:
		return name
	}
}

// typeAtEnd finds the type in a URL that ends as that of a RESTful server does, in Type/id or Type/id/_history/version.
func typeAtEnd(url string) string {
	url, _, _ = strings.Cut(url, "/_history/")
	parts := strings.Split(url, "/")
	if n := len(parts); n >= 3 && fhir.ValidID(parts[n-1]) && r4.IsResource(parts[n-2]) {
		return parts[n-2]
	}
	return ""
}
