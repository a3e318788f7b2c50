package access_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/fhir/audit"
)

// office is a gate with an administrator, asked by HTTP.
type office struct {
	*gate
	handler http.Handler
	admin   string // the administrator's key
	log     *bytes.Buffer
}

func openOffice(t *testing.T) office {
	t.Helper()
	o := office{log: &bytes.Buffer{}}
	o.gate = newGate(t, func(c *access.Config) { c.Log = slog.New(slog.NewTextHandler(o.log, nil)) })
	o.handler = o.Handler()
	_, o.admin = o.key(t, access.OperatorSite, access.AdminScope)
	return o
}

// key makes a live key by the registry.
func (o office) key(t *testing.T, site string, scopes ...string) (id, key string) {
	t.Helper()
	c, key, err := o.CreateCredential(t.Context(), access.NewCredential{Mode: access.Live, Sites: []string{site}, Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID, key
}

// letter is a request to the office, and what is expected of its answer.
type letter struct {
	name   string
	method string // GET when empty
	path   string
	body   string
	header map[string]string // an empty value takes a header away; the administrator's key is there otherwise

	status     int
	wantHeader map[string]string
	want       string   // members of the answer, as JSON: others may be there
	contains   []string // parts of its text
}

// answer is what came back, but for the body.
type answer struct {
	status int
	header http.Header
}

// send sends a letter.
func (o office) send(t *testing.T, l letter) (answer, string) {
	t.Helper()
	method := l.method
	if method == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequestWithContext(t.Context(), method, l.path, strings.NewReader(l.body))
	r.Header.Set("Authorization", o.admin)
	r.Header.Set("X-Request-Id", "request-1")
	if l.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range l.header {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, r)
	return answer{w.Code, w.Header()}, w.Body.String()
}

// play sends letters one after the other.
func (o office) play(t *testing.T, letters []letter) {
	t.Helper()
	for _, l := range letters {
		t.Run(l.name, func(t *testing.T) {
			got, text := o.send(t, l)
			if got.status != l.status {
				t.Errorf("status %d, want %d: %s", got.status, l.status, text)
			}
			mediaType := "application/json"
			if l.status >= 400 {
				mediaType = "application/problem+json"
				for _, part := range []string{`"type": "about:blank"`, `"title": "` + http.StatusText(l.status) + `"`, `"request_id": "request-1"`} {
					if !strings.Contains(text, part) {
						t.Errorf("%s is not in %s", part, text)
					}
				}
			}
			headers := map[string]string{"Content-Type": mediaType, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
			for name, want := range l.wantHeader {
				headers[name] = want
			}
			for name, want := range headers {
				if got.header.Get(name) != want {
					t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
				}
			}
			for _, part := range l.contains {
				if !strings.Contains(text, part) {
					t.Errorf("%q is not in %s", part, text)
				}
			}
			if l.want != "" {
				checkMembers(t, l.want, text)
			}
		})
	}
}

// checkMembers looks that a JSON object has at least some members.
func checkMembers(t *testing.T, want, text string) {
	t.Helper()
	var wanted, got map[string]any
	if err := errors.Join(json.Unmarshal([]byte(want), &wanted), json.Unmarshal([]byte(text), &got)); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for name, value := range wanted {
		if diff := cmp.Diff(value, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAdministerSites(t *testing.T) {
	o := openOffice(t)
	o.play(t, []letter{
		{name: "list what there is", path: "/auth/sites", status: 200, want: `{"sites": [{"name": "demo", "created": "2026-03-01T12:00:00Z", "active": true, "suspended": false}]}`},
		{
			name: "create", method: "POST", path: "/auth/sites", body: `{"name": "Clinic-A"}`, status: 201, wantHeader: map[string]string{"Location": "https://portico.example.org/auth/sites/Clinic-A"},
			want: `{"name": "Clinic-A", "created": "2026-03-01T12:00:00Z", "active": false, "suspended": false}`,
		},
		{name: "create it again", method: "POST", path: "/auth/sites", body: `{"name": "clinic-a"}`, status: 409, want: `{"status": 409}`},
		{name: "create the operator's", method: "POST", path: "/auth/sites", body: `{"name": "_portico"}`, status: 409},
		{name: "create what is no name", method: "POST", path: "/auth/sites", body: `{"name": "a b"}`, status: 400, contains: []string{`"place": "name"`, `2 to 32 of the characters`}},
		{name: "create without a name", method: "POST", path: "/auth/sites", status: 400},
		{name: "list", path: "/auth/sites", status: 200, contains: []string{`"name": "Clinic-A"`, `"name": "demo"`}},
		{name: "look at it", path: "/auth/sites/CLINIC-A", status: 200, want: `{"name": "Clinic-A"}`},
		{name: "HEAD", method: "HEAD", path: "/auth/sites/CLINIC-A", status: 200},
		{name: "look at another", path: "/auth/sites/clinic-b", status: 404, want: `{"title": "Not Found"}`},
		{name: "look at what is no name", path: "/auth/sites/a%2Fb", status: 404},
		{name: "activate", method: "POST", path: "/auth/sites/clinic-a/activate", status: 200, want: `{"active": true, "suspended": false}`},
		{name: "suspend", method: "POST", path: "/auth/sites/clinic-a/suspend", body: `{}`, status: 200, want: `{"active": true, "suspended": true}`},
		{name: "activate again", method: "POST", path: "/auth/sites/clinic-a/activate", status: 200, want: `{"active": true, "suspended": false}`},
		{name: "activate another", method: "POST", path: "/auth/sites/clinic-b/activate", status: 404},
		{name: "suspend the operator's", method: "POST", path: "/auth/sites/_portico/suspend", status: 422},
		{name: "suspend with more", method: "POST", path: "/auth/sites/clinic-a/suspend", body: `{"until": "tomorrow"}`, status: 400, contains: []string{`"place": "until"`, "There is no such member here."}},
		{name: "it is not suspended", path: "/auth/sites/clinic-a", status: 200, want: `{"suspended": false}`},
		{name: "a parameter", path: "/auth/sites?page=2", status: 400, contains: []string{`"place": "page"`}},
	})
}

func TestAdministerKeys(t *testing.T) {
	o := openOffice(t)
	o.site("clinic-a")
	o.site("clinic-b")
	o.play(t, []letter{{
		name: "every fault", method: "POST", path: "/auth/keys", status: 400,
		body: `{"name": 5, "mode": "test", "sites": "clinic-a", "scopes": ["system/*.rs", 7], "expires": "soon", "allow": ["localhost"], "jwks": [], "secret": "mine"}`,
		contains: []string{
			`"place": "name"`, `"place": "sites"`, `"place": "scopes[1]"`, `"place": "expires"`, `"place": "allow[0]"`, `"place": "jwks"`, `"place": "secret"`,
		},
	}, {
		name: "every fault of what can be read", method: "POST", path: "/auth/keys", status: 400,
		body:     `{"mode": "prod", "sites": ["clinic-c"], "scopes": ["patient/*.rs"], "expires": "2026-02-28T00:00:00Z"}`,
		contains: []string{`"place": "mode"`, `"place": "sites[0]"`, `"place": "scopes[0]"`, `"place": "expires"`},
	}, {
		name: "an end that cannot be written", method: "POST", path: "/auth/keys", status: 400,
		body:     `{"mode": "test", "sites": ["clinic-a"], "expires": "9999-12-31T23:59:59-01:00"}`,
		contains: []string{`"place": "expires"`, "year 9999"},
	}, {
		name: "an end that would mean none", method: "POST", path: "/auth/keys", status: 400,
		body:     `{"mode": "test", "sites": ["clinic-a"], "expires": "0001-01-01T00:00:00Z"}`,
		contains: []string{`"place": "expires"`},
	}})
	created := o.create(t, `{"name": "till", "mode": "test", "sites": ["Clinic-A"], "scopes": ["system/Patient.rs"], "expires": "2027-01-01T01:00:00+01:00", "allow": ["192.0.2.0/24", "2001:db8::1"]}`)
	want := told{
		ID: created.ID, Name: "till", Mode: "test", Sites: []string{"clinic-a"}, Scopes: []string{"system/Patient.rs"}, Created: "2026-03-01T12:00:00Z", Expires: "2027-01-01T00:00:00Z",
		Allow: []string{"192.0.2.0/24", "2001:db8::1/128"}, State: "active", Key: created.Key,
	}
	if diff := cmp.Diff(want, created); diff != "" || !strings.HasPrefix(created.Key, created.ID+".") {
		t.Errorf("%s: %+v", diff, created)
	}
	other := o.create(t, `{"mode": "test", "sites": ["clinic-b"]}`)
	path := "/auth/keys/" + created.ID
	o.play(t, []letter{
		{name: "look at it", path: path, status: 200, want: `{"name": "till", "state": "active", "key": null}`},
		{name: "look at another", path: "/auth/keys/test_0000000000000000000000", status: 404},
		{name: "look at what is no id", path: "/auth/keys/till", status: 404},
		{name: "of no site", path: "/auth/keys?site=clinic-c", status: 404},
		{name: "of two sites", path: "/auth/keys?site=clinic-a&site=clinic-b", status: 400},
		{name: "rotate for a strange time", method: "POST", path: path + "/rotate", body: `{"grace": "a day"}`, status: 400, contains: []string{`"place": "grace"`}},
		{name: "rotate for ever", method: "POST", path: path + "/rotate", body: `{"grace": "9000h"}`, status: 400, contains: []string{`"place": "grace"`, "a year"}},
		{name: "rotate backwards", method: "POST", path: path + "/rotate", body: `{"grace": "-1h"}`, status: 400, contains: []string{`"place": "grace"`}},
	})
	if ids := o.list(t, "?site=CLINIC-A"); !slices.Equal(ids, []string{created.ID}) {
		t.Errorf("clinic-a has the keys %v", ids)
	}
	if ids := o.list(t, ""); len(ids) != 3 || !slices.Contains(ids, created.ID) || !slices.Contains(ids, other.ID) {
		t.Errorf("there are the keys %v", ids)
	}
	rotated := o.order(t, path+"/rotate", `{"grace": "1h"}`)
	if rotated.Key == "" || rotated.Key == created.Key || rotated.ID != created.ID {
		t.Errorf("the new key is %+v", rotated)
	}
	if revoked := o.order(t, path+"/revoke", ""); revoked.State != "revoked" || revoked.Key != "" {
		t.Errorf("what was revoked is %+v", revoked)
	}
	o.play(t, []letter{{name: "rotate what was revoked", method: "POST", path: path + "/rotate", status: 422}})
	said := o.log.String()
	for _, e := range o.trail.take() {
		said += "\n" + e.Detail
	}
	if !strings.Contains(said, created.ID) {
		t.Errorf("the record names no key: %s", said)
	}
	for _, key := range []string{created.Key, rotated.Key, other.Key} {
		if _, secret, _ := strings.Cut(key, "."); strings.Contains(said, secret) {
			t.Errorf("the log and the record tell a secret: %s", said)
		}
	}
}

// told is a credential as an administrator reads it.
type told struct {
	ID, Name, Mode   string
	Sites, Scopes    []string
	Created, Expires string
	Revoked, Rotated string
	Allow            []string
	State, Key       string
}

// create makes a key by REST.
func (o office) create(t *testing.T, body string) told {
	t.Helper()
	got, text := o.send(t, letter{method: "POST", path: "/auth/keys", body: body})
	var c told
	if err := json.Unmarshal([]byte(text), &c); err != nil || got.status != http.StatusCreated {
		t.Fatalf("%d %v: %s", got.status, err, text)
	}
	if got.header.Get("Location") != "https://portico.example.org/auth/keys/"+c.ID {
		t.Errorf("it is at %s", got.header.Get("Location"))
	}
	return c
}

// order has something done with a key.
func (o office) order(t *testing.T, path, body string) told {
	t.Helper()
	got, text := o.send(t, letter{method: "POST", path: path, body: body})
	var c told
	if err := json.Unmarshal([]byte(text), &c); err != nil || got.status != http.StatusOK {
		t.Fatalf("%d %v: %s", got.status, err, text)
	}
	return c
}

// list returns the ids of keys, and looks that none has its secret with it.
func (o office) list(t *testing.T, query string) (ids []string) {
	t.Helper()
	_, text := o.send(t, letter{path: "/auth/keys" + query})
	var list struct{ Keys []told }
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, c := range list.Keys {
		ids = append(ids, c.ID)
		if c.Key != "" || c.State == "" {
			t.Errorf("the list has %+v", c)
		}
	}
	return ids
}

// Only administrators get in, and nothing but what there is is answered.
func TestAdministerRefuses(t *testing.T) {
	o := openOffice(t)
	o.site("clinic-a")
	_, clerk := o.key(t, "clinic-a")
	wrong := o.admin[:len(o.admin)-1] + map[bool]string{true: "b", false: "a"}[strings.HasSuffix(o.admin, "a")]
	long := `{"name": "` + strings.Repeat("a", 64<<10) + `"}`
	for _, at := range []struct{ method, path string }{
		{"GET", "/auth/sites"}, {"POST", "/auth/sites"}, {"GET", "/auth/sites/clinic-a"}, {"GET", "/auth/sites/clinic-b"}, {"POST", "/auth/sites/clinic-a/activate"}, {"POST", "/auth/sites/clinic-a/suspend"},
		{"GET", "/auth/keys"}, {"POST", "/auth/keys"}, {"GET", "/auth/keys/x"}, {"POST", "/auth/keys/x/rotate"}, {"POST", "/auth/keys/x/revoke"}, {"PUT", "/auth/sites"},
	} {
		o.play(t, []letter{
			{name: "nobody " + at.method + at.path, method: at.method, path: at.path, header: map[string]string{"Authorization": ""}, status: 401},
			{name: "a wrong key " + at.method + at.path, method: at.method, path: at.path, header: map[string]string{"Authorization": wrong}, status: 401},
			{name: "no administrator " + at.method + at.path, method: at.method, path: at.path, header: map[string]string{"Authorization": clerk}, status: 403, contains: []string{"portico/admin"}},
		})
	}
	if got, _ := o.send(t, letter{path: "/auth/sites", header: map[string]string{"Authorization": ""}}); got.header.Get("WWW-Authenticate") == "" {
		t.Error("a 401 says not how to get in")
	}
	o.play(t, []letter{
		{name: "another method", method: "PUT", path: "/auth/sites", status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD, POST"}},
		{name: "a change by GET", path: "/auth/sites/clinic-a/suspend", status: 405, wantHeader: map[string]string{"Allow": "POST"}},
		{name: "DELETE", method: "DELETE", path: "/auth/sites/clinic-a", status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD"}},
		{name: "a form", method: "POST", path: "/auth/sites", body: "name=clinic-b", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, status: 415, contains: []string{`"place": "Content-Type"`}},
		{name: "without a type", method: "POST", path: "/auth/sites", body: `{"name": "clinic-b"}`, header: map[string]string{"Content-Type": ""}, status: 415},
		{name: "packed", method: "POST", path: "/auth/sites", body: `{"name": "clinic-b"}`, header: map[string]string{"Content-Encoding": "gzip"}, status: 415},
		{name: "in another character set", method: "POST", path: "/auth/sites", body: `{"name": "clinic-b"}`, header: map[string]string{"Content-Type": "application/json; charset=latin1"}, status: 415},
		{name: "too long", method: "POST", path: "/auth/sites", body: long, status: 413},
		{name: "no JSON", method: "POST", path: "/auth/sites", body: `{"name": "clinic-b"`, status: 400},
		{name: "no object", method: "POST", path: "/auth/sites", body: `["clinic-b"]`, status: 400},
		{name: "a name twice", method: "POST", path: "/auth/sites", body: `{"name": "clinic-b", "name": "clinic-c"}`, status: 400, contains: []string{"name"}},
		{name: "an unknown member", method: "POST", path: "/auth/sites", body: `{"name": "clinic-b", "active": true}`, status: 400, contains: []string{`"place": "active"`}},
	})
	sites, err := o.Sites(t.Context())
	if err != nil || len(sites) != 2 || sites[0].Suspended {
		t.Errorf("after all that there are %+v (%v)", sites, err)
	}
}

// Everything that is done here, and refused, is recorded at the operator's own site, with who it was and what it concerns.
func TestAdministerIsRecorded(t *testing.T) {
	o := openOffice(t)
	_, clerk := o.key(t, access.OperatorSite)
	o.trail.take()
	created := func() string { return o.create(t, `{"mode": "live", "sites": ["clinic-a"]}`).ID }
	ask := func(l letter) func() string {
		return func() string {
			o.send(t, l)
			return ""
		}
	}
	tests := []struct {
		do      func() string
		detail  string // behind "Detail: ", with ID for the id of the key
		outcome audit.Outcome
	}{
		{ask(letter{method: "POST", path: "/auth/sites", body: `{"name": "clinic-a"}`}), "create site clinic-a", audit.Success},
		{ask(letter{path: "/auth/sites"}), "list sites", audit.Success},
		{ask(letter{path: "/auth/sites/clinic-a"}), "look at site clinic-a", audit.Success},
		{ask(letter{method: "POST", path: "/auth/sites/clinic-a/activate"}), "activate site clinic-a", audit.Success},
		{created, "create key ID", audit.Success},
		{ask(letter{path: "/auth/keys?site=clinic-a"}), "list keys of clinic-a", audit.Success},
		{ask(letter{method: "POST", path: "/auth/sites/clinic-b/suspend"}), `suspend site clinic-b: There is no site "clinic-b".`, audit.Refused},
		{ask(letter{method: "POST", path: "/auth/sites/Ann%20Smith/suspend"}), `suspend site: There is no site "Ann Smith".`, audit.Refused},
		{ask(letter{method: "POST", path: "/auth/sites/clinic-a/suspend", header: map[string]string{"Authorization": clerk}}), "suspend site clinic-a: This is for administrators: it takes the scope portico/admin.", audit.Refused},
		{ask(letter{method: "PUT", path: "/auth/keys"}), `use keys by another method: The method "PUT" is not offered here; what is: GET, HEAD, POST.`, audit.Refused},
	}
	for _, tt := range tests {
		id := tt.do()
		events := o.trail.take()
		if len(events) != 1 {
			t.Errorf("%s: recorded are %+v", tt.detail, events)
			continue
		}
		e := events[0]
		if want := strings.ReplaceAll(tt.detail, "ID", id); e.Detail != want || e.Outcome != tt.outcome || e.Interaction != audit.Operation || e.Who.Partition != audit.NoSite || e.Who.Client == "" {
			t.Errorf("want %q, got %+v", want, e)
		}
	}
}

// What cannot be recorded is not answered: nobody gets a key of which nobody knows. The log has what was done.
func TestAdministerWithoutRecord(t *testing.T) {
	o := openOffice(t)
	o.trail.err = fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The record cannot be kept now.")
	o.play(t, []letter{{
		name: "a site", method: "POST", path: "/auth/sites", body: `{"name": "clinic-a"}`, status: 503, wantHeader: map[string]string{"Retry-After": "5", "Location": ""},
		want: `{"detail": "The record cannot be kept now."}`,
	}})
	_, text := o.send(t, letter{method: "POST", path: "/auth/keys", body: `{"mode": "test", "sites": ["clinic-a"]}`})
	list, err := o.Credentials(t.Context(), "clinic-a")
	if err != nil || len(list) != 1 || strings.Contains(text, list[0].ID) {
		t.Errorf("%v, %+v: %s", err, list, text)
	}
	if !strings.Contains(o.log.String(), `order="create key `+list[0].ID) {
		t.Errorf("the log is %s", o.log)
	}
}

// What an administrator changes is written before it is answered: a server that dies then must not have forgotten it.
func TestAdministerIsSettled(t *testing.T) {
	o := openOffice(t)
	o.send(t, letter{method: "POST", path: "/auth/sites", body: `{"name": "clinic-a"}`})
	if n := len(o.trail.take()); n == 0 || o.trail.settled != n {
		t.Errorf("of %d events %d are written", n, o.trail.settled)
	}
	o.trail.unsaved = fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store is out of reach.")
	o.play(t, []letter{{name: "not to be written", method: "POST", path: "/auth/sites", body: `{"name": "clinic-b"}`, status: 503, want: `{"detail": "The store is out of reach."}`}})
}

// An administrator operates the server, and has no business with the data of a site.
func TestAdministratorHasNoData(t *testing.T) {
	o := openOffice(t)
	o.site("clinic-a")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/fhir/Patient", nil)
	r.Header.Set("Authorization", o.admin)
	who, err := o.Authenticate(r, http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	if !who.Admin || who.Partition != audit.NoSite || who.Scopes.Permit("Patient", fhir.MayRead) || who.Scopes.Permit("AuditEvent", fhir.MaySearch) {
		t.Errorf("the administrator is %+v", who)
	}
	r.Header.Set("SU-SiteId", "clinic-a")
	if who, err := o.Authenticate(r, http.Header{}); !errors.Is(err, fhir.Forbidden) {
		t.Errorf("at another site the administrator is %+v (%v)", who, err)
	}
}

// TestHandlers: each is at a path of its own, and knows it: whatever it answers there is no 404.
func TestHandlers(t *testing.T) {
	o := openOffice(t)
	paths := slices.Collect(maps.Keys(o.Handlers()))
	if !slices.Contains(paths, access.SitesPath+"/{id}/activate") || !slices.Contains(paths, access.KeysPath) {
		t.Errorf("the paths are %v", paths)
	}
	for _, path := range paths {
		l := letter{method: http.MethodPatch, path: strings.ReplaceAll(path, "{id}", "demo")}
		if got, text := o.send(t, l); got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s is not served: %d %s", path, got.status, text)
		}
	}
}
