package rest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
)

// theDay are the parameters of the day, and of the patient for whom an appointment is looked for.
var theDay = []string{of("start", "DateTime", `"2026-03-02"`), of("end", "DateTime", `"2026-03-02"`), to("patient-reference", "Patient/p")}

// looking is a scenario of $find with more parameters than those of the day.
func looking(name, query string, paths map[string]string, more ...string) scenario {
	return scenario{name: name, method: "POST", path: "/Appointment/$find" + query, body: parameters(append(append([]string{}, theDay...), more...)...), status: 200, paths: paths}
}

// proposals asks for all that the day has, and returns the proposed Appointments by their slots.
func (h house) proposals(t *testing.T) map[string]fhir.Resource {
	t.Helper()
	got, body := h.send(t, looking("", "", nil))
	if got.status != 200 {
		t.Fatalf("%d: %s", got.status, body)
	}
	checkValid(t, body)
	r, err := fhir.ParseResource(body)
	must(t, err)
	all := map[string]fhir.Resource{}
	for _, entry := range r.Root().Objects("entry") {
		proposed := fhir.NewResource(entry.Object("resource"))
		all[strings.TrimPrefix(at(proposed.Root(), "slot[0].reference"), "Slot/")] = proposed
	}
	return all
}

func TestFind(t *testing.T) {
	h := openDay(t)
	h.play(t, []scenario{
		looking("all of the day", "", map[string]string{"type": "searchset", total: "4", "entry[#]": "4", mode: "match", status: "proposed", shown + "start": at9, shown + "end": at930, shown + "minutesDuration": "30",
			shown + "slot[0].reference": "Slot/s1", shown + "requestedPeriod[#]": "1", shown + "meta.versionId": "", "link[0].url": base + "/Appointment/$find"}),
		looking("two of it", "?_count=2", map[string]string{total: "4", "entry[#]": "2"}),
		looking("one, said in the body", "", map[string]string{total: "4", "entry[#]": "1"}, of("_count", "PositiveInt", "1")),
		looking("their number", "?_count=0", map[string]string{total: "4", "entry[#]": ""}),
		looking("with the practitioner", "", map[string]string{total: "4"}, to("practitioner", "Practitioner/none"), to("practitioner", base+"/Practitioner/d")),
		looking("with nobody", "", map[string]string{total: "0"}, to("practitioner", "Practitioner/none")),
		looking("with somebody who is not known", "", map[string]string{total: "0", mode: "outcome", alone + "severity": "warning", alone + "expression[0]": "Parameters.parameter[3]"}, of("practitioner", "Reference", `{"identifier":{"value":"7"}}`)),
		looking("for a patient who is not there", "", map[string]string{total: "4", "entry[4].resource.issue[0].severity": "warning", "entry[4].resource.issue[0].details.text": "There is no Patient/none on this server.",
			"entry[4].resource.issue[0].expression[0]": "Parameters.parameter[2]"}, to("patient-reference", "Patient/none")),
		looking("insured", "", map[string]string{shown + "supportingInformation[0].reference": "Coverage/c", shown + "supportingInformation[1].reference": "InsurancePlan/i",
			shown + "supportingInformation[2].type": "InsurancePlan", shown + "supportingInformation[3].type": "", shown + "supportingInformation[3].identifier.value": "8"},
			to("insurance-reference", "Coverage/c"), to("insurance-reference", "InsurancePlan/i"), of("insurance-reference", "Reference", `{"type":"InsurancePlan","identifier":{"value":"7"}}`), of("insurance-reference", "Reference", `{"identifier":{"value":"8"}}`)),
		{name: "until the end of time", method: "POST", path: "/Appointment/$find?_count=1", body: parameters(of("start", "DateTime", `"2026"`), of("end", "DateTime", `"9999"`)), status: 200,
			paths: map[string]string{total: "4", "entry[#]": "2", said + "severity": "information", said + "expression[0]": "Parameters.parameter[1]", shown + "requestedPeriod[0].end": "9999-12-31T23:59:59.999999Z"}, contains: []string{"400 days"}},
		{name: "a timing that is not understood", method: "POST", path: "/Appointment/$find", body: parameters(append(append([]string{}, theDay...), of("timing", "Timing", `{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}`))...), status: 400, contains: []string{`"Parameters.parameter[3]"`}},
		{name: "an end before the start", method: "POST", path: "/Appointment/$find", body: parameters(of("start", "DateTime", `"2026-03-02"`), of("end", "DateTime", `"2026-03-01"`)), status: 400, contains: []string{`"Parameters.parameter[1]"`}},
	})
	one, other := h.proposals(t), h.proposals(t)
	id := func(from map[string]fhir.Resource, slot string) string { return from[slot].ID() }
	as := func(from map[string]fhir.Resource, slot, status string) string {
		r := from[slot].Clone()
		r.Root().Set("status", status)
		r.Root().Set("comment", "by the side door")
		return sent(text(r.Root()))
	}
	h.play(t, []scenario{
		{name: "a proposal can be read", path: "/Appointment/" + id(one, "s1"), status: 200, want: text(one["s1"].Root()), wantHeader: map[string]string{"ETag": "", "Last-Modified": ""}},
		{name: "and has no version", path: "/Appointment/" + id(one, "s1") + "/_history/1", status: 404},
		{name: "nor is it found", path: "/Appointment", status: 200, paths: map[string]string{total: "0"}},

		operation("held", "hold", ask(id(one, "s1")), map[string]string{total: "1", status: "pending", shown + "id": id(one, "s1"), shown + "meta.versionId": "1", heldAt: endOfHold}),
		{name: "stored", path: "/Appointment/" + id(one, "s1"), status: 200, paths: map[string]string{"status": "pending"}, wantHeader: map[string]string{"ETag": `W/"1"`}},
		is("Slot/s1", "busy-tentative"),
		looking("held slots are not found", "", map[string]string{total: "3", shown + "slot[0].reference": "Slot/s2"}),
		operation("another proposal of that time", "hold", ask(id(other, "s1")), map[string]string{total: "1", "entry[#]": "2", mode: "match", status: "cancelled", shown + "id": id(other, "s1"), shown + "meta.versionId": "",
			"entry[1].search.mode": "outcome", said + "severity": "fatal", said + "code": "not-found", "entry[1].resource.issue[1].code": "conflict"}),
		operation("booking it", "book", ask(id(other, "s1")), map[string]string{total: "0", "entry[#]": "1", alone + "code": "conflict"}),
		is("Appointment/"+id(other, "s1"), "proposed"),
		operation("booking what is held", "book", ask(id(one, "s1")), map[string]string{total: "1", status: "booked", "entry[0].resource.extension": ""}),

		operation("booking without holding", "book", to(theReference, base+"/Appointment/"+id(one, "s2")), map[string]string{total: "1", "entry[#]": "1", status: "booked", shown + "id": id(one, "s2"), shown + "meta.versionId": "1"}),
		is("Slot/s2", "busy"),
		operation("sent back as it was proposed", "book", as(one, "s3", "proposed"), map[string]string{total: "0", alone + "code": "business-rule"}),
		operation("sent back as pending, with more", "book", as(one, "s3", "pending"), map[string]string{total: "1", status: "booked", shown + "id": id(one, "s3"), shown + "comment": "by the side door"}),
		{name: "by a version, where none is stored", method: "POST", path: "/Appointment/$book", header: map[string]string{"If-Match": `W/"1"`}, body: parameters(ask(id(one, "s4"))), status: 412},
	})
	h.pass(31 * time.Minute)
	h.play(t, []scenario{
		{name: "a proposal that has expired", path: "/Appointment/" + id(one, "s4"), status: 404},
		{name: "holding it", method: "POST", path: "/Appointment/$hold", body: parameters(ask(id(one, "s4"))), status: 404, paths: map[string]string{"issue[0].severity": "fatal", "issue[0].code": "not-found"}},
		{name: "booking it", method: "POST", path: "/Appointment/$book", body: parameters(ask(id(one, "s4"))), status: 404, paths: map[string]string{"issue[0].code": "not-found"}},
		is("Slot/s4", "free"),
	})
}

// A patient that the server does not have yet takes part, contained in what is proposed.
func TestFindForANewPatient(t *testing.T) {
	h := openDay(t)
	h.play(t, []scenario{looking("two patients", "?_count=1", map[string]string{total: "4", shown + "contained[0].resourceType": "Patient"}, `{"name":"patient-resource","resource":{"resourceType":"Patient","name":[{"family":"Rowan"}]}}`)})
}
