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

func parseSystem(t *testing.T, query string, opt search.Options) ([]search.Request, error) {
	t.Helper()
	pairs, err := search.SplitQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	opt.Now = now
	return mustRules(t).ParseSystem(pairs, opt)
}

// TestSystemSearch finds in each of the types what a search of it would find.
func TestSystemSearch(t *testing.T) {
	rules := mustRules(t)
	w := worldOf(t, rules, clinic...)
	for _, tt := range []struct{ query, types, want, applied string }{
		{"_type=Patient,Appointment,Patient&_id=ann,a1", "Patient Appointment", "ann a1", "_type=Patient,Appointment,Patient&_id=ann,a1"},
		{"_type=Patient,Practitioner&gender=female&_sort=-_lastUpdated&_count=5", "Patient Practitioner", "ann ida", "_type=Patient,Practitioner&gender=female&_sort=-_lastUpdated&_count=5"},
		{"_type=Observation,Appointment&patient.name=ann", "Observation Appointment", "o1 a1", "_type=Observation,Appointment&patient.name=ann"},
		{"_type=Observation,Appointment&status=final", "Observation Appointment", "o1 o2", "_type=Observation,Appointment&status=final"},
		{"_type=Patient&_sort=birthdate", "Patient", "ann bob", "_type=Patient&_sort=birthdate"},
		{"_id=joe", strings.Join(slices.DeleteFunc(slices.Clone(served), func(typ string) bool { return typ == "AuditEvent" }), " "), "joe", "_id=joe"},
		{"_type=AuditEvent&_type=", "AuditEvent", "", "_type=AuditEvent"},
	} {
		requests, err := parseSystem(t, tt.query, search.Options{Strict: true})
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		var types, ids []string
		for _, req := range requests {
			types = append(types, req.Query.Type)
			if found := w.found(req.Query); found != "" {
				ids = append(ids, found)
			}
			if applied := search.JoinQuery(req.Applied); applied != tt.applied {
				t.Errorf("%s applies %s", tt.query, applied)
			}
		}
		if got := strings.Join(types, " "); got != tt.types {
			t.Errorf("%s searches %s", tt.query, got)
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("%s finds %q, want %q", tt.query, got, tt.want)
		}
	}
}

// TestSystemSearchIgnores: what one of the types does not have is asked of none, and told once.
func TestSystemSearchIgnores(t *testing.T) {
	const query = "_type=Patient,Appointment,Slot&gender=female&status=free&_id=x&_elements=name,foo"
	requests, err := parseSystem(t, query, search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, req := range requests {
		if len(req.Query.All) != 1 || search.JoinQuery(req.Applied) != "_type=Patient,Appointment,Slot&_id=x&_elements=name" || !slices.Equal(req.Elements, []string{"name"}) {
			t.Errorf("%+v", req)
		}
		var places []string
		for _, issue := range req.Ignored {
			places = append(places, issue.Path)
		}
		if diff := cmp.Diff([]string{"status", "gender", "_elements"}, places); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := parseSystem(t, query, search.Options{Strict: true}); !errors.Is(err, fhir.Invalid) || !strings.Contains(err.Error(), `Patient has no search parameter "status"`) {
		t.Error(err)
	}
}

func TestSystemSearchRefusals(t *testing.T) {
	for query, detail := range map[string]string{
		"_type=Patient,Foo":                    `R4 has no resource type "Foo". _type takes, with commas between them, Appointment,`,
		"_type=Account":                        "stores no resources of type Account",
		"_type=Patient&_type=Slot":             "one of them can be meant",
		"_type=AuditEvent,Patient":             "Search it by itself",
		"_type=Foo,AuditEvent,Slot":            "Search it by itself",
		"_sort=status":                         `sorts by _lastUpdated or -_lastUpdated alone, not by "status"`,
		"_sort=_lastUpdated,_id":               "alone",
		"_id:foo=x":                            "has no modifier",
		"_type=Patient,Slot&_include=Task:for": "the matches are of type Patient and Slot",
	} {
		if _, err := parseSystem(t, query, search.Options{Strict: true}); !errors.Is(err, fhir.Invalid) || !strings.Contains(err.Error(), detail) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// TestCompartments: https://hl7.org/fhir/R4/compartmentdefinition.html. Task, Slot and Location are in the compartment of no Patient.
func TestCompartments(t *testing.T) {
	rules := mustRules(t)
	for pair, want := range map[[2]string]bool{
		{"Patient", "Appointment"}: true, {"Patient", "Observation"}: true, {"Patient", "Patient"}: true, {"Practitioner", "Practitioner"}: true, {"Encounter", "Encounter"}: true,
		{"Patient", "Task"}: false, {"Patient", "Slot"}: false, {"Patient", "Location"}: false, {"Patient", "Account"}: false, {"Device", "Appointment"}: false, {"Foo", "Patient"}: false,
	} {
		if got := rules.InCompartment(pair[0], pair[1]); got != want {
			t.Errorf("%s in the compartment of %s: %v", pair[1], pair[0], got)
		}
	}
	w := worldOf(t, rules, append(clinic, `{"resourceType":"Patient","id":"twin","link":[{"other":{"reference":"Patient/ann"},"type":"seealso"}]}`)...)
	for _, tt := range []struct{ of, typ, query, want string }{
		{"Patient/ann", "Appointment", "", "a1"},
		{"Patient/ann", "Appointment", "status=cancelled", ""},
		{"Patient/bob", "Observation", "", "o2"},
		{"Practitioner/ida", "Observation", "", "o1"},
		{"Patient/ann", "Patient", "", "twin"},
		{"Practitioner/ida", "Practitioner", "gender=female", "ida"},
		{"Practitioner/joe", "Patient", "", "ann bob"},
	} {
		pairs, err := search.SplitQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		typ, id, _ := strings.Cut(tt.of, "/")
		req, err := rules.Parse(tt.typ, pairs, search.Options{Strict: true, Now: now, Compartment: fhir.Key{Type: typ, ID: id}})
		if err != nil {
			t.Errorf("%s/%s: %v", tt.of, tt.typ, err)
			continue
		}
		if got := w.found(req.Query); got != tt.want || len(req.Applied) != len(pairs) {
			t.Errorf("%s/%s?%s finds %q, want %q", tt.of, tt.typ, tt.query, got, tt.want)
		}
	}
	ann := search.Options{Strict: true, Compartment: fhir.Key{Type: "Patient", ID: "ann"}}
	if _, err := rules.Parse("Task", nil, ann); !errors.Is(err, fhir.NotFound) {
		t.Errorf("tasks of a patient: %v", err)
	}
	if requests, err := parseSystem(t, "_type=Task,Appointment", ann); err != nil || len(requests) != 1 || requests[0].Query.Type != "Appointment" {
		t.Errorf("%+v, %v", requests, err)
	}
	if _, err := parseSystem(t, "_type=Task", ann); !errors.Is(err, fhir.NotFound) {
		t.Errorf("all tasks of a patient: %v", err)
	}
}

// The trail is searched by itself, also where it is all that there is.
func TestSystemSearchOfTheTrailAlone(t *testing.T) {
	rules, err := newRules("AuditEvent")
	if err != nil {
		t.Fatal(err)
	}
	requests, err := rules.ParseSystem(nil, search.Options{})
	if err != nil || len(requests) != 1 || requests[0].Query.Type != "AuditEvent" {
		t.Errorf("%+v, %v", requests, err)
	}
}
