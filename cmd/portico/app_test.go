package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// lockedBuffer is a buffer that a server writes and a test reads.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// running is an App that serves.
type running struct {
	*App
	url  string
	key  string
	log  *lockedBuffer
	out  *lockedBuffer
	done chan error
	stop context.CancelFunc
}

// start runs the program's server on a free port of the loopback interface, on a store in dir.
func start(tb testing.TB, dir string, change func(*Config)) *running {
	tb.Helper()
	log := &lockedBuffer{}
	r := startLogging(tb, dir, change, log)
	r.log = log
	return r
}

// startLogging is start with a log that nobody looks into. What is opened is given to opened before it serves.
func startLogging(tb testing.TB, dir string, change func(*Config), log io.Writer, opened ...func(*App)) *running {
	tb.Helper()
	config := Config{
		Listen: "127.0.0.1:0", Store: anystore.Setting(tb, dir), BaseURL: "http://portico.example.org",
		Resources: conformance.DefaultTypes(), LogLevel: "info", LogFormat: "json", Grace: 5 * time.Second,
		SearchBudget: engine.DefaultSearchBudget, SearchIncludes: engine.DefaultMaxIncludes,
		Audit: audit.All, AuditKeep: audit.DefaultKeep, // and no limits
	}
	if change != nil {
		change(&config)
	}
	key := "" // of a server for development everybody is the administrator
	if !config.Dev {
		key = keyFor(tb, config.Store)
	}
	r := startKeyless(tb, config, log, opened...)
	r.key = key
	keys.hand(r.Address(), key)
	return r
}

// startKeyless runs a server on its store as it is.
func startKeyless(tb testing.TB, config Config, log io.Writer, opened ...func(*App)) *running {
	tb.Helper()
	return startAt(tb, config, log, time.Now, opened...)
}

// startAt is startKeyless by a clock of its own.
func startAt(tb testing.TB, config Config, log io.Writer, now func() time.Time, opened ...func(*App)) *running {
	tb.Helper()
	out := &lockedBuffer{}
	app := &App{Config: config, Out: out, Log: slog.New(slog.NewJSONHandler(log, nil)), Now: now}
	ctx, cancel := context.WithCancel(context.Background())
	if err := app.Open(ctx); err != nil {
		cancel()
		tb.Fatal(err)
	}
	for _, f := range opened {
		f(app)
	}
	r := &running{App: app, url: "http://" + app.Address(), out: out, done: make(chan error, 1), stop: cancel}
	go func() { r.done <- app.Serve(ctx) }()
	tb.Cleanup(func() { r.end(tb) })
	return r
}

// end stops the server and waits for it; a second time it does nothing.
func (r *running) end(tb testing.TB) {
	tb.Helper()
	r.stop()
	if err, open := <-r.done; open {
		if err != nil {
			tb.Errorf("the server ended with %v", err)
		}
		close(r.done)
	}
}

