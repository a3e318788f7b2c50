package search_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// FuzzParse: whatever the query string is, it is understood or refused with a public error; what was applied
// means the same when it comes back as the self link.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"name=a,b&gender:not=male&_count=5&_sort=-date", `identifier=a\,b|c\|d`, "date=ge2013&date=lt2014-01-01T00:00:00+01:00", "patient=1,Patient/2&actor:Location=3",
		"_id:missing=true&_lastUpdated=ap2020", "a.b=c&:=&%41=%42&_summary=count&_total=none", "status=|,||,\\|", "=&&=",
		"patient.name:exact=x&actor:Location.name=y&actor.identifier=z&patient.organization.partof.name=a&supporting-info.x=1",
		"_has:Task:focus:status=x&_has:Task:focus:_has:Provenance:target:agent.name=y&_has:=&patient._has:Observation:patient:code:not=z",
		"_filter=patient.name%20co%20%22x%22%20and%20not%20(status%20eq%20booked)&_filter=(",
		"_include=Appointment:*&_revinclude:iterate=*:x&_include:recurse=*&_elements=id,start[x],y&_summary=text&_contained=true",
		`_since=2026-11-20&service-type:text=a b&status:not-in=http://hl7.org/fhir/ValueSet/slotstatus&identifier:of-type=a|b\||c&patient:identifier=x|y&_text=a OR b&_content=c d,e&_containedType=container`,
	} {
		f.Add(seed)
	}
	rules := withWords(f, "Appointment")
	f.Fuzz(func(t *testing.T, query string) {
		pairs, err := search.SplitQuery(query)
		if err != nil {
			checkPublic(t, err)
			return
		}
		for _, strict := range []bool{true, false} {
			opt := search.Options{Strict: strict, Now: now}
			req, err := rules.Parse("Appointment", pairs, opt)
			if err != nil {
				checkPublic(t, err)
				continue
			}
			if strict && req.Ignored != nil || req.Count < 0 || req.Count > search.MaxCount {
				t.Errorf("%q: %+v", query, req)
			}
			self, err := search.SplitQuery(search.JoinQuery(req.Applied))
			if err != nil {
				t.Fatal(err)
			}
			again, err := rules.Parse("Appointment", self, search.Options{Strict: true, Now: now})
			if err != nil {
				t.Fatalf("%q: the self link %q: %v", query, search.JoinQuery(req.Applied), err)
			}
			req.Ignored = nil
			if diff := cmp.Diff(req, again); diff != "" {
				t.Errorf("%q: %s", query, diff)
			}
		}
	})
}

// FuzzDate: a date in a search is refused, or becomes at most two tests, of which those of eq hold for the date itself.
func FuzzDate(f *testing.F) {
	for _, seed := range []string{"2020", "ge2020-02-29", "ap9999-12-31T23:59:60.999999999Z", "sa0001-01-01", "2020-01-01T10:00+14:00", "2020-01-01T10:00 01:00", "xx2020", "eb"} {
		f.Add(seed)
	}
	rules := mustRules(f)
	f.Fuzz(func(t *testing.T, value string) {
		req, err := rules.Parse("Patient", []search.Pair{{Name: "birthdate", Value: value}}, search.Options{Strict: true, Now: now})
		if err != nil {
			checkPublic(t, err)
			return
		}
		for _, clause := range req.Query.All {
			for _, test := range clause {
				if _, ok := test.(search.Within); !ok {
					t.Fatalf("%q: %+v", value, test)
				}
			}
		}
		d, err := fhir.ParseDateTime(value)
		if err != nil {
			return // with a prefix, several values, or a repaired plus sign
		}
		own := search.Entries{Ranges: []search.Range{{Param: "birthdate", Interval: d.Interval()}}}
		if !search.Match(req.Query, search.Indexed{Entries: own}) {
			t.Errorf("%q does not find itself: %+v", value, req.Query)
		}
	})
}

// FuzzExpression: whatever a configured parameter's expression is, it is refused or searches resources without a panic.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"Patient.name.given[0] | Patient.contact.where(name.exists()).name", "(Patient.deceased as boolean) and Patient.active != false", "Patient.link.other.where(resolve() is Patient)",
		"Patient.name.exists().x", "Patient.contained.id", "Patient.extension.value.as(Period).start", "Patient.name[9999999999]", "Patient.where('",
	} {
		f.Add(seed)
	}
	definition := search.Definition{Bases: []string{"Patient"}}
	definition.Code, definition.URL = "x", "https://example.org/x"
	patient := mustResource(f, stamped[0])
	f.Fuzz(func(t *testing.T, expression string) {
		for _, definition.Type = range []string{"token", "string", "reference", "date"} {
			definition.Expression = expression
			rules, err := search.NewRules(search.Config{Types: []string{"Patient"}, BaseURL: base, Custom: []search.Definition{definition}})
			if err != nil {
				checkPublic(t, err)
				continue
			}
			rules.Extract(patient)
		}
	})
}

func checkPublic(t *testing.T, err error) {
	t.Helper()
	var e *fhir.Error
	if !errors.As(err, &e) || (e.Kind != fhir.Invalid && e.Kind != fhir.TooCostly) || len(e.Issues) == 0 {
		t.Errorf("%v", err)
	}
}

// FuzzValue: a number, quantity, place, URI or composite in a search is refused in public words, or becomes tests whose bounds are text; and what
// is open at both ends is never asked of a number.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{
		"5.4|http://unitsofmeasure.org|mg", "ap-1e2", "51.5|-0.12|10|km", "http://acme.org/fhir/", `a\$b$gt5||m\|g`, "x$2020", "1e99999999999999999", "$", "||", "sa", "😀$\U0010ffff",
	} {
		for kind := range 6 {
			f.Add(kind, seed)
		}
	}
	rules := mustRules(f)
	params := []struct{ typ, name string }{
		{"RiskAssessment", "probability"}, {"Observation", "value-quantity"}, {"Location", "near"}, {"Slot", "_profile:below"}, {"Slot", "_profile:above"},
		{"Observation", "code-value-quantity"}, {"Observation", "code-value-string"}, {"Observation", "code-value-date"}, {"Observation", "code-value-concept"}, {"DocumentReference", "relationship"},
	}
	f.Fuzz(func(t *testing.T, kind int, value string) {
		param := params[uint(kind)%uint(len(params))]
		if !utf8.ValidString(value) || strings.IndexFunc(value, func(c rune) bool { return c < ' ' }) >= 0 {
			return // SplitQuery refuses it
		}
		req, err := rules.Parse(param.typ, []search.Pair{{Name: param.name, Value: value}}, search.Options{Strict: true, Now: now})
		if err != nil {
			checkPublic(t, err)
			return
		}
		for _, clause := range req.Query.All {
			for _, test := range clause {
				b, ok := test.(search.Between)
				if !ok {
					continue
				}
				for _, bound := range []string{b.LowFrom, b.LowTo, b.HighFrom, b.HighTo} {
					if bound != search.Last && !utf8.ValidString(bound) {
						t.Errorf("%s=%q has the bound %q", param.name, value, bound)
					}
				}
				if b.LowFrom >= b.LowTo || b.HighFrom >= b.HighTo {
					t.Errorf("%s=%q finds nothing: %+v", param.name, value, b)
				}
			}
		}
	})
}
