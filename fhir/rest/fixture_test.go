package rest_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/rest"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage/mongo/mongotest"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// base is the public URL of the server under test, wherever it listens.
const base = "http://example.org/fhir"

// noon is the time at which the clock of the tests stands still, unless it is moved; instants of the store count on from it by
// microseconds.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// house is a server with a store of its own.
type house struct {
	face *rest.Face
	url  string // of the FHIR base
	log  *syncBuffer

	sinceNoon *atomic.Int64 // what the clock shows, in nanoseconds
}

// open starts a server. The ids that it gives are new1, new2 and so on.
func open(t testing.TB, change ...func(*rest.Face)) house {
	t.Helper()
	return openWith(t, conformance.DefaultTypes(), change...)
}

// openWith starts a server of these types.
func openWith(t testing.TB, types []string, change ...func(*rest.Face)) house {
	t.Helper()
	var sinceNoon atomic.Int64
	now := func() time.Time { return noon.Add(time.Duration(sinceNoon.Load())) }
	rules, err := search.NewRules(search.Config{Types: types, BaseURL: base})
	must(t, err)
	store := anystore.Open(t, rules, now)
	var ids atomic.Int64
	e, err := engine.New(t.Context(), engine.Config{
		Store: store, Rules: rules, Validator: validate.New(), Types: types, ReadOnly: conformance.ReadOnlyTypes(),
		Now: now, NewID: func(time.Time) string { return "new" + strconv.FormatInt(ids.Add(1), 10) },
		SearchBudget: engine.DefaultSearchBudget, MaxIncludes: engine.DefaultMaxIncludes,
	})
	must(t, err)
	h := house{log: &syncBuffer{}, sinceNoon: &sinceNoon}
	h.face = &rest.Face{
		Engine: e, Authenticate: openSite, Log: slog.New(slog.NewJSONHandler(h.log, nil)), Promises: promises(e),
	}
	for _, c := range change {
		c(h.face)
	}
	router := mux.NewRouter()
	must(t, h.face.Routes(router))
	for path, document := range h.face.Documents() {
		router.Handle(path, document)
	}
	server := httptest.NewServer(rest.Identify(now, router))
	t.Cleanup(server.Close)
	h.url = server.URL + conformance.FHIRPath
	return h
}

func promises(e *engine.Engine) conformance.Promises {
	return rest.Promises(e, conformance.Config{
		Release: "1.2.3", BaseURL: strings.TrimSuffix(base, conformance.FHIRPath), Started: noon, Unchecked: validate.Unchecked,
		Security: conformance.Security{Issuer: "http://example.org", TokenEndpoint: "http://example.org/token", GrantTypes: []string{"client_credentials"}},
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// syncBuffer is a bytes.Buffer that a server may write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// scenario is a request and what is expected of its answer.
type scenario struct {
	name   string
	method string // GET when empty
	path   string // below the base, with its query
	header map[string]string
	lines  http.Header // headers in several lines, behind those of header
	body   string      // as application/fhir+json, unless header has a Content-Type
	single bool        // it is sent to stores without transactions, too, whatever it is

	status     int
	wantHeader map[string]string // "" means that it must be absent
	want       string            // the body: JSON that is equal to it in everything but white space; not compared when empty
	empty      bool              // there must be no body
	paths      map[string]string // parts of the body: "issue[0].code" -> "value"; see at
	contains   []string          // parts of the body's text
}

// play sends requests one after the other to one server.
func (h house) play(t *testing.T, scenarios []scenario) {
	t.Helper()
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			got, body := h.send(t, sc)
			sc.check(t, got, body)
		})
	}
}

