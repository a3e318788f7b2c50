package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// rota is a Schedule that is open from 09:00 to 11:00 on Sundays, in slots of half an hour. The clock of the tests shows the noon of Sunday, 1 March 2026.
var rota = fmt.Sprintf(`{"resourceType":"Schedule","id":"rota","extension":[{"url":%q,"extension":[
	{"url":"slot-length","valueDuration":{"value":30,"unit":"min","system":"http://unitsofmeasure.org","code":"min"}},
	{"url":"weekly","extension":[{"url":"day","valueCode":"sun"},{"url":"from","valueTime":"09:00:00"},{"url":"to","valueTime":"11:00:00"}]}]}],
	"serviceType":[{"coding":[{"system":"http://example.org/service","code":"wound"}]}],"actor":[{"reference":"Practitioner/1"}]}`, booking.WorkingHoursURL)

const generateRota = "/Schedule/rota/$generate-slots"

// days are the parameters for a period.
func days(start, end string) string {
	return parameters(of("start", "Date", `"`+start+`"`), of("end", "Date", `"`+end+`"`))
}

// counts is what $generate-slots answers.
func counts(created, kept, removed, left int) string {
	return fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":"created","valueInteger":%d},{"name":"kept","valueInteger":%d},{"name":"removed","valueInteger":%d},{"name":"left","valueInteger":%d}]}`, created, kept, removed, left)
}

// TestGenerateSlots follows a rota over the change of the clocks, and over a change of its hours while one slot is taken.
func TestGenerateSlots(t *testing.T) {
	h := open(t)
	shorter := strings.Replace(rota, `"value":30`, `"value":20`, 1)
	h.play(t, []scenario{
		{name: "the rota", method: "PUT", path: "/Schedule/rota", body: rota, status: 201},
		{name: "slots before and after the clocks go forward", method: "POST", path: generateRota, body: days("2026-03-22", "2026-03-29"), status: 200, want: counts(8, 0, 0, 0)},
		{name: "they lie right", path: "/Slot?schedule=Schedule/rota&status=free&_sort=start", status: 200, paths: map[string]string{
			"total": "8", "entry[0].resource.start": "2026-03-22T09:00:00Z", "entry[0].resource.end": "2026-03-22T09:30:00Z", "entry[4].resource.start": "2026-03-29T08:00:00Z", "entry[7].resource.end": "2026-03-29T10:00:00Z",
			"entry[4].resource.serviceType[0].coding[0].code": "wound", "entry[4].resource.schedule.reference": "Schedule/rota",
		}},
		{name: "in autumn, a day without an end", method: "POST", path: generateRota, header: map[string]string{"HC-API-Version": "2"},
			body: parameters(of("start", "DateTime", `"2026-10-25"`), of("end", "Instant", `"2026-10-25T10:00:00+01:00"`)), status: 200, want: counts(0, 0, 0, 0), wantHeader: map[string]string{"HC-API-Version": "2"}},
		{name: "in autumn", method: "POST", path: generateRota, body: parameters(of("start", "DateTime", `"2026-10-25"`), of("end", "DateTime", `"2026-10-25T10:00:00Z"`)), status: 200, want: counts(2, 0, 0, 0)},
		{name: "they lie right", path: "/Slot?start=ge2026-10-25&_sort=start", status: 200, paths: map[string]string{"total": "2", "entry[0].resource.start": "2026-10-25T09:00:00Z", "entry[1].resource.end": "2026-10-25T10:00:00Z"}},
	})

	_, body := h.send(t, scenario{path: "/Slot?start=2026-03-29T08:30:00Z"})
	bundle, err := fhir.ParseResource(body)
	must(t, err)
	var taken fhir.Resource
	for _, entry := range bundle.Root().Objects("entry") {
		taken = booking.Take(fhir.NewResource(entry.Object("resource")), "busy", fhir.Key{Type: "Appointment", ID: "elsewhere"}, "")
	}
	h.play(t, []scenario{
		{name: "one is taken", method: "PUT", path: "/" + taken.Key().String(), body: string(fhir.AppendJSON(nil, taken.Root())), status: 200},
		{name: "other hours", method: "PUT", path: "/Schedule/rota", body: shorter, status: 200},
		{name: "slots by other hours", method: "POST", path: generateRota, body: days("2026-03-22", "2026-03-29"), status: 200, want: counts(10, 0, 7, 2)},
		{name: "the taken one is as it was", path: "/" + taken.Key().String(), status: 200, wantHeader: map[string]string{"ETag": `W/"2"`}},
		{name: "nothing lies over it", path: "/Slot?start=ge2026-03-29T08:20:00Z&start=lt2026-03-29T09:00:00Z", status: 200, paths: map[string]string{"total": "1"}},
		{name: "again", method: "POST", path: generateRota, body: days("2026-03-22", "2026-03-29"), status: 200, want: counts(0, 10, 0, 2)},
		{name: "in a batch", method: "POST", body: `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"POST","url":"Schedule/rota/$generate-slots"},"resource":` + days("2026-03-22", "2026-03-29") + `}]}`, status: 200,
			paths: map[string]string{"entry[0].response.status": "200 OK", "entry[0].resource.parameter[1].valueInteger": "10"}},
	})
}

