package booking_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// TestHoursOf reads everything that working hours can say.
func TestHoursOf(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	got := hoursOf(t, length("slot-length", 1.5, "h"), length("gap", 10, "min"), length(booking.LeadTimeURL, 2, "d"),
		weekly("mon wed", "09:00", "12:30"), weekly("fri", "20:00", "08:00"),
		exception("2026-12-25", "2026-12-25"), exception("2026-12-28", "2026-12-31", "13:00-16:00", "09:00-12:00"))
	on := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	want := booking.Hours{
		Zone: london, Length: 90 * time.Minute, Gap: 10 * time.Minute, Lead: 48 * time.Hour,
		Weekly: []booking.Weekly{
			{Days: []time.Weekday{time.Monday, time.Wednesday}, Shift: booking.Shift{From: 9 * time.Hour, To: 12*time.Hour + 30*time.Minute}},
			{Days: []time.Weekday{time.Friday}, Shift: booking.Shift{From: 20 * time.Hour, To: 8 * time.Hour}},
		},
		Exceptions: []booking.Exception{
			{First: on(12, 25), Last: on(12, 25)},
			{First: on(12, 28), Last: on(12, 31), Shifts: []booking.Shift{{From: 9 * time.Hour, To: 12 * time.Hour}, {From: 13 * time.Hour, To: 16 * time.Hour}}},
		},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })); diff != "" {
		t.Error(diff)
	}
	if _, found, err := booking.HoursOf(parse(t, `{"resourceType":"Schedule","actor":[{"reference":"Practitioner/1"}]}`)); found || err != nil {
		t.Errorf("a Schedule without working hours: found %v, %v", found, err)
	}
	if _, found, err := booking.HoursOf(fhir.Resource{}); found || err != nil {
		t.Errorf("no Schedule: found %v, %v", found, err)
	}
}

