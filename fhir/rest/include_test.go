package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir/rest"
)

// store puts resources in the order given, "Type/id" and what stands in the body beside type and id.
func (h house) store(t testing.TB, resources ...[2]string) {
	t.Helper()
	for _, r := range resources {
		typ, id, _ := strings.Cut(r[0], "/")
		body := fmt.Sprintf(`{"resourceType":%q,"id":%q,%s}`, typ, id, r[1])
		if got, text := h.send(t, scenario{method: http.MethodPut, path: "/" + r[0], body: body}); got.status/100 != 2 {
			t.Fatalf("%s: %d %s", r[0], got.status, text)
		}
	}
}

// entries are the resources of a Bundle, in their order: "Slot/s1" for a match, "+Schedule/a" for what comes with it, "@2" behind either for
// a version that is not the first.
func entries(t testing.TB, body []byte) string {
	t.Helper()
	var list []string
	tree := parse(t.(*testing.T), body)
	for i := 0; ; i++ {
		entry := fmt.Sprintf("entry[%d].", i)
		mode := at(tree, entry+"search.mode")
		if mode == "" {
			return strings.Join(list, " ")
		}
		key := at(tree, entry+"resource.resourceType") + "/" + at(tree, entry+"resource.id")
		if full := at(tree, entry+"fullUrl"); full != base+"/"+key && mode != "outcome" {
			t.Errorf("the fullUrl %s of %s", full, key)
		}
		if version := at(tree, entry+"resource.meta.versionId"); version != "1" && mode != "outcome" {
			key += "@" + version
		}
		list = append(list, map[string]string{"match": "", "include": "+", "outcome": "?"}[mode]+key)
	}
}

func schedule(actors ...string) string {
	var list []string
	for _, a := range actors {
		list = append(list, `{"reference":"`+a+`"}`)
	}
	return `"actor":[` + strings.Join(list, ",") + `]`
}

func slot(schedule string) string {
	return `"schedule":{"reference":"` + schedule + `"},"status":"free","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:20:00Z"`
}

// diary is a small world of slots and what they are of.
var diary = [][2]string{
	{"Organization/top", `"name":"Top","partOf":{"reference":"Organization/mid"}`}, // a circle of three
	{"Organization/mid", `"name":"Mid","partOf":{"reference":"Organization/low"}`},
	{"Organization/low", `"name":"Low","partOf":{"reference":"Organization/top"}`},
	{"Organization/own", `"name":"Own","partOf":{"reference":"Organization/own"}`}, // a circle of one
	{"Location/room", `"managingOrganization":{"reference":"Organization/low"}`},
	{"Practitioner/jo", `"active":true`},
	{"HealthcareService/gp", `"providedBy":{"reference":"Organization/low"},"location":[{"reference":"Location/room"}]`},
	{"Schedule/a", schedule("Location/room")},
	{"Schedule/a", schedule("Location/room", "Practitioner/jo", "HealthcareService/gp")},
	{"Schedule/gone", schedule("Location/room")},
	{"Slot/s1", slot("Schedule/a")},
	{"Slot/s2", slot(base + "/Schedule/a")},
	{"Slot/old", slot("Schedule/a/_history/1")},
	{"Slot/oldest", slot("Schedule/a/_history/77")},
	{"Slot/absent", slot("Schedule/nobody")},
	{"Slot/deleted", slot("Schedule/gone")},
	{"Slot/foreign", slot("https://other.example.org/fhir/Schedule/a")},
	{"Patient/p", `"active":true,"managingOrganization":{"reference":"Organization/own"},"generalPractitioner":[{"reference":"Practitioner/jo"},{"reference":"Organization/low"}]`},
	{"Appointment/b", `"status":"fulfilled","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:20:00Z","slot":[{"reference":"Slot/s1"}],"participant":[{"actor":{"reference":"Patient/p"},"status":"accepted"},{"actor":{"reference":"Practitioner/jo"},"status":"accepted"}]`},
	{"AppointmentResponse/r", `"appointment":{"reference":"Appointment/b"},"actor":{"reference":"Patient/p"},"participantStatus":"accepted"`},
	{"Encounter/e", `"status":"planned","class":{"code":"AMB"},"subject":{"reference":"Patient/p"},"appointment":[{"reference":"Appointment/b"}]`},
}

func openDiary(t *testing.T, change ...func(*rest.Face)) house {
	h := open(t, change...)
	h.store(t, diary...)
	h.play(t, []scenario{{name: "delete", method: "DELETE", path: "/Schedule/gone", status: 200}})
	return h
}

