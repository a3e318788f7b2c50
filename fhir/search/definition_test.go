package search_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/search"
)

// definition reads a SearchParameter whose members are told as JSON, over those of a sound one.
func definition(t testing.TB, members string) search.Definition {
	t.Helper()
	sound := mustResource(t, `{"resourceType":"SearchParameter","url":"https://example.org/SearchParameter/comment","code":"comment","base":["Appointment"],"type":"string","expression":"Appointment.comment"}`)
	for name, value := range mustResource(t, `{"resourceType":"SearchParameter"`+members+`}`).Root().All() {
		sound.Root().Set(name, value)
	}
	return search.ReadDefinition(sound, "comment.json")
}

func withCustom(definitions ...search.Definition) (*search.Rules, error) {
	return search.NewRules(search.Config{Types: served, BaseURL: base, Custom: definitions})
}

// TestOwnParameters: what R4's core lacks and the partner faces need.
func TestOwnParameters(t *testing.T) {
	const appointment = `{"resourceType":"Appointment","id":"a","created":"2026-05-04T10:00:00Z","participant":[
		{"actor":{"reference":"HealthcareService/1"}},{"actor":{"reference":"Location/2"}},{"actor":{"reference":"HealthcareService/3"}}]}`
	checkHits(t, appointment, []hit{
		{"created=2026-05-04", true}, {"created=ge2026-05-05", false},
		{"healthcare-service=1", true}, {"healthcare-service=HealthcareService/3", true}, {"healthcare-service=2", false}, {"healthcare-service=Location/2", false},
		{"healthcare-service:HealthcareService=3", true}, {"healthcare-service:missing=true", false},
	})
	const slot = `{"resourceType":"Slot","id":"s","extension":[{"url":"https://example.org/other","valueReference":{"reference":"Appointment/2"}},
		{"url":"` + booking.HolderURL + `","id":"attempt","valueReference":{"reference":"` + base + `/Appointment/1"}}]}`
	checkHits(t, slot, []hit{
		{"appointment=1", true}, {"appointment=Appointment/1", true}, {"appointment=2", false}, {"appointment:missing=true", false},
	})
	for _, p := range mustRules(t).Params("Appointment") {
		if p.Name == "created" && (p.Definition != fhir.OwnURL+"SearchParameter/Appointment-created" || !p.Sortable) {
			t.Errorf("%+v", p)
		}
	}
}

func TestCustomParameters(t *testing.T) {
	rules, err := withCustom(
		definition(t, ""),
		definition(t, `,"code":"label","base":["Patient","Practitioner","Slot"],"expression":"Patient.name.text | (Practitioner.name.text) | Slot.comment | Practitioner.name.where(text = 'a|b').family"`),
		definition(t, `,"code":"maker","type":"reference","base":["Provenance"],"expression":"Provenance.agent.where(role.exists()).who","target":["Practitioner","Organization"]`),
		definition(t, `,"code":"weight","type":"number","expression":"Appointment.priority"`),
		definition(t, `,"code":"dose","type":"quantity","base":["ServiceRequest"],"expression":"ServiceRequest.quantity"`),
		definition(t, `,"code":"uses","type":"uri","base":["Task"],"expression":"Task.instantiatesUri"`),
		definition(t, `,"code":"urgency","type":"token","base":["Task"],"expression":"Task.priority"`),
	)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		resource, query string
		want            bool
	}{
		{`{"resourceType":"Appointment","id":"a","comment":"Ring twice"}`, "comment=ring", true},
		{`{"resourceType":"Appointment","id":"a","comment":"Ring twice"}`, "comment:contains=thrice", false},
		{`{"resourceType":"Patient","id":"p","name":[{"text":"Ann Ash","family":"Elm"}]}`, "label=ann", true},
		{`{"resourceType":"Patient","id":"p","name":[{"text":"Ann Ash","family":"Elm"}]}`, "label=elm", false},
		{`{"resourceType":"Practitioner","id":"p","name":[{"text":"a|b","family":"Elm"}]}`, "label=elm", true},
		{`{"resourceType":"Slot","id":"s","comment":"late"}`, "label:exact=late", true},
		{`{"resourceType":"Provenance","id":"p","agent":[{"role":[{"text":"x"}],"who":{"reference":"Organization/1"}}]}`, "maker=1", true},
		{`{"resourceType":"Provenance","id":"p","agent":[{"who":{"reference":"Organization/1"}}]}`, "maker=1", false},
		{`{"resourceType":"Appointment","id":"a","priority":5}`, "weight=ge5", true},
		{`{"resourceType":"Appointment","id":"a","priority":5}`, "weight=gt5", false},
		{`{"resourceType":"ServiceRequest","id":"s","quantityQuantity":{"value":2,"unit":"mg"}}`, "dose=2||mg", true},
		{`{"resourceType":"Task","id":"t","instantiatesUri":"https://example.org/a/b"}`, "uses:below=https://example.org/a", true},
		{`{"resourceType":"Task","id":"t","priority":"urgent"}`, "urgency=http://hl7.org/fhir/request-priority|urgent", true},
	}
	for _, tt := range tests {
		if got := found(t, rules, tt.resource, tt.query); got != tt.want {
			t.Errorf("?%s finds %v in %s", tt.query, got, tt.resource)
		}
	}
	names := func(typ string) (names []string) {
		for _, p := range rules.Params(typ) {
			names = append(names, p.Name)
		}
		return names
	}
	for typ, code := range map[string]string{"Appointment": "comment", "Patient": "label", "Slot": "label", "Provenance": "maker", "Task": "urgency"} {
		if !slices.Contains(names(typ), code) || !slices.IsSorted(names(typ)) || rules.Stamps()[typ][code] == "" {
			t.Errorf("%s has the parameters %v", typ, names(typ))
		}
	}
}

