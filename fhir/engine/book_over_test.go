package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

// interposed is a store that has something done before a commit.
type interposed struct {
	storage.Store
	before func()
}

func (s *interposed) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	if do := s.before; do != nil {
		s.before = nil
		do()
	}
	return s.Store.Commit(ctx, p, ops)
}

// besideEachOther are two changes, of which one leaves what overlaps with both to the other: l1 is kept from others behind them, whoever is first.
var besideEachOther = []struct{ name, one, other, want string }{
	{"cancelled", cancelA, bookS2, "l1 busy-unavailable c, s2 busy c"},
	{"deleted", "DELETE Appointment/a", bookS2, "l1 busy-unavailable c, s2 busy c"},
	{"moved", "PUT Appointment/a a booked 02T09:00 02T09:30 b1", bookS2, "b1 busy a, l1 busy-unavailable c, s2 busy c"},
}

// TestBookedBesideWhatIsReleased: the second of two transactions finds what the first one has done, though they write no slot in common.
func TestBookedBesideWhatIsReleased(t *testing.T) {
	for _, n := range besideEachOther {
		for _, order := range [][2]string{{n.one, n.other}, {n.other, n.one}} {
			t.Run(n.name, func(t *testing.T) {
				e := newCalendar(t)
				mustTransact(t, e.Store)
				ok(bookA).carryOut(t, e)
				store := &interposed{Store: e.Store}
				e.Store = store
				first := changeOf(t, order[0])
				store.before = func() { ok(order[1]).carryOut(t, e) }
				if _, err := e.Write(t.Context(), alice, first); err != nil {
					t.Fatal(err)
				}
				if got := slotsNow(t, e, alice); got != n.want {
					t.Errorf("%s\nwant %s", got, n.want)
				}
			})
		}
	}
}