func TestIncludes(t *testing.T) {
	h := openDiary(t)
	for _, c := range []struct{ path, want string }{
		{"Slot?_id=s1&_include=Slot:schedule", "Slot/s1 +Schedule/a@2"},
		{"Slot?_id=s2&_include=Slot:schedule", "Slot/s2 +Schedule/a@2"},
		{"Slot?_id=s1,s2&_include=Slot:schedule", "Slot/s2 Slot/s1 +Schedule/a@2"},
		{"Slot?_id=s1&_include=Slot:schedule&_include=Slot:schedule:Schedule", "Slot/s1 +Schedule/a@2"},
		{"Slot?_id=s1&_include=Slot:*", "Slot/s1 +Schedule/a@2"},
		{"Slot?_id=s1&_include=*", "Slot/s1 +Schedule/a@2"},

		// A reference to a version brings that version; the current one may come beside it.
		{"Slot?_id=old&_include=Slot:schedule", "Slot/old +Schedule/a"},
		{"Slot?_id=old,s1&_include=Slot:schedule", "Slot/old Slot/s1 +Schedule/a +Schedule/a@2"},

		// What leads nowhere is passed over.
		{"Slot?_id=oldest&_include=Slot:schedule", "Slot/oldest"},
		{"Slot?_id=absent&_include=Slot:schedule", "Slot/absent"},
		{"Slot?_id=deleted&_include=Slot:schedule", "Slot/deleted"},
		{"Slot?_id=foreign&_include=Slot:schedule", "Slot/foreign"},
		{"Slot?_id=nobody&_include=Slot:schedule", ""},

		// Only with :iterate does what was included bring more.
		{"Slot?_id=s1&_include=Slot:schedule&_include:iterate=Schedule:actor:Location", "Slot/s1 +Schedule/a@2 +Location/room"},
		{"Slot?_id=s1&_include:iterate=Schedule:actor:Location&_include=Slot:schedule", "Slot/s1 +Schedule/a@2 +Location/room"},
		{"Slot?_id=s1&_include:iterate=Slot:schedule&_include:iterate=Schedule:actor", "Slot/s1 +Schedule/a@2 +Location/room +Practitioner/jo +HealthcareService/gp"},
		{"Slot?_id=s1&_include=Slot:schedule&_include:iterate=Schedule:actor:HealthcareService&_include:iterate=HealthcareService:location", "Slot/s1 +Schedule/a@2 +HealthcareService/gp +Location/room"},
		{"Schedule?_id=a&_include=Schedule:actor:Location", "Schedule/a@2 +Location/room"},
		{"Schedule?_id=a&_include=Schedule:actor:Practitioner&_include=Schedule:actor:Location", "Schedule/a@2 +Practitioner/jo +Location/room"},

		// Circles end, and matches are not repeated.
		{"Organization?_id=top&_include:iterate=Organization:partof", "Organization/top +Organization/mid +Organization/low"},
		{"Organization?_id=top&_include=Organization:partof", "Organization/top +Organization/mid"},
		{"Organization?_id=own&_include:iterate=Organization:partof", "Organization/own"},
		{"Organization?_include:iterate=Organization:partof", "Organization/own Organization/low Organization/mid Organization/top"},
		{"Organization?_id=top&_revinclude:iterate=Organization:partof", "Organization/top +Organization/low +Organization/mid"},
		{"Organization?_id=top&_include:iterate=*&_revinclude:iterate=Organization:partof", "Organization/top +Organization/mid +Organization/low"},

		// What refers to the matches.
		{"Appointment?_revinclude=AppointmentResponse:appointment", "Appointment/b +AppointmentResponse/r"},
		{"Appointment?_revinclude=Encounter:appointment&_revinclude=AppointmentResponse:appointment", "Appointment/b +Encounter/e +AppointmentResponse/r"},
		{"Patient?_id=p&_revinclude=Appointment:patient", "Patient/p +Appointment/b"},
		{"Patient?_revinclude=Appointment:actor:Patient", "Patient/p +Appointment/b"},
		{"Patient?_revinclude=Encounter:*", "Patient/p +Encounter/e"},
		{"Patient?_revinclude=Appointment:patient&_revinclude:iterate=AppointmentResponse:appointment", "Patient/p +Appointment/b +AppointmentResponse/r"},
		{"Patient?_revinclude=Appointment:patient&_include:iterate=Appointment:slot&_include:iterate=Slot:schedule", "Patient/p +Appointment/b +Slot/s1 +Schedule/a@2"},
		{"Schedule?_id=a&_revinclude=Slot:schedule", "Schedule/a@2 +Slot/oldest +Slot/old +Slot/s2 +Slot/s1"},
		{"Patient?_revinclude=Appointment:patient&_revinclude:iterate=Encounter:appointment&_revinclude:iterate=Encounter:subject", "Patient/p +Appointment/b +Encounter/e"},
		{"Patient?_revinclude=*", "Patient/p +Appointment/b +AppointmentResponse/r +Encounter/e"},

		// _total, _count and the order are of the matches alone.
		{"Slot?_id=s1&_count=0&_include=Slot:schedule", ""},
		{"Slot?_id=s1&_summary=count&_include=Slot:schedule", ""},
		{"Slot?_id=s1,s2&_sort=_lastUpdated&_include=Slot:schedule", "Slot/s1 Slot/s2 +Schedule/a@2"},
	} {
		got, body := h.send(t, scenario{path: "/" + c.path, header: map[string]string{"Prefer": "handling=strict"}})
		if got.status != http.StatusOK {
			t.Errorf("%s: %d %s", c.path, got.status, body)
			continue
		}
		if list := entries(t, body); list != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.path, list, c.want)
		}
		self := at(parse(t, body), "link[0].url")
		if self != base+"/"+c.path {
			t.Errorf("self is %s, want %s", self, c.path)
		}
		if strings.Contains(c.path, "_include") && strings.HasPrefix(c.path, "Slot?_id=s1&_i") && at(parse(t, body), "total") != "1" {
			t.Errorf("%s: the total is not of the matches: %s", c.path, body)
		}
		checkValid(t, body)
	}
}

