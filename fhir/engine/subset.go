package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
	"github.com/portico-health/portico/fhir/search"
)

// Subset is the part of a resource that is asked for by _summary and _elements
// (https://hl7.org/fhir/R4/search.html#summary, #elements). Parameters give one of them; the zero Subset is the whole resource.
//
// Every part has the id, meta and the mandatory elements, and implicitRules and modifierExtension: nobody may read the rest without them, and no
// client can know when to list them. Other modifiers are for the client to list, as R4 says. A summary has what the definitions mark,
// also within data types; whether extensions belong to it is left open by R4: those at the root go, others stay with the
// element that they are about. Contained resources are not marked, so that they go, and references to them lead nowhere; _elements may list them.
type Subset struct {
	Summary  search.Summary
	Elements []string // names of elements at the root; nil for all
}

// subsetted is the tag of a resource that is not whole, so that it is not written back by mistake
// (https://hl7.org/fhir/R4/valueset-common-tags.html).
const (
	subsettedSystem = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
	subsettedCode   = "SUBSETTED"
)

// SubsetOf reads which part of a resource of a type a query asks for. Parameters but _summary and _elements are passed over. The error is
// Invalid: names that the type does not have are refused, since there is no place beside a resource to tell of them.
func (e *Engine) SubsetOf(resourceType, query string) (Subset, error) {
	pairs, err := search.SplitQuery(query)
	if err != nil {
		return Subset{}, err
	}
	pairs = slices.DeleteFunc(pairs, func(p search.Pair) bool { return p.Name != "_summary" && p.Name != "_elements" })
	if len(pairs) == 0 {
		return Subset{}, nil
	}
	request, err := e.Rules.Parse(resourceType, pairs, search.Options{Strict: true, Now: fhir.InstantOf(e.Now())})
	switch {
	case err != nil:
		return Subset{}, err
	case request.CountGiven:
		return Subset{}, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "_summary=count counts what a search finds; of a resource there are true, text, data and false.").At("_summary")
	default:
		return Subset{request.Summary, request.Elements}, nil
	}
}

// isWhole says whether nothing is left out.
func (s Subset) isWhole() bool { return s.Summary == "" && s.Elements == nil }

// Of returns the part of a resource, with the tag SUBSETTED. The resource stays as it is; what is in both may be shared.
func (s Subset) Of(r fhir.Resource) fhir.Resource {
	typ := r4.Lookup(r.Type())
	if s.isWhole() || typ == nil {
		return r
	}
	part := fhir.NewObject()
	for name, value := range r.Root().All() {
		element, ref := typ.Root.Child(strings.TrimPrefix(name, "_"))
		switch {
		case name == "resourceType":
			part.Set(name, value)
		case element == nil || !s.keeps(element):
		case s.Summary == search.SummaryTrue:
			if value, ok := summarised(name, value, element, ref); ok {
				part.Set(name, value)
			}
		default:
			part.Set(name, value)
		}
	}
	part.SetAfter("meta", tagged(part.Object("meta")), "id", "resourceType")
	return fhir.NewResource(part)
}

// Version is Of for a version: its body is made anew, everything else stays. The error is Internal.
func (s Subset) Version(v fhir.Version) (fhir.Version, error) {
	if s.isWhole() || v.Body == nil {
		return v, nil
	}
	r, err := stored(v)
	if err != nil {
		return v, err
	}
	v.Body = fhir.AppendJSON(nil, s.Of(r).Root())
	return v, nil
}

// versions is Version for several.
func (s Subset) versions(ctx context.Context, whole []fhir.Version) ([]fhir.Version, error) {
	if s.isWhole() {
		return whole, nil
	}
	parts := make([]fhir.Version, len(whole))
	for i, v := range whole {
		err := ctx.Err()
		if err == nil {
			parts[i], err = s.Version(v)
		}
		if err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// keeps says whether an element at the root is in the part.
func (s Subset) keeps(e *r4.Element) bool {
	if e.Min > 0 || slices.Contains([]string{"id", "meta", "implicitRules", "modifierExtension"}, e.Name) {
		return true
	}
	switch s.Summary {
	case search.SummaryTrue:
		return inSummary(e)
	case search.SummaryText:
		return e.Name == "text"
	case search.SummaryData:
		return e.Name != "text"
	default:
		return slices.Contains(s.Elements, e.Name)
	}
}

// inSummary says whether an element is in the summary of what it belongs to.
func inSummary(e *r4.Element) bool { return e.Summary || e.Modifier || e.Min > 0 }

// summarised is what the summary of an element has of its value, and whether that is anything. A mandatory element of which nothing would
// stay is kept whole.
func summarised(name string, value any, element *r4.Element, ref *r4.TypeRef) (any, bool) {
	below := element.Descend(ref)
	if below == nil || ref.Code == "Extension" || strings.HasPrefix(name, "_") {
		return value, true
	}
	part, ok := summaryOf(value, below)
	if !ok && element.Min > 0 {
		return value, true
	}
	return part, ok
}

// summaryOf is the summary of a value whose children are those of an element, and whether there is anything in it.
func summaryOf(value any, definition *r4.Element) (any, bool) {
	switch v := value.(type) {
	case fhir.Array:
		var items fhir.Array
		for _, item := range v {
			if part, ok := summaryOf(item, definition); ok {
				items = append(items, part)
			}
		}
		return items, len(items) > 0
	case *fhir.Object:
		part := fhir.NewObject()
		for name, value := range v.All() {
			element, ref := definition.Child(strings.TrimPrefix(name, "_"))
			if element == nil || !inSummary(element) && element.Name != "id" && element.Name != "extension" {
				continue
			}
			if value, ok := summarised(name, value, element, ref); ok {
				part.Set(name, value)
			}
		}
		return part, part.Len() > 0
	default:
		return value, true
	}
}

// tagged returns a meta, nil for none, with the tag SUBSETTED.
func tagged(meta *fhir.Object) *fhir.Object {
	tagged := meta.Without()
	if !isSubsetted(meta) {
		tagged.Set("tag", append(slices.Clone(meta.Array("tag")), fhir.NewObject(
			fhir.Member{Name: "system", Value: subsettedSystem}, fhir.Member{Name: "code", Value: subsettedCode},
		)))
	}
	return tagged
}

// isSubsetted says whether a meta has the tag SUBSETTED.
func isSubsetted(meta *fhir.Object) bool {
	for _, tag := range meta.Objects("tag") {
		if tag.Text("system") == subsettedSystem && tag.Text("code") == subsettedCode {
			return true
		}
	}
	return false
}

// refuseSubset refuses to update with a resource that says of itself that it is not whole: "a resource that only contains a subset of the data is not
// suitable for use as a base to update the resource" (https://hl7.org/fhir/R4/http.html#read). Its error is Unprocessable.
func refuseSubset(r fhir.Resource) error {
	if !isSubsetted(r.Root().Object("meta")) {
		return nil
	}
	return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "The tag SUBSETTED says that this is a part of a resource: an update by it would lose the rest. Read the resource without _summary and _elements, and update that.").At(r.Type() + ".meta.tag")
}
