package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir/audit"
)

// explained returns what was recorded since anything was last taken, with the reasons.
func (j *journal) explained() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []string
	for _, e := range j.events {
		line := fmt.Sprintf("%s %s %d %s", e.Interaction, e.Key, e.Outcome, e.Detail)
		if e.Who.Request != "request-7" || e.Who.Partition != "demo/test" || e.Outcome == audit.Success && e.Detail != "" {
			line += fmt.Sprintf(" by %+v", e.Who)
		}
		lines = append(lines, line)
	}
	j.events = nil
	return lines
}

// A refusal is recorded once, whether the face or the engine has refused, with what was asked for and without a word of the client's. An attempt to touch
// the record itself is among it.
func TestOneRecordOfARefusal(t *testing.T) {
	h, j := openScoped(t)
	h.put(t, "a", "Ash")
	j.take()
	const (
		notOffered = " 4 method not allowed: not-supported"
		unknown    = " 4 not found: not-supported"
		absent     = " 4 not found: not-found"
		value      = " 4 invalid: value"
		noJSON     = " 4 invalid: structure"
		unread     = " 4 unsupported media type: not-supported"
	)
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for _, c := range []struct {
		method, path, body string
		header             map[string]string
		status             int
		want               string // "" for no event
	}{
		{"DELETE", "/AuditEvent/x", "", nil, 405, "delete AuditEvent/x" + notOffered},
		{"PUT", "/AuditEvent/x", `{"resourceType":"AuditEvent","id":"x"}`, nil, 405, "update AuditEvent/x" + notOffered},
		{"PATCH", "/AuditEvent/x", `[]`, nil, 405, "patch AuditEvent/x" + notOffered},
		{"POST", "/AuditEvent", `{"resourceType":"AuditEvent"}`, nil, 405, "create AuditEvent/" + notOffered},
		{"POST", "/AuditEvent/x", `{}`, nil, 405, "operation AuditEvent/x" + notOffered},
		{"DELETE", "/AuditEvent?date=lt2027", "", nil, 405, "delete AuditEvent/" + notOffered},
		{"DELETE", "/Patient/a/_history/1", "", nil, 405, "delete Patient/a" + notOffered},
		{"OPTIONS", "/Patient/a", "", nil, 405, "operation Patient/a" + notOffered},

		{"POST", "/Patient", "Canary", nil, 400, "create Patient/" + noJSON},
		{"POST", "/Patient", `{"resourceType":"Patient","name":[{"family":"Canary"}`, nil, 400, "create Patient/" + noJSON},
		{"POST", "/Patient", "", nil, 415, "create Patient/" + unread},
		{"PUT", "/Patient/a", patient("a", "Canary"), map[string]string{"If-Match": "Canary"}, 400, "update Patient/a" + value},
		{"PUT", "/Patient/a", patient("a", "Canary"), map[string]string{"If-Match": `W/"Canary"`}, 412, "update Patient/a 4 precondition failed: conflict"},
		{"PUT", "/Patient/a", patient("a", "Canary"), map[string]string{"Content-Type": "text/canary"}, 415, "update Patient/a" + unread},
		{"PATCH", "/Patient/a", `{"Canary":1}`, map[string]string{"Content-Type": "application/json-patch+json"}, 400, "patch Patient/a" + noJSON},
		{"DELETE", "/Patient/a?Canary=1", "", nil, 400, "delete Patient/a 4 invalid: invalid"},
		{"POST", "", "Canary", nil, 400, "operation /" + noJSON},
		{"POST", "", patient("a", "Canary"), nil, 400, "operation / 4 invalid: invalid"},

		{"GET", "/Canary/1", "", nil, 404, "read /" + unknown},
		{"GET", "/Device/1", "", nil, 404, "read Device/1" + unknown},
		{"GET", "/Patient/Can_ary", "", nil, 404, "read Patient/" + absent},
		{"HEAD", "/Patient/a/_history/Canary", "", nil, 404, "vread Patient/a" + absent},
		{"GET", "/Patient/a", "", map[string]string{"Accept": "text/canary"}, 406, "read Patient/a 4 not acceptable: not-supported"},
		{"GET", "/Patient/a?_elements=Canary", "", map[string]string{"Prefer": "handling=strict"}, 400, "read Patient/a 4 invalid: not-supported"},
		{"GET", "/Patient/a/_history?_since=Canary", "", nil, 400, "history-instance Patient/a" + value},
		{"GET", "/Patient/_history?_count=Canary", "", nil, 400, "history-type Patient/" + value},
		{"GET", "/_history?_at=Canary", "", nil, 400, "history-system /" + value},
		{"GET", "/Patient/a/Canary", "", nil, 404, "search-type /" + unknown},
		{"GET", "/Slot/a/Appointment", "", nil, 404, "search-type Appointment/" + unknown},
		{"GET", "/Slot/a/*", "", nil, 404, "search-system /" + unknown},
		{"POST", "/Patient/_search", "Canary", nil, 415, "search-type Patient/" + unread},
		{"POST", "/_search", "Canary", nil, 415, "search-system /" + unread},
		{"POST", "/Patient/a/_search", "Canary", nil, 415, "search-system /" + unread},
		{"POST", "/Patient/$validate", "Canary", nil, 400, "operation Patient/" + noJSON},
		{"GET", "/Patient/$canary", "", nil, 404, "operation Patient/" + unknown},
		{"GET", "/$explain", "", nil, 400, "operation / 4 invalid: required"},
		{"GET", "/Patient/a/b/c/Canary", "", nil, 404, "operation /" + unknown},

		// What the engine refuses, it has recorded itself.
		{"GET", "/Patient/none", "", nil, 404, "read Patient/none" + absent},
		{"GET", "/Patient/a/_history/9", "", nil, 404, "vread Patient/a" + absent},
		{"GET", "/Patient/none/_history", "", nil, 404, "history-instance Patient/none" + absent},
		{"GET", "/Patient?birthdate=Canary", "", nil, 400, "search-type Patient/" + value},
		{"POST", "/Patient/_search", "birthdate=Canary", form, 400, "search-type Patient/" + value},
		{"GET", "/_history?_type=Canary", "", nil, 400, "history-system / 4 invalid: not-supported"},
		{"POST", "/Patient", `{"resourceType":"Patient","birthDate":"Canary"}`, nil, 400, "create Patient/" + value},
		{"PUT", "/Patient/Can_ary", patient("Can_ary", "Canary"), nil, 400, "update Patient/" + value},
		{"PUT", "/Patient/a", patient("a", "Canary"), map[string]string{"If-Match": `W/"9"`}, 412, "update Patient/a 4 precondition failed: conflict"},
		{"POST", "/Patient/$validate?mode=Canary", patient("a", "Canary"), nil, 400, "operation Patient/" + value},
		{"GET", "/$explain?url=Patient", "", nil, 403, "operation Patient/ 4 forbidden: forbidden"},
		{"GET", "/OperationDefinition/none", "", nil, 404, "read OperationDefinition/none" + absent},

		// Nobody is known yet, or has to be.
		{"GET", "/Patient/a?" + strings.Repeat("x", 9000), "", nil, 414, ""},
		{"GET", "/Patient/a", "", map[string]string{"HC-API-Version": "Canary"}, 400, ""},
		{"DELETE", "/metadata", "", nil, 405, ""},
	} {
		t.Run(c.method+" "+c.path[:min(len(c.path), 40)], func(t *testing.T) {
			header := map[string]string{"X-Request-Id": "request-7"}
			for name, value := range c.header {
				header[name] = value
			}
			got, body := h.send(t, scenario{method: c.method, path: c.path, body: c.body, header: header})
			var want []string
			if c.want != "" {
				want = []string{c.want}
			}
			if told := j.explained(); got.status != c.status || cmp.Diff(want, told) != "" {
				t.Errorf("%d %s: recorded %q, want %d and %q", got.status, body, told, c.status, want)
			}
		})
	}
}

