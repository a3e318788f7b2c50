package search_test

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
	"github.com/portico-health/portico/fhir/search"
)

// TestRulesOfAllTypes: every parameter of R4 that is of a promised type and has an expression is promised, but for phonetic; and our own.
func TestRulesOfAllTypes(t *testing.T) {
	rules, err := newRules(r4.ResourceTypes()...)
	if err != nil {
		t.Fatal(err)
	}
	promised := 0
	for _, typ := range r4.ResourceTypes() {
		var want, got []string
		for _, d := range r4.SearchParams(typ) {
			if d.Expression != "" && d.Code != "phonetic" && len(d.Components) < 3 {
				want = append(want, d.Code)
			}
		}
		want = append(want, "_since")
		if typ == "Appointment" {
			want = append(want, "created", "healthcare-service")
		}
		if typ == "Slot" {
			want = append(want, "appointment")
		}
		slices.Sort(want)
		for _, p := range rules.Params(typ) {
			got = append(got, p.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", typ, diff)
		}
		if keys := rules.SortKeys(typ); len(keys) > 8 || !slices.Contains(keys, search.LastUpdated) || !slices.Contains(keys, search.ID) {
			t.Errorf("%s sorts by %v", typ, keys)
		}
		promised += len(got)
	}
	if promised < 2000 {
		t.Errorf("only %d parameters", promised)
	}
}

func TestParams(t *testing.T) {
	rules := mustRules(t)
	want := []search.Param{
		{Name: "_id", Type: "token", Definition: "http://hl7.org/fhir/SearchParameter/Resource-id", Modifiers: []string{"missing", "not"}, Sortable: true, Streams: true},
		{Name: "_lastUpdated", Type: "date", Definition: "http://hl7.org/fhir/SearchParameter/Resource-lastUpdated", Modifiers: []string{"missing"}, Sortable: true, Streams: true},
		{Name: "_profile", Type: "uri", Definition: "http://hl7.org/fhir/SearchParameter/Resource-profile", Modifiers: []string{"missing", "above", "below"}, Sortable: true},
		{Name: "_security", Type: "token", Definition: "http://hl7.org/fhir/SearchParameter/Resource-security", Modifiers: []string{"missing", "not", "text", "in", "not-in"}, Sortable: true},
		{Name: "_since", Type: "date", Definition: fhir.OwnURL + "SearchParameter/Resource-since", Modifiers: []string{"missing"}},
		{Name: "_source", Type: "uri", Definition: "http://hl7.org/fhir/SearchParameter/Resource-source", Modifiers: []string{"missing", "above", "below"}, Sortable: true},
		{Name: "_tag", Type: "token", Definition: "http://hl7.org/fhir/SearchParameter/Resource-tag", Modifiers: []string{"missing", "not", "text", "in", "not-in"}, Sortable: true},
		{Name: "appointment", Type: "reference", Definition: fhir.OwnURL + "SearchParameter/Slot-appointment", Modifiers: []string{"missing", "type", "identifier"}, Targets: []string{"Appointment"}, Sortable: true},
		{Name: "appointment-type", Type: "token", Definition: "http://hl7.org/fhir/SearchParameter/Slot-appointment-type", Modifiers: []string{"missing", "not", "text", "in", "not-in"}, Sortable: true},
		{Name: "identifier", Type: "token", Definition: "http://hl7.org/fhir/SearchParameter/Slot-identifier", Modifiers: []string{"missing", "not", "text", "of-type"}, Sortable: true},
		{Name: "schedule", Type: "reference", Definition: "http://hl7.org/fhir/SearchParameter/Slot-schedule", Modifiers: []string{"missing", "type", "identifier"}, Targets: []string{"Schedule"}, Sortable: true},
		{Name: "service-category", Type: "token", Definition: "http://hl7.org/fhir/SearchParameter/Slot-service-category", Modifiers: []string{"missing", "not", "text", "in", "not-in"}, Sortable: true},
		{Name: "service-type", Type: "token", Definition: "http://hl7.org/fhir/SearchParameter/Slot-service-type", Modifiers: []string{"missing", "not", "text", "in", "not-in"}, Sortable: true},
		{Name: "specialty", Type: "token", Definition: "http://hl7.org/fhir/SearchParameter/Slot-specialty", Modifiers: []string{"missing", "not", "text", "in", "not-in"}, Sortable: true},
		{Name: "start", Type: "date", Definition: "http://hl7.org/fhir/SearchParameter/Slot-start", Modifiers: []string{"missing"}, Sortable: true, Streams: true},
		{Name: "status", Type: "token", Definition: "http://hl7.org/fhir/SearchParameter/Slot-status", Modifiers: []string{"missing", "not", "in", "not-in"}, Sortable: true},
	}
	if diff := cmp.Diff(want, rules.Params("Slot")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"_id", "_lastUpdated", "start"}, rules.SortKeys("Slot")); diff != "" {
		t.Error(diff)
	}
	name := rules.Params("Patient")[slices.IndexFunc(rules.Params("Patient"), func(p search.Param) bool { return p.Name == "name" })]
	if diff := cmp.Diff([]string{"missing", "exact", "contains"}, name.Modifiers); diff != "" {
		t.Error(diff)
	}
	if rules.Params("Account") != nil || rules.SortKeys("Account") != nil {
		t.Error("a type that is not served has parameters")
	}
}

