package rest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/rest"
)

// bundleOf is a Bundle of a type with entries.
func bundleOf(bundleType string, entries ...string) string {
	if len(entries) == 0 {
		return bundleStart(bundleType) + `}`
	}
	return bundleStart(bundleType) + `,"entry":[` + strings.Join(entries, ",") + `]}`
}

// bundleStart is how the Bundles of a type begin.
func bundleStart(bundleType string) string {
	return `{"resourceType":"Bundle","type":"` + bundleType + `"`
}

// entry asks for something in a Bundle. Behind the resource, which may be empty, come names and values of more elements of the request.
func entry(method, url, resource string, more ...string) string {
	request := fmt.Sprintf(`"method":%q,"url":%q`, method, url)
	for i := 0; i < len(more); i += 2 {
		request += fmt.Sprintf(`,%q:%q`, more[i], more[i+1])
	}
	if resource != "" {
		resource = `"resource":` + resource + `,`
	}
	return `{` + resource + `"request":{` + request + `}}`
}

// jsonPatch is a Binary with a JSON Patch.
func jsonPatch(patch string) string {
	return `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"` + base64.StdEncoding.EncodeToString([]byte(patch)) + `"}`
}

// newPatient is a Patient without an id.
func newPatient(family string) string {
	return `{"resourceType":"Patient","name":[{"family":"` + family + `"}]}`
}

