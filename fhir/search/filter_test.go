package search_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// filtered reads a type and a filter.
func filtered(rules *search.Rules, typ, filter string, strict bool) (search.Request, error) {
	return rules.Parse(typ, []search.Pair{{Name: "_filter", Value: filter}}, search.Options{Strict: strict, Now: now})
}

// TestFilter: the operators of https://hl7.org/fhir/R4/search_filter.html#ops, and how filters are joined.
func TestFilter(t *testing.T) {
	rules := mustRules(t)
	w := worldOf(t, rules, append(clinic,
		`{"resourceType":"Patient","id":"cat","name":[{"family":"van Ann","given":["Peter","Ann Mary"]}],"active":true,"address":[{"text":"C:\\Road"}]}`,
		`{"resourceType":"Observation","id":"o3","status":"amended","code":{"coding":[{"system":"http://loinc.org","code":"1-1"}]},"subject":{"reference":"Patient/cat"},
			"effectivePeriod":{"start":"2020-01-10","end":"2020-01-20"},"valueQuantity":{"value":5.5,"system":"http://unitsofmeasure.org","code":"mg"}}`,
		`{"resourceType":"Appointment","id":"a4","status":"proposed","contained":[{"resourceType":"Patient","id":"p","name":[{"family":"Cara"}]}],"participant":[{"actor":{"reference":"#p"}}]}`,
	)...)
	for _, tt := range []struct{ typ, filter, want string }{
		{"Patient", `name eq "ann"`, "ann"},
		{"Patient", `name eq ANN`, "ann"},
		{"Patient", `given eq "peter" and active eq true`, "cat"},
		{"Patient", `name eq "an"`, ""},
		{"Patient", `name co "ann"`, "ann cat"},
		{"Patient", `name sw "ann"`, "ann cat"},
		{"Patient", `name ew "mary"`, "cat"},
		{"Patient", `address eq "c:\\road"`, "cat"},
		{"Patient", `birthdate ge 2014-10-10`, "bob"},
		{"Patient", `birthdate eq 1980`, "ann"},
		{"Patient", `birthdate ne 1980`, "bob"},
		{"Patient", `birthdate lt 2015-05-01`, "ann"},
		{"Patient", `birthdate sa 1980-04-30 and birthdate eb 1980-05-02`, "ann"},
		{"Patient", `gender eq female`, "ann"},
		{"Patient", `gender ne female`, "bob"}, // cat has none
		{"Patient", `not (gender eq female)`, "bob cat"},
		{"Patient", `gender pr true`, "ann bob"},
		{"Patient", `gender pr false`, "cat"},
		{"Patient", `_id ne ann`, "bob cat"},
		{"Patient", `deceased ne true`, "ann bob cat"}, // a condition has one value, true or false
		{"Patient", `deceased ne false`, ""},
		{"Patient", `organization re Organization/org2`, "ann"},
		{"Patient", `organization re ` + base + `/Organization/org2`, "ann"},
		{"Patient", `identifier eq urn:x|1`, "ann"},
		{"Patient", `identifier eq "urn:x|1"`, "ann"},
		{"Observation", `code eq http://loinc.org|1-1`, "o3"},
		{"Observation", `code eq loinc|1-1`, "o3"},
		{"Observation", `value-quantity gt 5|ucum|mg`, "o3"},
		{"Observation", `value-quantity ne 5.5`, ""},
		{"Observation", `date po 2020-01-20`, "o3"},
		{"Observation", `date po 2020-02`, ""},
		{"Observation", `date co 2020-01-15`, "o3"},
		{"Observation", `date co 2020-01`, ""},
		{"Observation", `subject.name co "an"`, "o1 o3"},
		{"Observation", `patient.organization.name eq "low road clinic"`, "o1"},
		{"Appointment", `patient.name eq "cara"`, "a4"},
		{"Appointment", `not (patient.name eq "cara")`, "a1 a2 a3"},
		{"Appointment", `patient.gender pr false`, "a4"},
		// Left to right, whatever it is: (bob or ann) and female; (male and ann) or cat.
		{"Patient", `name eq bob or name eq ann and gender eq female`, "ann"},
		{"Patient", `gender eq male and name eq ann or active eq true`, "cat"},
		{"Patient", `name eq bob or (name eq ann and gender eq male)`, "bob"},
		{"Patient", ` ( ( gender eq male or gender eq female ) and not(name eq bob) ) `, "ann"},
		{"Patient", `not (gender eq male or active eq true)`, "ann"},
		{"Patient", `not (name co ann and active eq true)`, "ann bob"},
	} {
		req, err := filtered(rules, tt.typ, tt.filter, true)
		if err != nil {
			t.Errorf("%s: %v", tt.filter, err)
			continue
		}
		if got := w.found(req.Query); got != tt.want {
			t.Errorf("%s finds %q, want %q: %v", tt.filter, got, tt.want, req.Query.All)
		}
		if diff := cmp.Diff([]search.Pair{{Name: "_filter", Value: tt.filter}}, req.Applied); diff != "" {
			t.Errorf("%s: %s", tt.filter, diff)
		}
	}
}

