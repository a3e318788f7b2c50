package rest_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/rest"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// busy is a store that refuses what it is told to refuse.
type busy struct {
	storage.Store
	reads, writes error
}

func (b busy) Read(ctx context.Context, p fhir.Partition, key fhir.Key) (fhir.Version, error) {
	if b.reads != nil {
		return fhir.Version{}, b.reads
	}
	return b.Store.Read(ctx, p, key)
}

func (b busy) ReadVersion(ctx context.Context, p fhir.Partition, key fhir.Key, number int64) (fhir.Version, error) {
	if b.reads != nil {
		return fhir.Version{}, b.reads
	}
	return b.Store.ReadVersion(ctx, p, key, number)
}

func (b busy) History(ctx context.Context, p fhir.Partition, q storage.HistoryQuery) (storage.HistoryPage, error) {
	if b.reads != nil {
		return storage.HistoryPage{}, b.reads
	}
	return b.Store.History(ctx, p, q)
}

func (b busy) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	if b.reads != nil {
		return storage.SearchPage{}, b.reads
	}
	return b.Store.Search(ctx, p, q, page)
}

func (b busy) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	if b.writes != nil {
		return nil, b.writes
	}
	return b.Store.Commit(ctx, p, ops)
}

// The interactions, all of which look for patients by a reference where they search.
var (
	patchHeader = map[string]string{"Content-Type": "application/json-patch+json"}
	reading     = []scenario{
		{name: "read", path: "/Patient/a"},
		{name: "vread", path: "/Patient/a/_history/1"},
		{name: "history of a resource", path: "/Patient/a/_history"},
		{name: "history of a type", path: "/Patient/_history"},
		{name: "history of the system", path: "/_history"},
	}
	searching = []scenario{
		{name: "search", path: "/Patient?organization=1"},
		{name: "search by a form", method: "POST", path: "/Patient/_search", body: "organization=1", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{name: "conditional create", method: "POST", path: "/Patient", body: newPatient("Ash"), header: map[string]string{"If-None-Exist": "organization=1"}},
		{name: "conditional update", method: "PUT", path: "/Patient?organization=1", body: newPatient("Ash")},
		{name: "conditional patch", method: "PATCH", path: "/Patient?organization=1", body: `[{"op":"remove","path":"/name"}]`, header: patchHeader},
		{name: "conditional delete", method: "DELETE", path: "/Patient?organization=1"},
		{name: "transaction that searches", method: "POST", body: bundleOf("transaction", entry("POST", "Patient", newPatient("Elm")), entry("GET", "Patient?organization=1", ""))},
		{name: "transaction with a conditional create", method: "POST", body: bundleOf("transaction",
			entry("DELETE", "Patient/c", ""), entry("POST", "Patient", newPatient("Elm"), "ifNoneExist", "organization=1"))},
		{name: "transaction with a conditional update", method: "POST", body: bundleOf("transaction",
			entry("DELETE", "Patient/c", ""), entry("PUT", "Patient?organization=1", newPatient("Elm")))},
		{name: "transaction with a conditional reference", method: "POST", body: bundleOf("transaction",
			entry("DELETE", "Patient/c", ""), entry("POST", "RelatedPerson", relative("Patient?organization=1")))},
	}
	// places are where the parameter stands that searching looks by.
	places = map[string]string{
		"search": "http.organization", "search by a form": "http.organization", "conditional create": "http.If-None-Exist", "conditional update": "http.organization",
		"conditional patch": "http.organization", "conditional delete": "http.organization", "transaction that searches": "Bundle.entry[1].request.url",
		"transaction with a conditional create": "Bundle.entry[1].request.ifNoneExist", "transaction with a conditional update": "Bundle.entry[1].request.url",
		"transaction with a conditional reference": "Bundle.entry[1].resource.patient.reference",
	}
	writing = []scenario{
		{name: "create", method: "POST", path: "/Patient", body: newPatient("Ash")},
		{name: "update", method: "PUT", path: "/Patient/a", body: patient("a", "Birch")},
		{name: "update as create", method: "PUT", path: "/Patient/b", body: patient("b", "Birch")},
		{name: "patch", method: "PATCH", path: "/Patient/a", body: `[{"op":"remove","path":"/name"}]`, header: patchHeader},
		{name: "delete", method: "DELETE", path: "/Patient/a"},
		{name: "transaction", method: "POST", body: bundleOf("transaction", entry("POST", "Patient", newPatient("Elm")))},
	}
)

// TestUnavailable: whatever is why a request cannot be answered now, the client hears that it is transient, and when to come again.
func TestUnavailable(t *testing.T) {
	full := fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store is busy.").Because(errors.New("secret"))
	for _, c := range []struct {
		name    string
		change  func(t *testing.T, f *rest.Face) // once there is a Patient
		refused [][]scenario
		served  [][]scenario
		placed  bool // the answer says which parameter it is about
	}{
		{
			name:    "too many writes wait",
			change:  func(_ *testing.T, f *rest.Face) { f.Engine.Store = busy{Store: f.Engine.Store, writes: full} },
			refused: [][]scenario{writing}, served: [][]scenario{reading, searching[:2]},
		},
		{
			name: "one write of several cannot be carried out",
			change: func(_ *testing.T, f *rest.Face) {
				f.Engine.Store = busy{Store: f.Engine.Store, writes: &storage.OpError{Index: 0, Err: full}}
			},
			refused: [][]scenario{writing}, served: [][]scenario{reading},
		},
		{
			name: "the store is out of reach",
			change: func(_ *testing.T, f *rest.Face) {
				f.Engine.Store = busy{Store: f.Engine.Store, reads: full, writes: full}
			},
			refused: [][]scenario{reading, searching, writing},
		},
		{
			name:    "the store is closed",
			change:  func(t *testing.T, f *rest.Face) { must(t, f.Engine.Store.Close()) },
			refused: [][]scenario{reading[1:], searching, writing}, // a read may still be answered from memory
		},
		{
			name: "the index is made anew",
			change: func(t *testing.T, f *rest.Face) {
				config := f.Engine.Config
				var err error
				config.Rules, err = search.NewRules(search.Config{Types: config.Types, BaseURL: "https://moved.example.org" + conformance.FHIRPath})
				must(t, err)
				f.Engine, err = engine.New(t.Context(), config)
				must(t, err)
			},
			refused: [][]scenario{searching}, served: [][]scenario{reading, {{name: "search by another parameter", path: "/Patient?family=ash&_sort=birthdate"}}, writing[:1]},
			placed: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			h.put(t, "a", "Ash")
			c.change(t, h.face)
			for _, refused := range c.refused {
				for _, sc := range refused {
					place := ""
					if c.placed {
						place = places[sc.name]
					}
					t.Run(sc.name, func(t *testing.T) { h.wantUnavailable(t, sc, place) })
				}
			}
			for _, served := range c.served {
				for _, sc := range served {
					if got, body := h.send(t, sc); got.status != 200 && got.status != 201 {
						t.Errorf("%s: status %d: %s", sc.name, got.status, body)
					}
				}
			}
		})
	}
}

