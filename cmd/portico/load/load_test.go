package load_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portico-health/portico/cmd/portico/load"
	"github.com/portico-health/portico/fhir"
)

// server notes what it is sent. It answers 201, unless answer says otherwise.
type server struct {
	*httptest.Server
	answer func(w http.ResponseWriter, r *http.Request, body string) (done bool)

	mu       sync.Mutex
	requests []string // "PUT /fhir/Patient/1 {…}"
	headers  []http.Header
}

func newServer(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path+" "+string(body))
		s.headers = append(s.headers, r.Header)
		s.mu.Unlock()
		if s.answer == nil || !s.answer(w, r, string(body)) {
			w.WriteHeader(http.StatusCreated)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) base() string { return s.URL + "/fhir" }

// seen are the requests so far, in the order in which they came.
func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *server) sorted() []string { return slices.Sorted(slices.Values(s.seen())) }

// folder writes files, packed where the name ends in .gz.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			content = packed(content)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func packed(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

const (
	ann    = `{"resourceType":"Patient","id":"ann"}`
	bob    = `{"resourceType":"Patient","id":"bob"}`
	noID   = `{"resourceType":"Patient","active":true}`
	pretty = "{\n  \"resourceType\": \"Patient\",\n  \"id\": \"ann\"\n}\n"
)

