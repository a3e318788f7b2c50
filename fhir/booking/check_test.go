package booking_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// slot is one of Schedule/1 unless told otherwise, on 5 January 2026.
func slot(id, start, end string, schedule ...string) booking.Slot {
	s := booking.Slot{Key: key("Slot", id), Status: "free", Span: booking.Span{Start: at("2026-01-05T" + start), End: at("2026-01-05T" + end)}, Schedule: key("Schedule", "1")}
	if schedule != nil {
		s.Schedule = fhir.Key{}
		if schedule[0] != "" {
			s.Schedule = key("Schedule", schedule[0])
		}
	}
	return s
}

func TestCheckFit(t *testing.T) {
	first, second, third := slot("1", "09:00:00Z", "09:10:00Z"), slot("2", "09:10:00Z", "09:20:00Z"), slot("3", "09:20:00Z", "09:30:00Z")
	for name, tt := range map[string]struct {
		start, end string // "" for an appointment without time
		names      string // ids, "!" before that of one of another server
		slots      []booking.Slot
		want       []string
	}{
		"none":                             {"09:00:00Z", "09:30:00Z", "", nil, nil},
		"one":                              {"09:00:00Z", "09:10:00Z", "1", []booking.Slot{first}, nil},
		"in another order":                 {"09:00:00Z", "09:30:00Z", "2 3 1", []booking.Slot{second, third, first}, nil},
		"other digits, other zone":         {"10:00:00.000+01:00", "09:10:00.0Z", "1", []booking.Slot{first}, nil},
		"one elsewhere":                    {"09:00:00Z", "09:10:00Z", "!9 1", []booking.Slot{first}, nil},
		"of a foreign schedule, but alone": {"09:00:00Z", "09:10:00Z", "1", []booking.Slot{slot("1", "09:00:00Z", "09:10:00Z", "")}, nil},
		"twice": {"09:00:00Z", "09:10:00Z", "1 !9 1", []booking.Slot{first, first},
			[]string{"Appointment.slot[2]: Slot/1 is named twice: name each slot once."}},
		"not there": {"07:00:00Z", "07:30:00Z", "1 9", []booking.Slot{first, {}},
			[]string{"Appointment.slot[1]: There is no Slot/9: an appointment takes slots that exist."}},
		"with a gap": {"09:00:00Z", "09:30:00Z", "3 1", []booking.Slot{third, first},
			[]string{"Appointment.slot[0]: Slot/3 begins at 2026-01-05T09:20:00Z, but Slot/1, which is before it, ends at 2026-01-05T09:10:00Z: the slots of an appointment are adjacent."}},
		"overlapping": {"09:00:00Z", "09:15:00.5Z", "1 4", []booking.Slot{first, slot("4", "09:05:00Z", "09:15:00.5Z")},
			[]string{"Appointment.slot[1]: Slot/4 begins at 2026-01-05T09:05:00Z, but Slot/1, which is before it, ends at 2026-01-05T09:10:00Z: the slots of an appointment are adjacent."}},
		"of two schedules": {"09:00:00Z", "09:20:00Z", "1 2", []booking.Slot{first, slot("2", "09:10:00Z", "09:20:00Z", "2")},
			[]string{"Appointment.slot[1]: Slot/2 is of Schedule/2, but Slot/1 is of Schedule/1: the slots of an appointment are all of one Schedule."}},
		"of foreign schedules": {"09:00:00Z", "09:20:00Z", "1 2", []booking.Slot{slot("1", "09:00:00Z", "09:10:00Z", ""), slot("2", "09:10:00Z", "09:20:00Z", "")}, []string{
			"Appointment.slot[0]: Slot/1 is of no Schedule of this server: several slots of one appointment are all of one.",
			"Appointment.slot[1]: Slot/2 is of no Schedule of this server: several slots of one appointment are all of one."}},
		"later and longer": {"09:05:00Z", "09:25:00Z", "1 2", []booking.Slot{first, second}, []string{
			"Appointment.start: The start is 2026-01-05T09:05:00Z, but Slot/1 begins at 2026-01-05T09:00:00Z: an appointment begins with its slots.",
			"Appointment.end: The end is 2026-01-05T09:25:00Z, but Slot/2 ends at 2026-01-05T09:20:00Z: an appointment ends with its slots."}},
		"without time": {"", "", "1", []booking.Slot{first},
			[]string{"Appointment: The appointment needs a start and an end, those of its slots: 2026-01-05T09:00:00Z and 2026-01-05T09:10:00Z."}},
		"everything": {"09:00:00Z", "09:31:00Z", "1 1 2 3", []booking.Slot{first, first, slot("2", "09:10:00Z", "09:19:00Z"), slot("3", "09:20:00Z", "09:30:00Z", "2")}, []string{
			"Appointment.slot[1]: Slot/1 is named twice: name each slot once.",
			"Appointment.slot[3]: Slot/3 is of Schedule/2, but Slot/1 is of Schedule/1: the slots of an appointment are all of one Schedule.",
			"Appointment.slot[3]: Slot/3 begins at 2026-01-05T09:20:00Z, but Slot/2, which is before it, ends at 2026-01-05T09:19:00Z: the slots of an appointment are adjacent.",
			"Appointment.end: The end is 2026-01-05T09:31:00Z, but Slot/3 ends at 2026-01-05T09:30:00Z: an appointment ends with its slots."}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFaults(t, booking.CheckFit(booking.AppointmentOf(base, booked(t, tt.start, tt.end, tt.names)), tt.slots), tt.want...)
		})
	}
}

