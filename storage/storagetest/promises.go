package storagetest

import (
	"fmt"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// Promised is a class of searches that every driver serves by an index, however many resources there are.
type Promised struct {
	Name  string
	Query search.Query
}

// SortKeys are the orders that a type of a practice is promised to have.
func (p Practice) SortKeys(kind string) []search.SortKey {
	return map[string][]search.SortKey{
		"Appointment": {{Param: "date", Absent: "date:none"}, {Param: "fee", By: search.ByOrder, Absent: "fee:none"}},
		"Patient":     {{Param: "birthdate", Absent: "birthdate:none"}, {Param: "family", By: search.ByOrder, Absent: "family:none"}},
		"Observation": {
			{Param: "date", Absent: "date:none"}, {Param: "value", By: search.ByOrder, Absent: "value:none"}, {Param: "size", By: search.ByOrder, Absent: "size:none"},
		},
	}[kind]
}

// Promised are the classes of searches that are promised of a practice: each finds something. Of the Appointments two hundred came to be at an instant or
// after it, and a quarter of all at another.
func (p Practice) Promised(twoHundred, quarter fhir.Instant) []Promised {
	var (
		byDate, byDateDown = []search.SortKey{{Param: "date", Absent: "date:none"}}, []search.SortKey{{Param: "date", Descending: true, Absent: "date:none"}}
		byFee, byFeeDown   = []search.SortKey{{Param: "fee", By: search.ByOrder, Absent: "fee:none"}}, []search.SortKey{{Param: "fee", By: search.ByOrder, Descending: true, Absent: "fee:none"}}
		byValue, bySize    = []search.SortKey{{Param: "value", By: search.ByOrder, Absent: "value:none"}}, []search.SortKey{{Param: "size", By: search.ByOrder, Absent: "size:none"}}
		byBirth, byName    = []search.SortKey{{Param: "birthdate", Absent: "birthdate:none"}}, []search.SortKey{{Param: "name", By: search.ByText}}
		oldest, byID       = []search.SortKey{{Param: search.LastUpdated}}, []search.SortKey{{Param: search.ID}}
		rare, frequent     = is("service", "rare"), is("status", "booked")
		patient            = is("patient", "Patient/patient-0000007")
		some               = Spread(p.Appointments/20*7, p.Appointments) // when one is that has what few have
		week               = during(some-100, some+100)
		long               = during(p.Appointments/3, p.Appointments)
		family             = search.Any{search.StartsWith{Param: "family", Folded: p.Family(0)}}
		note, clinic       = search.Any{search.StartsWith{Param: "note", Folded: "note00007"}}, search.Any{search.StartsWith{Param: "name", Folded: "clinic 177"}}
		kind               = is("kind", "consultation")
		ann                = search.Any{search.StartsWith{Param: "name", Folded: "ann"}}
		female             = is("gender", "female")
		lately, recently   = since(twoHundred), since(quarter)
		here               = search.Any{search.Near{Param: "near", Point: p.Place(17), Metres: 20_000}}
		all                = func(clauses ...search.Any) []search.Any { return clauses }
		and                = func(some []search.Any, more ...search.Any) []search.Any {
			return append(some[:len(some):len(some)], more...)
		}
	)
	var classes []Promised
	for _, c := range []struct {
		name string
		kind string // "" is Appointment
		all  []search.Any
		sort []search.SortKey
	}{
		{name: "nothing"},
		{name: "nothing, oldest first", sort: oldest},
		{name: "nothing, by date", sort: byDate},
		{name: "nothing, by date, latest first", sort: byDateDown},
		{name: "nothing, by an ordered value", sort: byFee},
		{name: "nothing, by an ordered value, highest first", sort: byFeeDown},
		{name: "nothing, by id", sort: byID},

		{name: "token that one has", all: all(is("identifier", "booking|77"))},
		{name: "token that few have", all: all(rare)},
		{name: "token that few have, by date", all: all(rare), sort: byDate},
		{name: "token that few have, by an ordered value", all: all(rare), sort: byFeeDown},
		{name: "token that many have", all: all(frequent)},
		{name: "token that many have, oldest first", all: all(frequent), sort: oldest},
		{name: "token that many have, by date", all: all(frequent), sort: byDate},
		{name: "token that many have, by date, latest first", all: all(frequent), sort: byDateDown},
		{name: "token that many have, by an ordered value", all: all(frequent), sort: byFee},
		{name: "token that all have, by date", all: all(is("kind", "consultation")), sort: byDate},
		{name: "tokens that many have, either", all: all(append(is("status", "fulfilled"), frequent...))},
		{name: "tokens that many have, either, by date", all: all(append(is("status", "fulfilled"), frequent...)), sort: byDate},
		{name: "two tokens, either", all: all(append(rare, frequent...))},
		{name: "tokens that many and few have", all: all(frequent, rare)},
		{name: "tokens that many and many have", all: all(frequent, is("kind", "consultation"))},

		{name: "reference", all: all(patient)},
		{name: "reference, by date", all: all(patient), sort: byDate},
		{name: "reference and a token that many have", all: all(frequent, patient)},
		{name: "reference, by an ordered value", all: all(patient), sort: byFee},
		{name: "reference, by id", all: all(patient), sort: byID},
		{name: "references, either", all: all(append(is("patient", "Patient/patient-0000008"), patient...))},
		{name: "references, either, by date", all: all(append(is("patient", "Patient/patient-0000008"), patient...)), sort: byDate},
		{name: "reference in a stretch of time", all: and(long, patient), sort: byDate},

		{name: "string that few have", kind: "Patient", all: all(family)},
		{name: "string that few have, and a token", kind: "Patient", all: all(female, family)},
		{name: "string that few have, by date", kind: "Patient", all: all(family), sort: byBirth},
		{name: "string that few have, by an ordered value", kind: "Observation", all: all(note), sort: byValue},
		{name: "strings that few have, either", kind: "Patient", all: all(append(search.Any{search.StartsWith{Param: "family", Folded: p.Family(1)}}, family...))},
		{name: "string that few have, by a text", kind: "Patient", all: all(family), sort: byName},
		{name: "string that many have", kind: "Patient", all: all(ann)},
		{name: "string that many have, and a token", kind: "Patient", all: all(ann, female)},

		{name: "date", all: week, sort: byDate},
		{name: "date, latest first", all: week, sort: byDateDown},
		{name: "date, newest first", all: week},
		{name: "date, by an ordered value", all: week, sort: byFee},
		{name: "date and a token that many have", all: and(week, frequent), sort: byDate},
		{name: "date and a token that few have", all: and(week, rare), sort: byDate},
		{name: "long time, by date", all: long, sort: byDate},
		{name: "long time, newest first", all: long},
		{name: "long time and a token that many have, by date", all: and(long, frequent), sort: byDate},

		{name: "stretches of time, either", all: all(search.Any{within(100, 200), within(300, 400)}), sort: byDate},
		{name: "several dates each", kind: "Observation", all: all(search.Any{within(100, 200)})},
		{name: "several dates each, by date", kind: "Observation", all: all(search.Any{within(100, 200)}), sort: byDate},
		{name: "several dates each, latest first", kind: "Observation", all: all(search.Any{within(100, 200)}), sort: byDateDown},
		{name: "several dates each, by date, and a token that all have", kind: "Observation", all: all(search.Any{within(100, 200)}, is("code", "bmi")), sort: byDate},
		{name: "several ordered values each, by them", kind: "Observation", all: all(over("size", "0000100", "0000200")), sort: bySize},

		{name: "lately", all: all(lately)},
		{name: "lately, oldest first", all: all(lately), sort: oldest},
		{name: "lately, by date", all: all(lately), sort: byDate},
		{name: "lately, by id", all: all(lately), sort: byID},
		{name: "lately, and a token that many have", all: all(lately, frequent)},
		{name: "lately, and a token that few have", all: all(lately, is("identifier", fmt.Sprint("booking|", p.Appointments-1)))},
		{name: "recently, oldest first", all: all(recently), sort: oldest},
		{name: "recently, by date", all: all(recently), sort: byDate},
		{name: "recently, and a token that many have", all: all(recently, frequent)},

		{name: "id", all: all(is(search.ID, "appointment-0000077"))},
		{name: "id, and a token that many have", all: all(kind, is(search.ID, "appointment-0000077"))},
		{name: "ids, either", all: all(append(is(search.ID, "appointment-0000077"), is(search.ID, "appointment-0000078")...))},
		{name: "ids, either, by date", all: all(append(is(search.ID, "appointment-0000077"), is(search.ID, "appointment-0000078")...)), sort: byDate},

		{name: "uri", kind: "Observation", all: all(is("instance", form(7)))},
		{name: "uri, by an ordered value", kind: "Observation", all: all(is("instance", form(7))), sort: byValue},
		{name: "uri above another", kind: "Observation", all: all(append(is("instance", form(7)), is("instance", form(8))...))},
		{name: "quantity", kind: "Observation", all: all(over("value", "0000100", "0000150"))},
		{name: "quantity with a unit", kind: "Observation", all: all(over("value|", "kg|0000100", "kg|0000150"))},
		{name: "quantity with a unit, by it", kind: "Observation", all: all(over("value|", "kg|0000100", "kg|0000150")), sort: byValue},
		{name: "quantity with a unit, and a token that all have", kind: "Observation", all: all(is("code", "bmi"), over("value|", "kg|0000100", "kg|0000150"))},
		{name: "composite of codes", kind: "Observation", all: all(is("code-value-concept", "bmi$"+form(7)))},
		{name: "composite of code and number", kind: "Observation", all: all(over("code-value", "bmi$0000100", "bmi$0000150"))},
		{name: "composite of code and number, by date", kind: "Observation", all: all(over("code-value", "bmi$0000100", "bmi$0000150")), sort: byDate},

		{name: "ordered", all: all(between(100, 150)), sort: byFee},
		{name: "ordered, newest first", all: all(between(100, 150))},
		{name: "ordered and a token that many have", all: all(between(100, 150), frequent)},

		{name: "ordered and a token that few have", all: all(between(some-50, some+50), rare)},
		{name: "ordered, by date", all: all(between(100, 150)), sort: byDate},

		{name: "place, and a token that all have", kind: "Location", all: all(is("type", "clinic"), here)},
		{name: "place, by id", kind: "Location", all: all(here), sort: byID},
		{name: "place, by a text", kind: "Location", all: all(here), sort: byName},
		{name: "place", kind: "Location", all: all(search.Any{search.Near{Param: "near", Point: p.Place(17), Metres: 2_000}})},

		{name: "chain to one", all: all(chain("patient", "Patient", is("identifier", "nhs|7")))},
		{name: "chain to few", all: all(chain("patient", "Patient", family))},
		{name: "chain to few, by date", all: all(chain("patient", "Patient", family)), sort: byDate},
		{name: "chain to few, by an ordered value", all: all(chain("patient", "Patient", family)), sort: byFee},
		{name: "chain to few, or what is contained", all: all(append(chain("patient", "Patient", family), search.StartsWith{Param: "patient.Patient.family", Folded: p.Family(0)}))},
		{name: "chain to few, or what is contained, by date", all: all(append(chain("patient", "Patient", family), search.StartsWith{Param: "patient.Patient.family", Folded: p.Family(0)})), sort: byDate},
		{name: "chain to few of several types", all: all(append(chain("actor", "Patient", family), chain("actor", "Location", clinic)...))},
		{name: "chain to few of several types, by date", all: all(append(chain("actor", "Patient", family), chain("actor", "Location", clinic)...)), sort: byDate},
		{name: "chain to many, by date", all: all(chain("patient", "Patient", female)), sort: byDate},
		{name: "chain to many", all: all(chain("patient", "Patient", female))},
		{name: "chain to few, and a token that many have", all: all(frequent, chain("patient", "Patient", family))},
		{name: "chain to few, and a token that few have", all: all(rare, chain("patient", "Patient", family))},
		{name: "chain to many, and a token that few have", all: all(rare, chain("patient", "Patient", female))},
		{name: "chain of two", all: all(chain("patient", "Patient", chain("gp", "Location", clinic)))},

		{name: "has one", kind: "Patient", all: all(has("Appointment", "patient", is("identifier", "booking|77")))},
		{name: "has few", kind: "Patient", all: all(has("Appointment", "patient", rare))},
		{name: "has few, by date", kind: "Patient", all: all(has("Appointment", "patient", rare)), sort: byBirth},
		{name: "has few, by id", kind: "Patient", all: all(has("Appointment", "patient", rare)), sort: byID},
		{name: "has few, by a text", kind: "Patient", all: all(has("Appointment", "patient", rare)), sort: byName},
		{name: "has few, by an ordered value", kind: "Observation", all: all(has("Observation", "derived-from", is("instance", form(7)))), sort: byValue},
		{name: "has many, by date", kind: "Patient", all: all(has("Appointment", "patient", frequent)), sort: byBirth},
		{name: "has many", kind: "Patient", all: all(has("Appointment", "patient", frequent))},
		{name: "has few, and a token that many have", kind: "Patient", all: all(female, has("Appointment", "patient", rare))},
		{name: "has many, and a string that few have", kind: "Patient", all: all(family, has("Appointment", "patient", frequent))},
		{name: "has and a chain", all: all(chain("patient", "Patient", has("Appointment", "patient", rare)))},
	} {
		if c.kind == "" {
			c.kind = "Appointment"
		}
		classes = append(classes, Promised{c.name, search.Query{Type: c.kind, All: c.all, Sort: c.sort}})
	}
	return classes
}

func is(param, value string) search.Any { return search.Any{search.Equal{Param: param, Value: value}} }

// during are those that are at some time of a stretch of minutes: as date=ge…&date=lt… has it.
func during(from, to int) []search.Any {
	open := search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}
	since, until := open, open
	since.HighFrom, until.LowTo = fhir.Instant(from)*minute+1, fhir.Instant(to)*minute-1
	return []search.Any{{since}, {until}}
}

// within is one that is in a stretch of minutes as a whole.
func within(from, to int) search.Test {
	low, high := fhir.Instant(from)*minute, fhir.Instant(to)*minute
	return search.Within{Param: "date", LowFrom: low, LowTo: high, HighFrom: low, HighTo: high}
}

func between(from, to int) search.Any {
	return over("fee", fmt.Sprintf("%07d", from), fmt.Sprintf("%07d", to))
}

// over are those with an Ordered from one value up to another.
func over(param, from, to string) search.Any {
	return search.Any{search.Between{Param: param, LowFrom: from, LowTo: to, HighFrom: from, HighTo: to}}
}

// since are those that came to be at an instant or after it: as _lastUpdated=ge has it.
func since(i fhir.Instant) search.Any {
	return search.Any{search.Within{Param: search.LastUpdated, LowFrom: i, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}}
}

func chain(param, kind string, all ...search.Any) search.Any {
	return search.Any{search.Refers{Param: param, To: search.Selection{Type: kind, All: all}}}
}

func has(kind, param string, all ...search.Any) search.Any {
	return search.Any{search.ReferredBy{Param: param, From: search.Selection{Type: kind, All: all}}}
}
