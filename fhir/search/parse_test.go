package search_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

func lenient(t *testing.T, typ, query string) search.Request {
	t.Helper()
	pairs, err := search.SplitQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	req, err := mustRules(t).Parse(typ, pairs, search.Options{Now: now})
	if err != nil {
		t.Fatalf("%s?%s: %v", typ, query, err)
	}
	return req
}

func TestParse(t *testing.T) {
	descending := []search.SortKey{{Param: "birthdate", Descending: true, Absent: "birthdate:none"}, {Param: "_lastUpdated"}}
	gender := search.Any{search.Equal{Param: "gender", Value: "male"}, search.Equal{Param: "gender", Value: "female"}}
	for _, tt := range []struct {
		query string
		want  search.Request
	}{
		{"", search.Request{Count: 50}},
		{"gender=&_count=&name=,", search.Request{Count: 50}}, // "Empty parameters are not an error - they are just ignored"
		{"gender=male,female", search.Request{Count: 50, Query: search.Query{All: []search.Any{gender}}, Applied: []search.Pair{{"gender", "male,female"}}}},
		{"_count=7", search.Request{Count: 7, CountGiven: true, Applied: []search.Pair{{"_count", "7"}}}},
		{"_count=007&_count=007", search.Request{Count: 7, CountGiven: true, Applied: []search.Pair{{"_count", "7"}}}},
		{"_count=1001", search.Request{Count: 1000, CountGiven: true, Applied: []search.Pair{{"_count", "1000"}}}},
		{"_count=99999999999999999999", search.Request{Count: 1000, CountGiven: true, Applied: []search.Pair{{"_count", "1000"}}}},
		{"_count=0", search.Request{CountGiven: true, Applied: []search.Pair{{"_count", "0"}}}},
		{"_summary=count&_count=7", search.Request{CountGiven: true, Applied: []search.Pair{{"_summary", "count"}, {"_count", "7"}}}},
		{"_count=7&_summary=count", search.Request{CountGiven: true, Applied: []search.Pair{{"_count", "7"}, {"_summary", "count"}}}},
		{"_summary=true", search.Request{Count: 50, Summary: search.SummaryTrue, Applied: []search.Pair{{"_summary", "true"}}}},
		{"_summary=text", search.Request{Count: 50, Summary: search.SummaryText, Applied: []search.Pair{{"_summary", "text"}}}},
		{"_summary=data", search.Request{Count: 50, Summary: search.SummaryData, Applied: []search.Pair{{"_summary", "data"}}}},
		{"_elements=deceasedDateTime,multipleBirthInteger,deceasedBoolean", search.Request{Count: 50, Elements: []string{"deceased", "multipleBirth"}, Applied: []search.Pair{{"_elements", "deceased,multipleBirth"}}}},
		{"_elements=id, name,deceased[x],,name", search.Request{Count: 50, Elements: []string{"id", "name", "deceased"}, Applied: []search.Pair{{"_elements", "id,name,deceased"}}}},
		{"_contained=false", search.Request{Count: 50, Applied: []search.Pair{{"_contained", "false"}}}},
		{"_containedType=container", search.Request{Count: 50, Applied: []search.Pair{{"_containedType", "container"}}}},
		{"_summary=false", search.Request{Count: 50, Applied: []search.Pair{{"_summary", "false"}}}},
		{"_total=accurate", search.Request{Count: 50, Total: search.TotalAccurate, Applied: []search.Pair{{"_total", "accurate"}}}},
		{"_sort=-birthdate,_lastUpdated", search.Request{Count: 50, Query: search.Query{Sort: descending}, Applied: []search.Pair{{"_sort", "-birthdate,_lastUpdated"}}}},
		{"_format=json&_pretty=true&_format=xml", search.Request{Count: 50}},
	} {
		tt.want.Query.Type = "Patient"
		got, err := parse(mustRules(t), "Patient", tt.query)
		if err != nil {
			t.Errorf("?%s: %v", tt.query, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("?%s: %s", tt.query, diff)
		}
	}
}

// TestParseUnknown: ignored and said, or refused with the names that are known.
func TestParseUnknown(t *testing.T) {
	for _, tt := range []struct{ query, place, detail string }{
		{"foo=1", "foo", `Patient has no search parameter "foo". There are _id, _lastUpdated, _profile, _security, _since, _source, _tag, active,`},
		{"Gender=male", "Gender", "no search parameter"}, // "search parameter names are case sensitive"
		{"_content=x", "_content", "The search parameter _content of Patient is not supported by this server."},
		{"phonetic=x", "phonetic", "not supported by this server"},
		{"foo:exact=1", "foo:exact", "no search parameter"},
		{"_include=Patient:gender", "_include", `"gender" is no parameter of Patient. There are general-practitioner, link and organization.`},
		{"_has:Observation:patient:foo=1", "_has:Observation:patient:foo", `In "_has:Observation:patient:foo": Observation has no search parameter "foo".`},
		{"organization.foo=x", "organization.foo", `In "organization.foo": Organization has no search parameter "foo". There are _id,`},
		{"_elements=deceasedString", "_elements", `Patient has no element "deceasedString" at its root`},
		{"_elements=given", "_elements", `Patient has no element "given" at its root`},
		{"_sort=foo", "_sort", `no search parameter "foo" to sort by. It sorts by _id, _lastUpdated, _profile, `},
		{"_sort=+birthdate", "_sort", `no search parameter " birthdate"`},
		{"=x", "", `no search parameter ""`},
	} {
		_, err := parse(mustRules(t), "Patient", tt.query)
		var e *fhir.Error
		if !errors.As(err, &e) || e.Kind != fhir.Invalid || !strings.Contains(e.Issues[0].Detail, tt.detail) || e.Issues[0].Path != tt.place || e.Issues[0].Severity != fhir.Severe {
			t.Errorf("strict ?%s: %v", tt.query, err)
		}
		req := lenient(t, "Patient", tt.query)
		if len(req.Ignored) != 1 || !strings.Contains(req.Ignored[0].Detail, tt.detail) || req.Ignored[0].Path != tt.place || req.Ignored[0].Severity != fhir.Warning {
			t.Errorf("lenient ?%s: %+v", tt.query, req.Ignored)
		}
		if len(req.Applied) != 0 || len(req.Query.All) != 0 || len(req.Query.Sort) != 0 {
			t.Errorf("lenient ?%s applies %+v", tt.query, req)
		}
	}
	if req := lenient(t, "Patient", "_elements=given,id"); len(req.Ignored) != 1 || len(req.Elements) != 1 || req.Applied[0].Value != "id" {
		t.Errorf("%+v", req)
	}
	req := lenient(t, "Patient", "_sort=foo,-birthdate&bar=1&gender=male")
	if diff := cmp.Diff([]search.Pair{{"_sort", "-birthdate"}, {"gender", "male"}}, req.Applied); diff != "" || len(req.Ignored) != 2 {
		t.Errorf("%s %+v", diff, req.Ignored)
	}
}

func TestParseRefusals(t *testing.T) {
	checkRefusals(t, []refusal{
		{"Patient", "_count=-1", "write a whole number from 0 to 1000"},
		{"Patient", "_count=ten", "write a whole number"},
		{"Patient", "_count=1.5", "write a whole number"},
		{"Patient", "_total=exact", "write none, estimate or accurate"},
		{"Patient", "_summary=all", "write true, text, data, count or false"},
		{"Patient", "_summary=text&_include=Patient:organization", "cannot be asked for together with _include"},
		{"Patient", "_summary=true&_elements=id", "one of them can be meant"},
		{"Patient", "_contained=both", "what is contained comes with its container"},
		{"Patient", "_contained=true", "not supported as a value of _contained, only false"},
		{"Patient", "_containedType=contained", "not supported as a value of _containedType, only container"},
		{"Location", "_sort=near", "There is no order of near. Location sorts by _id, _lastUpdated, _profile, "},
		{"Observation", "_sort=-code-value-quantity", "There is no order of code-value-quantity."},
		{"Patient", "_sort=birthdate,-birthdate", "comes twice"},
		{"Patient", "_sort:exact=birthdate", "takes no modifier"},
		{"Patient", "_sort=birthdate,a,b,c,d,e,f,g,h", "There are 9 names in _sort; at most 8 are taken."},
	})
	lenient := []search.Pair{{Name: "_sort", Value: "near"}}
	if _, err := mustRules(t).Parse("Location", lenient, search.Options{Now: now}); err == nil || !strings.Contains(err.Error(), "There is no order of near.") {
		t.Errorf("a parameter that cannot be sorted by is refused also where unknown ones are ignored: %v", err)
	}
	for _, asked := range []search.Pair{{Name: "_contained", Value: "true"}, {Name: "_containedType", Value: "contained"}} {
		if _, err := mustRules(t).Parse("Patient", []search.Pair{asked}, search.Options{Now: now}); !errors.Is(err, fhir.Invalid) {
			t.Errorf("%v is refused also where unknown ones are ignored: %v", asked, err)
		}
	}
	for query, reason := range map[string]string{
		"_count=1&_count=2":                  "one of them can be meant",
		"_sort=birthdate&_sort=-birthdate":   "one of them can be meant",
		"_total=none&gender=male&_total=fix": "one of them can be meant",
	} {
		if _, err := parse(mustRules(t), "Patient", query); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("?%s: %v", query, err)
		}
	}
}