// booked is an appointment on 5 January 2026 with slots of these ids, "!" before that of one of another server.
func booked(t tester, start, end, slots string) fhir.Resource {
	r := parsed(t, `{"resourceType":"Appointment","id":"a","status":"booked"}`)
	if start != "" {
		r.Root().Set("start", "2026-01-05T"+start)
		r.Root().Set("end", "2026-01-05T"+end)
	}
	var references fhir.Array
	for _, id := range strings.Fields(slots) {
		reference := "Slot/" + id
		if elsewhere, is := strings.CutPrefix(id, "!"); is {
			reference = "https://elsewhere.example.org/Slot/" + elsewhere
		}
		references = append(references, fhir.NewObject(fhir.Member{Name: "reference", Value: reference}))
	}
	r.Root().Set("slot", references)
	return r
}

// TestSlotsInARowFit: whatever their lengths and in whatever order they are named, slots in a row fit the time from the first to the last, and no other.
func TestSlotsInARowFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := at("2026-01-05T09:00:00Z")
		a := booking.Appointment{Status: "booked", Span: booking.Span{Start: begin, End: begin}}
		var slots []booking.Slot
		for i, minutes := range rapid.SliceOfN(rapid.IntRange(1, 60), 1, 6).Draw(t, "lengths") {
			end := a.End + fhir.Instant(minutes)*fhir.Instant(time.Minute/time.Microsecond)
			slots = append(slots, booking.Slot{Key: key("Slot", fmt.Sprint(i)), Span: booking.Span{Start: a.End, End: end}, Schedule: key("Schedule", "1")})
			a.End = end
		}
		slots = rapid.Permutation(slots).Draw(t, "order")
		for _, s := range slots {
			a.Slots = append(a.Slots, s.Key)
		}
		if err := booking.CheckFit(a, slots); err != nil {
			t.Fatal(err)
		}
		right := a.Span
		a.Start += fhir.Instant(rapid.IntRange(-1, 1).Draw(t, "start"))
		a.End += fhir.Instant(rapid.IntRange(-1, 1).Draw(t, "end"))
		if err := booking.CheckFit(a, slots); (err == nil) != (a.Span == right) {
			t.Fatalf("slots of %v, an appointment of %v: %v", right, a.Span, err)
		}
	})
}

func TestCheckBook(t *testing.T) {
	ten := slot("1", "10:00:00Z", "10:10:00Z")
	next := slot("2", "10:10:00Z", "10:20:00Z")
	const begun = "Appointment.slot[0]: Slot/1 began at 2026-01-05T10:00:00Z: a slot can be booked until it begins."
	for _, tt := range []struct {
		status string
		lead   time.Duration
		now    string
		want   []string
	}{
		{"booked", 0, "09:59:59Z", nil},
		{"booked", 0, "10:00:00Z", nil},
		{"booked", 0, "10:00:00.000001Z", []string{begun}},
		{"pending", 0, "10:10:00Z", []string{begun}},
		{"arrived", time.Hour, "10:30:00Z", nil},
		{"checked-in", time.Hour, "10:30:00Z", nil},
		{"booked", 2 * time.Hour, "08:00:00Z", nil},
		{"pending", 2 * time.Hour, "08:05:00Z", []string{"Appointment.slot[0]: Slot/1 begins at 2026-01-05T10:00:00Z, and the lead time of a booking is 2 hours: until 2026-01-05T08:00:00Z it could be booked."}},
		{"booked", 24 * time.Hour, "10:05:00Z", []string{begun,
			"Appointment.slot[2]: Slot/2 begins at 2026-01-05T10:10:00Z, and the lead time of a booking is 1 day: until 2026-01-04T10:10:00Z it could be booked."}},
	} {
		t.Run(tt.status+" at "+tt.now, func(t *testing.T) {
			a := booking.AppointmentOf(base, booked(t, "10:00:00Z", "10:20:00Z", "1 !9 2"))
			a.Status = tt.status
			wantFaults(t, booking.CheckBook(a, []booking.Slot{ten, next}, booking.Policy{Lead: tt.lead, Notice: 48 * time.Hour}, at("2026-01-05T"+tt.now)), tt.want...)
		})
	}
}
