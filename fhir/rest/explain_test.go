package rest_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/rest"
)

// What is said of a search agrees with what it is answered with; what cannot be explained is refused.
func TestExplain(t *testing.T) {
	h := open(t)
	for i := range 30 {
		h.put(t, fmt.Sprintf("p%d", i), "Ash")
	}
	h.put(t, "b", "Birch")
	of := func(search string) string { return "/$explain?url=" + url.QueryEscape(search) }
	forbidden := func(f *rest.Face) {
		f.Authenticate = func(*http.Request, http.Header) (fhir.Principal, error) {
			return fhir.Principal{Partition: "demo/test", Scopes: fhir.Unlimited()}, nil
		}
	}
	h.play(t, []scenario{
		{
			name: "an index", path: of("Patient?name=birch&_count=5"), status: 200,
			paths: map[string]string{
				"parameter[0].valueUri":        "http://example.org/fhir/Patient?name=birch&_count=5",
				"parameter[1]":                 `{"name":"page","valueInteger":5}`,
				"parameter[2]":                 `{"name":"budget","valueInteger":250000}`,
				"parameter[3]":                 `{"name":"gathered","valueInteger":5000}`,
				"parameter[4].name":            "type",
				"parameter[4].part[0]":         `{"name":"name","valueCode":"Patient"}`,
				"parameter[4].part[1].part[0]": `{"name":"text","valueString":"a text of name begins with \"birch\""}`,
				"parameter[4].part[1].part[1]": `{"name":"index","valueBoolean":true}`,
				"parameter[4].part[2]":         `{"name":"index","valueString":"texts of name"}`,
				"parameter[4].part[3]":         `{"name":"matches","valueInteger":1}`,
				"parameter[4].part[4]":         `{"name":"counted","valueBoolean":true}`,
				"parameter[4].part[6]":         `{"name":"found","valueInteger":1}`,
				"parameter[4].part[8]":         `{"name":"refused","valueBoolean":false}`,
			},
		},
		{
			name: "an order, resource by resource, and what is ignored", path: of("Patient?name:contains=irc&_sort=birthdate&shoe=9"), status: 200,
			paths: map[string]string{
				"parameter[0].valueUri":                    "http://example.org/fhir/Patient?name:contains=irc&_sort=birthdate",
				"parameter[1].name":                        "ignored",
				"parameter[1].resource.issue[0].severity":  "warning",
				"parameter[1].resource.issue[0].location":  `["http.shoe"]`,
				"parameter[5].part[1].part[0].valueString": `a text of name contains "irc"`,
				"parameter[5].part[2].part[0].valueString": "birthdate, ascending",
				"parameter[5].part[2].part[1]":             `{"name":"streams","valueBoolean":true}`,
			},
		},
		{name: "everything", path: of("Patient"), status: 200, paths: map[string]string{"parameter[0].valueUri": base + "/Patient", "parameter[4].part[1].valueString": "resources by instant", "parameter[4].part[3].valueInteger": "31"}},
		{name: "an absolute URL", path: of(base + "/Patient?name=ash"), status: 200, paths: map[string]string{"parameter[0].valueUri": base + "/Patient?name=ash"}},
		{name: "by POST", method: "POST", path: "/$explain", body: `{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"Patient?name=ash"}]}`, status: 200, paths: map[string]string{"parameter[0].valueUri": base + "/Patient?name=ash"}},
		{name: "in a batch", method: "POST", body: `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"$explain?url=Patient%3Fname%3Dash"}}]}`, status: 200,
			paths: map[string]string{"entry[0].resource.parameter[0].valueUri": base + "/Patient?name=ash"}},
		{name: "strict", path: of("Patient?shoe=9"), header: map[string]string{"Prefer": "handling=strict"}, status: 400, wantHeader: map[string]string{"Preference-Applied": ""}, paths: map[string]string{"issue[0].location": `["http.url"]`}},

		{
			name: "of several types", path: of("?_type=Patient,Slot&_count=3"), status: 200,
			paths: map[string]string{
				"parameter[0].valueUri": base + "?_type=Patient,Slot&_count=3", "parameter[#]": "6", "parameter[4].part[0].valueCode": "Patient", "parameter[5].part[0].valueCode": "Slot",
			},
		},
		{
			name: "in a compartment", path: of("Patient/b/Appointment?status=booked"), status: 200,
			paths: map[string]string{
				"parameter[0].valueUri": base + "/Patient/b/Appointment?status=booked", "parameter[4].part[0].valueCode": "Appointment",
				"parameter[4].part[1].part[0].valueString": `status is "booked"`,
			},
			contains: []string{`is \"Patient/b\"`},
		},
		{name: "in no compartment", path: of("Patient/b/Slot"), status: 404, paths: map[string]string{"issue[0].location": `["http.url"]`}},
		{name: "no search", path: "/$explain", status: 400, paths: map[string]string{"issue[0].location": `["http.url"]`, "issue[0].code": "required"}},
		{name: "two", path: "/$explain?url=Patient&url=Slot", status: 400},
		{name: "a read", path: of("Patient/p1"), status: 400, paths: map[string]string{"issue[0].location": `["http.url"]`, "issue[0].code": "value"}},
		{name: "a type that is not served", path: of("Claim?status=active"), status: 400, paths: map[string]string{"issue[0].location": `["http.url"]`}},
		{name: "another server", path: of("https://elsewhere.example.org/fhir/Patient"), status: 400, paths: map[string]string{"issue[0].location": `["http.url"]`}},
		{name: "a fault of the search", path: of("Patient?birthdate=soon"), status: 400, paths: map[string]string{"issue[0].location": `["http.url"]`}, contains: []string{`In \"birthdate\": `}},
		{name: "a cursor", path: of("Patient?_cursor=x"), status: 400, paths: map[string]string{"issue[0].location": `["http.url"]`}},
		{name: "another resource", method: "POST", path: "/$explain", body: patient("a", "Ash"), status: 400, paths: map[string]string{"issue[0].expression": `["resourceType"]`}},
		{name: "another method", method: "PUT", path: "/$explain", body: patient("a", "Ash"), status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD, POST"}},
		{name: "another operation", path: "/$meta", status: 404, paths: map[string]string{"issue[0].code": "not-supported"}},
	})
	_, body := h.send(t, scenario{path: of("Patient?name=ash&birthdate=gt1980&_sort=-birthdate&shoe=9")})
	checkValid(t, body)
	answer, err := fhir.ParseResource(body)
	must(t, err)
	_, body = h.send(t, scenario{path: "/OperationDefinition/explain"})
	for name := range namesOf(answer.Root()) {
		if !strings.Contains(string(body), `{"name":"`+name+`","use":"out"`) {
			t.Errorf("%s is no parameter of the definition", name)
		}
	}
	open(t, forbidden).play(t, []scenario{{name: "not the operator", path: of("Patient"), status: 403, paths: map[string]string{"issue[0].code": "forbidden"}}})
}

// namesOf are the names of Parameters, and of their parts.
func namesOf(o *fhir.Object) map[string]bool {
	names := map[string]bool{}
	for _, member := range []string{"parameter", "part"} {
		for _, p := range o.Objects(member) {
			names[p.Text("name")] = true
			maps.Copy(names, namesOf(p))
		}
	}
	return names
}
