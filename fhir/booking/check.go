package booking

import (
	"cmp"
	"slices"

	"github.com/portico-health/portico/fhir"
)

// CheckFit says what is wrong with the slots that an appointment names, given in its order, the zero Slot for one that does not exist: each exists and stands
// once, all are of one Schedule, and adjacent, and they begin and end with the appointment. Adjacent are slots of which, in the order of their times,
// each begins where the one before ends; the order in which the appointment names them says nothing. Times are compared as instants, whatever digits they are
// written with. Slots of other servers do not count: where they are needed to fill the time, the others do not fit. Its error is Unprocessable, with everything
// that is wrong.
func CheckFit(a Appointment, slots []Slot) error {
	var f faults
	var fitting []named
	for i, s := range slots {
		n := named{Slot: s, path: a.slotPath(i)}
		switch again := slices.ContainsFunc(fitting, func(o named) bool { return o.Key == s.Key }); {
		case s.Key == fhir.Key{}:
			f.add(n.path, "There is no %s: an appointment takes slots that exist.", nameOf(a, i))
		case again:
			f.add(n.path, "%s is named twice: name each slot once.", s.Key)
		default:
			fitting = append(fitting, n)
		}
	}
	checkSchedules(&f, fitting)
	if !slices.ContainsFunc(slots, func(s Slot) bool { return s.Key == fhir.Key{} }) {
		checkTimes(&f, a, fitting)
	}
	return f.err()
}

// named is a slot, and where the appointment names it.
type named struct {
	Slot
	path string
}

func nameOf(a Appointment, i int) string {
	if i < len(a.Slots) {
		return a.Slots[i].String()
	}
	return "such Slot"
}

func checkSchedules(f *faults, slots []named) {
	for i, s := range slots {
		switch first := slots[0]; {
		case len(slots) == 1:
		case s.Schedule == fhir.Key{}:
			f.add(s.path, "%s is of no Schedule of this server: several slots of one appointment are all of one.", s.Key)
		case i > 0 && s.Schedule != first.Schedule && first.Schedule != fhir.Key{}:
			f.add(s.path, "%s is of %s, but %s is of %s: the slots of an appointment are all of one Schedule.", s.Key, s.Schedule, first.Key, first.Schedule)
		}
	}
}

func checkTimes(f *faults, a Appointment, slots []named) {
	if len(slots) == 0 {
		return
	}
	slices.SortStableFunc(slots, func(s, o named) int { return cmp.Compare(s.Start, o.Start) })
	for i, s := range slots[1:] {
		if before := slots[i]; s.Start != before.End {
			f.add(s.path, "%s begins at %s, but %s, which is before it, ends at %s: the slots of an appointment are adjacent.", s.Key, told(s.Start), before.Key, told(before.End))
		}
	}
	first, last := slots[0], slots[len(slots)-1]
	if a.Span == (Span{}) {
		f.add("Appointment", "The appointment needs a start and an end, those of its slots: %s and %s.", told(first.Start), told(last.End))
		return
	}
	if a.Start != first.Start {
		f.add("Appointment.start", "The start is %s, but %s begins at %s: an appointment begins with its slots.", told(a.Start), first.Key, told(first.Start))
	}
	if a.End != last.End {
		f.add("Appointment.end", "The end is %s, but %s ends at %s: an appointment ends with its slots.", told(a.End), last.Key, told(last.End))
	}
}

// CheckActive says which slots that are newly taken are of a Schedule that is not active (https://hl7.org/fhir/R4/schedule-definitions.html#Schedule.active).
// schedules are those of the slots, in their order. As with CheckBook, arrived and checked-in appointments tell what was. Its error is Unprocessable.
func CheckActive(a Appointment, newly []Slot, schedules []fhir.Resource) error {
	if a.Status != "pending" && a.Status != "booked" {
		return nil
	}
	var f faults
	for i, s := range newly {
		if schedules[i].IsZero() {
			continue
		}
		if active, _ := schedules[i].Root().Get("active"); active == false {
			f.add(a.slotPath(slices.Index(a.Slots, s.Key)), "%s is of %s, which is not active: none of its slots can be booked.", s.Key, s.Schedule)
		}
	}
	return f.err()
}

// CheckBook says why slots that are newly taken may not be booked now: they began already, or the lead time is too short. Arrived and checked-in appointments tell
// what was, and are not late. Its error is Unprocessable.
func CheckBook(a Appointment, newly []Slot, p Policy, now fhir.Instant) error {
	if a.Status != "pending" && a.Status != "booked" {
		return nil
	}
	var f faults
	for _, s := range newly {
		path := a.slotPath(slices.Index(a.Slots, s.Key))
		latest := s.Start - fhir.Instant(p.Lead.Microseconds())
		switch {
		case now > s.Start:
			f.add(path, "%s began at %s: a slot can be booked until it begins.", s.Key, told(s.Start))
		case now > latest:
			f.add(path, "%s begins at %s, and the lead time of a booking is %s: until %s it could be booked.", s.Key, told(s.Start), inWords(p.Lead), told(latest))
		}
	}
	return f.err()
}
