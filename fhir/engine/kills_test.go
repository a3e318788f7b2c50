package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

// desk is an engine on a store without transactions, whose clock stands until it is moved.
type desk struct {
	*engine.Engine
	now     time.Time
	used    int
	fixture []storage.Op // what is in the partition of somebody
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{Engine: newEngineOf(t, bookable...), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	d.Store = hampered{d.Store}
	engine.OneAtATime(d.Engine)
	d.Now = func() time.Time { return d.now }
	for id, actor := range map[string]string{"ann": "ann", "long": "ann", "bob": "bob"} {
		d.fixture = append(d.fixture, d.op(resource(t, `{"resourceType":"Schedule","id":%q,"actor":[{"reference":"Practitioner/%s"}]}`, id, actor)))
	}
	for _, s := range []string{"s1 ann 02T09:00 02T09:30 free", "s2 ann 02T09:30 02T10:00 free", "l1 long 02T09:00 02T10:00 free", "b1 bob 02T09:00 02T09:30 free"} {
		d.fixture = append(d.fixture, d.op(resource(t, "%s", slotText(s))))
	}
	return d
}

func (d *desk) op(r fhir.Resource) storage.Op {
	return storage.Op{Key: r.Key(), Resource: r, Entries: d.Rules.Extract(r)}
}

// somebody is a client with a partition of their own, in which there are a few slots: s1 and s2 of 2 March, 09:00 and 09:30, and l1 of another Schedule of the same
// practitioner, which overlaps with both; and b1 of somebody else, 09:00.
func (d *desk) somebody(t testing.TB) fhir.Principal {
	t.Helper()
	d.used++
	who := fhir.Principal{Partition: fhir.Partition(fmt.Sprintf("site-%d/test", d.used)), Scopes: fhir.Unlimited(), Client: "somebody"}
	inner := d.Store.(hampered).Store
	atOnce := 1
	if inner.Transactions() {
		atOnce = len(d.fixture)
	}
	for ops := range slices.Chunk(d.fixture, atOnce) {
		if _, err := inner.Commit(t.Context(), who.Partition, ops); err != nil {
			t.Fatal(err)
		}
	}
	return who
}

func (d *desk) write(t testing.TB, who fhir.Principal, changes ...string) {
	t.Helper()
	for _, told := range changes {
		if _, err := d.Write(t.Context(), who, changeOf(t, told)); err != nil {
			t.Fatalf("%s: %v", told, err)
		}
	}
}

// settle is Settle of a server that has just begun.
func (d *desk) settle(t testing.TB) {
	t.Helper()
	engine.StartAgain(d.Engine)
	if err := d.Settle(t.Context()); err != nil {
		t.Errorf("settling: %v", err)
	}
}

// all are the current resources of a type.
func (d *desk) all(t testing.TB, who fhir.Principal, typ string) map[fhir.Key]fhir.Resource {
	t.Helper()
	page, err := d.Search(t.Context(), who, engine.SearchRequest{Type: typ, Query: "_count=1000"})
	if err != nil {
		t.Fatal(err)
	}
	found := map[fhir.Key]fhir.Resource{}
	for _, v := range page.Versions {
		if found[v.Key], err = fhir.ParseResource(v.Body); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

const base = "http://example.org/fhir"

// appointments are those of a partition.
func (d *desk) appointments(t testing.TB, who fhir.Principal) map[fhir.Key]booking.Appointment {
	found := map[fhir.Key]booking.Appointment{}
	for key, r := range d.all(t, who, "Appointment") {
		found[key] = booking.AppointmentOf(base, r)
	}
	return found
}

// mustHold holds what is true at every moment, whatever is under way: a live appointment has its slots.
func (d *desk) mustHold(t testing.TB, who fhir.Principal) {
	t.Helper()
	slots := d.all(t, who, "Slot")
	for key, a := range d.appointments(t, who) {
		for _, name := range a.Slots {
			if s := booking.SlotOf(base, slots[name]); a.IsLive() && s.Holder != key {
				t.Errorf("%s: %s is %s and names %s, which names %q", who.Partition, key, a.Status, name, s.Holder)
			}
		}
	}
}

// overlapping are the slots of somebody's partition that overlap and are of the same practitioner.
var overlapping = map[string]bool{"s1 l1": true, "s2 l1": true, "l1 s1": true, "l1 s2": true}

// mustBeWhole holds what is true when nothing is under way: slots, appointments and Tasks tell the same.
func (d *desk) mustBeWhole(t testing.TB, who fhir.Principal) {
	t.Helper()
	d.mustHold(t, who)
	appointments := d.appointments(t, who)
	for key, r := range d.all(t, who, "Slot") {
		s := booking.SlotOf(base, r)
		a := appointments[s.Holder]
		want := "free"
		switch {
		case s.Holder == fhir.Key{}:
		case !a.IsLive():
			t.Errorf("%s: %s names %s, which is %q", who.Partition, key, s.Holder, a.Status)
		case slices.ContainsFunc(a.Slots, func(name fhir.Key) bool { return overlapping[key.ID+" "+name.ID] }):
			want = "busy-unavailable"
		case !slices.Contains(a.Slots, key):
			t.Errorf("%s: %s names %s, which names %v", who.Partition, key, s.Holder, a.Slots)
		case a.Status == "pending":
			want = "busy-tentative"
		default:
			want = "busy"
		}
		if s.Status != want {
			t.Errorf("%s: %s is %s and names %q: it should be %s", who.Partition, key, s.Status, s.Holder, want)
		}
	}
	l1 := booking.SlotOf(base, d.all(t, who, "Slot")[fhir.Key{Type: "Slot", ID: "l1"}])
	for key, a := range appointments {
		for _, name := range a.Slots {
			if a.IsLive() && overlapping["l1 "+name.ID] && l1.Status == "free" {
				t.Errorf("%s: %s has %s, and %s, which overlaps with it, is free", who.Partition, key, name, l1.Key)
			}
		}
	}
	tasks := d.all(t, who, "Task")
	for key, r := range d.all(t, who, "Appointment") {
		if task, changed := booking.Fulfilment(base, key, r, tasks[booking.FulfilmentKey(key)], fhir.InstantOf(d.now)); changed {
			t.Errorf("%s: the Task of %s should be %s", who.Partition, key, fhir.AppendJSON(nil, task.Root()))
		}
	}
	for _, root := range []string{"booking/step/", "booking/over/"} {
		if left, err := d.Store.Records().Scan(t.Context(), root, "", 10); err != nil || len(left) > 0 {
			t.Errorf("%s: left under way: %v, %v", who.Partition, left, err)
		}
	}
}

// told is what the slots and appointments of a partition are.
func (d *desk) told(t testing.TB, who fhir.Principal) string {
	t.Helper()
	var all []string
	for key, a := range d.appointments(t, who) {
		all = append(all, key.ID+" "+a.Status)
	}
	for key := range d.all(t, who, "Task") {
		all = append(all, key.ID)
	}
	slices.Sort(all)
	return strings.Join(append(all, slotsNow(t, d.Engine, who)), ", ")
}

// undertakings are changes of appointments with what comes before them. The last is a hold that ends.
var undertakings = []struct {
	name   string
	before []string
	change string // "": the hold of a lapses
}{
	{"booking a slot", nil, bookA},
	{"booking two slots", nil, "PUT Appointment/a a booked 02T09:00 02T10:00 s1 s2"},
	{"booking a service", nil, "PUT Appointment/a a booked 02T09:00 02T09:30 s1 HealthcareService/easy"},
	{"booking what was held", []string{holdA}, bookA},
	{"booking again what was cancelled", []string{bookA, cancelA}, bookA},
	{"booking again what was deleted", []string{bookA, "DELETE Appointment/a"}, bookA},
	{"moving to another slot", []string{bookA}, "PUT Appointment/a a booked 02T09:30 02T10:00 s2"},
	{"moving to somebody else", []string{bookA}, "PUT Appointment/a a booked 02T09:00 02T09:30 b1"},
	{"adding a slot", []string{bookA}, "PUT Appointment/a a booked 02T09:00 02T10:00 s1 s2"},
	{"leaving a slot", []string{"PUT Appointment/a a booked 02T09:00 02T10:00 s1 s2 HealthcareService/easy"}, "PUT Appointment/a a booked 02T09:00 02T09:30 s1 HealthcareService/easy"},
	{"cancelling", []string{"PUT Appointment/a a booked 02T09:00 02T09:30 s1 HealthcareService/easy"}, patched("a", "cancelled")},
	{"cancelling beside another", []string{bookA, bookS2}, cancelA},
	{"moving beside another", []string{bookA, bookS2}, "PUT Appointment/a a booked 02T09:00 02T09:30 b1"},
	{"deleting", []string{"PUT Appointment/a a booked 02T09:00 02T09:30 s1 HealthcareService/easy"}, "DELETE Appointment/a"},
	{"a hold that ends", []string{heldUntil}, ""},
}

// bookS2 takes s2, which is beside s1, for another appointment.
const bookS2 = "PUT Appointment/c c booked 02T09:30 02T10:00 s2"

// heldUntil holds s1 until half past twelve.
const heldUntil = `PUT Appointment/a {"resourceType":"Appointment","id":"a","extension":[{"url":"` + booking.HoldUntilURL + `","valueInstant":"2026-03-01T12:30:00Z"}],"status":"pending",` +
	`"start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z","slot":[{"reference":"Slot/s1"}],"participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}]}`

// begin has somebody make a change, who waits before the first call of the store.
func (d *desk) begin(t testing.TB, who fhir.Principal, change string) *actor {
	if change == "" {
		return launch(t, func(ctx context.Context) error {
			return engine.Lapse(ctx, d.Engine, who.Partition, fhir.Key{Type: "Appointment", ID: "a"})
		})
	}
	c := changeOf(t, change)
	return launch(t, func(ctx context.Context) error {
		_, err := d.Write(ctx, who, c)
		return err
	})
}

// stopped is somebody who was stopped before one of the calls that a change makes.
type stopped struct {
	*actor
	who         fhir.Principal
	writtenDown bool // the record is there, or was
}

// eachStop has somebody stopped before each call that a change makes, somebody else each time. It tells what the partition is before the change, and after one that nobody stopped.
func (d *desk) eachStop(t *testing.T, before []string, change string, do func(s stopped, was, is string)) {
	t.Helper()
	prepared := func() fhir.Principal {
		d.now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		who := d.somebody(t)
		d.write(t, who, before...)
		if change == "" {
			d.now = d.now.Add(time.Hour)
		}
		return who
	}
	who := prepared()
	was := d.told(t, who)
	if err := d.begin(t, who, change).finish(); err != nil {
		t.Fatal(err)
	}
	is := d.told(t, who)
	d.mustBeWhole(t, who)
	for calls := 0; ; calls++ {
		s := stopped{who: prepared()}
		s.actor = d.begin(t, s.who, change)
		for range calls {
			s.writtenDown = s.writtenDown || strings.HasPrefix(s.at, "Swap booking/step/")
			s.step()
		}
		if s.ended {
			return
		}
		do(s, was, is)
		if t.Failed() {
			t.Fatalf("stopped before %s", s.at)
		}
	}
}

// Whoever makes a change is killed before each call of the store, once for each. What was written down is carried out, and nothing else.
func TestKilledBetweenTwoSteps(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, u := range undertakings {
		t.Run(u.name, func(t *testing.T) {
			d.eachStop(t, u.before, u.change, func(s stopped, was, is string) {
				at := s.at
				s.kill()
				d.mustHold(t, s.who)
				d.settle(t)
				d.mustBeWhole(t, s.who)
				want := was
				if s.writtenDown || u.change == "" { // Settle lapses the hold itself
					want = is
				}
				if got := d.told(t, s.who); got != want {
					t.Errorf("killed before %s: %s; want %s", at, got, want)
				}
			})
		})
	}
}

// bookB takes s1 for another appointment.
const bookB = "PUT Appointment/b b booked 02T09:00 02T09:30 s1"

// aIn is what is told of the appointment a.
func aIn(told string) string {
	if i := strings.Index(", "+told, ", a "); i >= 0 {
		told, _, _ = strings.Cut(told[i:], ",")
		return told
	}
	return ""
}

// Where somebody was killed, another booking of the slot does not wait for Settle. When the appointment was written already, what it left or took counts at once.
func TestBookedWhereSomebodyWasKilled(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, u := range undertakings {
		t.Run(u.name, func(t *testing.T) {
			d.eachStop(t, u.before, u.change, func(s stopped, was, is string) {
				s.kill()
				then := d.told(t, s.who)
				_, err := d.Write(t.Context(), s.who, changeOf(t, bookB))
				d.mustHold(t, s.who)
				d.settle(t)
				d.mustBeWhole(t, s.who)
				got := d.told(t, s.who)
				switch taken := strings.Contains(is, "s1 busy"); {
				case err != nil && !errors.Is(err, fhir.Conflict), (err == nil) != strings.Contains(got, "b booked"):
					t.Errorf("booked over %s: %v, and there is %s", then, err, got)
				case aIn(then) == aIn(is) && aIn(was) != aIn(is) && taken != errors.Is(err, fhir.Conflict):
					t.Errorf("booked over %s: %v", then, err)
				}
			})
		})
	}
}

// Somebody is stopped for long before each call of the store, once for each. Meanwhile Settle brings what was written down to an end, and another appointment is booked
// in the same slot. When they go on they are answered what is true.
func TestStoppedBetweenTwoSteps(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, u := range undertakings {
		t.Run(u.name, func(t *testing.T) {
			d.eachStop(t, u.before, u.change, func(s stopped, was, is string) {
				d.settle(t)
				d.mustHold(t, s.who)
				_, bookErr := d.Write(t.Context(), s.who, changeOf(t, bookB))
				if bookErr != nil && !errors.Is(bookErr, fhir.Conflict) {
					t.Errorf("the other booking: %v", bookErr)
				}
				d.mustHold(t, s.who)
				err := s.finish()
				d.mustHold(t, s.who)
				d.settle(t)
				d.mustBeWhole(t, s.who)
				got := d.told(t, s.who)
				switch {
				case err == nil && aIn(got) != aIn(is), errors.Is(err, fhir.Conflict) && aIn(got) != aIn(was), err != nil && !errors.Is(err, fhir.Conflict):
					t.Errorf("answered %v, and there is %s; before it was %s, and should become %s", err, got, was, is)
				case (bookErr == nil) != strings.Contains(got, "b booked"):
					t.Errorf("the other booking was answered %v, and there is %s", bookErr, got)
				}
			})
		})
	}
}

// A client who writes or deletes a slot while somebody is stopped who takes it, or has taken it, does so before, or is refused.
func TestSlotWrittenBetweenTwoSteps(t *testing.T) {
	ofThisPackageAlone(t)
	t.Parallel()
	d := newDesk(t)
	for _, other := range []string{"PUT Slot/s1 s1 ann 02T09:00 02T09:30 free", "DELETE Slot/s1", "PUT Slot/s1 s1 ann 02T09:00 02T09:20 free"} {
		for _, u := range undertakings {
			t.Run(u.name+", "+other, func(t *testing.T) {
				d.eachStop(t, u.before, u.change, func(s stopped, was, is string) {
					_, otherErr := d.Write(t.Context(), s.who, changeOf(t, other))
					d.mustHold(t, s.who)
					err := s.finish()
					d.mustHold(t, s.who)
					d.settle(t)
					d.mustBeWhole(t, s.who)
					for _, err := range []error{otherErr, err} {
						if err != nil && !errors.Is(err, fhir.Conflict) && !errors.Is(err, fhir.Unprocessable) {
							t.Errorf("answered %v, and the other %v", err, otherErr)
						}
					}
				})
			})
		}
	}
}

// A call that nobody waits for any more is carried out when all is over, once for each call.
func TestCarriedOutLate(t *testing.T) {
	ofThisPackageAlone(t)
	t.Parallel()
	d := newDesk(t)
	for _, u := range undertakings {
		t.Run(u.name, func(t *testing.T) {
			d.eachStop(t, u.before, u.change, func(s stopped, was, is string) {
				d.settle(t)
				_, err := d.Write(t.Context(), s.who, changeOf(t, bookB))
				s.step()
				s.kill()
				d.mustHold(t, s.who)
				d.settle(t)
				d.mustBeWhole(t, s.who)
				if got := d.told(t, s.who); (err == nil) != strings.Contains(got, "b booked") {
					t.Errorf("the other booking was answered %v, and there is %s", err, got)
				}
			})
		})
	}
}

// A call of the store fails, and was carried out or not, once for each. What is answered is true, and nobody is left in doubt for ever.
func TestUnansweredByTheStore(t *testing.T) {
	ofThisPackageAlone(t)
	t.Parallel()
	d := newDesk(t)
	for _, u := range undertakings {
		for name, how := range map[string]ending{"carried out": unsaid, "not carried out": unheard} {
			t.Run(u.name+", "+name, func(t *testing.T) {
				d.eachStop(t, u.before, u.change, func(s stopped, was, is string) {
					at := s.at
					s.how = how
					err := s.finish()
					d.mustHold(t, s.who)
					d.settle(t)
					d.mustBeWhole(t, s.who)
					got := d.told(t, s.who)
					want := was
					if err == nil || s.writtenDown || how == unsaid && strings.HasPrefix(at, "Swap booking/step/") || u.change == "" {
						want = is
					}
					if got != want || err != nil && !errors.Is(err, fhir.Unavailable) {
						t.Errorf("%s was not answered: %v, and there is %s; want %s", at, err, got, want)
					}
				})
			})
		}
	}
}

// A conditional create that is stopped before the appointment is written cannot be carried out by anybody else, for the criteria are not written down. What it
// would have written is never written after its slots were given away.
func TestConditionalBookingInSteps(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const first, second = "POST Appointment?status=booked - booked 02T09:00 02T09:30 s1", "POST Appointment?status=booked - booked 02T09:30 02T10:00 s2"
	before := []string{"DELETE Slot/l1"}
	booked := func(who fhir.Principal) (slots []string) {
		for _, a := range d.appointments(t, who) {
			slots = append(slots, a.Slots[0].ID)
		}
		slices.Sort(slots)
		return slots
	}
	for name, c := range map[string]struct {
		meanwhile func(s stopped)
		want      []string // one of these slots is booked
	}{
		"nothing":                   {func(stopped) {}, []string{"s1"}},
		"Settle":                    {func(stopped) { d.settle(t) }, []string{"s1"}},
		"a match":                   {func(s stopped) { d.write(t, s.who, second) }, []string{"s1", "s2"}},
		"a match, and it is killed": {func(s stopped) { d.write(t, s.who, second); s.kill() }, []string{"s1", "s2"}},
		"it is killed":              {func(s stopped) { s.kill(); d.settle(t); d.write(t, s.who, first) }, []string{"s1"}},
	} {
		t.Run(name, func(t *testing.T) {
			d.eachStop(t, before, first, func(s stopped, was, is string) {
				at := s.at
				c.meanwhile(s)
				if err := s.finish(); err != nil {
					t.Error(err)
				}
				d.mustHold(t, s.who)
				d.settle(t)
				d.mustBeWhole(t, s.who)
				if got := booked(s.who); len(got) != 1 || !slices.Contains(c.want, got[0]) {
					t.Errorf("stopped before %s: booked are %v, want one of %v", at, got, c.want)
				}
			})
		})
	}
}

// A helper who was stopped before it released what it had seen leaves the slots of a later booking of the same appointment alone.
func TestLateHelper(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	helpers := 0
	for calls := 0; ; calls++ {
		who := d.somebody(t)
		writer := d.begin(t, who, bookA)
		for !strings.HasPrefix(writer.at, "Commit Appointment/") {
			writer.step()
		}
		writer.kill()
		helper := launch(t, func(ctx context.Context) error {
			return engine.Resume(ctx, d.Engine, who.Partition, fhir.Key{Type: "Appointment", ID: "a"})
		})
		for range calls {
			if !helper.ended {
				helper.step()
			}
		}
		if helper.ended {
			break
		}
		helpers++
		d.settle(t)
		d.write(t, who, cancelA)
		again := d.begin(t, who, bookA)
		for !strings.HasPrefix(again.at, "Commit Appointment/") {
			again.step()
		}
		if err := helper.finish(); err != nil {
			t.Error(err)
		}
		if err := again.finish(); err != nil {
			t.Error(err)
		}
		d.mustHold(t, who)
		d.settle(t)
		d.mustBeWhole(t, who)
		if t.Failed() {
			t.Fatalf("the helper was stopped before call %d", calls)
		}
	}
	if helpers < 8 {
		t.Errorf("a helper makes %d calls", helpers)
	}
}