// TestPromisedModifiersAreTaken: what is advertised is understood, and finds or refuses nothing by surprise.
func TestPromisedModifiersAreTaken(t *testing.T) {
	rules := mustRules(t)
	values := map[string]string{"token": "true", "string": "x", "reference": "x", "date": "2020", "uri": "https://example.org/x"}
	for _, typ := range served {
		for _, p := range rules.Params(typ) {
			for _, modifier := range p.Modifiers {
				query := p.Name + ":" + modifier + "=" + values[p.Type]
				switch {
				case modifier == "in" || modifier == "not-in":
					query = p.Name + ":" + modifier + "=http://hl7.org/fhir/ValueSet/appointmentstatus"
				case modifier == "of-type":
					query = p.Name + ":of-type=a|b|c"
				case modifier == "missing":
					query = p.Name + ":missing=true"
				case modifier == "type" && p.Targets == nil:
					query = p.Name + ":Patient=x"
				case modifier == "type":
					query = p.Name + ":" + p.Targets[0] + "=x"
				}
				if _, err := parse(rules, typ, query); err != nil {
					t.Errorf("%s?%s: %v", typ, query, err)
				}
			}
		}
	}
}

func TestNewRulesRefusals(t *testing.T) {
	for _, typ := range []string{"Foo", "DomainResource", "HumanName", ""} {
		if _, err := newRules("Patient", typ); !errors.Is(err, fhir.Invalid) {
			t.Errorf("%q: %v", typ, err)
		}
	}
}

func TestFingerprint(t *testing.T) {
	print := func(base string, types ...string) string {
		rules, err := search.NewRules(search.Config{Types: types, BaseURL: base})
		if err != nil {
			t.Fatal(err)
		}
		return rules.Fingerprint()
	}
	one := print(base, "Patient", "Slot")
	if len(one) != 16 || one != print(base+"/", "Slot", "Patient", "Slot") {
		t.Errorf("the same rules have the fingerprints %s and %s", one, print(base+"/", "Slot", "Patient", "Slot"))
	}
	if one == print("https://example.org", "Patient", "Slot") || one == print(base, "Patient") {
		t.Error("other rules have the same fingerprint")
	}
}