// Each entry of a batch is answered as a request of its own would be: https://hl7.org/fhir/R4/http.html#brules.
func TestBatchEntries(t *testing.T) {
	const rename = `[{"op":"replace","path":"/name/0/family","value":"Cedar"}]`
	long := "Patient?_id=" + strings.Repeat("a", 9000)
	tests := []struct {
		name, entry string
		header      map[string]string
		want        expect // of entry[0], "" for what must be absent
	}{
		{name: "create", entry: entry("POST", "Patient", newPatient("Elm")), want: expect{
			"response.status": "201 Created", "response.etag": `W/"1"`, "response.location": base + "/Patient/new1/_history/1", "response.lastModified": "2026-03-01T12:00:00.000003Z",
			"fullUrl": base + "/Patient/new1", "resource.id": "new1", "resource.meta.versionId": "1", "response.outcome": "",
		}},
		{name: "create with an id", entry: entry("POST", "Patient", patient("mine", "Elm")), want: expect{"response.status": "201 Created", "resource.id": "new1"}},
		{name: "create with a version to match", entry: entry("POST", "Patient", newPatient("Elm"), "ifMatch", `W/"7"`), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.ifMatch"]`, "resource": "",
		}},
		{name: "create with no version to match", entry: entry("POST", "Patient", newPatient("Elm"), "ifNoneMatch", "*"), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.ifNoneMatch"]`,
		}},
		{name: "conditional create, a match", entry: entry("POST", "Patient", newPatient("Elm"), "ifNoneExist", "family=ash"), want: expect{
			"response.status": "200 OK", "response.location": base + "/Patient/a/_history/1", "resource.name[0].family": "Ash",
		}},
		{name: "conditional create, no match", entry: entry("POST", "Patient", newPatient("Elm"), "ifNoneExist", "family=elm"), want: expect{"response.status": "201 Created"}},
		{name: "conditional create, several match", entry: entry("POST", "Patient", newPatient("Elm"), "ifNoneExist", "family=birch"), want: expect{"response.status": "412 Precondition Failed", "resource": ""}},
		{name: "conditional create by what is unknown", entry: entry("POST", "Patient", newPatient("Elm"), "ifNoneExist", "famly=birch"), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.ifNoneExist"]`,
		}},
		{name: "update", entry: entry("PUT", "Patient/a", patient("a", "Elm")), want: expect{"response.status": "200 OK", "response.etag": `W/"2"`, "response.location": "", "resource.name[0].family": "Elm"}},
		{name: "update as create", entry: entry("PUT", "Patient/d", patient("d", "Elm")), want: expect{"response.status": "201 Created", "response.location": base + "/Patient/d/_history/1"}},
		{name: "update by an absolute URL", entry: entry("PUT", base+"/Patient/a", patient("a", "Elm")), want: expect{"response.status": "200 OK"}},
		{name: "update behind a slash", entry: entry("PUT", "/Patient/a", patient("a", "Elm")), want: expect{"response.status": "200 OK"}},
		{name: "update with If-Match", entry: entry("PUT", "Patient/a", patient("a", "Elm"), "ifMatch", `W/"1"`), want: expect{"response.status": "200 OK"}},
		{name: "update with another If-Match", entry: entry("PUT", "Patient/a", patient("a", "Elm"), "ifMatch", `W/"2"`), want: expect{"response.status": "412 Precondition Failed"}},
		{name: "update with a bad If-Match", entry: entry("PUT", "Patient/a", patient("a", "Elm"), "ifMatch", `"`), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.ifMatch"]`,
		}},
		{name: "update with If-None-Match: *", entry: entry("PUT", "Patient/a", patient("a", "Elm"), "ifNoneMatch", `*`), want: expect{"response.status": "412 Precondition Failed"}},
		{name: "update in version 2 without If-Match", entry: entry("PUT", "Patient/a", patient("a", "Elm")), header: map[string]string{"HC-API-Version": "2"}, want: expect{
			"response.status": "428 Precondition Required", "response.outcome.issue[0].expression": `["Bundle.entry[0]"]`,
		}},
		{name: "update with another id", entry: entry("PUT", "Patient/a", patient("b", "Elm")), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource.id"]`,
		}},
		{name: "update with a fault in the resource", entry: entry("PUT", "Patient/a", `{"resourceType":"Patient","id":"a","birthDate":"x","name":[{"family":5}]}`), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[#]": "2", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource.birthDate"]`,
			"response.outcome.issue[1].expression": `["Bundle.entry[0].resource.name[0].family"]`, "resource": "",
		}},
		{name: "update against an invariant", entry: entry("PUT", "Patient/a", `{"resourceType":"Patient","id":"a","contact":[{"gender":"male"}]}`), want: expect{
			"response.status": "422 Unprocessable Entity", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource.contact[0]"]`,
		}},
		{name: "conditional update", entry: entry("PUT", "Patient?family=ash", newPatient("Elm")), want: expect{"response.status": "200 OK", "resource.id": "a"}},
		{name: "conditional update, no match", entry: entry("PUT", "Patient?family=elm", newPatient("Elm")), want: expect{"response.status": "201 Created"}},
		{name: "conditional update without criteria", entry: entry("PUT", "Patient", newPatient("Elm")), want: expect{"response.status": "400 Bad Request"}},
		{name: "conditional update by what is unknown", entry: entry("PUT", "Patient?famly=ash", newPatient("Elm")), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.url"]`,
		}},
		{name: "patch", entry: entry("PATCH", "Patient/a", jsonPatch(rename)), want: expect{"response.status": "200 OK", "response.etag": `W/"2"`, "resource.name[0].family": "Cedar"}},
		{name: "conditional patch", entry: entry("PATCH", "Patient?family=ash", jsonPatch(rename)), want: expect{"response.status": "200 OK", "resource.id": "a"}},
		{name: "patch of what is not there", entry: entry("PATCH", "Patient/x", jsonPatch(rename)), want: expect{"response.status": "404 Not Found"}},
		{name: "patch whose test fails", entry: entry("PATCH", "Patient/a", jsonPatch(`[{"op":"test","path":"/id","value":"x"}]`)), want: expect{
			"response.status": "422 Unprocessable Entity", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource.data"]`,
		}},
		{name: "patch that leaves a fault", entry: entry("PATCH", "Patient/a", jsonPatch(`[{"op":"add","path":"/birthDate","value":"x"}]`)), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource.data"]`,
		}},
		{name: "patch that is no patch", entry: entry("PATCH", "Patient/a", jsonPatch(`{}`)), want: expect{"response.status": "400 Bad Request"}},
		{name: "patch as Parameters", entry: entry("PATCH", "Patient/a", `{"resourceType":"Parameters"}`), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].code": "not-supported", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource"]`,
		}},
		{name: "patch as XML", entry: entry("PATCH", "Patient/a", `{"resourceType":"Binary","contentType":"application/xml-patch+xml","data":"PGEvPg=="}`), want: expect{
			"response.status": "415 Unsupported Media Type", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource.contentType"]`,
		}},
		{name: "patch in a Binary with a fault", entry: entry("PATCH", "Patient/a", `{"resourceType":"Binary","contentType":"application/json-patch+json","x":1}`), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource.x"]`,
		}},
		{name: "patch that is no base64", entry: entry("PATCH", "Patient/a", `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"="}`), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource.data"]`,
		}},
		{name: "delete", entry: entry("DELETE", "Patient/a", ""), want: expect{"response.status": "200 OK", "response.etag": `W/"2"`, "response.outcome.issue[0].code": "informational", "resource": ""}},
		{name: "delete of what is not there", entry: entry("DELETE", "Patient/x", ""), want: expect{"response.status": "200 OK", "response.etag": ""}},
		{name: "conditional delete", entry: entry("DELETE", "Patient?family=ash", ""), want: expect{"response.status": "200 OK", "response.etag": `W/"2"`}},
		{name: "conditional delete of several", entry: entry("DELETE", "Patient?family=birch", ""), want: expect{"response.status": "412 Precondition Failed"}},
		{name: "read", entry: entry("GET", "Patient/a", ""), want: expect{"response.status": "200 OK", "response.etag": `W/"1"`, "resource.id": "a", "fullUrl": base + "/Patient/a", "response.location": ""}},
		{name: "read of what is not there", entry: entry("GET", "Patient/x", ""), want: expect{"response.status": "404 Not Found", "response.outcome.issue[0].code": "not-found", "resource": ""}},
		{name: "read of what cannot be", entry: entry("GET", "Patient/a_b", ""), want: expect{"response.status": "404 Not Found"}},
		{name: "read of what the client has", entry: entry("GET", "Patient/a", "", "ifNoneMatch", `W/"1"`), want: expect{"response.status": "304 Not Modified", "response.etag": `W/"1"`, "resource": "", "response.outcome": ""}},
		{name: "read of what is unchanged", entry: entry("GET", "Patient/a", "", "ifModifiedSince", "2026-03-01T14:00:01+01:00"), want: expect{"response.status": "304 Not Modified"}},
		{name: "read of what is changed", entry: entry("GET", "Patient/a", "", "ifModifiedSince", "2026-03-01T11:59:59Z"), want: expect{"response.status": "200 OK"}},
		{name: "vread", entry: entry("GET", "Patient/a/_history/1", ""), want: expect{"response.status": "200 OK", "resource.id": "a"}},
		{name: "history", entry: entry("GET", "Patient/a/_history", ""), want: expect{"response.status": "200 OK", "resource.type": "history", "fullUrl": ""}},
		{name: "history of a type", entry: entry("GET", "Patient/_history?_count=2", ""), want: expect{"response.status": "200 OK", "resource.entry[#]": "2"}},
		{name: "history of all types", entry: entry("GET", "_history", ""), want: expect{"response.status": "200 OK", "resource.entry[#]": "3"}},
		{name: "search", entry: entry("GET", "Patient?family=birch", ""), want: expect{"response.status": "200 OK", "resource.type": "searchset", "resource.total": "2"}},
		{name: "search, pretty", entry: entry("GET", "Patient?family=birch&_pretty=true&_format=json", ""), want: expect{"response.status": "200 OK", "resource.total": "2"}},
		{name: "search as XML", entry: entry("GET", "Patient?_format=xml", ""), want: expect{"response.status": "406 Not Acceptable", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.url"]`}},
		{name: "search by what is unknown", entry: entry("GET", "Patient?famly=birch", ""), want: expect{"response.status": "200 OK", "resource.entry[3].search.mode": "outcome"}},
		{name: "search by what is unknown, strict", entry: entry("GET", "Patient?famly=birch", ""), header: map[string]string{"Prefer": "handling=strict"}, want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.url"]`,
		}},
		{name: "search of a type that is not served", entry: entry("GET", "Claim?_id=a", ""), want: expect{"response.status": "404 Not Found"}},
		{name: "metadata", entry: entry("GET", "metadata", ""), want: expect{"response.status": "200 OK", "resource.resourceType": "CapabilityStatement"}},
		{name: "HEAD", entry: entry("HEAD", "Patient/a", ""), want: expect{"response.status": "200 OK", "response.etag": `W/"1"`, "resource": ""}},
		{name: "an operation", entry: entry("POST", "Patient/$validate", `{"resourceType":"Patient","birthDate":"x"}`), want: expect{"response.status": "200 OK", "resource.issue[0].expression": `["Patient.birthDate"]`, "response.outcome": ""}},
		{name: "an operation that is not offered", entry: entry("GET", "Patient/a/$everything", ""), want: expect{"response.status": "404 Not Found"}},
		{name: "what is read only", entry: entry("PUT", "AuditEvent/a", `{"resourceType":"AuditEvent","id":"a"}`), want: expect{"response.status": "405 Method Not Allowed"}},
		{name: "a resource of another type", entry: entry("POST", "Patient", `{"resourceType":"Slot"}`), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource"]`,
		}},

		{name: "nothing", entry: `{}`, want: expect{"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].request"]`}},
		{name: "no request", entry: `{"resource":` + newPatient("Elm") + `}`, want: expect{"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].request"]`}},
		{name: "no method and no url", entry: `{"request":{"ifMatch":"1"}}`, want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[#]": "2",
			"response.outcome.issue[0].expression": `["Bundle.entry[0].request.method"]`, "response.outcome.issue[1].expression": `["Bundle.entry[0].request.url"]`,
		}},
		{name: "an unknown method", entry: entry("BREW", "Patient", ""), want: expect{"response.status": "400 Bad Request", "response.outcome.issue[0].code": "code-invalid"}},
		{name: "a method in small letters", entry: entry("get", "Patient", ""), want: expect{"response.status": "400 Bad Request"}},
		{name: "no resource", entry: entry("POST", "Patient", ""), want: expect{"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource"]`}},
		{name: "a resource too much", entry: entry("GET", "Patient", newPatient("Elm")), want: expect{"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].resource"]`}},
		{name: "a resource too much for a delete", entry: entry("DELETE", "Patient/a", patient("a", "Ash")), want: expect{"response.status": "400 Bad Request"}},
		{name: "a resource that is none", entry: entry("POST", "Patient", `"Elm"`), want: expect{"response.status": "400 Bad Request"}},
		{name: "a resource without a type", entry: entry("POST", "Patient", `{"id":"a"}`), want: expect{"response.status": "400 Bad Request"}},
		{name: "an unknown element", entry: `{"x":1,"request":{"method":"GET","url":"Patient","y":1}}`, want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].x"]`, "response.outcome.issue[1].expression": `["Bundle.entry[0].request.y"]`,
		}},
		{name: "a response", entry: `{"request":{"method":"GET","url":"Patient"},"response":{"status":"200"}}`, want: expect{"response.status": "422 Unprocessable Entity", "response.outcome.issue[0].expression": `["Bundle.entry[0]"]`}},
		{name: "ifNoneExist where it means nothing", entry: entry("PUT", "Patient/a", patient("a", "Elm"), "ifNoneExist", "_id=a"), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.ifNoneExist"]`,
		}},
		{name: "ifModifiedSince that is no instant", entry: entry("GET", "Patient/a", "", "ifModifiedSince", "2026"), want: expect{"response.status": "400 Bad Request"}},
		{name: "another server", entry: entry("GET", "https://example.com/fhir/Patient/a", ""), want: expect{"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.url"]`}},
		{name: "a path beside the base", entry: entry("GET", base+"x/Patient/a", ""), want: expect{"response.status": "400 Bad Request"}},
		{name: "a name", entry: entry("GET", "urn:uuid:0189bf5c-4c2e-7b0c-9d4a-000000000001", ""), want: expect{"response.status": "400 Bad Request"}},
		{name: "a fragment", entry: entry("GET", "Patient/a#name", ""), want: expect{"response.status": "400 Bad Request"}},
		{name: "a URL that is none", entry: entry("GET", "Patient/%zz", ""), want: expect{"response.status": "400 Bad Request"}},
		{name: "a long URL", entry: entry("GET", long, ""), want: expect{"response.status": "414 Request URI Too Long", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.url"]`}},
		{name: "a path that means nothing", entry: entry("GET", "Patient/a/b/c", ""), want: expect{"response.status": "404 Not Found", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.url"]`}},
		{name: "a path with dots", entry: entry("GET", "../metrics", ""), want: expect{"response.status": "404 Not Found"}},
		{name: "a path with two slashes", entry: entry("GET", "//Patient/a", ""), want: expect{"response.status": "404 Not Found"}},
		{name: "a batch", entry: entry("POST", base, bundleOf("batch")), want: expect{"response.status": "400 Bad Request", "response.outcome.issue[0].code": "not-supported"}},
		{name: "a batch at a slash", entry: entry("POST", "/", bundleOf("batch")), want: expect{"response.status": "400 Bad Request"}},
		{name: "a search by a form", entry: entry("POST", "Patient/_search?family=ash", `{"resourceType":"Binary","contentType":"application/x-www-form-urlencoded"}`), want: expect{
			"response.status": "400 Bad Request", "response.outcome.issue[0].expression": `["Bundle.entry[0].request.url"]`,
		}},

		{name: "minimal", entry: entry("PUT", "Patient/a", patient("a", "Elm")), header: map[string]string{"Prefer": "return=minimal"}, want: expect{"response.status": "200 OK", "response.etag": `W/"2"`, "resource": "", "response.outcome": ""}},
		{name: "minimal, a delete", entry: entry("DELETE", "Patient/a", ""), header: map[string]string{"Prefer": "return=minimal"}, want: expect{"response.status": "204 No Content", "response.outcome": ""}},
		{name: "minimal, a read", entry: entry("GET", "Patient/a", ""), header: map[string]string{"Prefer": "return=minimal"}, want: expect{"response.status": "200 OK", "resource.id": "a"}},
		{name: "an outcome", entry: entry("PUT", "Patient/a", patient("a", "Elm")), header: map[string]string{"Prefer": "return=OperationOutcome"}, want: expect{
			"response.status": "200 OK", "resource": "", "response.outcome.issue[0].code": "informational",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			h.put(t, "a", "Ash")
			h.put(t, "b", "Birch")
			h.put(t, "c", "Birch")
			got, body := h.send(t, scenario{method: "POST", body: bundleOf("batch", tt.entry, entry("GET", "Patient/c", "")), header: tt.header})
			tree := parse(t, body)
			want := expect{"resourceType": "Bundle", "type": "batch-response", "total": "", "entry[#]": "2", "entry[1].response.status": "200 OK", "entry[1].resource.id": "c"}
			for path, value := range tt.want {
				want["entry[0]."+path] = value
			}
			if got.status != 200 {
				t.Errorf("status %d", got.status)
			}
			checkAt(t, tree, want)
			if tt.name != "metadata" { // it is checked elsewhere
				checkValid(t, body)
			}
		})
	}
}

