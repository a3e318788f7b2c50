package load

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// post sends a Bundle to the base, and tells what became of each entry; of a Bundle that was refused as a whole it is one
// result.
func (c *client) post(ctx context.Context, u unit) ([]result, error) {
	all := result{Place: u.Place, number: u.number, typ: "Bundle", resource: "Bundle"}
	a, err := c.persist(ctx, http.MethodPost, c.base, fhir.AppendJSON(nil, u.resource.Root()))
	if err != nil {
		return nil, err
	}
	if a.status/100 != 2 {
		all.status, all.refusal = a.status, a.reason()
		return []result{all}, nil
	}
	asked := u.resource.Root().Array("entry")
	said, fault := responses(a, len(asked))
	if fault != "" {
		all.status, all.refusal = a.status, fault
		return []result{all}, nil
	}
	results := make([]result, len(asked))
	for i, entry := range asked {
		entry, _ := entry.(*fhir.Object)
		results[i] = all.ofEntry(i, entry, said[i])
	}
	return results, nil
}

// responses are the entries of the answer: one "for each entry in the request, in the same order"
// (https://hl7.org/fhir/R4/http.html#transaction-response).
func responses(a answer, want int) (said []*fhir.Object, fault string) {
	r, err := fhir.ParseResource(a.body)
	if err != nil || r.Type() != "Bundle" {
		return nil, fmt.Sprintf("The server answers %d, but not with a Bundle. What became of the entries is not known.", a.status)
	}
	for _, entry := range r.Root().Objects("entry") {
		said = append(said, entry.Object("response"))
	}
	if len(said) != want {
		return nil, fmt.Sprintf("The server answers with %d entries to %d. What became of them is not known.", len(said), want)
	}
	return said, ""
}

// ofEntry is what became of one entry of the Bundle.
func (all result) ofEntry(i int, entry, response *fhir.Object) result {
	request := entry.Object("request")
	method, url := request.Text("method"), request.Text("url")
	r := result{Place: all.Place, number: all.number, typ: typeOf(url), resource: method + " " + url}
	r.Entry = i + 1
	if resource := entry.Object("resource"); resource != nil && r.typ == resource.Text("resourceType") {
		r.resource = strings.TrimSuffix(fhir.NewResource(resource).Key().String(), "/")
	}
	code, _, _ := strings.Cut(response.Text("status"), " ")
	status, err := strconv.Atoi(code)
	switch {
	case err != nil:
		r.refusal = "The server does not say what became of the entry: its response has no status."
	case status == http.StatusCreated:
		r.created = true
	case status/100 != 2:
		r.status, r.refusal = status, reasonOf(status, response.Object("outcome"))
	default: // a create that is answered with 200 found a match
		r.other = method != http.MethodPut && method != http.MethodPatch
	}
	return r
}

// reasonOf is why an entry was refused.
func reasonOf(status int, outcome *fhir.Object) string {
	a := answer{status: status}
	if outcome != nil {
		a.body = fhir.AppendJSON(nil, outcome)
	}
	return a.reason()
}

// typeOf is the type that a request is about, by its URL, which is relative to the base; "" when it is about none.
func typeOf(url string) string {
	t, _, _ := strings.Cut(strings.TrimLeft(url, "/"), "/")
	t, _, _ = strings.Cut(t, "?")
	if !isTypeName(t) {
		return ""
	}
	return t
}