// TestReleasedBesideANewSlot: a slot that comes to be and is booked while one that overlaps with it is released.
func TestReleasedBesideANewSlot(t *testing.T) {
	e := newCalendar(t)
	mustTransact(t, e.Store)
	ok(bookA).carryOut(t, e)
	store := &interposed{Store: e.Store}
	e.Store = store
	store.before = func() {
		ok("PUT Slot/new new ann 02T09:40 02T09:50 free").carryOut(t, e)
		ok("PUT Appointment/c c booked 02T09:40 02T09:50 new").carryOut(t, e)
	}
	ok(cancelA).carryOut(t, e)
	if got, want := slotsNow(t, e, alice), "l1 busy-unavailable c, new busy c, s2 busy-unavailable c"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestReleasedAndBookedAtOnce: whichever of two is carried out first, what overlaps with a booking is not free.
func TestReleasedAndBookedAtOnce(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	e := newEngineOf(t, bookable...)
	for round := range rounds {
		who := alice
		who.Partition = fhir.Partition(fmt.Sprintf("site%d/test", round))
		for _, told := range []string{
			`PUT Schedule/ann {"resourceType":"Schedule","id":"ann","actor":[{"reference":"Practitioner/ann"}]}`, `PUT Schedule/long {"resourceType":"Schedule","id":"long","actor":[{"reference":"Practitioner/ann"}]}`,
			"PUT Slot/s1 s1 ann 02T09:00 02T09:30 free", "PUT Slot/s2 s2 ann 02T09:30 02T10:00 free", "PUT Slot/l1 l1 long 02T09:00 02T10:00 free", bookA,
		} {
			if _, err := e.Write(t.Context(), who, changeOf(t, told)); err != nil {
				t.Fatal(err)
			}
		}
		changes := []engine.Change{changeOf(t, cancelA), changeOf(t, bookS2)}
		together(len(changes), func(i int) {
			if _, err := e.Write(t.Context(), who, changes[i]); err != nil {
				t.Error(err)
			}
		})
		if got, want := slotsNow(t, e, who), "l1 busy-unavailable c, s2 busy c"; got != want {
			t.Fatalf("round %d: %s\nwant %s", round, got, want)
		}
	}
}

// Of two changes one is stopped before each call of a store without transactions, and the other is carried out meanwhile, or stopped before each of its calls as
// well until the first has ended.
func TestReleasedAndBookedInSteps(t *testing.T) {
	ofThisPackageAlone(t)
	t.Parallel()
	d := newDesk(t)
	width := 12
	if testing.Short() {
		width = 40
	}
	for _, n := range besideEachOther {
		for _, order := range [][2]string{{n.one, n.other}, {n.other, n.one}} {
			t.Run(n.name, func(t *testing.T) {
				for stops, ended := 0, false; !ended; stops++ {
					for others, otherEnded := 0, false; !otherEnded; others += width {
						who := d.somebody(t)
						d.write(t, who, bookA)
						one, other := d.begin(t, who, order[0]), d.begin(t, who, order[1])
						for range stops {
							if ended = one.ended; !ended {
								one.step()
							}
						}
						for range others {
							if otherEnded = other.ended; !otherEnded {
								other.step()
							}
						}
						at, otherAt := one.at, other.at
						if err := errors.Join(one.finish(), other.finish()); err != nil {
							t.Fatalf("before %s and %s: %v", at, otherAt, err)
						}
						d.mustBeWhole(t, who)
						if got := slotsNow(t, d.Engine, who); got != n.want || t.Failed() {
							t.Fatalf("before %s and %s: %s\nwant %s", at, otherAt, got, n.want)
						}
					}
				}
			})
		}
	}
}

// Somebody is stopped before each call by which a slot is handed over; the appointment that it goes to is cancelled meanwhile; and then they are killed, or go on.
func TestHandedOverLate(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, killed := range []bool{true, false} {
		d.eachStop(t, []string{bookA, bookS2}, cancelA, func(s stopped, was, is string) {
			d.settle(t)
			d.write(t, s.who, patched("c", "cancelled"))
			if s.step(); killed {
				s.kill()
			} else if err := s.finish(); err != nil && !errors.Is(err, fhir.Conflict) {
				t.Error(err)
			}
			d.settle(t)
			d.mustBeWhole(t, s.who)
		})
	}
}

var roles = []string{
	`PUT PractitionerRole/gp {"resourceType":"PractitionerRole","id":"gp","practitioner":{"reference":"Practitioner/ann"}}`,
	`PUT PractitionerRole/chief {"resourceType":"PractitionerRole","id":"chief","practitioner":{"reference":"Practitioner/ann"}}`,
	`PUT PractitionerRole/else {"resourceType":"PractitionerRole","id":"else","practitioner":{"reference":"Practitioner/zoe"}}`,
	`PUT Schedule/gp {"resourceType":"Schedule","id":"gp","actor":[{"reference":"PractitionerRole/gp"}]}`,
	`PUT Schedule/chief {"resourceType":"Schedule","id":"chief","actor":[{"reference":"PractitionerRole/chief"}]}`,
	`PUT Schedule/else {"resourceType":"Schedule","id":"else","actor":[{"reference":"PractitionerRole/else"}]}`,
	"PUT Slot/g1 g1 gp 02T09:00 02T09:30 free", "PUT Slot/h1 h1 chief 02T09:15 02T09:45 free", "PUT Slot/e1 e1 else 02T09:00 02T09:30 free",
}

// TestRolesAreOnePerson: whoever works in several roles is at one place at a time.
func TestRolesAreOnePerson(t *testing.T) {
	for _, test := range []struct {
		name string
		booked, refused,
		want string
	}{
		{"a practitioner", bookA, "PUT Appointment/b b booked 02T09:00 02T09:30 g1", "g1 busy-unavailable a, h1 busy-unavailable a, l1 busy-unavailable a, s1 busy a"},
		{"a role", "PUT Appointment/a a booked 02T09:00 02T09:30 g1", bookB, "g1 busy a, h1 busy-unavailable a, l1 busy-unavailable a, s1 busy-unavailable a"},
		{"another role", "PUT Appointment/a a booked 02T09:00 02T09:30 g1", "PUT Appointment/b b booked 02T09:15 02T09:45 h1", "g1 busy a, h1 busy-unavailable a, l1 busy-unavailable a, s1 busy-unavailable a"},
		{"somebody else", "PUT Appointment/a a booked 02T09:00 02T09:30 e1", "", "e1 busy a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEngineOf(t, append([]string{"PractitionerRole"}, bookable...)...)
			fillCalendar(t, e, alice)
			for _, told := range roles {
				ok(told).carryOut(t, e)
			}
			ok(test.booked).carryOut(t, e)
			if test.refused != "" {
				refused(fhir.Conflict, "taken", test.refused).carryOut(t, e)
			}
			if got := slotsNow(t, e, alice); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
			ok("DELETE Appointment/a").carryOut(t, e)
			if got := slotsNow(t, e, alice); got != "" {
				t.Errorf("nothing is booked, but %s", got)
			}
		})
	}
}

