package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// TestBookingInTransactions: a transaction books by what it leaves, not by the order of its entries.
func TestBookingInTransactions(t *testing.T) {
	playBookings(t, []bookingScenario{
		{"a slot is moved from one to another", []written{ok(bookA), ok(cancelA, "PUT Appointment/b b booked 02T09:00 02T09:30 s1")}, "l1 busy-unavailable b, s1 busy b"},
		{"whichever comes first", []written{ok("PUT Appointment/b b booked 02T09:00 02T09:30 s1"), ok("DELETE Appointment/b", bookA)}, heldByA},
		{"two swap", []written{ok(bookA), ok("PUT Appointment/b b booked 02T10:00 02T10:30 s3"), ok("PUT Appointment/a a booked 02T10:00 02T10:30 s3", "PUT Appointment/b b booked 02T09:00 02T09:30 s1")},
			"l1 busy-unavailable b, l2 busy-unavailable a, s1 busy b, s3 busy a"},
		{"two for one slot", []written{refused(fhir.Conflict, "Another entry of the transaction takes Slot/s1", bookA, "PUT Appointment/b b booked 02T09:00 02T09:30 s1")}, ""},
		{"two that overlap", []written{refused(fhir.Conflict, "Another entry", bookA, "PUT Appointment/b b booked 02T09:00 02T10:00 l1")}, ""},
		{"the other way round", []written{refused(fhir.Conflict, "Another entry", "PUT Appointment/b b booked 02T09:00 02T10:00 l1", bookA)}, ""},
		{"two beside each other", []written{ok(bookA, "PUT Appointment/b b booked 02T09:30 02T10:00 s2")}, "l1 busy-unavailable a, s1 busy a, s2 busy b"},
		{"a slot comes with its appointment", []written{ok("PUT Slot/new new ann 03T09:00 03T09:30 free", "PUT Appointment/a a booked 03T09:00 03T09:30 new")}, "new busy a"},
		{"also when it is busy already", []written{ok("PUT Appointment/a a booked 03T09:00 03T09:30 new", "PUT Slot/new new ann 03T09:00 03T09:30 busy")}, "new busy a"},
		{"or names the appointment", []written{ok("PUT Appointment/a a booked 03T09:00 03T09:30 new", "PUT Slot/new new ann 03T09:00 03T09:30 busy a")}, "new busy a"},
		{"or is moved at once", []written{ok("PUT Slot/s1 s1 ann 03T09:00 03T09:30 free", "PUT Appointment/a a booked 03T09:00 03T09:30 s1")}, "s1 busy a"},
		{"a new slot overlaps with a taken one", []written{ok(bookA), refused(fhir.Conflict, "Slot/l1 is taken, by Appointment/a", "PUT Slot/new new ann 02T09:10 02T09:40 free", "PUT Appointment/b b booked 02T09:00 02T10:00 l1")}, heldByA},
		{"two new slots overlap with each other", []written{refused(fhir.Conflict, "Another entry", "PUT Slot/n1 n1 ann 03T09:00 03T09:30 free", "PUT Slot/n2 n2 ann 03T09:10 03T09:40 free",
			"PUT Appointment/a a booked 03T09:00 03T09:30 n1", "PUT Appointment/b b booked 03T09:10 03T09:40 n2")}, ""},
		{"so does one alone, which is then no longer free", []written{ok("PUT Slot/n1 n1 ann 03T09:00 03T09:30 free", "PUT Slot/n2 n2 ann 03T09:10 03T09:40 free", "PUT Appointment/a a booked 03T09:00 03T09:30 n1")}, "n1 busy a, n2 busy-unavailable a"},
		{"a schedule comes with its slots", []written{ok(`PUT Schedule/new {"resourceType":"Schedule","id":"new","actor":[{"reference":"Practitioner/ann"}]}`, "PUT Slot/n1 n1 new 02T09:15 02T09:45 free", "PUT Appointment/a a booked 02T09:15 02T09:45 n1")},
			"l1 busy-unavailable a, n1 busy a, s1 busy-unavailable a, s2 busy-unavailable a"},
		{"an appointment goes with its slot", []written{ok(bookA), ok("DELETE Appointment/a", "DELETE Slot/s1")}, ""},
		{"a slot is closed as its appointment is cancelled", []written{ok(bookA), ok(cancelA, "PUT Slot/s1 s1 ann 02T09:00 02T09:30 busy-unavailable")}, "s1 busy-unavailable"},
		{"a released slot is written too", []written{ok(bookA), ok(cancelA, "PUT Slot/s1 s1 ann 02T09:00 02T09:30 busy a")}, ""},
		{"a slot that a create finds is booked", []written{ok("POST Slot?schedule=Schedule/bob "+slotText("- bob 02T09:00 02T09:30 free"), "PUT Appointment/b b booked 02T09:00 02T09:30 b1")}, "b1 busy b"},
		{"one goes elsewhere at the same time", []written{ok(bookA), ok("PUT Appointment/a a booked 02T09:00 02T09:30 b1", "PUT Appointment/b b booked 02T09:00 02T10:00 l1")}, "b1 busy a, l1 busy b, s1 busy-unavailable b, s2 busy-unavailable b"},
		{"whichever is told first", []written{ok(bookA), ok("PUT Appointment/b b booked 02T09:00 02T10:00 l1", "PUT Appointment/a a booked 02T09:00 02T09:30 b1")}, "b1 busy a, l1 busy b, s1 busy-unavailable b, s2 busy-unavailable b"},
		{"one that stays with its time does not give it up", []written{ok(bookA), refused(fhir.Conflict, "Slot/l1 is taken, by Appointment/a", patched("a", "arrived"), "PUT Appointment/b b booked 02T09:00 02T10:00 l1")}, heldByA},
		{"nor one that goes beside itself", []written{ok(bookA), refused(fhir.Conflict, "Another entry", "PUT Appointment/b b booked 02T09:00 02T10:00 l1", "PUT Appointment/a a booked 02T09:30 02T10:00 s2")}, heldByA},
		{"a refusal undoes all", []written{ok(bookA), refused(fhir.Conflict, "taken", "PUT Appointment/c c booked 02T09:00 02T09:30 b1", "PUT Appointment/b b booked 02T09:00 02T09:30 s1")}, heldByA},
	})
}

