package rest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/rest"
)

// journal is a record in memory.
type journal struct {
	mu     sync.Mutex
	events []audit.Event
}

func (j *journal) Record(e audit.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
	return nil
}

// all is what was recorded since take was last called.
func (j *journal) all() []audit.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.events)
}

// take returns what was recorded since it was last called.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []string
	for _, e := range j.events {
		lines = append(lines, fmt.Sprintf("%s %s %d by %s: %d", e.Interaction, e.Key, e.Number, e.Who.Request, e.Outcome))
	}
	j.events = nil
	return lines
}

// permissions reads the letters of permissions.
func permissions(letters string) fhir.Permission {
	var all fhir.Permission
	for p := fhir.Permission(1); p < fhir.MayEverything; p <<= 1 {
		if strings.Contains(letters, p.String()) {
			all |= p
		}
	}
	return all
}

// openScoped is a server with a record. The header Scopes says what the client may do, with patients alone: "rs"; without it, everything.
func openScoped(t *testing.T) (house, *journal) {
	t.Helper()
	j := &journal{}
	h := open(t, func(f *rest.Face) {
		f.Engine.Audit = j
		f.Authenticate = func(r *http.Request, _ http.Header) (fhir.Principal, error) {
			who := fhir.Principal{Partition: "demo/test", Client: "c", Scopes: fhir.Unlimited()}
			if scopes := r.Header.Get("Scopes"); scopes != "" {
				who.Scopes = fhir.Scopes{"Patient": permissions(scopes)}
			}
			return who, nil
		}
	})
	return h, j
}

// What is not permitted is 403, and the answer names the scope that it takes (RFC 6750 3.1).
func TestMissingScope(t *testing.T) {
	h, _ := openScoped(t)
	h.put(t, "a", "Ash")
	scopes := func(s string) map[string]string { return map[string]string{"Scopes": s} }
	insufficient := func(scope string) map[string]string {
		return map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope", scope="` + scope + `"`}
	}
	forbidden := map[string]string{"issue[0].code": "forbidden"}
	const rename = `[{"op":"replace","path":"/name/0/family","value":"Birch"}]`
	h.play(t, []scenario{
		{name: "read", path: "/Patient/a", header: scopes("s"), status: 403, wantHeader: insufficient("system/Patient.r"), paths: forbidden},
		{name: "read, permitted", path: "/Patient/a", header: scopes("r"), status: 200, wantHeader: map[string]string{"WWW-Authenticate": ""}},
		{name: "search", path: "/Patient", header: scopes("r"), status: 403, wantHeader: insufficient("system/Patient.s"), paths: forbidden},
		{name: "all types", path: "?_count=1", header: scopes("r"), status: 403, wantHeader: insufficient("system/*.s"), paths: forbidden},
		{name: "all types, narrowed", path: "?_count=1", header: scopes("s"), status: 200, paths: map[string]string{"link[0].url": base + "?_type=Patient&_count=1"}},
		{name: "history of all types, narrowed", path: "/_history", header: scopes("s"), status: 200, paths: map[string]string{"link[0].url": base + "/_history?_count=50&_type=Patient"}},
		{name: "create", method: "POST", path: "/Patient", body: patient("x", "Ash"), header: scopes("ruds"), status: 403, wantHeader: insufficient("system/Patient.c"), paths: forbidden},
		{name: "create where nothing matches", method: "POST", path: "/Patient", body: patient("x", "Ash"), header: map[string]string{"Scopes": "c", "If-None-Exist": "family=ash"}, status: 403, wantHeader: insufficient("system/Patient.cs"), paths: forbidden},
		{name: "a definition", path: "/OperationDefinition", header: scopes("r"), status: 200},
		{name: "the statement", path: "/metadata", header: scopes("r"), status: 200},
		{name: "operator", path: "/$explain?url=Patient", header: scopes("s"), status: 403, wantHeader: map[string]string{"WWW-Authenticate": ""}, paths: forbidden},
		{name: "what is left out is told", path: "/Patient?_revinclude=Observation:subject", header: scopes("s"), status: 200,
			paths: map[string]string{"entry[#]": "2", "entry[1].search.mode": "outcome", "entry[1].resource.issue[0].code": "suppressed", "entry[1].resource.issue[0].location": `["http._revinclude"]`}},

		change("patch without reading", "/Patient/a", rename, 200, "Scopes", "u").with(expect{"ETag": `W/"2"`, "Preference-Applied": ""}, nil),
		change("patch without reading, whatever is preferred", "/Patient/a", rename, 200, "Scopes", "u", "Prefer", "return=representation").with(expect{"ETag": `W/"3"`, "Content-Length": "0", "Preference-Applied": ""}, nil),
		change("patch without reading, OperationOutcome", "/Patient/a", rename, 200, "Scopes", "u", "Prefer", "return=OperationOutcome").with(expect{"Preference-Applied": "return=OperationOutcome"}, expect{"issue[0].details.text": "Patient/a was updated, as version 4."}),
		change("a test reads", "/Patient/a", `[{"op":"test","path":"/id","value":"a"}]`, 403, "Scopes", "u").with(insufficient("system/Patient.ru"), nil),

		{name: "one of several versions, without reading", method: "PUT", path: "/Patient/a", body: patient("a", "Cedar"), header: map[string]string{"Scopes": "u", "If-Match": `W/"2", W/"4"`}, status: 200, wantHeader: map[string]string{"ETag": `W/"5"`}},
		{name: "a version, not permitted: nothing is told of it", method: "PUT", path: "/Patient/a", body: patient("a", "Cedar"), header: map[string]string{"Scopes": "r", "If-Match": `W/"1", W/"2"`}, status: 403, wantHeader: insufficient("system/Patient.u")},
	})
	for i, sc := range []scenario{
		change("no body", "/Patient/a", rename, 200, "Scopes", "u"),
		{method: "POST", body: bundleOf("batch", entry("PATCH", "Patient/a", `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W10="}`)), header: scopes("u"), status: 200},
	} {
		if got, body := h.send(t, sc); got.status != 200 || strings.Contains(string(body), "Birch") || strings.Contains(string(body), "Cedar") {
			t.Errorf("%d: %d %s", i, got.status, body)
		}
	}
}