func TestBatch(t *testing.T) {
	h := open(t)
	h.play(t, []scenario{
		{name: "no entries", method: "POST", body: bundleOf("batch"), status: 200, want: `{"resourceType":"Bundle","type":"batch-response"}`},
		{
			name: "in the order given", method: "POST", header: map[string]string{"Prefer": "return=minimal"}, status: 200,
			wantHeader: map[string]string{"Preference-Applied": "return=minimal"},
			body:       bundleOf("batch", entry("PUT", "Patient/a", patient("a", "Ash")), entry("PUT", "Patient/a", patient("b", "Ash")), entry("DELETE", "Patient/a", ""), entry("GET", "Patient/a", "")),
			paths: map[string]string{
				"entry[0].response.status": "201 Created", "entry[1].response.status": "400 Bad Request", "entry[2].response.status": "204 No Content", "entry[3].response.status": "410 Gone",
				"entry[1].response.outcome.issue[0].expression": `["Bundle.entry[1].resource.id"]`, "entry[3].response.etag": `W/"2"`,
			},
		},
		{
			name: "a fullUrl that occurs twice", method: "POST", status: 200,
			body: bundleOf("batch", `{"fullUrl":"urn:uuid:1","request":{"method":"GET","url":"Patient/a"}}`, `{"fullUrl":"urn:uuid:1","request":{"method":"GET","url":"Patient/a"}}`),
			paths: map[string]string{
				"entry[0].response.status": "410 Gone", "entry[1].response.status": "400 Bad Request", "entry[1].response.outcome.issue[0].expression": `["Bundle.entry[1].fullUrl"]`,
			},
		},
		{
			name: "entries that refer to each other", method: "POST", status: 200,
			body: bundleOf("batch", named(elmName, entry("POST", "Patient", newPatient("Elm"))), entry("POST", "RelatedPerson", relative(elmName)), entry("POST", "RelatedPerson", relative(otherName))),
			paths: map[string]string{
				"entry[0].response.status": "201 Created", "entry[1].response.status": "400 Bad Request", "entry[1].response.outcome.issue[0].expression": `["Bundle.entry[1].resource"]`,
				"entry[2].response.status": "201 Created",
			},
		},
		{
			name: "entries that link to each other", method: "POST", status: 200,
			body: bundleOf("batch", named(elmName, entry("POST", "Patient", newPatient("Elm"))),
				entry("POST", "DocumentReference", `{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"url":"`+elmName+`"}}]}`),
				entry("POST", "Patient", `{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"`+elmName+`#x\">Elm</a></div>"}}`),
				entry("POST", "Patient", `{"resourceType":"Patient","extension":[{"url":"http://example.org/like","valueReference":{"reference":"`+elmName+`"}}]}`),
				entry("POST", "Patient", `{"resourceType":"Patient","identifier":[{"system":"urn:ietf:rfc:3986","value":"`+elmName+`"}]}`)),
			paths: map[string]string{
				"entry[0].response.status": "201 Created", "entry[1].response.status": "400 Bad Request", "entry[1].response.outcome.issue[0].expression": `["Bundle.entry[1].resource"]`,
				"entry[2].response.status": "400 Bad Request", "entry[3].response.status": "400 Bad Request", "entry[4].response.status": "201 Created",
			},
		},
		{name: "to the base with a slash", method: "POST", path: "/", body: bundleOf("batch"), status: 200},
		{name: "pretty", method: "POST", path: "?_pretty=true", body: bundleOf("batch"), status: 200, contains: []string{"\n  \"type\": \"batch-response\"\n"}},
		{name: "as XML", method: "POST", path: "?_format=xml", body: bundleOf("batch"), status: 406},
		{name: "another method", method: "PUT", body: bundleOf("batch"), status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD, POST"}},
		{name: "as another media type", method: "POST", body: "a=b", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, status: 415},
	})
}

// What is posted to the base and is nothing to be carried out.
func TestEnvelope(t *testing.T) {
	many := make([]string, 1001)
	for i := range many {
		many[i] = entry("GET", "Patient/a", "")
	}
	refuse := func(name, body string, status int, contains ...string) scenario {
		return scenario{name: name, method: "POST", body: body, status: status, contains: contains}
	}
	h := open(t)
	h.play(t, []scenario{
		refuse("nothing", " ", 400, "a Bundle is needed"),
		refuse("no JSON", "{", 400),
		refuse("a resource", newPatient("Ash"), 400, "[type] by POST", "batch"),
		refuse("no type", `{"resourceType":"Bundle"}`, 400, "Bundle.type"),
		refuse("an unknown type", bundleOf("bunch"), 400, "Bundle.type"),
		refuse("a type that is not carried out", bundleOf("collection"), 400, "Bundle.type", "batch"),
		refuse("a response", bundleOf("batch-response"), 400),
		refuse("an unknown element", `{"resourceType":"Bundle","type":"batch","entries":[],"total":1}`, 400, "Bundle.entries", "bdl-1"),
		refuse("against an invariant", `{"resourceType":"Bundle","type":"batch","total":1}`, 422, "bdl-1"),
		refuse("no entries", `{"resourceType":"Bundle","type":"batch","entry":[]}`, 400, "Bundle.entry"),
		refuse("entries that are none", `{"resourceType":"Bundle","type":"batch","entry":{}}`, 400, "Bundle.entry"),
		refuse("an entry that is none", bundleOf("batch", `1`, entry("GET", "Patient", "")), 400, "Bundle.entry[0]"),
		refuse("an entry twice in one", `{"resourceType":"Bundle","type":"batch","type":"batch"}`, 400, "comes twice"),
		refuse("too many entries", bundleOf("batch", many...), 413, "1001 entries", "1000"),
	})
	t.Run("as many entries as may be", func(t *testing.T) {
		got, body := h.send(t, scenario{method: "POST", body: bundleOf("batch", many[1:]...)})
		if got.status != 200 || at(parse(t, body), "entry[#]") != "1000" {
			t.Errorf("%d: %.200s", got.status, body)
		}
	})
	t.Run("a large resource in a larger Bundle", func(t *testing.T) {
		photo := func(size int) string {
			return `{"resourceType":"Patient","photo":[{"contentType":"image/png","data":"` + strings.Repeat("a", size) + `"}]}`
		}
		got, body := h.send(t, scenario{method: "POST", header: map[string]string{"Prefer": "return=minimal"}, body: bundleOf("batch",
			entry("POST", "Patient", photo(3<<20)), entry("POST", "Patient", photo(3<<20)), entry("POST", "Patient", photo(5<<20)), entry("DELETE", "Patient/x", ""))})
		if got.status != 200 {
			t.Fatalf("%d: %.300s", got.status, body)
		}
		for i, want := range []string{"201 Created", "201 Created", "413 Request Entity Too Large", "204 No Content"} {
			if status := at(parse(t, body), fmt.Sprintf("entry[%d].response.status", i)); status != want {
				t.Errorf("entry %d: %s, want %s", i, status, want)
			}
		}
	})
	t.Run("a Bundle that is too large", func(t *testing.T) {
		got, body := h.send(t, scenario{method: "POST", body: bundleOf("batch", entry("POST", "Patient", newPatient(strings.Repeat("a", 50<<20))))})
		if got.status != 413 || !strings.Contains(string(body), "50 MiB") {
			t.Errorf("%d: %.300s", got.status, body)
		}
	})
}

// An answer does not grow for ever: what reads is refused beyond 64 MiB, what writes is answered without the resource.
func TestBatchWhoseAnswerIsFull(t *testing.T) {
	h := open(t)
	large := `{"resourceType":"Patient","id":"large","photo":[{"contentType":"image/png","data":"` + strings.Repeat("a", 5_200_000) + `"}]}`
	if got, body := h.send(t, scenario{method: "PUT", path: "/Patient/large", body: large}); got.status != 201 {
		t.Fatalf("%d: %.200s", got.status, body)
	}
	entries := slices.Repeat([]string{entry("GET", "Patient/large", "")}, 13)
	for _, bundleType := range []string{"batch", "transaction"} {
		t.Run(bundleType, func(t *testing.T) {
			got, body := h.send(t, scenario{method: "POST", body: bundleOf(bundleType, append(entries, entry("GET", "Patient/large", ""), entry("PUT", "Patient/a", patient("a", "Ash")))...)})
			tree := parse(t, body)
			if got.status != 200 || len(body) > 70<<20 {
				t.Errorf("%d, %d bytes", got.status, len(body))
			}
			for path, want := range map[string]string{
				"entry[12].resource.id": "large", "entry[13].resource": "", "entry[13].response.status": "400 Bad Request", "entry[13].response.outcome.issue[0].code": "too-costly",
				"entry[14].resource": "",
			} {
				if value := at(tree, path); value != want {
					t.Errorf("%s: %.300s, want %s", path, value, want)
				}
			}
		})
	}
}

// Where the promises have no batch, there is none.
func TestBundlesThatAreNotPromised(t *testing.T) {
	h := open(t, func(f *rest.Face) { f.Promises.System = nil })
	h.play(t, []scenario{
		{name: "no Bundles", method: "POST", body: bundleOf("batch"), status: 404, paths: map[string]string{"issue[0].code": "not-supported"}},
		{name: "no history", path: "/_history", status: 404},
	})
	h = open(t, func(f *rest.Face) { f.Promises.System = []conformance.Interaction{conformance.Batch} })
	h.play(t, []scenario{
		{name: "a transaction", method: "POST", body: bundleOf("transaction"), status: 400, contains: []string{"Send a Bundle of type batch"}},
	})
}

// A client that goes away stops a batch before the next entry; what is done is done.
func TestBatchOfAClientThatGoesAway(t *testing.T) {
	h := open(t)
	ctx, leave := context.WithCancel(t.Context())
	h.face.Engine.NewID = func(time.Time) string { // for the second entry
		leave()
		return "never"
	}
	router := mux.NewRouter()
	must(t, h.face.Routes(router))
	body := bundleOf("batch", entry("PUT", "Patient/a", patient("a", "Ash")), entry("POST", "Patient", newPatient("Birch")), entry("DELETE", "Patient/a", ""))
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, conformance.FHIRPath, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/fhir+json")
	recorder := httptest.NewRecorder()
	router.ServeHTTP(recorder, request)
	checkAt(t, parse(t, recorder.Body.Bytes()), map[string]string{
		"entry[0].response.status": "201 Created", "entry[1].response.status": "503 Service Unavailable", "entry[2].response.status": "503 Service Unavailable",
	})
	h.play(t, []scenario{
		{name: "the first is done", path: "/Patient/a", status: 200},
		{name: "the second is not", path: "/Patient/never", status: 404},
	})
}
