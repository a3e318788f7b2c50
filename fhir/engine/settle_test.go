package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

// holdText is heldUntil for another appointment, slot and end.
func holdText(id, slot, until string) string {
	return strings.NewReplacer("Appointment/a", "Appointment/"+id, `"id":"a"`, `"id":"`+id+`"`, "Slot/s1", "Slot/"+slot, "2026-03-01T12:30:00Z", until).Replace(heldUntil)
}

// records are the names of the records that booking has.
func (d *desk) records(t *testing.T) (names []string) {
	t.Helper()
	all, err := d.Store.Records().Scan(t.Context(), "booking/", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		names = append(names, r.Name)
	}
	return names
}

// both are a desk on a store without transactions, and one on whatever store it is.
func both(t *testing.T, do func(t *testing.T, d *desk)) {
	t.Run("in steps", func(t *testing.T) { do(t, newDesk(t)) })
	t.Run("as it is", func(t *testing.T) {
		d := newDesk(t)
		d.fixture = nil
		d.Store = d.Store.(hampered).Store
		do(t, d)
	})
}

// settleAt settles at a time of 1 March.
func (d *desk) settleAt(t *testing.T, clock string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, "2026-03-01T"+clock+"Z")
	if err != nil {
		t.Fatal(err)
	}
	if d.now = at; d.Settle(t.Context()) != nil {
		t.Fatal(d.Settle(t.Context()))
	}
}

func TestHoldsEnd(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		fillCalendar(t, d.Engine, alice)
		fillCalendar(t, d.Engine, bob)
		d.write(t, alice, holdText("a", "s1", "2026-03-01T12:30:00Z"), holdText("b", "b1", "2026-03-01T12:30:00Z"), holdText("c", "r1", "2026-03-01T12:45:00.5Z"))
		d.write(t, bob, holdText("a", "s1", "2026-03-01T12:30:00Z"))
		d.write(t, alice, strings.Replace(holdText("b", "b1", "2026-03-01T12:30:00Z"), `"pending"`, `"booked"`, 1), holdText("c", "r1", "2026-03-01T13:00:00Z"))
		for _, c := range []struct {
			clock, want string
			notes       int
		}{
			{"12:29:59", "b1 busy b, l1 busy-unavailable a, r1 busy-tentative c, s1 busy-tentative a", 5},
			{"12:30:00", "b1 busy b, r1 busy-tentative c", 2},
			{"12:45:01", "b1 busy b, r1 busy-tentative c", 1},
			{"13:00:00", "b1 busy b", 0},
		} {
			d.settleAt(t, c.clock)
			if got := slotsNow(t, d.Engine, alice); got != c.want {
				t.Errorf("at %s: %s, want %s", c.clock, got, c.want)
			}
			if got := d.records(t); len(got) != c.notes {
				t.Errorf("at %s there are records %v, want %d", c.clock, got, c.notes)
			}
		}
		if got := slotsNow(t, d.Engine, bob); got != "" {
			t.Errorf("of the other partition: %s", got)
		}
		v, err := d.Read(t.Context(), alice, fhir.Key{Type: "Appointment", ID: "a"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.ParseResource(v.Body)
		if err != nil || d.Validator.Check(r) != nil {
			t.Errorf("%v, %v", err, d.Validator.Check(r))
		}
		if a := booking.AppointmentOf(base, r); a.Status != "cancelled" || a.HoldUntil == 0 || r.Root().Object("cancelationReason").Text("text") == "" {
			t.Errorf("the lapsed hold is %s", v.Body)
		}
		events, err := d.Store.Events(t.Context(), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(events, func(e storage.Event) bool {
			return e.Key == v.Key && e.Number == v.Number && e.Partition == alice.Partition
		})
		if origin := events[i].Origin; origin != "update   " {
			t.Errorf("it was lapsed by %q: that is somebody", origin)
		}
	})
}

// Who books a slot of a hold that has ended does not wait for Settle, and what Settle finds then it leaves alone.
func TestBookedWhereAHoldHasEnded(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		fillCalendar(t, d.Engine, alice)
		d.write(t, alice, heldUntil)
		d.now = d.now.Add(time.Hour)
		d.write(t, alice, bookB)
		d.settleAt(t, "14:00:00")
		if got, want := slotsNow(t, d.Engine, alice), "l1 busy-unavailable b, s1 busy b"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// A hold may be written after its end: by whoever asked for it, slowly, or by Settle for one who was killed. It ends all the same, though Settle was there in between.
func TestHoldsThatAreWrittenLate(t *testing.T) {
	for name, how := range map[string]ending{"slowly": answered, "by Settle": unheard, "and nobody knows": unsaid} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			fillCalendar(t, d.Engine, alice)
			d.settleAt(t, "12:00:00")
			slow := hamper(t.Context(), func(_ context.Context, point string) ending {
				if point != "Commit Appointment/a" {
					return answered
				}
				d.settleAt(t, "12:00:01")
				return how
			})
			_, err := d.Write(slow, alice, changeOf(t, holdText("a", "s1", "2026-03-01T12:00:00.5Z")))
			if (err == nil) != (how == answered) {
				t.Fatal(err)
			}
			d.settleAt(t, "12:00:10")
			d.settleAt(t, "12:00:11")
			if got := slotsNow(t, d.Engine, alice); got != "" {
				t.Errorf("after the end: %s", got)
			}
			if got := d.records(t); len(got) != 0 {
				t.Errorf("there are records %v", got)
			}
		})
	}
}

