package demo

import (
	"sync"
	"time"
	_ "time/tzdata" // machines without a time zone database know London too

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

const (
	daysBefore = 10 // working days with diaries, before today
	daysAfter  = 19 // and after it

	opens, noon, afternoon, closes = 9 * 60, 12 * 60, 13 * 60, 17 * 60 // minutes of the day, in London
)

var london = sync.OnceValue(func() *time.Location {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		return time.UTC // cannot be: the database is compiled in
	}
	return zone
})

// calendar is the working days that the diaries cover. Bank holidays count as working days.
type calendar struct {
	days [daysBefore + 1 + daysAfter]time.Time // midnight in London, oldest first
}

// newCalendar lays the days around a date. A Saturday or Sunday counts as the Monday that follows.
func newCalendar(at time.Time) calendar {
	var c calendar
	year, month, day := at.Date()
	today := workday(time.Date(year, month, day, 0, 0, 0, 0, london()), 1)
	c.days[daysBefore] = today
	for i := daysBefore - 1; i >= 0; i-- {
		c.days[i] = workday(c.days[i+1].AddDate(0, 0, -1), -1)
	}
	for i := daysBefore + 1; i < len(c.days); i++ {
		c.days[i] = workday(c.days[i-1].AddDate(0, 0, 1), 1)
	}
	return c
}

// workday is t, or the next working day from there in the given direction.
func workday(t time.Time, step int) time.Time {
	for t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		t = t.AddDate(0, 0, step)
	}
	return t
}

func (c calendar) today() time.Time { return c.days[daysBefore] }

// now is the moment at which the data was as it is: twelve o'clock today, in London.
func (c calendar) now() time.Time { return clock(c.today(), noon) }

func (c calendar) horizon() (first, last time.Time) { return c.days[0], c.days[len(c.days)-1] }

// clock is a minute of a London day.
func clock(day time.Time, minute int) time.Time {
	year, month, d := day.Date()
	return time.Date(year, month, d, minute/60, minute%60, 0, 0, london())
}

// hours are the minutes of the day at which visits of a length begin: from nine to twelve, and from one to five.
func hours(length int) (starts []int, morning int) {
	for m := opens; m+length <= noon; m += length {
		starts = append(starts, m)
	}
	morning = len(starts)
	for m := afternoon; m+length <= closes; m += length {
		starts = append(starts, m)
	}
	return starts, morning
}

// hours are the rules by which the slots of a craft lie, as the server reads them to make more (booking.HoursOf).
func (c craft) hours() *fhir.Object {
	part := func(url, kind string, value any) *fhir.Object { return object(f("url", url), f(kind, value)) }
	shift := func(from, to int) *fhir.Object {
		var parts fhir.Array
		for _, day := range []string{"mon", "tue", "wed", "thu", "fri"} {
			parts = append(parts, part("day", "valueCode", day))
		}
		parts = append(parts, part("from", "valueTime", wall(from)), part("to", "valueTime", wall(to)))
		return object(f("url", "weekly"), f("extension", parts))
	}
	return object(
		f("url", booking.WorkingHoursURL),
		f("extension", list(
			part("time-zone", "valueCode", london().String()),
			part("slot-length", "valueDuration", object(f("value", number(c.minutes)), f("unit", "minutes"), f("system", ucum), f("code", "min"))),
			shift(opens, noon),
			shift(afternoon, closes),
		)),
	)
}

// wall is a minute of the day as a clock shows it.
func wall(minute int) string {
	return time.Time{}.Add(time.Duration(minute) * time.Minute).Format(time.TimeOnly)
}
