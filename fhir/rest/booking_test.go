package rest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/booking"
)

// The operations are asked on the eve of a day with four slots of half an hour, s1 to s4 from nine o'clock on, of one practitioner.
const (
	at9, at930, at10 = "2026-03-02T09:00:00Z", "2026-03-02T09:30:00Z", "2026-03-02T10:00:00Z"
	at1030, at11     = "2026-03-02T10:30:00Z", "2026-03-02T11:00:00Z"
	endOfHold        = "2026-03-01T12:10:00.000000Z" // of what is held at noon
)

// openDay starts a server with that day.
func openDay(t *testing.T) house {
	t.Helper()
	h := open(t)
	h.fillDay(t)
	return h
}

// fillDay puts the day, and whom it is about, into a server.
func (h house) fillDay(t *testing.T) {
	t.Helper()
	h.put(t, "p", "Ash")
	h.putText(t, `{"resourceType":"Practitioner","id":"d","name":[{"family":"Elder"}]}`)
	h.putText(t, `{"resourceType":"Schedule","id":"c","actor":[{"reference":"Practitioner/d"}]}`)
	for i := range 4 {
		from := time.Date(2026, 3, 2, 9, 30*i, 0, 0, time.UTC)
		h.putText(t, fmt.Sprintf(`{"resourceType":"Slot","id":"s%d","schedule":{"reference":"Schedule/c"},"status":"free","start":%q,"end":%q}`, i+1, from.Format(time.RFC3339), from.Add(30*time.Minute).Format(time.RFC3339)))
	}
}

// putText puts a resource under its id.
func (h house) putText(t testing.TB, text string) {
	t.Helper()
	r, err := fhir.ParseResource([]byte(text))
	must(t, err)
	if got, body := h.send(t, scenario{method: "PUT", path: "/" + r.Key().String(), body: text}); got.status > 201 {
		t.Fatalf("%s: %d %s", r.Key(), got.status, body)
	}
}

// visit is an Appointment of the patient and the practitioner, in a slot.
func visit(id, status, slot, start, end string) string {
	if id != "" {
		id = fmt.Sprintf(`"id":%q,`, id)
	}
	return fmt.Sprintf(`{"resourceType":"Appointment",%s"status":%q,"start":%q,"end":%q,"slot":[{"reference":"Slot/%s"}],"participant":[{"actor":{"reference":"Patient/p"},"status":"accepted"},{"actor":{"reference":"Practitioner/d"},"status":"needs-action"}]}`,
		id, status, start, end, slot)
}

// first is a visit in the first slot.
func first(id, status string) string { return visit(id, status, "s1", at9, at930) }

// sent is a parameter with an Appointment.
func sent(appointment string) string {
	return `{"name":"appointment-resource","resource":` + appointment + `}`
}

// operation is a scenario of $hold or $book of one parameter, which is answered 200 unless it says otherwise.
func operation(name, operation, parameter string, paths map[string]string) scenario {
	return scenario{name: name, method: "POST", path: "/Appointment/$" + operation, body: parameters(parameter), status: 200, paths: paths}
}

// What the answers to the operations have in common.
const (
	shown  = "entry[0].resource."                          // the Appointment
	said   = "entry[1].resource.issue[0]."                 // what there is to say beside it
	alone  = "entry[0].resource.issue[0]."                 // what there is to say where there is no Appointment
	heldAt = "entry[0].resource.extension[0].valueInstant" // until when it is held
	status = "entry[0].resource.status"                    //
	mode   = "entry[0].search.mode"                        //
	total  = "total"                                       //
)

// is is a scenario that reads the status of a resource.
func is(key, want string) scenario {
	return scenario{name: key + " is " + want, path: "/" + key, status: 200, paths: map[string]string{"status": want}}
}

// ask is a reference to an Appointment.
func ask(id string) string { return to(theReference, "Appointment/"+id) }

// pass lets time go by.
func (h house) pass(d time.Duration) { h.sinceNoon.Add(int64(d)) }

