package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/portico-health/portico/fhir"
)

// What is understood of the parameter timing of $find, a Timing (https://hl7.org/fhir/R4/datatypes.html#Timing) of preferred times: an event, with which an
// appointment overlaps; or a repeat of dayOfWeek, on one of which it begins, timeOfDay, one of which is in it, and boundsPeriod, in which it is. Days and times
// are those of the clocks in London. Whatever else a Timing says is refused: found without it, times would look preferred that are not.

const timingParam = "timing"

// preferred is what a Timing asks for.
type preferred struct {
	events []fhir.Interval
	days   []time.Weekday
	times  []time.Time // of which hours, minutes and seconds count
	bounds *fhir.Interval
	zone   *time.Location
	repeat bool // it has one

	faults *fhir.Error
}

// weekdays are the codes of https://hl7.org/fhir/R4/valueset-days-of-week.html.
var weekdays = map[string]time.Weekday{
	"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday,
}

// preferring reads a Timing. Its error is Invalid, with everything that is wrong or not understood.
func preferring(timing *fhir.Object) (suits func(start, end fhir.Instant) bool, err error) {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		return nil, err
	}
	p := preferred{zone: zone}
	for name, value := range timing.All() {
		switch name {
		case "id":
		case "event":
			p.each(name, value, func(text string) { p.events = append(p.events, p.interval(name, text)) })
		case "repeat":
			repeat, _ := value.(*fhir.Object)
			p.readRepeat(repeat)
		default:
			p.refuse(name)
		}
	}
	if p.faults != nil {
		return nil, p.faults
	}
	return p.suits, nil
}

func (p *preferred) readRepeat(repeat *fhir.Object) {
	p.repeat = true
	for name, value := range repeat.All() {
		switch name {
		case "id":
		case "dayOfWeek":
			p.each(name, value, func(text string) {
				day, known := weekdays[text]
				if p.days = append(p.days, day); !known {
					p.fault("%s is no day of the week: write mon, tue, wed, thu, fri, sat or sun.", fhir.Quote(text))
				}
			})
		case "timeOfDay":
			p.each(name, value, func(text string) {
				at, err := time.Parse(time.TimeOnly, text)
				if p.times = append(p.times, at); err != nil {
					p.fault("%s is no time of day: write it as 14:30:00.", fhir.Quote(text))
				}
			})
		case "boundsPeriod":
			period, _ := value.(*fhir.Object)
			p.bounds = &fhir.Interval{Low: fhir.Beginning, High: fhir.End}
			if start := period.Text("start"); start != "" {
				p.bounds.Low = p.interval(name, start).Low
			}
			if end := period.Text("end"); end != "" {
				p.bounds.High = p.interval(name, end).High
			}
		default:
			p.refuse("repeat." + name)
		}
	}
}

// each calls take with each text of an array.
func (p *preferred) each(name string, value any, take func(string)) {
	all, isArray := value.(fhir.Array)
	if !isArray {
		p.fault("%s is an array.", name)
	}
	if len(all) > MaxFindValues {
		p.faults = also(p.faults, fhir.Errorf(fhir.Invalid, fhir.CodeTooCostly, "There are %d values of %s; at most %d are taken.", len(all), name, MaxFindValues).At(timingParam))
		return
	}
	for _, item := range all {
		text, isText := item.(string)
		if !isText {
			p.fault("%s has %s where a text should be.", name, fhir.Describe(item))
			continue
		}
		take(text)
	}
}

func (p *preferred) interval(name, text string) fhir.Interval {
	d, err := fhir.ParseDateTime(text)
	if err != nil {
		p.fault("%s of %s is no date or time: %s", fhir.Quote(text), name, fhir.AsError(err).Issues[0].Detail)
	}
	return d.Interval()
}

func (p *preferred) refuse(name string) {
	p.faults = also(p.faults, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "%s of a timing is not supported. Preferred times are told by event, or by repeat with dayOfWeek, timeOfDay and boundsPeriod.", fhir.Quote(name)).At(timingParam))
}

func (p *preferred) fault(format string, args ...any) {
	p.faults = also(p.faults, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s", fmt.Sprintf(format, args...)).At(timingParam))
}

// suits says whether an appointment is at a time that is preferred. A Timing of nothing prefers none.
func (p *preferred) suits(start, end fhir.Instant) bool {
	inEvent := slices.ContainsFunc(p.events, func(i fhir.Interval) bool { return start < i.High && i.Low < end })
	return inEvent || len(p.events) == 0 && !p.repeat || p.repeat && p.repeats(start, end)
}

func (p *preferred) repeats(start, end fhir.Instant) bool {
	begins, ends := start.Time().In(p.zone), end.Time().In(p.zone)
	days := []time.Time{begins}
	if begins.YearDay() != ends.YearDay() || begins.Year() != ends.Year() {
		days = append(days, ends)
	}
	holds := func(at time.Time) bool {
		return slices.ContainsFunc(days, func(day time.Time) bool {
			y, m, d := day.Date()
			i := fhir.InstantOf(time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, p.zone))
			return start <= i && i < end
		})
	}
	return (len(p.days) == 0 || slices.Contains(p.days, begins.Weekday())) &&
		(len(p.times) == 0 || slices.ContainsFunc(p.times, holds)) &&
		(p.bounds == nil || p.bounds.Low <= start && end <= p.bounds.High)
}