// Each entry of a Bundle that is refused is recorded once: in a batch beside the others, in a transaction those that are at fault.
func TestOneRecordOfARefusedEntry(t *testing.T) {
	h, j := openScoped(t)
	h.put(t, "a", "Ash")
	j.take()
	header := map[string]string{"X-Request-Id": "request-7"}
	refused := []string{
		entry("DELETE", "AuditEvent/x", ""),
		entry("DELETE", "AuditEvent/y", patient("y", "Canary")),
		entry("PUT", "Patient/a", ""),
		entry("GET", "Canary/1", ""),
		entry("PATCH", "Patient/a", patient("a", "Canary")),
		entry("GET", "AuditEvent/x/", ""),
		entry("POST", "Patient/_search", patient("a", "Canary")),
		entry("GET", "Patient/none", ""),
	}
	want := []string{
		"delete AuditEvent/x 4 method not allowed: not-supported",
		"delete AuditEvent/y 4 invalid: invalid",
		"update Patient/a 4 invalid: required",
		"read / 4 not found: not-supported",
		"patch Patient/a 4 invalid: not-supported",
		"operation / 4 not found: not-supported",
		"search-type Patient/ 4 invalid: not-supported",
		"read Patient/none 4 not found: not-found",
	}
	send := func(kind string, status int, entries ...string) {
		t.Helper()
		if got, body := h.send(t, scenario{method: "POST", body: bundleOf(kind, entries...), header: header}); got.status != status {
			t.Errorf("%d %s", got.status, body)
		}
	}
	send("batch", 200, append(refused, entry("GET", "Patient/a", ""))...)
	if diff := cmp.Diff(append(want, "read Patient/a 0 "), j.explained()); diff != "" {
		t.Error(diff)
	}
	h.transacting(t)
	send("transaction", 400, append(refused, entry("GET", "Patient/a", ""), entry("DELETE", "Patient/a", ""))...)
	if diff := cmp.Diff(want, j.explained()); diff != "" {
		t.Error(diff)
	}
	send("transaction", 400, entry("PUT", "Patient/b", patient("other", "Canary")), entry("GET", "Patient/a", ""))
	if diff := cmp.Diff([]string{"update Patient/b 4 invalid: invalid"}, j.explained()); diff != "" {
		t.Error(diff)
	}
}

// What a transaction reads is tried before it writes. The record tells of what is answered, and not of that.
func TestNoRecordOfRehearsals(t *testing.T) {
	h, j := openScoped(t)
	h.transacting(t)
	header := map[string]string{"X-Request-Id": "request-7"}
	h.play(t, []scenario{{name: "read what is written", method: "POST", header: header, status: 200,
		body: bundleOf("transaction", entry("PUT", "Patient/new", patient("new", "Ash")), entry("GET", "Patient/new", ""))}})
	if diff := cmp.Diff([]string{"read Patient/new 0 "}, j.explained()); diff != "" {
		t.Error(diff)
	}
}
