package rest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/rest"
)

// post, put, patch and get make scenarios of booking.
func post(name, body string, status int) scenario {
	return scenario{name: name, method: http.MethodPost, path: "/Appointment", body: body, status: status}
}

func put(name, id, body string, status int) scenario {
	return scenario{name: name, method: http.MethodPut, path: "/Appointment/" + id, body: withID(id, body), status: status}
}

func patch(name, id, operations string, status int) scenario {
	return scenario{name: name, method: http.MethodPatch, path: "/Appointment/" + id, body: operations, status: status,
		header: map[string]string{"Content-Type": "application/json-patch+json"}}
}

func get(name, path string, paths map[string]string) scenario {
	return scenario{name: name, path: path, status: http.StatusOK, paths: paths}
}

func withID(id, body string) string {
	return strings.Replace(body, `"resourceType":"Appointment"`, `"resourceType":"Appointment","id":"`+id+`"`, 1)
}

// refused is a scenario of which the answer says why, with an issue code and some words.
func refused(sc scenario, code string, words ...string) scenario {
	sc.paths = map[string]string{"resourceType": "OperationOutcome", "issue[0].severity": "error", "issue[0].code": code}
	sc.contains = words
	return sc
}

// isFree and isHeld hold a slot against what it should be.
func isFree(slot string) scenario {
	return get("Slot/"+slot+" is free", "/Slot/"+slot, map[string]string{"status": "free", "extension[#]": ""})
}

func isHeld(slot, status, by string) scenario {
	return get("Slot/"+slot+" is "+status+" and names "+by, "/Slot/"+slot, map[string]string{
		"status": status, "extension[0].url": fhir.OwnURL + "StructureDefinition/slot-appointment", "extension[0].valueReference.reference": "Appointment/" + by})
}

// Times of the surgery.
const (
	nine, quarter, half, quarterTo = "2026-03-02T09:00:00Z", "2026-03-02T09:15:00Z", "2026-03-02T09:30:00Z", "2026-03-02T09:45:00Z"
	ten, quarterPastTen            = "2026-03-02T10:00:00Z", "2026-03-02T10:15:00Z"
)

