package r4_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir/r4"
)

// common are the parameters that every domain resource has.
var common = []string{"_content", "_id", "_lastUpdated", "_profile", "_query", "_security", "_source", "_tag", "_text"}

func find(t *testing.T, typ, code string) r4.SearchParam {
	t.Helper()
	params := r4.SearchParams(typ)
	i := slices.IndexFunc(params, func(p r4.SearchParam) bool { return p.Code == code })
	if i < 0 {
		t.Fatalf("%s has no parameter %s", typ, code)
	}
	return params[i]
}

// TestSearchParamCount compares with the number of parameters at the foot of each resource's page in R4.
func TestSearchParamCount(t *testing.T) {
	for typ, own := range map[string]int{
		"Appointment": 17, "Patient": 23, "Task": 19, "Location": 15, "Slot": 8, "Schedule": 7, "Practitioner": 17,
		"HealthcareService": 12, "Organization": 13, "PractitionerRole": 13, "Observation": 38, "Subscription": 6,
		"AuditEvent": 18, "Provenance": 10,
	} {
		if got := len(r4.SearchParams(typ)) - len(common); got != own {
			t.Errorf("%s has %d own parameters, want %d", typ, got, own)
		}
	}
	for typ, all := range map[string]int{"Resource": 8, "DomainResource": 9, "Parameters": 8, "HumanName": 0, "Foo": 0} {
		if got := len(r4.SearchParams(typ)); got != all {
			t.Errorf("%s has %d parameters, want %d", typ, got, all)
		}
	}
}

func TestSearchParamExpression(t *testing.T) {
	for _, tt := range []struct{ typ, code, kind, expression string }{
		{"Patient", "birthdate", "date", "Patient.birthDate"},
		{"Patient", "email", "token", "Patient.telecom.where(system='email')"},
		{"Patient", "death-date", "date", "(Patient.deceased as dateTime)"},
		{"Patient", "deceased", "token", "Patient.deceased.exists() and Patient.deceased != false"},
		{"Organization", "name", "string", "Organization.name | Organization.alias"},
		{"Appointment", "patient", "reference", "Appointment.participant.actor.where(resolve() is Patient)"},
		{"Observation", "code", "token", "Observation.code"},
		{"Observation", "combo-code-value-quantity", "composite", "Observation | Observation.component"},
		{"Observation", "value-date", "date", "(Observation.value as dateTime) | (Observation.value as Period)"},
		{"Location", "near", "special", "Location.position"},
		{"Patient", "_id", "token", "Resource.id"},
		{"Patient", "_profile", "uri", "Resource.meta.profile"},
		{"Patient", "_text", "string", ""},
		{"InsurancePlan", "name", "string", "InsurancePlan.name | InsurancePlan.alias"}, // "name | alias" in the definitions
	} {
		p := find(t, tt.typ, tt.code)
		if p.Type != tt.kind || p.Expression != tt.expression {
			t.Errorf("%s %s = %s %q, want %s %q", tt.typ, tt.code, p.Type, p.Expression, tt.kind, tt.expression)
		}
	}
}

func TestSearchParamRest(t *testing.T) {
	want := r4.SearchParam{
		Code: "code-value-quantity", Type: "composite", Expression: "Observation",
		URL: "http://hl7.org/fhir/SearchParameter/Observation-code-value-quantity",
		Components: []r4.Component{
			{Definition: "http://hl7.org/fhir/SearchParameter/clinical-code", Expression: "code"},
			{Definition: "http://hl7.org/fhir/SearchParameter/Observation-value-quantity", Expression: "value.as(Quantity)"},
		},
	}
	if diff := gocmp.Diff(want, find(t, "Observation", "code-value-quantity")); diff != "" {
		t.Error(diff)
	}
	if got := find(t, "Appointment", "slot").Targets; !slices.Equal(got, []string{"Slot"}) {
		t.Errorf("targets of slot: %v", got)
	}
	if got := find(t, "Task", "focus").Targets; got != nil {
		t.Errorf("targets of focus: %v, want any", got)
	}
}

// TestSearchParamsOfAllTypes: sorted, unique, of a known type, with an expression that begins with the type's own name.
func TestSearchParamsOfAllTypes(t *testing.T) {
	kinds := []string{"number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"}
	for _, typ := range r4.ResourceTypes() {
		params := r4.SearchParams(typ)
		if !slices.IsSortedFunc(params, func(a, b r4.SearchParam) int { return cmp.Compare(a.Code, b.Code) }) {
			t.Errorf("%s: not sorted", typ)
		}
		for i, p := range params {
			if i > 0 && params[i-1].Code == p.Code {
				t.Errorf("%s: %s twice", typ, p.Code)
			}
			if !slices.Contains(kinds, p.Type) || !strings.HasPrefix(p.URL, "http://hl7.org/fhir/SearchParameter/") {
				t.Errorf("%s %s: %+v", typ, p.Code, p)
			}
			if (p.Type == "composite") != (len(p.Components) > 1) {
				t.Errorf("%s %s: %s with %d components", typ, p.Code, p.Type, len(p.Components))
			}
			for _, target := range p.Targets {
				if p.Type != "reference" || !r4.IsResource(target) {
					t.Errorf("%s %s: target %s", typ, p.Code, target)
				}
			}
			if slices.Contains(common, p.Code) {
				continue
			}
			for part := range strings.SplitSeq(p.Expression, " | ") {
				if part = strings.TrimLeft(part, "("); part != typ && !strings.HasPrefix(part, typ+".") {
					t.Errorf("%s %s: %q", typ, p.Code, p.Expression)
				}
			}
		}
	}
}

// TestComponentsAreParameters: what a composite is made of is a parameter of the same type.
func TestComponentsAreParameters(t *testing.T) {
	for _, typ := range r4.ResourceTypes() {
		urls := map[string]bool{}
		for _, p := range r4.SearchParams(typ) {
			urls[p.URL] = true
		}
		for _, p := range r4.SearchParams(typ) {
			for _, c := range p.Components {
				if !urls[c.Definition] || c.Expression == "" {
					t.Errorf("%s %s: component %+v", typ, p.Code, c)
				}
			}
		}
	}
}