// TestHoursRefused: each fault is told, where it is and what would be right.
func TestHoursRefused(t *testing.T) {
	good, length15 := weekly("mon", "09:00", "10:00"), slotsOf(15)
	at := func(path string) string { return "Schedule.extension[1]" + path }
	for name, c := range map[string]struct {
		hours []string
		want  []string // a place and a word of each fault
	}{
		"nothing at all": {nil, []string{at("") + ": slot-length", at("") + ": weekly or exception"}},
		"a name that is not known": {[]string{length15, good, `{"url":"exeption"}`},
			[]string{at(".extension[2]") + `: "exeption" is not known`}},
		"a zone that is none":       {[]string{length15, good, zone("Europe/Londn")}, []string{at(".extension[2]") + ": Europe/London"}},
		"the zone of the machine":   {[]string{length15, good, zone("Local")}, []string{at(".extension[2]") + ": IANA"}},
		"a file beside the zones":   {[]string{length15, good, zone("../zoneinfo/Europe/London")}, []string{at(".extension[2]") + ": IANA"}},
		"a zone of another type":    {[]string{length15, good, `{"url":"time-zone","valueString":"Europe/London"}`}, []string{at(".extension[2]") + ": valueCode"}},
		"a zone twice":              {[]string{length15, good, zone("UTC"), zone("UTC")}, []string{at(".extension[3]") + ": at most one time-zone"}},
		"a length too short":        {[]string{slotsOf(4), good}, []string{at(".extension[0]") + ": from 5 minutes to 1 day"}},
		"a length too long":         {[]string{length("slot-length", 25, "h"), good}, []string{at(".extension[0]") + ": from 5 minutes to 1 day"}},
		"a length of half a minute": {[]string{length("slot-length", "7.5", "min"), good}, []string{at(".extension[0]") + ": whole minutes"}},
		"a length beyond all":       {[]string{length("slot-length", "1e4000", "min"), good}, []string{at(".extension[0]") + ": 5 minutes to 1 day"}},
		"a length in seconds":       {[]string{length("slot-length", 900, "s"), good}, []string{at(".extension[0]") + ": in min, h or d"}},
		"a length that is more":     {[]string{`{"url":"slot-length","valueDuration":{"value":15,"comparator":">","code":"min"}}`, good}, []string{at(".extension[0]") + ": whole minutes"}},
		"a gap below zero":          {[]string{length15, good, length("gap", -5, "min")}, []string{at(".extension[2]") + ": from 0 days to 1 day"}},
		"a lead time of years":      {[]string{length15, good, length(booking.LeadTimeURL, 401, "d")}, []string{at(".extension[2]") + ": to 400 days"}},
		"no day":                    {[]string{length15, weekly("", "09:00", "10:00")}, []string{at(".extension[1]") + ": at least one day"}},
		"a day that is none":        {[]string{length15, weekly("Monday", "09:00", "10:00")}, []string{at(".extension[1].extension[0]") + ": mon, tue"}},
		"a day twice":               {[]string{length15, weekly("mon mon", "09:00", "10:00")}, []string{at(".extension[1].extension[1]") + ": twice"}},
		"times that are none": {[]string{length15, weekly("mon", "9:00", "24:00")},
			[]string{at(".extension[1].extension[1]") + `: "9:00:00"`, at(".extension[1].extension[2]") + `: "24:00:00"`}},
		"no time":                  {[]string{length15, `{"url":"weekly","extension":[{"url":"day","valueCode":"mon"}]}`}, []string{at(".extension[1]") + ": from is missing", at(".extension[1]") + ": to is missing"}},
		"an end that is the start": {[]string{length15, weekly("mon", "09:00", "09:00")}, []string{at(".extension[1]") + ": whole day"}},
		"hours that overlap":       {[]string{length15, weekly("mon tue", "09:00", "12:00"), weekly("tue", "11:00", "13:00")}, []string{at("") + ": those of tue 09:00 go on until 12:00, and others begin on tue 11:00"}},
		"a night into a morning":   {[]string{length15, weekly("sat", "20:00", "08:00"), weekly("sun", "07:00", "09:00")}, []string{at("") + ": those of sat 20:00 go on until 08:00, and others begin on sun 07:00"}},
		"an exception of no date":  {[]string{length15, good, `{"url":"exception","extension":[]}`}, []string{at(".extension[2]") + ": one date"}},
		"an exception of both": {[]string{length15, good, `{"url":"exception","extension":[{"url":"date","valueDate":"2026-12-25"},{"url":"period","valuePeriod":{"start":"2026-12-25","end":"2026-12-26"}}]}`},
			[]string{at(".extension[2]") + ": one of the two"}},
		"an exception of a month":       {[]string{length15, good, exception("2026-12", "2026-12")}, []string{at(".extension[2].extension[0]") + ": valueDate is a day"}},
		"a period that never ends":      {[]string{length15, good, `{"url":"exception","extension":[{"url":"period","valuePeriod":{"start":"2026-12-25"}}]}`}, []string{at(".extension[2].extension[0]") + ": valuePeriod.end is a day"}},
		"a period that ends before":     {[]string{length15, good, exception("2026-12-26", "2026-12-25")}, []string{at(".extension[2].extension[0]") + ": ends before it begins"}},
		"an exception that overlaps":    {[]string{length15, good, exception("2026-12-25", "2026-12-25", "11:00-13:00", "09:00-11:30")}, []string{at(".extension[2]") + ": those from 09:00 go on until 11:30, and others begin at 11:00"}},
		"hours without end":             {[]string{length15, good, `{"url":"exception","extension":[{"url":"date","valueDate":"2026-12-25"},{"url":"hours","extension":[{"url":"from","valueTime":"09:00:00"}]}]}`}, []string{at(".extension[2].extension[1]") + ": to is missing"}},
		"more exceptions than are read": {append([]string{length15}, many(501, exception("2026-12-25", "2026-12-25"))...), []string{at(".extension[501]") + ": There are 501 of these; at most 500"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := booking.HoursOf(parse(t, scheduleWith(c.hours...)))
			if !errors.Is(err, fhir.Unprocessable) {
				t.Fatal(err)
			}
			issues := fhir.AsError(err).Issues
			if len(issues) != len(c.want) {
				t.Fatalf("%d faults, want %d: %v", len(issues), len(c.want), err)
			}
			for i, want := range c.want {
				place, word, _ := strings.Cut(want, ": ")
				if issues[i].Path != place || !strings.Contains(issues[i].Detail, word) || issues[i].Code != fhir.CodeBusinessRule {
					t.Errorf("fault at %s: %s\nwant %s", issues[i].Path, issues[i].Detail, want)
				}
			}
		})
	}
	twice := parse(t, scheduleWith(length15, good))
	twice.Root().Set("extension", append(twice.Root().Array("extension"), twice.Root().Array("extension")[1]))
	if _, _, err := booking.HoursOf(twice); err == nil || fhir.AsError(err).Issues[0].Path != "Schedule.extension[2]" {
		t.Errorf("two extensions of working hours: %v", err)
	}
}

func many(n int, text string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = text
	}
	return all
}

// FuzzHoursOf reads whatever stands in a Schedule: it is refused, or makes slots that do not overlap.
func FuzzHoursOf(f *testing.F) {
	f.Add(scheduleWith(slotsOf(15), weekly("mon tue", "09:00", "12:30"), exception("2026-12-25", "2026-12-26", "10:00-11:00")))
	f.Add(scheduleWith(length("slot-length", 1, "h"), zone("America/New_York"), length("gap", 5, "min"), weekly("fri", "20:00", "04:00")))
	f.Add(fmt.Sprintf(`{"resourceType":"Schedule","extension":[{"url":%q,"extension":[{"url":"weekly","extension":7}]}]}`, booking.WorkingHoursURL))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := fhir.ParseResource([]byte(text))
		if err != nil {
			return
		}
		h, found, err := booking.HoursOf(r)
		if err != nil {
			if len(fhir.AsError(err).Issues) == 0 || !errors.Is(err, fhir.Unprocessable) {
				t.Fatal(err)
			}
			return
		}
		if !found {
			return
		}
		times := h.Times(instant(t, "2026-10-20T00:00Z"), instant(t, "2026-10-30T00:00Z"))
		for i := 1; i < len(times); i++ {
			if times[i-1].End > times[i].Start {
				t.Fatalf("slots from %s and from %s overlap", times[i-1].Start, times[i].Start)
			}
		}
	})
}
