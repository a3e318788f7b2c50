package booking_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// Parts of working hours, as JSON.

func zone(name string) string { return `{"url":"time-zone","valueCode":"` + name + `"}` }

func length(url string, value any, code string) string {
	return fmt.Sprintf(`{"url":%q,"valueDuration":{"value":%v,"unit":%q,"system":"http://unitsofmeasure.org","code":%q}}`, url, value, code, code)
}

func slotsOf(minutes int) string { return length("slot-length", minutes, "min") }

func fromTo(from, to string) string {
	return fmt.Sprintf(`{"url":"from","valueTime":%q},{"url":"to","valueTime":%q}`, from+":00", to+":00")
}

func weekly(days, from, to string) string {
	parts := ""
	for _, d := range strings.Fields(days) {
		parts += `{"url":"day","valueCode":"` + d + `"},`
	}
	return `{"url":"weekly","extension":[` + parts + fromTo(from, to) + `]}`
}

func exception(first, last string, hours ...string) string {
	x := fmt.Sprintf(`{"url":"exception","extension":[{"url":"period","valuePeriod":{"start":%q,"end":%q}}`, first, last)
	if first == last {
		x = fmt.Sprintf(`{"url":"exception","extension":[{"url":"date","valueDate":%q}`, first)
	}
	for _, h := range hours {
		from, to, _ := strings.Cut(h, "-")
		x += `,{"url":"hours","extension":[` + fromTo(from, to) + `]}`
	}
	return x + `]}`
}

func scheduleWith(parts ...string) string {
	return `{"resourceType":"Schedule","id":"s","extension":[{"url":"http://example.org/other","valueCode":"x"},
		{"url":"` + booking.WorkingHoursURL + `","extension":[` + strings.Join(parts, ",") + `]}],"actor":[{"reference":"Practitioner/1"}]}`
}

func parse(t interface {
	Helper()
	Fatal(...any)
}, text string) fhir.Resource {
	t.Helper()
	r, err := fhir.ParseResource([]byte(text))
	if err != nil {
		t.Fatal(err, text)
	}
	return r
}

func hoursOf(t interface {
	Helper()
	Fatal(...any)
}, parts ...string) booking.Hours {
	t.Helper()
	h, found, err := booking.HoursOf(parse(t, scheduleWith(parts...)))
	if err != nil || !found {
		t.Fatal(found, err)
	}
	return h
}

func instant(t interface {
	Helper()
	Fatal(...any)
}, s string) fhir.Instant {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04Z", s)
	if err != nil {
		t.Fatal(err)
	}
	return fhir.InstantOf(at)
}

// written are times as in "29T08:00-08:30": day of the month and time in UTC.
func written(times []booking.Span) string {
	var all []string
	for _, s := range times {
		all = append(all, s.Start.Time().Format("02T15:04")+"-"+s.End.Time().Format("15:04"))
	}
	return strings.Join(all, " ")
}

const everyDay = "mon tue wed thu fri sat sun"

