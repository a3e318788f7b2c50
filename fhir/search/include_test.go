package search_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// TestStarLeavesTheTrailOut: everybody who reads a resource leaves an AuditEvent that refers to it.
func TestStarLeavesTheTrailOut(t *testing.T) {
	rules, err := newRules("AuditEvent", "Patient", "Observation")
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]string{
		"_revinclude=*":                  {"Observation", "Patient"},
		"_revinclude:iterate=*":          {"Observation", "Patient"},
		"_revinclude=AuditEvent:*":       {"AuditEvent"},
		"_revinclude=AuditEvent:patient": {"AuditEvent"},
	} {
		req, err := parse(rules, "Patient", query)
		var sources []string
		for _, i := range req.Includes {
			sources = append(sources, i.Source)
		}
		if err != nil || !slices.Equal(sources, want) {
			t.Errorf("%s: %v, want %v: %v", query, sources, want, err)
		}
	}
}

// TestIncludes: the forms of https://hl7.org/fhir/R4/search.html#revinclude.
func TestIncludes(t *testing.T) {
	rules, err := newRules("Appointment", "Location", "Patient", "Practitioner", "Schedule", "Slot")
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"actor", "location", "patient", "practitioner", "slot", "supporting-info"} // the last may be of any type; those that refer to nothing that is served are none
	for _, tt := range []struct {
		typ, query string
		want       []search.Include
	}{
		{"Appointment", "_include=Appointment:patient", []search.Include{{Source: "Appointment", Params: []string{"patient"}}}},
		{"Appointment", "_include=Appointment:actor:Location", []search.Include{{Source: "Appointment", Params: []string{"actor"}, Target: "Location"}}},
		{"Appointment", "_include=Appointment:*", []search.Include{{Source: "Appointment", Params: all}}},
		{"Appointment", "_include=*", []search.Include{{Source: "Appointment", Params: all}}},
		{"Appointment", "_include=Appointment:*:Slot", []search.Include{{Source: "Appointment", Params: []string{"slot", "supporting-info"}, Target: "Slot"}}},
		{"Appointment", "_include=Appointment:patient&_include=Appointment:slot&_include:iterate=Slot:schedule&_include=Appointment:slot", []search.Include{
			{Source: "Appointment", Params: []string{"patient"}}, {Source: "Appointment", Params: []string{"slot"}}, {Source: "Slot", Params: []string{"schedule"}, Iterate: true},
		}},
		{"Slot", "_include:iterate=Schedule:actor:Location", []search.Include{{Source: "Schedule", Params: []string{"actor"}, Target: "Location", Iterate: true}}},
		{"Patient", "_revinclude=Appointment:patient", []search.Include{{Reverse: true, Source: "Appointment", Params: []string{"patient"}}}},
		{"Patient", "_revinclude=Appointment:patient:Patient", []search.Include{{Reverse: true, Source: "Appointment", Params: []string{"patient"}, Target: "Patient"}}},
		{"Schedule", "_revinclude=Slot:*", []search.Include{{Reverse: true, Source: "Slot", Params: []string{"schedule"}}}},
		{"Schedule", "_revinclude=Slot:schedule&_revinclude:iterate=Appointment:slot", []search.Include{
			{Reverse: true, Source: "Slot", Params: []string{"schedule"}}, {Reverse: true, Iterate: true, Source: "Appointment", Params: []string{"slot"}},
		}},
		{"Location", "_revinclude=*", []search.Include{
			{Reverse: true, Source: "Appointment", Params: []string{"actor", "location", "supporting-info"}},
			{Reverse: true, Source: "Location", Params: []string{"partof"}},
			{Reverse: true, Source: "Schedule", Params: []string{"actor"}},
		}},
	} {
		req, err := parse(rules, tt.typ, tt.query)
		if err != nil {
			t.Errorf("%s?%s: %v", tt.typ, tt.query, err)
			continue
		}
		if diff := cmp.Diff(tt.want, req.Includes); diff != "" {
			t.Errorf("%s?%s: %s", tt.typ, tt.query, diff)
		}
	}
	if values := rules.Includes("Appointment"); slices.Contains(values, "Appointment:based-on") || !slices.Contains(values, "Appointment:actor") {
		t.Errorf("the includes of Appointment are %v: based-on refers to ServiceRequest alone, which is not served", values)
	}
	if _, err := parse(rules, "Appointment", "_include=Appointment:based-on"); err == nil || !strings.Contains(err.Error(), `This server serves no type that based-on of "Appointment:based-on" may refer to.`) {
		t.Errorf("what can bring nothing: %v", err)
	}
	for _, v := range rules.Includes("Appointment") {
		if req, err := parse(rules, "Appointment", "_include="+v); err != nil || len(req.Includes) != 1 {
			t.Errorf("_include=%s: %+v, %v", v, req.Includes, err)
		}
	}
	for _, v := range rules.RevIncludes("Location") {
		if req, err := parse(rules, "Location", "_revinclude="+v); err != nil || len(req.Includes) != 1 {
			t.Errorf("_revinclude=%s: %+v, %v", v, req.Includes, err)
		}
	}
	if rules.Includes("Account") != nil || rules.RevIncludes("Account") != nil {
		t.Error("a type that is not served has includes")
	}
	if want := []string{"Appointment:supporting-info", "Slot:schedule"}; !slices.Equal(rules.RevIncludes("Schedule"), want) {
		t.Errorf("%v, want %v", rules.RevIncludes("Schedule"), want)
	}
}

