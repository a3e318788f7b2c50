package rest_test

import (
	"context"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/rest"
	"github.com/portico-health/portico/storage"
)

// single is a store that writes one resource at a time.
type single struct{ storage.Store }

func (single) Transactions() bool { return false }

func (s single) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	if len(ops) > 1 {
		return nil, &storage.OpError{Index: 1, Err: fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "One at a time.")}
	}
	return s.Store.Commit(ctx, p, ops)
}

// TestWithoutTransactions: a store that writes one resource at a time refuses transactions, and serves all else.
func TestWithoutTransactions(t *testing.T) {
	h := open(t, func(f *rest.Face) {
		f.Engine.Store = single{f.Engine.Store}
		f.Promises = promises(f.Engine)
	})
	h.put(t, "a", "Ash")
	h.play(t, []scenario{
		{
			name: "transaction", method: "POST", status: 400, body: bundleOf("transaction", entry("PUT", "Patient/b", patient("b", "Birch"))),
			paths: map[string]string{"issue[0].code": "not-supported", "issue[0].expression[0]": "Bundle.type"}, contains: []string{"one of type batch is."},
		},
		{
			name: "batch", method: "POST", status: 200, body: bundleOf("batch",
				entry("PUT", "Patient/b", patient("b", "Birch")), entry("PUT", "Patient?family=cedar", newPatient("Cedar")), entry("DELETE", "Patient?family=ash", "")),
			paths: map[string]string{"entry[0].response.status": "201 Created", "entry[1].response.status": "201 Created", "entry[2].response.status": "200 OK"},
		},
		{name: "conditional create", method: "POST", path: "/Patient", status: 200, body: newPatient("Cedar"), header: map[string]string{"If-None-Exist": "family=cedar"}},
		{name: "patch", method: "PATCH", path: "/Patient/b", status: 200, body: `[{"op":"remove","path":"/name"}]`, header: patchHeader},
		{name: "another resource to the base", method: "POST", status: 400, body: newPatient("Cedar"), contains: []string{"a Bundle of type batch."}},
	})
	if _, body := h.send(t, scenario{path: "/metadata"}); at(parse(t, body), "rest[0].interaction[0].code") != "batch" {
		t.Errorf("the CapabilityStatement is %s", body)
	}
}
