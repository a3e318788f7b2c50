package fhir_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
)

func TestInstantAsText(t *testing.T) {
	scenarios := []struct {
		instant fhir.Instant
		want    string
	}{
		{0, "1970-01-01T00:00:00.000000Z"},
		{-1, "1969-12-31T23:59:59.999999Z"},
		{1_769_851_800_000_001, "2026-01-31T09:30:00.000001Z"},
		{fhir.InstantOf(time.Date(2026, 7, 1, 0, 30, 0, 999_999_999, time.FixedZone("", 3600))), "2026-06-30T23:30:00.999999Z"},
		{fhir.InstantOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)), "0001-01-01T00:00:00.000000Z"},
		{fhir.InstantOf(time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)), "9999-12-31T23:59:59.999999Z"},
	}
	for _, s := range scenarios {
		if got := s.instant.String(); got != s.want {
			t.Errorf("instant %d is %s, want %s", int64(s.instant), got, s.want)
		}
	}
}

func instants() *rapid.Generator[fhir.Instant] {
	first := fhir.InstantOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	last := fhir.InstantOf(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)) - 1
	return rapid.Map(rapid.Int64Range(int64(first), int64(last)), func(i int64) fhir.Instant { return fhir.Instant(i) })
}

func TestInstantsSortAsTheirTextsDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := instants().Draw(t, "a"), instants().Draw(t, "b")
		if (a < b) != (a.String() < b.String()) {
			t.Fatalf("%s and %s", a, b)
		}
	})
}

func TestInstantSurvivesTextAndTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := instants().Draw(t, "instant")
		if got := fhir.InstantOf(i.Time()); got != i {
			t.Fatalf("%d came back as %d", i, got)
		}
		d, err := fhir.ParseDateTime(i.String())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := d.Interval(), (fhir.Interval{Low: i, High: i + 1}); got != want {
			t.Fatalf("%s means %v", i, got)
		}
	})
}

func TestTheEndsOfTimeAreOutsideOfAnyDate(t *testing.T) {
	for _, text := range []string{"0001", "9999", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:60-14:00"} {
		d, err := fhir.ParseDateTime(text)
		if err != nil {
			t.Fatal(err)
		}
		if i := d.Interval(); i.Low <= fhir.Beginning || i.High >= fhir.End || i.Low >= i.High {
			t.Errorf("%s means %v", text, i)
		}
	}
}