// Who is killed after a hold was written late, and before that is noted again, has left the record of the booking: Settle notes it.
func TestKilledBeforeALateHoldIsNoted(t *testing.T) {
	d := newDesk(t)
	fillCalendar(t, d.Engine, alice)
	d.settleAt(t, "12:00:00")
	late := false
	killed := hamper(t.Context(), func(_ context.Context, point string) ending {
		switch {
		case point == "Commit Appointment/a":
			d.settleAt(t, "12:00:01")
			late = true
		case late && strings.HasPrefix(point, "Swap booking/hold/"):
			return unheard
		}
		return answered
	})
	if _, err := d.Write(killed, alice, changeOf(t, holdText("a", "s1", "2026-03-01T12:00:00.5Z"))); err != nil {
		t.Fatal(err)
	}
	d.settleAt(t, "12:00:10")
	if got := slotsNow(t, d.Engine, alice); got != "" {
		t.Errorf("after the end: %s", got)
	}
	if got := d.records(t); len(got) != 0 {
		t.Errorf("there are records %v", got)
	}
}

// Each round in which there is nothing to do looks twice.
func TestSettleIsCheap(t *testing.T) {
	d := newDesk(t)
	who := d.somebody(t)
	d.write(t, who, heldUntil)
	var calls []string
	ctx := hamper(t.Context(), func(_ context.Context, point string) ending {
		calls = append(calls, point)
		return answered
	})
	if err := d.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Scan booking/step/", "Scan booking/over/", "Scan booking/hold/"}, calls); diff != "" {
		t.Error(diff)
	}
}

// What is under way is left to whoever is at it, for a while, but for the first round after a start.
func TestSettleLeavesTime(t *testing.T) {
	d := newDesk(t)
	begin := func() fhir.Principal {
		who := d.somebody(t)
		a := d.begin(t, who, bookA)
		for !strings.HasPrefix(a.at, "Commit Appointment/") {
			a.step()
		}
		a.kill()
		return who
	}
	booked := func(who fhir.Principal) bool { return len(d.appointments(t, who)) == 1 }
	first := begin()
	d.settleAt(t, "12:00:00")
	second := begin()
	d.settleAt(t, "12:00:04")
	if !booked(first) || booked(second) {
		t.Errorf("after four seconds: %t, %t", booked(first), booked(second))
	}
	d.settleAt(t, "12:00:05")
	if !booked(second) || len(d.records(t)) != 0 {
		t.Errorf("after five seconds: %t, %v", booked(second), d.records(t))
	}
}