// TestManyBookedAtOnce: what a transaction brings and books takes time in proportion to it; beyond a number it is refused.
func TestManyBookedAtOnce(t *testing.T) {
	e := newCalendar(t)
	mustTransact(t, e.Store)
	many := func(n int) (changes []engine.Change) {
		at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		for i := range n {
			start, end := at.Add(time.Duration(i)*time.Hour).Format(time.RFC3339), at.Add(time.Duration(i+1)*time.Hour).Format(time.RFC3339)
			changes = append(changes,
				changeOf(t, fmt.Sprintf(`PUT Slot/n%d {"resourceType":"Slot","id":"n%[1]d","schedule":{"reference":"Schedule/ann"},"status":"free","start":%q,"end":%q}`, i, start, end)),
				changeOf(t, fmt.Sprintf(`PUT Appointment/n%d {"resourceType":"Appointment","id":"n%[1]d","status":"booked","start":%q,"end":%q,"slot":[{"reference":"Slot/n%[1]d"}],"participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}]}`, i, start, end)))
		}
		return changes
	}
	store := &counted{Store: e.Store}
	e.Store = store
	for _, n := range []int{10, 40} {
		if _, err := e.Transact(t.Context(), alice, many(n)); err != nil {
			t.Fatal(err)
		}
		// For each: slot, appointment, and a guard of each of ann's two Schedules and of what the appointment had. Once: the two Schedules, and that there are no more.
		if store.operations > 5*n+3 || store.tests > 5*n+10 {
			t.Errorf("%d slots and appointments: %d operations, with %d tests", n, store.operations, store.tests)
		}
		for _, c := range many(n) {
			if _, err := e.Write(t.Context(), alice, engine.Change{Action: engine.ActDelete, Key: c.Key}); err != nil && c.Key.Type == "Appointment" {
				t.Fatal(err)
			}
		}
	}
	_, err := e.Transact(t.Context(), alice, many(1001))
	wantKind(t, err, fhir.TooLarge, "Send it in several")
}

