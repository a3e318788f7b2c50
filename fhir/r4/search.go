package r4

import (
	"cmp"
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed searchparams.txt
var searchTable string

// SearchParam is a search parameter of the R4 core for one resource type
// (http://hl7.org/fhir/R4/searchparameter-registry.html).
type SearchParam struct {
	Code string // the name in a search: "birthdate"
	Type string // number, date, string, token, reference, composite, quantity, uri or special
	URL  string // canonical URL of the definition; shared by the types that a definition serves

	// Expression is the part of the definition's FHIRPath expression that applies to the resource type:
	// "Patient.birthDate". It is empty for _content, _query and _text, which have none.
	Expression string

	// Targets are the resource types that a reference parameter may point at; empty means any.
	Targets []string

	Components []Component // of a composite, in their order
}

// Component is one part of a composite search parameter.
type Component struct {
	Definition string // canonical URL of the parameter that says how the part is compared
	Expression string // FHIRPath, relative to what the composite's own expression selects
}

var searchIndex = sync.OnceValue(func() map[string]func() []SearchParam {
	own := index(searchTable)
	byType := make(map[string]func() []SearchParam)
	for name, s := range typeSections() {
		if s.typeHead().kind == Resource {
			byType[name] = sync.OnceValue(func() []SearchParam { return decodeParams(own, name) })
		}
	}
	return byType
})

// SearchParams returns the core search parameters of a resource type, ordered by code: its own and those of Resource
// and DomainResource (_id, _lastUpdated, _tag, ...), whose expressions begin with that type ("Resource.id"). For
// "Resource" it is those that every type has. The parameters that R4 publishes as examples or for an extension are
// left out, and so are what is not a search parameter but controls the search (_sort, _include, _filter, ...). It is
// nil for what is no resource type. The result is shared and must not be changed.
func SearchParams(resourceType string) []SearchParam {
	if decode := searchIndex()[resourceType]; decode != nil {
		return decode()
	}
	return nil
}

// decodeParams reads the parameters of a type and of the types that it inherits from.
func decodeParams(own map[string]section, name string) []SearchParam {
	var params []SearchParam
	for ; name != ""; name = typeSections()[name].typeHead().base {
		for line := range own[name].lines() {
			params = append(params, searchParam(line))
		}
	}
	slices.SortFunc(params, func(a, b SearchParam) int { return cmp.Compare(a.Code, b.Code) })
	return slices.Clip(params)
}

// searchParam reads: code, type, URL, expression, targets, then for each component its definition and its expression.
func searchParam(line string) SearchParam {
	var f [6]string
	fields(line, f[:5])
	p := SearchParam{Code: f[0], Type: f[1], URL: f[2], Expression: f[3], Targets: list(f[4])}
	columns := strings.Split(line, "\t")
	for i := 5; i+1 < len(columns); i += 2 {
		p.Components = append(p.Components, Component{Definition: columns[i], Expression: columns[i+1]})
	}
	return p
}