// TestBooking books by a plain create, and is refused where a slot cannot be had.
func TestBooking(t *testing.T) {
	openSurgery(t).tell(t, []row{
		{from: gpBook, keep: "first", scenario: scenario{name: "a free slot", method: "POST", path: "/Appointment", body: appointment("booked", "m1", nine, quarter), status: 201,
			wantHeader: map[string]string{"ETag": `W/"1"`}, paths: map[string]string{"status": "booked", "meta.versionId": "1", "slot[0].reference": "Slot/m1"}}},
		{from: gpCancel, scenario: isHeld("m1", "busy", "{first}")}, // what is answered is true of the slot as well
		{from: bars, scenario: get("and it is found no more", "/Slot?status=free&start=2026-03-02&schedule=ash&_sort=start", map[string]string{"total": "3", "entry[0].resource.id": "m2"})},
		{from: ours, scenario: get("who asks what it is booked with is told", "/Appointment?slot=Slot/m1", map[string]string{"total": "1", "entry[0].resource.id": "{first}"})},

		// GP Connect calls it DUPLICATE_REJECTED; R4 has the code conflict.
		{from: gpBook, scenario: refused(post("the slot was taken since it was found", appointment("booked", "m1", nine, quarter), 409), "conflict", "Slot/m1")},
		{from: gpBook, scenario: refused(post("by update, too", appointment("booked", "m1", nine, quarter), 409), "conflict", "Slot/m1")},
		{from: gpBook, scenario: refused(put("by update as create, too", "other", appointment("booked", "m1", nine, quarter), 409), "conflict", "Slot/m1")},
		{from: gpBook, scenario: refused(post("one of two slots was taken", appointment("booked", "m1,m2", nine, half), 409), "conflict", "Slot/m1")},
		{from: gpBook, scenario: refused(post("the slot was never free", appointment("booked", "tea", "2026-03-02T11:00:00Z", "2026-03-02T11:15:00Z"), 409), "conflict", "Slot/tea")},
		{from: gpBook, scenario: refused(post("the slot does not exist", appointment("booked", "none", nine, quarter), 422), "business-rule", "There is no Slot/none")},
		{from: gpBook, scenario: refused(post("the slot is in the past", appointment("booked", "past", "2026-03-01T11:00:00Z", "2026-03-01T11:15:00Z"), 422), "business-rule", "Slot/past began")},
		{from: gpBook, scenario: refused(post("the start is not that of the slot", appointment("booked", "m2", nine, half), 422), "business-rule", "Appointment.start", quarter)},
		{from: gpBook, scenario: refused(post("the end is not that of the slot", appointment("booked", "m2", quarter, ten), 422), "business-rule", "Appointment.end", half)},
		{from: gpBook, scenario: func() scenario {
			sc := refused(post("both are told at once", appointment("booked", "m2", nine, ten), 422), "business-rule", "Appointment.start", "Appointment.end")
			sc.paths["issue[#]"] = "2"
			return sc
		}()},
		{from: gpBook, scenario: refused(post("there is no start", strings.Replace(appointment("booked", "m2", quarter, half), `"start":"`+quarter+`",`, "", 1), 422), "invariant", "start")},
		{from: gpBook, scenario: refused(post("the slots are not adjacent", appointment("booked", "m2,m5", quarter, quarterPastTen), 422), "business-rule", "adjacent")},
		{from: gpBook, scenario: refused(post("the slots are of two schedules", appointment("booked", "m2,n1", quarter, "2026-03-02T15:15:00Z"), 422), "business-rule", "Schedule")},
		{from: ours, scenario: refused(post("a slot is named twice", appointment("booked", "m2,m2", quarter, half), 422), "business-rule", "twice")},
		{from: ours, scenario: refused(post("the lead time of the service has begun", appointment("booked", "soon", "2026-03-01T13:00:00Z", "2026-03-01T13:15:00Z"), 422), "business-rule", "lead time")},
		{from: ours, scenario: isFree("m2")}, // what was refused has left nothing behind
		{from: ours, scenario: isFree("soon")},

		{from: gpBook, keep: "long", scenario: post("several adjacent slots", appointment("booked", "m2,m3", quarter, quarterTo), 201)},
		{from: gpBook, scenario: isHeld("m2", "busy", "{long}")},
		{from: gpBook, scenario: isHeld("m3", "busy", "{long}")},
		{from: r4, scenario: post("proposed takes nothing", appointment("proposed", "m5", ten, quarterPastTen), 201)},
		{from: r4, scenario: post("and neither does the waiting list", appointment("waitlist", "m5", ten, quarterPastTen), 201)},
		{from: r4, scenario: isFree("m5")},
		{from: r4, keep: "asked", scenario: post("pending takes it tentatively", appointment("pending", "m5", ten, quarterPastTen), 201)},
		{from: r4, scenario: isHeld("m5", "busy-tentative", "{asked}")},
		{from: r4, scenario: refused(post("from everybody", appointment("booked", "m5", ten, quarterPastTen), 409), "conflict", "Slot/m5")},
		{from: r4, scenario: patch("it is confirmed", "{asked}", `[{"op":"replace","path":"/status","value":"booked"}]`, 200)},
		{from: r4, scenario: isHeld("m5", "busy", "{asked}")},

		// An offset says the same instant.
		{from: bars, keep: "summer", scenario: scenario{name: "nine o'clock in London, in summer", method: "POST", path: "/Appointment",
			body:   appointment("booked", "summer", "2026-03-30T09:00:00+01:00", "2026-03-30T09:15:00+01:00"),
			status: 201, paths: map[string]string{"start": "2026-03-30T08:00:00Z", "end": "2026-03-30T08:15:00Z"}}},
		{from: bars, scenario: isHeld("summer", "busy", "{summer}")},
		{from: r4, keep: "today", scenario: post("later today", appointment("booked", "today", "2026-03-01T16:00:00Z", "2026-03-01T16:15:00Z"), 201)},
		{from: r4, scenario: get("who books on a service has it fulfilled", "/Task/fulfilment-{today}", map[string]string{
			"status": "requested", "focus.reference": "Appointment/{today}", "for.reference": "Patient/pat", "restriction.period.start": "2026-03-01T16:00:00Z"})},
		{from: r4, scenario: post("a slot of another server is not ours to book", strings.ReplaceAll(appointment("booked", "x", nine, quarter), "Slot/x", "https://elsewhere.example.org/fhir/Slot/x"), 201)},
	})
}

