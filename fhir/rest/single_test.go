package rest_test

import (
	"testing"

	"github.com/portico-health/portico/fhir/rest"
	"github.com/portico-health/portico/storage/storagetest"
)

// TestWithoutTransactions: a store that writes one resource at a time refuses transactions, and serves all else.
func TestWithoutTransactions(t *testing.T) {
	h := open(t, func(f *rest.Face) {
		f.Engine.Store = storagetest.WithoutTransactions(f.Engine.Store)
		f.Promises = promises(f.Engine)
	})
	h.put(t, "a", "Ash")
	h.play(t, []scenario{
		{
			name: "transaction", method: "POST", single: true, status: 400, body: bundleOf("transaction", entry("PUT", "Patient/b", patient("b", "Birch"))),
			paths: map[string]string{"issue[0].code": "not-supported", "issue[0].expression[0]": "Bundle.type"}, contains: []string{"no transactions", "a Bundle of type batch"},
		},
		{
			name: "batch", method: "POST", status: 200, body: bundleOf("batch",
				entry("PUT", "Patient/b", patient("b", "Birch")), entry("PUT", "Patient?family=cedar", newPatient("Cedar")), entry("DELETE", "Patient?family=ash", "")),
			paths: map[string]string{"entry[0].response.status": "201 Created", "entry[1].response.status": "201 Created", "entry[2].response.status": "200 OK"},
		},
		{name: "conditional create", method: "POST", path: "/Patient", status: 200, body: newPatient("Cedar"), header: map[string]string{"If-None-Exist": "family=cedar"}},
		{name: "patch", method: "PATCH", path: "/Patient/b", status: 200, body: `[{"op":"remove","path":"/name"}]`, header: patchHeader},
		{name: "conditional create of something new", method: "POST", path: "/Patient", status: 201, body: newPatient("Dogwood"), header: map[string]string{"If-None-Exist": "family=dogwood"}},
		{name: "create", method: "POST", path: "/Patient", status: 201, body: newPatient("Elder")},
		{name: "update of a version", method: "PUT", path: "/Patient/b", status: 200, body: patient("b", "Birch"), header: map[string]string{"If-Match": `W/"2"`}},
		{name: "update of another version", method: "PUT", path: "/Patient/b", status: 412, body: patient("b", "Birch"), header: map[string]string{"If-Match": `W/"2"`}},
		{name: "conditional update", method: "PUT", path: "/Patient?family=elder", status: 200, body: newPatient("Elder")},
		{name: "conditional patch", method: "PATCH", path: "/Patient?family=elder", status: 200, body: `[{"op":"add","path":"/active","value":true}]`, header: patchHeader},
		{name: "conditional delete", method: "DELETE", path: "/Patient?family=dogwood", status: 200},
		{name: "delete", method: "DELETE", path: "/Patient/b", status: 200},
		{
			name: "conditional entries of a batch", method: "POST", status: 200, body: bundleOf("batch",
				entry("DELETE", "Patient?family=elder", ""), entry("DELETE", "Patient?family=nobody", ""), entry("GET", "Patient?family=cedar", "")),
			paths: map[string]string{"entry[0].response.status": "200 OK", "entry[1].response.status": "200 OK", "entry[2].resource.total": "1"},
		},
		{name: "another resource to the base", method: "POST", status: 400, body: newPatient("Cedar"), contains: []string{"a Bundle of type batch."}},
	})
	if _, body := h.send(t, scenario{path: "/metadata"}); at(parse(t, body), "rest[0].interaction[0].code") != "batch" {
		t.Errorf("the CapabilityStatement is %s", body)
	}
}
