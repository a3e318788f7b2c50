package search_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
	"github.com/portico-health/portico/fhir/search"
)

// worldOf is a world of resources.
func worldOf(t testing.TB, rules *search.Rules, resources ...string) world {
	t.Helper()
	w := world{}
	for _, text := range resources {
		typ, x := indexed(t, rules, text)
		w[typ] = append(w[typ], x)
	}
	return w
}

// find is a search, and the ids of what it finds in the order of their ids.
type find struct{ typ, query, want string }

func checkFinds(t *testing.T, rules *search.Rules, w world, finds []find) {
	t.Helper()
	for _, f := range finds {
		req, err := parse(rules, f.typ, f.query)
		if err != nil {
			t.Errorf("%s?%s: %v", f.typ, f.query, err)
			continue
		}
		if got := w.found(req.Query); got != f.want {
			t.Errorf("%s?%s finds %q, want %q: %v", f.typ, f.query, got, f.want, req.Query.All)
		}
	}
}

// clinic is a small world: two patients, their doctors and places, and what was done for them.
var clinic = []string{
	`{"resourceType":"Organization","id":"org1","name":"High Street Surgery"}`,
	`{"resourceType":"Organization","id":"org2","name":"Low Road Clinic","partOf":{"reference":"Organization/org1"}}`,
	`{"resourceType":"Practitioner","id":"joe","name":[{"family":"Joe"}],"gender":"male"}`,
	`{"resourceType":"Practitioner","id":"ida","name":[{"family":"Ida"}],"gender":"female","address":[{"state":"MN"}]}`,
	`{"resourceType":"PractitionerRole","id":"role","practitioner":{"reference":"Practitioner/ida"},"organization":{"reference":"Organization/org2"}}`,
	`{"resourceType":"Location","id":"room","name":"Ann's Room"}`,
	`{"resourceType":"Patient","id":"ann","name":[{"family":"Ann"}],"gender":"female","birthDate":"1980-05-01","identifier":[{"system":"urn:x","value":"1"}],
		"managingOrganization":{"reference":"Organization/org2"},"generalPractitioner":[{"reference":"Practitioner/joe"},{"reference":"Practitioner/ida"}]}`,
	`{"resourceType":"Patient","id":"bob","name":[{"family":"Bob"}],"gender":"male","birthDate":"2015-05-01","generalPractitioner":[{"reference":"Practitioner/joe"}]}`,
	`{"resourceType":"Appointment","id":"a1","status":"booked","participant":[{"actor":{"reference":"Patient/ann"}},{"actor":{"reference":"Location/room"}}]}`,
	`{"resourceType":"Appointment","id":"a2","status":"cancelled","participant":[{"actor":{"reference":"` + base + `/Patient/bob"}}]}`,
	`{"resourceType":"Appointment","id":"a3","status":"booked","participant":[{"actor":{"reference":"Patient/gone"}}]}`,
	`{"resourceType":"Observation","id":"o1","status":"final","code":{"coding":[{"code":"c1"}]},"subject":{"reference":"Patient/ann"},"performer":[{"reference":"Practitioner/ida"}]}`,
	`{"resourceType":"Observation","id":"o2","status":"final","code":{"coding":[{"code":"c2"}]},"subject":{"reference":"Patient/bob"},"performer":[{"reference":"Practitioner/joe"}]}`,
	`{"resourceType":"Provenance","id":"p1","target":[{"reference":"Observation/o2"}],"agent":[{"who":{"reference":"Practitioner/ida"}}]}`,
}

// TestChains: https://hl7.org/fhir/R4/search.html#chaining and #has, with the examples of the pages.
func TestChains(t *testing.T) {
	rules := mustRules(t)
	checkFinds(t, rules, worldOf(t, rules, clinic...), []find{
		{"Appointment", "patient.name=an", "a1"},
		{"Appointment", "patient.name=ann,bob", "a1 a2"},
		{"Appointment", "patient.name:exact=ann", ""},
		{"Appointment", "patient.name:exact=Ann", "a1"},
		{"Appointment", "patient.birthdate=ge2000", "a2"},
		{"Appointment", "patient.gender:not=male", "a1"},
		{"Appointment", "patient.organization:missing=true", "a2"},
		{"Appointment", "patient.organization:missing=false", "a1"},
		{"Appointment", "patient._id=ann,gone", "a1"}, // one that is not there is not found
		{"Appointment", "patient._lastUpdated=lt2026-12-01", "a1 a2"},
		{"Appointment", "actor:Patient.name=ann", "a1"},
		{"Appointment", "actor.name=ann", "a1"}, // also the room
		{"Appointment", "actor:Location.name=ann", "a1"},
		{"Appointment", "actor:Location.name=bob", ""},
		{"Appointment", "actor.birthdate=2015", "a2"}, // only a Patient has one
		{"Appointment", "patient.organization.name=low", "a1"},
		{"Appointment", "patient.organization.partof.name=high", "a1"},
		{"Appointment", "patient.organization.partof:Organization.name=low", ""},
		{"Appointment", "patient.general-practitioner=Practitioner/joe", "a1 a2"},
		{"Appointment", "patient.general-practitioner:Practitioner=ida", "a1"},
		{"Observation", "subject:Patient.identifier=urn:x|1", "o1"},
		{"Observation", "subject.identifier=1", "o1"},
		{"Patient", "general-practitioner.name=Joe&general-practitioner.address-state=MN", "ann"}, // "each chain is evaluated separately"
		{"Patient", "general-practitioner:Practitioner.name=joe&organization.name=low", "ann"},
		{"Patient", "_has:Observation:patient:code=c1", "ann"},
		{"Patient", "_has:Observation:patient:code=c1,c2", "ann bob"},
		{"Patient", "_has:Observation:patient:code:not=c1", "bob"},
		{"Patient", "_has:Observation:patient:code:missing=true", ""},
		{"Patient", "_has:Observation:patient:performer.name=ida", "ann"},
		{"Patient", "_has:Observation:patient:_id=o2", "bob"},
		{"Patient", "_has:Observation:patient:_has:Provenance:target:agent=ida", "bob"},
		{"Patient", "_has:Observation:patient:_has:Provenance:target:agent.gender=female", "bob"},
		{"Patient", "_has:Appointment:actor:status=booked", "ann"},
		{"Appointment", "patient._has:Observation:patient:code=c2", "a2"},
		{"Location", "_has:Appointment:location:patient.name=ann", "room"},
		{"Organization", "_has:Patient:organization:gender=female&name=low", "org2"},
	})
}