// TestParseCollects: faults are told together, not the first alone.
func TestParseCollects(t *testing.T) {
	_, err := parse(mustRules(t), "Patient", "birthdate=x,2020,y&gender:text=a&_count=z&foo=1")
	var places []string
	for _, issue := range fhir.AsError(err).Issues {
		places = append(places, issue.Path)
	}
	if diff := cmp.Diff([]string{"birthdate", "birthdate", "gender:text", "_count", "foo"}, places); diff != "" {
		t.Error(diff)
	}
}

func TestParseLimits(t *testing.T) {
	many := func(n int, part, separator string) string {
		return strings.TrimSuffix(strings.Repeat(part+separator, n), separator)
	}
	for _, tt := range []struct {
		query   string
		refused bool
	}{
		{many(search.MaxClauses, "gender=male", "&"), false},
		{many(search.MaxClauses+1, "gender=male", "&"), true},
		{"gender=" + many(search.MaxValues, "male", ","), false},
		{"gender=" + many(search.MaxValues+1, "male", ","), true},
		{"general-practitioner=" + many(search.MaxValues, "Practitioner/1", ","), false},
		{"general-practitioner=" + many(search.MaxValues, "1", ","), false}, // three types each
	} {
		_, err := parse(mustRules(t), "Patient", tt.query)
		if errors.Is(err, fhir.TooCostly) != tt.refused || (err != nil) != tt.refused {
			t.Errorf("?%.60s…: %v", tt.query, err)
		}
	}
	query := "focus=" + many(search.MaxValues, "1", ",")
	if _, err := parse(mustRules(t), "Task", query); !errors.Is(err, fhir.TooCostly) {
		t.Errorf("ids of any type: %v", err)
	}
}

