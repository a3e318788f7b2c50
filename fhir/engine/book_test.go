package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/engine"
)

// bookable are the types that bookings are about.
var bookable = []string{"Appointment", "HealthcareService", "Patient", "Schedule", "Slot", "Task"}

// newCalendar is an engine with Schedules and Slots. Its clock stands at noon of 1 March 2026. Unless it is said, slots are of 2 March.
//
//	ann, of Practitioner/ann:      s1 09:00-09:30, s2 09:30-10:00, s3 10:00-10:30, past (1 March, 09:00-09:30), error (entered in error), busy (11:00-11:30, busy)
//	long, of Practitioner/ann too: l1 09:00-10:00, l2 10:00-11:00
//	bob, of Practitioner/bob:      b1 09:00-09:30
//	room, of Location/1:           r1 and r2, both 09:00-09:30
//	care, of HealthcareService/strict and Practitioner/cat: c1 09:00-09:30, c2 (5 March, 09:00-09:30). It takes a lead of 2 days, and a notice of 2 days.
func newCalendar(t testing.TB) *engine.Engine {
	t.Helper()
	e := newEngineOf(t, bookable...)
	fillCalendar(t, e, alice)
	return e
}

func fillCalendar(t testing.TB, e *engine.Engine, who fhir.Principal) {
	t.Helper()
	load := func(request, body string) {
		t.Helper()
		if _, err := e.Write(t.Context(), who, entry(t, request, body)); err != nil {
			t.Fatal(request, err)
		}
	}
	load("PUT HealthcareService/strict", `{"resourceType":"HealthcareService","id":"strict","extension":[
		{"url":"`+booking.NoticeURL+`","valueDuration":{"value":2,"system":"http://unitsofmeasure.org","code":"d"}},
		{"url":"`+booking.LeadTimeURL+`","valueDuration":{"value":2,"system":"http://unitsofmeasure.org","code":"d"}}]}`)
	load("PUT HealthcareService/easy", `{"resourceType":"HealthcareService","id":"easy"}`)
	for id, actors := range map[string][]string{
		"ann": {"Practitioner/ann", "Location/1"}, "long": {"Practitioner/ann"}, "bob": {"Practitioner/bob", "Location/1"}, "room": {"Location/1"},
		"care": {"HealthcareService/strict", "Practitioner/cat"},
	} {
		var list []string
		for _, actor := range actors {
			list = append(list, `{"reference":"`+actor+`"}`)
		}
		load("PUT Schedule/"+id, `{"resourceType":"Schedule","id":"`+id+`","actor":[`+strings.Join(list, ",")+`]}`)
	}
	for _, s := range []string{
		"s1 ann 02T09:00 02T09:30 free", "s2 ann 02T09:30 02T10:00 free", "s3 ann 02T10:00 02T10:30 free", "past ann 01T09:00 01T09:30 free",
		"error ann 02T12:00 02T12:30 entered-in-error", "busy ann 02T11:00 02T11:30 busy",
		"l1 long 02T09:00 02T10:00 free", "l2 long 02T10:00 02T11:00 free", "b1 bob 02T09:00 02T09:30 free",
		"r1 room 02T09:00 02T09:30 free", "r2 room 02T09:00 02T09:30 free", "c1 care 02T09:00 02T09:30 free", "c2 care 05T09:00 05T09:30 free",
	} {
		id, _, _ := strings.Cut(s, " ")
		load("PUT Slot/"+id, slotText(s))
	}
}

// slotText is a Slot: "id schedule start end status", and perhaps the appointment that it names.
func slotText(told string) string {
	f := append(strings.Fields(told), "")
	holder := ""
	if f[5] != "" {
		holder = `"extension":[{"url":"` + booking.HolderURL + `","valueReference":{"reference":"Appointment/` + f[5] + `"}}],`
	}
	return fmt.Sprintf(`{"resourceType":"Slot","id":%q,%s"schedule":{"reference":"Schedule/%s"},"status":%q,"start":"2026-03-%s:00Z","end":"2026-03-%s:00Z"}`, f[0], holder, f[1], f[4], f[2], f[3])
}

