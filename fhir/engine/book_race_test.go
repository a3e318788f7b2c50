package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/engine"
)

// wantSound holds what is stored against what is true of bookings: every live appointment has the slots that it names, every held slot is that of a live
// appointment, and no two of them overlap with an actor in common. It returns the live appointments by the slots that they name.
func wantSound(t *testing.T, e *engine.Engine, who fhir.Principal) map[string]string {
	t.Helper()
	const base = "http://example.org/fhir"
	read := func(resourceType string) (all []fhir.Resource) {
		page, err := e.Search(t.Context(), who, engine.SearchRequest{Type: resourceType, Query: "_count=1000"})
		if err != nil || page.Next != "" {
			t.Fatal(err, page.Next)
		}
		for _, v := range page.Versions {
			r, err := fhir.ParseResource(v.Body)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		return all
	}
	slots, live, byName := map[fhir.Key]booking.Slot{}, map[fhir.Key]booking.Appointment{}, map[string]string{}
	for _, r := range read("Slot") {
		s := booking.SlotOf(base, r)
		slots[s.Key] = s
	}
	for _, r := range read("Appointment") {
		a := booking.AppointmentOf(base, r)
		if !a.IsLive() {
			continue
		}
		live[a.Key] = a
		for _, slot := range a.Slots {
			if other := byName[slot.ID]; other != "" {
				t.Errorf("%s is that of %s and of %s", slot, other, a.Key.ID)
			}
			byName[slot.ID] = a.Key.ID
			if s := slots[slot]; s.Holder != a.Key || s.Status != "busy" && s.Status != "busy-tentative" {
				t.Errorf("%s names %s, which is %+v", a.Key, slot, s)
			}
		}
	}
	for _, s := range slots {
		a := live[s.Holder]
		overlaps := s.Status == "busy-unavailable" && a.Start < s.End && s.Start < a.End
		if s.Holder.ID != "" && !slices.Contains(a.Slots, s.Key) && !overlaps {
			t.Errorf("%+v names an appointment that is %+v", s, a)
		}
	}
	whole := e.Store.Transactions() // where there are none, one may look free that is not (booking/DESIGN.md, "Without transactions")
	ofAnn := func(s booking.Slot) bool { return s.Schedule.ID == "ann" || s.Schedule.ID == "long" }
	for a, of := range byName {
		for b, other := range byName {
			x, y := slots[fhir.Key{Type: "Slot", ID: a}], slots[fhir.Key{Type: "Slot", ID: b}]
			if of != other && ofAnn(x) && ofAnn(y) && x.Start < y.End && y.Start < x.End {
				t.Errorf("%s of %s overlaps with %s of %s", a, of, b, other)
			}
		}
		for _, s := range slots {
			x := slots[fhir.Key{Type: "Slot", ID: a}]
			if whole && s.Status == "free" && ofAnn(x) && ofAnn(s) && x.Start < s.End && s.Start < x.End {
				t.Errorf("%s is free, and overlaps with %s of %s", s.Key, a, of)
			}
		}
	}
	return byName
}

// TestConcurrentBookings: of many who book few slots at once each slot has one, and who is refused is told that it is taken.
func TestConcurrentBookings(t *testing.T) {
	e := newCalendar(t)
	want := []string{"b1 02T09:00 02T09:30", "r1 02T09:00 02T09:30", "r2 02T09:00 02T09:30", "s3 02T10:00 02T10:30", "c2 05T09:00 05T09:30", "s1 02T09:00 02T09:30", "s2 02T09:30 02T10:00", "l1 02T09:00 02T10:00"}
	const clients = 64
	var mu sync.Mutex
	booked := map[string]int{}
	together(clients, func(i int) {
		slot, times, _ := strings.Cut(want[i%len(want)], " ")
		request := "POST Appointment"
		id := "-"
		if i%3 == 0 {
			id = fmt.Sprint("a", i)
			request = "PUT Appointment/" + id
		}
		_, err := e.Write(t.Context(), alice, changeOf(t, fmt.Sprintf("%s %s booked %s %s", request, id, times, slot)))
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			booked[slot]++
		case !errors.Is(err, fhir.Conflict) || !strings.Contains(err.Error(), "taken"):
			t.Errorf("%s: %v", slot, err)
		}
	})
	live := wantSound(t, e, alice)
	for slot, n := range booked {
		if n != 1 || live[slot] == "" {
			t.Errorf("%d booked %s, which is that of %q", n, slot, live[slot])
		}
	}
	if got := slices.Sorted(maps.Keys(booked)); !slices.Equal(got, []string{"b1", "c2", "l1", "r1", "r2", "s3"}) && !slices.Equal(got, []string{"b1", "c2", "r1", "r2", "s1", "s2", "s3"}) &&
		!slices.Equal(got, []string{"b1", "c2", "r1", "r2", "s1", "s3"}) && !slices.Equal(got, []string{"b1", "c2", "r1", "r2", "s2", "s3"}) {
		t.Errorf("booked are %v", got)
	}
}

