package search

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// TestEveryExpressionCompiles: also those of the parameter types that are not promised yet.
func TestEveryExpressionCompiles(t *testing.T) {
	compiled := 0
	for _, typ := range r4.ResourceTypes() {
		for _, p := range r4.SearchParams(typ) {
			if p.Expression == "" {
				continue
			}
			compiled++
			s, err := compile(typ, p.Expression, func(place) sink { return func(*extraction, any) {} })
			if err != nil || s == nil {
				t.Errorf("%s %s: %v", typ, p.Code, err)
			}
		}
	}
	if compiled < 2000 {
		t.Errorf("only %d expressions", compiled)
	}
}

func TestParseExpression(t *testing.T) {
	for text, want := range map[string]string{
		"Patient.name.family":                        "Patient.name.family",
		"A.b as Quantity":                            "(A.b as Quantity)",
		"A.b | A.c | A.d":                            "((A.b | A.c) | A.d)",
		"A.b|A.c as d":                               "(A.b | (A.c as d))",
		"(A.b as string).text":                       "(A.b as string).text",
		"A.b.as(string)":                             "A.b.as(string)",
		"A.where(system='a b').c":                    "A.where((system = a b)).c",
		"A.where(resolve() is Patient)":              "A.where((resolve() is Patient))",
		"A.b.exists() and A.b != false and A.c=true": "((A.b.exists() and (A.b != false)) and (A.c = true))",
		"A.entry[0].resource":                        "A.entry[0].resource",
		" A . b ":                                    "A.b",
	} {
		e, err := parseExpression(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if e.String() != want {
			t.Errorf("%s is read as %v, want %s", text, e, want)
		}
	}
}

func TestCompileRefusals(t *testing.T) {
	for text, reason := range map[string]string{
		"":                                     "a name was expected",
		"Patient.":                             "a name was expected",
		"Patient.name)":                        "the end was expected",
		"(Patient.name":                        "')' was expected",
		"Patient.name[x]":                      "a number was expected",
		"Patient.where(":                       "a name was expected",
		"Patient.name 'x":                      "the end was expected",
		"Patient.5":                            "a name was expected",
		"Patient.nome":                         "Patient has no element nome",
		"Patient.name.famly":                   "HumanName has no element famly",
		"Patient.birthDate.x":                  "date has no element x",
		"Patient.name.first()":                 "this function is not known",
		"Patient.name.where(given.count())":    "no condition",
		"Patient.name as Foo":                  "Foo is not a type",
		"Patient.active = Patient.gender":      "only a literal",
		"Patient.contact.where(x)":             "no condition",
		"Patient.name.given[0]":                "only the first step",
		"(Patient.name | Patient.alias)[0]":    "only an element",
		"Patient.link.other.where(a is Slot)":  "only resolve()",
		"'x'":                                  "no condition",
		"Patient.name.exists().x":              "boolean has no element x",
		"Patient.name.exists().where(x = 'a')": "boolean has no element x",
		"Patient.name.where(resolve() is Patient).resolve()": "this function is not known",
		"Patient.contained.name":                             "Resource has no element name",
	} {
		_, err := compile("Patient", text, func(place) sink { return func(*extraction, any) {} })
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, want %s", text, err, reason)
		}
	}
}

// TestSelect: what an expression selects, with the type that each value is known to have.
func TestSelect(t *testing.T) {
	const observation = `{"resourceType":"Observation","valueQuantity":{"value":1},"component":[
		{"code":{"text":"a"},"valueString":"x"},{"code":{"text":"b"},"valueQuantity":{"value":2}},{"valueBoolean":false}],"note":[{"text":"n"},null]}`
	for expression, want := range map[string][]string{
		"Observation.component.value":                                      {"string", "Quantity", "boolean"},
		"Observation.component.value as Quantity":                          {"Quantity"},
		"Observation.component.value.as(string)":                           {"string"},
		"Observation.value | Observation.component.value":                  {"Quantity", "string", "Quantity", "boolean"},
		"Observation.component[1].value":                                   {"Quantity"},
		"Observation.component[3].value":                                   nil,
		"Observation.component.where(code.exists()).value":                 {"string", "Quantity"},
		"Observation.component.where(value = 'x').code":                    {"CodeableConcept"},
		"Observation.component.where(value != 'x').code":                   {"CodeableConcept"},
		"Observation.component.value.exists()":                             {"boolean"},
		"Observation.subject.exists()":                                     nil,
		"Observation.component.where(value = false).value":                 {"boolean"},
		"Observation.note":                                                 {"Annotation"},
		"Observation":                                                      {"Observation"},
		"Resource.id":                                                      nil,
		"DomainResource.text":                                              nil,
		"Observation.component.value.exists() and Observation.value = 'x'": nil,
	} {
		r, err := fhir.ParseResource([]byte(observation))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		s, err := compile("Observation", expression, func(at place) sink {
			return func(*extraction, any) { got = append(got, at.code()) }
		})
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		s(&extraction{root: r.Root()}, r.Root())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", expression, diff)
		}
	}
}