// counted counts what the last commit asked.
type counted struct {
	storage.Store
	operations, tests int
}

func (c *counted) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	c.operations, c.tests = len(ops), 0
	for _, op := range ops {
		if op.Condition.NoMatch == nil {
			continue
		}
		for _, clause := range op.Condition.NoMatch.All {
			c.tests += len(clause)
			for _, test := range clause {
				if not, is := test.(search.Not); is {
					c.tests += len(not.Any)
				}
			}
		}
	}
	return c.Store.Commit(ctx, p, ops)
}

// TestInactiveSchedule: what is not active is not booked anew; what was booked before stays, and may be cancelled.
func TestInactiveSchedule(t *testing.T) {
	const closed = `PUT Schedule/ann {"resourceType":"Schedule","id":"ann","active":false,"actor":[{"reference":"Practitioner/ann"}]}`
	playBookings(t, []bookingScenario{
		{"it is not booked", []written{ok(closed), refused(fhir.Unprocessable, "Schedule/ann, which is not active", bookA)}, ""},
		{"nor held", []written{ok(closed), refused(fhir.Unprocessable, "Appointment.slot[0]", holdA)}, ""},
		{"what was held is booked", []written{ok(holdA), ok(closed), ok(bookA)}, heldByA},
		{"and cancelled", []written{ok(bookA), ok(closed), ok(cancelA)}, ""},
		{"but not moved there", []written{ok(bookA), ok(closed), refused(fhir.Unprocessable, "not active", "PUT Appointment/a a booked 02T09:00 02T10:00 s1 s2")}, heldByA},
		{"what began there may be told", []written{ok(closed), ok("PUT Appointment/a a arrived 02T09:00 02T09:30 s1")}, heldByA},
	})
}

// TestOverlappedSlotsGoOver: a slot that overlaps with two bookings is free when both are gone.
func TestOverlappedSlotsGoOver(t *testing.T) {
	bookB := "PUT Appointment/b b booked 02T09:30 02T10:00 s2"
	playBookings(t, []bookingScenario{
		{"one is left", []written{ok(bookA), ok(bookB), ok(cancelA)}, "l1 busy-unavailable b, s2 busy b"},
		{"none is left", []written{ok(bookA), ok(bookB), ok(cancelA), ok("DELETE Appointment/b")}, ""},
		{"both go at once", []written{ok(bookA), ok(bookB), ok(cancelA, "DELETE Appointment/b")}, ""},
		{"one is moved away", []written{ok(bookA), ok(bookB), ok("PUT Appointment/a a booked 02T10:00 02T10:30 s3")}, "l1 busy-unavailable b, l2 busy-unavailable a, s2 busy b, s3 busy a"},
		{"one comes as the other goes", []written{ok(bookA), ok(cancelA, bookB)}, "l1 busy-unavailable b, s2 busy b"},
	})
}

// TestBookingFaultsHaveTheirPlace: each entry of a transaction is told of its own faults, at their elements.
func TestBookingFaultsHaveTheirPlace(t *testing.T) {
	e := newCalendar(t)
	mustTransact(t, e.Store)
	ok(bookA).carryOut(t, e)
	_, err := e.Transact(t.Context(), alice, []engine.Change{
		changeOf(t, "PUT Appointment/b b booked 02T09:00 02T10:00 s1 s2"), changeOf(t, "PUT Appointment/c c booked 02T09:00 02T09:30 none"), changeOf(t, "PUT Appointment/d d booked 02T09:00 02T09:30 b1"),
	})
	var faults engine.ChangeErrors
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	var got []string
	for _, fault := range faults {
		for _, issue := range fhir.AsError(fault.Err).Issues {
			got = append(got, fmt.Sprintf("%d %s %s", fault.Index, issue.Code, issue.Path))
		}
	}
	if text := strings.Join(got, ", "); text != "0 conflict Appointment.slot[0], 1 business-rule Appointment.slot[0]" && text != "1 business-rule Appointment.slot[0], 0 conflict Appointment.slot[0]" {
		t.Error(text)
	}
}

