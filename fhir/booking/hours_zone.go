package booking

import (
	"time"
	_ "time/tzdata" // so that every machine knows the zones, and the program needs no files beside it

	"github.com/portico-health/portico/fhir"
)

// What a clock on the wall shows is a time.Time in UTC here: the same digits, and no zone.

// dayOf is the day of which a clock shows a time, its midnight.
func dayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// shown is when the clocks of a zone show a time from from to to, the end excluded: one stretch as a rule, none where they are set forward over it, and
// several where they are set back into it.
func shown(zone *time.Location, from, to time.Time) []Span {
	var spans []Span
	for at := from.Add(-2 * day).In(zone); ; { // no zone is two days from UTC
		begins, ends := at.ZoneBounds()
		_, offset := at.Zone()
		low, high := from.Add(-time.Duration(offset)*time.Second), to.Add(-time.Duration(offset)*time.Second)
		if low.Before(begins) { // the zero time, where it always was so, is before everything
			low = begins
		}
		if !ends.IsZero() && ends.Before(high) {
			high = ends
		}
		if low.Before(high) {
			spans = join(spans, Span{fhir.InstantOf(low), fhir.InstantOf(high)})
		}
		if ends.IsZero() || ends.After(to.Add(2*day)) {
			return spans
		}
		at = ends
	}
}

// join adds a span behind others; where it follows on the last one they are one.
func join(spans []Span, s Span) []Span {
	if n := len(spans); n > 0 && spans[n-1].End == s.Start {
		spans[n-1].End = s.End
		return spans
	}
	return append(spans, s)
}

// first is when the clocks of a zone first show a time, or a later one if they never show it.
func first(zone *time.Location, at time.Time) fhir.Instant {
	return shown(zone, at, at.Add(3*day))[0].Start // no clock was ever set forward by more than a day
}