// wantUnavailable sends a request, and demands that it is to be tried again. The place is where the answer says that the cause stands; "" for anywhere.
func (h house) wantUnavailable(t *testing.T, sc scenario, place string) {
	t.Helper()
	got, body := h.send(t, sc)
	sc.status, sc.wantHeader = 503, map[string]string{"Retry-After": "5", "Content-Type": "application/fhir+json; charset=utf-8"}
	sc.paths = map[string]string{"resourceType": "OperationOutcome", "issue[#]": "1", "issue[0].severity": "error", "issue[0].code": "transient"}
	sc.check(t, got, body)
	checkValid(t, body)
	tree, err := fhir.ParseJSON(body)
	must(t, err)
	if told := at(tree, "issue[0].location[0]") + at(tree, "issue[0].expression[0]"); place != "" && told != place {
		t.Errorf("the place is %q, want %q", told, place)
	}
	if at(tree, "issue[0].details.text") == "" || bytes.Contains(body, []byte("secret")) {
		t.Errorf("the outcome is %s", body)
	}
}

// TestUnavailableEntry: in a batch it is the entry that is to be sent again.
func TestUnavailableEntry(t *testing.T) {
	h := open(t)
	h.put(t, "a", "Ash")
	h.face.Engine.Store = busy{Store: h.face.Engine.Store, writes: fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store is busy.")}
	h.play(t, []scenario{{
		name: "a write and a read", method: "POST", status: 200, wantHeader: map[string]string{"Retry-After": ""},
		body: bundleOf("batch", entry("POST", "Patient", newPatient("Elm")), entry("GET", "Patient/a", "")),
		paths: map[string]string{
			"entry[0].response.status": "503 Service Unavailable", "entry[0].response.outcome.issue[0].code": "transient",
			"entry[1].response.status": "200 OK",
		},
	}})
}
