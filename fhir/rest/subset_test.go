package rest_test

import "testing"

// A part of a resource is answered where a resource is read (https://hl7.org/fhir/R4/http.html#read) or found
// (https://hl7.org/fhir/R4/search.html#summary), under the version of the whole one.
func TestSubset(t *testing.T) {
	h := open(t)
	const body = `{"resourceType":"Patient","id":"a","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Ash</div>"},` +
		`"name":[{"family":"Ash","_family":{"id":"f"}}],"birthDate":"1980-01-31","contact":[{"name":{"text":"Bob"}}]}`
	const meta = `"meta":{"versionId":"1","lastUpdated":"2026-03-01T12:00:00.000000Z","tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}`
	const text = `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Ash</div>"}`
	const name = `"name":[{"family":"Ash","_family":{"id":"f"}}]`
	const head = `{"resourceType":"Patient","id":"a",` + meta
	const summary = head + `,` + name + `,"birthDate":"1980-01-31"}`
	h.play(t, []scenario{
		{name: "there it is", method: "PUT", path: "/Patient/a", body: body, status: 201},
		{name: "true", path: "/Patient/a?_summary=true", status: 200, wantHeader: map[string]string{"ETag": `W/"1"`}, want: summary},
		{name: "text", path: "/Patient/a?_summary=text", status: 200, want: head + `,` + text + `}`},
		{name: "data", path: "/Patient/a?_summary=data", status: 200, want: head + `,` + name + `,"birthDate":"1980-01-31","contact":[{"name":{"text":"Bob"}}]}`},
		{name: "false", path: "/Patient/a?_summary=false", status: 200, paths: map[string]string{"contact[0].name.text": "Bob", "meta.tag": ""}},
		{name: "elements", path: "/Patient/a?_elements=birthDate,contact&_format=json", status: 200, want: head + `,"birthDate":"1980-01-31","contact":[{"name":{"text":"Bob"}}]}`},
		{name: "an unknown parameter beside", path: "/Patient/a?_summary=true&x=y", status: 200, want: summary},
		{name: "HEAD", method: "HEAD", path: "/Patient/a?_summary=true", status: 200, wantHeader: map[string]string{"ETag": `W/"1"`}, empty: true},
		{name: "a version", path: "/Patient/a/_history/1?_summary=true", status: 200, wantHeader: map[string]string{"ETag": `W/"1"`}, want: summary},
		{name: "not modified", path: "/Patient/a?_summary=true", header: map[string]string{"If-None-Match": `W/"1"`}, status: 304, empty: true},
		{
			name: "an entry of a batch", method: "POST", body: `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/a?_summary=true"}}]}`, status: 200,
			paths: map[string]string{"entry[0].resource.contact": "", "entry[0].resource.birthDate": "1980-01-31", "entry[0].response.etag": `W/"1"`},
		},
		{name: "count", path: "/Patient/a?_summary=count", status: 400, paths: map[string]string{"issue[0].location": `["http._summary"]`, "issue[0].code": "invalid"}},
		{name: "no summary", path: "/Patient/a?_summary=short", status: 400, paths: map[string]string{"issue[0].location": `["http._summary"]`}},
		{name: "no element", path: "/Patient/a?_elements=shoeSize", status: 400, paths: map[string]string{"issue[0].location": `["http._elements"]`}},

		{name: "a search", path: "/Patient?_summary=true", status: 200, paths: map[string]string{"entry[0].resource": summary, "total": "1"}, contains: []string{`?_summary=true"`}},
		{name: "there is what refers to it", method: "PUT", path: "/RelatedPerson/r", body: `{"resourceType":"RelatedPerson","id":"r","patient":{"reference":"Patient/a"},"communication":[{"language":{"text":"en"}}]}`, status: 201},
		{
			name: "a summary of what comes with matches, too", path: "/Patient?_summary=true&_revinclude=RelatedPerson:patient", status: 200,
			paths: map[string]string{
				"entry[#]": "2", "entry[1].search.mode": "include", "entry[1].resource.communication": "",
				"entry[1].resource.meta.tag[0].code": "SUBSETTED", "entry[1].resource.patient.reference": "Patient/a",
			},
		},
		{
			name: "elements of the matches alone", path: "/Patient?_elements=birthDate&_revinclude=RelatedPerson:patient", status: 200,
			paths: map[string]string{
				"entry[0].resource": head + `,"birthDate":"1980-01-31"}`, "entry[1].resource.meta.tag": "",
				"entry[1].resource.communication[0].language.text": "en", "entry[1].resource.patient.reference": "Patient/a",
			},
		},
		{name: "narratives, and what comes with them", path: "/Patient?_summary=text&_revinclude=RelatedPerson:patient", status: 400, paths: map[string]string{"issue[0].location": `["http._summary"]`}},
		{name: "a search for elements", path: "/Patient?_elements=birthDate", status: 200, paths: map[string]string{"entry[0].resource": head + `,"birthDate":"1980-01-31"}`}},
	})
}

// A part of a resource does not become the whole by mistake (https://hl7.org/fhir/R4/http.html#read).
func TestUpdateByASubset(t *testing.T) {
	h := open(t)
	h.put(t, "a", "Ash")
	const part = `{"resourceType":"Patient","id":"a","meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]},"active":true}`
	h.play(t, []scenario{
		{
			name: "an update", method: "PUT", path: "/Patient/a", body: part, status: 422,
			paths: map[string]string{"issue[0].code": "business-rule", "issue[0].expression": `["Patient.meta.tag"]`},
		},
		{name: "by a search", method: "PUT", path: "/Patient?_id=a", body: part, status: 422, paths: map[string]string{"issue[0].code": "business-rule"}},
		{
			name: "in a transaction", method: "POST", body: `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + part + `,"request":{"method":"PUT","url":"Patient/a"}}]}`,
			status: 422, paths: map[string]string{"issue[0].expression": `["Bundle.entry[0].resource.meta.tag"]`},
		},
		{name: "$validate says so", method: "POST", path: "/Patient/a/$validate?mode=update", body: part, status: 200, paths: map[string]string{"issue[1].code": "business-rule"}},
		{name: "a create", method: "POST", path: "/Patient", body: part, status: 201},
		{name: "a history has no parts", path: "/Patient/a/_history?_summary=true", status: 400, paths: map[string]string{"issue[0].location": `["http._summary"]`}},
		{name: "but all of it", path: "/Patient/a/_history?_summary=false", status: 200, paths: map[string]string{"entry[0].resource.name[0].family": "Ash"}},
	})
}