// TestStamps: each parameter that has entries has a stamp, which depends on what decides its entries and on nothing else.
func TestStamps(t *testing.T) {
	rules := mustRules(t)
	alone, err := newRules("Observation")
	if err != nil {
		t.Fatal(err)
	}
	ofContained := func(name, _ string) bool { return strings.HasSuffix(name, ".") }
	own, ownAlone := maps.Clone(rules.Stamps()["Observation"]), maps.Clone(alone.Stamps()["Observation"])
	if own["subject."] == "" || own["subject."] == ownAlone["subject."] || own["status."] != "" {
		t.Errorf("what is contained is indexed by the rules of other types: %q with them, %q without", own["subject."], ownAlone["subject."])
	}
	maps.DeleteFunc(own, ofContained)
	maps.DeleteFunc(ownAlone, ofContained)
	if diff := cmp.Diff(own, ownAlone); diff != "" {
		t.Errorf("other types change the stamps of a type: %s", diff)
	}
	moved, err := search.NewRules(search.Config{Types: served, BaseURL: "https://moved.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range served {
		stamps, after := rules.Stamps()[typ], moved.Stamps()[typ]
		for _, p := range rules.Params(typ) {
			stamp, has := stamps[p.Name]
			if fromVersion := slices.Contains([]string{search.ID, search.LastUpdated, search.Since}, p.Name); has == fromVersion || has && len(stamp) != 12 {
				t.Errorf("%s of %s has the stamp %q", p.Name, typ, stamp)
			}
			if changed := stamp != after[p.Name]; changed != (p.Type == "reference" || p.Name == "relationship") {
				t.Errorf("%s of %s, a %s, has another stamp below another base URL: %t", p.Name, typ, p.Type, changed)
			}
		}
		if stamps["_tag"] == stamps["_security"] {
			t.Errorf("two expressions of %s have one stamp", typ)
		}
	}
}

// TestQueryParams: what a query finds depends on entries of these parameters alone.
func TestQueryParams(t *testing.T) {
	rules := mustRules(t)
	for query, want := range map[string][]string{
		"":                          nil,
		"_id=1&_lastUpdated=gt2020": nil,
		"_sort=_lastUpdated,-birthdate&family:exact=x&name=x&given:contains=x&gender=male": {"birthdate", "birthdate:none", "family", "gender", "given", "name"},
		"gender:not=male&organization=1&organization=2&death-date=gt2020":                  {"death-date", "gender", "organization"},
		"birthdate:missing=true&death-date:missing=false":                                  {"birthdate:none", "death-date"},
		"email:missing=true&_id:missing=false":                                             {"email"},
		"_count=5":                                                                         nil,
	} {
		request, err := parse(rules, "Patient", query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if diff := cmp.Diff(want, request.Query.Uses()["Patient"], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}

// TestExtract pins the entries of one resource: their forms, their order, and that none comes twice.
func TestExtract(t *testing.T) {
	const patient = `{"resourceType":"Patient","id":"p1","meta":{"lastUpdated":"2026-01-01T00:00:00Z","profile":["https://example.org/p"],"tag":[{"system":"https://example.org/t","code":"x"}]},
		"identifier":[{"system":"https://example.org/mrn","value":"1"},{"system":"https://example.org/mrn","value":"1"}],"active":true,
		"name":[{"family":"O'Hara","given":["Ann"]},{"given":["Ann",null]}],"gender":"female","birthDate":"1957-05","deceasedBoolean":false,
		"generalPractitioner":[{"reference":"` + base + `/Practitioner/7"}],"link":[{"other":{"display":"her twin"},"type":"seealso"}]}`
	got := mustRules(t).Extract(mustResource(t, patient))
	want := search.Entries{
		Terms: []search.Term{
			{Param: "_profile", Value: "https://example.org/p"},
			{Param: "_tag", Value: "x"}, {Param: "_tag", Value: "https://example.org/t|x"}, {Param: "_tag", Value: "https://example.org/t|"},
			{Param: "active", Value: "true"}, {Param: "death-date:none"}, {Param: "gender", Value: "female"}, {Param: "general-practitioner", Value: "Practitioner/7"},
			{Param: "identifier", Value: "1"}, {Param: "identifier", Value: "https://example.org/mrn|1"}, {Param: "identifier", Value: "https://example.org/mrn|"},
			{Param: "link", Value: ""},
		},
		Texts: []search.Text{
			{Param: "family", Folded: "ohara", Exact: "O'Hara"}, {Param: "given", Folded: "ann", Exact: "Ann"},
			{Param: "name", Folded: "ohara", Exact: "O'Hara"}, {Param: "name", Folded: "ann", Exact: "Ann"},
		},
		Ranges: []search.Range{{Param: "birthdate", Interval: fhir.Interval{
			Low:  fhir.InstantOf(time.Date(1957, 5, 1, 0, 0, 0, 0, time.UTC)),
			High: fhir.InstantOf(time.Date(1957, 6, 1, 0, 0, 0, 0, time.UTC)),
		}}},
		Ordereds: []search.Ordered{
			{Param: "_profile", Low: "https://example.org/p", High: "https://example.org/p"},
			{Param: "family:sort", Low: "ohara", High: "ohara"}, {Param: "given:sort", Low: "ann", High: "ann"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	empty := mustRules(t).Extract(mustResource(t, `{"resourceType":"Account","identifier":[{"value":"1"}]}`))
	if diff := cmp.Diff(search.Entries{}, empty); diff != "" {
		t.Errorf("a type that is not served: %s", diff)
	}
}

// TestExtractOfNonsense: what is no valid R4 has no entries, and harms nobody.
func TestExtractOfNonsense(t *testing.T) {
	rules := mustRules(t)
	for _, text := range []string{
		`{"resourceType":"Patient","name":"x","identifier":{"value":1},"birthDate":5,"active":"yes","telecom":[[],{"value":[]}],"gender":["male",null],"generalPractitioner":["x"]}`,
		`{"resourceType":"Patient","name":[{"given":"x","family":["y"]}],"birthDate":"31/12/2020","meta":[{"tag":true}],"deceasedBoolean":"x","link":[null]}`,
		`{"resourceType":"Observation","effectivePeriod":"x","effectiveTiming":{"repeat":[],"event":"x"},"subject":[[{"reference":"#"}]],"contained":["x",{"id":5}]}`,
		`{"resourceType":"Bundle","entry":[{"resource":"x"},7]}`,
	} {
		for _, r := range rules.Extract(mustResource(t, text)).Ranges {
			if r.Low > r.High {
				t.Errorf("%s: %+v", text, r)
			}
		}
	}
}

// TestExtractOfManyContained: a reference into the resource is looked up, not searched for. Of two with one id the first counts.
func TestExtractOfManyContained(t *testing.T) {
	const many = 20_000
	contained := fhir.Array{object("resourceType", "Group", "id", "p0")}
	var participants fhir.Array
	for i := range many {
		id := "p" + strconv.Itoa(i)
		contained = append(contained, object("resourceType", "Patient", "id", id))
		participants = append(participants, object("actor", object("reference", "#"+id)))
	}
	r := fhir.NewResource(object("resourceType", "Appointment", "id", "a1", "contained", contained, "participant", participants))
	rules := mustRules(t)
	start := time.Now()
	got := rules.Extract(r)
	if took := time.Since(start); took > 3*time.Second { // many times what it takes
		t.Errorf("it took %v", took)
	}
	if !slices.Contains(got.Terms, search.Term{Param: "patient"}) {
		t.Errorf("%v: no patient", got.Terms)
	}
	first := fhir.NewResource(object("resourceType", "Appointment", "contained", contained[:2], "participant", participants[:1]))
	if got := rules.Extract(first).Terms; slices.Contains(got, search.Term{Param: "patient"}) {
		t.Errorf("%v: the Group is taken for a Patient", got)
	}
}

// TestExtractOfMany: many values of one parameter are still distinct, in time that grows with their number.
func TestExtractOfMany(t *testing.T) {
	var tags fhir.Array
	for i := range 50_000 {
		tags = append(tags, fhir.NewObject(fhir.Member{Name: "code", Value: string(rune('a' + i%20))}))
	}
	r := fhir.NewResource(fhir.NewObject(fhir.Member{Name: "resourceType", Value: "Slot"},
		fhir.Member{Name: "meta", Value: fhir.NewObject(fhir.Member{Name: "tag", Value: tags})}))
	if got := len(mustRules(t).Extract(r).Terms); got != 41 { // with and without the bar, and that it has no start
		t.Errorf("%d terms", got)
	}
}