// get asks the server, and returns status and body.
func (r *running) get(tb testing.TB, path string) (int, string) {
	tb.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, r.url+path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// send writes a resource.
func (r *running) send(tb testing.TB, method, path, body string) int {
	tb.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/fhir+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// TestDevServesDemoData is the newcomer's first call.
func TestDevServesDemoData(t *testing.T) {
	r := start(t, t.TempDir(), func(c *Config) { c.Dev = true })
	status, body := r.get(t, "/fhir/Appointment?_count=5")
	var bundle struct {
		ResourceType string
		Total        int
		Entry        []struct{ Resource struct{ ResourceType string } }
	}
	if err := json.Unmarshal([]byte(body), &bundle); err != nil || status != http.StatusOK {
		t.Fatalf("status %d, %v: %s", status, err, body)
	}
	if bundle.ResourceType != "Bundle" || bundle.Total != 800 || len(bundle.Entry) != 5 || bundle.Entry[0].Resource.ResourceType != "Appointment" {
		t.Errorf("the first call answers %s", body)
	}
	for path, want := range map[string]string{
		"/fhir/Patient?_count=0": `"total":500`, "/fhir/Slot?_count=0&_total=accurate": `"total":2000`,
	} {
		if _, body := r.get(t, path); !strings.Contains(body, want) {
			t.Errorf("%s answers %s, want %s", path, body, want)
		}
	}
	if !strings.Contains(r.out.String(), "portico ready  http://portico.example.org/fhir") {
		t.Errorf("the ready line is %q", r.out.String())
	}
}

// TestDemoIsFilledOnce: what was deleted stays deleted over a restart, and what was written stays.
func TestDemoIsFilledOnce(t *testing.T) {
	dir := t.TempDir()
	dev := func(c *Config) { c.Dev = true }
	first := start(t, dir, dev)
	if status := first.send(t, http.MethodPut, "/fhir/Patient/mine", `{"resourceType":"Patient","id":"mine"}`); status != http.StatusCreated {
		t.Fatalf("PUT answered %d", status)
	}
	first.end(t)
	second := start(t, dir, dev)
	if _, body := second.get(t, "/fhir/Patient?_count=0"); !strings.Contains(body, `"total":501`) {
		t.Errorf("after a restart: %s", body)
	}
}

// TestDemoOfSomeTypes: what is served is filled, and what is served later then, with what fits to it. What was deleted meanwhile stays deleted.
func TestDemoOfSomeTypes(t *testing.T) {
	dir := t.TempDir()
	some := start(t, dir, func(c *Config) { c.Dev, c.Resources = true, []string{"Appointment", "Patient"} })
	if _, body := some.get(t, "/fhir/Appointment?patient.name=begum&_count=0"); !strings.Contains(body, `"total":13`) {
		t.Errorf("with two types: %s", body)
	}
	if status := some.send(t, http.MethodDelete, "/fhir/Patient/pat-000001", ""); status != http.StatusOK {
		t.Fatalf("DELETE answered %d", status)
	}
	some.end(t)
	all := start(t, dir, func(c *Config) { c.Dev = true })
	for path, total := range map[string]int{"Patient": 499, "Slot": 2000, "Slot?schedule.actor:Practitioner.name=sean&status=free": 167} {
		_, body := all.until(t, "/fhir/"+path+map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]+"_total=accurate&_count=0")
		if !strings.Contains(body, fmt.Sprintf(`"total":%d`, total)) {
			t.Errorf("%s with all types: %s", path, body)
		}
	}
}

func TestHealthAndMetrics(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if status, body := r.get(t, path); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	ids := map[string]string{}
	for _, path := range []string{"/healthz", "/nowhere", "/fhir/Patient/nobody", "/.well-known/discovery-document.json"} {
		response, err := http.Get(r.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		ids[path] = response.Header.Get("X-Request-Id")
	}
	_, body := r.get(t, "/metrics")
	for _, want := range []string{"portico_http_request_duration_seconds_count{", `status="404"`, "portico_http_requests_in_flight", "go_goroutines"} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(body, "nobody") {
		t.Error("the metrics show an id")
	}
	r.end(t) // a long answer is with the client before its line is in the log
	for path, id := range ids {
		if len(id) < 8 || !strings.Contains(r.log.String(), id) {
			t.Errorf("%s: the request id %q is not in the log", path, id)
		}
	}
}

// TestRequestIsObserved: a line of log and a figure for each request, by the template of its path.
func TestRequestIsObserved(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	tests := []struct{ method, path, route, status string }{
		{"GET", "/fhir/Patient/a", "/fhir/{type}/{id}", "404"},
		{"HEAD", "/fhir/Patient/a", "/fhir/{type}/{id}", "404"},
		{"GET", "/fhir/Patient/a/_history/1", "/fhir/{type}/{id}/_history/{version}", "404"},
		{"POST", "/fhir/Patient/$validate", "/fhir/{type}/{operation}", "400"},
		{"GET", "/fhir/Patient?family=ash", "/fhir/{type}", "200"},
		{"GET", "/fhir/Patient/a/b/c/d/e", "/fhir/", "404"},
		{"GET", "/fhir/metadata", "/fhir/metadata", "200"},
		{"PUT", "/healthz", "none", "405"},
		{"GET", "/healthz", "/healthz", "200"},
		{"GET", "/fhirs", "none", "404"},
		{"BREW", "/fhir", "/fhir", "405"},
		{"GET", "/auth/sites/elm", "/auth/sites/{id}", "404"},
		{"POST", "/auth/token", "/auth/token", "400"},
	}
	for i, tt := range tests {
		request, err := http.NewRequestWithContext(t.Context(), tt.method, r.url+tt.path, nil)
		must(t, err)
		request.Header.Set("X-Request-Id", fmt.Sprintf("request-%d", i))
		request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		must(t, response.Body.Close())
	}
	figure := func(method, route, status string) string {
		return fmt.Sprintf(`portico_http_request_duration_seconds_count{method=%q,route=%q,status=%q} 1`, method, route, status)
	}
	figures := ""
	for range 1000 { // a long answer is with the client before it is counted
		if _, figures = r.get(t, "/metrics"); strings.Contains(figures, figure("GET", "/fhir/metadata", "200")) {
			break
		}
	}
	r.end(t)
	id, _, _ := strings.Cut(r.key, ".")
	who := map[bool]string{true: "", false: `,"client":"` + id + `","partition":"demo/test"`} // true: where the face asks nobody
	for i, tt := range tests {
		method := tt.method
		if method == "BREW" {
			method = "other"
		}
		line := fmt.Sprintf(`"level":"INFO","msg":"request","method":"%s","route":"%s","status":%s,"bytes":\d+,"ms":[0-9.]+,"request":"request-%d","trace":"0af7651916cd43dd8448eb211c80319c"%s}`,
			method, regexp.QuoteMeta(tt.route), tt.status, i, who[!strings.HasPrefix(tt.route, "/fhir") || tt.route == "/fhir/metadata"])
		if !regexp.MustCompile(`(?m)^{"time":"[^"]*",` + line + `$`).MatchString(r.log.String()) {
			t.Errorf("%s %s: no line %s in %s", tt.method, tt.path, line, r.log.String())
		}
		if want := figure(method, tt.route, tt.status); !strings.Contains(figures, want) {
			t.Errorf("%s %s: no figure %s", tt.method, tt.path, want)
		}
	}
}

// TestLogHasNoPersonalData searches for names and numbers and looks for them in every line of log.
func TestLogHasNoPersonalData(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	r.send(t, http.MethodPut, "/fhir/Patient/canary-id", `{"resourceType":"Patient","id":"canary-id","name":[{"family":"Canaryname"}],"gender":"canarycode"}`)
	r.get(t, "/fhir/Patient?family=Canaryname&identifier=https://fhir.nhs.uk/Id/nhs-number%7C9990000018")
	r.get(t, "/fhir/Patient/canary-id/_history?_since=canarydate")
	r.get(t, "/nowhere/Canaryname")
	r.end(t)
	log := r.log.String()
	if strings.Count(log, `"msg":"request"`) != 4 {
		t.Errorf("four requests, one line each, but the log is %s", log)
	}
	for _, canary := range []string{"anary", "9990000018"} {
		if strings.Contains(log, canary) {
			t.Errorf("the log shows %q: %s", canary, log)
		}
	}
}

// TestStop: a server that stops is not ready any more, finishes what is under way and keeps what it acknowledged, and the record of what was read last.
func TestStop(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, nil)
	if status := r.send(t, http.MethodPut, "/fhir/Patient/a", `{"resourceType":"Patient","id":"a"}`); status != http.StatusCreated {
		t.Fatalf("PUT answered %d", status)
	}
	r.get(t, "/fhir/Patient/a")
	r.end(t)
	if r.stopping.Load() != true {
		t.Error("the server does not know that it is stopping")
	}
	again := start(t, dir, nil)
	if status, _ := again.get(t, "/fhir/Patient/a"); status != http.StatusOK {
		t.Errorf("after a restart the patient answers %d", status)
	}
	if _, record := again.get(t, "/fhir/AuditEvent?entity=Patient/a&subtype=read&_summary=count"); !strings.Contains(record, `"total":2`) {
		t.Errorf("of two reads there is on record %s", record)
	}
}

// TestHost: a server for development serves the names of this machine, and not others, by whatever name a page of the Web leads here.
// Where everybody needs a credential, names are no matter.
func TestHost(t *testing.T) {
	dev, closed := start(t, t.TempDir(), func(c *Config) { c.Dev, c.Resources = true, []string{"Patient"} }), start(t, t.TempDir(), nil)
	for host, want := range map[string]int{
		"127.0.0.1:80": 200, "localhost": 200, "[::1]:8080": 200, "LOCALHOST:443": 200,
		"portico.example.org": 421, "evil.example": 421, "127.0.0.1.evil.example": 421, "10.0.0.1": 421,
	} {
		for r, want := range map[*running]int{dev: want, closed: 200} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/fhir/Patient", nil)
			must(t, err)
			request.Host = host
			response, err := http.DefaultClient.Do(request)
			must(t, err)
			must(t, response.Body.Close())
			if response.StatusCode != want {
				t.Errorf("host %s answers %d, want %d (dev: %t)", host, response.StatusCode, want, r.Config.Dev)
			}
		}
	}
}

