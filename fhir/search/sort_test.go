package search_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir/search"
)

// sorted are the ids of resources in the order of _sort, also behind a minus sign.
func sorted(t *testing.T, sort string, resources ...string) string {
	t.Helper()
	rules := mustRules(t)
	var typ string
	var all []search.Indexed
	for _, r := range resources {
		var x search.Indexed
		typ, x = indexed(t, rules, r)
		all = append(all, x)
	}
	req, err := parse(rules, typ, "_sort="+sort)
	if err != nil {
		t.Fatal(err)
	}
	search.Sort(req.Query, all)
	var ids []string
	for _, x := range all {
		ids = append(ids, x.ID)
	}
	return strings.Join(ids, " ")
}

// TestSortByEveryType: by the smallest value, descending by the largest; what has none comes last (https://hl7.org/fhir/R4/search.html#sort).
func TestSortByEveryType(t *testing.T) {
	patient := func(id, members string) string {
		return `{"resourceType":"Patient","id":"` + id + `"` + members + `}`
	}
	patients := []string{
		patient("a", `,"gender":"other","name":[{"family":"Ørsted","given":["Zoe","Ann"]}],"address":[{"city":"York"},{"city":"Bath"}],"generalPractitioner":[{"reference":"Practitioner/2"}],"identifier":[{"system":"z","value":"1"}],"birthDate":"2001","meta":{"profile":["https://example.org/2"]}`),
		patient("b", `,"gender":"female","name":[{"family":"van Berg","given":["Mia"]}],"address":[{"city":"ely"}],"generalPractitioner":[{"reference":"Practitioner/1"}],"identifier":[{"system":"a","value":"2"}],"birthDate":"1999","meta":{"profile":["https://example.org/1|9"]}`),
		patient("c", `,"gender":"male","name":[{"family":"arch"}]`),
	}
	observation := func(id, value string) string {
		return `{"resourceType":"Observation","id":"` + id + `"` + value + `}`
	}
	observations := []string{
		observation("a", `,"valueQuantity":{"value":10,"unit":"a"}`), observation("b", `,"valueQuantity":{"value":9.5,"unit":"b"}`), observation("c", `,"valueQuantity":{"value":-1e-3}`), observation("d", ""),
	}
	for _, tt := range []struct {
		resources     []string
		key, up, down string
	}{
		{patients, "_id", "a b c", "c b a"},
		{patients, "birthdate", "b a c", "a b c"},
		{patients, "family", "c a b", "b a c"}, // not by Berg
		{patients, "given", "a b c", "a b c"},  // ann, mia; zoe, mia
		{patients, "name", "a c b", "a b c"},   // ann, arch, mia; zoe, van berg, arch
		{patients, "address-city", "a b c", "a b c"},
		{patients, "gender", "b c a", "a c b"},
		{patients, "general-practitioner", "b a c", "a b c"},
		{patients, "identifier", "a b c", "b a c"}, // by value, not by system
		{patients, "_profile", "b a c", "a b c"},
		{observations, "value-quantity", "c b a d", "a b c d"},
	} {
		if got := sorted(t, tt.key, tt.resources...); got != tt.up {
			t.Errorf("by %s: %s, want %s", tt.key, got, tt.up)
		}
		if got := sorted(t, "-"+tt.key, tt.resources...); got != tt.down {
			t.Errorf("by -%s: %s, want %s", tt.key, got, tt.down)
		}
	}
	if got := sorted(t, "probability", risk(`"probabilityDecimal":0.5`)); got != "r1" {
		t.Error(got)
	}
}

// TestSortKeysOfTheServedTypes pins what is promised to stream.
func TestSortKeysOfTheServedTypes(t *testing.T) {
	rules, err := newRules("Appointment", "AppointmentResponse", "AuditEvent", "DocumentReference", "Encounter", "HealthcareService", "Location", "Observation", "Organization", "Patient",
		"Practitioner", "PractitionerRole", "Provenance", "RelatedPerson", "Schedule", "ServiceRequest", "Slot", "Subscription", "Task")
	if err != nil {
		t.Fatal(err)
	}
	for typ, more := range map[string]string{
		"Appointment": "created date", "AppointmentResponse": "", "AuditEvent": "date", "DocumentReference": "date period", "Encounter": "date length location-period",
		"HealthcareService": "name", "Location": "name", "Observation": "combo-value-quantity component-value-quantity date value-date value-quantity", "Organization": "name",
		"Patient": "birthdate death-date family given", "Practitioner": "family given", "PractitionerRole": "date", "Provenance": "recorded when", "RelatedPerson": "birthdate name",
		"Schedule": "date", "ServiceRequest": "authored occurrence", "Slot": "start", "Subscription": "", "Task": "authored-on modified period",
	} {
		if diff := cmp.Diff(append([]string{"_id", "_lastUpdated"}, strings.Fields(more)...), rules.SortKeys(typ)); diff != "" {
			t.Errorf("%s: %s", typ, diff)
		}
		var streaming []string
		for _, key := range rules.Streaming(typ) {
			streaming = append(streaming, search.Owner(key.Param))
			if key.Descending || key.Absent != search.Owner(key.Param)+":none" {
				t.Errorf("%s streams by %+v", typ, key)
			}
		}
		if got := strings.Join(streaming, " "); got != more {
			t.Errorf("%s streams by %q, want %q", typ, got, more)
		}
	}
	if keys := rules.Streaming("Account"); keys != nil {
		t.Errorf("a type that is not served streams by %v", keys)
	}
}

// TestSortKeyOfNames: the promised order of names goes by one short entry, whose rules are those of the parameter.
func TestSortKeyOfNames(t *testing.T) {
	req, err := parse(mustRules(t), "Patient", "_sort=-family,_id,gender")
	if err != nil {
		t.Fatal(err)
	}
	want := []search.SortKey{{Param: "family:sort", Descending: true, By: search.ByOrder, Absent: "family:none"}, {Param: "_id"}, {Param: "gender", By: search.ByTerm}}
	if diff := cmp.Diff(want, req.Query.Sort); diff != "" {
		t.Error(diff)
	}
	long := strings.Repeat("É", 300)
	_, x := indexed(t, mustRules(t), `{"resourceType":"Practitioner","name":[{"family":"`+long+`"},{"family":"de `+long+`"},{"family":" "},{"given":["Mia"]}]}`)
	got := x.Entries.Ordereds
	short := strings.Repeat("e", 64)
	if diff := cmp.Diff([]search.Ordered{{Param: "family:sort", Low: "de " + short[:61], High: short}, {Param: "given:sort", Low: "mia", High: "mia"}}, got); diff != "" {
		t.Error(diff)
	}
	checkRefusals(t, []refusal{{"Patient", "_sort=family,-family", "family comes twice"}})
}
