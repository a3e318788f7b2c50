package rest_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/conformance"
)

// https://hl7.org/fhir/R4/http.html#vsearch and https://hl7.org/fhir/R4/compartmentdefinition.html: a compartment is what refers to a resource, which
// need not be here itself.
func TestCompartmentSearch(t *testing.T) {
	h := openDiary(t)
	h.store(t, [][2]string{
		{"Appointment/other", `"status":"proposed","participant":[{"actor":{"reference":"Patient/absent"},"status":"accepted"}]`},
		{"Appointment/both", `"status":"proposed","participant":[{"actor":{"reference":"Patient/absent"},"status":"accepted"},{"actor":{"reference":"` + base + `/Patient/p"},"status":"accepted"}]`},
		{"Observation/o", `"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"},"encounter":{"reference":"Encounter/e"}`},
		{"Task/t", `"status":"requested","intent":"order","for":{"reference":"Patient/p"}`},
	}...)
	for _, c := range []struct{ path, want string }{
		{"/Patient/p/Appointment", "Appointment/both Appointment/b"},
		{"/Patient/absent/Appointment", "Appointment/both Appointment/other"},
		{"/Patient/nobody/Appointment", ""},
		{"/Patient/p/Appointment?status=fulfilled", "Appointment/b"},
		{"/Patient/p/Appointment?_sort=_lastUpdated", "Appointment/b Appointment/both"},
		{"/Patient/p/Appointment?_include=Appointment:slot", "Appointment/both Appointment/b +Slot/s1"},
		{"/Patient/p/Appointment?_count=1", "Appointment/both"},
		{"/Patient/p/Observation", "Observation/o"},
		{"/Encounter/e/Observation", "Observation/o"},
		{"/Practitioner/jo/Appointment", "Appointment/b"},
		{"/Practitioner/jo/Schedule", "Schedule/a@2"},
		{"/Patient/p/*?_type=Appointment,Observation", "Observation/o Appointment/both Appointment/b"},
		{"/Patient/p/*?_type=Encounter,Observation&_sort=_lastUpdated", "Encounter/e Observation/o"},
		{"/Encounter/e/*?_type=Observation", "Observation/o"},
		{"/Patient/absent/*?_type=Appointment", "Appointment/both Appointment/other"},
	} {
		got, body := h.send(t, scenario{path: c.path, header: map[string]string{"Prefer": "handling=strict"}})
		if got.status != http.StatusOK {
			t.Errorf("%s: %d %s", c.path, got.status, body)
			continue
		}
		if list := entries(t, body); list != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.path, list, c.want)
		}
		if self := at(parse(t, body), "link[0].url"); self != base+c.path {
			t.Errorf("self is %s, want %s", self, c.path)
		}
		checkValid(t, body)
	}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	none := func(path, says string) scenario {
		return scenario{name: path, path: path, status: 404, paths: map[string]string{"issue[0].code": "not-supported"}, contains: []string{says}}
	}
	h.play(t, []scenario{
		none("/Patient/p/Task", "no Task is in the compartment of Patient/p"),
		none("/Patient/p/Slot", "no Slot is in the compartment of Patient/p"),
		none("/Patient/p/Location?name=x", "no Location is in the compartment of Patient/p"),
		none("/Patient/p/*?_type=Slot", "compartment"),
		none("/Encounter/e/Patient", "no Patient is in the compartment of Encounter/e"),
		none("/Slot/s1/Appointment", "There is no compartment of Slot"),
		none("/Location/room/*", "There is no compartment of Location"),
		none("/Patient/p/Claim", "Claim"),
		none("/Device/d/Observation", "Device"),
		{name: "an id that is none", path: "/Patient/_x/Appointment", status: 404},
		{name: "a lower case letter", path: "/Patient/p/appointment", status: 404},
		{name: "another method", method: "POST", path: "/Patient/p/Appointment", body: "{}", status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD"}},
		{name: "by a form", method: "POST", path: "/Patient/p/Appointment/_search", header: form, body: "status=fulfilled", status: 200, paths: map[string]string{"total": "1", "link[0].url": base + "/Patient/p/Appointment?status=fulfilled"}},
		{name: "all by a form", method: "POST", path: "/Patient/p/_search", header: form, body: "_type=Appointment", status: 200, paths: map[string]string{"total": "2", "link[0].url": base + "/Patient/p/*?_type=Appointment"}},
		{name: "all by a form, with a star", method: "POST", path: "/Patient/p/*/_search", header: form, body: "_type=Appointment", status: 200, paths: map[string]string{"total": "2", "link[0].url": base + "/Patient/p/*?_type=Appointment"}},
		{name: "a form by GET", path: "/Patient/p/Appointment/_search", status: 405, wantHeader: map[string]string{"Allow": "POST"}},
		{
			name: "in a batch", method: "POST", status: 200,
			body:  bundleOf("batch", entry("GET", "Patient/p/Appointment?status=fulfilled", ""), entry("GET", "Patient/p/*?_type=Appointment", ""), entry("GET", "Patient/p/Slot", "")),
			paths: map[string]string{"entry[0].resource.total": "1", "entry[1].resource.total": "2", "entry[2].response.status": "404 Not Found"},
		},
		{
			name: "in a transaction that writes the patient, of a type that is in no compartment", method: "POST", status: 404,
			body: bundleOf("transaction", entry("PUT", "Patient/late", patient("late", "Late")), entry("GET", "Patient/late/Slot", "")),
		},
		{name: "nothing was written then", path: "/Patient/late", status: 404},
	})
}

// Every compartment that the statement names is searched, and so is every type that is in it.
func TestEveryCompartmentIsSearched(t *testing.T) {
	h := open(t)
	if diff := cmp.Diff([]string{"Encounter", "Patient", "Practitioner", "RelatedPerson"}, h.face.Promises.Compartments); diff != "" {
		t.Error(diff)
	}
	for _, name := range h.face.Promises.Compartments {
		for _, member := range append(conformance.DefaultTypes(), "*") {
			want := http.StatusOK
			if member != "*" && !h.face.Engine.Rules.InCompartment(name, member) {
				want = http.StatusNotFound
			}
			path := "/" + name + "/x/" + member
			if got, body := h.send(t, scenario{path: path}); got.status != want {
				t.Errorf("%s: %d, want %d: %s", path, got.status, want, body)
			}
		}
	}
}
