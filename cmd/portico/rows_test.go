package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/booking"
)

// row is a route of the FHIR face, and a request for it. In path and body {id} stands for a resource, and {mark} for a text by which it is known.
type row struct {
	name               string // "Patient read"
	method, path, body string
	header             map[string]string
	status             int // for the right credential

	resourceType string // whose resource {id} is
	scope        string // that it takes, "Patient.us", or several with spaces between; "" where it takes none, or one that depends on the entries or types
	admin        bool   // it takes the scope of administrators
	changes      bool   // the right credential leaves a version by it
	public       bool   // nobody is asked who they are
	scopeless    bool   // it tells of definitions of the server's own, and takes no scope
	entries      bool   // each entry is answered for itself, so that the whole is answered 200
}

// bodies are resources, as small as R4 lets them be.
var bodies = map[string]string{
	"Appointment":         `"status":"proposed","start":"2099-03-02T09:00:00Z","end":"2099-03-02T09:30:00Z","participant":[{"actor":{"reference":"Patient/own-000001"},"status":"accepted"}]`,
	"AppointmentResponse": `"appointment":{"reference":"Appointment/own-000001"},"actor":{"reference":"Patient/own-000001"},"participantStatus":"accepted"`,
	"DocumentReference":   `"status":"current","subject":{"reference":"Patient/own-000001"},"content":[{"attachment":{"title":"letter"}}]`,
	"Encounter":           `"status":"planned","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/own-000001"}`,
	"HealthcareService":   `"name":"visits"`,
	"Location":            `"name":"clinic"`,
	"Observation":         `"status":"final","code":{"text":"weight"},"subject":{"reference":"Patient/own-000001"},"encounter":{"reference":"Encounter/own-000001"}`,
	"Organization":        `"name":"trust"`,
	"Patient":             `"name":[{"family":"Ash"}]`,
	"Practitioner":        `"name":[{"family":"Birch"}]`,
	"PractitionerRole":    `"practitioner":{"reference":"Practitioner/own-000001"}`,
	"Provenance":          `"target":[{"reference":"Patient/own-000001"}],"recorded":"2026-03-01T12:00:00Z","agent":[{"who":{"reference":"Practitioner/own-000001"}}]`,
	"RelatedPerson":       `"patient":{"reference":"Patient/own-000001"}`,
	"Schedule":            `"actor":[{"reference":"Practitioner/own-000001"}]`,
	"ServiceRequest":      `"status":"active","intent":"order","subject":{"reference":"Patient/own-000001"}`,
	"Slot":                `"schedule":{"reference":"Schedule/own-000001"},"status":"free","start":"2026-03-01T12:00:00Z","end":"2026-03-01T12:30:00Z"`,
	"Subscription":        `"status":"off","reason":"test","criteria":"Slot?status=free","channel":{"type":"rest-hook","endpoint":"https://example.org/hook"}`,
	"Task":                `"status":"requested","intent":"order","for":{"reference":"Patient/own-000001"}`,
}

// extensions are those that resources have beside their mark.
var extensions = map[string]string{"Schedule": "," + alwaysOpen}

// alwaysOpen are working hours that make one slot a day.
const alwaysOpen = `{"url":"` + booking.WorkingHoursURL + `","extension":[{"url":"time-zone","valueCode":"UTC"},{"url":"slot-length","valueDuration":{"value":1,"unit":"d","system":"http://unitsofmeasure.org","code":"d"}},` +
	`{"url":"exception","extension":[{"url":"period","valuePeriod":{"start":"2000-01-01","end":"2200-01-01"}},{"url":"hours","extension":[{"url":"from","valueTime":"00:00:00"},{"url":"to","valueTime":"00:00:00"}]}]}]}`

// bodyOf is a resource of a type, with its mark in an extension.
func bodyOf(t testing.TB, resourceType string) string {
	t.Helper()
	rest, ok := bodies[resourceType]
	if !ok {
		t.Fatalf("there is no %s to write; add one to bodies", resourceType)
	}
	return `{"resourceType":"` + resourceType + `","id":"{id}","extension":[{"url":"https://example.org/mark","valueString":"{mark}"}` + extensions[resourceType] + `],` + rest + `}`
}

