package rest_test

import (
	"strings"
	"testing"
)

// TestBaRSClient is a day of a client of BaRS: it asks what the server can do, finds a slot of a service, books it for a patient whom it brings along, reads it
// before it changes it, moves it by a patch, and cancels it.
func TestBaRSClient(t *testing.T) {
	const slots = "/Slot?Schedule.actor:HealthcareService=gp&status=free&start=ge2026-03-02T00:00:00+00:00&start=le2026-03-02T23:59:59+00:00&_sort=start" +
		"&_include=Slot:schedule&_include:iterate=Schedule:actor:Practitioner&_include:iterate=Schedule:actor:PractitionerRole&_include:iterate=Schedule:actor:HealthcareService" +
		"&_include:iterate=HealthcareService:providedBy&_include:iterate=HealthcareService:location"
	booking := strings.Replace(appointment("booked", "m1", nine, quarter, `"created":"2026-03-01T12:00:00+00:00"`, `"description":"Reason for calling"`), `"participant":[`,
		`"contained":[{"resourceType":"Patient","id":"p1","name":[{"family":"Quail"}]}],"participant":[{"actor":{"reference":"#p1"},"status":"accepted"},`, 1)
	booking = strings.Replace(booking, `{"actor":{"reference":"Patient/pat"},"status":"accepted"},`, "", 1)
	move := patch("moved by patch to another slot", "{booking}", `[{"op":"replace","path":"/slot/0/reference","value":"Slot/m3"},
		{"op":"replace","path":"/start","value":"2026-03-02T09:30:00+00:00"},{"op":"replace","path":"/end","value":"2026-03-02T09:45:00+00:00"}]`, 200)
	move.header["If-Match"], move.wantHeader = `W/"1"`, map[string]string{"ETag": `W/"2"`}
	move.paths = map[string]string{"start": half, "end": quarterTo, "slot[0].reference": "Slot/m3", "description": "Reason for calling"}
	cancel := patch("cancelled by patch", "{booking}", cancelling(byPatient), 200)
	cancel.header["If-Match"] = `W/"2"`
	openSurgery(t).tell(t, []row{
		{from: bars, scenario: scenario{name: "what the server can do", path: "/metadata", status: 200, contains: []string{`"type":"Slot"`, `"Slot:schedule"`, `"fhirVersion":"4.0.1"`}}},
		{from: bars, scenario: get("the slots of a service, and all about them", slots, map[string]string{
			"total": "4", "entry[0].resource.id": "m1", "entry[0].resource.start": nine, "entry[3].resource.id": "m5", "entry[4].resource.id": "ash", "entry[4].search.mode": "include", "entry[#]": "10"})},
		{from: bars, keep: "booking", scenario: func() scenario {
			sc := post("booked", booking, 201)
			sc.paths = map[string]string{"status": "booked", "contained[0].name[0].family": "Quail", "created": "2026-03-01T12:00:00Z"}
			return sc
		}()},
		{from: bars, scenario: isHeld("m1", "busy", "{booking}")},
		{from: bars, scenario: get("the slot is gone", slots, map[string]string{"total": "3", "entry[0].resource.id": "m2"})},
		{from: bars, scenario: refused(post("and for whoever comes too late", booking, 409), "conflict", "Slot/m1")},
		{from: bars, scenario: get("read before it is changed", "/Appointment/{booking}", map[string]string{"status": "booked", "meta.versionId": "1"})},
		{from: bars, scenario: move},
		{from: bars, scenario: isFree("m1")},
		{from: bars, scenario: isHeld("m3", "busy", "{booking}")},
		{from: bars, scenario: refused(func() scenario {
			sc := patch("by who has not read it since", "{booking}", cancelling(byPatient), 412)
			sc.header["If-Match"] = `W/"1"`
			return sc
		}(), "conflict")},
		{from: bars, scenario: cancel},
		{from: bars, scenario: get("all slots are there again", slots, map[string]string{"total": "4", "entry[0].resource.id": "m1", "entry[2].resource.id": "m3"})},
		{from: bars, scenario: get("what became of it can be read", "/Appointment/{booking}/_history", map[string]string{"total": "3", "entry[0].resource.status": "cancelled", "entry[2].resource.status": "booked"})},
	})
}

