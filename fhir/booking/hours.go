package booking

import (
	"cmp"
	"slices"
	"time"

	"github.com/portico-health/portico/fhir"
)

// Hours are the rules by which the slots of a Schedule are made: when it is open by the clock on the wall of its place, and how that time is divided. HoursOf
// reads them.
//
// Open is every moment at which the clock shows a time of a shift. On the day on which clocks go forward, times that no clock shows are no time; on the day on which
// they go back, what a clock shows twice is open twice. In Europe/London, a shift from 00:30 to 02:30 is one hour long on 29 March 2026 and three hours on
// 25 October 2026; one from 01:15 to 01:45 is none on the first day, and half an hour twice on the second. Slots follow one another from the beginning of
// each stretch of open time, by real time: each is as long as every other, whatever the clocks do meanwhile.
type Hours struct {
	Zone       *time.Location
	Length     time.Duration // of a slot, 5 min to 24 h
	Gap        time.Duration // between slots that follow one another
	Lead       time.Duration // how long before its start a slot may be booked at the latest
	Weekly     []Weekly
	Exceptions []Exception // in the order in which they stand: of several for one day the last one counts
}

// Weekly is a shift that comes every week.
type Weekly struct {
	Days  []time.Weekday // on which it begins
	Shift Shift
}

// Exception is a period of days that have other shifts than their day of the week, or none.
type Exception struct {
	First, Last time.Time // midnights, in UTC as all days here; both belong to it
	Shifts      []Shift
}

// Shift is a time of a day by the clock on the wall, since midnight. One that does not end later than it begins ends on the next day: from 00:00 to 00:00 is a whole
// day, and from 20:00 to 08:00 a night, which belongs to the day on which it begins. Where the next day has a shift that begins in that night, the night ends there.
type Shift struct{ From, To time.Duration }

const day = 24 * time.Hour

// Times are the slots that begin at from or later and before to, in their order. They do not overlap. The rules alone decide where they lie: the times of two periods
// that follow one another are those of both together.
func (h Hours) Times(from, to fhir.Instant) []Span {
	var times []Span
	if h.Length <= 0 {
		return nil
	}
	// A night reaches into the next day, and a clock that is set back into the day before.
	last := dayOf(to.Time().In(h.Zone)).Add(2 * day)
	for date := dayOf(from.Time().In(h.Zone)).Add(-3 * day); !date.After(last); date = date.Add(day) {
		for _, open := range h.open(date) {
			for _, s := range h.divide(open) {
				if s.Start >= from && s.Start < to {
					times = append(times, s)
				}
			}
		}
	}
	slices.SortFunc(times, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	return times
}

// Period is what a day or an instant means as a beginning and an end: a day is one of the place, and all of it; an instant, however precise, is where it begins.
func (h Hours) Period(d fhir.DateTime) fhir.Interval {
	interval := d.Interval()
	if d.Precision != fhir.Day {
		return fhir.Interval{Low: interval.Low, High: interval.Low}
	}
	return fhir.Interval{Low: first(h.Zone, interval.Low.Time()), High: first(h.Zone, interval.High.Time())}
}

// open is the open time of the shifts that begin on a day.
func (h Hours) open(date time.Time) []Span {
	var open []Span
	next := 2 * day
	if tomorrow := h.shifts(date.Add(day)); len(tomorrow) > 0 {
		next = day + tomorrow[0].From
	}
	for _, s := range h.shifts(date) {
		open = append(open, shown(h.Zone, date.Add(s.From), date.Add(min(s.end(), next)))...)
	}
	return open
}

// shifts are those that begin on a day, in their order.
func (h Hours) shifts(date time.Time) []Shift {
	for _, x := range slices.Backward(h.Exceptions) {
		if !date.Before(x.First) && !date.After(x.Last) {
			return x.Shifts
		}
	}
	var shifts []Shift
	for _, w := range h.Weekly {
		if slices.Contains(w.Days, date.Weekday()) {
			shifts = append(shifts, w.Shift)
		}
	}
	slices.SortFunc(shifts, func(a, b Shift) int { return cmp.Compare(a.From, b.From) })
	return shifts
}

// divide lays slots into open time.
func (h Hours) divide(open Span) []Span {
	var slots []Span
	length, step := fhir.Instant(h.Length.Microseconds()), fhir.Instant((h.Length + h.Gap).Microseconds())
	for start := open.Start; start+length <= open.End; start += step {
		slots = append(slots, Span{start, start + length})
	}
	return slots
}