// rowsOf are all routes of the FHIR face, as the table of promises has them. What is promised and not known here fails the test.
func rowsOf(t testing.TB, p conformance.Promises) []row {
	t.Helper()
	rows := []row{{name: "metadata", path: "/metadata", public: true, status: 200}}
	for _, d := range conformance.Documents(p) {
		if d.InFHIR {
			rows = append(rows, row{name: d.Path, path: d.Path, public: true, status: 200})
		}
	}
	add := func(name string, known map[string][]row, wanted string) {
		found := known[wanted]
		if found == nil {
			t.Errorf("%s %s is promised, of which this test knows no request", name, wanted)
		}
		for _, d := range found {
			d.name = strings.TrimSpace(name + " " + wanted)
			rows = append(rows, d)
		}
	}
	for _, i := range p.System {
		add("", systemRows(t), string(i))
	}
	for _, o := range p.Operations {
		add("", systemRows(t), "$"+o.Name)
	}
	for _, c := range p.Compartments {
		rows = append(rows,
			row{name: c + " compartment", resourceType: c, path: "/" + c + "/{id}/*", status: 200},
			row{name: c + " compartment by a form", resourceType: c, method: "POST", path: "/" + c + "/{id}/_search", body: "_count=5", header: form, status: 200},
			row{name: c + " compartment of a type", resourceType: c, path: "/" + c + "/{id}/Observation", status: 200, scope: "Observation.s"})
	}
	for _, typ := range p.Types {
		known := typeRows(t, typ)
		for _, i := range typ.Interactions {
			if i != conformance.Delete {
				add(typ.Name, known, string(i))
			}
		}
		for _, o := range typ.Operations {
			add(typ.Name, known, "$"+o.Name)
		}
		for _, i := range typ.Conditional {
			if i != conformance.Delete {
				add(typ.Name, known, "conditional "+string(i))
			}
		}
	}
	for _, typ := range p.Types { // last, for what is deleted is gone
		if typ.OffersConditional(conformance.Delete) {
			add(typ.Name, typeRows(t, typ), "conditional delete")
		}
		if typ.Offers(conformance.Delete) {
			add(typ.Name, typeRows(t, typ), "delete")
		}
	}
	return rows
}

// Headers of bodies that are no resources.
var (
	form  = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	patch = map[string]string{"Content-Type": "application/json-patch+json"}
)

// lettersOf are those of the scope that an interaction takes (fhir.Permission): what has criteria searches, too. $validate takes any of a type.
var lettersOf = map[string]string{
	"read": "r", "vread": "r", "history-instance": "r", "history-type": "s", "search-type": "s", "create": "c", "update": "u", "patch": "u", "delete": "d",
	"conditional create": "cs", "conditional update": "us", "conditional patch": "us", "conditional delete": "ds",
}

