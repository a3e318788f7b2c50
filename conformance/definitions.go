package conformance

import (
	"slices"

	"github.com/portico-health/portico/fhir"
)

// definitionTypes are the types of the server's own definitions, as far as resources of these types are not stored: then those are what a type has.
func definitionTypes(c Config) []Type {
	byName := map[string][]fhir.Resource{}
	own := append(slices.Clone(c.Definitions), explainOperation())
	if offersSlots(c.Types) {
		own = append(own, generateOperation())
	}
	own = append(own, extensionDefinitions(c.Types)...)
	for _, d := range own {
		byName[d.Type()] = append(byName[d.Type()], d)
	}
	var types []Type
	for name, all := range byName {
		if slices.Contains(c.Types, name) {
			continue
		}
		types = append(types, Type{
			Name: name, Interactions: []Interaction{Read, SearchType}, Definitions: all, Limit: "These are this server's own definitions.",
			Search: c.Search(name),
		})
	}
	return types
}
