package search_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// TestAbsenceIsTold: a resource has the empty Term that a sort key names just when the order finds no value of it, and :missing=true means what it always
// did.
func TestAbsenceIsTold(t *testing.T) {
	rules := mustRules(t)
	for _, tt := range []struct {
		resource string
		keys     string // that there is no value of
		missing  string // parameters that are missing
	}{
		{`{"resourceType":"Patient","birthDate":"1999","deceasedBoolean":true,"name":[{"family":"Cara"}]}`, "death-date given", "death-date given"},
		{`{"resourceType":"Patient","deceasedDateTime":"2020","name":[{"family":" ","given":["Ann"]}]}`, "birthdate family", "birthdate"}, // a blank has no place in the order
		{`{"resourceType":"Observation","valueQuantity":{"unit":"g"}}`, "combo-value-quantity component-value-quantity date value-date value-quantity", "component-value-quantity date value-date"},
		{`{"resourceType":"Observation","valueQuantity":{"value":1},"effectivePeriod":{"start":"2020"}}`, "component-value-quantity value-date", "component-value-quantity value-date"},
		{`{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":0.5}]}`, "date", "date"},
		{`{"resourceType":"Subscription"}`, "", ""},
	} {
		typ, x := indexed(t, rules, tt.resource)
		var keys, missing []string
		for _, name := range rules.SortKeys(typ) {
			req := lenient(t, typ, "_sort="+name)
			index := req.Query.Sort[0].Absent
			if (index == "") != (name[0] == '_') || index != "" && search.Owner(index) != name {
				t.Errorf("%s tells the absence of %s under %q", typ, name, index)
			}
			if index != "" && slices.Contains(x.Entries.Terms, search.Term{Param: index}) {
				keys = append(keys, name)
			}
			absent, there := search.Match(lenient(t, typ, name+":missing=true").Query, x), search.Match(lenient(t, typ, name+":missing=false").Query, x)
			if absent {
				missing = append(missing, name)
			}
			if absent == there {
				t.Errorf("%s: %s is missing: %v, and is there: %v", tt.resource, name, absent, there)
			}
		}
		if got := strings.Join(keys, " "); got != tt.keys {
			t.Errorf("%s: there is no value of %q, want %q", tt.resource, got, tt.keys)
		}
		if got := strings.Join(missing, " "); got != tt.missing {
			t.Errorf("%s: :missing finds %q, want %q", tt.resource, got, tt.missing)
		}
	}
}

// TestAbsenceIsToldOfPromisedKeys: other orders have no such Term, for each would be written with every resource.
func TestAbsenceIsToldOfPromisedKeys(t *testing.T) {
	rules := mustRules(t)
	for _, typ := range served {
		r := fhir.NewResource(fhir.NewObject(fhir.Member{Name: "resourceType", Value: typ}, fhir.Member{Name: "id", Value: "a"}))
		for _, term := range rules.Extract(r).Terms {
			if name := search.Owner(term.Param); !slices.Contains(rules.SortKeys(typ), name) {
				t.Errorf("%s without %s has %v", typ, name, term)
			}
		}
		for _, p := range rules.Params(typ) {
			if p.Sortable && !p.Streams {
				if index := lenient(t, typ, "_sort="+p.Name).Query.Sort[0].Absent; index != "" {
					t.Errorf("%s: %s is no promised key and has %q", typ, p.Name, index)
				}
			}
		}
	}
}