// typeRows are the requests for everything that can be promised of a type.
func typeRows(t testing.TB, typ conformance.Type) map[string][]row {
	all, one, found := "/"+typ.Name, "/"+typ.Name+"/{id}", "/"+typ.Name+"?_id={id}"
	body := ""
	if typ.Offers(conformance.Create) || typ.Offers(conformance.Update) {
		body = bodyOf(t, typ.Name)
	}
	marked := `[{"op":"replace","path":"/extension/0/valueString","value":"{mark}"}]`
	parameters := `{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"delete"}]}`
	looking := `{"resourceType":"Parameters","parameter":[{"name":"start","valueDateTime":"2099-03-01"},{"name":"end","valueDateTime":"2099-03-05"},{"name":"practitioner","valueReference":{"reference":"Practitioner/{id}"}}]}`
	referring := `{"resourceType":"Parameters","parameter":[{"name":"appointment-reference","valueReference":{"reference":"Appointment/{id}"}}]}`
	sending := `{"resourceType":"Parameters","parameter":[{"name":"appointment-resource","resource":` + strings.Replace(strings.Replace(body, `"id":"{id}",`, "", 1), `"proposed"`, `"pending"`, 1) + `}]}`
	period := `{"resourceType":"Parameters","parameter":[{"name":"start","valueDate":"2099-03-02"},{"name":"end","valueDate":"2099-03-03"}]}`
	known := map[string][]row{
		"$generate-slots":    {{method: "POST", path: one + "/$generate-slots", body: period, status: 200, changes: true, scope: "Schedule.r Slot.cd"}},
		"$find":              {{method: "POST", path: all + "/$find", body: looking, status: 200, scope: "Appointment.r Schedule.s Slot.s"}},
		"$hold":              {{method: "POST", path: all + "/$hold", body: referring, status: 200, changes: true, scope: "Appointment.cu"}}, // of one that is stored
		"$book":              {{method: "POST", path: all + "/$book", body: referring, status: 200, changes: true, scope: "Appointment.u"}, {method: "POST", path: all + "/$book", body: sending, status: 200, changes: true, scope: "Appointment.c"}},
		"read":               {{path: one, status: 200}},
		"vread":              {{path: one + "/_history/1", status: 200}},
		"history-instance":   {{path: one + "/_history", status: 200}},
		"history-type":       {{path: all + "/_history", status: 200}},
		"search-type":        {{path: all, status: 200}, {path: found, status: 200}, {method: "POST", path: all + "/_search", body: "_id={id}", header: form, status: 200}},
		"$validate":          {{method: "POST", path: all + "/$validate", body: parameters, status: 200}, {method: "POST", path: one + "/$validate", body: parameters, status: 200}},
		"create":             {{method: "POST", path: all, body: body, status: 201, changes: true}},
		"update":             {{method: "PUT", path: one, body: body, status: 200, changes: true}},
		"patch":              {{method: "PATCH", path: one, body: marked, header: patch, status: 200, changes: true}},
		"delete":             {{method: "DELETE", path: one, status: 200, changes: true}},
		"conditional create": {{method: "POST", path: all, body: body, header: map[string]string{"If-None-Exist": "_id={id}"}, status: 200}, {method: "POST", path: all, body: body, header: map[string]string{"If-None-Exist": "_id={id}-not"}, status: 201, changes: true}},
		"conditional update": {{method: "PUT", path: found, body: body, status: 200, changes: true}},
		"conditional patch":  {{method: "PATCH", path: found, body: marked, header: patch, status: 200, changes: true}},
		"conditional delete": {{method: "DELETE", path: found, status: 200, changes: true}, {method: "PUT", path: one, body: body, status: 201, changes: true, scope: typ.Name + ".u"}}, // which makes anew what the plain one deletes
	}
	for name, rows := range known {
		for i := range rows {
			d := &rows[i]
			d.resourceType, d.scopeless = typ.Name, typ.Definitions != nil
			if letters := lettersOf[name]; letters != "" && d.scope == "" && !d.scopeless {
				d.scope = typ.Name + "." + letters
			}
		}
	}
	return known
}

// systemRows are the requests for everything that can be promised of all types at once.
func systemRows(t testing.TB) map[string][]row {
	entry := func(method, url, resource string) string {
		return fmt.Sprintf(`{%s"request":{"method":%q,"url":%q}}`, resource, method, url)
	}
	entries := strings.Join([]string{
		entry("GET", "Patient/{id}", ""), entry("GET", "Patient?_id={id}", ""), entry("PUT", "Patient/{id}", `"resource":`+bodyOf(t, "Patient")+`,`),
	}, ",")
	bundle := func(typ string) string {
		return `{"resourceType":"Bundle","type":"` + typ + `","entry":[` + entries + `]}`
	}
	return map[string][]row{
		"batch":          {{method: "POST", body: bundle("batch"), resourceType: "Patient", status: 200, entries: true, changes: true}},
		"transaction":    {{method: "POST", body: bundle("transaction"), resourceType: "Patient", status: 200, changes: true, scope: "Patient.rus"}},
		"history-system": {{path: "/_history", status: 200}},
		"search-system":  {{path: "?_count=1000", status: 200}, {method: "POST", path: "/_search", body: "_count=1000", header: form, status: 200}},
		"$explain": {
			{path: "/$explain?url=Patient%3F_id%3D{id}", resourceType: "Patient", status: 200, admin: true},
			{method: "POST", path: "/$explain", body: `{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"Patient?_id={id}"}]}`, resourceType: "Patient", status: 200, admin: true},
		},
	}
}

// verb is the method of the request.
func (r row) verb() string {
	if r.method == "" {
		return http.MethodGet
	}
	return r.method
}

// names says whether the request names a resource.
func (r row) names() bool {
	return strings.Contains(r.path+r.body+r.header["If-None-Exist"], "{id}")
}