// In a batch each entry is permitted or not; a transaction is permitted whole.
func TestMissingScopeOfEntries(t *testing.T) {
	h, j := openScoped(t)
	h.put(t, "a", "Ash")
	j.take()
	entries := []string{entry("GET", "Patient/a", ""), entry("DELETE", "Patient/a", ""), entry("GET", "Patient?family=ash", "")}
	header := map[string]string{"Scopes": "rd", "X-Request-Id": "request-7"}
	h.play(t, []scenario{{name: "batch", method: "POST", body: bundleOf("batch", entries...), header: header, status: 200, wantHeader: map[string]string{"WWW-Authenticate": ""},
		paths: map[string]string{"entry[0].response.status": "200 OK", "entry[1].response.status": "200 OK", "entry[2].response.status": "403 Forbidden", "entry[2].response.outcome.issue[0].code": "forbidden"}}})
	if diff := cmp.Diff([]string{"read Patient/a 1 by request-7: 0", "search-type Patient/ 0 by request-7: 4"}, j.take()); diff != "" { // the store tells of the delete
		t.Error(diff)
	}
	h.transacting(t).put(t, "a", "Ash")
	j.take()
	h.play(t, []scenario{
		{name: "transaction: a read", method: "POST", body: bundleOf("transaction", entries...), header: header, status: 403, wantHeader: map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope", scope="system/Patient.s"`}},
		{name: "transaction: a write", method: "POST", body: bundleOf("transaction", entries...), header: map[string]string{"Scopes": "rs", "X-Request-Id": "request-8"}, status: 403,
			wantHeader: map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope", scope="system/Patient.d"`}},
		{name: "nothing was written", path: "/Patient/a", status: 200, wantHeader: map[string]string{"ETag": `W/"3"`}},
	})
	got := j.take()
	if diff := cmp.Diff([]string{"search-type Patient/ 0 by request-7: 4", "delete Patient/a 0 by request-8: 4"}, got[:max(0, len(got)-1)]); diff != "" {
		t.Error(diff)
	}
	entries[1] = entry("HEAD", "Patient/a", "")
	h.play(t, []scenario{{name: "transaction", method: "POST", body: bundleOf("transaction", entries...), header: map[string]string{"X-Request-Id": "request-9"}, status: 200}})
	want := []string{"read Patient/a 3 by request-9: 0", "read Patient/a 3 by request-9: 0", "search-type Patient/ 0 by request-9: 0"} // once, though they are tried before
	if got := j.take(); !slices.Equal(got, want) {
		t.Errorf("recorded %q", got)
	}
}

// A request is one interaction, whatever a face looks up for it.
func TestOneRecordOfARequest(t *testing.T) {
	h, j := openScoped(t)
	h.put(t, "a", "Ash")
	h.put(t, "a", "Birch")
	j.take()
	for _, c := range []struct {
		scenario
		want []string
	}{
		{scenario{path: "/Patient/a", header: map[string]string{"If-None-Match": `W/"2"`}, status: 304}, []string{"read Patient/a 2 by request-7: 0"}},
		{scenario{path: "/Patient/a", header: map[string]string{"If-Modified-Since": "Sun, 01 Mar 2026 12:00:00 GMT"}, status: 200}, []string{"read Patient/a 2 by request-7: 0"}},
		{scenario{path: "/Patient/a?_elements=name", status: 200}, []string{"read Patient/a 2 by request-7: 0"}},
		{scenario{path: "/Patient/a/_history", status: 200}, []string{"history-instance Patient/a 0 by request-7: 0"}},
		{scenario{path: "/Patient/a/Observation", status: 200}, []string{"search-type Observation/ 0 by request-7: 0"}},
		{scenario{method: "PUT", path: "/Patient/a", body: patient("a", "Cedar"), header: map[string]string{"If-Match": `W/"1", W/"2"`}, status: 200}, nil},
		{scenario{method: "PUT", path: "/Patient/a", body: patient("a", "Cedar"), header: map[string]string{"If-Match": `W/"1", W/"2"`}, status: 412}, []string{"update Patient/a 0 by request-7: 4"}},
		{scenario{method: "DELETE", path: "/Patient/none", status: 200}, []string{"delete Patient/none 0 by request-7: 0"}},
		{scenario{method: "POST", path: "/Patient/$validate", body: patient("a", "Cedar"), status: 200}, []string{"operation Patient/ 0 by request-7: 0"}},
	} {
		if c.header == nil {
			c.header = map[string]string{}
		}
		c.header["X-Request-Id"] = "request-7"
		c.name = c.method + c.path
		h.play(t, []scenario{c.scenario})
		if diff := cmp.Diff(c.want, j.take()); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