// TestGPConnectClient is a day of a client of GP Connect, as far as it has gone over to R4: it finds the patient by the NHS number and two slots that are adjacent, books
// them, looks at the patient's appointments, notes something, and cancels by an update.
func TestGPConnectClient(t *testing.T) {
	const slots = "/Slot?start=ge2026-03-02&start=le2026-03-15&status=free&schedule=ash&_sort=start&_include=Slot:schedule&_include:iterate=Schedule:actor:Practitioner" +
		"&_include:iterate=Schedule:actor:Location&_include:iterate=Location:managingOrganization&searchFilter=https://fhir.nhs.uk/Id/ods-organization-code%7CA11111"
	const mine = "/Patient/pat/Appointment?date=ge2026-03-01&date=le2026-03-15"
	ifMatch := func(sc scenario, version string) scenario {
		sc.header = map[string]string{"If-Match": version}
		return sc
	}
	organisation := `"contained":[{"resourceType":"Organization","id":"1","name":"Urgent care","telecom":[{"system":"phone","value":"01632 960123"}]}],
		"extension":[{"url":"https://example.org/booking-organisation","valueReference":{"reference":"#1"}}],"created":"2026-03-01T12:00:00Z"`
	body := func(status string, more ...string) string {
		return withID("{booking}", appointment(status, "m1,m2", nine, half, append(more, organisation)...))
	}
	openSurgery(t).tell(t, []row{
		{from: gpBook, scenario: get("the patient, by NHS number", "/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C9992287144", map[string]string{"total": "1", "entry[0].resource.id": "pat"})},
		{from: gpSearch, scenario: get("free slots of a fortnight", slots, map[string]string{"total": "4", "entry[0].resource.id": "m1", "entry[0].resource.end": quarter, "entry[1].resource.start": quarter})},
		{from: gpBook, keep: "booking", scenario: post("two adjacent slots", appointment("booked", "m1,m2", nine, half, `"description":"GP visit"`, `"comment":"Ring twice."`, organisation), 201)},
		{from: gpRead, scenario: get("it is among the patient's appointments", mine, map[string]string{
			"total": "1", "entry[0].resource.id": "{booking}", "entry[0].resource.contained[0].name": "Urgent care", "entry[0].resource.meta.versionId": "1"})},
		{from: gpSearch, scenario: get("both slots are gone", slots, map[string]string{"total": "2", "entry[0].resource.id": "m3"})},
		{from: gpAmend, scenario: ifMatch(scenario{name: "noted", method: "PUT", path: "/Appointment/{booking}", status: 200,
			body: body("booked", `"description":"GP visit"`, `"comment":"Ring three times."`), paths: map[string]string{"comment": "Ring three times.", "meta.versionId": "2"}}, `W/"1"`)},
		{from: gpCancel, scenario: refused(ifMatch(scenario{name: "cancelled by who has not seen the note", method: "PUT", path: "/Appointment/{booking}", status: 412,
			body: body("cancelled", byPatient)}, `W/"1"`), "conflict")},
		{from: gpCancel, scenario: ifMatch(scenario{name: "cancelled", method: "PUT", path: "/Appointment/{booking}", status: 200,
			body: body("cancelled", `"description":"GP visit"`, `"comment":"Ring three times."`, byPatient), paths: map[string]string{"status": "cancelled", "meta.versionId": "3"}}, `W/"2"`)},
		{from: gpSearch, scenario: get("both slots are free again", slots, map[string]string{"total": "4", "entry[0].resource.id": "m1", "entry[1].resource.id": "m2"})},
		{from: gpAmend, scenario: ifMatch(scenario{name: "the reason is put right", method: "PUT", path: "/Appointment/{booking}", status: 200,
			body: body("cancelled", `"description":"GP visit"`, byProvider), paths: map[string]string{"meta.versionId": "4"}}, `W/"3"`)},
		{from: gpRead, scenario: get("and still it is found", mine, map[string]string{"total": "1", "entry[0].resource.status": "cancelled"})},
	})
}
