package search

import (
	"strings"

	"github.com/portico-health/portico/fhir"
)

// A booking asks for the slots of one schedule within some time, and whoever looks for a time asks that of many schedules. R4's parameters answer neither from
// an index: those of schedule and start are two, and a schedule has slots for years, a week those of all schedules. So a Slot has entries of the server's own,
// in which the schedule stands before the time. Clients do not search by them. Their names begin with an underscore, as no configured parameter's does.
const (
	calendarEntry = "_calendar" // of every Slot: the time that it takes, in pieces that begin where it does and each day later
	freeEntry     = "_free"     // of a Slot that is free: where it begins
)

// The bounds of calendarEntry. What overlaps with a time then has a piece that begins at most a piece's length before it: an index needs not be looked into
// from the beginning of the schedule on.
const (
	calendarPiece  = 24 * 3600 * 1_000_000 // microseconds
	calendarPieces = 400                   // of one Slot; a longer one is found at none of its later days
)

// calendarStamp is the stamp of both, which is raised by whoever changes them. References depend on the base URL.
func (r *Rules) calendarStamp() string { return digest(6, "calendar 1 %s", r.base) }

// stampCalendar says by which rules the entries of Slots are made.
func (r *Rules) stampCalendar() {
	if stamps := r.stamps["Slot"]; stamps != nil {
		stamps[calendarEntry], stamps[freeEntry] = r.calendarStamp(), r.calendarStamp()
	}
}

// calendar adds the entries of a Slot. One that names no schedule of this server, or lacks a time, has none.
func (x *extraction) calendar(slot *fhir.Object) {
	text := relative(slot.Object("schedule").Text("reference"), x.rules.base)
	text, _, _ = strings.Cut(text, historySegment)
	id, isSchedule := strings.CutPrefix(text, "Schedule/")
	start, end := instantAt(slot, "start"), instantAt(slot, "end")
	if !isSchedule || id == "" || strings.Contains(id, "/") || start == fhir.Beginning || end == fhir.Beginning {
		return
	}
	for n := range calendarPieces {
		low := start + fhir.Instant(n*calendarPiece)
		if n > 0 && low >= end {
			break
		}
		x.ordered(calendarEntry, onCalendar(id, low), onCalendar(id, min(end, low+calendarPiece)))
	}
	if slot.Text("status") == "free" {
		x.ordered(freeEntry, onCalendar(id, start), onCalendar(id, start))
	}
}

// instantAt is a time of an object; fhir.Beginning where there is none.
func instantAt(o *fhir.Object, name string) fhir.Instant {
	t, err := fhir.ParseDateTime(o.Text(name))
	if err != nil {
		return fhir.Beginning
	}
	return t.Interval().Low
}

// onCalendar is a time of a schedule, in a form that compares as times do within the schedule. No id has a slash.
func onCalendar(id string, at fhir.Instant) string { return id + "/" + timeForm(at) }

// CalendarOf holds for the Slots of a Schedule, whatever their status, that overlap with the time from one instant to another, the ends excluded. Of a slot of
// more than 400 days it knows the first 400. A Slot whose end is not behind its start takes no time.
func CalendarOf(schedule fhir.Key, from, to fhir.Instant) Test {
	return Between{
		Param:   calendarEntry,
		LowFrom: onCalendar(schedule.ID, max(from, fhir.Beginning+calendarPiece)-calendarPiece), LowTo: onCalendar(schedule.ID, to),
		HighFrom: onCalendar(schedule.ID, min(from, fhir.End-1)+1), HighTo: successor(schedule.ID + "/"),
	}
}

// FreeOf holds for the free Slots of a Schedule that begin at from or later, and before to. SoonestFree is their order.
func FreeOf(schedule fhir.Key, from, to fhir.Instant) Test {
	return Between{
		Param:   freeEntry,
		LowFrom: onCalendar(schedule.ID, from), LowTo: onCalendar(schedule.ID, to),
		HighFrom: onCalendar(schedule.ID, from), HighTo: onCalendar(schedule.ID, to),
	}
}

// SoonestFree is the order of the free Slots of one Schedule by their start.
func SoonestFree() []SortKey { return []SortKey{{Param: freeEntry, By: ByOrder}} }