// TestBookingAnswers: a booking is answered as every create is (https://hl7.org/fhir/R4/http.html#create).
func TestBookingAnswers(t *testing.T) {
	h := openSurgery(t)
	absolute := strings.Replace(appointment("booked", "m2", quarter, half), "Slot/m2", base+"/Slot/m2", 1)
	withPrefer := func(name, prefer, body string) scenario {
		sc := post(name, body, 201)
		sc.header = map[string]string{"Prefer": prefer}
		return sc
	}
	minimal := withPrefer("nothing but where it is", "return=minimal", appointment("booked", "m1", nine, quarter))
	minimal.empty, minimal.wantHeader = true, map[string]string{"ETag": `W/"1"`}
	outcome := withPrefer("what became of it", "return=OperationOutcome", absolute)
	outcome.paths = map[string]string{"resourceType": "OperationOutcome"}
	h.tell(t, []row{
		{from: r4, keep: "a", scenario: minimal},
		{from: r4, scenario: isHeld("m1", "busy", "{a}")},
		{from: r4, keep: "b", scenario: outcome},
		{from: r4, scenario: isHeld("m2", "busy", "{b}")},
		{from: r4, scenario: get("the Task of the service is in step", "/Task?focus=Appointment/{b}", map[string]string{"total": "1", "entry[0].resource.status": "requested"})},
	})
}

// TestAmending changes an appointment without touching its time: the slot stays as it is.
func TestAmending(t *testing.T) {
	h := openSurgery(t)
	ifMatch := func(sc scenario, version string) scenario {
		if sc.header == nil {
			sc.header = map[string]string{}
		}
		sc.header["If-Match"] = version
		return sc
	}
	second := func(sc scenario) scenario {
		if sc.header == nil {
			sc.header = map[string]string{}
		}
		sc.header["HC-API-Version"] = "2"
		return sc
	}
	booked := appointment("booked", "m1", nine, quarter)
	noted := appointment("booked", "m1", nine, quarter, `"description":"Cough"`, `"comment":"Please ring twice."`)
	untouched := get("the slot was not touched", "/Slot/m1", map[string]string{"meta.versionId": "2", "status": "busy"})
	comment := func(text string) string { return `[{"op":"add","path":"/comment","value":"` + text + `"}]` }
	h.tell(t, []row{
		{from: gpAmend, scenario: put("booked", "a", booked, 201)},
		{from: gpAmend, scenario: func() scenario {
			sc := ifMatch(put("description and comment", "a", noted, 200), `W/"1"`)
			sc.wantHeader = map[string]string{"ETag": `W/"2"`}
			sc.paths = map[string]string{"description": "Cough", "comment": "Please ring twice.", "status": "booked"}
			return sc
		}()},
		{from: gpAmend, scenario: untouched},
		{from: gpAmend, scenario: refused(ifMatch(put("a version that is not the current one", "a", booked, 412), `W/"1"`), "conflict")},
		{from: gpAmend, scenario: get("nothing was lost", "/Appointment/a", map[string]string{"comment": "Please ring twice.", "meta.versionId": "2"})},
		{from: ours, scenario: refused(second(put("version 2 of the API asks for If-Match", "a", booked, 428)), "required")},
		{from: ours, scenario: refused(second(patch("of a patch, too", "a", comment("x"), 428)), "required")},
		{from: ours, scenario: ifMatch(second(patch("and takes it", "a", comment("Ring three times."), 200)), `W/"2"`)},
		{from: gpAmend, scenario: untouched},
		{from: r4, scenario: patch("arrived", "a", `[{"op":"replace","path":"/status","value":"arrived"}]`, 200)},
		{from: r4, scenario: untouched},
		{from: r4, scenario: patch("checked in", "a", `[{"op":"replace","path":"/status","value":"checked-in"}]`, 200)},
		{from: r4, scenario: get("the Task follows", "/Task/fulfilment-a", map[string]string{"status": "in-progress"})},
		{from: r4, scenario: patch("fulfilled", "a", `[{"op":"replace","path":"/status","value":"fulfilled"}]`, 200)},
		{from: r4, scenario: get("the Task follows", "/Task/fulfilment-a", map[string]string{"status": "completed"})},
		{from: ours, scenario: isFree("m1")},
	})
}

// Reasons of https://terminology.hl7.org/CodeSystem-appointment-cancellation-reason.html.
const (
	byPatient  = `"cancelationReason":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason","code":"pat"}]}`
	byProvider = `"cancelationReason":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason","code":"prov-pers"}]}`
)

func cancelling(reason string) string {
	_, value, _ := strings.Cut(reason, ":")
	return `[{"op":"replace","path":"/status","value":"cancelled"},{"op":"add","path":"/cancelationReason","value":` + value + `}]`
}

