package rest

import (
	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/search"
)

// SearchPromises takes what is promised of search from the rules that carry it out.
func SearchPromises(rules *search.Rules) func(resourceType string) conformance.Search {
	return func(resourceType string) conformance.Search {
		promised := conformance.Search{SortKeys: rules.SortKeys(resourceType), Includes: rules.Includes(resourceType), RevIncludes: rules.RevIncludes(resourceType)}
		for _, p := range rules.Params(resourceType) {
			promised.Params = append(promised.Params, conformance.Param{Name: p.Name, Type: p.Type, Definition: p.Definition, Modifiers: p.Modifiers})
		}
		return promised
	}
}