// TestSlotsOfClients: who writes a slot may change everything but what the booking of it rests on.
func TestSlotsOfClients(t *testing.T) {
	const comment = `[{"op":"add","path":"/comment","value":"bring a coat"}]`
	playBookings(t, []bookingScenario{
		{"a taken slot is not freed", []written{ok(bookA), refused(fhir.Conflict, "Slot.status: Slot/s1 is taken by Appointment/a", "PUT Slot/s1 s1 ann 02T09:00 02T09:30 free")}, heldByA},
		{"least of all by what contradicts itself", []written{ok(bookA), refused(fhir.Unprocessable, "A free Slot names no appointment", `PATCH Slot/s1 [{"op":"replace","path":"/status","value":"free"}]`)}, heldByA},
		{"a new one does not, either", []written{refused(fhir.Unprocessable, "A free Slot names no appointment", "PUT Slot/n n ann 02T15:00 02T15:30 free a")}, ""},
		{"nor moved", []written{ok(bookA), refused(fhir.Conflict, "Slot.start", `PATCH Slot/s1 [{"op":"replace","path":"/start","value":"2026-03-02T09:01:00Z"}]`)}, heldByA},
		{"nor given away", []written{ok(bookA), refused(fhir.Conflict, "Slot.extension", "PUT Slot/s1 s1 ann 02T09:00 02T09:30 busy b")}, heldByA},
		{"nor put on another schedule", []written{ok(bookA), refused(fhir.Conflict, "Slot.schedule", "PUT Slot/s1 s1 bob 02T09:00 02T09:30 busy a")}, heldByA},
		{"nor replaced by one that names nobody", []written{ok(bookA), refused(fhir.Conflict, "taken by", "PUT Slot/s1 s1 ann 02T09:00 02T09:30 busy")}, heldByA},
		{"nor deleted", []written{ok(bookA), refused(fhir.Conflict, "cannot be deleted", "DELETE Slot/s1")}, heldByA},
		{"nor one that overlaps with it", []written{ok(bookA), refused(fhir.Conflict, "taken by", "DELETE Slot/l1")}, heldByA},
		{"but described", []written{ok(bookA), ok("PATCH Slot/s1 " + comment)}, heldByA},
		{"and then released as it is", []written{ok(bookA), ok("PATCH Slot/s1 " + comment), ok(cancelA)}, ""},
		{"one that is free may be made busy", []written{ok("PUT Slot/s1 s1 ann 02T09:00 02T09:30 busy"), refused(fhir.Conflict, "not free", bookA)}, "s1 busy"},
		{"which keeps nobody from the time beside it", []written{ok("PUT Slot/l1 l1 long 02T09:00 02T10:00 busy"), ok(bookA), ok(cancelA)}, "l1 busy"},
		{"and free again", []written{ok("PUT Slot/s1 s1 ann 02T09:00 02T09:30 busy"), ok("PUT Slot/s1 s1 ann 02T09:00 02T09:30 free"), ok(bookA)}, heldByA},
		{"after a cancellation it is the client's", []written{ok(bookA), ok(cancelA), ok("DELETE Slot/s1")}, ""},
		{"a slot may come before the appointment that it names", []written{ok("PUT Slot/new new ann 01T10:00 01T10:30 busy a"), ok("PUT Appointment/a a booked 01T10:00 01T10:30 new")}, "new busy a"},
		{"and is kept for it", []written{ok("PUT Slot/new new ann 03T09:00 03T09:30 busy a"), refused(fhir.Conflict, "Slot/new is taken, by Appointment/a", "PUT Appointment/b b booked 03T09:00 03T09:30 new")}, "new busy a"},
		{"but not from who has it", []written{ok("PUT Slot/new new ann 03T09:00 03T09:30 busy a"), ok("PUT Slot/new new ann 03T09:00 03T09:30 free")}, ""},
		{"one that names an appointment which does not name it is free", []written{ok(bookA), ok("PUT Slot/b1 b1 bob 02T09:00 02T09:30 busy a"), ok("PUT Appointment/b b booked 02T09:00 02T09:30 b1")}, "b1 busy b, l1 busy-unavailable a, s1 busy a"},
		{"as is one that names a deleted one", []written{ok(bookA), ok("DELETE Appointment/a"), ok("PUT Slot/b1 b1 bob 02T09:00 02T09:30 busy a"), ok("PUT Appointment/b b booked 02T09:00 02T09:30 b1")}, "b1 busy b"},
	})
}

