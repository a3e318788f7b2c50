package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
)

// A ledger is all that a server has of bookings. What may never be in one, whatever happened, is told by its methods as errors: they are held
// against what servers have (booking_race_test.go), and against what no server should have (booking_planted_test.go).
type ledger struct {
	rota   *rota
	visits map[string][]visitVersion // by the id of the Appointment, oldest first
	slots  map[string][]gripVersion  // by the id of the Slot, oldest first
}

// visitVersion is a version of an Appointment.
type visitVersion struct {
	visit   // zero for a deletion
	id      string
	number  int64
	at      time.Time
	deleted bool
}

// gripVersion is a version of a Slot.
type gripVersion struct {
	grip    // zero for a deletion
	id      string
	number  int64
	at      time.Time
	deleted bool
}

// ledger reads the histories of Appointments and Slots.
func (c *client) ledger(t *testing.T, r *rota) *ledger {
	t.Helper()
	c.settle(t)
	l := &ledger{rota: r, visits: make(map[string][]visitVersion), slots: make(map[string][]gripVersion)}
	for entry := range c.entries(t, "Appointment/_history?_count=1000") {
		id, number, at, body := versionIn(t, entry)
		v := visitVersion{id: id, number: number, at: at, deleted: body == nil}
		if body != nil {
			var err error
			if v.visit, err = visitOf(body); err != nil {
				t.Errorf("%s version %d: %v", id, number, err)
			}
		}
		l.visits[id] = append(l.visits[id], v)
	}
	for entry := range c.entries(t, "Slot/_history?_count=1000") {
		id, number, at, body := versionIn(t, entry)
		v := gripVersion{id: id, number: number, at: at, deleted: body == nil}
		if body != nil {
			v.grip = gripOf(body)
		}
		l.slots[id] = append(l.slots[id], v)
	}
	for _, all := range l.visits {
		slices.Reverse(all)
	}
	for _, all := range l.slots {
		slices.Reverse(all)
	}
	return l
}

// versionIn reads what every entry of a history has; the body is nil for a deletion.
func versionIn(t *testing.T, entry *fhir.Object) (id string, number int64, at time.Time, body *fhir.Object) {
	t.Helper()
	response := entry.Object("response")
	at, err := time.Parse(time.RFC3339Nano, response.Text("lastModified"))
	if err != nil {
		t.Fatal(err)
	}
	return path.Base(entry.Text("fullUrl")), versionOf(response.Text("etag")), at, entry.Object("resource")
}

// present is what the server has now, as searches find it: the newest version of each alone.
func (c *client) present(t *testing.T, r *rota) *ledger {
	t.Helper()
	l := &ledger{rota: r, visits: make(map[string][]visitVersion), slots: make(map[string][]gripVersion)}
	for entry := range c.entries(t, "Appointment?_count=1000") {
		body := entry.Object("resource")
		v, err := visitOf(body)
		if err != nil {
			t.Error(err)
		}
		l.visits[body.Text("id")] = []visitVersion{{visit: v, id: body.Text("id")}}
	}
	for entry := range c.entries(t, "Slot?_count=1000") {
		body := entry.Object("resource")
		l.slots[body.Text("id")] = []gripVersion{{grip: gripOf(body), id: body.Text("id")}}
	}
	return l
}

// newest is the last of some versions.
func newest[V any](versions []V) (v V) {
	if len(versions) > 0 {
		v = versions[len(versions)-1]
	}
	return v
}

// bundleTag is the name of the request in which a version came to be: the tag, without the number of the entry.
func bundleTag(tag string) string {
	name, _, _ := strings.Cut(tag, "e")
	return name
}

// chronicle is all versions of Appointments in the order in which they came to be. Those that one transaction made at once stand together.
func (l *ledger) chronicle() (groups [][]visitVersion) {
	var all []visitVersion
	for _, versions := range l.visits {
		all = append(all, versions...)
	}
	slices.SortFunc(all, func(a, b visitVersion) int { return a.at.Compare(b.at) })
	for i, v := range all {
		if i > 0 && v.tag != "" && v.id != all[i-1].id && bundleTag(v.tag) == bundleTag(all[i-1].tag) {
			groups[len(groups)-1] = append(groups[len(groups)-1], v)
			continue
		}
		groups = append(groups, []visitVersion{v})
	}
	return groups
}

