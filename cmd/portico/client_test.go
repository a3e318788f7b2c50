package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// soak chooses between the short form of a test, and the long one that PORTICO_TEST_SOAK asks for (make soak).
func soak(short, long int) int {
	if os.Getenv("PORTICO_TEST_SOAK") != "" {
		return long
	}
	return short
}

// turns is soak for tests that repeat the same: on a MongoDB the short form is a tenth.
func turns(short, long int) int {
	if anystore.IsMongo() {
		short = max(1, short/10)
	}
	return soak(short, long)
}

// client asks one server, with as many connections as it has requests under way.
type client struct {
	base string // of FHIR
	twin string // the base of a second server, which is sent every second request of atOnce; "" for none
	http *http.Client
}

func newClient(t *testing.T, url string) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 256
	t.Cleanup(transport.CloseIdleConnections)
	return &client{base: url + "/fhir", http: &http.Client{Transport: keyed{transport}}}
}

// client asks the server of the process.
func (p *process) client(t *testing.T) *client { return newClient(t, p.url) }

// request is one that a client sends.
type request struct {
	method, path, body string // the path is relative to the base
	header             map[string]string
}

// answer is what the server said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request. The error says that no whole answer came, so that nobody knows what became of it.
func (c *client) send(ctx context.Context, r request) (answer, error) {
	q, err := http.NewRequestWithContext(ctx, r.method, strings.TrimSuffix(c.base+"/"+r.path, "/"), strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	if r.body != "" {
		q.Header.Set("Content-Type", "application/fhir+json")
	}
	for name, value := range r.header {
		q.Header.Set(name, value)
		if value == "" {
			q.Header[http.CanonicalHeaderKey(name)] = nil // sends none, also where there would be one
		}
	}
	response, err := c.http.Do(q)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, body}, err
}

// must sends a request to a server that is expected to be there.
func (c *client) must(t *testing.T, r request) answer {
	t.Helper()
	a, err := c.send(t.Context(), r)
	if err != nil {
		t.Fatalf("%s %s has no answer: %v", r.method, r.path, err)
	}
	return a
}

// read is a GET that must be answered with 200.
func (c *client) read(t *testing.T, path string) fhir.Resource {
	t.Helper()
	a := c.must(t, request{method: http.MethodGet, path: path})
	if a.status != http.StatusOK {
		t.Fatalf("GET %s: %s", path, a)
	}
	return a.resource(t)
}

// atOnce sends n requests that all wait for each other, and returns their answers in the same order.
func (c *client) atOnce(t *testing.T, n int, of func(i int) request) []answer {
	t.Helper()
	answers, errs := make([]answer, n), make([]error, n)
	var begin, group sync.WaitGroup
	begin.Add(n)
	for i := range n {
		group.Go(func() {
			r := of(i)
			to := c
			if i%2 == 1 && c.twin != "" {
				to = &client{base: c.twin, http: c.http}
			}
			begin.Done()
			begin.Wait()
			answers[i], errs[i] = to.send(t.Context(), r)
		})
	}
	group.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("request %d of %d has no answer: %v", i, n, err)
		}
	}
	return answers
}

// entries are those of all pages of a search or history.
func (c *client) entries(t *testing.T, path string) iter.Seq[*fhir.Object] {
	return func(yield func(*fhir.Object) bool) {
		for path != "" {
			page := c.read(t, path).Root()
			for _, entry := range page.Objects("entry") {
				if !yield(entry) {
					return
				}
			}
			path = ""
			for _, link := range page.Objects("link") {
				if link.Text("relation") == "next" {
					path = strings.TrimPrefix(link.Text("url"), c.base+"/")
				}
			}
		}
	}
}

// String is what a failed test shows of an answer.
func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// version is the number in the ETag; 0 when there is none.
func (a answer) version() int64 { return versionOf(a.header.Get("ETag")) }

func versionOf(etag string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(etag, `W/"`), `"`), 10, 64)
	return n
}

// id is that of the resource which the answer is about, by its Location.
func (a answer) id() string {
	parts := strings.Split(a.header.Get("Location"), "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-3] // …/Patient/ID/_history/1
}

func (a answer) resource(t *testing.T) fhir.Resource {
	t.Helper()
	r, err := fhir.ParseResource(a.body)
	if err != nil {
		t.Fatalf("the answer %s is no resource: %v", a, err)
	}
	return r
}

// tellsOf says whether the answer is an OperationOutcome whose issues have no other codes.
func (a answer) tellsOf(codes ...string) bool {
	r, err := fhir.ParseResource(a.body)
	if err != nil || r.Type() != "OperationOutcome" {
		return false
	}
	for _, issue := range r.Root().Objects("issue") {
		if !slices.Contains(codes, issue.Text("code")) {
			return false
		}
	}
	return true
}
