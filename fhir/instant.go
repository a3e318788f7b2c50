package fhir

import (
	"strconv"
	"time"
)

// Instant is a point in time: microseconds since 1970-01-01T00:00:00Z. Fractions below are cut off.
type Instant int64

// The ends of time, for intervals that are open: nothing begins before Beginning or ends after End.
const (
	Beginning Instant = -1 << 63
	End       Instant = 1<<63 - 1
)

// InstantOf is the instant of a time.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMicro()) }

// Time is the instant as a time in UTC.
func (i Instant) Time() time.Time { return time.UnixMicro(int64(i)).UTC() }

// String is the instant as FHIR writes it, in UTC with six digits of a second: "2026-01-31T09:30:00.000000Z".
// Texts sort as their instants do in the years 0001 to 9999; beyond, it is no FHIR instant.
func (i Instant) String() string { return string(i.append(make([]byte, 0, 27))) }

func (i Instant) append(dst []byte) []byte {
	return i.Time().AppendFormat(dst, "2006-01-02T15:04:05.000000Z07:00")
}

// Interval is the stretch of time that a date means: from Low up to, not including, High.
type Interval struct {
	Low, High Instant
}

// Precision is how much of a date is written.
type Precision uint8

// The precisions, coarse to fine. Minute occurs only in searches.
const (
	Year Precision = iota + 1
	Month
	Day
	Minute
	Second
	Fraction
)

// DateTime is a date, dateTime or instant as it was written (https://hl7.org/fhir/R4/datatypes.html#dateTime).
type DateTime struct {
	Precision Precision
	HasZone   bool

	year, month, day     int
	hour, minute, second int
	digits               string // of the fraction of a second, as written
	offset               int    // minutes east of UTC
}

// ParseDateTime reads YYYY, YYYY-MM, YYYY-MM-DD, or a day with Thh:mm[:ss[.fff]] and, optionally, Z or
// ±hh:mm. It reports days and times that do not exist: 1970-02-31, 24:00:00. A leap second, :60, is read.
// Which precisions and zones an element allows is for the caller to decide; the error has kind Invalid.
func ParseDateTime(s string) (DateTime, error) {
	d := DateTime{month: 1, day: 1}
	r := reader{rest: s}
	d.year, d.Precision = r.number(4), Year
	if r.skip('-') {
		d.month, d.Precision = r.number(2), Month
		if r.skip('-') {
			d.day, d.Precision = r.number(2), Day
		}
	}
	if d.Precision == Day && r.skip('T') {
		d.readTime(&r)
	}
	if r.failed || r.rest != "" {
		return DateTime{}, Errorf(Invalid, CodeValue, "%s is not a date: write YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or an offset such as +01:00.", Quote(s))
	}
	if reason := d.impossible(); reason != "" {
		return DateTime{}, Errorf(Invalid, CodeValue, "%s is not a date: %s.", Quote(s), reason)
	}
	return d, nil
}

func (d *DateTime) readTime(r *reader) {
	d.hour = r.number(2)
	r.expect(':')
	d.minute, d.Precision = r.number(2), Minute
	if r.skip(':') {
		d.second, d.Precision = r.number(2), Second
		if r.skip('.') {
			if d.digits, d.Precision = r.digits(), Fraction; d.digits == "" {
				r.failed = true
			}
		}
	}
	switch {
	case r.skip('Z'):
		d.HasZone = true
	case r.rest != "":
		d.HasZone, d.offset = true, r.offset()
	}
}

// impossible says why the parts make no date, or "".
func (d DateTime) impossible() string {
	switch {
	case d.year < 1:
		return "the year is 0001 to 9999"
	case d.month < 1 || d.month > 12:
		return "the month is 01 to 12"
	case d.day < 1 || d.day > daysIn(d.year, d.month):
		return "the day is 01 to " + strconv.Itoa(daysIn(d.year, d.month)) + " in that month"
	case d.hour > 23:
		return "the hour is 00 to 23"
	case d.minute > 59:
		return "the minute is 00 to 59"
	case d.second > 60:
		return "the second is 00 to 59, or 60 for a leap second"
	case d.offset < -14*60 || d.offset > 14*60:
		return "the offset is at most 14 hours"
	default:
		return ""
	}
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// Interval is what the date means on the time line. Where no zone is written, it is UTC.
func (d DateTime) Interval() Interval {
	low := d.time()
	var high time.Time
	switch d.Precision {
	case Year:
		high = low.AddDate(1, 0, 0)
	case Month:
		high = low.AddDate(0, 1, 0)
	case Day:
		high = low.AddDate(0, 0, 1)
	case Minute:
		high = low.Add(time.Minute)
	case Second:
		high = low.Add(time.Second)
	default:
		high = low.Add(d.tick())
	}
	return Interval{InstantOf(low), InstantOf(high)}
}

// time is the first moment of the date, to the nanosecond.
func (d DateTime) time() time.Time {
	nanos := 0
	if d.digits != "" {
		nanos, _ = strconv.Atoi((d.digits + "000000000")[:9])
	}
	return time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.second, nanos, time.UTC).
		Add(-time.Duration(d.offset) * time.Minute)
}

// tick is the length of the last written digit of the fraction, a microsecond at least.
func (d DateTime) tick() time.Duration {
	tick := time.Second
	for range min(len(d.digits), 6) {
		tick /= 10
	}
	return tick
}

// UTC writes a date with time and zone in UTC, the fraction's digits as they were; a date without time is
// returned as it is. A year that leaves 0001 to 9999 by the conversion is an error of kind Invalid.
func (d DateTime) UTC(written string) (string, error) {
	if d.Precision < Minute || !d.HasZone || written[len(written)-1] == 'Z' {
		return written, nil
	}
	// The second is kept out of the arithmetic: offsets are whole minutes, and a leap second stays one.
	t := time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute-d.offset, 0, 0, time.UTC)
	if t.Year() < 1 || t.Year() > 9999 {
		return "", Errorf(Invalid, CodeValue, "%s lies in UTC outside of the years 0001 to 9999.", Quote(written))
	}
	out := t.Format("2006-01-02T15:04")
	if d.Precision >= Second {
		out += ":" + strconv.Itoa(d.second/10) + strconv.Itoa(d.second%10)
	}
	if d.digits != "" {
		out += "." + d.digits
	}
	return out + "Z", nil
}

// reader takes a date apart. Once it failed, everything that it reads is void.
type reader struct {
	rest   string
	failed bool
}

func (r *reader) skip(c byte) bool {
	if r.rest == "" || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *reader) expect(c byte) {
	if !r.skip(c) {
		r.failed = true
	}
}

// number reads exactly n digits.
func (r *reader) number(n int) int {
	if len(r.rest) < n {
		r.failed = true
		return 0
	}
	value := 0
	for i := range n {
		c := r.rest[i]
		if c < '0' || c > '9' {
			r.failed = true
			return 0
		}
		value = 10*value + int(c-'0')
	}
	r.rest = r.rest[n:]
	return value
}

func (r *reader) digits() string {
	i := 0
	for i < len(r.rest) && r.rest[i] >= '0' && r.rest[i] <= '9' {
		i++
	}
	digits := r.rest[:i]
	r.rest = r.rest[i:]
	return digits
}

// offset reads ±hh:mm, in minutes.
func (r *reader) offset() int {
	sign := 1
	if r.skip('-') {
		sign = -1
	} else {
		r.expect('+')
	}
	hours := r.number(2)
	r.expect(':')
	minutes := r.number(2)
	if minutes > 59 {
		r.failed = true
	}
	return sign * (60*hours + minutes)
}