// doubleBookings are the moments at which two live appointments had one slot, or two that overlap.
func (l *ledger) doubleBookings() (faults []error) {
	holders, has := make(map[string]string), make(map[string][]string)
	for _, group := range l.chronicle() {
		for _, v := range group {
			for _, s := range has[v.id] {
				if holders[s] == v.id {
					delete(holders, s)
				}
			}
			has[v.id] = nil
		}
		for _, v := range group {
			if !v.lives() {
				continue
			}
			for _, s := range v.slots {
				for _, other := range l.rota.besides(s) {
					if h := holders[other]; h != "" && h != v.id {
						faults = append(faults, fmt.Errorf("Appointment/%s version %d (%s, %s) has %s, while Appointment/%s has %s", v.id, v.number, v.status, v.at.Format(time.StampMicro), s, h, other))
					}
				}
				holders[s] = v.id
			}
			has[v.id] = v.slots
		}
	}
	return faults
}

// loose are the slots and appointments that do not agree with each other as things are now. For a moment they need not, where the
// store has no transactions; but once nobody writes, and the server has finished what a crash left.
func (l *ledger) loose(asked map[string]string, now time.Time) (faults []error) {
	want := make(map[string]grip)
	for id, versions := range l.visits {
		v := newest(versions)
		if v.status == "pending" && !v.until.IsZero() && v.until.Before(now) {
			faults = append(faults, fmt.Errorf("Appointment/%s is pending, though its hold ended at %s", id, v.until))
		}
		if !v.lives() {
			continue
		}
		for _, s := range v.slots {
			for _, other := range l.rota.besides(s) {
				if want[other].status == "" {
					want[other] = grip{status: "busy-unavailable", holder: id}
				}
			}
			if w := want[s]; w.status != "" && w.status != "busy-unavailable" {
				faults = append(faults, fmt.Errorf("Slot/%s is had by Appointment/%s and Appointment/%s", s, w.holder, id))
			}
			want[s] = grip{status: map[bool]string{true: "busy-tentative", false: "busy"}[v.status == "pending"], holder: id}
		}
	}
	for _, s := range l.rota.slots {
		got, w := newest(l.slots[s.id]), want[s.id]
		switch {
		case w.status == "busy-unavailable": // several may stand in its way, of which it names one
			h := newest(l.visits[got.holder])
			stands := h.lives() && slices.ContainsFunc(h.slots, func(other string) bool { return slices.Contains(l.rota.besides(other), s.id) })
			away := got.holder == "" && asked[got.tag] == got.status // a client made it so
			if !away && (got.status != w.status || !stands) {
				faults = append(faults, fmt.Errorf("Slot/%s overlaps with what Appointment/%s has, but is %s and names %q", s.id, w.holder, got.status, got.holder))
			}
		case w.status != "" && (got.status != w.status || got.holder != w.holder):
			faults = append(faults, fmt.Errorf("Slot/%s should be %s for Appointment/%s, but is %s and names %q", s.id, w.status, w.holder, got.status, got.holder))
		case w.status == "" && got.holder != "":
			faults = append(faults, fmt.Errorf("Slot/%s is %s and names Appointment/%s, which does not have it", s.id, got.status, got.holder))
		case w.status == "" && got.status != "free" && asked[got.tag] != got.status:
			faults = append(faults, fmt.Errorf("Slot/%s is %s and names nobody, and no client asked for that", s.id, got.status))
		}
	}
	return faults
}

// moment is how far apart the instants of one commit may be.
const moment = time.Millisecond

// dropped are the versions of slots that did not name the live appointment that had them. A booking takes the slots before the appointment is there, and
// releases them when it is not any more.
func (l *ledger) dropped() (faults []error) {
	for id, versions := range l.visits {
		for i, v := range versions {
			if !v.lives() {
				continue
			}
			end := endOfTime
			if i+1 < len(versions) {
				end = versions[i+1].at
			}
			for _, s := range v.slots {
				for _, g := range l.during(s, v.at.Add(moment), end.Add(-moment)) {
					if g.holder != id {
						faults = append(faults, fmt.Errorf("Slot/%s version %d (%s, %s) names %q, while Appointment/%s version %d has it", s, g.number, g.status, g.at.Format(time.StampMicro), g.holder, id, v.number))
					}
				}
			}
		}
	}
	return faults
}

// endOfTime is later than everything.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// during are the versions of a slot that were there at some time between two moments.
func (l *ledger) during(slot string, begin, end time.Time) (versions []gripVersion) {
	all := l.slots[slot]
	for i, g := range all {
		next := endOfTime
		if i+1 < len(all) {
			next = all[i+1].at
		}
		if begin.Before(end) && g.at.Before(end) && next.After(begin) {
			versions = append(versions, g)
		}
	}
	return versions
}