func TestWhatIsRead(t *testing.T) {
	long := strings.Repeat("x", load.MaxResource)
	tests := []struct {
		name     string
		files    map[string]string
		args     []string // names in the folder; all of it when there are none
		stdin    string
		requests []string
		refused  []load.Refusal // File is relative to the folder
	}{
		{name: "a resource with id is put, one without is posted", files: map[string]string{"a.ndjson": ann + "\n" + noID + "\n"},
			requests: []string{"POST /fhir/Patient " + noID, "PUT /fhir/Patient/ann " + ann}},
		{name: "empty lines, white space and no line feed at the end", files: map[string]string{"a.ndjson": "\n  " + ann + "\r\n\r\n\n" + bob},
			requests: []string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/bob " + bob}},
		{name: "byte order mark", files: map[string]string{"a.ndjson": "\ufeff" + ann + "\n", "b.json": "\ufeff" + pretty},
			requests: []string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/ann " + ann}},
		{name: "one resource over several lines", files: map[string]string{"a.json": pretty},
			requests: []string{"PUT /fhir/Patient/ann " + ann}},
		{name: "several of them in a row", files: map[string]string{"a.json": pretty + pretty},
			requests: []string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/ann " + ann}},
		{name: "what is in strings is no structure", files: map[string]string{"a.json": "{\n\"resourceType\":\"Patient\",\"language\":\"}]\\\"{\\\\\"}"},
			requests: []string{`POST /fhir/Patient {"resourceType":"Patient","language":"}]\"{\\"}`}},
		{name: "numbers keep their digits", files: map[string]string{"a.json": "{\n\"resourceType\":\"Observation\",\"valueQuantity\":{\"value\":1.10}}"},
			requests: []string{`POST /fhir/Observation {"resourceType":"Observation","valueQuantity":{"value":1.10}}`}},
		{name: "lines in a file with another name", files: map[string]string{"a.json": ann + "\n" + bob + "\n"},
			requests: []string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/bob " + bob}},
		{name: "gzip", files: map[string]string{"a.ndjson.gz": ann + "\n" + bob, "b.json.gz": pretty},
			requests: []string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/bob " + bob}},
		{name: "gzip under a plain name, in two members", files: map[string]string{"a.ndjson": packed(ann+"\n") + packed(bob)},
			requests: []string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/bob " + bob}},
		{name: "directories, without what is hidden or of another kind", files: map[string]string{
			"a/b/x.ndjson": ann, "a/y.jsonl.gz": bob, "a/README.md": "#", "a/.hidden/x.json": ann, "a/._x.json": "junk", "a/notes.json.bak": "junk"},
			requests: []string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/bob " + bob}},
		{name: "a named file counts whatever its name", files: map[string]string{"export.txt": ann}, args: []string{"export.txt"},
			requests: []string{"PUT /fhir/Patient/ann " + ann}},
		{name: "standard input, lines", args: []string{"-"}, stdin: ann + "\n" + bob + "\n",
			requests: []string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/bob " + bob}},
		{name: "standard input, packed document", args: []string{"-"}, stdin: packed(pretty),
			requests: []string{"PUT /fhir/Patient/ann " + ann}},
		{name: "an empty file", files: map[string]string{"a.ndjson": "", "b.json": " \n"}},

		{name: "a broken line in the middle", files: map[string]string{"a.ndjson": ann + "\n{\"resourceType\":\"Patient\",\n\n" + bob},
			requests: []string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/bob " + bob},
			refused:  []load.Refusal{{Place: load.Place{File: "a.ndjson", Line: 2}, Reason: "The name of a member should begin here"}}},
		{name: "lines that are no resources", files: map[string]string{"a.ndjson": "[1]\n{\"id\":\"x\"}\n{\"resourceType\":\"../x\"}\n{\"resourceType\":\"Patient\",\"id\":\"a/b\"}\n{\"resourceType\":\"Patient\",\"id\":7}"},
			refused: []load.Refusal{
				{Place: load.Place{File: "a.ndjson", Line: 1}, Reason: "A resource is a JSON object, but this is an array."},
				{Place: load.Place{File: "a.ndjson", Line: 2}, Reason: `"resourceType" is missing`},
				{Place: load.Place{File: "a.ndjson", Line: 3}, Reason: `"../x" is no resource type.`},
				{Place: load.Place{File: "a.ndjson", Line: 4}, Resource: "Patient", Reason: `An id is 1 to 64 letters, digits, hyphens and dots, but here it is the string "a/b".`},
				{Place: load.Place{File: "a.ndjson", Line: 5}, Resource: "Patient", Reason: `An id is 1 to 64 letters, digits, hyphens and dots, but here it is the number 7.`},
			}},
		{name: "a member twice", files: map[string]string{"a.ndjson": `{"resourceType":"Patient","id":"a","id":"b"}`},
			refused: []load.Refusal{{Place: load.Place{File: "a.ndjson", Line: 1}, Reason: "comes twice in one object; which of the two counts cannot be known (column 36)."}}},
		{name: "a line that is too long", files: map[string]string{"a.ndjson": ann + "\n" + `{"resourceType":"Patient","x":"` + long + "\"}\n" + bob},
			requests: []string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/bob " + bob},
			refused:  []load.Refusal{{Place: load.Place{File: "a.ndjson", Line: 2}, Reason: "longer than the 5242880 bytes"}}},
		{name: "a line that is too long, the last", files: map[string]string{"a.ndjson": long + "xxx"},
			refused: []load.Refusal{{Place: load.Place{File: "a.ndjson", Line: 1}, Reason: "longer than the 5242880 bytes"}}},
		{name: "a document that is too long", files: map[string]string{"a.json": "{\n\"resourceType\":\"Patient\",\"x\":\"" + long + "\"}\n" + pretty},
			requests: []string{"PUT /fhir/Patient/ann " + ann},
			refused:  []load.Refusal{{Place: load.Place{File: "a.json", Line: 1}, Reason: "longer than the 5242880 bytes"}}},
		{name: "a document that is too long altogether", files: map[string]string{"a.json": "{\n\"resourceType\":\"Patient\",\"x\":\"" + long[:3<<20] + "\",\"y\":\"" + long[:3<<20] + "\"}"},
			refused: []load.Refusal{{Place: load.Place{File: "a.json", Line: 1}, Reason: "longer than the 5242880 bytes"}}},
		{name: "a document that ends too early", files: map[string]string{"a.json": pretty + "{\n\"resourceType\":\"Pat"},
			requests: []string{"PUT /fhir/Patient/ann " + ann},
			refused:  []load.Refusal{{Place: load.Place{File: "a.json", Line: 6}, Reason: "cannot be read any further: it ends too early."}}},
		{name: "a document that is none", files: map[string]string{"a.json": "<html>\n"},
			refused: []load.Refusal{{Place: load.Place{File: "a.json", Line: 1}, Reason: `a resource should begin here, with '{', but there is '<'`}}},
		{name: "a document that is broken inside", files: map[string]string{"a.json": "{\n\"resourceType\":\"Patient\" \"id\":1}"},
			refused: []load.Refusal{{Place: load.Place{File: "a.json", Line: 2}, Reason: `',' should follow`}}},
		{name: "a document that is broken within a member", files: map[string]string{"a.json": "{\n\"resourceType\":\"Patient\",\n\"name\":[{x}]}"},
			refused: []load.Refusal{{Place: load.Place{File: "a.json", Line: 1}, Reason: `The name of a member should begin here`}}},
		{name: "gzip that is cut off", files: map[string]string{"a.ndjson": packed(ann + "\n" + bob + "\n")[:40], "b.ndjson": "\x1f\x8bjunk"},
			refused: []load.Refusal{
				{Place: load.Place{File: "a.ndjson", Line: 1}, Reason: "cannot be read any further: unexpected EOF"},
				{Place: load.Place{File: "b.ndjson"}, Reason: "cannot be unpacked"},
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			check(t, test.files, test.args, test.stdin, test.requests, test.refused)
		})
	}
}

// check loads files into a server that takes everything, and compares what it was sent and what was refused.
func check(t *testing.T, files map[string]string, args []string, stdin string, requests []string, refused []load.Refusal) {
	t.Helper()
	s := newServer(t)
	dir := folder(t, files)
	opts := load.Options{URL: s.base() + "/", Stdin: strings.NewReader(stdin)}
	for _, a := range args {
		if a != "-" {
			a = filepath.Join(dir, a)
		}
		opts.Files = append(opts.Files, a)
	}
	if args == nil {
		opts.Files = []string{dir}
	}
	summary, err := load.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(requests, s.sorted(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("requests: %.2000s", diff)
	}
	for i := range summary.Refusals {
		r := &summary.Refusals[i]
		r.File, _ = filepath.Rel(dir, r.File)
		if i < len(refused) && strings.Contains(r.Reason, refused[i].Reason) {
			r.Reason = refused[i].Reason
		}
	}
	if diff := cmp.Diff(refused, summary.Refusals, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(load.Refusal{})); diff != "" {
		t.Errorf("refusals: %s", diff)
	}
	if want := (load.Count{Created: len(requests), Refused: len(refused)}); summary.Count != want {
		t.Errorf("counted %+v, want %+v", summary.Count, want)
	}
	if want := min(len(refused), 1); summary.ExitCode() != want {
		t.Errorf("exit code %d, want %d", summary.ExitCode(), want)
	}
}

func TestHeaders(t *testing.T) {
	s := newServer(t)
	file := filepath.Join(folder(t, map[string]string{"a.json": ann}), "a.json")
	for _, opts := range []load.Options{{}, {Key: "test_1.x", Site: "demo"}} {
		opts.URL, opts.Files = s.base(), []string{file}
		if _, err := load.Run(t.Context(), opts); err != nil {
			t.Fatal(err)
		}
	}
	want := []map[string]string{
		{"Content-Type": "application/fhir+json", "Accept": "application/fhir+json", "HC-API-Version": "1", "Prefer": "return=minimal", "Authorization": "", "SU-SiteId": ""},
		{"Content-Type": "application/fhir+json", "Authorization": "Bearer test_1.x", "SU-SiteId": "demo"},
	}
	for i, headers := range want {
		for name, value := range headers {
			if got := s.headers[i].Get(name); got != value {
				t.Errorf("request %d: %s is %q, want %q", i+1, name, got, value)
			}
		}
	}
}

const refusal = `{"resourceType":"OperationOutcome","issue":[` +
	`{"severity":"information","code":"informational","diagnostics":"By the way."},` +
	`{"severity":"error","code":"value","details":{"text":"There is no such gender."},"diagnostics":"x","expression":["Patient.gender"]},` +
	`{"severity":"error","code":"invalid","diagnostics":"Bad \u001b[31m\nday."}]}`

func TestAnswers(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   load.Count
		reason string
	}{
		{name: "created", status: 201, want: load.Count{Created: 1}},
		{name: "updated", status: 200, body: ann, want: load.Count{Updated: 1}},
		{name: "updated without a body", status: 204, want: load.Count{Updated: 1}},
		{name: "refused with an outcome", status: 422, body: refusal, want: load.Count{Refused: 1}, reason: "Patient.gender: There is no such gender.; Bad [31m day."},
		{name: "refused with hints alone", status: 409, body: `{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"conflict"}]}`, want: load.Count{Refused: 1}, reason: "conflict"},
		{name: "refused with plain text", status: 502, header: map[string]string{"Content-Type": "text/plain; charset=utf-8"}, body: "no\x07 backend\n", want: load.Count{Refused: 1}, reason: "The server answers 502 Bad Gateway: no backend"},
		{name: "refused with a page", status: 404, body: "<html>", want: load.Count{Refused: 1}, reason: "The server answers 404 Not Found."},
		{name: "an outcome without issues", status: 400, header: map[string]string{"Content-Type": "application/fhir+json"}, body: `{"resourceType":"OperationOutcome"}`, want: load.Count{Refused: 1}, reason: "The server answers 400 Bad Request."},
		{name: "redirect", status: 301, header: map[string]string{"Location": "https://example.org/fhir"}, want: load.Count{Refused: 1}, reason: "The server answers 301 Moved Permanently and redirects to https://example.org/fhir."},
		{name: "an endless reason", status: 400, body: fmt.Sprintf(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","diagnostics":%q}]}`, strings.Repeat("x", 5000)), want: load.Count{Refused: 1}, reason: strings.Repeat("x", 2000) + "…"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.answer = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
				for name, value := range test.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
				return true
			}
			summary, err := load.Run(t.Context(), load.Options{URL: s.base(), Files: []string{"-"}, Stdin: strings.NewReader(ann)})
			if err != nil {
				t.Fatal(err)
			}
			want := load.Summary{URL: s.base(), Count: test.want, Types: map[string]load.Count{"Patient": test.want}, Refusals: []load.Refusal{}}
			if test.reason != "" {
				want.Refusals = []load.Refusal{{Place: load.Place{File: "-", Line: 1}, Resource: "Patient/ann", Status: test.status, Reason: test.reason}}
			}
			if diff := cmp.Diff(want, summary, cmpopts.IgnoreUnexported(load.Refusal{})); diff != "" {
				t.Error(diff)
			}
			if len(s.seen()) != 1 {
				t.Errorf("sent %d times", len(s.seen()))
			}
		})
	}
}

// clock is a time that goes on when somebody sleeps.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(_ context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept = append(c.slept, d)
	c.now = c.now.Add(d)
	return nil
}

func TestRetries(t *testing.T) {
	const ms = time.Millisecond
	noon := time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name    string
		answers []string // "429 5": status and Retry-After; the last again and again
		slept   []time.Duration
		want    load.Count
	}{
		{"waits as long as it is told", []string{"429 3", "503 0", "201"}, []time.Duration{3 * time.Second, 0}, load.Count{Created: 1}},
		{"waits until the date that it is told", []string{"503 " + noon.Add(90*time.Second).Format(http.TimeFormat), "200"}, []time.Duration{90 * time.Second}, load.Count{Updated: 1}},
		{"a date that has passed", []string{"503 " + noon.Add(-time.Hour).Format(http.TimeFormat), "200"}, []time.Duration{0}, load.Count{Updated: 1}},
		{"waits longer and longer when it is not told", []string{"429", "503 soon", "429", "201"}, []time.Duration{500 * ms, 1000 * ms, 2000 * ms}, load.Count{Created: 1}},
		{"does not wait for ever", []string{"429"}, []time.Duration{500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 8000 * ms, 8000 * ms, 8000 * ms, 8000 * ms}, load.Count{Refused: 1}},
		{"does not wait for hours", []string{"503 7200"}, nil, load.Count{Refused: 1}},
		{"other refusals are final", []string{"500 1"}, nil, load.Count{Refused: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, c := newServer(t), &clock{now: noon}
			answers := test.answers
			s.answer = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
				status, after, _ := strings.Cut(answers[0], " ")
				if len(answers) > 1 {
					answers = answers[1:]
				}
				if after != "" {
					w.Header().Set("Retry-After", after)
				}
				var code int
				_, _ = fmt.Sscan(status, &code)
				w.WriteHeader(code)
				return true
			}
			summary, err := load.Run(t.Context(), load.Options{URL: s.base(), Files: []string{"-"}, Stdin: strings.NewReader(noID), Now: c.Now, Sleep: c.Sleep})
			if err != nil || summary.Count != test.want {
				t.Errorf("%+v, error %v; want %+v", summary.Count, err, test.want)
			}
			if diff := cmp.Diff(test.slept, c.slept); diff != "" {
				t.Errorf("slept: %s", diff)
			}
			if len(s.seen()) != len(test.slept)+1 {
				t.Errorf("sent %d times", len(s.seen()))
			}
		})
	}
}

func TestUsage(t *testing.T) {
	dir := folder(t, map[string]string{"a.json": ann, "none/README.md": "#"})
	good := filepath.Join(dir, "a.json")
	tests := []struct {
		name string
		opts load.Options
		want []string // parts of the issues
	}{
		{"no URL", load.Options{Files: []string{good}}, []string{`url: The FHIR base is a URL such as http://127.0.0.1:8080/fhir, without a query, not "".`}},
		{"no host", load.Options{URL: "http:///fhir", Files: []string{good}}, []string{"url: "}},
		{"another scheme", load.Options{URL: "ftp://localhost/fhir", Files: []string{good}}, []string{"url: "}},
		{"a query", load.Options{URL: "http://localhost/fhir?x=1", Files: []string{good}}, []string{"url: "}},
		{"a password", load.Options{URL: "http://a:secret@localhost/fhir", Files: []string{good}}, []string{"must not have a user"}},
		{"no files", load.Options{URL: "http://localhost"}, []string{"nothing to load"}},
		{"all at once", load.Options{URL: "localhost", Key: "a\nb", Site: "ä", Files: []string{filepath.Join(dir, "b.json"), filepath.Join(dir, "none"), "-", "-"}},
			[]string{"url: ", "key: ", "site: ", "b.json cannot be read: no such file or directory.", "has no file to load", "only once"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			summary, err := load.Run(t.Context(), test.opts)
			var e *fhir.Error
			if !errors.As(err, &e) || e.Kind != fhir.Invalid {
				t.Fatalf("error %v, want one of kind Invalid", err)
			}
			if len(e.Issues) != len(test.want) {
				t.Errorf("%d issues, want %d: %v", len(e.Issues), len(test.want), err)
			}
			for _, want := range test.want {
				if !strings.Contains(summary.Stopped, want) {
					t.Errorf("%q is not in %q", want, summary.Stopped)
				}
			}
			if strings.Contains(summary.Stopped, "secret") {
				t.Error("the password is told")
			}
			if summary.ExitCode() != 2 {
				t.Errorf("exit code %d", summary.ExitCode())
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	s := newServer(t)
	s.Close()
	c := &clock{}
	summary, err := load.Run(t.Context(), load.Options{URL: s.base(), Files: []string{"-"}, Stdin: strings.NewReader(ann), Now: c.Now, Sleep: c.Sleep})
	if !errors.Is(err, fhir.Unavailable) || !strings.Contains(summary.Stopped, "connection refused") || summary.ExitCode() != 2 {
		t.Errorf("error %v, summary %+v", err, summary)
	}
	if len(c.slept) > 0 {
		t.Error("waits for a server that has never answered")
	}
}

// hangUp breaks the connection without an answer.
func hangUp() { panic(http.ErrAbortHandler) }

func TestServerBreaksOff(t *testing.T) {
	tests := []struct {
		name, second string
		breaks       int64 // times
		want         load.Count
		unreachable  bool
	}{
		{"a PUT is sent again", bob, 3, load.Count{Created: 2}, false},
		{"a PUT is not sent for ever", bob, 100, load.Count{Created: 1}, true},
		{"a POST may have been stored, and is not sent again", noID, 1, load.Count{Created: 1}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, c := newServer(t), &clock{}
			var broke atomic.Int64 // connections come one after the other, but in goroutines of their own
			s.answer = func(_ http.ResponseWriter, _ *http.Request, body string) bool {
				if body == test.second && broke.Add(1) <= test.breaks {
					hangUp()
				}
				return false
			}
			// Without keep-alive the client of net/http does not send again by itself.
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			summary, err := load.Run(t.Context(), load.Options{
				URL: s.base(), Files: []string{"-"}, Stdin: strings.NewReader(ann + "\n" + test.second), Concurrency: 1, Client: client, Now: c.Now, Sleep: c.Sleep,
			})
			if errors.Is(err, fhir.Unavailable) != test.unreachable || summary.Count != test.want {
				t.Errorf("error %v, %+v; want %+v", err, summary.Count, test.want)
			}
		})
	}
}

func TestWrongCredentials(t *testing.T) {
	s := newServer(t)
	s.answer = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"login","diagnostics":"The key is not known."}]}`)
		return true
	}
	many := strings.Repeat(noID+"\n", 1000)
	summary, err := load.Run(t.Context(), load.Options{URL: s.base(), Key: "wrong", Files: []string{"-"}, Stdin: strings.NewReader(many)})
	if !errors.Is(err, fhir.Unauthenticated) || summary.ExitCode() != 2 || !strings.Contains(summary.Stopped, "The key is not known.") {
		t.Errorf("error %v, summary %+v", err, summary)
	}
	if len(s.seen()) > 16 {
		t.Errorf("asked %d times with a key that is not accepted", len(s.seen()))
	}
}

func TestInterrupted(t *testing.T) {
	t.Run("while a request is under way", func(t *testing.T) {
		s := newServer(t)
		ctx, cancel := context.WithCancel(t.Context())
		s.answer = func(_ http.ResponseWriter, r *http.Request, body string) bool {
			if body == bob {
				cancel()
				<-r.Context().Done()
			}
			return false
		}
		summary, err := load.Run(ctx, load.Options{URL: s.base(), Files: []string{"-"}, Stdin: strings.NewReader(ann + "\n" + bob + "\n" + ann), Concurrency: 1})
		if !errors.Is(err, context.Canceled) || summary.Created != 1 || summary.ExitCode() != 2 || summary.Stopped != "the load was interrupted: context canceled" {
			t.Errorf("error %v, summary %+v", err, summary)
		}
	})
	t.Run("while standard input is silent", func(t *testing.T) {
		s := newServer(t)
		in, out := io.Pipe()
		defer func() { _ = out.Close() }()
		ctx, cancel := context.WithCancel(t.Context())
		s.answer = func(http.ResponseWriter, *http.Request, string) bool { cancel(); return false }
		go func() { _, _ = io.WriteString(out, ann+"\n") }()
		if _, err := load.Run(ctx, load.Options{URL: s.base(), Files: []string{"-"}, Stdin: in}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("while waiting", func(t *testing.T) {
		s := newServer(t)
		s.answer = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		ctx, cancel := context.WithCancel(t.Context())
		asleep := func(ctx context.Context, _ time.Duration) error { cancel(); <-ctx.Done(); return ctx.Err() }
		if _, err := load.Run(ctx, load.Options{URL: s.base(), Files: []string{"-"}, Stdin: strings.NewReader(ann), Sleep: asleep}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

// Versions of one resource arrive in the order of the file, although many requests are under way at once.
func TestOrder(t *testing.T) {
	s := newServer(t)
	var lines []string
	for version := range 20 {
		for patient := range 20 {
			lines = append(lines, fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","version":%d}`, patient, version))
		}
	}
	summary, err := load.Run(t.Context(), load.Options{URL: s.base(), Files: []string{"-"}, Stdin: strings.NewReader(strings.Join(lines, "\n"))})
	if err != nil || summary.Created != 400 {
		t.Fatalf("error %v, summary %+v", err, summary)
	}
	next := map[string]int{}
	for _, request := range s.seen() {
		_, body, _ := strings.Cut(request, "{")
		var p struct {
			ID      string
			Version int
		}
		if err := json.Unmarshal([]byte("{"+body), &p); err != nil {
			t.Fatal(err)
		}
		if p.Version != next[p.ID] {
			t.Fatalf("version %d of %s comes where %d should", p.Version, p.ID, next[p.ID])
		}
		next[p.ID]++
	}
}

