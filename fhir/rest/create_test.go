package rest_test

import "testing"

func TestCreate(t *testing.T) {
	const stored = `{"resourceType":"Patient","id":"new1","meta":{"versionId":"1","lastUpdated":"2026-03-01T12:00:00.000000Z"},"name":[{"family":"Ash"}],"multipleBirthInteger":1}`
	open(t).play(t, []scenario{
		{
			name: "the id of the client is ignored", method: "POST", path: "/Patient", body: patient("mine", "Ash"), status: 201,
			wantHeader: map[string]string{
				"Location": base + "/Patient/new1/_history/1", "ETag": `W/"1"`, "Last-Modified": "Sun, 01 Mar 2026 12:00:00 GMT",
				"Content-Type": "application/fhir+json; charset=utf-8", "Preference-Applied": "",
			},
			want: stored,
		},
		{name: "it can be read", path: "/Patient/new1", status: 200, want: stored},
		{name: "nothing is under the client's id", path: "/Patient/mine", status: 404, paths: map[string]string{"issue[0].code": "not-found"}},
		{
			name: "return=minimal", method: "POST", path: "/Patient", body: patient("x", "Birch"), header: map[string]string{"Prefer": "return=minimal"}, status: 201,
			wantHeader: map[string]string{"Location": base + "/Patient/new2/_history/1", "ETag": `W/"1"`, "Preference-Applied": "return=minimal"}, empty: true,
		},
		{
			name: "return=representation", method: "POST", path: "/Patient", body: patient("x", "Birch"), header: map[string]string{"Prefer": "return=representation"}, status: 201,
			wantHeader: map[string]string{"Preference-Applied": "return=representation"}, paths: map[string]string{"id": "new3"},
		},
		{
			name: "return=OperationOutcome", method: "POST", path: "/Patient", body: patient("x", "Birch"),
			header: map[string]string{"Prefer": "respond-async, Return=OperationOutcome; x=y"}, status: 201,
			wantHeader: map[string]string{"Preference-Applied": "return=OperationOutcome"},
			want:       `{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","details":{"text":"Patient/new4 was created, as version 1."}}]}`,
		},
		{
			name: "of a preference that comes again the first counts", method: "POST", path: "/Patient", body: patient("x", "Birch"),
			header: map[string]string{"Prefer": "return=representation, return=minimal"}, status: 201,
			wantHeader: map[string]string{"Preference-Applied": "return=representation"}, paths: map[string]string{"id": "new5"},
		},
		{
			name: "every fault is told, with its place", method: "POST", path: "/Patient",
			body: `{"resourceType":"Patient","birthDate":"1970-02-31","gender":"f","colour":"red"}`, status: 400,
			paths: map[string]string{"issue[#]": "3"}, contains: []string{`"Patient.birthDate"`, `"Patient.gender"`, `"Patient.colour"`},
		},
		{
			name: "an invariant is 422", method: "POST", path: "/Patient", body: `{"resourceType":"Patient","contact":[{"gender":"male"}]}`, status: 422,
			paths: map[string]string{"issue[0].code": "invariant", "issue[0].expression": `["Patient.contact[0]"]`},
		},
		{
			name: "another type than the URL's", method: "POST", path: "/Patient", body: `{"resourceType":"Slot"}`, status: 400,
			want: `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid","details":{"text":"The URL is for Patient, but the resource is of type \"Slot\"."},"expression":["resourceType"]}]}`,
		},
		{name: "no JSON", method: "POST", path: "/Patient", body: `{"resourceType":"Patient",}`, status: 400, paths: map[string]string{"issue[0].code": "structure"}},
		{
			name: "no body", method: "POST", path: "/Patient", header: map[string]string{"Content-Type": "application/fhir+json"}, status: 400,
			paths: map[string]string{"issue[0].code": "required"},
		},
		{
			name: "a version to match", method: "POST", path: "/Patient", body: patient("x", "Ash"), header: map[string]string{"If-Match": `W/"7"`}, status: 400,
			paths: map[string]string{"issue[0].code": "invalid", "issue[0].location": `["http.If-Match"]`}, contains: []string{"has no version to match"},
		},
		{
			name: "no version to match", method: "POST", path: "/Patient", body: patient("x", "Ash"), header: map[string]string{"If-None-Match": "*"}, status: 400,
			paths: map[string]string{"issue[0].code": "invalid", "issue[0].location": `["http.If-None-Match"]`},
		},
		{
			name: "a version to match of what a search finds", method: "POST", path: "/Patient", body: patient("x", "Ash"), status: 400,
			header: map[string]string{"If-None-Exist": "family=ash", "If-Match": "*"}, paths: map[string]string{"issue[0].location": `["http.If-Match"]`},
		},
		{
			name: "AuditEvent is written by the server", method: "POST", path: "/AuditEvent", body: `{"resourceType":"AuditEvent"}`, status: 405,
			wantHeader: map[string]string{"Allow": "GET, HEAD"}, paths: map[string]string{
				"issue[0].code":         "not-supported",
				"issue[0].details.text": `The method "POST" is not offered here; what is: GET, HEAD. AuditEvent is written by the server alone; clients can read and search it.`,
			},
		},
		{
			name: "AuditEvent by its id", method: "PUT", path: "/AuditEvent/x", body: `{"resourceType":"AuditEvent","id":"x"}`, status: 405,
			wantHeader: map[string]string{"Allow": "GET, HEAD"}, contains: []string{"AuditEvent is written by the server alone"},
		},
		{
			name: "UTC, digits and order of members", method: "POST", path: "/Observation", status: 201,
			body: `{"status":"final","resourceType":"Observation","code":{"text":"c"},"effectiveDateTime":"2026-01-01T00:30:00+01:00","valueQuantity":{"value":1.10},"issued":"2026-01-01T00:00:00.120Z"}`,
			want: `{"status":"final","resourceType":"Observation","id":"new8","meta":{"versionId":"1","lastUpdated":"2026-03-01T12:00:00.000005Z"},"code":{"text":"c"},` +
				`"effectiveDateTime":"2025-12-31T23:30:00Z","valueQuantity":{"value":1.10},"issued":"2026-01-01T00:00:00.120Z"}`,
		},
	})
}