// TestChainsThatAreUnknown: refused where the search is strict, and told where it is lenient, with the link that is not known.
func TestChainsThatAreUnknown(t *testing.T) {
	for _, tt := range []struct{ typ, name, detail string }{
		{"Appointment", "foo.name", `In "foo.name": Appointment has no search parameter "foo". There are _id,`},
		{"Appointment", "status.name", `In "status.name": The parameter status of Appointment is no reference`},
		{"Appointment", "patient.organization.foo", `Organization has no search parameter "foo".`},
		{"Appointment", "patient._count", `Patient has no search parameter "_count".`},
		{"Appointment", "patient.", `Patient has no search parameter "".`},
		{"Appointment", ".name", `Appointment has no search parameter "".`},
		{"Appointment", "actor.foo", `None of the types that actor may refer to, HealthcareService, Location, Patient, Practitioner and PractitionerRole, has a search parameter "foo".`},
		{"Appointment", "actor:RelatedPerson.name", `stores no resources of type RelatedPerson.`},
		{"Patient", "_has:Foo:patient:code", `R4 has no resource type "Foo". Write _has, the type that refers`},
		{"Patient", "_has:Observation:code:code", `Observation has no parameter "code" that refers to Patient. There are `},
		{"Patient", "_has:Slot:schedule:status", `Slot has no parameter "schedule" that refers to Patient.`},
		{"Patient", "_has:Observation:patient:foo", `Observation has no search parameter "foo".`},
		{"Patient", "_has:Observation:patient:performer.foo", `None of the types that performer may refer to`},
	} {
		_, err := parse(mustRules(t), tt.typ, tt.name+"=1")
		if !errors.Is(err, fhir.Invalid) || !strings.Contains(err.Error(), tt.detail) || fhir.AsError(err).Issues[0].Path != tt.name {
			t.Errorf("strict %s: %v", tt.name, err)
		}
		req := lenient(t, tt.typ, tt.name+"=1")
		if len(req.Ignored) != 1 || !strings.Contains(req.Ignored[0].Detail, tt.detail) || req.Query.All != nil || req.Applied != nil {
			t.Errorf("lenient %s: %+v", tt.name, req)
		}
	}
}

// TestChainsThatAreRefused: what is known but not understood, and what goes too far, strict or not.
func TestChainsThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		typ, query, detail string
		kind               fhir.Kind
	}{
		{"Appointment", "patient:Location.name=x", `The parameter patient of Appointment does not refer to "Location"; it refers to Patient.`, fhir.Invalid},
		{"Appointment", "patient.name:above=x", `The parameter name has no modifier "above"; it takes`, fhir.Invalid},
		{"Appointment", "patient.birthdate=x", "x", fhir.Invalid},
		{"Appointment", "actor.birthdate=zz2020", "the prefix", fhir.Invalid},
		{"Patient", "_has=1", "_has has not all of its parts. Write _has, the type that refers", fhir.Invalid},
		{"Patient", "_has:Observation:patient=1", "not all of its parts", fhir.Invalid},
		{"Patient", "_has:Observation:patient:=1", "not all of its parts", fhir.Invalid},
		{"Organization", "partof.partof.partof.partof.partof.name=x", "goes along more than 4 references", fhir.TooCostly},
		{"Organization", "_has:Organization:partof:_has:Organization:partof:partof.partof.partof.name=x", "goes along more than 4 references", fhir.TooCostly},
		{"Task", "focus.focus.focus.focus.identifier=x", "comparisons", fhir.TooCostly},
	} {
		pairs, err := search.SplitQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		for _, strict := range []bool{true, false} {
			if _, err := mustRules(t).Parse(tt.typ, pairs, search.Options{Strict: strict, Now: now}); !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.detail) {
				t.Errorf("%s?%s: %v", tt.typ, tt.query, err)
			}
		}
	}
	if _, err := parse(mustRules(t), "Organization", "partof.partof.partof.partof.name=x"); err != nil {
		t.Errorf("as far as is allowed: %v", err)
	}
	everything, err := newRules(r4.ResourceTypes()...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(everything, "Task", "focus.subject.organization.partof.identifier=x"); !errors.Is(err, fhir.TooCostly) || !strings.Contains(err.Error(), "Say which type is meant") {
		t.Errorf("a chain over all types: %v", err)
	}
	many := strings.TrimSuffix(strings.Repeat("x,", search.MaxValues), ",")
	if _, err := parse(mustRules(t), "Appointment", "actor.identifier="+many); !errors.Is(err, fhir.TooCostly) || !strings.Contains(err.Error(), "comparisons") {
		t.Errorf("tests within chains are not counted: %v", err)
	}
}
