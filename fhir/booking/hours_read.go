package booking

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
)

// The parts of working hours: extensions within the extension WorkingHoursURL.
const (
	zonePart      = "time-zone"   // valueCode, an IANA name; Europe/London where there is none
	lengthPart    = "slot-length" // valueDuration
	gapPart       = "gap"         // valueDuration; none where there is none
	weeklyPart    = "weekly"      // of dayPart (several), fromPart and toPart
	exceptionPart = "exception"   // of datePart or periodPart, and hoursPart (several; without one it is closed)

	dayPart    = "day"    // valueCode: mon to sun
	fromPart   = "from"   // valueTime
	toPart     = "to"     // valueTime
	datePart   = "date"   // valueDate
	periodPart = "period" // valuePeriod of days, the last one included
	hoursPart  = "hours"  // of fromPart and toPart
)

// How much working hours may say.
const (
	minLength     = 5 * time.Minute
	maxLength     = day
	maxGap        = day
	maxWeekly     = 100
	maxExceptions = 500
	maxShifts     = 20 // of an exception
)

const defaultZone = "Europe/London"

// weekdays are the codes of https://hl7.org/fhir/R4/valueset-days-of-week.html.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// HoursOf reads the working hours of a Schedule, and says whether it has any. Its error is Unprocessable, and tells everything that is wrong.
func HoursOf(schedule fhir.Resource) (h Hours, found bool, err error) {
	r := hoursReader{}
	for i, x := range extensions(schedule.Root(), WorkingHoursURL) {
		p := part{extensionPath("Schedule", i), x}
		if found {
			r.add(p.at, "A Schedule has its working hours in one extension, but this is another one. Put all rules into the first one, or make another Schedule.")
			continue
		}
		h, found = r.hours(p), true
	}
	if err := r.err(); err != nil {
		return Hours{}, found, err
	}
	return h, found, nil
}

// HoursPolicy is what the working hours of a Schedule demand of who books its slots: the lead time. What cannot be read, and would be refused when it is written, demands
// nothing.
func HoursPolicy(schedule fhir.Resource) Policy {
	var p Policy
	for _, hours := range extensions(schedule.Root(), WorkingHoursURL) {
		for _, lead := range extensions(hours, LeadTimeURL) {
			d, _ := readDuration(lead.Object("valueDuration"))
			p.Lead = max(p.Lead, d)
		}
	}
	return p
}

// hoursReader reads working hours, and gathers what is wrong with them.
type hoursReader struct{ faults }

// part is an extension and its place.
type part struct {
	at string
	x  *fhir.Object
}

func (r *hoursReader) hours(p part) Hours {
	parts := r.parts(p, zonePart, lengthPart, gapPart, LeadTimeURL, weeklyPart, exceptionPart)
	h := Hours{Zone: r.zone(r.one(parts[zonePart]))}
	if length := r.one(parts[lengthPart]); length.x != nil {
		h.Length = r.duration(length, minLength, maxLength)
	} else {
		r.add(p.at, "Working hours say how long a slot is, by an extension slot-length with a valueDuration of 5 minutes to 1 day.")
	}
	h.Gap = r.duration(r.one(parts[gapPart]), 0, maxGap)
	h.Lead = r.duration(r.one(parts[LeadTimeURL]), 0, maxDuration)
	for _, w := range r.most(parts[weeklyPart], maxWeekly) {
		h.Weekly = append(h.Weekly, r.weekly(w))
	}
	for _, x := range r.most(parts[exceptionPart], maxExceptions) {
		h.Exceptions = append(h.Exceptions, r.exception(x))
	}
	if len(parts[weeklyPart])+len(parts[exceptionPart]) == 0 {
		r.add(p.at, "Working hours say when it is open, by extensions weekly or exception; there is none.")
	}
	r.checkWeek(p, h.Weekly)
	return h
}

// parts are the extensions within one, by their URLs.
func (r *hoursReader) parts(p part, known ...string) map[string][]part {
	parts := map[string][]part{}
	for j, x := range p.x.Objects("extension") {
		inner, url := part{fmt.Sprintf("%s.extension[%d]", p.at, j), x}, x.Text("url")
		if !slices.Contains(known, url) {
			r.add(inner.at, "%s is not known here; known are %s.", fhir.Quote(url), strings.Join(known, ", "))
			continue
		}
		parts[url] = append(parts[url], inner)
	}
	return parts
}

// most are the first of some parts, as many as there may be.
func (r *hoursReader) most(parts []part, n int) []part {
	if len(parts) > n {
		r.add(parts[n].at, "There are %d of these; at most %d are read.", len(parts), n)
	}
	return parts[:min(n, len(parts))]
}

// one is the part of which there is at most one; the zero part if there is none.
func (r *hoursReader) one(parts []part) part {
	for _, p := range parts[min(1, len(parts)):] {
		r.add(p.at, "There is at most one %s, but this is another one.", p.x.Text("url"))
	}
	if len(parts) == 0 {
		return part{}
	}
	return parts[0]
}