func TestHold(t *testing.T) {
	h := openDay(t)
	h.putText(t, first("a", "proposed"))
	h.putText(t, first("b", "proposed"))
	h.play(t, []scenario{
		operation("a", "hold", ask("a"), map[string]string{total: "1", "type": "searchset", mode: "match", "entry[0].fullUrl": base + "/Appointment/a", status: "pending", shown + "meta.versionId": "2", heldAt: endOfHold, "entry[#]": "1", "link[0].url": base + "/Appointment/$hold"}),
		is("Slot/s1", "busy-tentative"),
		operation("b, whose time is held", "hold", ask("b"), map[string]string{total: "0", "entry[#]": "1", mode: "outcome", alone + "severity": "fatal", alone + "code": "not-found", "entry[0].resource.issue[1].code": "conflict"}),
		operation("booking it", "book", ask("b"), map[string]string{total: "0", "entry[#]": "1", mode: "outcome", alone + "severity": "error", alone + "code": "conflict"}),
		operation("booking another one in its time", "book", sent(first("", "pending")), map[string]string{total: "0", alone + "code": "conflict", alone + "expression[0]": "Parameters.parameter[0].resource.slot[0]"}),
		is("Appointment/b", "proposed"),
		{name: "a plain create in its time", method: "POST", path: "/Appointment", body: first("", "booked"), status: 409, paths: map[string]string{"issue[0].code": "conflict"}},
	})
	h.pass(5 * time.Minute)
	h.play(t, []scenario{
		operation("a again, which is not lengthened", "hold", ask("a"), map[string]string{total: "1", status: "pending", shown + "meta.versionId": "2", heldAt: endOfHold, said + "severity": "information", said + "code": "informational"}),
	})
	h.pass(5 * time.Minute)
	h.play(t, []scenario{
		operation("b, when the hold of a has ended", "hold", ask("b"), map[string]string{total: "1", status: "pending", heldAt: "2026-03-01T12:20:00.000000Z"}),
		operation("booking a, which has lapsed", "book", ask("a"), map[string]string{total: "0", "entry[#]": "1", alone + "code": "conflict"}),
		operation("holding it", "hold", ask("a"), map[string]string{total: "1", status: "cancelled", "entry[1].search.mode": "outcome", said + "severity": "fatal", said + "code": "not-found"}),
		is("Appointment/a", "cancelled"),
		is("Slot/s1", "busy-tentative"),
		operation("booking b", "book", ask("b"), map[string]string{total: "1", status: "booked", "entry[0].resource.extension": "", "entry[#]": "1"}),
		is("Slot/s1", "busy"),
		operation("holding what is booked", "hold", ask("b"), map[string]string{total: "0", "entry[#]": "1", alone + "severity": "fatal"}),
	})
	h.pass(time.Hour)
	h.play(t, []scenario{is("Appointment/b", "booked"), operation("booking it once more", "book", ask("b"), map[string]string{status: "booked", shown + "meta.versionId": "3", said + "severity": "information"})})
}

