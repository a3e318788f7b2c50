package search_test

import (
	"slices"
	"testing"
)

// The tables of https://hl7.org/fhir/R4/search.html, row by row, for strings, tokens and references.

// TestTableOfStrings: "Any patients with a name containing a given part with eve at the start"; "... with a given part containing eve at any position";
// "... a given name that is exactly Eve. Note: This would not include patients with the given name EVE".
func TestTableOfStrings(t *testing.T) {
	queries := []string{"given=eve", "given:contains=eve", "given:exact=Eve"}
	for given, want := range map[string][]bool{
		"Eve":       {true, true, true},
		"Evelyn":    {true, true, false},
		"Severine":  {false, true, false},
		"EVE":       {true, true, false},
		"Ève":       {true, true, false},
		"E.V.E.":    {false, false, false}, // a full stop parts words
		"E'v'e":     {true, true, false},
		"Anne Eve":  {false, true, false},
		"  eve":     {true, true, false},
		"Mary-Eve":  {false, true, false},
		"Ev e":      {false, false, false},
		"Eugenevev": {false, true, false},
	} {
		for i, query := range queries {
			checkHits(t, `{"resourceType":"Patient","id":"p","name":[{"given":["`+given+`"]}]}`, []hit{{query, want[i]}})
		}
	}
}

// TestTableOfTokens: the four forms (code, system|code, |code, system|) against each type of element that a token is of, with and without a system.
func TestTableOfTokens(t *testing.T) {
	const refused = "refused"
	rules := mustRules(t)
	for _, row := range []struct {
		kind, param, system, resource string
		code                          string
		want                          [4]string // of x, system|x, |x, system|
	}{
		{"Coding", "_tag", "https://example.org/s", `{"resourceType":"Slot","meta":{"tag":[{"system":"https://example.org/s","code":"x"}]}}`, "x", [4]string{"yes", "yes", "no", "yes"}},
		{"Coding, no system", "_tag", "https://example.org/s", `{"resourceType":"Slot","meta":{"tag":[{"code":"x"}]}}`, "x", [4]string{"yes", "no", "yes", "no"}},
		{"CodeableConcept", "specialty", "https://example.org/s", `{"resourceType":"Slot","specialty":[{"coding":[{"system":"https://example.org/s","code":"x"}]}]}`, "x", [4]string{"yes", "yes", "no", "yes"}},
		{"CodeableConcept, no system", "specialty", "https://example.org/s", `{"resourceType":"Slot","specialty":[{"coding":[{"code":"x"}]}]}`, "x", [4]string{"yes", "no", "yes", "no"}},
		{"CodeableConcept, of both", "specialty", "https://example.org/s", `{"resourceType":"Slot","specialty":[{"coding":[{"code":"x"},{"system":"https://example.org/s","code":"x"}]}]}`, "x", [4]string{"yes", "yes", "yes", "yes"}},
		{"CodeableConcept, text alone", "specialty", "https://example.org/s", `{"resourceType":"Slot","specialty":[{"text":"x"}]}`, "x", [4]string{"no", "no", "no", "no"}},
		{"Identifier", "identifier", "https://example.org/s", `{"resourceType":"Slot","identifier":[{"system":"https://example.org/s","value":"x"}]}`, "x", [4]string{"yes", "yes", "no", "yes"}},
		{"Identifier, no system", "identifier", "https://example.org/s", `{"resourceType":"Slot","identifier":[{"value":"x"}]}`, "x", [4]string{"yes", "no", "yes", "no"}},
		{"code", "status", "http://hl7.org/fhir/slotstatus", `{"resourceType":"Slot","status":"free"}`, "free", [4]string{"yes", "yes", "no", "yes"}},
		{"code, another system", "status", "https://example.org/s", `{"resourceType":"Slot","status":"free"}`, "free", [4]string{"yes", "no", "no", "no"}},
		{"ContactPoint", "telecom", "https://example.org/s", `{"resourceType":"Patient","telecom":[{"system":"email","value":"x"}]}`, "x", [4]string{"yes", refused, refused, refused}},
		{"boolean", "active", "http://hl7.org/fhir/special-values", `{"resourceType":"Patient","active":true}`, "true", [4]string{"yes", refused, refused, refused}},
		{"id", "_id", "https://example.org/s", `{"resourceType":"Slot","id":"x"}`, "x", [4]string{"yes", refused, refused, refused}},
		{"string", "altid", "https://example.org/s", `{"resourceType":"AuditEvent","agent":[{"altId":"X"}]}`, "x", [4]string{"yes", refused, refused, refused}},
	} {
		for i, value := range []string{row.code, row.system + "|" + row.code, "|" + row.code, row.system + "|"} {
			typ := mustResource(t, row.resource).Type()
			got := refused
			if _, err := parse(rules, typ, row.param+"="+value); err == nil {
				got = "no"
				if found(t, rules, row.resource, row.param+"="+value) {
					got = "yes"
				}
			}
			if got != row.want[i] {
				t.Errorf("%s: %s=%s: %s, want %s", row.kind, row.param, value, got, row.want[i])
			}
		}
	}
}

