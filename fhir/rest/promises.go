package rest

import (
	"slices"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
)

// Promises makes the table of promises for what an engine carries out. Of the configuration, what concerns types and search is set here.
func Promises(e *engine.Engine, c conformance.Config) conformance.Promises {
	c.Types, c.Definitions, c.Results = e.Types, e.Rules.Definitions(), search.ResultParams()
	c.SearchLimits = conformance.SearchLimits{Budget: e.SearchBudget, Includes: e.MaxIncludes, Gathered: engine.MaxGathered, Count: search.MaxCount, Links: search.MaxLinks}
	c.Transactions = e.Store.Transactions()
	c.Search = func(resourceType string) conformance.Search { return searchOf(e.RulesOf(resourceType), resourceType) }
	return conformance.New(c)
}

// searchOf takes what is promised of the search of a type from the rules that carry it out.
func searchOf(rules *search.Rules, resourceType string) conformance.Search {
	promised := conformance.Search{
		SortKeys: rules.SortKeys(resourceType), Includes: rules.Includes(resourceType), RevIncludes: rules.RevIncludes(resourceType),
	}
	for _, p := range rules.Params(resourceType) {
		promised.Params = append(promised.Params, conformance.Param{Name: p.Name, Type: p.Type, Definition: p.Definition, Modifiers: p.Modifiers})
		if p.Sortable && !slices.Contains(promised.SortKeys, p.Name) {
			promised.Gathered = append(promised.Gathered, p.Name)
		}
	}
	return promised
}
