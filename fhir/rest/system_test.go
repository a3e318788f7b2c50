package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

const auditEvent = `{"resourceType":"AuditEvent","id":"watched","type":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"110100"},
	"recorded":"2026-03-01T12:00:00Z","agent":[{"requestor":true}],"source":{"observer":{"display":"Portico"}}}`

// openMixed is a server with resources of four types, and an AuditEvent, which no client can write.
func openMixed(t *testing.T) house {
	h := open(t)
	h.store(t, [][2]string{
		{"Patient/a", `"active":true`},
		{"Schedule/a", schedule("Practitioner/jo")},
		{"Patient/b", `"active":true`},
		{"Slot/a", slot("Schedule/a")},
		{"Appointment/a", `"status":"fulfilled","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:20:00Z","slot":[{"reference":"Slot/a"}],"participant":[{"actor":{"reference":"Patient/a"},"status":"accepted"}]`},
		{"Patient/c", `"active":true`},
		{"Patient/a", `"active":false`},
	}...)
	r, err := fhir.ParseResource([]byte(auditEvent))
	must(t, err)
	h.face.Engine.ReadOnly = nil
	_, err = h.face.Engine.Write(t.Context(), fhir.Principal{Partition: "demo/test", Scopes: fhir.Unlimited()}, engine.Change{Action: engine.ActUpdate, Key: r.Key(), Resource: r})
	must(t, err)
	return h
}

// GET [base]?… and POST [base]/_search: https://hl7.org/fhir/R4/http.html#vsearch.
func TestSystemSearch(t *testing.T) {
	h := openMixed(t)
	const all = "Patient/a@2 Patient/c Appointment/a Slot/a Patient/b Schedule/a"
	for _, c := range []struct{ path, want, total string }{
		{"", all, "6"},
		{"?_sort=-_lastUpdated", all, "6"},
		{"?_sort=_lastUpdated", "Schedule/a Patient/b Slot/a Appointment/a Patient/c Patient/a@2", "6"},
		{"?_type=Patient&_sort=birthdate", "Patient/a@2 Patient/b Patient/c", "3"},
		{"?_type=Patient", "Patient/a@2 Patient/c Patient/b", "3"},
		{"?_type=Slot,Schedule", "Slot/a Schedule/a", "2"},
		{"?_type=AuditEvent", "AuditEvent/watched", "1"},
		{"?_type=AuditEvent&_sort=date&_count=1", "AuditEvent/watched", "1"},
		{"?_id=a", "Patient/a@2 Appointment/a Slot/a Schedule/a", "4"},
		{"?_id=a&_count=2", "Patient/a@2 Appointment/a", "4"},
		{"?_id=b", "Patient/b", "1"},
		{"?_id=nobody", "", "0"},
		{"?_lastUpdated=ge2027", "", "0"},
		{"?_lastUpdated=2026&_sort=_lastUpdated&_count=1", "Schedule/a", "6"},
		{"?_count=0", "", "6"},
		{"?_total=none", all, ""},
		{"?_total=none&_count=1", "Patient/a@2", ""},
		{"?_total=accurate&_count=1", "Patient/a@2", "6"},
		{"?_type=Slot,Appointment&_include=Slot:schedule&_include=Appointment:patient", "Appointment/a Slot/a +Schedule/a +Patient/a@2", "2"},
		{"?_type=Slot,Appointment&_include=Slot:schedule&_include=Appointment:slot", "Appointment/a Slot/a +Schedule/a", "2"},
		{"?_type=Slot,Patient&_id=a&_revinclude=Appointment:slot", "Patient/a@2 Slot/a +Appointment/a", "2"},
	} {
		got, body := h.send(t, scenario{path: c.path, header: map[string]string{"Prefer": "handling=strict"}})
		if got.status != http.StatusOK {
			t.Errorf("%s: %d %s", c.path, got.status, body)
			continue
		}
		tree := parse(t, body)
		if list, total := entries(t, body), at(tree, "total"); list != c.want || total != c.total {
			t.Errorf("%s\n got %s (%s)\nwant %s (%s)", c.path, list, total, c.want, c.total)
		}
		if self := at(tree, "link[0].url"); self != base+c.path {
			t.Errorf("self is %s, want %s", self, base+c.path)
		}
		checkValid(t, body)
	}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	h.play(t, []scenario{
		{name: "a slash behind the base", path: "/?_type=Slot", status: 200, paths: map[string]string{"entry[0].resource.id": "a", "link[0].url": base + "?_type=Slot"}},
		{name: "HEAD", method: "HEAD", path: "?_type=Slot", status: 200, empty: true},
		{name: "a form", method: "POST", path: "/_search", header: form, body: "_type=Slot,Patient&_count=1", status: 200, paths: map[string]string{"total": "4", "link[0].url": base + "?_type=Slot,Patient&_count=1"}},
		{name: "a form that is none", method: "POST", path: "/_search", body: "{}", status: 415},
		{name: "_search by GET", path: "/_search", status: 405, wantHeader: map[string]string{"Allow": "POST"}},
		{name: "the record beside others", path: "?_type=Slot,AuditEvent", status: 400, paths: map[string]string{"issue[0].location": `["http._type"]`}, contains: []string{"Search it by itself"}},
		{name: "the record beside others, in a compartment", path: "/Patient/a/*?_type=AuditEvent,Appointment", status: 400, contains: []string{"Search it by itself"}},
		{name: "another order", path: "?_sort=_id", status: 400, paths: map[string]string{"issue[0].location": `["http._sort"]`}, contains: []string{"_lastUpdated"}},
		{name: "a value that is none", path: "?_lastUpdated=soon", status: 400, paths: map[string]string{"issue[0].location": `["http._lastUpdated"]`}},
		{name: "an unknown parameter", path: "?colour=red&_type=Slot", status: 200, paths: map[string]string{"total": "1", "entry[1].search.mode": "outcome", "entry[1].resource.issue[#]": "1", "link[0].url": base + "?_type=Slot"}},
		{name: "an unknown parameter, strict", path: "?colour=red", header: map[string]string{"Prefer": "handling=strict"}, status: 400, paths: map[string]string{"issue[#]": "1"}},
		{
			name: "in a batch", method: "POST", body: bundleOf("batch", entry("GET", "?_type=Slot,Schedule", ""), entry("GET", "/?_type=Slot&_include=Slot:schedule", ""), entry("POST", "_search", patient("x", "X"))), status: 200,
			paths: map[string]string{"entry[0].resource.total": "2", "entry[1].resource.entry[1].search.mode": "include", "entry[2].response.status": "400 Bad Request"},
		},
		{
			name: "in a transaction", method: "POST", body: bundleOf("transaction", entry("GET", "?_type=Patient", ""), entry("PUT", "Patient/new", patient("new", "New"))), status: 200,
			paths: map[string]string{"entry[0].resource.total": "4", "entry[0].resource.entry[0].resource.id": "new"},
		},
	})
}