// TestTableOfReferences: each form in a search against each form in a resource.
func TestTableOfReferences(t *testing.T) {
	const foreign = "https://other.example.org/fhir/Patient/23"
	forms := map[string]string{ // of a value, as in a resource
		"relative":          `{"reference":"Patient/23"}`,
		"absolute, own":     `{"reference":"` + base + `/Patient/23"}`,
		"absolute, foreign": `{"reference":"` + foreign + `"}`,
		"versioned":         `{"reference":"Patient/23/_history/4"}`,
		"identifier":        `{"type":"Patient","identifier":{"system":"https://example.org/mrn","value":"23"}}`,
	}
	for query, finds := range map[string][]string{
		"subject=23":                                              {"relative", "absolute, own", "versioned"},
		"subject=Patient/23":                                      {"relative", "absolute, own", "versioned"},
		"subject:Patient=23":                                      {"relative", "absolute, own", "versioned"},
		"patient=23":                                              {"relative", "absolute, own", "versioned"},
		"subject=" + base + "/Patient/23":                         {"relative", "absolute, own", "versioned"},
		"subject=" + foreign:                                      {"absolute, foreign"},
		"subject=Patient/23/_history/4":                           {"versioned"},
		"subject=Patient/23/_history/5":                           nil,
		"subject=" + base + "/Patient/23/_history/4":              {"versioned"},
		"subject:identifier=https://example.org/mrn|23":           {"identifier"},
		"subject:identifier=23":                                   {"identifier"},
		"patient:identifier=https://example.org/mrn|":             {"identifier"},
		"subject=Group/23":                                        nil,
		"subject=24":                                              nil,
		"subject:missing=false":                                   {"relative", "absolute, own", "absolute, foreign", "versioned", "identifier"},
		"subject=24,Patient/23":                                   {"relative", "absolute, own", "versioned"},
		"subject:identifier=https://example.org/mrn|24,http://x|": nil,
	} {
		for form, value := range forms {
			checkHits(t, `{"resourceType":"Observation","id":"o","subject":`+value+`}`, []hit{{query, slices.Contains(finds, form)}})
		}
	}
	for query, finds := range map[string][]string{
		"depends-on=https://example.org/Library/a":    {"https://example.org/Library/a", "https://example.org/Library/a|2"},
		"depends-on=https://example.org/Library/a|2":  {"https://example.org/Library/a|2"},
		`depends-on=https://example.org/Library/a\|2`: {"https://example.org/Library/a|2"},
		"depends-on=https://example.org/Library/a|3":  nil,
		"depends-on=https://example.org/Library/":     nil,
		"depends-on:missing=false":                    {"https://example.org/Library/a", "https://example.org/Library/a|2"},
	} {
		for _, canonical := range []string{"https://example.org/Library/a", "https://example.org/Library/a|2"} {
			checkHits(t, `{"resourceType":"PlanDefinition","id":"d","library":["`+canonical+`"]}`, []hit{{query, slices.Contains(finds, canonical)}})
		}
	}
}
