package rest_test

import (
	"fmt"
	"strings"
	"testing"
)

// A write takes no parameters that it would pass over: somebody may mean them as a condition.
func TestWritesTakeNoIdleParameters(t *testing.T) {
	const patient = `{"resourceType":"Patient","id":"a"}`
	open(t).play(t, []scenario{
		{name: "create with a condition in the URL", method: "POST", path: "/Patient?identifier=x", body: patient, status: 400, paths: map[string]string{"issue[0].location": `["http.identifier"]`}, contains: []string{"If-None-Exist"}},
		{name: "conditional create with one more in the URL", method: "POST", path: "/Patient?identifier=x", header: headers("If-None-Exist", "identifier=x"), body: patient, status: 400},
		{name: "nothing of it was written", path: "/Patient?_summary=count", status: 200, paths: map[string]string{"total": "0"}},
		{name: "update", method: "PUT", path: "/Patient/a?active=true", body: patient, status: 400, paths: map[string]string{"issue[0].location": `["http.active"]`}},
		{name: "update that says how the answer is written", method: "PUT", path: "/Patient/a?_pretty=true&_format=json&", body: patient, status: 201},
		{name: "delete", method: "DELETE", path: "/Patient/a?active=true", status: 400},
		{name: "it is still there", path: "/Patient/a", status: 200},
		{name: "in an entry", method: "POST", body: `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/a?active=true"}}]}`, status: 400},
		{name: "it is there still", path: "/Patient/a", status: 200},
	})
}

// An answer names no version twice: bdl-7 (https://hl7.org/fhir/R4/bundle.html#invs).
func TestWrittenAndReadInOneTransaction(t *testing.T) {
	for _, kind := range []string{"batch", "transaction"} {
		answer, body := open(t).send(t, scenario{method: "POST", body: fmt.Sprintf(`{"resourceType":"Bundle","type":%q,"entry":[
			{"request":{"method":"PUT","url":"Patient/a"},"resource":{"resourceType":"Patient","id":"a"}},
			{"request":{"method":"GET","url":"Patient/a"}}]}`, kind)})
		full, resources := strings.Count(string(body), `"fullUrl"`), strings.Count(string(body), `"resource":`)
		if answer.status != 200 || full != 1 || resources != 2 {
			t.Errorf("%s: %d, %d names of %d resources: %s", kind, answer.status, full, resources, body)
		}
	}
}

// The time that a Bundle takes grows with its size, not with the square of it: a hundred thousand members took a minute.
func TestEnvelopeOfManyMembers(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Bundle","type":"batch","entry":[{}]`)
	for i := range 100_000 {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	open(t).play(t, []scenario{{name: "all unknown", method: "POST", body: b.String() + "}", status: 400}})
}