// crawl follows the links from page to page, with something between two pages, and returns what it saw. It ends after so many pages.
func (h house) crawl(t *testing.T, path string, most int, between func()) (seen []string) {
	t.Helper()
	for range most {
		got, body := h.send(t, scenario{path: path})
		if got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, got.status, body)
		}
		seen = append(seen, strings.Fields(entries(t, body))...)
		next := at(parse(t, body), "link[1].url")
		if next == "" {
			return seen
		}
		if !strings.HasPrefix(next, base) || len(next) > 8<<10 {
			t.Fatalf("the link to the next page: %s", next)
		}
		path = strings.TrimPrefix(next, base)
		between()
	}
	t.Fatalf("there are more than %d pages: %v", most, seen)
	return nil
}

// What is not touched while a client goes from page to page comes exactly once, and in order, whatever else is inserted, updated and deleted.
func TestSystemSearchPagesUnderWrites(t *testing.T) {
	h := open(t)
	var untouched []string
	for i := range 40 {
		h.store(t, [2]string{fmt.Sprintf("Patient/moved%d", i), `"active":true`})
		stays := [2]string{fmt.Sprintf("Patient/p%d", i), `"active":true`}
		if i%3 == 0 {
			stays = [2]string{fmt.Sprintf("Slot/s%d", i), slot("Schedule/a")}
		}
		h.store(t, stays, [2]string{fmt.Sprintf("Schedule/deleted%d", i), schedule("Patient/a")})
		untouched = append(untouched, stays[0])
	}
	for _, c := range []struct {
		sort string
		want func() string
	}{
		{"_lastUpdated", func() string { return strings.Join(untouched, " ") }},
		{"-_lastUpdated", func() string {
			var list []string
			for i := range untouched {
				list = append(list, untouched[len(untouched)-1-i])
			}
			return strings.Join(list, " ")
		}},
	} {
		turn := 0
		seen := h.crawl(t, "?_count=7&_type=Slot,Patient,Schedule&_sort="+c.sort, 60, func() {
			turn++
			if turn > 20 { // oldest first, a client would otherwise follow the writer for ever
				return
			}
			h.store(t, [2]string{fmt.Sprintf("Slot/new%s%d", c.sort[len(c.sort)-1:], turn), slot("Schedule/a")},
				[2]string{fmt.Sprintf("Patient/moved%d", turn), `"active":false`}, [2]string{fmt.Sprintf("Patient/moved%d", 40-turn), `"active":false`})
			h.send(t, scenario{method: "DELETE", path: fmt.Sprintf("/Schedule/deleted%d", 2*turn)})
		})
		var got []string
		for _, key := range seen {
			if strings.HasPrefix(key, "Patient/p") || strings.HasPrefix(key, "Slot/s") {
				got = append(got, key)
			}
		}
		if got := strings.Join(got, " "); got != c.want() {
			t.Errorf("%s:\n got %s\nwant %s", c.sort, got, c.want())
		}
	}
}

// A cursor continues the search that it is of, and no other.
func TestCursorsOfManySearches(t *testing.T) {
	h := openMixed(t)
	paths := []string{"", "/Patient", "/Patient/a/Appointment", "/Patient/a/*", "/Patient/b/Appointment", "/Patient/b/*", "/Practitioner/a/Appointment"}
	h.store(t, [][2]string{
		{"Appointment/b", `"status":"proposed","participant":[{"actor":{"reference":"Patient/a"},"status":"accepted"},{"actor":{"reference":"Patient/b"},"status":"accepted"},{"actor":{"reference":"Practitioner/a"},"status":"accepted"}]`},
		{"Appointment/c", `"status":"proposed","participant":[{"actor":{"reference":"Patient/a"},"status":"accepted"},{"actor":{"reference":"Patient/b"},"status":"accepted"},{"actor":{"reference":"Practitioner/a"},"status":"accepted"}]`},
	}...)
	for _, from := range paths {
		_, body := h.send(t, scenario{path: from + "?_count=1"})
		next, ok := strings.CutPrefix(at(parse(t, body), "link[1].url"), base+from+"?")
		if !ok {
			t.Errorf("%s: no link to the next page at the same path: %s", from, body)
		}
		for _, to := range paths {
			want := http.StatusBadRequest
			if from == to {
				want = http.StatusOK
			}
			if got, body := h.send(t, scenario{path: to + "?" + next}); got.status != want {
				t.Errorf("a cursor of %q at %q: %d %s", from, to, got.status, body)
			}
		}
	}
}