// TestTimes says in UTC which slots come of working hours. The clocks of London go forward on 29 March 2026 and 28 March 2027 at 01:00 UTC, from 01:00 to 02:00,
// and back on 25 October 2026 at 01:00 UTC, from 02:00 to 01:00 (The Summer Time Order 2002).
func TestTimes(t *testing.T) {
	for name, c := range map[string]struct {
		hours    []string
		from, to string
		want     string
	}{
		"winter": {[]string{slotsOf(60), weekly("mon", "09:00", "12:30")}, "2026-01-05T00:00Z", "2026-01-06T00:00Z",
			"05T09:00-10:00 05T10:00-11:00 05T11:00-12:00"},
		"summer": {[]string{slotsOf(60), weekly("mon", "09:00", "12:30")}, "2026-07-06T00:00Z", "2026-07-07T00:00Z",
			"06T08:00-09:00 06T09:00-10:00 06T10:00-11:00"},
		"spring 2026: the day before, the day, the day after": {[]string{slotsOf(30), weekly("sat sun mon", "09:00", "10:00")}, "2026-03-28T00:00Z", "2026-03-31T00:00Z",
			"28T09:00-09:30 28T09:30-10:00 29T08:00-08:30 29T08:30-09:00 30T08:00-08:30 30T08:30-09:00"},
		"autumn 2026: the day before, the day, the day after": {[]string{slotsOf(30), weekly("sat sun mon", "09:00", "10:00")}, "2026-10-24T00:00Z", "2026-10-27T00:00Z",
			"24T08:00-08:30 24T08:30-09:00 25T09:00-09:30 25T09:30-10:00 26T09:00-09:30 26T09:30-10:00"},
		"spring 2027: the day before, the day, the day after": {[]string{slotsOf(30), weekly("sat sun mon", "09:00", "10:00")}, "2027-03-27T00:00Z", "2027-03-30T00:00Z",
			"27T09:00-09:30 27T09:30-10:00 28T08:00-08:30 28T08:30-09:00 29T08:00-08:30 29T08:30-09:00"},
		"spring 2026, over the change: one hour": {[]string{slotsOf(30), weekly(everyDay, "00:30", "02:30")}, "2026-03-29T00:00Z", "2026-03-29T12:00Z",
			"29T00:30-01:00 29T01:00-01:30"},
		"spring 2027, over the change: one hour": {[]string{slotsOf(30), weekly(everyDay, "00:30", "02:30")}, "2027-03-28T00:00Z", "2027-03-28T12:00Z",
			"28T00:30-01:00 28T01:00-01:30"},
		"autumn 2026, over the change: three hours": {[]string{slotsOf(30), weekly(everyDay, "00:30", "02:30")}, "2026-10-24T12:00Z", "2026-10-25T12:00Z",
			"24T23:30-00:00 25T00:00-00:30 25T00:30-01:00 25T01:00-01:30 25T01:30-02:00 25T02:00-02:30"},
		"spring, a slot over the change has its length": {[]string{slotsOf(40), weekly(everyDay, "00:30", "04:00")}, "2026-03-29T00:00Z", "2026-03-29T12:00Z",
			"29T00:30-01:10 29T01:10-01:50 29T01:50-02:30"},
		"autumn, a slot over the change has its length": {[]string{slotsOf(50), weekly(everyDay, "00:30", "02:30")}, "2026-10-24T12:00Z", "2026-10-25T12:00Z",
			"24T23:30-00:20 25T00:20-01:10 25T01:10-02:00"},
		"spring, wholly in the hour that no clock shows": {[]string{slotsOf(30), weekly(everyDay, "01:00", "02:00")}, "2026-03-29T00:00Z", "2026-03-29T12:00Z", ""},
		"spring, it begins in that hour": {[]string{slotsOf(30), weekly(everyDay, "01:30", "03:00")}, "2026-03-29T00:00Z", "2026-03-29T12:00Z",
			"29T01:00-01:30 29T01:30-02:00"},
		"spring, it ends in that hour": {[]string{slotsOf(30), weekly(everyDay, "00:00", "01:30")}, "2026-03-29T00:00Z", "2026-03-29T12:00Z",
			"29T00:00-00:30 29T00:30-01:00"},
		"autumn, within the hour that comes twice": {[]string{slotsOf(30), weekly(everyDay, "01:15", "01:45")}, "2026-10-24T12:00Z", "2026-10-25T12:00Z",
			"25T00:15-00:45 25T01:15-01:45"},
		"autumn, two shifts in that hour": {[]string{slotsOf(30), weekly(everyDay, "01:00", "01:30"), weekly("sun", "01:30", "02:00")}, "2026-10-24T12:00Z", "2026-10-25T12:00Z",
			"25T00:00-00:30 25T00:30-01:00 25T01:00-01:30 25T01:30-02:00"},
		"spring, a night": {[]string{slotsOf(120), weekly("sat", "22:00", "05:00")}, "2026-03-28T00:00Z", "2026-03-30T00:00Z",
			"28T22:00-00:00 29T00:00-02:00 29T02:00-04:00"},
		"autumn, a night": {[]string{slotsOf(120), weekly("sat", "22:00", "05:00")}, "2026-10-24T00:00Z", "2026-10-26T00:00Z",
			"24T21:00-23:00 24T23:00-01:00 25T01:00-03:00 25T03:00-05:00"},
		"spring, a whole day has 23 hours": {[]string{length("slot-length", 23, "h"), weekly("sun", "00:00", "00:00")}, "2026-03-28T12:00Z", "2026-03-30T12:00Z", "29T00:00-23:00"},
		"a gap": {[]string{slotsOf(20), length("gap", 10, "min"), weekly("mon", "09:00", "10:20")}, "2026-01-05T00:00Z", "2026-01-06T00:00Z",
			"05T09:00-09:20 05T09:30-09:50 05T10:00-10:20"},
		"two shifts, in the order of the day": {[]string{slotsOf(60), weekly("mon", "14:00", "15:00"), weekly("mon", "09:00", "10:00")}, "2026-01-05T00:00Z", "2026-01-06T00:00Z",
			"05T09:00-10:00 05T14:00-15:00"},
		"closed for some days": {[]string{slotsOf(60), weekly(everyDay, "09:00", "10:00"), exception("2026-12-25", "2026-12-26")}, "2026-12-24T00:00Z", "2026-12-28T00:00Z",
			"24T09:00-10:00 27T09:00-10:00"},
		"other hours on a day": {[]string{slotsOf(60), weekly(everyDay, "09:00", "10:00"), exception("2026-12-24", "2026-12-24", "14:00-15:00", "08:00-09:00")}, "2026-12-23T00:00Z", "2026-12-25T00:00Z",
			"23T09:00-10:00 24T08:00-09:00 24T14:00-15:00"},
		"the last exception counts": {[]string{slotsOf(60), weekly(everyDay, "09:00", "10:00"), exception("2026-08-01", "2026-08-31"), exception("2026-08-12", "2026-08-12", "11:00-12:00")},
			"2026-08-01T00:00Z", "2026-09-01T00:00Z", "12T10:00-11:00"},
		"a night belongs to the day on which it begins": {[]string{slotsOf(240), weekly("thu fri", "20:00", "04:00"), exception("2026-12-25", "2026-12-25")}, "2026-12-24T00:00Z", "2026-12-27T00:00Z",
			"24T20:00-00:00 25T00:00-04:00"},
		"a night ends where an exception begins": {[]string{slotsOf(60), weekly("thu", "22:00", "06:00"), exception("2026-12-25", "2026-12-25", "00:30-01:30")}, "2026-12-24T00:00Z", "2026-12-27T00:00Z",
			"24T22:00-23:00 24T23:00-00:00 25T00:30-01:30"},
		"another zone": {[]string{slotsOf(60), zone("Asia/Kolkata"), weekly("mon", "09:00", "10:00")}, "2026-01-05T00:00Z", "2026-01-06T00:00Z", "05T03:30-04:30"},
		"a day that a zone left out": {[]string{length("slot-length", 24, "h"), zone("Pacific/Apia"), weekly(everyDay, "00:00", "00:00")}, "2011-12-29T00:00Z", "2012-01-01T00:00Z",
			"29T10:00-10:00 30T10:00-10:00 31T10:00-10:00"},
		"a slot that begins before the period": {[]string{slotsOf(60), weekly("mon", "09:00", "11:00")}, "2026-01-05T09:30Z", "2026-01-05T10:00Z", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := written(hoursOf(t, c.hours...).Times(instant(t, c.from), instant(t, c.to)))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPeriod: a day is one of the place, an instant is what it says.
func TestPeriod(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-29":                "2026-03-29T00:00:00Z 2026-03-29T23:00:00Z",
		"2026-10-25":                "2026-10-24T23:00:00Z 2026-10-26T00:00:00Z",
		"2026-07-06T09:00:00+01:00": "2026-07-06T08:00:00Z 2026-07-06T08:00:00Z",
	} {
		d, err := fhir.ParseDateTime(text)
		if err != nil {
			t.Fatal(err)
		}
		got := hoursOf(t, slotsOf(5), weekly("mon", "09:00", "10:00")).Period(d)
		if s := got.Low.Time().Format(time.RFC3339Nano) + " " + got.High.Time().Format(time.RFC3339Nano); s != want {
			t.Errorf("%s is %s, want %s", text, s, want)
		}
	}
}

// TestTimesHold draws working hours, and looks whether every slot is what its docstrings say.
func TestTimesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := hoursOf(t, drawHours(t)...)
		begin := rapid.SampledFrom([]string{"2026-03-26T00:00Z", "2026-10-22T00:00Z", "2027-03-25T00:00Z", "2026-06-01T00:00Z"}).Draw(t, "begin")
		from := instant(t, begin) + fhir.Instant(rapid.IntRange(0, 48*60).Draw(t, "offset"))*60_000_000
		to := from + fhir.Instant(rapid.IntRange(0, 8*24*60).Draw(t, "minutes"))*60_000_000
		times := h.Times(from, to)
		for i, s := range times {
			if s.Start < from || s.Start >= to || s.End-s.Start != fhir.Instant(h.Length.Microseconds()) {
				t.Fatalf("slot %s to %s of a period from %s to %s", s.Start, s.End, from, to)
			}
			if i > 0 && times[i-1].End > s.Start {
				t.Fatalf("slots from %s and from %s overlap", times[i-1].Start, s.Start)
			}
			for at := s.Start; at < s.End; at += 300_000_000 {
				if !isOpen(h, at) {
					t.Fatalf("%s is not open, but within the slot from %s", at.Time().In(h.Zone), s.Start)
				}
			}
		}
		middle := from + (to-from)/2
		if diff := cmp.Diff(times, append(h.Times(from, middle), h.Times(middle, to)...)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// isOpen is the definition of open time, looked up by the clock on the wall.
func isOpen(h booking.Hours, at fhir.Instant) bool {
	wall := at.Time().In(h.Zone)
	clock := time.Duration(wall.Hour())*time.Hour + time.Duration(wall.Minute())*time.Minute
	date := time.Date(wall.Year(), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
	for _, s := range shiftsOn(h, date) {
		if clock >= s.From && (clock < s.To || s.To <= s.From) {
			return true
		}
	}
	for _, s := range shiftsOn(h, date.AddDate(0, 0, -1)) {
		if s.To <= s.From && clock < s.To {
			return true
		}
	}
	return false
}

func shiftsOn(h booking.Hours, date time.Time) (all []booking.Shift) {
	for i := len(h.Exceptions) - 1; i >= 0; i-- {
		if x := h.Exceptions[i]; !date.Before(x.First) && !date.After(x.Last) {
			return x.Shifts
		}
	}
	for _, w := range h.Weekly {
		for _, d := range w.Days {
			if d == date.Weekday() {
				all = append(all, w.Shift)
			}
		}
	}
	return all
}

// drawHours draws working hours that can be read.
func drawHours(t *rapid.T) []string {
	clock := func(least, most int) string {
		m := 5 * rapid.IntRange(least*12, most*12-1).Draw(t, "minute")
		return fmt.Sprintf("%02d:%02d", m/60, m%60)
	}
	parts := []string{
		zone(rapid.SampledFrom([]string{"Europe/London", "America/New_York", "Australia/Lord_Howe", "UTC", "Africa/Cairo"}).Draw(t, "zone")),
		slotsOf(5 * rapid.IntRange(1, 60).Draw(t, "length")), length("gap", 5*rapid.IntRange(0, 6).Draw(t, "gap"), "min"),
		weekly(rapid.SampledFrom([]string{"sun", everyDay, "fri sat"}).Draw(t, "days"), clock(0, 6), clock(6, 12)),
		weekly(rapid.SampledFrom([]string{"mon sun", "sat"}).Draw(t, "days"), clock(12, 18), clock(18, 24)),
	}
	if rapid.Bool().Draw(t, "night") {
		parts = append(parts, `{"url":"exception","extension":[{"url":"date","valueDate":"2026-10-24"},{"url":"hours","extension":[`+fromTo(clock(18, 24), clock(0, 5))+`]}]}`)
	}
	if rapid.Bool().Draw(t, "closed") {
		parts = append(parts, exception("2026-03-30", "2026-04-02"))
	}
	return parts
}
