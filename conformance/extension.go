package conformance

import (
	"strconv"

	"github.com/portico-health/portico/fhir"
)

// extension is what the StructureDefinition of an extension of this server's own tells (https://hl7.org/fhir/R4/structuredefinition.html): of a whole one, that
// is named by a URL, or of a part, that is named within it.
type extension struct {
	id       string // the end of its URL; of a part all of it
	means    string
	min      int // how often it stands where it stands
	max      string
	typ      string      // of its value; "" where it has parts, or a profile
	target   string      // the type that its reference is to
	codes    string      // the canonical URL of the ValueSet that its codes are of; "" for any
	profile  string      // of a part that is a whole extension: its URL
	parts    []extension // and it has no others
	name     string      // of a whole one
	contexts []context   // of a whole one: where it stands
}

// context is a place of extensions: the type of an element, "Slot", or the URL of the extension that they are in.
type context struct{ kind, expression string }

// structureDefinition writes the StructureDefinition of a whole extension, by what it says otherwise than R4's Extension.
func structureDefinition(x extension) fhir.Resource {
	var contexts fhir.Array
	for _, c := range x.contexts {
		contexts = append(contexts, fhir.NewObject(fhir.Member{Name: "type", Value: c.kind}, fhir.Member{Name: "expression", Value: c.expression}))
	}
	url := ownStructures + x.id
	return fhir.NewResource(fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: "StructureDefinition"},
		fhir.Member{Name: "id", Value: x.id},
		fhir.Member{Name: "url", Value: url},
		fhir.Member{Name: "name", Value: x.name},
		fhir.Member{Name: "status", Value: "active"},
		fhir.Member{Name: "description", Value: x.means},
		fhir.Member{Name: "fhirVersion", Value: "4.0.1"},
		fhir.Member{Name: "kind", Value: "complex-type"},
		fhir.Member{Name: "abstract", Value: false},
		fhir.Member{Name: "context", Value: contexts},
		fhir.Member{Name: "type", Value: "Extension"},
		fhir.Member{Name: "baseDefinition", Value: "http://hl7.org/fhir/StructureDefinition/Extension"},
		fhir.Member{Name: "derivation", Value: "constraint"},
		fhir.Member{Name: "differential", Value: fhir.NewObject(fhir.Member{Name: "element", Value: append(
			fhir.Array{occurrence(element("Extension", "Extension"), x)}, inner("Extension", "Extension", url, x)...)})},
	))
}

// inner are the ElementDefinitions of what an extension has, in the order of R4's Extension: extensions, url, value.
func inner(id, path, url string, x extension) fhir.Array {
	within, value := element(id+".extension", path+".extension"), element(id+".value[x]", path+".value[x]")
	all := fhir.Array{within}
	if x.parts == nil {
		within.Set("max", "0")
		value.Set("min", fhir.Number("1"))
		value.Set("type", fhir.Array{typeOf(x)})
		if x.codes != "" {
			value.Set("binding", fhir.NewObject(fhir.Member{Name: "strength", Value: "required"}, fhir.Member{Name: "valueSet", Value: x.codes}))
		}
	} else {
		within.Set("slicing", fhir.NewObject(
			fhir.Member{Name: "discriminator", Value: fhir.Array{fhir.NewObject(fhir.Member{Name: "type", Value: "value"}, fhir.Member{Name: "path", Value: "url"})}},
			fhir.Member{Name: "rules", Value: "closed"},
		))
		value.Set("max", "0")
	}
	for _, p := range x.parts {
		all = append(all, slice(id, path, p)...)
	}
	named := element(id+".url", path+".url")
	named.Set("fixedUri", url)
	return append(all, named, value)
}

// slice are the ElementDefinitions of a part.
func slice(id, path string, p extension) fhir.Array {
	id, path = id+".extension:"+p.id, path+".extension"
	of := element(id, path)
	of.Set("sliceName", p.id)
	occurrence(of, p)
	if p.profile != "" {
		of.Set("type", fhir.Array{typeOf(p)})
		return fhir.Array{of}
	}
	return append(fhir.Array{of}, inner(id, path, p.id, p)...)
}

// element begins an ElementDefinition.
func element(id, path string) *fhir.Object {
	return fhir.NewObject(fhir.Member{Name: "id", Value: id}, fhir.Member{Name: "path", Value: path})
}

// occurrence says what an extension means, and how often it stands there.
func occurrence(of *fhir.Object, x extension) *fhir.Object {
	of.Set("definition", x.means)
	of.Set("min", fhir.Number(strconv.Itoa(x.min)))
	of.Set("max", x.max)
	return of
}

// typeOf is the type of a value, or of a part that is a whole extension.
func typeOf(x extension) *fhir.Object {
	if x.profile != "" {
		return fhir.NewObject(fhir.Member{Name: "code", Value: "Extension"}, fhir.Member{Name: "profile", Value: fhir.Array{x.profile}})
	}
	t := fhir.NewObject(fhir.Member{Name: "code", Value: x.typ})
	if x.target != "" {
		t.Set("targetProfile", fhir.Array{"http://hl7.org/fhir/StructureDefinition/" + x.target})
	}
	return t
}
