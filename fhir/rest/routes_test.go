package rest_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/mux"
	models "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/rest"
)

// request is how an interaction is asked for, and what is answered where there are no data. No status: it is never promised.
type request struct {
	method, path, body string
	status             int
	header             map[string]string
}

// requests are all interactions with a type, promised or not.
func requests(t string) map[string]request {
	one, found := "/"+t+"/x", "/"+t+"?_id=x"
	return map[string]request{
		"read":               {method: "GET", path: one, status: 404},
		"vread":              {method: "GET", path: one + "/_history/1", status: 404},
		"update":             {method: "PUT", path: one, body: "{", status: 400},
		"patch":              {method: "PATCH", path: one, body: "[]", header: map[string]string{"Content-Type": "application/json-patch+json"}, status: 404},
		"delete":             {method: "DELETE", path: one, status: 200},
		"history-instance":   {method: "GET", path: one + "/_history", status: 404},
		"history-type":       {method: "GET", path: "/" + t + "/_history", status: 200},
		"create":             {method: "POST", path: "/" + t, body: "{", status: 400},
		"search-type":        {method: "GET", path: "/" + t, status: 200},
		"$validate":          {method: "POST", path: "/" + t + "/$validate", body: "{", status: 400},
		"$find":              {method: "POST", path: "/" + t + "/$find", body: "{", status: 400},
		"$hold":              {method: "POST", path: "/" + t + "/$hold", body: "{", status: 400},
		"$book":              {method: "POST", path: "/" + t + "/$book", body: "{", status: 400},
		"$generate-slots":    {method: "POST", path: one + "/$generate-slots", body: "{", status: 400},
		"conditional create": {method: "POST", path: "/" + t, header: map[string]string{"If-None-Exist": "_id=x"}, body: "{", status: 400},
		"conditional update": {method: "PUT", path: found, body: "{", status: 400},
		"conditional patch":  {method: "PATCH", path: found, body: "[]", header: map[string]string{"Content-Type": "application/json-patch+json"}, status: 404},
		"conditional delete": {method: "DELETE", path: found, status: 200},
		"$everything":        {method: "POST", path: one + "/$everything"},
	}
}

// What the CapabilityStatement promises is answered, and what it does not promise is 404 or 405: the statement is read
// from the server as a client reads it.
func TestEveryPromiseIsKept(t *testing.T) {
	h := open(t)
	_, text := h.send(t, scenario{path: "/metadata"})
	statement, err := models.UnmarshalCapabilityStatement(text)
	must(t, err)
	if n := len(statement.Rest[0].Resource); n != len(conformance.DefaultTypes())+3 {
		t.Fatalf("%d types", n)
	}
	for _, p := range statement.Rest[0].SearchParam {
		h.keeps(t, "", p)
	}
	if n := len(statement.Rest[0].SearchParam); n < 3 {
		t.Errorf("%d parameters of all types", n)
	}
	for _, o := range statement.Rest[0].Operation {
		h.play(t, []scenario{{name: o.Name, path: "/$" + o.Name, status: 400, paths: map[string]string{"issue[0].code": "required"}}})
	}
	for _, r := range statement.Rest[0].Resource {
		var promised []string
		for _, i := range r.Interaction {
			promised = append(promised, i.Code.Code())
		}
		for _, o := range r.Operation {
			promised = append(promised, "$"+o.Name)
		}
		promised = append(promised, conditionals(r)...)
		promise, _ := h.face.Promises.Type(r.Type.Code())
		if promise.OffersConditional(conformance.Patch) { // R4's statement has no flag for it
			promised = append(promised, "conditional patch")
		}
		all := requests(r.Type.Code())
		for _, p := range promised {
			if _, known := all[p]; !known {
				t.Errorf("%s promises %s, of which this test knows nothing", r.Type, p)
			}
		}
		for name, ask := range all {
			got, body := h.send(t, scenario{method: ask.method, path: ask.path, header: ask.header, body: ask.body})
			refused := got.status == http.StatusMethodNotAllowed || strings.Contains(string(body), `"code":"not-supported"`)
			if slices.Contains(promised, name) {
				if refused || got.status != ask.status {
					t.Errorf("%s %s is promised, but: %d %s", ask.method, ask.path, got.status, body)
				}
			} else if !refused || (got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed) {
				t.Errorf("%s %s is not promised, but: %d %s", ask.method, ask.path, got.status, body)
			}
		}
		strict := map[string]string{"Prefer": "handling=strict"}
		for _, p := range r.SearchParam {
			h.keeps(t, "/"+r.Type.Code(), p)
		}
		for _, key := range slices.Concat(promise.SortKeys, promise.Gathered) {
			got, body := h.send(t, scenario{path: "/" + r.Type.Code() + "?_sort=-" + key, header: strict})
			if got.status != http.StatusOK {
				t.Errorf("%s?_sort=%s is promised, but: %s", r.Type, key, body)
			}
		}
		for name, values := range map[string][]string{"_include": r.SearchInclude, "_revinclude": r.SearchRevInclude} {
			for _, value := range values {
				got, body := h.send(t, scenario{path: "/" + r.Type.Code() + "?" + name + "=" + value, header: strict})
				if got.status != http.StatusOK {
					t.Errorf("%s?%s=%s is promised, but: %s", r.Type, name, value, body)
				}
			}
		}
		if len(r.SearchParam) == 0 {
			t.Errorf("%s has no search parameter", r.Type)
		}
	}
}