// client shows answers as they are: no unpacking, no redirects.
var client = &http.Client{
	Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// answer is what came back, but for the body.
type answer struct {
	status int
	header http.Header
}

// transacting is the house, where its store has transactions; otherwise what rests on them is skipped.
func (h house) transacting(t testing.TB) house {
	t.Helper()
	if anystore.IsMongo() && !h.face.Engine.Store.Transactions() {
		t.Skipf("the MongoDB that %s names has no transactions", mongotest.Server)
	}
	return h
}

func (h house) send(t testing.TB, sc scenario) (answer, []byte) {
	t.Helper()
	if !sc.single && strings.HasPrefix(sc.body, bundleStart("transaction")) {
		h.transacting(t)
	}
	method := sc.method
	if method == "" {
		method = http.MethodGet
	}
	var content io.Reader
	if sc.body != "" {
		content = strings.NewReader(sc.body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, h.url+sc.path, content)
	must(t, err)
	if sc.body != "" {
		req.Header.Set("Content-Type", "application/fhir+json")
	}
	for name, value := range sc.header {
		req.Header.Set(name, value)
	}
	for name, values := range sc.lines {
		for _, value := range values {
			req.Header.Add(name, value)
		}
	}
	got, err := client.Do(req)
	must(t, err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	must(t, err)
	return answer{got.StatusCode, got.Header}, body
}

func (sc scenario) check(t *testing.T, got answer, body []byte) {
	t.Helper()
	if got.status != sc.status {
		t.Errorf("status %d, want %d: %s", got.status, sc.status, body)
	}
	for name, want := range sc.wantHeader {
		if value := strings.Join(got.header.Values(name), " | "); value != want {
			t.Errorf("%s: %q, want %q", name, value, want)
		}
	}
	if sc.empty && len(body) > 0 {
		t.Errorf("there is a body: %s", body)
	}
	for _, part := range sc.contains {
		if !bytes.Contains(body, []byte(part)) {
			t.Errorf("%q is not in %s", part, body)
		}
	}
	if sc.want == "" && sc.paths == nil {
		return
	}
	tree, err := fhir.ParseJSON(body)
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if sc.want != "" {
		want, err := fhir.ParseJSON([]byte(sc.want))
		must(t, err)
		if diff := cmp.Diff(text(want), text(tree)); diff != "" {
			t.Error(diff)
		}
	}
	for path, want := range sc.paths {
		if value := at(tree, path); value != want {
			t.Errorf("%s: %q, want %q in %s", path, value, want, body)
		}
	}
}

func text(v any) string { return string(fhir.AppendJSON(nil, v)) }

// at returns the value at a path, "entry[1].resource.id": a string as it is, anything else as JSON, "" for what is not there. A
// last step "#" is the length of an array, "" for what is none.
func at(v any, path string) string {
	for step := range strings.FieldsFuncSeq(path, func(c rune) bool { return c == '.' || c == '[' || c == ']' }) {
		switch container := v.(type) {
		case *fhir.Object:
			v, _ = container.Get(step)
		case fhir.Array:
			if step == "#" {
				return strconv.Itoa(len(container))
			}
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(container) {
				return ""
			}
			v = container[i]
		default:
			return ""
		}
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return text(v)
	}
}

// patient is a small Patient as a client would send it.
func patient(id, family string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"family":%q}],"multipleBirthInteger":1}`, id, family)
}

// put stores a patient.
func (h house) put(t testing.TB, id, family string) {
	t.Helper()
	got, body := h.send(t, scenario{method: http.MethodPut, path: "/Patient/" + id, body: patient(id, family)})
	if got.status != http.StatusOK && got.status != http.StatusCreated {
		t.Fatalf("%d: %s", got.status, body)
	}
}

// checkValid holds a body that the server made against the validator.
func checkValid(t *testing.T, body []byte) {
	t.Helper()
	r, err := fhir.ParseResource(body)
	must(t, err)
	for _, issue := range validate.New().Report(r) {
		if issue.Severity != fhir.Warning {
			t.Errorf("%s: %s in %s", issue.Path, issue.Detail, body)
		}
	}
}

// openSite lets everybody in as the administrator of one site, but for those who name another or present a credential: what the face makes of these
// refusals is its own.
func openSite(r *http.Request, _ http.Header) (fhir.Principal, error) {
	switch site := r.Header.Get("SU-SiteId"); {
	case r.Header.Get("Authorization") != "":
		return fhir.Principal{}, fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "The credential is not known.").At("http.Authorization")
	case site != "" && site != "demo":
		return fhir.Principal{}, fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden, "The site is not open to you.").At("http.SU-SiteId")
	}
	return fhir.Principal{Partition: "demo/test", Scopes: fhir.Unlimited(), Admin: true}, nil
}