// taskNow is the status of the fulfilment Task of an appointment, and its version; "" for none.
func taskNow(t *testing.T, e *engine.Engine, appointment string) string {
	t.Helper()
	v, err := e.Read(t.Context(), alice, booking.FulfilmentKey(fhir.Key{Type: "Appointment", ID: appointment}))
	if errors.Is(err, fhir.NotFound) || errors.Is(err, fhir.Gone) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := fhir.ParseResource(v.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(r.Root().Text("status"), " ", v.Number)
}

// TestFulfilment: the Task of an appointment follows it, and does not overtake it.
func TestFulfilment(t *testing.T) {
	const service, task = "HealthcareService/easy", `{"resourceType":"Task","id":"fulfilment-a","status":%q,"intent":"order","focus":{"reference":"Appointment/a"},"note":[{"text":"keep"}]}`
	book := "PUT Appointment/a a booked 02T09:00 02T09:30 s1 " + service
	for _, test := range []struct {
		name  string
		steps []written
		want  string
	}{
		{"none without a service", []written{ok(bookA)}, ""},
		{"it is made with the booking", []written{ok(book)}, "requested 1"},
		{"also without a slot", []written{ok("PUT Appointment/a a booked 02T09:00 02T09:30 " + service)}, "requested 1"},
		{"and follows", []written{ok(book), ok(patched("a", "arrived")), ok(patched("a", "fulfilled"))}, "completed 3"},
		{"into the cancellation", []written{ok(book), ok(patched("a", "cancelled"))}, "cancelled 2"},
		{"and the deletion", []written{ok(book), ok("DELETE Appointment/a")}, "cancelled 2"},
		{"a comment changes nothing", []written{ok(book), ok(`PATCH Appointment/a [{"op":"add","path":"/comment","value":"c"}]`)}, "requested 1"},
		{"who does the work may go on", []written{ok(book), ok("PUT Task/fulfilment-a " + fmt.Sprintf(task, "received"))}, "received 2"},
		{"but not beyond the appointment", []written{ok(book), refused(fhir.Unprocessable, "Task.status", "PUT Task/fulfilment-a "+fmt.Sprintf(task, "completed"))}, "requested 1"},
		{"nor by a patch", []written{ok(book), refused(fhir.Unprocessable, "Task.status", `PATCH Task/fulfilment-a [{"op":"replace","path":"/status","value":"in-progress"}]`)}, "requested 1"},
		{"in one transaction both go on", []written{ok(book), ok(patched("a", "fulfilled"), "PUT Task/fulfilment-a "+fmt.Sprintf(task, "completed"))}, "completed 2"},
		{"the server adds what it owns", []written{ok(book, "PUT Task/fulfilment-a "+fmt.Sprintf(task, "ready"))}, "ready 1"},
		{"where it contradicts, all is refused", []written{refused(fhir.Unprocessable, "Task.status", book, "PUT Task/fulfilment-a "+fmt.Sprintf(task, "completed"))}, ""},
		{"deleted, it comes again with the next change", []written{ok(book), ok("DELETE Task/fulfilment-a"), ok(patched("a", "arrived"))}, "in-progress 3"},
		{"a create that finds it leaves it", []written{ok(book), ok("POST Task?focus=Appointment/a "+strings.Replace(fmt.Sprintf(task, "requested"), `"id":"fulfilment-a",`, "", 1), patched("a", "arrived"))}, "in-progress 2"},
		{"the appointment stays its focus", []written{ok(book), refused(fhir.Unprocessable, "Task.focus", `PUT Task/fulfilment-a {"resourceType":"Task","id":"fulfilment-a","status":"requested","intent":"order","focus":{"reference":"Appointment/b"}}`),
			refused(fhir.Unprocessable, "Task.focus", `PATCH Task/fulfilment-a [{"op":"remove","path":"/focus"}]`)}, "requested 1"},
		{"until that is gone", []written{ok(book), ok("DELETE Appointment/a"), ok(`PATCH Task/fulfilment-a [{"op":"remove","path":"/focus"}]`)}, "cancelled 3"},
		{"a foreign Task in its place is left alone", []written{ok(`PUT Task/fulfilment-a {"resourceType":"Task","id":"fulfilment-a","status":"draft","intent":"plan"}`), ok(book),
			ok(`PUT Task/fulfilment-a {"resourceType":"Task","id":"fulfilment-a","status":"completed","intent":"plan"}`), ok(patched("a", "arrived"))}, "completed 2"},
		{"other Tasks are none of its business", []written{ok(book), ok(`PUT Task/other {"resourceType":"Task","id":"other","status":"completed","intent":"order","focus":{"reference":"Appointment/a"}}`)}, "requested 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := newCalendar(t)
			for _, step := range test.steps {
				if len(step.changes) > 1 {
					mustTransact(t, e.Store)
				}
				step.carryOut(t, e)
			}
			got, want := taskNow(t, e, "a"), test.want
			if !e.Store.Transactions() { // what the server adds may be a version of its own
				got, _, _ = strings.Cut(got, " ")
				want, _, _ = strings.Cut(want, " ")
			}
			if got != want {
				t.Errorf("the Task is %q, want %q", got, want)
			}
		})
	}
}

