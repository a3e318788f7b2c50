package booking

import (
	"cmp"
	"slices"
	"time"
)

// Shifts of the week, or of an exception, do not overlap: of two times that are open twice nobody could say how they are divided. A night that runs into the shifts of
// an exception on the next day is no fault: it ends there.

// checkWeek refuses weekly shifts that overlap, those of Saturday with those of Sunday too.
func (r *hoursReader) checkWeek(p part, weekly []Weekly) {
	const week = 7 * day
	var shifts []Shift // since Sunday
	for _, w := range weekly {
		for _, d := range w.Days {
			begins := time.Duration(d) * day
			shifts = append(shifts, Shift{begins + w.Shift.From, begins + w.Shift.end()})
		}
	}
	slices.SortFunc(shifts, func(a, b Shift) int { return cmp.Compare(a.From, b.From) })
	if n := len(shifts); n > 0 {
		shifts = append(shifts, Shift{week + shifts[0].From, week + shifts[0].To})
	}
	for i := range len(shifts) - 1 {
		if s, next := shifts[i], shifts[i+1]; s.To > next.From {
			r.add(p.at, "The weekly hours overlap: those of %s go on until %s, and others begin on %s.", s.begin(), clockOf(s.To), next.begin())
		}
	}
}

// checkDay refuses shifts of an exception that overlap; they are in their order.
func (r *hoursReader) checkDay(p part, shifts []Shift) {
	for i := range max(len(shifts), 1) - 1 {
		if s, next := shifts[i], shifts[i+1]; s.end() > next.From {
			r.add(p.at, "The hours of the exception overlap: those from %s go on until %s, and others begin at %s.", clockOf(s.From), clockOf(s.To), clockOf(next.From))
		}
	}
}

// end is when a shift ends, since the midnight before it begins.
func (s Shift) end() time.Duration {
	if s.To <= s.From {
		return s.To + day
	}
	return s.To
}

// begin is when a shift of a week begins, as in "sat 20:00".
func (s Shift) begin() string {
	return weekdays[s.From/day%7] + " " + clockOf(s.From)
}

// clockOf is what a clock shows so long after a midnight.
func clockOf(d time.Duration) string { return time.Time{}.Add(d).Format("15:04") }