func TestBook(t *testing.T) {
	h := openDay(t)
	h.play(t, []scenario{
		operation("new", "book", sent(first("", "pending")), map[string]string{total: "1", status: "booked", shown + "id": "new1", "entry[0].fullUrl": base + "/Appointment/new1", "entry[#]": "1", shown + "participant[1].status": "needs-action"}),
		is("Slot/s1", "busy"),
		operation("new, and booked already", "book", sent(visit("", "booked", "s2", at930, at10)), map[string]string{total: "0", alone + "code": "business-rule", alone + "expression[0]": "Parameters.parameter[0].resource.status"}),
		operation("new, with an id of the client's", "book", sent(visit("mine", "pending", "s2", at930, at10)), map[string]string{total: "1", status: "booked", shown + "id": "mine", shown + "meta.versionId": "1"}),
		operation("the same again, as after a lost answer", "book", sent(visit("mine", "pending", "s2", at930, at10)), map[string]string{total: "1", status: "booked", shown + "id": "mine"}),
		operation("in a time that is taken", "book", sent(first("wrong", "pending")), map[string]string{total: "0", alone + "code": "conflict"}),
		operation("a time that the slot does not have", "book", sent(visit("wrong", "pending", "s3", at9, at930)), map[string]string{total: "0", alone + "code": "business-rule", alone + "severity": "error"}),
		operation("a slot that is not there", "book", sent(visit("wrong", "pending", "s9", at9, at930)), map[string]string{total: "0", alone + "code": "business-rule"}),
		{name: "nothing of it stays", path: "/Appointment/wrong", status: 404},

		operation("moved to another slot", "book", sent(visit("mine", "booked", "s3", at10, at1030)), map[string]string{total: "1", status: "booked", shown + "start": at10}),
		is("Slot/s2", "free"), is("Slot/s3", "busy"),
		operation("moved to one that is taken", "book", sent(first("mine", "booked")), map[string]string{total: "0", "entry[#]": "1", alone + "code": "conflict"}),
		is("Slot/s3", "busy"),
		{name: "by a version that is not current", method: "POST", path: "/Appointment/$book", header: map[string]string{"If-Match": `W/"1"`}, body: parameters(sent(visit("mine", "booked", "s4", at1030, at11))), status: 412, paths: map[string]string{"issue[0].code": "conflict"}},
		{name: "of what is not there, by a version", method: "POST", path: "/Appointment/$book", header: map[string]string{"If-Match": `W/"1"`}, body: parameters(sent(visit("none", "pending", "s4", at1030, at11))), status: 412},
		operation("fulfilled", "book", sent(visit("mine", "fulfilled", "s3", at10, at1030)), map[string]string{total: "0", alone + "code": "business-rule"}),
		operation("cancelled", "book", sent(strings.Replace(visit("mine", "cancelled", "s3", at10, at1030), `"start"`, `"cancelationReason":{"coding":[{"code":"pat"}]},"start"`, 1)),
			map[string]string{total: "1", status: "cancelled", shown + "cancelationReason.coding[0].code": "pat", "entry[#]": "1"}),
		is("Slot/s3", "free"),
		operation("cancelled again", "book", sent(visit("mine", "cancelled", "s3", at10, at1030)), map[string]string{total: "1", status: "cancelled", said + "severity": "information"}),
		operation("booked after that", "book", ask("mine"), map[string]string{total: "0", alone + "code": "conflict"}),
		operation("changed after that", "book", sent(visit("mine", "booked", "s3", at10, at1030)), map[string]string{total: "0", alone + "code": "conflict"}),

		{name: "in a batch, and in version 2 without If-Match", method: "POST", header: map[string]string{"HC-API-Version": "2"}, status: 200,
			body:  `{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + parameters(sent(visit("new1", "cancelled", "s1", at9, at930))) + `,"request":{"method":"POST","url":"Appointment/$book"}}]}`,
			paths: map[string]string{"entry[0].response.status": "200 OK", "entry[0].resource.entry[0].resource.status": "cancelled"}},
		is("Slot/s1", "free"),
	})
}

// What is stored without a time cannot be held or booked. The request that refers to it is right, so it is rejected, as the profile has it.
func TestBookingWhatHasNoTime(t *testing.T) {
	h := openDay(t)
	const body = `{"resourceType":"Appointment","id":"%s","status":"%[1]s","participant":[{"actor":{"reference":"Patient/p"},"status":"accepted"}]}`
	h.putText(t, fmt.Sprintf(body, "proposed"))
	h.putText(t, fmt.Sprintf(body, "waitlist"))
	for _, id := range []string{"proposed", "waitlist"} {
		h.play(t, []scenario{
			operation(id+" held", "hold", ask(id), map[string]string{total: "0", "entry[#]": "1", mode: "outcome", alone + "severity": "fatal", alone + "code": "not-found"}),
			operation(id+" booked", "book", ask(id), map[string]string{total: "0", "entry[#]": "1", mode: "outcome", alone + "severity": "error"}),
			is("Appointment/"+id, id),
		})
	}
	h.play(t, []scenario{{name: "sent without", method: "POST", path: "/Appointment/$book", body: parameters(sent(fmt.Sprintf(body, "pending"))), status: 422, paths: map[string]string{"resourceType": "OperationOutcome"}}})
}

// Slots are given up by nobody who leaves them out.
func TestBookWithoutTheSlots(t *testing.T) {
	h := openDay(t)
	h.putText(t, first("a", "booked"))
	h.putText(t, visit("b", "proposed", "s2", at930, at10))
	without := func(text, slot string) string {
		return sent(strings.Replace(text, `"slot":[{"reference":"Slot/`+slot+`"}],`, "", 1))
	}
	rejected := map[string]string{total: "0", "entry[#]": "1", alone + "code": "business-rule", alone + "expression[0]": "Parameters.parameter[0].resource.slot"}
	h.play(t, []scenario{
		operation("booked", "book", without(first("a", "booked"), "s1"), rejected),
		operation("at another time", "book", without(visit("a", "booked", "s1", at10, at1030), "s1"), rejected),
		operation("arrived", "book", without(first("a", "arrived"), "s1"), rejected),
		operation("what is not booked yet", "book", without(visit("b", "pending", "s2", at930, at10), "s2"), rejected),
		is("Slot/s1", "busy"),
		operation("moved", "book", sent(visit("a", "booked", "s3", at10, at1030)), map[string]string{total: "1", status: "booked"}),
		is("Slot/s1", "free"), is("Slot/s3", "busy"),
		operation("cancelled", "book", without(visit("a", "cancelled", "s3", at10, at1030), "s3"), map[string]string{total: "1", status: "cancelled"}),
		is("Slot/s3", "free"),
	})
}

// On record is for whom it was that an appointment could not be had, whichever way it was asked for.
func TestRejectedBookingsNameThePatient(t *testing.T) {
	h, j := openScoped(t)
	h.fillDay(t)
	h.putText(t, first("a", "booked"))
	h.putText(t, first("b", "proposed"))
	found := h.find(t)
	for _, sc := range []scenario{
		operation("held", "hold", ask("b"), nil), operation("booked", "book", ask("b"), nil), operation("sent", "book", sent(first("", "pending")), nil), operation("sent in its place", "book", sent(first("b", "pending")), nil),
		operation("proposed, held", "hold", ask(found), nil), operation("proposed, booked", "book", ask(found), nil),
	} {
		if strings.HasPrefix(sc.name, "proposed") {
			h.putText(t, visit("c", "booked", "s2", at930, at10))
		}
		j.take()
		h.play(t, []scenario{sc})
		if events := j.all(); len(events) != 1 || events[0].Outcome != audit.Refused || !slices.Equal(events[0].Patients, []string{"p"}) {
			t.Errorf("%s: %+v", sc.name, events)
		}
	}
}

// find is the id of the soonest time that is proposed to the patient.
func (h house) find(t *testing.T) string {
	t.Helper()
	got, body := h.send(t, looking("", "?_count=1", nil))
	tree, err := fhir.ParseJSON(body)
	if err != nil || got.status != 200 {
		t.Fatalf("%d: %s", got.status, body)
	}
	return at(tree, shown+"id")
}

func TestBookCancelsWhatIsHeld(t *testing.T) {
	h := openDay(t)
	h.putText(t, first("a", "proposed"))
	h.play(t, []scenario{
		operation("held", "hold", ask("a"), map[string]string{status: "pending"}),
		operation("cancelled", "book", sent(first("a", "cancelled")), map[string]string{total: "1", status: "cancelled"}),
		is("Slot/s1", "free"),
		operation("held again", "hold", ask("a"), map[string]string{total: "1", status: "cancelled", said + "severity": "fatal"}),
		is("Slot/s1", "free"),
	})
}

// A hold ends where the setting says, and the answer of every operation is valid R4.
func TestHoldTime(t *testing.T) {
	h := openDay(t)
	h.face.Engine.HoldTime = time.Minute
	h.putText(t, first("a", "proposed"))
	for _, sc := range []scenario{
		operation("held", "hold", ask("a"), map[string]string{heldAt: "2026-03-01T12:01:00.000000Z"}),
		operation("again", "hold", ask("a"), nil),
		operation("rejected", "book", sent(first("", "pending")), nil),
		operation("booked", "book", ask("a"), nil),
	} {
		got, body := h.send(t, sc)
		sc.check(t, got, body)
		checkValid(t, body)
		for name, want := range map[string]string{"Cache-Control": "no-store", "Content-Type": "application/fhir+json; charset=utf-8", "HC-API-Version": "1"} {
			if value := got.header.Get(name); value != want {
				t.Errorf("%s: %s: %q", sc.name, name, value)
			}
		}
	}
	v, err := h.face.Engine.Store.Read(t.Context(), "demo/test", fhir.Key{Type: "Appointment", ID: "a"})
	must(t, err)
	r, err := fhir.ParseResource(v.Body)
	must(t, err)
	if a := booking.AppointmentOf(base, r); a.HoldUntil != 0 || a.Status != "booked" {
		t.Errorf("booked is %+v", a)
	}
}

// A client is shown what it may read, and on record is what it did: once, with the store telling of what is written.
func TestBookingShowsWhoMayRead(t *testing.T) {
	h, j := openScoped(t)
	h.fillDay(t)
	h.putText(t, first("a", "proposed"))
	j.take()
	var may fhir.Permission
	h.face.Authenticate = func(*http.Request, http.Header) (fhir.Principal, error) {
		return fhir.Principal{Partition: "demo/test", Scopes: fhir.Scopes{"Appointment": may}}, nil
	}
	for _, c := range []struct {
		may  string
		ask  scenario
		want []string
	}{
		{"c", operation("held without u", "hold", ask("a"), map[string]string{"issue[0].code": "forbidden"}), []string{"operation Appointment/a 0 by request-7: 4"}},
		{"cu", operation("held, and not to be read", "hold", ask("a"), map[string]string{total: "0", "entry[#]": "1", alone + "code": "suppressed", alone + "severity": "information"}), nil},
		{"cur", operation("held again", "hold", ask("a"), map[string]string{total: "1", status: "pending"}), []string{"operation Appointment/a 2 by request-7: 0"}},
		{"c", operation("booked without u", "book", ask("a"), map[string]string{"issue[0].code": "forbidden"}), []string{"operation Appointment/a 0 by request-7: 4"}},
		{"rs", operation("booked with neither", "book", ask("a"), map[string]string{"issue[0].code": "forbidden"}), []string{"operation Appointment/a 0 by request-7: 4"}},
		{"u", operation("booked", "book", ask("a"), map[string]string{total: "0", alone + "code": "suppressed"}), nil},
		{"cur", operation("no more to be held", "hold", ask("a"), map[string]string{total: "0", alone + "severity": "fatal"}), []string{"operation Appointment/a 0 by request-7: 4"}},
		{"u", operation("made without c", "book", sent(first("", "pending")), map[string]string{"issue[0].code": "forbidden"}), []string{"operation Appointment/ 0 by request-7: 4"}},
		{"c", operation("what is not there", "hold", ask("none"), nil), []string{"operation Appointment/none 0 by request-7: 4"}},
		{"c", operation("malformed", "hold", ask("!"), nil), []string{"operation Appointment/ 0 by request-7: 4"}},
	} {
		may = permissions(c.may)
		switch {
		case c.ask.paths["issue[0].code"] == "forbidden":
			c.ask.status = 403
		case c.ask.name == "malformed":
			c.ask.status = 400
		case c.ask.name == "what is not there":
			c.ask.status = 404
		}
		c.ask.header = map[string]string{"X-Request-Id": "request-7"}
		h.play(t, []scenario{c.ask})
		if diff := cmp.Diff(c.want, j.take()); diff != "" {
			t.Errorf("%s: %s", c.ask.name, diff)
		}
	}
}

// Of those that hold or book one appointment at once, all are told the same, and it is done once; of those that want one slot, one gets it.
func TestBookingAtOnce(t *testing.T) {
	const many = 8
	h := openDay(t)
	h.putText(t, first("a", "proposed"))
	atOnce := func(sc func(i int) scenario) (bodies []string) {
		var group sync.WaitGroup
		bodies = make([]string, many)
		for i := range many {
			group.Go(func() {
				if got, body := h.send(t, sc(i)); got.status != http.StatusOK {
					t.Errorf("%d: %s", got.status, body)
				} else {
					tree, _ := fhir.ParseJSON(body)
					bodies[i] = at(tree, status) + at(tree, shown+"meta.versionId")
				}
			})
		}
		group.Wait()
		return bodies
	}
	same := func(want string) []string { return slices.Repeat([]string{want}, many) }
	if diff := cmp.Diff(same("pending2"), atOnce(func(int) scenario { return operation("", "hold", ask("a"), nil) })); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(same("booked3"), atOnce(func(int) scenario { return operation("", "book", ask("a"), nil) })); diff != "" {
		t.Error(diff)
	}
	got := atOnce(func(i int) scenario {
		return operation("", "book", sent(visit(fmt.Sprint("v", i), "pending", "s2", at930, at10)), nil)
	})
	slices.Sort(got)
	if want := append(make([]string, many-1), "booked1"); !slices.Equal(got, want) {
		t.Errorf("one slot is booked by %q", got)
	}
}