// TestIncludesThatAreNotUnderstood: refused with what would be right, or passed over and told; a modifier that is not known is refused either way.
func TestIncludesThatAreNotUnderstood(t *testing.T) {
	for _, tt := range []struct{ typ, query, place, detail string }{
		{"Appointment", "_include=patient", "_include", `"patient" does not say what refers: write the type, a colon and the parameter, as in Appointment:actor.`},
		{"Appointment", "_include=Foo:patient", "_include", `R4 has no resource type "Foo"`},
		{"Appointment", "_include=Account:patient", "_include", "This server stores no resources of type Account"},
		{"Appointment", "_include=Appointment:foo", "_include", `"foo" is no parameter of Appointment. There are actor, `},
		{"Appointment", "_include=Appointment:status", "_include", `"status" is no parameter of Appointment. There are actor, `},
		{"Appointment", "_include=Appointment:patient:Location", "_include", `"patient" is no parameter of Appointment that refers to Location. There are actor, location`},
		{"Appointment", "_include=Appointment:actor:Account", "_include", `stores no resources of type Account.`},
		{"Appointment", "_include=Slot:schedule", "_include", "the matches are of type Appointment: only with _include:iterate"},
		{"Appointment", "_include=Appointment:patient,Appointment", "_include", `"patient,Appointment" is no parameter`},
		{"Patient", "_revinclude=Slot:schedule", "_revinclude", `There is no parameter of Slot that refers to Patient for "Slot:schedule".`},
		{"Patient", "_revinclude=Appointment:location", "_revinclude", `"location" is no parameter of Appointment that refers to Patient. There are actor, patient`},
	} {
		_, err := parse(mustRules(t), tt.typ, tt.query)
		if !errors.Is(err, fhir.Invalid) || !strings.Contains(err.Error(), tt.detail) || fhir.AsError(err).Issues[0].Path != tt.place {
			t.Errorf("strict %s?%s: %v", tt.typ, tt.query, err)
		}
		req := lenient(t, tt.typ, tt.query)
		if len(req.Ignored) != 1 || !strings.Contains(req.Ignored[0].Detail, tt.detail) || req.Includes != nil || req.Applied != nil {
			t.Errorf("lenient %s?%s: %+v", tt.typ, tt.query, req)
		}
	}
	for query, detail := range map[string]string{
		"_include:recurse=Appointment:patient": "it takes iterate, which R4 has in the place of :recurse",
		"_revinclude:reverse=x":                `no modifier "reverse"; it takes iterate`,
		manyIncludes():                         "There are more than 32",
	} {
		pairs, err := search.SplitQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mustRules(t).Parse("Appointment", pairs, search.Options{Now: now}); !errors.Is(err, fhir.Invalid) || !strings.Contains(err.Error(), detail) {
			t.Errorf("%.60s: %v", query, err)
		}
	}
}

// manyIncludes are one more than are taken, all of them different.
func manyIncludes() string {
	var parts []string
	for _, typ := range served {
		parts = append(parts, "_include:iterate="+typ+":*", "_revinclude:iterate="+typ+":*")
	}
	return strings.Join(parts[:search.MaxIncludeParams+1], "&")
}