// TestLeaving cancels, moves and deletes appointments: what they held is free again.
func TestLeaving(t *testing.T) {
	h := openSurgery(t)
	booked := appointment("booked", "m1", nine, quarter)
	free := func(name string, total string) scenario {
		return get(name, "/Slot?status=free&start=2026-03-02&schedule=ash", map[string]string{"total": total})
	}
	status := func(code string) string { return `[{"op":"replace","path":"/status","value":"` + code + `"}]` }
	cancelled := put("by update, with a reason", "a", appointment("cancelled", "m1", nine, quarter, byPatient), 200)
	cancelled.header, cancelled.paths = map[string]string{"If-Match": `W/"1"`}, map[string]string{"status": "cancelled", "meta.versionId": "2"}
	h.tell(t, []row{
		{from: gpCancel, scenario: put("booked", "a", booked, 201)},
		{from: gpCancel, scenario: free("three are left", "3")},
		{from: r4, scenario: refused(put("a reason, but not cancelled", "a", appointment("booked", "m1", nine, quarter, byPatient), 422), "invariant")},
		{from: gpCancel, scenario: cancelled},
		{from: gpCancel, scenario: isFree("m1")},
		{from: gpCancel, scenario: free("four again", "4")},
		{from: ours, scenario: get("nobody will do it", "/Task/fulfilment-a", map[string]string{"status": "cancelled"})},
		{from: gpCancel, scenario: put("cancelling twice changes nothing", "a", appointment("cancelled", "m1", nine, quarter, byPatient), 200)},

		{from: gpBook, keep: "b", scenario: post("somebody else books it", booked, 201)},
		{from: ours, scenario: refused(put("the cancelled one cannot come back", "a", booked, 409), "conflict", "Slot/m1")},
		{from: bars, scenario: patch("by patch, with a reason", "{b}", cancelling(byPatient), 200)},
		{from: bars, scenario: isFree("m1")},
		{from: ours, scenario: put("now it can", "a", booked, 200)},
		{from: ours, scenario: isHeld("m1", "busy", "a")},

		{from: r4, scenario: put("moved to another slot", "a", appointment("booked", "m2", quarter, half), 200)},
		{from: r4, scenario: isFree("m1")},
		{from: r4, scenario: isHeld("m2", "busy", "a")},
		{from: r4, keep: "c", scenario: post("the old one can be had", booked, 201)},
		{from: r4, scenario: refused(put("moved back in vain", "a", booked, 409), "conflict", "Slot/m1")},
		{from: r4, scenario: isHeld("m2", "busy", "a")}, // it has what it had
		{from: r4, scenario: put("made longer", "a", appointment("booked", "m2,m3", quarter, quarterTo), 200)},
		{from: r4, scenario: isHeld("m3", "busy", "a")},
		{from: r4, scenario: put("made shorter", "a", appointment("booked", "m3", half, quarterTo), 200)},
		{from: r4, scenario: isFree("m2")},
		{from: r4, scenario: refused(put("moved, but not the times", "a", appointment("booked", "m5", half, quarterTo), 422), "business-rule", "Appointment.start", "Appointment.end")},
		{from: r4, scenario: patch("nobody came", "a", status("noshow"), 200)},
		{from: r4, scenario: isFree("m3")},
		{from: r4, scenario: get("nobody did it", "/Task/fulfilment-a", map[string]string{"status": "cancelled"})},
		{from: r4, scenario: scenario{name: "deleted", method: "DELETE", path: "/Appointment/{c}", status: 200}},
		{from: r4, scenario: isFree("m1")},
		{from: r4, scenario: refused(patch("entered in error, and yet cancelled for a reason", "{b}", status("entered-in-error"), 422), "invariant")},
		{from: r4, scenario: patch("entered in error", "{b}", `[{"op":"remove","path":"/cancelationReason"},`+status("entered-in-error")[1:], 200)},
		{from: r4, scenario: get("and so is its Task", "/Task/fulfilment-{b}", map[string]string{"status": "entered-in-error"})},
		{from: gpCancel, scenario: free("all are free in the end", "4")},
	})
}