// TestConcurrentMoves: appointments are made, moved and cancelled at once on a few slots, some of which overlap; whatever becomes of each, what is stored is sound
// at the end, and when all are cancelled every slot is free.
func TestConcurrentMoves(t *testing.T) {
	e := newCalendar(t)
	places := []string{"02T09:00 02T09:30 s1", "02T09:30 02T10:00 s2", "02T09:00 02T10:00 l1", "02T09:00 02T10:00 s1 s2", "02T10:00 02T10:30 s3", "02T10:00 02T11:00 l2", "02T09:00 02T09:30 r1"}
	const clients, rounds = 16, 12
	together(clients, func(i int) {
		for round := range rounds {
			id := fmt.Sprint("a", (i+round)%6)
			status := []string{"booked", "booked", "pending", "cancelled"}[(i*7+round*3)%4]
			change := changeOf(t, fmt.Sprintf("PUT Appointment/%s %s %s %s", id, id, status, places[(i+round*5)%len(places)]))
			if (i+round)%11 == 0 {
				change = changeOf(t, "DELETE Appointment/"+id)
			}
			if _, err := e.Write(t.Context(), alice, change); err != nil && !errors.Is(err, fhir.Conflict) {
				t.Errorf("%s: %v", change.Key, err)
			}
		}
	})
	wantSound(t, e, alice)
	for i := range 6 {
		ok(fmt.Sprintf("DELETE Appointment/a%d", i)).carryOut(t, e)
	}
	if got := slotsNow(t, e, alice); got != "" {
		t.Errorf("nothing is booked, but not all is free: %s", got)
	}
}

// TestConcurrentNewSlots: two transactions that bring a slot each, and book it, do not see each other's; where the slots overlap, one is refused.
func TestConcurrentNewSlots(t *testing.T) {
	e := newCalendar(t)
	mustTransact(t, e.Store)
	const clients = 16
	var mu sync.Mutex
	booked := 0
	together(clients, func(i int) {
		id := fmt.Sprint("n", i)
		times := fmt.Sprintf("03T09:%02d 03T09:%02d", i, i+30)
		_, err := e.Transact(t.Context(), alice, []engine.Change{
			changeOf(t, fmt.Sprintf("PUT Slot/%s %s ann %s free", id, id, times)), changeOf(t, fmt.Sprintf("PUT Appointment/%s %s booked %s %s", id, id, times, id)),
		})
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			booked++
		} else if !errors.Is(err, fhir.Conflict) {
			t.Error(err)
		}
	})
	if wantSound(t, e, alice); booked != 1 {
		t.Errorf("%d are booked", booked)
	}
}

// TestBookingsByChance: whatever is changed after whatever else, alone or in transactions, what is stored is sound; and all is free when nothing is booked.
func TestBookingsByChance(t *testing.T) {
	places := []string{
		"02T09:00 02T09:30 s1", "02T09:30 02T10:00 s2", "02T09:00 02T10:00 l1", "02T09:00 02T10:00 s1 s2", "02T10:00 02T10:30 s3", "02T10:00 02T11:00 l2", "02T09:00 02T11:00 l1 l2",
		"02T09:00 02T09:30 r1", "02T09:00 02T09:30 b1", "02T09:30 02T10:30 s3 s2",
	}
	statuses := []string{"booked", "booked", "pending", "arrived", "fulfilled", "cancelled", "noshow", "proposed", "waitlist"}
	e := newEngineOf(t, bookable...)
	for seed := range uint64(4) {
		who := alice
		who.Partition = fhir.Partition(fmt.Sprintf("site%d/test", seed))
		fillCalendar(t, e, who)
		chance := rand.New(rand.NewPCG(seed, 0))
		done := 0
		for range 120 {
			var changes []engine.Change
			for _, id := range chance.Perm(5)[:1+chance.IntN(3)] {
				told := fmt.Sprintf("PUT Appointment/a%d a%d %s %s", id, id, statuses[chance.IntN(len(statuses))], places[chance.IntN(len(places))])
				if chance.IntN(8) == 0 {
					told = fmt.Sprintf("DELETE Appointment/a%d", id)
				}
				changes = append(changes, changeOf(t, told))
			}
			var err error
			if len(changes) > 1 && e.Store.Transactions() {
				_, err = e.Transact(t.Context(), who, changes)
			} else {
				_, err = e.Write(t.Context(), who, changes[0])
			}
			if err == nil {
				done++
			} else if !errors.Is(err, fhir.Conflict) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if wantSound(t, e, who); t.Failed() {
				t.Fatalf("seed %d, after %+v", seed, changes)
			}
		}
		for id := range 5 {
			if _, err := e.Write(t.Context(), who, changeOf(t, fmt.Sprintf("DELETE Appointment/a%d", id))); err != nil {
				t.Fatal(err)
			}
		}
		if got := slotsNow(t, e, who); got != "" || done < 30 {
			t.Errorf("seed %d: %d were carried out; nothing is booked, but not all is free: %s", seed, done, got)
		}
	}
}