func TestParseOfTypeThatIsNotServed(t *testing.T) {
	for _, typ := range []string{"Account", "Foo", ""} {
		if _, err := parse(mustRules(t), typ, ""); !errors.Is(err, fhir.NotFound) {
			t.Errorf("%q: %v", typ, err)
		}
	}
}

func TestCriteria(t *testing.T) {
	rules := mustRules(t)
	for query, reason := range map[string]string{
		"identifier=x":                "",
		"identifier=x&birthdate=2020": "",
		"":                            "must not select every Patient",
		"identifier=":                 "has no value",
		"identifier=,":                "has no value",
		"identifier=x&name=":          "has no value",
		"identifier=x&foo=1":          "no search parameter",
		"identifier=x&_count=1":       "shapes the result",
		"_format=json":                "shapes the result",
		"identifier=x&_sort=name":     "shapes the result",
		"organization.name=x":         "within a write, on that resource alone",
		"organization:Organization.name=x&_has:Observation:patient:code=1": "within a write, on that resource alone",
	} {
		pairs, err := search.SplitQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := rules.Criteria("Patient", pairs, now)
		if reason == "" {
			if err != nil || len(q.All) != len(pairs) || q.Type != "Patient" {
				t.Errorf("%s: %+v, %v", query, q, err)
			}
			continue
		}
		if !errors.Is(err, fhir.Invalid) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want %s", query, err, reason)
		}
	}
	if _, err := rules.Criteria("Account", nil, now); !errors.Is(err, fhir.NotFound) {
		t.Errorf("a type that is not served: %v", err)
	}
}
