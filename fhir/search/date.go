package search

import (
	"github.com/portico-health/portico/fhir"
)

// A date is a stretch of time on both sides (https://hl7.org/fhir/R4/search.html#date): in the resource and in the search. An
// instant is a point, one microsecond here. Of a Timing "only the outer limits matter"; a limit that is not written lies
// before, or after, every date.
type date struct {
	name string
}

func (d *date) stamp() string { return "date 1" }

func (d *date) index(at place) sink {
	var interval func(v any) (fhir.Interval, bool)
	switch at.code() {
	case "date", "dateTime":
		interval = written
	case "instant":
		interval = point
	case "Period":
		interval = period
	case "Timing":
		interval = timing
	default:
		return nil
	}
	return func(x *extraction, v any) {
		if i, ok := interval(v); ok {
			x.out.Ranges = append(x.out.Ranges, Range{d.name, i})
		}
	}
}

// written is the interval of a date as it is written; there is none for what is no date.
func written(v any) (fhir.Interval, bool) {
	s, _ := v.(string)
	if s == "" {
		return fhir.Interval{}, false
	}
	t, err := fhir.ParseDateTime(s)
	return t.Interval(), err == nil
}

// point is the interval of an instant.
func point(v any) (fhir.Interval, bool) {
	i, ok := written(v)
	i.High = i.Low + 1
	return i, ok
}

func period(v any) (fhir.Interval, bool) {
	o, ok := v.(*fhir.Object)
	i := fhir.Interval{Low: fhir.Beginning, High: fhir.End}
	if start, ok := written(o.Text("start")); ok {
		i.Low = start.Low
	}
	if end, ok := written(o.Text("end")); ok {
		i.High = end.High
	}
	return i, ok
}

// timing is the interval from the first to the last of the events and the bounds. Bounds that are a length of time have
// no place on the time line and bound nothing.
func timing(v any) (fhir.Interval, bool) {
	o, ok := v.(*fhir.Object)
	outer := fhir.Interval{Low: fhir.End, High: fhir.Beginning}
	for _, event := range o.Array("event") {
		if i, ok := written(event); ok {
			outer.Low, outer.High = min(outer.Low, i.Low), max(outer.High, i.High)
		}
	}
	if o := o.Object("repeat").Object("boundsPeriod"); o != nil {
		bounds, _ := period(o)
		outer.Low, outer.High = min(outer.Low, bounds.Low), max(outer.High, bounds.High)
	}
	if outer.High < outer.Low {
		outer = fhir.Interval{Low: fhir.Beginning, High: fhir.End}
	}
	return outer, ok
}

func (d *date) always() bool { return false }

func (d *date) modifiers() []string { return nil }

func (d *date) lower(c criterion) (Any, *fhir.Error) {
	return c.each(func(v string) ([]Test, *fhir.Error) {
		prefix, rest := cutPrefix(unescape(v))
		if comparisons[prefix] == nil {
			return nil, unknownPrefix(v, prefix)
		}
		t, err := fhir.ParseDateTime(RepairPlus(rest))
		if err != nil {
			return nil, fhir.AsError(err)
		}
		var tests []Test
		for _, w := range comparisons[prefix](t.Interval(), c.now) {
			w.Param = d.name
			tests = append(tests, w)
		}
		return tests, nil
	})
}

// cutPrefix takes two letters at the beginning off; eq where there are none.
func cutPrefix(v string) (prefix, rest string) {
	n := 0
	for n < len(v) && (v[n] >= 'a' && v[n] <= 'z' || v[n] >= 'A' && v[n] <= 'Z') {
		n++
	}
	if n == 2 {
		return v[:n], v[n:]
	}
	return "eq", v
}

func unknownPrefix(value, prefix string) *fhir.Error {
	return fhir.Errorf(fhir.Invalid, fhir.CodeValue,
		"%s begins with the prefix %s, which is not known: the prefixes are eq, ne, gt, lt, ge, le, sa, eb and ap.", fhir.Quote(value), fhir.Quote(prefix))
}

// RepairPlus puts back the plus sign of a date's offset that was not percent-encoded in a query and so has become a space:
// "2026-01-31T09:30:00 01:00".
func RepairPlus(v string) string {
	const offset = len(" hh:mm")
	if i := len(v) - offset; i > 0 && v[i] == ' ' {
		return v[:i] + "+" + v[i+1:]
	}
	return v
}

// comparisons are the prefixes (https://hl7.org/fhir/R4/search.html#prefix): each gives the tests on the interval in the resource, one of
// which must hold, for the interval s in the search. What lies above s begins at its end, what lies below ends at its start.
var comparisons = map[string]func(s fhir.Interval, now fhir.Instant) []Within{
	"eq": func(s fhir.Interval, _ fhir.Instant) []Within { return []Within{inside(s)} },
	"ne": func(s fhir.Interval, _ fhir.Instant) []Within {
		return []Within{beginsBefore(s.Low), endsAfter(s.High)}
	},
	"gt": func(s fhir.Interval, _ fhir.Instant) []Within { return []Within{endsAfter(s.High)} },
	"lt": func(s fhir.Interval, _ fhir.Instant) []Within { return []Within{beginsBefore(s.Low)} },
	"ge": func(s fhir.Interval, _ fhir.Instant) []Within { return []Within{endsAfter(s.High), inside(s)} },
	"le": func(s fhir.Interval, _ fhir.Instant) []Within { return []Within{beginsBefore(s.Low), inside(s)} },
	"sa": func(s fhir.Interval, _ fhir.Instant) []Within {
		return []Within{{LowFrom: s.High, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}}
	},
	"eb": func(s fhir.Interval, _ fhir.Instant) []Within {
		return []Within{{LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: s.Low}}
	},
	"ap": func(s fhir.Interval, now fhir.Instant) []Within {
		s = widened(s, now)
		return []Within{{LowFrom: fhir.Beginning, LowTo: s.High - 1, HighFrom: s.Low + 1, HighTo: fhir.End}}
	},
}

// inside holds for what s contains. Both bounds are given for both ends, so that a driver can look at one of them.
func inside(s fhir.Interval) Within {
	return Within{LowFrom: s.Low, LowTo: s.High, HighFrom: s.Low, HighTo: s.High}
}

// endsAfter holds for what reaches beyond an instant.
func endsAfter(i fhir.Instant) Within {
	return Within{LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: i + 1, HighTo: fhir.End}
}

// beginsBefore holds for what begins before an instant.
func beginsBefore(i fhir.Instant) Within {
	return Within{LowFrom: fhir.Beginning, LowTo: i - 1, HighFrom: fhir.Beginning, HighTo: fhir.End}
}

// widened is s and a tenth of its distance to now on both sides: "for a date, 10% of the gap between now and the date".
func widened(s fhir.Interval, now fhir.Instant) fhir.Interval {
	gap := max(s.Low-now, now-s.High, 0)
	return fhir.Interval{Low: s.Low - gap/10, High: s.High + gap/10}
}