// appointmentText is an Appointment: "id status start end", and the slots that it names; services among them have a slash. Its id is "-" for none, and so are its times.
func appointmentText(told string) string {
	f := strings.Fields(told)
	id, times, slots, services := "", "", []string{}, ""
	if f[0] != "-" {
		id = `"id":"` + f[0] + `",`
	}
	if f[2] != "-" {
		times = fmt.Sprintf(`"start":"2026-03-%s:00Z","end":"2026-03-%s:00Z",`, f[2], f[3])
	}
	for _, name := range f[4:] {
		if strings.Contains(name, "/") {
			services += `,{"status":"accepted","actor":{"reference":"` + name + `"}}`
			continue
		}
		slots = append(slots, `{"reference":"Slot/`+name+`"}`)
	}
	named := ""
	if len(slots) > 0 {
		named = `"slot":[` + strings.Join(slots, ",") + `],`
	}
	return fmt.Sprintf(`{"resourceType":"Appointment",%s"status":%q,%s%s"participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}%s]}`, id, f[1], times, named, services)
}

// slotsNow tells what slots are not as they were when the calendar was new: "s1 busy a".
func slotsNow(t testing.TB, e *engine.Engine, who fhir.Principal) string {
	t.Helper()
	fresh := map[string]string{"busy": "busy", "error": "entered-in-error"}
	state := map[string]string{}
	page, err := e.Search(t.Context(), who, engine.SearchRequest{Type: "Slot", Query: "_count=1000"})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range page.Versions {
		r, err := fhir.ParseResource(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		s := booking.SlotOf("http://example.org/fhir", r)
		if now := strings.TrimSpace(s.Status + " " + s.Holder.ID); now != "free" && now != fresh[s.Key.ID] {
			state[s.Key.ID] = now
		}
	}
	var told []string
	for _, id := range slices.Sorted(maps.Keys(state)) {
		told = append(told, id+" "+state[id])
	}
	return strings.Join(told, ", ")
}

// written is a step of a scenario: changes that come at once, and what they are refused with: the kind, and the words.
type written struct {
	changes []string // "PUT Slot/s1 s1 ann 02T09:00 02T09:30 free": a request and what slotText, appointmentText or entry takes
	refused fhir.Kind
	words   string
}

// ok are changes that come at once, and are carried out.
func ok(changes ...string) written { return written{changes: changes} }

// refused is a change that is refused.
func refused(kind fhir.Kind, words string, changes ...string) written {
	return written{changes, kind, words}
}

// changeOf reads a change of a step.
func changeOf(t testing.TB, told string) engine.Change {
	t.Helper()
	f := strings.SplitN(told, " ", 3)
	request, body := f[0]+" "+f[1], ""
	if len(f) == 3 {
		switch body = f[2]; {
		case body[0] == '{', body[0] == '[':
		case strings.HasPrefix(f[1], "Slot"):
			body = slotText(body)
		default:
			body = appointmentText(body)
		}
	}
	return entry(t, request, body)
}

func (w written) carryOut(t *testing.T, e *engine.Engine) {
	t.Helper()
	var changes []engine.Change
	for _, told := range w.changes {
		changes = append(changes, changeOf(t, told))
	}
	var err error
	if len(changes) == 1 {
		_, err = e.Write(t.Context(), alice, changes[0])
	} else {
		_, err = e.Transact(t.Context(), alice, changes)
	}
	switch {
	case w.words == "" && err != nil:
		t.Fatalf("%v: %v", w.changes, err)
	case w.words != "" && (!errors.Is(err, w.refused) || !strings.Contains(fmt.Sprint(err), w.words)):
		t.Fatalf("%v: %v, want %v with %q", w.changes, err, w.refused, w.words)
	}
}

const (
	bookA    = "PUT Appointment/a a booked 02T09:00 02T09:30 s1"
	holdA    = "PUT Appointment/a a pending 02T09:00 02T09:30 s1"
	cancelA  = "PUT Appointment/a a cancelled 02T09:00 02T09:30 s1"
	heldByA  = "l1 busy-unavailable a, s1 busy a"
	setState = `[{"op":"replace","path":"/status","value":%q}]`
)

func patched(id, status string) string {
	return "PATCH Appointment/" + id + " " + fmt.Sprintf(setState, status)
}

// TestBooking: what becomes of the slots when appointments are written, whatever way they come in.
func TestBooking(t *testing.T) {
	playBookings(t, []bookingScenario{
		{"a booking takes the slot, and what overlaps with it", []written{ok(bookA)}, heldByA},
		{"so does a create", []written{ok("POST Appointment - booked 02T09:00 02T09:30 b1"), refused(fhir.Conflict, "Slot/b1 is taken, by Appointment/", "POST Appointment - booked 02T09:00 02T09:30 b1"), ok("DELETE Appointment?status=booked")}, ""},
		{"a pending one holds it", []written{ok(holdA)}, "l1 busy-unavailable a, s1 busy-tentative a"},
		{"which is then booked", []written{ok(holdA), ok(bookA)}, heldByA},
		{"and goes on", []written{ok(bookA), ok(patched("a", "arrived")), ok(patched("a", "checked-in"))}, heldByA},
		{"until it is fulfilled", []written{ok(bookA), ok(patched("a", "fulfilled"))}, ""},
		{"a no-show frees the slot", []written{ok(bookA), ok(patched("a", "noshow"))}, ""},
		{"one that is proposed or waits takes none", []written{ok("PUT Appointment/a a proposed 02T09:00 02T09:30 s1"), ok("PUT Appointment/b b waitlist 02T09:00 02T09:30 s1")}, ""},
		{"until it is booked", []written{ok("PUT Appointment/a a proposed 02T09:00 02T09:30 s1"), ok(patched("a", "booked"))}, heldByA},
		{"a taken slot is not taken again", []written{ok(bookA), refused(fhir.Conflict, "Appointment.slot[0]: Slot/s1 is taken, by Appointment/a.", "PUT Appointment/b b booked 02T09:00 02T09:30 s1")}, heldByA},
		{"nor held", []written{ok(holdA), refused(fhir.Conflict, "taken", "PUT Appointment/b b pending 02T09:00 02T09:30 s1")}, "l1 busy-unavailable a, s1 busy-tentative a"},
		{"nor one that overlaps", []written{ok(bookA), refused(fhir.Conflict, "Slot/l1 is taken, by Appointment/a", "PUT Appointment/b b booked 02T09:00 02T10:00 l1")}, heldByA},
		{"nor the other way round", []written{ok("PUT Appointment/b b booked 02T09:00 02T10:00 l1"), refused(fhir.Conflict, "Slot/s2 is taken, by Appointment/b", "PUT Appointment/a a booked 02T09:30 02T10:00 s2")},
			"l1 busy b, s1 busy-unavailable b, s2 busy-unavailable b"},
		{"two beside each other both overlap with a third", []written{ok(bookA), ok("PUT Appointment/b b booked 02T09:30 02T10:00 s2")}, "l1 busy-unavailable a, s1 busy a, s2 busy b"},
		{"another actor is another time", []written{ok(bookA), ok("PUT Appointment/b b booked 02T09:00 02T09:30 b1")}, "b1 busy b, l1 busy-unavailable a, s1 busy a"},
		{"a room holds more than one", []written{ok("PUT Appointment/a a booked 02T09:00 02T09:30 r1"), ok("PUT Appointment/b b booked 02T09:00 02T09:30 r2")}, "r1 busy a, r2 busy b"},
		{"a cancellation frees", []written{ok(bookA), ok(cancelA)}, ""},
		{"so does a patch", []written{ok(bookA), ok(patched("a", "cancelled"))}, ""},
		{"so does a deletion", []written{ok(bookA), ok("DELETE Appointment/a")}, ""},
		{"and a conditional deletion", []written{ok(bookA), ok("DELETE Appointment?status=booked")}, ""},
		{"and the slot can be booked again", []written{ok(bookA), ok(cancelA), ok("PUT Appointment/b b booked 02T09:00 02T09:30 s1")}, "l1 busy-unavailable b, s1 busy b"},
		{"a cancelled one is booked again", []written{ok(bookA), ok(cancelA), ok(bookA)}, heldByA},
		{"a deleted one comes back", []written{ok(bookA), ok("DELETE Appointment/a"), ok(bookA)}, heldByA},
		{"but not into what others took", []written{ok(bookA), ok(cancelA), ok("PUT Appointment/b b booked 02T09:00 02T10:00 l1"), refused(fhir.Conflict, "taken, by Appointment/b", bookA)},
			"l1 busy b, s1 busy-unavailable b, s2 busy-unavailable b"},
		{"one is moved", []written{ok(bookA), ok("PUT Appointment/a a booked 02T10:00 02T10:30 s3")}, "l2 busy-unavailable a, s3 busy a"},
		{"and made longer", []written{ok(bookA), ok("PUT Appointment/a a booked 02T09:00 02T10:00 s1 s2")}, "l1 busy-unavailable a, s1 busy a, s2 busy a"},
		{"and shorter", []written{ok("PUT Appointment/a a booked 02T09:00 02T10:00 s1 s2"), ok(bookA)}, heldByA},
		{"and onto what overlaps with it", []written{ok(bookA), ok("PUT Appointment/a a booked 02T09:00 02T10:00 l1")}, "l1 busy a, s1 busy-unavailable a, s2 busy-unavailable a"},
		{"but not onto what is taken", []written{ok(bookA), ok("PUT Appointment/b b booked 02T10:00 02T10:30 s3"), refused(fhir.Conflict, "Slot/s3 is taken", "PUT Appointment/a a booked 02T10:00 02T10:30 s3")},
			"l1 busy-unavailable a, l2 busy-unavailable b, s1 busy a, s3 busy b"},
		{"a conditional create books once", []written{
			ok(`POST Appointment?identifier=x {"resourceType":"Appointment","id":"x","identifier":[{"value":"x"}],"status":"booked","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z","slot":[{"reference":"Slot/r1"}],"participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}]}`),
			ok(`POST Appointment?identifier=x {"resourceType":"Appointment","id":"x","identifier":[{"value":"x"}],"status":"booked","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z","slot":[{"reference":"Slot/r1"}],"participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}]}`),
			ok("DELETE Appointment?identifier=x")}, ""},
		{"a conditional update books", []written{ok("PUT Appointment?identifier=x a booked 02T09:00 02T09:30 s1")}, heldByA},
		{"absolute references name the same slots", []written{
			ok(`PUT Appointment/a {"resourceType":"Appointment","id":"a","status":"booked","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z","slot":[{"reference":"http://example.org/fhir/Slot/r1"}],"participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}]}`)}, "r1 busy a"},

		{"a slot that is not there", []written{refused(fhir.Unprocessable, "Appointment.slot[0]: There is no Slot/none", "PUT Appointment/a a booked 02T09:00 02T09:30 none")}, ""},
		{"a slot that began", []written{refused(fhir.Unprocessable, "began", "PUT Appointment/a a booked 01T09:00 01T09:30 past")}, ""},
		{"unless it is told later", []written{ok("PUT Appointment/a a arrived 01T09:00 01T09:30 past")}, "past busy a"},
		{"one that was entered in error", []written{refused(fhir.Unprocessable, "error", "PUT Appointment/a a booked 02T12:00 02T12:30 error")}, ""},
		{"one that somebody made busy", []written{refused(fhir.Conflict, "Slot/busy is not free", "PUT Appointment/a a booked 02T11:00 02T11:30 busy")}, ""},
		{"another start", []written{refused(fhir.Unprocessable, "Appointment.start", "PUT Appointment/a a booked 02T09:10 02T09:30 s1")}, ""},
		{"another end", []written{refused(fhir.Unprocessable, "Appointment.end", "PUT Appointment/a a booked 02T09:00 02T10:00 s1")}, ""},
		{"one that takes years", []written{
			ok(`PUT Slot/years {"resourceType":"Slot","id":"years","schedule":{"reference":"Schedule/bob"},"status":"free","start":"2027-01-01T00:00:00Z","end":"2029-01-01T00:00:00Z"}`),
			refused(fhir.Unprocessable, "400 days", `PUT Appointment/a {"resourceType":"Appointment","id":"a","status":"booked","start":"2027-01-01T00:00:00Z","end":"2029-01-01T00:00:00Z","slot":[{"reference":"Slot/years"}],"participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}]}`)}, ""},
		{"a slot that is held by one that lapsed", []written{
			ok(`PUT Appointment/a {"resourceType":"Appointment","id":"a","extension":[{"url":"` + booking.HoldUntilURL + `","valueInstant":"2026-03-01T11:00:00Z"}],"status":"pending","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z","slot":[{"reference":"Slot/s1"}],"participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}]}`),
			ok("PUT Appointment/b b booked 02T09:00 02T10:00 l1")}, "l1 busy b, s1 busy-unavailable b, s2 busy-unavailable b"},
		{"a slot that is held until later", []written{
			ok(`PUT Appointment/a {"resourceType":"Appointment","id":"a","extension":[{"url":"` + booking.HoldUntilURL + `","valueInstant":"2026-03-01T13:00:00Z"}],"status":"pending","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z","slot":[{"reference":"Slot/s1"}],"participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}]}`),
			refused(fhir.Conflict, "taken", "PUT Appointment/b b booked 02T09:00 02T10:00 l1")}, "l1 busy-unavailable a, s1 busy-tentative a"},
		{"nothing is held for more than a day", []written{ok(holdText("b", "b1", "2026-03-02T12:00:00Z")), refused(fhir.Unprocessable, "a hold ends within 1 day", holdText("a", "s1", "2026-03-02T12:00:01Z")),
			refused(fhir.Unprocessable, "a hold ends within 1 day", holdText("b", "b1", "2030-01-01T00:00:00Z"))}, "b1 busy-tentative b"},
		{"more minutes than the slot has", []written{refused(fhir.Unprocessable, "Appointment.minutesDuration", strings.Replace(holdText("a", "s1", "2026-03-01T13:00:00Z"), `"slot"`, `"minutesDuration":31,"slot"`, 1))}, ""},
		{"less minutes than the slot has", []written{ok(strings.Replace(holdText("a", "r1", "2026-03-01T13:00:00Z"), `"slot"`, `"minutesDuration":20,"slot"`, 1))}, "r1 busy-tentative a"},
		{"not adjacent", []written{refused(fhir.Unprocessable, "adjacent", "PUT Appointment/a a booked 02T09:00 02T10:30 s1 s3")}, ""},
		{"of two schedules", []written{refused(fhir.Unprocessable, "Schedule", "PUT Appointment/a a booked 02T09:00 02T11:00 l1 s3")}, ""},
		{"one of several is taken", []written{ok("PUT Appointment/b b booked 02T09:30 02T10:00 s2"), refused(fhir.Conflict, "Appointment.slot[1]: Slot/s2", "PUT Appointment/a a booked 02T09:00 02T10:30 s1 s2 s3")}, "l1 busy-unavailable b, s2 busy b"},

		{"too little lead", []written{refused(fhir.Unprocessable, "lead", "PUT Appointment/a a booked 02T09:00 02T09:30 c1")}, ""},
		{"enough of it", []written{ok("PUT Appointment/a a booked 05T09:00 05T09:30 c2")}, "c2 busy a"},
		{"another service decides nothing there", []written{refused(fhir.Unprocessable, "lead", "PUT Appointment/a a booked 02T09:00 02T09:30 c1 HealthcareService/easy")}, ""},
		{"too little notice", []written{ok("PUT Appointment/a a arrived 02T09:00 02T09:30 c1"), refused(fhir.Unprocessable, "notice", patched("a", "cancelled"))}, "c1 busy a"},
		{"nor by a deletion", []written{ok("PUT Appointment/a a arrived 02T09:00 02T09:30 c1"), refused(fhir.Unprocessable, "notice", "DELETE Appointment/a")}, "c1 busy a"},
		{"nor by a move", []written{ok("PUT Appointment/a a arrived 02T09:00 02T09:30 c1"), refused(fhir.Unprocessable, "notice", "PUT Appointment/a a booked 05T09:00 05T09:30 c2")}, "c1 busy a"},
		{"nor by being fulfilled before it begins", []written{ok("PUT Appointment/a a arrived 02T09:00 02T09:30 c1"), refused(fhir.Unprocessable, "It has not begun", patched("a", "fulfilled"))}, "c1 busy a"},
		{"nor by a no-show then", []written{ok("PUT Appointment/a a arrived 02T09:00 02T09:30 c1"), refused(fhir.Unprocessable, "It has not begun", patched("a", "noshow"))}, "c1 busy a"},
		{"nor back to a hold", []written{ok("PUT Appointment/a a arrived 02T09:00 02T09:30 c1"), refused(fhir.Unprocessable, "pending again", holdText("a", "c1", "2026-03-01T12:00:02Z"))}, "c1 busy a"},
		{"nor back to pending", []written{ok("PUT Appointment/a a arrived 02T09:00 02T09:30 c1"), refused(fhir.Unprocessable, "pending again", patched("a", "pending"))}, "c1 busy a"},
		{"nor what was pending by a hold", []written{ok("PUT Appointment/a a pending 02T09:00 02T09:30 HealthcareService/strict"), refused(fhir.Unprocessable, "Appointment.extension",
			`PATCH Appointment/a [{"op":"add","path":"/extension","value":[{"url":"`+booking.HoldUntilURL+`","valueInstant":"2026-03-01T12:00:02Z"}]}]`)}, ""},
		{"but it may be fulfilled when it has begun", []written{ok("PUT Appointment/a a arrived 01T12:00 01T12:30 HealthcareService/strict"), ok(patched("a", "fulfilled"))}, ""},
		{"the provider needs no notice", []written{ok("PUT Appointment/a a arrived 02T09:00 02T09:30 c1"),
			ok(`PATCH Appointment/a [{"op":"replace","path":"/status","value":"cancelled"},{"op":"add","path":"/cancelationReason","value":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason","code":"prov"}]}}]`)}, ""},
		{"enough notice", []written{ok("PUT Appointment/a a booked 05T09:00 05T09:30 c2"), ok(patched("a", "cancelled"))}, ""},
		{"without slots, a service demands it too", []written{ok("PUT Appointment/a a booked 02T09:00 02T09:30 HealthcareService/strict"), refused(fhir.Unprocessable, "notice", patched("a", "cancelled"))}, ""},
	})
}

// bookingScenario is steps, and what is not free when they are done, as slotsNow tells it.
type bookingScenario struct {
	name  string
	steps []written
	want  string
}

// playBookings plays each scenario on a calendar of its own. Those with transactions are left out where the store has none.
func playBookings(t *testing.T, scenarios []bookingScenario) {
	t.Helper()
	for _, test := range scenarios {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := newCalendar(t)
			if slices.ContainsFunc(test.steps, func(w written) bool { return len(w.changes) > 1 }) {
				mustTransact(t, e.Store)
			}
			for _, step := range test.steps {
				step.carryOut(t, e)
			}
			if got := slotsNow(t, e, alice); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}

// Who leaves a slot that only overlapped, while somebody else comes to overlap with it or leaves too: it goes over to who is left, or is free.
func TestOverlapsBesideEachOther(t *testing.T) {
	for _, test := range []struct {
		name            string
		before          []written
		change, between written
		want            string
	}{
		{"somebody comes", []written{ok("PUT Appointment/a a booked 02T09:00 02T09:30 s1")},
			ok("DELETE Appointment/a"), ok("PUT Appointment/b b booked 02T09:30 02T10:00 s2"), "l1 busy-unavailable b, s2 busy b"},
		{"somebody leaves", []written{ok("PUT Appointment/a a booked 02T09:00 02T09:30 s1"), ok("PUT Appointment/b b booked 02T09:30 02T10:00 s2")},
			ok("DELETE Appointment/b"), ok("DELETE Appointment/a"), ""},
		{"somebody moves away", []written{ok("PUT Appointment/a a booked 02T09:00 02T09:30 s1"), ok("PUT Appointment/b b booked 02T09:30 02T10:00 s2")},
			ok("PUT Appointment/b b booked 02T10:00 02T10:30 s3"), ok("DELETE Appointment/a"), "l2 busy-unavailable b, s3 busy b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newCalendar(t)
			mustTransact(t, e.Store)
			for _, step := range test.before {
				step.carryOut(t, e)
			}
			e.Store = &meddler{Store: e.Store, before: func(commit int) {
				if commit == 1 {
					test.between.carryOut(t, e)
				}
			}}
			test.change.carryOut(t, e)
			if got := slotsNow(t, e, alice); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}