// https://hl7.org/fhir/R4/datatypes.html#dateTime, and https://hl7.org/fhir/R4/search.html#date for the intervals.
func TestParseDateTime(t *testing.T) {
	scenarios := []struct {
		text      string
		precision fhir.Precision
		zone      bool
		low, high string
	}{
		{"2026", fhir.Year, false, "2026-01-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z"},
		{"0001", fhir.Year, false, "0001-01-01T00:00:00.000000Z", "0002-01-01T00:00:00.000000Z"},
		{"2026-02", fhir.Month, false, "2026-02-01T00:00:00.000000Z", "2026-03-01T00:00:00.000000Z"},
		{"2026-12", fhir.Month, false, "2026-12-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z"},
		{"2026-02-28", fhir.Day, false, "2026-02-28T00:00:00.000000Z", "2026-03-01T00:00:00.000000Z"},
		{"2024-02-29", fhir.Day, false, "2024-02-29T00:00:00.000000Z", "2024-03-01T00:00:00.000000Z"},
		{"2000-02-29", fhir.Day, false, "2000-02-29T00:00:00.000000Z", "2000-03-01T00:00:00.000000Z"},
		{"2026-03-29", fhir.Day, false, "2026-03-29T00:00:00.000000Z", "2026-03-30T00:00:00.000000Z"},
		{"2026-01-31T09:30", fhir.Minute, false, "2026-01-31T09:30:00.000000Z", "2026-01-31T09:31:00.000000Z"},
		{"2026-01-31T09:30Z", fhir.Minute, true, "2026-01-31T09:30:00.000000Z", "2026-01-31T09:31:00.000000Z"},
		{"2026-01-31T09:30+05:45", fhir.Minute, true, "2026-01-31T03:45:00.000000Z", "2026-01-31T03:46:00.000000Z"},
		{"2026-01-31T23:59:59", fhir.Second, false, "2026-01-31T23:59:59.000000Z", "2026-02-01T00:00:00.000000Z"},
		{"2026-01-31T00:00:00Z", fhir.Second, true, "2026-01-31T00:00:00.000000Z", "2026-01-31T00:00:01.000000Z"},
		{"2026-01-31T00:00:00-00:00", fhir.Second, true, "2026-01-31T00:00:00.000000Z", "2026-01-31T00:00:01.000000Z"},
		{"2026-01-01T00:30:00+01:00", fhir.Second, true, "2025-12-31T23:30:00.000000Z", "2025-12-31T23:30:01.000000Z"},
		{"2026-01-31T23:30:00-14:00", fhir.Second, true, "2026-02-01T13:30:00.000000Z", "2026-02-01T13:30:01.000000Z"},
		{"2026-01-31T23:30:00+14:00", fhir.Second, true, "2026-01-31T09:30:00.000000Z", "2026-01-31T09:30:01.000000Z"},
		{"2016-12-31T23:59:60Z", fhir.Second, true, "2017-01-01T00:00:00.000000Z", "2017-01-01T00:00:01.000000Z"},
		{"2026-01-31T09:30:00.5Z", fhir.Fraction, true, "2026-01-31T09:30:00.500000Z", "2026-01-31T09:30:00.600000Z"},
		{"2026-01-31T09:30:00.000", fhir.Fraction, false, "2026-01-31T09:30:00.000000Z", "2026-01-31T09:30:00.001000Z"},
		{"2026-01-31T09:30:00.123456Z", fhir.Fraction, true, "2026-01-31T09:30:00.123456Z", "2026-01-31T09:30:00.123457Z"},
		{"2026-01-31T09:30:00.1234569Z", fhir.Fraction, true, "2026-01-31T09:30:00.123456Z", "2026-01-31T09:30:00.123457Z"},
		{"2026-01-31T09:30:00.99999999999999+01:00", fhir.Fraction, true, "2026-01-31T08:30:00.999999Z", "2026-01-31T08:30:01.000000Z"},
	}
	for _, s := range scenarios {
		t.Run(s.text, func(t *testing.T) {
			d, err := fhir.ParseDateTime(s.text)
			if err != nil {
				t.Fatal(err)
			}
			if d.Precision != s.precision || d.HasZone != s.zone {
				t.Errorf("precision %d, has zone %v", d.Precision, d.HasZone)
			}
			got := d.Interval()
			if diff := cmp.Diff([]string{s.low, s.high}, []string{got.Low.String(), got.High.String()}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseDateTimeRefuses(t *testing.T) {
	const form = "write YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or an offset such as +01:00."
	scenarios := []struct{ reason, texts string }{
		{form, "|26|202|20265|2026-|2026-1|2026-001|2026-01-|2026-01-1|2026-01-031|2026/01/31|31.01.2026|20260131|+2026|-2026| 2026|2026 |2026-01-31T|2026T10:00Z|2026-01T10:00Z|" +
			"2026-01-31T09|2026-01-31T09Z|2026-01-31T9:30Z|2026-01-31T09:|2026-01-31T09:3|2026-01-31T09:30:|2026-01-31T09:30:0|2026-01-31T09:30:00.|2026-01-31T09:30:00.Z|" +
			"2026-01-31T09:30:00,5Z|2026-01-31 09:30:00Z|2026-01-31t09:30:00Z|2026-01-31T09:30:00z|2026-01-31T09:30:00ZZ|2026-01-31T09:30:00+1:00|2026-01-31T09:30:00+01|" +
			"2026-01-31T09:30:00+0100|2026-01-31T09:30:00+01:60|2026-01-31T09:30:00+01:000|2026-01-31T09:30:00 +01:00|2026-01-31T09:30:00−01:00|2026-01-31Z|٢٠٢٦|20é6|today"},
		{"the year is 0001 to 9999.", "0000|0000-01-01"},
		{"the month is 01 to 12.", "2026-00|2026-13|2026-13-45T25:61:61Z"},
		{"the day is 01 to 31 in that month.", "2026-01-00|2026-01-32|2026-12-99"},
		{"the day is 01 to 30 in that month.", "2026-04-31"},
		{"the day is 01 to 28 in that month.", "2026-02-29|1970-02-31|1900-02-29"},
		{"the day is 01 to 29 in that month.", "2024-02-30"},
		{"the hour is 00 to 23.", "2026-01-31T24:00:00Z|2026-01-31T99:00"},
		{"the minute is 00 to 59.", "2026-01-31T23:60:00Z"},
		{"the second is 00 to 59, or 60 for a leap second.", "2026-01-31T23:59:61Z"},
		{"the offset is at most 14 hours.", "2026-01-31T09:30:00+14:01|2026-01-31T09:30:00-14:01|2026-01-31T09:30:00+99:00"},
	}
	for _, s := range scenarios {
		for text := range strings.SplitSeq(s.texts, "|") {
			d, err := fhir.ParseDateTime(text)
			if err == nil || d != (fhir.DateTime{}) {
				t.Errorf("%q was read", text)
				continue
			}
			want := fmt.Sprintf("value : %s is not a date: %s", fhir.Quote(text), s.reason)
			if diff := cmp.Diff([]string{want}, issues(t, err)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", text, diff)
			}
		}
	}
}

func TestUTC(t *testing.T) {
	scenarios := []struct{ name, text, want string }{
		{"a year", "2026", "2026"},
		{"a day", "2026-01-31", "2026-01-31"},
		{"a time without zone", "2026-01-31T09:30:00", "2026-01-31T09:30:00"},
		{"already in UTC", "2026-01-31T09:30:00.000Z", "2026-01-31T09:30:00.000Z"},
		{"east", "2026-07-01T09:30:05+01:00", "2026-07-01T08:30:05Z"},
		{"west", "2026-07-01T09:30:05-05:30", "2026-07-01T15:00:05Z"},
		{"no offset", "2026-07-01T09:30:05+00:00", "2026-07-01T09:30:05Z"},
		{"an unknown offset", "2026-07-01T09:30:05-00:00", "2026-07-01T09:30:05Z"},
		{"the day before", "2026-03-01T00:15:00+01:00", "2026-02-28T23:15:00Z"},
		{"the day before, a leap day", "2024-03-01T00:15:00+01:00", "2024-02-29T23:15:00Z"},
		{"the year after", "2025-12-31T20:00:00-04:00", "2026-01-01T00:00:00Z"},
		{"fraction digits are kept", "2026-07-01T09:30:05.000+01:00", "2026-07-01T08:30:05.000Z"},
		{"all of them", "2026-07-01T09:30:05.12345678901234567890+01:00", "2026-07-01T08:30:05.12345678901234567890Z"},
		{"a leap second", "2017-01-01T00:59:60+01:00", "2016-12-31T23:59:60Z"},
		{"a minute", "2026-07-01T09:30+01:00", "2026-07-01T08:30Z"},
		{"the first moment", "0001-01-01T14:00:00+14:00", "0001-01-01T00:00:00Z"},
		{"the last moment", "9999-12-31T09:59:59.9-14:00", "9999-12-31T23:59:59.9Z"},
		{"a year of few digits", "0099-01-01T00:00:00+01:00", "0098-12-31T23:00:00Z"},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			d, err := fhir.ParseDateTime(s.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.UTC(s.text)
			if err != nil || got != s.want {
				t.Errorf("%s in UTC is %s, %v; want %s", s.text, got, err, s.want)
			}
		})
	}
}

func TestUTCRefusesAYearOutOfRange(t *testing.T) {
	for _, text := range []string{"0001-01-01T00:59:59+01:00", "0001-01-01T13:59:00+14:00", "9999-12-31T23:00:00-01:00", "9999-12-31T23:59:60-00:01"} {
		d, err := fhir.ParseDateTime(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.UTC(text)
		if got != "" {
			t.Errorf("%s in UTC is %s", text, got)
		}
		want := fmt.Sprintf("value : %q lies in UTC outside of the years 0001 to 9999.", text)
		if diff := cmp.Diff([]string{want}, issues(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// writtenTimes makes texts that have the form of RFC 3339, some of which are no time.
func writtenTimes() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		part := func(name string, high, tooHigh int) int {
			if rapid.IntRange(0, 30).Draw(t, name+" out of range") == 0 {
				high = tooHigh
			}
			return rapid.IntRange(0, high).Draw(t, name)
		}
		text := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d", part("year", 9999, 9999), part("month", 12, 99), part("day", 31, 99),
			part("hour", 23, 99), part("minute", 59, 99), part("second", 59, 99))
		if digits := rapid.StringMatching(`[0-9]{0,12}`).Draw(t, "fraction"); digits != "" {
			text += "." + digits
		}
		if rapid.Bool().Draw(t, "Z") {
			return text + "Z"
		}
		return text + fmt.Sprintf("%s%02d:%02d", rapid.SampledFrom([]string{"+", "-"}).Draw(t, "sign"), part("hours", 14, 24), part("minutes", 59, 99))
	})
}

func TestParseDateTimeAgreesWithTimeParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkAgainstTime(t, writtenTimes().Draw(t, "text")) })
}

// checkAgainstTime holds a text in the form of RFC 3339 to the time package. The package reads a year 0000 and offsets
// beyond 14:00 or of 60 minutes, and does not read leap seconds.
func checkAgainstTime(t rapid.TB, text string) {
	t.Helper()
	d, err := fhir.ParseDateTime(text)
	want, standardErr := time.Parse(time.RFC3339, text)
	if err != nil {
		if standardErr == nil && want.Year() != 0 && abs(offset(want)) <= 14*60*60 && !strings.HasSuffix(text, ":60") {
			t.Fatalf("%s is %s, but was refused: %v", text, want, err)
		}
		return
	}
	if standardErr != nil {
		if text[17:19] != "60" {
			t.Fatalf("%s was read, but %v", text, standardErr)
		}
		return
	}
	if got := d.Interval().Low; got != fhir.InstantOf(want) {
		t.Fatalf("%s is %s, but was read as %s", text, want.UTC(), got)
	}
	utc, err := d.UTC(text)
	if year := want.UTC().Year(); year < 1 || year > 9999 {
		if err == nil {
			t.Fatalf("%s lies in the year %d, but is written as %s", text, year, utc)
		}
		return
	}
	digits := strings.TrimRight(text[19:], "Z")
	digits, _, _ = strings.Cut(digits, "+")
	digits, _, _ = strings.Cut(digits, "-")
	if wanted := want.UTC().Format("2006-01-02T15:04:05") + digits + "Z"; err != nil || utc != wanted {
		t.Fatalf("%s in UTC is %s, %v; want %s", text, utc, err, wanted)
	}
}

func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds
}

func abs(n int) int { return max(n, -n) }

// dateForm is the form of https://hl7.org/fhir/R4/datatypes.html#dateTime, with zone and seconds optional as in a search. It
// leaves the number of days in a month open.
var dateForm = regexp.MustCompile(`^\d{4}(-(0[1-9]|1[012])(-(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3]):[0-5]\d(:([0-5]\d|60)(\.\d+)?)?(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))?)?)?)?$`)

func isDate(text string) bool {
	if !dateForm.MatchString(text) || text[:4] == "0000" {
		return false
	}
	if len(text) < 10 {
		return true
	}
	_, err := time.Parse(time.DateOnly, text[:10])
	return err == nil
}

func FuzzParseDateTime(f *testing.F) {
	for _, seed := range []string{
		"", "2026", "2026-02", "2026-02-29", "2024-02-29", "2026-01-31T09:30", "2026-01-31T09:30:00Z", "2026-01-31T09:30:00.123+01:00", "2016-12-31T23:59:60Z",
		"0001-01-01T00:00:00+14:00", "9999-12-31T23:59:60-14:00", "0000", "2026-13", "2026-01-31T24:00:00Z", "2026-01-31T09:30:00+14:01", "2026-01-31T09:30:00-00:00", "2026-1-1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := fhir.ParseDateTime(text)
		if (err == nil) != isDate(text) {
			t.Fatalf("%q is a date: %v, but the error is %v", text, isDate(text), err)
		}
		if err != nil {
			return
		}
		if i := d.Interval(); i.Low >= i.High {
			t.Errorf("%q means %v", text, i)
		}
		utc, err := d.UTC(text)
		if err != nil {
			return
		}
		again, err := fhir.ParseDateTime(utc)
		if err != nil || again.Precision != d.Precision || again.HasZone != d.HasZone || again.Interval() != d.Interval() {
			t.Errorf("%q in UTC is %q, which means something else: %v", text, utc, err)
		}
		if d.Precision >= fhir.Second && d.HasZone {
			checkAgainstTime(t, text)
		}
	})
}

func BenchmarkParseDateTime(b *testing.B) {
	for b.Loop() {
		if _, err := fhir.ParseDateTime("2026-01-31T09:30:00.123+01:00"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUTC(b *testing.B) {
	const text = "2026-01-31T09:30:00.123+01:00"
	d, err := fhir.ParseDateTime(text)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := d.UTC(text); err != nil {
			b.Fatal(err)
		}
	}
}