// TestCustomStamps: another expression or type makes other entries, another URL does not.
func TestCustomStamps(t *testing.T) {
	stamp := func(members string) string {
		rules, err := withCustom(definition(t, members))
		if err != nil {
			t.Fatal(err)
		}
		return rules.Stamps()["Appointment"]["comment"]
	}
	before := stamp("")
	for members, same := range map[string]bool{
		`,"url":"https://example.org/other"`: true, `,"type":"token"`: false, `,"expression":"Appointment.description"`: false,
		`,"base":["Slot","Appointment"],"expression":"Slot.comment|Appointment.comment"`: true,
	} {
		if (stamp(members) == before) != same {
			t.Errorf("with %s the stamp is the same: %t", members, !same)
		}
	}
}

// TestCustomFaults: each is told with its source, and all at once.
func TestCustomFaults(t *testing.T) {
	tests := []struct{ members, want string }{
		{`,"code":"a.b"`, `code: "a.b" is no name`},
		{`,"code":"a:b"`, `code: "a:b" is no name`},
		{`,"code":"_mine"`, `code: "_mine" is no name`},
		{`,"code":7`, `code: "" is no name`},
		{`,"url":"comment"`, `url: "comment" is no absolute URI`},
		{`,"type":"special"`, `type: "special" is not supported: write token`},
		{`,"type":"text"`, `type: "text" is not supported`},
		{`,"base":[]`, `base: it is missing`},
		{`,"base":["Appointment","Account"]`, `base: "Account" is no resource type that this server serves; there are Appointment, `},
		{`,"base":["Resource"],"expression":"Resource.id"`, `base: "Resource" is no resource type`},
		{`,"expression":null`, `expression: it is missing`},
		{`,"expression":"Appointment.coment"`, `expression: the expression "Appointment.coment": Appointment has no element coment`},
		{`,"expression":"Appointment.comment.first()"`, `this function is not known`},
		{`,"expression":"Appointment.comment +"`, `the end was expected`},
		{`,"expression":"Slot.comment"`, `expression: no part of "Slot.comment" begins with Appointment, which is one of the bases`},
		{`,"base":["Slot","Appointment"],"expression":"Slot.comment"`, `begins with Appointment, which is one of the bases`},
		{`,"type":"date"`, `selects nothing that a date parameter is searched by`},
		{`,"code":"status"`, `code: Appointment has a parameter status already, defined by http://hl7.org/fhir/SearchParameter/Appointment-status`},
		{`,"code":"created"`, `defined by ` + fhir.OwnURL},
		{`,"base":["Patient"],"code":"phonetic","expression":"Patient.name"`, `Patient has a parameter phonetic already`},
		{`,"target":["Patient","Paitent"]`, `target: "Paitent" is no resource type of R4`},
		{`,"xpathUsage":"phonetic"`, `xpathUsage: "phonetic" is not supported`},
	}
	var all []search.Definition
	for _, tt := range tests {
		d := definition(t, tt.members)
		_, err := withCustom(d)
		var e *fhir.Error
		if !errors.As(err, &e) || e.Kind != fhir.Invalid || len(e.Issues) != 1 || e.Issues[0].Path != "comment.json" || !strings.Contains(e.Issues[0].Detail, tt.want) {
			t.Errorf("%s: %v, want %s", tt.members, err, tt.want)
		}
		all = append(all, d)
	}
	_, err := withCustom(all...)
	var e *fhir.Error
	if !errors.As(err, &e) || len(e.Issues) != len(tests) {
		t.Errorf("together they have %d faults: %v", len(tests), err)
	}
	twice, other := definition(t, ""), definition(t, `,"url":"https://example.org/other"`)
	other.Source = "other.json"
	if _, err := withCustom(twice, other); !errors.As(err, &e) || cmp.Diff("other.json", e.Issues[0].Path) != "" || !strings.Contains(e.Issues[0].Detail, "defined by https://example.org/SearchParameter/comment") {
		t.Errorf("two of one name: %v", err)
	}
}
