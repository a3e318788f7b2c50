package booking

import (
	"iter"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// keyOf is the resource of this server at which a Reference points, by Type/id or by an absolute URL below the base, with or without a version
// (https://hl7.org/fhir/R4/references.html#literal). It is false for what is contained, or logical, or elsewhere, or of none of the types.
func keyOf(base string, reference *fhir.Object, types ...string) (fhir.Key, bool) {
	text, version, versioned := strings.Cut(relative(base, reference.Text("reference")), history)
	name, id, _ := strings.Cut(text, "/")
	if !slices.Contains(types, name) || !fhir.ValidID(id) || versioned && !fhir.ValidID(version) {
		return fhir.Key{}, false
	}
	return fhir.Key{Type: name, ID: id}, true
}

const history = "/_history/"

// relative cuts the base off, where there is one.
func relative(base, text string) string {
	if rest, below := strings.CutPrefix(text, base+"/"); below && base != "" {
		return rest
	}
	return text
}

// pointsAt says whether a Reference points at one of the types, here or elsewhere: by its text, or else by its element type. One to a contained resource does not:
// nobody else can point there.
func pointsAt(reference *fhir.Object, types ...string) bool {
	text, _, _ := strings.Cut(reference.Text("reference"), history)
	parts := strings.Split(text, "/")
	switch {
	case strings.HasPrefix(text, "#"):
		return false
	case len(parts) >= 2:
		return slices.Contains(types, parts[len(parts)-2])
	default:
		return slices.Contains(types, reference.Text("type"))
	}
}

// samePlace says whether two References point at the same, in whatever version.
func samePlace(base string, a, b *fhir.Object) bool {
	if x, y := a.Text("reference"), b.Text("reference"); x != "" || y != "" {
		x, _, _ = strings.Cut(relative(base, x), history)
		y, _, _ = strings.Cut(relative(base, y), history)
		return x == y
	}
	x, y := a.Object("identifier"), b.Object("identifier")
	return x != nil && y != nil && fhir.Equal(x, y)
}

// referenceTo is a Reference to a resource of this server.
func referenceTo(key fhir.Key) *fhir.Object {
	return fhir.NewObject(fhir.Member{Name: "reference", Value: key.String()})
}

// extensions are those of an object that have a URL, with their index.
func extensions(o *fhir.Object, url string) iter.Seq2[int, *fhir.Object] {
	return func(yield func(int, *fhir.Object) bool) {
		for i, x := range o.Objects("extension") {
			if x.Text("url") == url && !yield(i, x) {
				return
			}
		}
	}
}