// TestNotice: a service may want to know of a cancellation some time before, whichever way it comes. GP Connect lets nobody cancel what has begun.
func TestNotice(t *testing.T) {
	h := openSurgery(t)
	tomorrow := appointment("booked", "n1", "2026-03-02T15:00:00Z", "2026-03-02T15:15:00Z")
	gone := appointment("cancelled", "n1", "2026-03-02T15:00:00Z", "2026-03-02T15:15:00Z", byPatient)
	status := func(code string) string { return `[{"op":"replace","path":"/status","value":"` + code + `"}]` }
	held := func(until string) string {
		return `[{"op":"add","path":"/extension","value":[` + heldTo(until) + `]},` + status("pending")[1:]
	}
	h.tell(t, []row{
		{from: ours, scenario: put("27 hours before", "a", tomorrow, 201)},
		{from: ours, scenario: put("it can be cancelled", "a", gone, 200)},
		{from: ours, scenario: put("and booked again", "a", tomorrow, 200)},
	})
	h.sinceNoon.Store(int64(4 * time.Hour))
	h.tell(t, []row{
		{from: ours, scenario: refused(put("23 hours before it cannot", "a", gone, 422), "business-rule", "notice")},
		{from: ours, scenario: refused(patch("by no patch", "a", cancelling(byPatient), 422), "business-rule", "notice")},
		{from: ours, scenario: refused(scenario{name: "nor by being deleted", method: "DELETE", path: "/Appointment/a", status: 422}, "business-rule", "notice")},
		{from: ours, scenario: refused(patch("nobody failed to come yet", "a", status("noshow"), 422), "business-rule", "It has not begun", "Appointment.status")},
		{from: ours, scenario: refused(patch("nor was it done", "a", status("fulfilled"), 422), "business-rule", "It has not begun", "Appointment.status")},
		{from: ours, scenario: refused(patch("it is not given back to be held", "a", held("2026-03-01T16:00:02Z"), 422), "business-rule", "pending again", "notice")},
		{from: ours, scenario: refused(patch("nor to be pending", "a", status("pending"), 422), "business-rule", "pending again", "notice")},
		{from: ours, scenario: isHeld("n1", "busy", "a")},
		{from: ours, scenario: patch("a comment is no cancellation", "a", `[{"op":"add","path":"/comment","value":"On my way."}]`, 200)},
		{from: ours, scenario: patch("but the provider may cancel", "a", cancelling(byProvider), 200)},
		{from: ours, scenario: isFree("n1")},
		{from: ours, scenario: put("booked again", "a", tomorrow, 200)},
	})
	h.sinceNoon.Store(int64(28 * time.Hour))
	h.tell(t, []row{
		{from: gpCancel, scenario: refused(put("it has begun", "a", gone, 422), "business-rule", "notice")},
		{from: gpBook, scenario: refused(post("and can be booked by nobody else", tomorrow, 422), "business-rule", "began")},
		{from: r4, scenario: patch("nobody came", "a", `[{"op":"replace","path":"/status","value":"noshow"}]`, 200)},
		{from: gpBook, scenario: refused(post("and now it is late", tomorrow, 422), "business-rule", "began")},
	})
}

// heldTo is the extension by which a pending appointment is held until then.
func heldTo(until string) string {
	return `{"url":"` + fhir.OwnURL + `StructureDefinition/hold-until","valueInstant":"` + until + `"}`
}

// TestHoldingForLong: a client may hold as long as the server does at the most; what is pending without an end may be so for ever.
func TestHoldingForLong(t *testing.T) {
	h := openSurgery(t)
	held := func(until string) string {
		return appointment("pending", "m1", nine, quarter, `"extension":[`+heldTo(until)+`]`)
	}
	noted := strings.Replace(held("2026-03-02T12:00:00Z"), `"status"`, `"comment":"Still thinking.","status"`, 1)
	h.tell(t, []row{
		{from: ours, scenario: refused(put("for years", "a", held("2030-01-01T00:00:00Z"), 422), "business-rule", "Appointment.extension", "2026-03-02T12:00:00Z")},
		{from: ours, scenario: isFree("m1")},
		{from: ours, scenario: put("for a day", "a", held("2026-03-02T12:00:00Z"), 201)},
		{from: ours, scenario: put("with a comment, and as long as before", "a", noted, 200)},
		{from: ours, scenario: refused(patch("for longer", "a", `[{"op":"replace","path":"/extension/0/valueInstant","value":"2026-03-02T12:00:01Z"}]`, 422), "business-rule", "1 day")},
		{from: ours, scenario: patch("who holds may leave", "a", `[{"op":"replace","path":"/status","value":"cancelled"}]`, 200)},
		{from: r4, scenario: put("pending without an end", "b", appointment("pending", "m1", nine, quarter), 201)},
		{from: ours, scenario: isHeld("m1", "busy-tentative", "b")},
	})
}