func TestGenerateSlotsRefused(t *testing.T) {
	h := open(t)
	const places, code = "issue[0].expression", "issue[0].code"
	month := of("start", "DateTime", `"2026-03"`)
	h.play(t, []scenario{
		{name: "the rota", method: "PUT", path: "/Schedule/rota", body: rota, status: 201},
		{name: "one without hours", method: "PUT", path: "/Schedule/bare", body: `{"resourceType":"Schedule","id":"bare","actor":[{"reference":"Practitioner/1"}]}`, status: 201},
		{name: "hours that cannot be read", method: "PUT", path: "/Schedule/wrong", body: strings.ReplaceAll(strings.Replace(rota, `"sun"`, `"sunday"`, 1), `"rota"`, `"wrong"`), status: 422,
			paths: map[string]string{places: `["Schedule.extension[0].extension[1].extension[0]"]`, code: "business-rule"}},
		{name: "by GET", path: generateRota, status: 405, wantHeader: map[string]string{"Allow": "POST"}},
		{name: "of all schedules", method: "POST", path: "/Schedule/$generate-slots", body: days("2026-03-22", "2026-03-29"), status: 404},
		{name: "no body", method: "POST", path: generateRota, body: " ", status: 400, paths: map[string]string{code: "required"}},
		{name: "nothing", method: "POST", path: generateRota, body: `{"resourceType":"Parameters"}`, status: 400, paths: map[string]string{"issue[#]": "2", code: "required"}},
		{name: "a month", method: "POST", path: generateRota, body: parameters(month, of("end", "Date", `"2026-03-29"`)), status: 400, paths: map[string]string{places: `["Parameters.parameter[0].value"]`, code: "value"}},
		{name: "something else", method: "POST", path: generateRota, body: parameters(of("start", "Date", `"2026-03-22"`), of("days", "Integer", "7"), of("end", "Date", `"2026-03-29"`)), status: 400, paths: map[string]string{places: `["Parameters.parameter[1].name"]`}},
		{name: "in the URL", method: "POST", path: generateRota + "?start=2026-03-22", body: days("2026-03-22", "2026-03-29"), status: 400, paths: map[string]string{"issue[0].location": `["http.start"]`}},
		{name: "an end before the start", method: "POST", path: generateRota, body: days("2026-03-29", "2026-03-22"), status: 400, paths: map[string]string{places: `["Parameters.parameter[1]"]`, code: "value"}},
		{name: "what is past", method: "POST", path: generateRota, body: days("2026-01-01", "2026-02-28"), status: 422, paths: map[string]string{places: `["Parameters.parameter[1]"]`, code: "business-rule"}},
		{name: "years", method: "POST", path: generateRota, body: days("2026-03-22", "2028-03-22"), status: 400, paths: map[string]string{places: `["Parameters.parameter[1]"]`, code: "too-costly"}},
		{name: "a schedule without hours", method: "POST", path: "/Schedule/bare/$generate-slots", body: days("2026-03-22", "2026-03-29"), status: 422, paths: map[string]string{places: `["Schedule.extension"]`}},
		{name: "no schedule", method: "POST", path: "/Schedule/nobody/$generate-slots", body: days("2026-03-22", "2026-03-29"), status: 404},
		{name: "a deleted schedule", method: "DELETE", path: "/Schedule/bare", status: 200},
		{name: "is gone", method: "POST", path: "/Schedule/bare/$generate-slots", body: days("2026-03-22", "2026-03-29"), status: 410},
		{name: "in a transaction", method: "POST", body: `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"POST","url":"Schedule/rota/$generate-slots"},"resource":` + days("2026-03-22", "2026-03-29") + `}]}`,
			status: 400, paths: map[string]string{code: "not-supported"}},
		{name: "nothing was made", path: "/Slot?_summary=count", status: 200, paths: map[string]string{"total": "0"}},
	})
	openWith(t, []string{"Schedule"}).play(t, []scenario{
		{name: "where there are no slots", method: "POST", path: generateRota, body: days("2026-03-22", "2026-03-29"), status: 404},
		{name: "nor the definition", path: "/OperationDefinition/generate-slots", status: 404},
	})
}

