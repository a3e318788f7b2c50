package conformance_test

import (
	"slices"
	"testing"
	"time"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/rest"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// The CapabilityStatement of the real table is valid R4, for the default types and for all, but for the narrative that dom-6 recommends.
func TestCapabilityIsValid(t *testing.T) {
	for _, setting := range [][]string{nil, {"all"}} {
		types, err := conformance.ServedTypes(setting)
		if err != nil {
			t.Fatal(err)
		}
		rules, err := search.NewRules(search.Config{Types: types, BaseURL: "https://example.org/fhir"})
		if err != nil {
			t.Fatal(err)
		}
		store := anystore.Open(t, rules, time.Now)
		e, err := engine.New(t.Context(), engine.Config{Store: store, Rules: rules, Types: types, SearchBudget: 1, MaxIncludes: 1})
		if err != nil {
			t.Fatal(err)
		}
		p := rest.Promises(e, conformance.Config{Release: "1.2.3", BaseURL: "https://example.org", Started: started, Unchecked: validate.Unchecked, Security: table().Security})
		for _, number := range p.VersionNumbers() {
			r, err := fhir.ParseResource(capability(t, p, number))
			if err != nil {
				t.Fatal(err)
			}
			for _, issue := range validate.New().Report(r) {
				if issue.Severity != fhir.Warning {
					t.Errorf("%s: %s", issue.Path, issue.Detail)
				}
			}
			for _, rest := range r.Root().Objects("rest") {
				for _, resource := range rest.Objects("resource") {
					stored := slices.Contains(types, resource.Text("type"))
					if setting == nil && stored && len(resource.Array("searchParam")) < 4 {
						t.Errorf("%s has only %d search parameters", resource.Text("type"), len(resource.Array("searchParam")))
					}
				}
			}
		}
	}
}