// TestBookingTakesNoOtherScope: who may write Appointments may book; what follows from it is recorded as theirs.
func TestBookingTakesNoOtherScope(t *testing.T) {
	e := newCalendar(t)
	who := alice
	who.Client, who.Scopes = "desk", fhir.Scopes{"Appointment": fhir.MayCreate | fhir.MayUpdate | fhir.MayDelete}
	before, err := e.Store.Events(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, told := range []string{"PUT Appointment/a a booked 02T09:00 02T09:30 s1 HealthcareService/easy", "DELETE Appointment/a"} {
		if _, err := e.Write(t.Context(), who, changeOf(t, told)); err != nil {
			t.Fatal(err)
		}
	}
	events, err := e.Store.Events(t.Context(), before[len(before)-1].Sequence, 1000)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, event := range events {
		interaction, client, _ := strings.Cut(event.Origin, " ")
		client, _, _ = strings.Cut(client, " ")
		got[event.Key.String()+" "+interaction+" "+client]++
	}
	want := map[string]int{"Appointment/a update desk": 1, "Appointment/a delete desk": 1, "Slot/s1 update desk": 2, "Slot/l1 update desk": 2, "Task/fulfilment-a create desk": 1, "Task/fulfilment-a update desk": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = e.Write(t.Context(), who, changeOf(t, "PUT Slot/s1 s1 ann 02T09:00 02T09:30 busy"))
	wantKind(t, err, fhir.Forbidden, "Slot")
}

// TestBookingWithoutSlots: where no Slots are served, Appointments are like all other resources.
func TestBookingWithoutSlots(t *testing.T) {
	e := newEngineOf(t, "Appointment", "Patient")
	for range 2 {
		if _, err := e.Write(t.Context(), alice, changeOf(t, "POST Appointment - booked 02T09:00 02T09:30 s1 HealthcareService/easy")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPatchOfWhoMayNotRead: a refusal tells nothing of what is stored.
func TestPatchOfWhoMayNotRead(t *testing.T) {
	e := newCalendar(t)
	ok("PUT Appointment/b b proposed 02T09:00 02T09:30 s1").carryOut(t, e)
	ok(bookA).carryOut(t, e)
	who := alice
	who.Scopes = fhir.Scopes{"Appointment": fhir.MayUpdate}
	_, err := e.Write(t.Context(), who, changeOf(t, patched("b", "booked")))
	if wantKind(t, err, fhir.Conflict, "The patch cannot be applied"); strings.Contains(fmt.Sprint(err), "s1") {
		t.Error(err)
	}
}