// TestGenerateSlotsDefinition: the canonical URL leads to the definition, and it has the parameters that are taken and answered.
func TestGenerateSlotsDefinition(t *testing.T) {
	h := open(t)
	h.play(t, []scenario{{name: "the definition", path: "/OperationDefinition?url=" + conformance.GenerateDefinition, status: http.StatusOK, paths: map[string]string{
		"entry[0].resource.id": "generate-slots", "entry[0].resource.affectsState": "true", "entry[0].resource.resource[0]": "Schedule", "entry[0].resource.instance": "true", "entry[0].resource.parameter[#]": "6",
		"entry[0].resource.parameter[1].name": "end", "entry[0].resource.parameter[1].use": "in", "entry[0].resource.parameter[5].name": "left",
	}}})
}

// TestLeadTimeOfASchedule: working hours say how long before its start a slot is booked at the latest, to who books and to who looks for time.
func TestLeadTimeOfASchedule(t *testing.T) {
	h := open(t)
	withLead := func(hours int) string {
		return strings.Replace(rota, `{"url":"weekly"`, fmt.Sprintf(`{"url":%q,"valueDuration":{"value":%d,"unit":"h","system":"http://unitsofmeasure.org","code":"h"}},{"url":"weekly"`, booking.LeadTimeURL, hours), 1)
	}
	const start, end = "2026-03-02T09:00:00Z", "2026-03-02T09:30:00Z" // 21 hours from now
	appointment := fmt.Sprintf(`{"resourceType":"Appointment","status":"booked","slot":[{"reference":"Slot/s"}],"start":%q,"end":%q,"participant":[{"actor":{"reference":"Patient/p"},"status":"accepted"}]}`, start, end)
	find := parameters(of("start", "DateTime", `"2026-03-02"`), of("end", "DateTime", `"2026-03-03"`))
	h.play(t, []scenario{
		{name: "two days", method: "PUT", path: "/Schedule/rota", body: withLead(48), status: 201},
		{name: "a slot", method: "PUT", path: "/Slot/s", body: fmt.Sprintf(`{"resourceType":"Slot","id":"s","schedule":{"reference":"Schedule/rota"},"status":"free","start":%q,"end":%q}`, start, end), status: 201},
		{name: "it is too late", method: "POST", path: "/Appointment", body: appointment, status: 422, paths: map[string]string{"issue[0].code": "business-rule"}},
		{name: "and not found", method: "POST", path: "/Appointment/$find", body: find, status: 200, paths: map[string]string{"total": "0"}},
		{name: "half a day", method: "PUT", path: "/Schedule/rota", body: withLead(12), status: 200},
		{name: "it is found", method: "POST", path: "/Appointment/$find", body: find, status: 200, paths: map[string]string{"total": "1"}},
		{name: "and booked", method: "POST", path: "/Appointment", body: appointment, status: 201},
	})
}