// What is included belongs to the page of the matches that brought it: every page has its own.
func TestIncludesOfPages(t *testing.T) {
	h := openDiary(t)
	var pages []string
	next := base + "/Slot?_id=s1,s2,old&_count=1&_include=Slot:schedule"
	for range 4 {
		_, body := h.send(t, scenario{path: strings.TrimPrefix(next, base)})
		pages = append(pages, entries(t, body))
		if total := at(parse(t, body), "total"); total != "3" {
			t.Errorf("total %s", total)
		}
		if next = at(parse(t, body), "link[1].url"); next == "" {
			break
		}
	}
	if got, want := strings.Join(pages, " | "), "Slot/old +Schedule/a | Slot/s2 +Schedule/a@2 | Slot/s1 +Schedule/a@2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// More than the limit is refused, with the limit and a way out; as many are not.
func TestIncludesAreBounded(t *testing.T) {
	h := openDiary(t, func(f *rest.Face) { f.Engine.MaxIncludes = 3 })
	refused := func(path string) scenario {
		return scenario{
			name: path, path: path, status: 400,
			paths:    map[string]string{"issue[0].code": "too-costly", "issue[#]": "1"},
			contains: []string{"more than 3 resources", "search-includes", "_count"},
		}
	}
	h.play(t, []scenario{
		{name: "three", path: "/Schedule?_id=a&_include=Schedule:actor", status: 200, paths: map[string]string{"entry[#]": "4"}},
		{name: "the same ones again", path: "/Slot?_id=s1,s2&_include=Slot:schedule&_include:iterate=Schedule:actor:Location", status: 200, paths: map[string]string{"entry[#]": "4"}},
		refused("/Schedule?_id=a&_include=Schedule:actor&_revinclude=Slot:schedule"),
		refused("/Schedule?_id=a&_revinclude=Slot:schedule"),
		refused("/Slot?_id=s1&_include=Slot:schedule&_include:iterate=Schedule:actor"),
	})
}

// The matches are parts where parts are asked for, and so is what comes with them; _elements is of the matches alone, for its names are of their type.
func TestIncludesAndParts(t *testing.T) {
	h := openDiary(t)
	h.play(t, []scenario{
		{
			name: "_summary", path: "/Schedule?_id=a&_include=Schedule:actor:Location&_summary=true", status: 200,
			paths: map[string]string{"entry[0].resource.meta.tag[0].code": "SUBSETTED", "entry[1].resource.meta.tag[0].code": "SUBSETTED", "entry[1].search.mode": "include"},
		},
		{
			name: "_elements", path: "/Slot?_id=s1&_include=Slot:schedule&_elements=status", status: 200,
			paths: map[string]string{"entry[0].resource.meta.tag[0].code": "SUBSETTED", "entry[0].resource.status": "free", "entry[1].resource.meta.tag[0].code": "", "entry[1].resource.actor[#]": "3"},
		},
	})
}
