package rest_test

import (
	"strings"
	"testing"
)

// parameters are a body of an operation.
func parameters(all ...string) string {
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(all, ",") + `]}`
}

// of is a parameter with a value.
func of(name, typ, value string) string {
	return `{"name":"` + name + `","value` + typ + `":` + value + `}`
}

// to is a parameter that refers to something.
func to(name, reference string) string {
	return of(name, "Reference", `{"reference":"`+reference+`"}`)
}

const theReference = "appointment-reference"

// Whatever is wrong with a request, and not with the time that it asks for, is refused with 400 and said in its place.
func TestSchedulingRefusesWhatIsMalformed(t *testing.T) {
	h := open(t)
	h.play(t, []scenario{
		{name: "GET", path: "/Appointment/$find?start=2026-03-02&end=2026-03-03", status: 405, wantHeader: map[string]string{"Allow": "POST"}, contains: []string{"in Parameters"}},
	})
	start, end := of("start", "DateTime", `"2026-03-02T09:00:00Z"`), of("end", "DateTime", `"2026-03-09"`)
	const places = "issue[0].expression"
	for _, operation := range []string{"find", "hold", "book"} {
		path := "/Appointment/$" + operation
		h.play(t, []scenario{
			{name: operation + " of nothing", method: "POST", path: path, body: " ", status: 400, paths: map[string]string{"issue[0].code": "required"}, contains: []string{"no body"}},
			{name: operation + " of XML", method: "POST", path: path, header: map[string]string{"Content-Type": "application/fhir+xml"}, body: "<Parameters/>", status: 415},
			{name: operation + " of no JSON", method: "POST", path: path, body: "{", status: 400, paths: map[string]string{"issue[0].code": "structure"}},
			{name: operation + " of no Parameters", method: "POST", path: path, body: patient("a", "Ash"), status: 400, paths: map[string]string{places: `["resourceType"]`}, contains: []string{"$" + operation + " takes Parameters"}},
			{name: operation + " of none", method: "POST", path: path, body: `{"resourceType":"Parameters"}`, status: 400, paths: map[string]string{"issue[0].code": "required", places: `["Parameters.parameter"]`}},
			{name: operation + " of an unknown one", method: "POST", path: path, body: parameters(of("colour", "String", `"red"`)), status: 400, paths: map[string]string{"issue[0].code": "not-supported", places: `["Parameters.parameter[0].name"]`}},
			{name: operation + " of one in the URL", method: "POST", path: path + "?start=2026", body: parameters(start, end), status: 400, contains: []string{`"http.start"`}},
			{name: operation + " of a resource", method: "POST", path: "/Appointment/a/$" + operation, body: parameters(), status: 404, paths: map[string]string{"issue[0].code": "not-supported"}},
			{name: operation + " in a form that there is not", method: "POST", path: path, header: map[string]string{"Accept": "application/fhir+xml"}, body: parameters(), status: 406},
		})
	}
	h.play(t, []scenario{
		{name: "no end", method: "POST", path: "/Appointment/$find", body: parameters(start), status: 400, paths: map[string]string{"issue[#]": "1", "issue[0].code": "required"}, contains: []string{"needs the parameter end"}},
		{name: "all faults at once", method: "POST", path: "/Appointment/$find", status: 400,
			body: parameters(start, start, of("end", "Date", `"2026-03-09"`), of("specialty", "String", `"394814009"`), of("_count", "Integer", "-1"), to("practitioner", "Location/l"), of("location-string", "Code", `"SW"`)),
			paths: map[string]string{
				"issue[0].expression": `["Parameters.parameter[1]"]`, "issue[1].expression": `["Parameters.parameter[2]"]`, "issue[2].expression": `["Parameters.parameter[6]"]`, "issue[3].code": "required",
				"issue[4].expression": `["Parameters.parameter[3].value"]`, "issue[5].expression": `["Parameters.parameter[5].value.reference"]`, "issue[6].expression": `["Parameters.parameter[4].value"]`, "issue[#]": "7"}},
		{name: "a date that does not exist", method: "POST", path: "/Appointment/$find", body: parameters(of("start", "DateTime", `"2026-02-30"`), end), status: 400, paths: map[string]string{places: `["Parameters.parameter[0].value"]`}},
		{name: "a count in two places", method: "POST", path: "/Appointment/$find?_count=5", body: parameters(start, end, of("_count", "PositiveInt", "5")), status: 400, paths: map[string]string{places: `["Parameters.parameter[2].value"]`}},
		{name: "a count that is a text", method: "POST", path: "/Appointment/$find", body: parameters(start, end, of("_count", "String", `"5"`)), status: 400, paths: map[string]string{places: `["Parameters.parameter[2]"]`}},
		{name: "an insurance that is none", method: "POST", path: "/Appointment/$find", body: parameters(start, end, to("insurance-reference", "Patient/p")), status: 400, paths: map[string]string{places: `["Parameters.parameter[2].value.reference"]`}, contains: []string{"InsurancePlan or Coverage"}},
		{name: "an insurance that is none, by an identifier", method: "POST", path: "/Appointment/$find", body: parameters(start, end, of("insurance-reference", "Reference", `{"type":"Patient","identifier":{"value":"7"}}`)), status: 400, paths: map[string]string{places: `["Parameters.parameter[2].value.type"]`}},
		{name: "a count that is none", method: "POST", path: "/Appointment/$find?_count=few", body: parameters(start, end), status: 400, paths: map[string]string{"issue[0].location": `["http._count"]`}},
		{name: "an identifier without value", method: "POST", path: "/Appointment/$find", body: parameters(start, end, of("practitioner", "Reference", `{"identifier":{"system":"https://example.org/p"}}`)), status: 400, paths: map[string]string{places: `["Parameters.parameter[2].value.identifier.value"]`}},
		{name: "a patient that is none", method: "POST", path: "/Appointment/$find", body: parameters(start, end, `{"name":"patient-resource","resource":{"resourceType":"Practitioner"}}`), status: 400, paths: map[string]string{places: `["Parameters.parameter[2]"]`}},
		{name: "a patient with a fault", method: "POST", path: "/Appointment/$find", body: parameters(start, end, `{"name":"patient-resource","resource":{"resourceType":"Patient","birthDate":"yesterday"}}`), status: 400, paths: map[string]string{places: `["Parameters.parameter[2].resource.birthDate"]`}},
		{name: "parts", method: "POST", path: "/Appointment/$find", body: parameters(start, end, `{"name":"reason","part":[{"name":"x","valueString":"y"}]}`), status: 400, paths: map[string]string{places: `["Parameters.parameter[2]"]`}},
	})
	for _, operation := range []string{"hold", "book"} {
		path := "/Appointment/$" + operation
		h.play(t, []scenario{
			{name: operation + " of a string", method: "POST", path: path, body: parameters(of(theReference, "String", `"Appointment/a"`)), status: 400, paths: map[string]string{places: `["Parameters.parameter[0]"]`}},
			{name: operation + " of two", method: "POST", path: path, body: parameters(to(theReference, "Appointment/a"), to(theReference, "Appointment/b")), status: 400, paths: map[string]string{places: `["Parameters.parameter[1]"]`}},
			{name: operation + " of no value", method: "POST", path: path, body: parameters(`{"name":"` + theReference + `"}`), status: 400, contains: []string{`"Parameters.parameter[0]`}},
			{name: operation + " of what is contained nowhere", method: "POST", path: path, body: parameters(to(theReference, "#x")), status: 400, contains: []string{`"Parameters.parameter[0].value`}},
			{name: operation + " of another type", method: "POST", path: path, body: parameters(to(theReference, "Slot/a")), status: 400, paths: map[string]string{places: `["Parameters.parameter[0].value.reference"]`}},
			{name: operation + " at another server", method: "POST", path: path, body: parameters(to(theReference, "https://elsewhere.example.org/fhir/Appointment/a")), status: 400, paths: map[string]string{places: `["Parameters.parameter[0].value.reference"]`}},
			{name: operation + " by an identifier", method: "POST", path: path, body: parameters(of(theReference, "Reference", `{"identifier":{"value":"a"}}`)), status: 400, paths: map[string]string{places: `["Parameters.parameter[0].value"]`}},
			{name: operation + " of none that there is", method: "POST", path: path, body: parameters(to(theReference, "Appointment/none")), status: 404, contains: []string{`"not-found"`}},
			{name: operation + " of none below the base", method: "POST", path: path, body: parameters(to(theReference, base+"/Appointment/none/_history/1")), status: 404, contains: []string{`"not-found"`}},
		})
	}
	sent := func(appointment string) string {
		return `{"name":"appointment-resource","resource":` + appointment + `}`
	}
	h.play(t, []scenario{
		{name: "both", method: "POST", path: "/Appointment/$book", body: parameters(to(theReference, "Appointment/a"), sent(`{"resourceType":"Appointment","status":"pending","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z","participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}]}`)), status: 400,
			paths: map[string]string{places: `["Parameters.parameter"]`}, contains: []string{"There are 2"}},
		{name: "another resource", method: "POST", path: "/Appointment/$book", body: parameters(sent(`{"resourceType":"Patient"}`)), status: 400, paths: map[string]string{places: `["Parameters.parameter[0]"]`}},
		{name: "a resource with a fault", method: "POST", path: "/Appointment/$book", body: parameters(sent(`{"resourceType":"Appointment","status":"soon","participant":[{"status":"accepted"}]}`)), status: 400, contains: []string{`"Parameters.parameter[0].resource.status"`}},
		{name: "a rule of R4 that it breaks", method: "POST", path: "/Appointment/$book", body: parameters(sent(`{"resourceType":"Appointment","status":"pending","participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}]}`)), status: 422, contains: []string{`"Parameters.parameter[0].resource`}},
		{name: "a hold that cannot be had says so as the profile demands", method: "POST", path: "/Appointment/$hold", body: parameters(to(theReference, "Appointment/none")), status: 404, paths: map[string]string{"issue[0].severity": "fatal", "issue[0].code": "not-found"}},
		{name: "a hold of a version", method: "POST", path: "/Appointment/$hold", header: map[string]string{"If-Match": `W/"1"`}, body: parameters(to(theReference, "Appointment/none")), status: 400, paths: map[string]string{"issue[0].location": `["http.If-Match"]`}},
		{name: "in a transaction", method: "POST", body: `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + parameters(to(theReference, "Appointment/none")) + `,"request":{"method":"POST","url":"Appointment/$hold"}}]}`, status: 400, contains: []string{"Bundle.entry[0]", "in a batch"}},
		{name: "in a batch", method: "POST", body: `{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + parameters(to(theReference, "Slot/none")) + `,"request":{"method":"POST","url":"Appointment/$hold"}}]}`, status: 200, contains: []string{"Bundle.entry[0].resource.parameter[0].value.reference"}},
	})
	openWith(t, []string{"Appointment", "Patient"}).play(t, []scenario{{name: "where no slots are served", method: "POST", path: "/Appointment/$book", body: parameters(), status: 404, paths: map[string]string{"issue[0].code": "not-supported"}}})
}