func TestSummary(t *testing.T) {
	s := newServer(t)
	s.answer = func(w http.ResponseWriter, _ *http.Request, body string) bool {
		if body == bob {
			w.WriteHeader(http.StatusBadRequest)
			return true
		}
		if body == ann {
			w.WriteHeader(http.StatusOK)
			return true
		}
		return false
	}
	stdin := strings.Join([]string{ann, noID, bob, "?", `{"resourceType":"Slot"}`}, "\n")
	summary, err := load.Run(t.Context(), load.Options{URL: s.base(), Files: []string{"-"}, Stdin: strings.NewReader(stdin)})
	if err != nil {
		t.Fatal(err)
	}
	var text, object bytes.Buffer
	if err := errors.Join(summary.WriteText(&text), summary.WriteJSON(&object)); err != nil {
		t.Fatal(err)
	}
	wantText := `           created  updated  refused
  Patient        1        1        1
     Slot        1        0        0
      all        2        1        2
standard input, line 3: Patient/bob: 400: The server answers 400 Bad Request.
standard input, line 4: A value should begin here, but there is '?' (column 1).
`
	if diff := cmp.Diff(wantText, text.String()); diff != "" {
		t.Error(diff)
	}
	wantObject := `{
  "url": "` + s.base() + `",
  "created": 2,
  "updated": 1,
  "refused": 2,
  "types": {
    "Patient": {
      "created": 1,
      "updated": 1,
      "refused": 1
    },
    "Slot": {
      "created": 1,
      "updated": 0,
      "refused": 0
    }
  },
  "refusals": [
    {
      "file": "-",
      "line": 3,
      "resource": "Patient/bob",
      "status": 400,
      "reason": "The server answers 400 Bad Request."
    },
    {
      "file": "-",
      "line": 4,
      "reason": "A value should begin here, but there is '?' (column 1)."
    }
  ]
}
`
	if diff := cmp.Diff(wantObject, object.String()); diff != "" {
		t.Error(diff)
	}
	if err := summary.WriteText(failing{}); err == nil {
		t.Error("no error of the writer")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestProgress(t *testing.T) {
	s, c := newServer(t), &clock{now: time.Unix(0, 0)}
	s.answer = func(http.ResponseWriter, *http.Request, string) bool {
		return c.Sleep(t.Context(), 60*time.Millisecond) != nil
	}
	var shown bytes.Buffer
	_, err := load.Run(t.Context(), load.Options{
		URL: s.base(), Files: []string{"-"}, Stdin: strings.NewReader(strings.Repeat(ann+"\n", 4)), Concurrency: 1, Progress: &shown, Now: c.Now, Sleep: c.Sleep,
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(shown.String(), "\r\x1b[K")
	if len(lines) < 3 || lines[0] != "" || lines[1] != "1 loaded, 0 refused (standard input, line 1)" || lines[len(lines)-1] != "" {
		t.Errorf("shown: %q", lines)
	}
	if len(lines)-2 > 4 {
		t.Errorf("written %d times for four resources", len(lines)-2)
	}
}
