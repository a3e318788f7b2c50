package rest_test

import "testing"

// Modifiers of tokens and references, by way of a store.
func TestSearchByModifiers(t *testing.T) {
	h := open(t)
	const status = "http://hl7.org/fhir/ValueSet/observation-status"
	h.play(t, []scenario{
		{name: "first", method: "PUT", path: "/Observation/o1", status: 201, body: `{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"Body weight","coding":[{"system":"http://loinc.org","code":"29463-7","display":"Gewicht"}]},
			"subject":{"type":"Patient","identifier":{"system":"https://example.org/mrn","value":"7"}},"identifier":[{"value":"A","type":{"text":"Accession","coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"ACSN"}]}}]}`},
		{name: "second", method: "PUT", path: "/Observation/o2", status: 201, body: `{"resourceType":"Observation","id":"o2","status":"final","code":{"text":"Pulse"},"identifier":[{"value":"A"}]}`},
	})
	for query, id := range map[string]string{
		"code:text=BODY":            "o1",
		"code:text=gewicht,nothing": "o1",
		"code:text=pulse":           "o2",
		"identifier:text=accession": "o1",
		"identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203%7CACSN%7CA": "o1",
		"subject:identifier=https://example.org/mrn%7C7":                              "o1",
		"patient:identifier=7":                      "o1",
		"code:not-in=" + status + "&code:text=body": "o1",
		"status:in=" + status + "&code:text=pul":    "o2",
	} {
		h.play(t, []scenario{{name: query, path: "/Observation?" + query, status: 200, paths: map[string]string{"total": "1", "entry[0].resource.id": id}}})
	}
	h.play(t, []scenario{
		{name: "of-type without its parts", path: "/Observation?identifier:of-type=A", status: 400, paths: map[string]string{"issue[0].location": `["http.identifier:of-type"]`}},
		{name: "an unknown value set", path: "/Observation?code:in=http://example.org/vs", status: 400, paths: map[string]string{"issue[0].location": `["http.code:in"]`, "issue[0].code": "not-supported"}},
		{name: "no hierarchy", path: "/Observation?code:below=http://loinc.org%7C1", status: 400, contains: []string{"give the codes themselves"}},
	})
}