// TestMinutes: an appointment may take less than its slots, and not more (https://hl7.org/fhir/R4/appointment-definitions.html#Appointment.minutesDuration).
func TestMinutes(t *testing.T) {
	openSurgery(t).tell(t, []row{
		{from: r4, scenario: refused(post("more than its slot", appointment("booked", "m1", nine, quarter, `"minutesDuration":16`), 422), "business-rule", "Appointment.minutesDuration")},
		{from: r4, scenario: put("less than its slot", "a", appointment("booked", "m1", nine, quarter, `"minutesDuration":10`), 201)},
		{from: r4, scenario: patch("as much", "a", `[{"op":"replace","path":"/minutesDuration","value":15}]`, 200)},
		{from: r4, scenario: refused(patch("more, afterwards", "a", `[{"op":"replace","path":"/minutesDuration","value":60}]`, 422), "business-rule", "Appointment.minutesDuration")},
		{from: r4, scenario: refused(scenario{name: "the Task stays that of the appointment", method: "PATCH", path: "/Task/fulfilment-a", status: 422,
			body: `[{"op":"remove","path":"/focus"}]`, header: map[string]string{"Content-Type": "application/json-patch+json"}}, "business-rule", "Task.focus")},
	})
}

// TestBookingTwice: who repeats a request that was lost gets the same appointment, and of two requests in one Bundle one has the slot.
func TestBookingTwice(t *testing.T) {
	h := openSurgery(t)
	const number = `"identifier":[{"system":"https://example.org/bookings","value":"7"}]`
	booking := appointment("booked", "m1", nine, quarter, number)
	once := func(name, body string, status int) scenario {
		sc := post(name, body, status)
		sc.header = map[string]string{"If-None-Exist": "identifier=https://example.org/bookings%7C7"}
		return sc
	}
	first := appointment("booked", "m2", quarter, half)
	h.tell(t, []row{
		{from: r4, keep: "a", scenario: once("once", booking, 201)},
		{from: r4, scenario: func() scenario {
			sc := once("again", booking, 200)
			sc.paths = map[string]string{"id": "{a}", "meta.versionId": "1", "slot[0].reference": "Slot/m1"}
			return sc
		}()},
		{from: r4, scenario: isHeld("m1", "busy", "{a}")},
		{from: r4, scenario: scenario{name: "a batch with two bookings of one slot", method: "POST", path: "", status: 200,
			body: bundleOf("batch", entry("POST", "Appointment", first), entry("POST", "Appointment", first)),
			paths: map[string]string{"entry[0].response.status": "201 Created", "entry[1].response.status": "409 Conflict",
				"entry[1].response.outcome.issue[0].code": "conflict"}}},
		{from: r4, scenario: get("one has it", "/Appointment?slot=Slot/m2", map[string]string{"total": "1"})},
	})
}

// TestBookingInTransactions: what is booked together is booked whole or not at all.
func TestBookingInTransactions(t *testing.T) {
	h := openSurgery(t).transacting(t)
	first := appointment("booked", "m1", nine, quarter)
	whole := func(name string, status int, entries ...string) scenario {
		return scenario{name: name, method: "POST", path: "", status: status, body: bundleOf("transaction", entries...)}
	}
	forNew := strings.Replace(first, "Patient/pat", elmName, 1)
	h.tell(t, []row{
		{from: r4, scenario: refused(whole("two bookings of one slot", 409, entry("POST", "Appointment", first), entry("POST", "Appointment", first)), "conflict", "Slot/m1")},
		{from: r4, scenario: isFree("m1")},
		{from: r4, scenario: refused(whole("one of two that cannot be", 422,
			entry("POST", "Appointment", first), entry("POST", "Appointment", appointment("booked", "past", "2026-03-01T11:00:00Z", "2026-03-01T11:15:00Z"))), "business-rule", "Bundle.entry[1]")},
		{from: r4, scenario: isFree("m1")},
		{from: bars, scenario: whole("a patient who is not known yet, and the booking", 200, named(elmName, entry("POST", "Patient", newPatient("Elm"))), entry("PUT", "Appointment/a", withID("a", forNew)))},
		{from: bars, scenario: isHeld("m1", "busy", "a")},
		{from: bars, scenario: get("it is that patient's", "/Appointment?patient.family=elm", map[string]string{"total": "1", "entry[0].resource.id": "a"})},
		{from: r4, scenario: whole("one goes, another comes", 200,
			entry("PUT", "Appointment/a", withID("a", appointment("cancelled", "m1", nine, quarter, byPatient))), entry("PUT", "Appointment/b", withID("b", first)))},
		{from: r4, scenario: isHeld("m1", "busy", "b")},
		{from: r4, scenario: whole("a slot with its booking", 200,
			entry("PUT", "Slot/new", `{"resourceType":"Slot","id":"new",`+freeSlot("ash", "2026-03-02T16:00:00Z", "2026-03-02T16:15:00Z")+`}`),
			entry("PUT", "Appointment/c", withID("c", appointment("booked", "new", "2026-03-02T16:00:00Z", "2026-03-02T16:15:00Z"))))},
		{from: r4, scenario: isHeld("new", "busy", "c")},
	})
}

