package search_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// What is configured is published as it was read, under an id that is the server's.
func TestDefinitions(t *testing.T) {
	custom, err := fhir.ParseResource([]byte(`{"resourceType":"SearchParameter","id":"mine","url":"https://example.org/p","name":"Title","status":"draft","description":"By title.",` +
		`"code":"my_title","base":["Patient"],"type":"string","expression":"Patient.name.prefix"}`))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := search.NewRules(search.Config{Types: []string{"Patient", "Appointment"}, Custom: []search.Definition{search.ReadDefinition(custom, "p.json")}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rules.Definitions() {
		got = append(got, r.ID()+" "+r.Root().Text("status")+" "+r.Root().Text("url"))
	}
	want := []string{
		"Appointment-created active https://github.com/portico-health/portico/fhir/SearchParameter/Appointment-created",
		"Appointment-healthcare-service active https://github.com/portico-health/portico/fhir/SearchParameter/Appointment-healthcare-service",
		"Patient-my.title draft https://example.org/p",
		"Resource-since active https://github.com/portico-health/portico/fhir/SearchParameter/Resource-since",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if custom.ID() != "mine" {
		t.Errorf("what was read is changed: %s", custom.ID())
	}
	if rules, err := search.NewRules(search.Config{Types: []string{"Patient"}}); err != nil || len(rules.Definitions()) != 1 {
		t.Errorf("%v, %v", rules.Definitions(), err)
	}
}