// TestFilterRefusals name the place and what is expected there.
func TestFilterRefusals(t *testing.T) {
	rules := mustRules(t)
	for _, tt := range []struct{ filter, detail string }{
		{`name eq "x" and (gender eq male`, `At character 32 of the filter a closing parenthesis for the one at 17 is expected, but there is the end.`},
		{`gender eq male)`, `At character 15 of the filter there is an unbalanced parenthesis: there is none open.`},
		{`gender eq male gender eq female`, `At character 16 of the filter and, or, or the end is expected, but there is "gender eq female".`},
		{`gender male`, `At character 8 of the filter an operator (eq, ne, co,`},
		{`gender EQ male`, `At character 8 of the filter an operator`},
		{`gender eq`, `a value is expected, but there is the end`},
		{`gender eq `, `At character 11 of the filter a value is expected`},
		{`gender eq male and`, `At character 19 of the filter the name of a search parameter is expected`},
		{`é eq x`, `At character 1 of the filter the name of a search parameter is expected, but there is "é eq x".`},
		{`9 eq x`, `the name of a search parameter`},
		{`organization. eq x`, `At character 14 of the filter the name of a search parameter is expected`},
		{`not gender eq male`, `At character 5 of the filter an opening parenthesis behind not is expected`},
		{`name eq "x`, `At character 9 of the filter there is a quotation mark that is not closed.`},
		{`name eq ""`, `At character 9 of the filter there is an empty string, which no value is: write not (… pr true)`},
		{`name eq "\x"`, `At character 9 of the filter a string as JSON writes it is expected`},
		{`subject:Patient.name eq x`, `At character 8 of the filter an operator`},
		{`link[type eq x].name eq y`, `At character 5 of the filter there is a filter in brackets, which is not supported`},
		{strings.Repeat("(", 17) + "gender eq male" + strings.Repeat(")", 17), `At character 17 of the filter there is more than 16 parentheses within each other.`},
		{`gender co x`, `At character 1 of the filter: The operator co is not supported for gender, a parameter of type token; it takes eq, ne,`},
		{`name gt x`, `The operator gt is not supported for name, a parameter of type string; it takes eq, co, sw, ew and pr.`},
		{`birthdate sw 2020`, `it takes eq, ne, co, gt, lt, ge, le, ap, sa, eb, pr and po.`},
		{`given ne x`, `ne is not supported for given, which is not known to have one value at most. Write not (given eq …)`},
		{`_since po 2026-11`, `At character 1 of the filter: _since is for searches, which follow changes; in a filter write _lastUpdated ge with the instant.`},
		{`_since co 2026-11`, `in a filter write _lastUpdated ge`},
		{`_since eq 2026-11-20`, `in a filter write _lastUpdated ge`},
		{`_since pr true`, `in a filter write _lastUpdated ge`},
		{`organization.partof._since ge 2026-11-20`, `in a filter write _lastUpdated ge`},
		{`gender pr maybe`, `"maybe" is no value of the operator pr: write true or false.`},
		{`birthdate eq x`, `At character 1 of the filter: `},
		{`gender eq male and (birthdate po x)`, `At character 21 of the filter: `},
	} {
		for _, strict := range []bool{true, false} {
			_, err := filtered(rules, "Patient", tt.filter, strict)
			if !errors.Is(err, fhir.Invalid) || !strings.Contains(fhir.AsError(err).Issues[0].Detail, tt.detail) || fhir.AsError(err).Issues[0].Path != "_filter" {
				t.Errorf("%s: %v", tt.filter, err)
			}
		}
	}
	for filter, detail := range map[string]string{
		`name eq ` + strings.Repeat("x", 4096):                                                      "at most 4096 are taken",
		`organization.partof.partof.partof.partof.name eq x`:                                        "more than 4 references",
		strings.TrimSuffix(strings.Repeat("organization.partof.partof.name co a or ", 100), " or "): "comparisons",
	} {
		if _, err := filtered(rules, "Patient", filter, true); !errors.Is(err, fhir.TooCostly) || !strings.Contains(err.Error(), detail) {
			t.Errorf("%.60s: %v", filter, err)
		}
	}
}

// TestFilterOfUnknownNames: refused where the search is strict, else all of the filter is passed over and told.
func TestFilterOfUnknownNames(t *testing.T) {
	rules := mustRules(t)
	for filter, detail := range map[string]string{
		`gender eq male and foo eq x`:    `At character 20 of the filter: Patient has no search parameter "foo".`,
		`organization.foo eq x`:          `At character 1 of the filter: In "organization.foo": Organization has no search parameter "foo".`,
		`not (birthdate.name eq 2020)`:   `The parameter birthdate of Patient is no reference`,
		`gender eq male or _filter eq x`: `Patient has no search parameter "_filter".`,
	} {
		if _, err := filtered(rules, "Patient", filter, true); !errors.Is(err, fhir.Invalid) || !strings.Contains(err.Error(), detail) {
			t.Errorf("%s: %v", filter, err)
		}
		req, err := filtered(rules, "Patient", filter, false)
		if err != nil || len(req.Ignored) != 1 || !strings.Contains(req.Ignored[0].Detail, detail) || req.Applied != nil || req.Query.All != nil {
			t.Errorf("%s: %+v, %v", filter, req, err)
		}
	}
	if _, err := rules.Criteria("Patient", []search.Pair{{Name: "_filter", Value: "gender eq male"}}, now); !errors.Is(err, fhir.Invalid) || !strings.Contains(err.Error(), "on that resource alone") {
		t.Errorf("as what selects what to write: %v", err)
	}
}

// FuzzFilter: a filter is understood, or refused with a public error.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`name co "pet"`, `given eq "peter" and birthdate ge 2014-10-10`, `subject.name co "pet"`, `not (a eq b) or (c ne "\u00e9\"") and d[e eq f].g re h`, `((((`, `pr pr pr`, `a eq "`, "é\x00 eq \xff",
	} {
		f.Add(seed)
	}
	rules := mustRules(f)
	f.Fuzz(func(t *testing.T, filter string) {
		for _, strict := range []bool{true, false} {
			req, err := filtered(rules, "Observation", filter, strict)
			if err != nil {
				checkPublic(t, err)
			} else if len(req.Query.All) > 0 == (req.Ignored != nil) && filter != "" {
				t.Errorf("%q: %+v", filter, req)
			}
		}
	})
}