// TestSchedulesOfBookings: as long as slots of a Schedule are taken, it is there, and its people stay the same.
func TestSchedulesOfBookings(t *testing.T) {
	const bobs, described = `PUT Schedule/ann {"resourceType":"Schedule","id":"ann","actor":[{"reference":"Practitioner/bob"},{"reference":"Location/1"}]}`,
		`PUT Schedule/ann {"resourceType":"Schedule","id":"ann","actor":[{"reference":"Location/2"},{"reference":"Practitioner/ann"}],"comment":"downstairs"}`
	const patchedToBob = `PATCH Schedule/ann [{"op":"replace","path":"/actor/0/reference","value":"Practitioner/bob"}]`
	playBookings(t, []bookingScenario{
		{"it is not deleted", []written{ok(bookA), refused(fhir.Conflict, "Slot/s1 of Schedule/ann is taken by Appointment/a", "DELETE Schedule/ann")}, heldByA},
		{"nor one whose slots only overlap", []written{ok(bookA), refused(fhir.Conflict, "Slot/l1 of Schedule/long is taken by Appointment/a", "DELETE Schedule/long")}, heldByA},
		{"nor given to somebody else", []written{ok(bookA), refused(fhir.Conflict, "Schedule.actor: Slot/s1 of Schedule/ann is taken by Appointment/a", bobs)}, heldByA},
		{"nor by a patch", []written{ok(bookA), refused(fhir.Conflict, "Schedule.actor", patchedToBob)}, heldByA},
		{"but described, and moved to another place", []written{ok(bookA), ok(described)}, heldByA},
		{"where nothing is booked, it may go", []written{ok(bookA), ok(cancelA), ok("DELETE Schedule/ann")}, ""},
		{"or to somebody else", []written{ok(bookA), ok(cancelA), ok(bobs), ok(patchedToBob)}, ""},
		{"others do not keep it", []written{ok("PUT Appointment/a a booked 02T09:00 02T09:30 b1"), ok("DELETE Schedule/ann")}, "b1 busy a"},
		{"it goes with its appointment", []written{ok(bookA), ok("DELETE Appointment/a", "DELETE Schedule/ann")}, ""},
		{"and not with one that comes", []written{refused(fhir.Conflict, "cannot be deleted", bookA, "DELETE Schedule/ann")}, ""},
	})
}

// TestScheduleChangedMeanwhile: a booking rests on the Schedules that it found, and a change of a Schedule on that nothing is booked.
func TestScheduleChangedMeanwhile(t *testing.T) {
	for _, order := range [][2]string{{bookA, "DELETE Schedule/long"}, {"DELETE Schedule/long", bookA}} {
		e := newCalendar(t)
		mustTransact(t, e.Store)
		store := &interposed{Store: e.Store}
		e.Store = store
		store.before = func() { ok(order[1]).carryOut(t, e) }
		_, err := e.Write(t.Context(), alice, changeOf(t, order[0]))
		_, gone := e.Read(t.Context(), alice, fhir.Key{Type: "Schedule", ID: "long"})
		want := heldByA
		if gone != nil {
			want = "s1 busy a"
		}
		if got := slotsNow(t, e, alice); got != want || (gone == nil) != errors.Is(err, fhir.Conflict) {
			t.Errorf("%s was answered %v; the Schedule: %v; %s", order[0], err, gone, got)
		}
	}
}