// TestHeldSlots: a slot that an appointment holds says what the appointment says, whoever writes it. What else it says may change.
func TestHeldSlots(t *testing.T) {
	h := openSurgery(t)
	slot := func(body, more string) string { return `{"resourceType":"Slot","id":"m1",` + more + body + `}` }
	held := `"extension":[{"url":"` + fhir.OwnURL + `StructureDefinition/slot-appointment","valueReference":{"reference":"Appointment/a"}}],`
	m1 := freeSlot("ash", nine, quarter)
	busy := strings.Replace(m1, `"free"`, `"busy"`, 1)
	write := func(name, body string, status int) scenario {
		return scenario{name: name, method: "PUT", path: "/Slot/m1", body: body, status: status}
	}
	h.tell(t, []row{
		{from: ours, scenario: refused(write("free, and taken", slot(m1, held), 422), "business-rule", "A free Slot names no appointment", "Slot.extension[0]")},
		{from: ours, scenario: put("booked", "a", appointment("booked", "m1", nine, quarter), 201)},
		{from: ours, scenario: refused(write("freed by hand", slot(m1, ""), 409), "conflict", "Appointment/a")},
		{from: ours, scenario: refused(write("freed by hand, with its holder", slot(m1, held), 422), "business-rule", "A free Slot names no appointment", "Appointment/a", "Slot.extension[0]")},
		{from: ours, scenario: refused(write("given to another", slot(busy, strings.Replace(held, "Appointment/a", "Appointment/b", 1)), 409), "conflict", "Slot.extension")},
		{from: ours, scenario: refused(write("moved", slot(strings.Replace(busy, nine, "2026-03-02T08:55:00Z", 1), held), 409), "conflict", "Slot.start")},
		{from: ours, scenario: refused(scenario{name: "deleted", method: "DELETE", path: "/Slot/m1", status: 409}, "conflict", "Appointment/a")},
		{from: ours, scenario: isHeld("m1", "busy", "a")},
		{from: ours, scenario: write("with a comment", slot(busy, held+`"comment":"Room 3",`), 200)},
		{from: ours, scenario: isHeld("m1", "busy", "a")},
		{from: ours, scenario: put("cancelled", "a", appointment("cancelled", "m1", nine, quarter), 200)},
		{from: ours, scenario: get("the comment stays", "/Slot/m1", map[string]string{"status": "free", "comment": "Room 3"})},
		{from: ours, scenario: scenario{name: "now it can be deleted", method: "DELETE", path: "/Slot/m1", status: 200}},
		{from: ours, scenario: refused(put("and is not there to be booked", "a", appointment("booked", "m1", nine, quarter), 422), "business-rule", "There is no Slot/m1")},
	})
}

