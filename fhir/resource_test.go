package fhir_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
)

func TestParseResource(t *testing.T) {
	r, err := fhir.ParseResource([]byte(`{"resourceType":"Patient","id":"p1","active":true}`))
	if err != nil {
		t.Fatal(err)
	}
	if r.IsZero() || r.Type() != "Patient" || r.ID() != "p1" || r.Key() != (fhir.Key{Type: "Patient", ID: "p1"}) || r.Root().Len() != 3 {
		t.Errorf("read as %s with key %s", encoded(r.Root()), r.Key())
	}
}

func TestParseResourceRefuses(t *testing.T) {
	scenarios := []struct{ text, want string }{
		{`[]`, `structure : A resource is a JSON object, but this is an array.`},
		{`"Patient"`, `structure : A resource is a JSON object, but this is the string "Patient".`},
		{`null`, `structure : A resource is a JSON object, but this is null.`},
		{`{}`, `required resourceType: The resource does not say what it is: the member "resourceType" is missing.`},
		{`{"resourcetype":"Patient"}`, `required resourceType: The resource does not say what it is: the member "resourceType" is missing.`},
		{`{"resourceType":null}`, `structure resourceType: The member "resourceType" must be the name of a resource type, but it is null.`},
		{`{"resourceType":["Patient"]}`, `structure resourceType: The member "resourceType" must be the name of a resource type, but it is an array.`},
		{`{"resourceType":""}`, `structure resourceType: The member "resourceType" must be the name of a resource type, but it is an empty string.`},
		{`{"resourceType":"Patient",}`, `structure Patient: The name of a member should begin here, in quotation marks, but there is '}' (line 1, column 27).`},
	}
	for _, s := range scenarios {
		r, err := fhir.ParseResource([]byte(s.text))
		if !r.IsZero() {
			t.Errorf("%s was read", s.text)
		}
		if diff := cmp.Diff([]string{s.want}, issues(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.text, diff)
		}
	}
}

func TestZeroResourceHasNothing(t *testing.T) {
	var r fhir.Resource
	if !r.IsZero() || !r.Clone().IsZero() || r.Root() != nil || r.Type() != "" || r.ID() != "" || r.Key() != (fhir.Key{}) {
		t.Error("the zero Resource has something")
	}
}

func TestSetID(t *testing.T) {
	scenarios := []struct{ before, after string }{
		{`{"resourceType":"Patient","active":true}`, `{"resourceType":"Patient","id":"new","active":true}`},
		{`{"active":true,"id":"old","resourceType":"Patient"}`, `{"active":true,"id":"new","resourceType":"Patient"}`},
		{`{"active":true}`, `{"id":"new","active":true}`},
	}
	for _, s := range scenarios {
		r := fhir.NewResource(object(t, s.before))
		r.SetID("new")
		if got := encoded(r.Root()); got != s.after {
			t.Errorf("SetID made %s of %s, want %s", got, s.before, s.after)
		}
	}
}

func TestCloneOfAResourceIsApart(t *testing.T) {
	r := fhir.NewResource(object(t, `{"resourceType":"Patient","id":"old"}`))
	r.Clone().SetID("new")
	if r.ID() != "old" {
		t.Error("the clone's id came into the original")
	}
}

func TestDescribe(t *testing.T) {
	scenarios := []struct {
		value any
		want  string
	}{
		{nil, "null"},
		{true, "the boolean true"},
		{false, "the boolean false"},
		{"", "an empty string"},
		{"a\n\"b\"", `the string "a\n\"b\""`},
		{fhir.Number("1.50"), "the number 1.50"},
		{fhir.Number(strings.Repeat("1", 100)), "the number " + strings.Repeat("1", 60) + "…"},
		{fhir.Array{}, "an array"},
		{fhir.NewObject(), "an object"},
		{1, "no JSON value"},
	}
	for _, s := range scenarios {
		if got := fhir.Describe(s.value); got != s.want {
			t.Errorf("Describe(%#v) = %s, want %s", s.value, got, s.want)
		}
	}
}

func TestQuote(t *testing.T) {
	scenarios := []struct{ text, want string }{
		{"", `""`},
		{strings.Repeat("x", 60), `"` + strings.Repeat("x", 60) + `"`},
		{strings.Repeat("x", 61), `"` + strings.Repeat("x", 60) + `…"`},
		{strings.Repeat("é", 60), `"` + strings.Repeat("é", 60) + `"`},
		{strings.Repeat("🏠", 1000), `"` + strings.Repeat("🏠", 60) + `…"`},
		{"a\xff\xfeb", `"a�b"`}, // else the answer that quotes it is no JSON
		{strings.Repeat("\"", 61), `"` + strings.Repeat(`\"`, 60) + `…"`},
	}
	for _, s := range scenarios {
		if got := fhir.Quote(s.text); got != s.want {
			t.Errorf("Quote(%.70q) = %s, want %s", s.text, got, s.want)
		}
	}
}
