package rest_test

import "testing"

func TestValidate(t *testing.T) {
	const fine = `{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","details":{"text":"Nothing is wrong with it."}}]}`
	const good = `{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Ash</div>"},"id":"a","active":true}`
	parameters := func(parts string) string { return `{"resourceType":"Parameters","parameter":[` + parts + `]}` }
	h := open(t)
	h.play(t, []scenario{
		{name: "a valid resource", method: "POST", path: "/Patient/$validate", body: good, status: 200, want: fine, wantHeader: map[string]string{"Cache-Control": "no-store"}},
		{name: "the dollar sign encoded", method: "POST", path: "/Patient/%24validate", body: good, status: 200, want: fine},
		{
			name: "every fault", method: "POST", path: "/Patient/$validate", body: `{"resourceType":"Patient","birthDate":"1970-02-31","gender":"f","contact":[{"gender":"male"}]}`, status: 200,
			contains: []string{`"Patient.birthDate"`, `"Patient.gender"`, `"Patient.contact[0]"`, `"error"`},
		},
		{name: "another type", method: "POST", path: "/Slot/$validate", body: good, status: 200, contains: []string{"The URL is for Slot"}},
		{name: "Parameters", method: "POST", path: "/Patient/$validate", body: parameters(`{"name":"mode","valueCode":"create"},{"name":"resource","resource":` + good + `}`), status: 200, want: fine},
		{name: "Parameters without a resource", method: "POST", path: "/Patient/$validate", body: parameters(`{"name":"mode","valueCode":"create"}`), status: 400, paths: map[string]string{"issue[0].location": `["http.resource"]`}},
		{name: "an unknown mode", method: "POST", path: "/Patient/$validate?mode=guess", body: good, status: 400, paths: map[string]string{"issue[0].location": `["http.mode"]`}},
		{name: "an unknown parameter", method: "POST", path: "/Patient/$validate", body: parameters(`{"name":"colour","valueCode":"red"}`), status: 400},
		{name: "the profile of R4", method: "POST", path: "/Patient/$validate?profile=http://hl7.org/fhir/StructureDefinition/Patient", body: good, status: 200, want: fine},
		{name: "another profile", method: "POST", path: "/Patient/$validate?profile=http://example.org/p", body: good, status: 400, paths: map[string]string{"issue[0].code": "not-supported", "issue[0].location": `["http.profile"]`}},
		{name: "another profile in Parameters", method: "POST", path: "/Patient/$validate", body: parameters(`{"name":"profile","valueUri":"http://example.org/p"},{"name":"resource","resource":` + good + `}`), status: 400},
		{name: "nothing", method: "POST", path: "/Patient/$validate", status: 400, paths: map[string]string{"issue[0].code": "required"}},
		{name: "no JSON", method: "POST", path: "/Patient/$validate", body: "{", status: 400, paths: map[string]string{"issue[0].code": "structure"}},
		{name: "XML", method: "POST", path: "/Patient/$validate", body: "<Patient/>", header: map[string]string{"Content-Type": "application/fhir+xml"}, status: 415},
		{name: "an instance, as update", method: "POST", path: "/Patient/a/$validate?mode=update", body: good, status: 200, want: fine},
		{name: "an instance with another id", method: "POST", path: "/Patient/b/$validate?mode=update", body: good, status: 200, contains: []string{"The URL names the id"}},
		{name: "a delete", method: "POST", path: "/Patient/a/$validate?mode=delete", status: 200, want: fine},
		{name: "a delete that would be refused", method: "POST", path: "/AuditEvent/a/$validate?mode=delete", status: 200, paths: map[string]string{"issue[0].code": "not-supported", "issue[0].severity": "error"}},
		{name: "an id that is none", method: "POST", path: "/Patient/a_b/$validate", body: good, status: 404},
		{name: "GET", path: "/Patient/$validate", status: 405, wantHeader: map[string]string{"Allow": "POST"}},
		{name: "an operation that is not offered", method: "POST", path: "/Patient/$merge", body: good, status: 404, paths: map[string]string{"issue[0].code": "not-supported"}, contains: []string{"$merge"}},
		{name: "no operation", method: "POST", path: "/Patient/$", body: good, status: 404},
		{name: "an operation of the base", method: "POST", path: "/$validate", body: good, status: 404},
		{name: "nothing was stored", path: "/Patient?_count=0", status: 200, paths: map[string]string{"total": "0"}},
	})
}
