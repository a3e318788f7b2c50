package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// A rota is the time that the tests of booking race for. Each doctor has ten slots of half an hour: every second one on one Schedule, one behind the
// other; the others on two, for they work in two places, and each slot of one place overlaps with two of the other.

const (
	slotsOfDoctor = 10
	slotLength    = 30 * time.Minute
)

// rotaSlot is one stretch of a doctor's time.
type rotaSlot struct {
	id, schedule, doctor string
	place                int // among those of the doctor
	start, end           time.Time
}

// rota is all slots, those of one doctor behind each other.
type rota struct {
	slots []rotaSlot
	byID  map[string]int
}

// newRota has n slots, on a day long after now.
func newRota(n int, now time.Time) *rota {
	dawn := now.UTC().Truncate(24*time.Hour).AddDate(0, 1, 0)
	r := &rota{byID: make(map[string]int)}
	for i := range n {
		number, place := i/slotsOfDoctor, i%slotsOfDoctor
		s := rotaSlot{id: fmt.Sprintf("slot-%d", i), doctor: fmt.Sprintf("doctor-%d", number), place: place}
		half, late := place, time.Duration(0)
		s.schedule = s.doctor + "-a"
		if number%2 == 1 && place >= slotsOfDoctor/2 {
			half, late = place-slotsOfDoctor/2, slotLength/2
			s.schedule = s.doctor + "-b"
		}
		s.start = dawn.Add(time.Duration(half)*slotLength + late)
		s.end = s.start.Add(slotLength)
		r.slots, r.byID[s.id] = append(r.slots, s), i
	}
	return r
}

// slot is the one of an id.
func (r *rota) slot(id string) rotaSlot { return r.slots[r.byID[id]] }

// besides are the slots that cannot be had by two appointments, of which one has this slot: itself, and what overlaps with it.
func (r *rota) besides(id string) (ids []string) {
	s := r.slot(id)
	first := r.byID[id] - s.place
	for _, other := range r.slots[first:min(first+slotsOfDoctor, len(r.slots))] {
		if s.start.Before(other.end) && other.start.Before(s.end) {
			ids = append(ids, other.id)
		}
	}
	return ids
}

// from are n adjacent slots, or fewer where the schedule ends.
func (r *rota) from(i, n int) (ids []string) {
	for k := i; k < min(i+n, len(r.slots)) && r.slots[k].schedule == r.slots[i].schedule; k++ {
		ids = append(ids, r.slots[k].id)
	}
	return ids
}

// doctors are those of slots.
func (r *rota) doctors(ids ...string) (doctors []string) {
	for _, id := range ids {
		if d := r.slot(id).doctor; !slices.Contains(doctors, d) {
			doctors = append(doctors, d)
		}
	}
	return doctors
}

// resources are what has to be there before somebody books.
func (r *rota) resources() (all []request) {
	put := func(typ, id, rest string) {
		all = append(all, request{method: http.MethodPut, path: typ + "/" + id, body: fmt.Sprintf(`{"resourceType":%q,"id":%q%s}`, typ, id, rest)})
	}
	put("Patient", "patient", "")
	known := make(map[string]bool)
	for _, s := range r.slots {
		if !known[s.doctor] {
			put("Practitioner", s.doctor, "")
		}
		if !known[s.schedule] {
			put("Schedule", s.schedule, fmt.Sprintf(`,"actor":[{"reference":"Practitioner/%s"}]`, s.doctor))
		}
		known[s.doctor], known[s.schedule] = true, true
	}
	for _, s := range r.slots {
		all = append(all, request{method: http.MethodPut, path: "Slot/" + s.id, body: s.text("free", "loaded")})
	}
	return all
}

// text is a Slot as a client writes it. The comment tells which request made it.
func (s rotaSlot) text(status, tag string) string {
	return fmt.Sprintf(`{"resourceType":"Slot","id":%q,"schedule":{"reference":"Schedule/%s"},"status":%q,"start":%q,"end":%q,"comment":%q}`,
		s.id, s.schedule, status, s.start.Format(time.RFC3339), s.end.Format(time.RFC3339), tag)
}

// visit is what an Appointment says of its time. The tag tells which request made it: it is its comment, or its reason where $find proposed it.
type visit struct {
	status string
	slots  []string
	until  time.Time // it is held until then; zero where it is not
	tag    string
}

// lives says whether the appointment takes its slots.
func (v visit) lives() bool {
	return slices.Contains([]string{"pending", "booked", "arrived", "checked-in"}, v.status)
}

// same says whether two appointments take the same time in the same way.
func (v visit) same(w visit) bool {
	return v.status == w.status && slices.Equal(v.slots, w.slots) && v.until.Equal(w.until)
}

// text is an Appointment as a client writes it; with an empty id it has none.
func (r *rota) text(id string, v visit) string {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Appointment"`)
	if id != "" {
		fmt.Fprintf(&b, `,"id":%q`, id)
	}
	if !v.until.IsZero() {
		fmt.Fprintf(&b, `,"extension":[{"url":%q,"valueInstant":%q}]`, booking.HoldUntilURL, v.until.Format(time.RFC3339Nano))
	}
	fmt.Fprintf(&b, `,"status":%q`, v.status)
	if len(v.slots) > 0 {
		first, last := r.slot(v.slots[0]), r.slot(v.slots[len(v.slots)-1])
		fmt.Fprintf(&b, `,"start":%q,"end":%q,"slot":[`, first.start.Format(time.RFC3339), last.end.Format(time.RFC3339))
		for i, s := range v.slots {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"reference":"Slot/%s"}`, s)
		}
		b.WriteByte(']')
	}
	fmt.Fprintf(&b, `,"comment":%q,"participant":[{"actor":{"reference":"Patient/patient"},"status":"accepted"}]}`, v.tag)
	return b.String()
}

// visitOf reads an Appointment.
func visitOf(o *fhir.Object) (visit, error) {
	v := visit{status: o.Text("status"), tag: o.Text("comment")}
	for _, reason := range o.Objects("reasonCode") {
		for _, coding := range reason.Objects("coding") {
			if coding.Text("system") == tagSystem && v.tag == "" {
				v.tag = coding.Text("code")
			}
		}
	}
	for _, reference := range o.Objects("slot") {
		v.slots = append(v.slots, strings.TrimPrefix(reference.Text("reference"), "Slot/"))
	}
	for _, extension := range o.Objects("extension") {
		if extension.Text("url") != booking.HoldUntilURL {
			continue
		}
		var err error
		if v.until, err = time.Parse(time.RFC3339Nano, extension.Text("valueInstant")); err != nil {
			return v, err
		}
	}
	return v, nil
}

// grip is what a Slot says of who has it.
type grip struct {
	status string
	holder string // id of the Appointment that it names; "" for none
	tag    string // which request of a client made it
}

// gripOf reads a Slot.
func gripOf(o *fhir.Object) grip {
	g := grip{status: o.Text("status"), tag: o.Text("comment")}
	for _, extension := range o.Objects("extension") {
		if extension.Text("url") == booking.HolderURL {
			g.holder = strings.TrimPrefix(extension.Object("valueReference").Text("reference"), "Appointment/")
		}
	}
	return g
}