// keeps looks that a path can be searched by a parameter. Of a composite, what its parts may be is for the type of resource to say.
func (h house) keeps(t *testing.T, path string, p models.CapabilityStatementRestResourceSearchParam) {
	t.Helper()
	var body []byte
	for _, value := range map[string][]string{
		"token": {"true"}, "string": {"x"}, "reference": {"Patient/x"}, "date": {"2026-03-01T00:00:00Z"}, "uri": {"x"}, "number": {"5"}, "quantity": {"5.4"}, "special": {"51.5%7C-0.12"},
		"composite": {"x$x", "x$5", "x$2026"},
	}[p.Type.Code()] {
		var got answer
		if got, body = h.send(t, scenario{path: path + "?" + p.Name + "=" + value, header: map[string]string{"Prefer": "handling=strict"}}); got.status == http.StatusOK {
			return
		}
	}
	t.Errorf("%s?%s is promised, but: %s", path, p.Name, body)
}

// conditionals are what the statement promises of a type that stands in flags.
func conditionals(r models.CapabilityStatementRestResource) []string {
	var promised []string
	if *r.ConditionalCreate {
		promised = append(promised, "conditional create")
	}
	if *r.ConditionalUpdate {
		promised = append(promised, "conditional update")
	}
	if *r.ConditionalDelete != models.ConditionalDeleteStatusNotSupported {
		promised = append(promised, "conditional delete")
	}
	return promised
}

func TestPathsThatMeanNothing(t *testing.T) {
	h := open(t)
	h.put(t, "a", "Ash")
	for _, path := range []string{
		"/Patient/", "/Patient/a/", "/Patient//a", "//Patient/a", "/Patient/a/x", "/Patient/a/_history/", "/Patient/a/_history/1/x", "/patient/a", "/Claim/a",
		"/Patient/a%2F_history", "/Patient%2Fa", "/Patient/..", "/Patient/../Patient/a", "/Patient/%2e%2e/Patient/a", "/Patient/a%00", "/Patient/a%20", "/Patient/a;x", "/_history/", "/Patient/_history/", "/_history/1",
		"/metadata/", "/Patient/a/$validate/x", "/$meta",
	} {
		h.play(t, []scenario{{name: path, path: path, status: 404, wantHeader: map[string]string{"Content-Type": "application/fhir+json; charset=utf-8", "HC-API-Version": "1", "Location": ""}, paths: map[string]string{"resourceType": "OperationOutcome"}}})
	}
	h.play(t, []scenario{
		{name: "the type encoded", path: "/%50atient/a", status: 200},
		{name: "the id encoded", path: "/Patient/%61", status: 200},
		{name: "a method of its own", method: "BREW", path: "/Patient/a", status: 405, wantHeader: map[string]string{"Allow": "DELETE, GET, HEAD, PATCH, PUT"}},
		{name: "a method that another header names", method: "POST", path: "/Patient/a", header: map[string]string{"X-HTTP-Method-Override": "DELETE"}, status: 405},
	})
}

// A promise without a handler is found when the program starts.
func TestRoutesRefusesPromisesWithoutHandler(t *testing.T) {
	face := open(t).face
	tests := map[string]func(*conformance.Promises){
		"search-system is promised for Slot": func(p *conformance.Promises) {
			p.Types[0] = conformance.Type{Name: "Slot", Interactions: []conformance.Interaction{"search-system"}}
		},
		"read by a search is promised for Slot": func(p *conformance.Promises) {
			p.Types[0] = conformance.Type{Name: "Slot", Conditional: []conformance.Interaction{"read"}}
		},
		"read is promised for the whole system": func(p *conformance.Promises) { p.System = []conformance.Interaction{"read"} },
		"$merge is promised for Slot": func(p *conformance.Promises) {
			p.Types[0] = conformance.Type{Name: "Slot", Operations: []conformance.Operation{{Name: "merge", Type: true}}}
		},
		"CapabilityStatement of Visit": func(p *conformance.Promises) { p.Types[0] = conformance.Type{Name: "Visit"} },
	}
	for want, spoil := range tests {
		spoiled := *face
		spoiled.Promises.Types = slices.Clone(face.Promises.Types)
		spoil(&spoiled.Promises)
		if err := spoiled.Routes(mux.NewRouter()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// Of updates of one version that come at once, one wins.
func TestConcurrentUpdates(t *testing.T) {
	h := open(t)
	h.put(t, "a", "Ash")
	const writers = 16
	statuses := make(chan int, writers)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			got, _ := h.send(t, scenario{method: "PUT", path: "/Patient/a", body: patient("a", "Birch"), header: map[string]string{"If-Match": `W/"1"`}})
			statuses <- got.status
		})
	}
	group.Wait()
	close(statuses)
	count := map[int]int{}
	for s := range statuses {
		count[s]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusPreconditionFailed] != writers-1 {
		t.Errorf("%v", count)
	}
}

// A panic is answered and logged; the connection and the server live on.
func TestPanic(t *testing.T) {
	h := open(t, func(f *rest.Face) { f.Engine.Store = nil })
	h.play(t, []scenario{
		{
			name: "a panic", path: "/Patient/a", header: map[string]string{"X-Request-Id": "find-me-1", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, status: 500,
			wantHeader: map[string]string{"X-Request-Id": "find-me-1", "HC-API-Version": "1", "Cache-Control": "no-store"},
			want:       `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception","details":{"text":"The server failed to answer. The header X-Request-Id names this failure in its log."}}]}`,
		},
		{name: "HEAD", method: "HEAD", path: "/Patient/a", status: 500, empty: true},
		{name: "afterwards", path: "/metadata", status: 200},
	})
	for _, part := range []string{"find-me-1", "0af7651916cd43dd8448eb211c80319c", "nil pointer", "read.go", `"level":"ERROR"`} {
		if !strings.Contains(h.log.String(), part) {
			t.Errorf("%q is not in the log: %s", part, h.log)
		}
	}
}
