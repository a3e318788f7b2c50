package booking

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// keyOf is the resource of this server at which a Reference points, by Type/id or by an absolute URL below the base, with or without a version
// (https://hl7.org/fhir/R4/references.html#literal). It is false for what is contained, or logical, or elsewhere, or of none of the types.
func keyOf(base string, reference *fhir.Object, types ...string) (fhir.Key, bool) {
	text := reference.Text("reference")
	if rest, below := strings.CutPrefix(text, base+"/"); below && base != "" {
		text = rest
	}
	name, id, _ := strings.Cut(text, "/")
	id, version, versioned := strings.Cut(id, "/_history/")
	if !slices.Contains(types, name) || !fhir.ValidID(id) || versioned && !fhir.ValidID(version) {
		return fhir.Key{}, false
	}
	return fhir.Key{Type: name, ID: id}, true
}

// referenceTo is a Reference to a resource of this server.
func referenceTo(key fhir.Key) *fhir.Object {
	return fhir.NewObject(fhir.Member{Name: "reference", Value: key.String()})
}

// extensions are those of an object that have a URL, with their index.
func extensions(o *fhir.Object, url string) func(yield func(int, *fhir.Object) bool) {
	return func(yield func(int, *fhir.Object) bool) {
		for i, x := range o.Objects("extension") {
			if x.Text("url") == url && !yield(i, x) {
				return
			}
		}
	}
}
