package rest_test

import "testing"

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