// One appointment that cannot be settled keeps no other from it, however many there are.
func TestSettleGoesOnBehindWhatFails(t *testing.T) {
	d := newDesk(t)
	records := d.Store.Records()
	put := func(name, value string) {
		t.Helper()
		if _, err := records.Swap(t.Context(), name, 0, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	who := d.somebody(t)
	d.write(t, who, heldUntil)
	d.now = d.now.Add(time.Hour)
	for i := range 150 {
		put(fmt.Sprintf("booking/hold/2026-03-01T12:00:00.000000Z/none/%03d", i), "")
	}
	put("booking/step/aaa/strange", "what is this?")
	late := d.somebody(t)
	a := d.begin(t, late, bookA)
	for !strings.HasPrefix(a.at, "Commit Appointment/") {
		a.step()
	}
	a.kill()
	ctx := hamper(t.Context(), func(_ context.Context, point string) ending {
		if point == "Read Appointment/007" {
			return unheard
		}
		return answered
	})
	err := d.Settle(ctx)
	if err == nil || !errors.Is(err, fhir.Unavailable) || strings.Contains(err.Error(), "what is this") || !strings.Contains(err.Error(), "Z/none/007: ") || !strings.Contains(err.Error(), "step/aaa/strange: ") {
		t.Errorf("settling: %v", err)
	}
	if left := d.records(t); len(left) != 2 {
		t.Errorf("left are %v", left)
	}
	if got := d.told(t, who); got != "a cancelled, " {
		t.Errorf("the hold is left: %s", got)
	}
	if got := d.told(t, late); got != "a booked, l1 busy-unavailable a, s1 busy a" {
		t.Errorf("the booking is left: %s", got)
	}
}

// The records of one partition are never taken for those of another, whatever their names.
func TestRecordsOfPartitionsAreApart(t *testing.T) {
	d := newDesk(t)
	var all []fhir.Principal
	for _, p := range []fhir.Partition{"a/test", "a%2Ftest", "a", "a/test/a", "a test", "ä/test"} {
		who := fhir.Principal{Partition: p, Scopes: fhir.Unlimited()}
		for _, op := range d.fixture {
			if _, err := d.Store.Commit(t.Context(), p, []storage.Op{op}); err != nil {
				t.Fatal(err)
			}
		}
		d.write(t, who, heldUntil)
		d.write(t, who, strings.Replace(heldUntil, `"pending"`, `"booked"`, 1))
		d.write(t, who, holdText("test", "b1", "2026-03-01T12:30:00Z"))
		a := d.begin(t, who, "PUT Appointment/c c booked 02T09:30 02T10:00 s2")
		for !strings.HasPrefix(a.at, "Commit Appointment/") {
			a.step()
		}
		a.kill()
		all = append(all, who)
	}
	if got := len(d.records(t)); got != 3*len(all) { // two holds and a booking
		t.Errorf("%d records: %v", got, d.records(t))
	}
	d.now = d.now.Add(time.Hour)
	d.settle(t)
	for _, who := range all {
		d.mustBeWhole(t, who)
		if got, want := d.told(t, who), "a booked, c booked, test cancelled, l1 busy-unavailable a, s1 busy a, s2 busy c"; got != want {
			t.Errorf("%s: %s, want %s", who.Partition, got, want)
		}
	}
}

// A record that cannot be read is left in its place for a minute, for whoever wrote it may be at it. Then it is moved out of the way, and told of once. It does not make
// every round a first one, which would leave nobody time.
func TestDamagedRecordIsPutAside(t *testing.T) {
	d := newDesk(t)
	who := d.somebody(t)
	name := "booking/step/" + strings.ReplaceAll(string(who.Partition), "/", "%2F") + "/a"
	if _, err := d.Store.Records().Swap(t.Context(), name, 0, []byte("what is this?"), 0); err != nil {
		t.Fatal(err)
	}
	left := func() {
		t.Helper()
		if err := d.Settle(t.Context()); err == nil || !strings.Contains(err.Error(), name) || errors.As(err, new(engine.Aside)) {
			t.Errorf("at %s: %v", d.now, err)
		}
	}
	left()
	late := d.somebody(t)
	a := d.begin(t, late, bookA)
	a.until(t, "Commit Appointment/")
	a.kill()
	if left(); len(d.appointments(t, late)) != 0 {
		t.Error("the second round carried out what was just begun")
	}
	if _, err := d.Write(t.Context(), who, changeOf(t, bookA)); err == nil {
		t.Error("it was booked beside a record that cannot be read")
	}
	d.now = d.now.Add(59 * time.Second)
	left()
	d.now = d.now.Add(time.Second)
	var aside engine.Aside
	err := d.Settle(t.Context())
	if !errors.As(err, &aside) || !strings.HasPrefix(string(aside), strings.Replace(name, "/step/", "/aside/", 1)+"/") || strings.Contains(err.Error(), "what is this") {
		t.Errorf("after a minute: %v", err)
	}
	if r, err := d.Store.Records().Get(t.Context(), string(aside)); err != nil || string(r.Value) != "what is this?" {
		t.Errorf("put aside was %q, %v", r.Value, err)
	}
	d.settleAt(t, "12:01:01")
	d.write(t, who, bookA)
	if got := d.records(t); len(got) != 1 {
		t.Errorf("there are records %v", got)
	}
}

// More holds than a round lapses are lapsed by the next, eight at once; those that cannot be are in nobody's way. What is done before the server serves lapses none.
func TestManyHoldsEnd(t *testing.T) {
	d := newDesk(t)
	d.Engine = newEngineOf(t, bookable...)
	d.Now = func() time.Time { return d.now }
	const many = 620
	for i := range many {
		if _, err := d.Store.Records().Swap(t.Context(), fmt.Sprintf("booking/hold/2026-03-01T12:00:00.000000Z/none/%03d", i), 0, []byte{}, 0); err != nil {
			t.Fatal(err)
		}
	}
	left := func() int { return len(d.records(t)) }
	if err := d.Recover(t.Context()); err != nil || left() != many {
		t.Errorf("before the server serves: %v, %d", err, left())
	}
	d.Store = hampered{d.Store}
	var failing atomic.Int64
	ctx := hamper(t.Context(), func(_ context.Context, point string) ending {
		if id, is := strings.CutPrefix(point, "Read Appointment/"); is && id < "550" {
			failing.Add(1)
			return unheard
		}
		return answered
	})
	for round, want := range []struct{ left, failed int }{{many, 500}, {550, 550}, {550, 1050}} {
		if err := d.Settle(ctx); err == nil || left() != want.left || int(failing.Load()) != want.failed {
			t.Errorf("round %d: %v; left are %d, %d failed", round, err != nil, left(), failing.Load())
		}
	}
	d.settleAt(t, "13:00:00")
	d.settleAt(t, "13:00:01")
	if left() != 0 {
		t.Errorf("left are %d", left())
	}
}