// zone reads a time zone. The names of all zones begin with a capital letter; what else lies among the files of zones is none.
func (r *hoursReader) zone(p part) *time.Location {
	name := defaultZone
	if p.x != nil {
		name = p.x.Text("valueCode")
	}
	if name != "" && name[0] >= 'A' && name[0] <= 'Z' && name != "Local" {
		if zone, err := time.LoadLocation(name); err == nil {
			return zone
		}
	}
	r.add(p.at, "A time zone is a valueCode with an IANA name such as Europe/London, but this is %s.", fhir.Quote(name))
	return time.UTC
}

// duration reads a valueDuration in whole minutes; 0 where there is none.
func (r *hoursReader) duration(p part, least, most time.Duration) time.Duration {
	if p.x == nil {
		return 0
	}
	d, wrong := readDuration(p.x.Object("valueDuration"))
	switch {
	case wrong == "" && d%time.Minute != 0:
		wrong = "this is no whole number of minutes"
	case wrong == "" && (d < least || d > most):
		wrong = "this is " + inWords(d)
	}
	if wrong != "" {
		r.add(p.at, "%s is a valueDuration of whole minutes, from %s to %s, in min, h or d (%s), but %s.", p.x.Text("url"), inWords(least), inWords(most), ucum, wrong)
		return 0
	}
	return d
}

func (r *hoursReader) weekly(p part) Weekly {
	parts := r.parts(p, dayPart, fromPart, toPart)
	w := Weekly{Shift: r.shift(p, parts)}
	for _, d := range parts[dayPart] {
		code := d.x.Text("valueCode")
		i := slices.Index(weekdays, code)
		switch {
		case i < 0:
			r.add(d.at, "A day is a valueCode of mon, tue, wed, thu, fri, sat and sun, but this is %s.", fhir.Quote(code))
		case slices.Contains(w.Days, time.Weekday(i)):
			r.add(d.at, "The day %s stands here twice.", code)
		default:
			w.Days = append(w.Days, time.Weekday(i))
		}
	}
	if len(parts[dayPart]) == 0 {
		r.add(p.at, "Weekly hours name at least one day, by an extension day with a valueCode of mon to sun.")
	}
	return w
}

func (r *hoursReader) exception(p part) Exception {
	parts := r.parts(p, datePart, periodPart, hoursPart)
	date, period := r.one(parts[datePart]), r.one(parts[periodPart])
	var x Exception
	switch {
	case (date.x == nil) == (period.x == nil):
		r.add(p.at, "An exception is for one date (an extension date with a valueDate) or for a period of dates (an extension period with a valuePeriod): one of the two.")
	case date.x != nil:
		x.First = r.date(date, "valueDate", date.x.Text("valueDate"))
		x.Last = x.First
	default:
		bounds := period.x.Object("valuePeriod")
		x.First, x.Last = r.date(period, "valuePeriod.start", bounds.Text("start")), r.date(period, "valuePeriod.end", bounds.Text("end"))
		if x.Last.Before(x.First) && !x.Last.IsZero() {
			r.add(period.at, "The period ends before it begins.")
		}
	}
	for _, shift := range r.most(parts[hoursPart], maxShifts) {
		x.Shifts = append(x.Shifts, r.shift(shift, r.parts(shift, fromPart, toPart)))
	}
	slices.SortFunc(x.Shifts, func(a, b Shift) int { return cmp.Compare(a.From, b.From) })
	r.checkDay(p, x.Shifts)
	return x
}

// date reads a day; the zero time if it is none.
func (r *hoursReader) date(p part, element, written string) time.Time {
	d, err := fhir.ParseDateTime(written)
	if err != nil || d.Precision != fhir.Day {
		r.add(p.at, "%s is a day such as 2026-12-25, but this is %s.", element, fhir.Quote(written))
		return time.Time{}
	}
	return d.Interval().Low.Time()
}

// shift reads the times of weekly hours, or of those of an exception.
func (r *hoursReader) shift(p part, parts map[string][]part) Shift {
	from, fromOK := r.clock(p, fromPart, r.one(parts[fromPart]))
	to, toOK := r.clock(p, toPart, r.one(parts[toPart]))
	if fromOK && toOK && from == to && from != 0 {
		r.add(p.at, "These hours end when they begin. A whole day is from 00:00:00 to 00:00:00.")
	}
	return Shift{from, to}
}

// clock reads a time of a day (https://hl7.org/fhir/R4/datatypes.html#time).
func (r *hoursReader) clock(within part, name string, p part) (time.Duration, bool) {
	if p.x == nil {
		r.add(within.at, "Hours have a from and a to, each an extension with a valueTime; %s is missing.", name)
		return 0, false
	}
	written := p.x.Text("valueTime")
	t, err := time.Parse("15:04:05", written)
	if err != nil || len(written) != len("15:04:05") {
		r.add(p.at, "A time is a valueTime such as 09:30:00, but this is %s. Midnight is 00:00:00, also at the end of a day.", fhir.Quote(written))
		return 0, false
	}
	return t.Sub(dayOf(t)), true
}