// TestOpenFailsInWords: what an operator reads when the server cannot start.
func TestOpenFailsInWords(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "other.db")
	if err := os.WriteFile(file, []byte("this is a letter, and no database at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken := start(t, t.TempDir(), nil)
	for name, c := range map[string]struct{ listen, store, words string }{
		"no database":  {freeAddress(t), file, "other.db cannot be opened"},
		"a folder":     {freeAddress(t), dir, "cannot be opened"},
		"a taken port": {taken.Address(), filepath.Join(dir, "new.db"), "listen: "},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"serve", "--listen", c.listen, "--store", "sqlite:" + c.store}, streams{strings.NewReader(""), &out, &errs})
			if code != exitUsage || !strings.Contains(errs.String(), c.words) || strings.Contains(errs.String(), "request id") || strings.Contains(errs.String(), "later") {
				t.Errorf("exit %d: %s", code, &errs)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "new.db")); err == nil {
		t.Error("a server that could not listen made a store")
	}
}

// BenchmarkReady measures from nothing to serving on an empty store; 1 s is promised.
func BenchmarkReady(b *testing.B) {
	for b.Loop() {
		r := start(b, b.TempDir(), nil)
		if status, _ := r.get(b, "/readyz"); status != http.StatusOK {
			b.Fatal(status)
		}
		r.end(b)
	}
}