// TestMigrating: slots and appointments of another system are loaded one after the other, also what has begun meanwhile. A slot that names its appointment is kept
// for it, and nothing is booked anew.
func TestMigrating(t *testing.T) {
	h := openSurgery(t)
	kept := func(id, holder, status, start, end string) scenario {
		body := `{"resourceType":"Slot","id":"` + id + `","extension":[{"url":"` + fhir.OwnURL + `StructureDefinition/slot-appointment","valueReference":{"reference":"Appointment/` + holder + `"}}],` +
			strings.Replace(freeSlot("begum", start, end), `"free"`, `"`+status+`"`, 1) + `}`
		return scenario{name: "Slot/" + id + " for " + holder, method: "PUT", path: "/Slot/" + id, body: body}
	}
	with := func(sc scenario, status int) scenario { sc.status = status; return sc }
	const eleven, later = "2026-03-01T11:00:00Z", "2026-03-01T11:30:00Z"
	begun := appointment("booked", "k1", eleven, later)
	h.tell(t, []row{
		{from: ours, scenario: with(kept("k1", "moved-1", "busy", eleven, later), 201)},
		{from: ours, scenario: with(kept("k2", "moved-2", "busy-tentative", "2026-03-01T12:30:00Z", "2026-03-01T12:45:00Z"), 201)}, // within the lead time
		{from: ours, scenario: with(kept("k3", "moved-3", "busy", "2026-03-02T16:00:00Z", "2026-03-02T16:15:00Z"), 201)},
		{from: ours, scenario: refused(put("one is nobody else's", "other", appointment("booked", "k3", "2026-03-02T16:00:00Z", "2026-03-02T16:15:00Z"), 409), "conflict", "moved-3")},
		{from: ours, scenario: put("its own, which began an hour ago", "moved-1", begun, 201)},
		{from: ours, scenario: put("its own, which begins soon", "moved-2", appointment("pending", "k2", "2026-03-01T12:30:00Z", "2026-03-01T12:45:00Z"), 201)},
		{from: ours, scenario: isHeld("k1", "busy", "moved-1")},
		{from: ours, scenario: isHeld("k2", "busy-tentative", "moved-2")},
		// All over again.
		{from: ours, scenario: with(kept("k1", "moved-1", "busy", eleven, later), 200)},
		{from: ours, scenario: with(kept("k2", "moved-2", "busy-tentative", "2026-03-01T12:30:00Z", "2026-03-01T12:45:00Z"), 200)},
		{from: ours, scenario: put("the appointment again", "moved-1", begun, 200)},
		{from: ours, scenario: isHeld("k1", "busy", "moved-1")},
		{from: ours, scenario: put("what was, was not booked late", "was", appointment("fulfilled", "past", eleven, "2026-03-01T11:15:00Z"), 201)},
		{from: ours, scenario: put("nor was who arrived", "arrived", appointment("arrived", "past", eleven, "2026-03-01T11:15:00Z"), 201)},
		{from: ours, scenario: isHeld("past", "busy", "arrived")},
	})
}

// TestBookingScopes: who may write Appointments may book. The server changes Slot and Task for them.
func TestBookingScopes(t *testing.T) {
	h := open(t, func(f *rest.Face) {
		f.Authenticate = func(r *http.Request, _ http.Header) (fhir.Principal, error) {
			scopes := fhir.Unlimited()
			if text := r.Header.Get("Scopes"); text != "" {
				typ, letters, _ := strings.Cut(text, ".")
				scopes = fhir.Scopes{typ: permissions(letters)}
			}
			return fhir.Principal{Partition: "demo/test", Scopes: scopes}, nil
		}
	})
	h.store(t, surgery...)
	as := func(scopes string, sc scenario) scenario {
		sc.header = map[string]string{"Scopes": scopes, "Content-Type": "application/fhir+json"}
		if sc.method == http.MethodPatch {
			sc.header["Content-Type"] = "application/json-patch+json"
		}
		return sc
	}
	h.tell(t, []row{
		{from: ours, keep: "a", scenario: as("Appointment.c", post("create alone books", appointment("booked", "m1", nine, quarter), 201))},
		{from: ours, scenario: isHeld("m1", "busy", "{a}")},
		{from: ours, scenario: get("and has it fulfilled", "/Task/fulfilment-{a}", map[string]string{"status": "requested"})},
		{from: ours, scenario: as("Appointment.c", refused(post("and is told of a slot that is taken", appointment("booked", "m1", nine, quarter), 409), "conflict"))},
		{from: ours, scenario: as("Appointment.rs", refused(post("who reads books nothing", appointment("booked", "m2", quarter, half), 403), "forbidden"))},
		{from: ours, scenario: as("Slot.cruds", refused(post("nor does who keeps the slots", appointment("booked", "m2", quarter, half), 403), "forbidden"))},
		{from: ours, scenario: as("Appointment.c", refused(patch("create alone cancels nothing", "{a}", cancelling(byPatient), 403), "forbidden"))},
		{from: ours, scenario: isHeld("m1", "busy", "{a}")},
		{from: ours, scenario: as("Appointment.u", patch("update alone cancels", "{a}", cancelling(byPatient), 200))},
		{from: ours, scenario: isFree("m1")},
	})
}
