package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// resources is how many resources a test of what searches look at has: PORTICO_TEST_SOAK asks for as many as are promised.
func resources() int {
	if os.Getenv("PORTICO_TEST_SOAK") != "" {
		return 100_000
	}
	return 5_000
}

const pageSize = 20

// Every class of searches that is promised is served by an index, and looks at no more than is said here, however many resources there are; what
// is looked at to choose the index counts, too: 1 000 for each part of the query at most.
func TestPromisedSearches(t *testing.T) {
	p := newPractice(t, resources())
	p.observe(t)
	const counted = 1_000
	newest, err := p.Search(t.Context(), home, search.Query{Type: "Appointment"}, storage.PageRequest{Limit: p.appointments / 4})
	if err != nil {
		t.Fatal(err)
	}
	var (
		byDate, byDateDown = []search.SortKey{{Param: "date", Absent: "date:none"}}, []search.SortKey{{Param: "date", Descending: true, Absent: "date:none"}}
		byFee, byFeeDown   = []search.SortKey{{Param: "fee", By: search.ByOrder, Absent: "fee:none"}}, []search.SortKey{{Param: "fee", By: search.ByOrder, Descending: true, Absent: "fee:none"}}
		byValue, bySize    = []search.SortKey{{Param: "value", By: search.ByOrder, Absent: "value:none"}}, []search.SortKey{{Param: "size", By: search.ByOrder, Absent: "size:none"}}
		byBirth, byName    = []search.SortKey{{Param: "birthdate", Absent: "birthdate:none"}}, []search.SortKey{{Param: "name", By: search.ByText}}
		oldest, byID       = []search.SortKey{{Param: search.LastUpdated}}, []search.SortKey{{Param: search.ID}}
		rare, frequent     = is("service", "rare"), is("status", "booked")
		patient            = is("patient", "Patient/patient-0000007")
		some               = spread(p.appointments/20*7, p.appointments) // when one is that has what few have
		week               = during(some-100, some+100)
		long               = during(p.appointments/3, p.appointments)
		family             = search.Any{search.StartsWith{Param: "family", Folded: p.family(0)}}
		note, clinic       = search.Any{search.StartsWith{Param: "note", Folded: "note00007"}}, search.Any{search.StartsWith{Param: "name", Folded: "clinic 177"}}
		kind               = is("kind", "consultation")
		ann                = search.Any{search.StartsWith{Param: "name", Folded: "ann"}}
		female             = is("gender", "female")
		lately, recently   = since(newest.Versions[199]), since(newest.Versions[len(newest.Versions)-1]) // two hundred, and a quarter of all
		here               = search.Any{search.Near{Param: "near", Point: p.place(17), Metres: 20_000}}
		all                = func(clauses ...search.Any) []search.Any { return clauses }
		and                = func(some []search.Any, more ...search.Any) []search.Any {
			return append(some[:len(some):len(some)], more...)
		}
	)
	for _, c := range []struct {
		name  string
		kind  string // "" is Appointment
		all   []search.Any
		sort  []search.SortKey
		index string
		most  int
	}{
		{name: "nothing", index: "resources by instant", most: 21},
		{name: "nothing, oldest first", sort: oldest, index: "resources by instant", most: 21},
		{name: "nothing, by date", sort: byDate, index: "ranges of date", most: 21},
		{name: "nothing, by date, latest first", sort: byDateDown, index: "ranges of date", most: 21},
		{name: "nothing, by an ordered value", sort: byFee, index: "values of fee", most: 21},
		{name: "nothing, by an ordered value, highest first", sort: byFeeDown, index: "values of fee", most: 21},
		{name: "nothing, by id", sort: byID, index: "resources by id", most: 21},

		{name: "token that one has", all: all(is("identifier", "booking|77")), index: "terms of identifier", most: 1},
		{name: "token that few have", all: all(rare), index: "terms of service", most: 20},
		{name: "token that few have, by date", all: all(rare), sort: byDate, index: "terms of service", most: 20},
		{name: "token that few have, by an ordered value", all: all(rare), sort: byFeeDown, index: "terms of service", most: 20},
		{name: "token that many have", all: all(frequent), index: "terms of status", most: 21},
		{name: "token that many have, oldest first", all: all(frequent), sort: oldest, index: "terms of status", most: 21},
		{name: "token that many have, by date", all: all(frequent), sort: byDate, index: "ranges of date", most: counted + 100},
		{name: "token that many have, by date, latest first", all: all(frequent), sort: byDateDown, index: "ranges of date", most: counted + 100},
		{name: "token that many have, by an ordered value", all: all(frequent), sort: byFee, index: "values of fee", most: counted + 100},
		{name: "token that all have, by date", all: all(is("kind", "consultation")), sort: byDate, index: "ranges of date", most: counted + 21},
		{name: "tokens that many have, either", all: all(append(is("status", "fulfilled"), frequent...)), index: "terms of status", most: 50},
		{name: "tokens that many have, either, by date", all: all(append(is("status", "fulfilled"), frequent...)), sort: byDate, index: "ranges of date", most: counted + 100},
		{name: "two tokens, either", all: all(append(rare, frequent...)), index: "terms of service, terms of status", most: 50},
		{name: "tokens that many and few have", all: all(frequent, rare), index: "terms of service", most: 20},
		{name: "tokens that many and many have", all: all(frequent, is("kind", "consultation")), index: "terms of status", most: 2*counted + 100},

		{name: "reference", all: all(patient), index: "terms of patient", most: 6},
		{name: "reference, by date", all: all(patient), sort: byDate, index: "terms of patient", most: 6},
		{name: "reference and a token that many have", all: all(frequent, patient), index: "terms of patient", most: 6},
		{name: "reference, by an ordered value", all: all(patient), sort: byFee, index: "terms of patient", most: 6},
		{name: "reference, by id", all: all(patient), sort: byID, index: "terms of patient", most: 6},
		{name: "references, either", all: all(append(is("patient", "Patient/patient-0000008"), patient...)), index: "terms of patient", most: 30},
		{name: "references, either, by date", all: all(append(is("patient", "Patient/patient-0000008"), patient...)), sort: byDate, index: "terms of patient", most: 30},
		{name: "reference in a stretch of time", all: and(long, patient), sort: byDate, index: "terms of patient", most: 6},

		{name: "string that few have", kind: "Patient", all: all(family), index: "texts of family", most: 40},
		{name: "string that few have, and a token", kind: "Patient", all: all(female, family), index: "texts of family", most: counted + 40},
		{name: "string that few have, by date", kind: "Patient", all: all(family), sort: byBirth, index: "texts of family", most: 40},
		{name: "string that few have, by an ordered value", kind: "Observation", all: all(note), sort: byValue, index: "texts of note", most: 40},
		{name: "strings that few have, either", kind: "Patient", all: all(append(search.Any{search.StartsWith{Param: "family", Folded: p.family(1)}}, family...)), index: "texts of family", most: 80},
		{name: "string that few have, by a text", kind: "Patient", all: all(family), sort: byName, index: "texts of family", most: 40},
		{name: "string that many have", kind: "Patient", all: all(ann), index: either(p.patients/3 < counted, "texts of name", "resources by instant"), most: 2 * counted},
		{name: "string that many have, and a token", kind: "Patient", all: all(ann, female), index: "terms of gender", most: 2*counted + 100},

		{name: "date", all: week, sort: byDate, index: "ranges of date", most: 21},
		{name: "date, latest first", all: week, sort: byDateDown, index: "ranges of date", most: 21},
		{name: "date, newest first", all: week, index: "ranges of date", most: 2*215 + 10},
		{name: "date, by an ordered value", all: week, sort: byFee, index: "ranges of date", most: 2*215 + 10},
		{name: "date and a token that many have", all: and(week, frequent), sort: byDate, index: "ranges of date", most: 215 + counted + 100},
		{name: "date and a token that few have", all: and(week, rare), sort: byDate, index: "terms of service", most: 20},
		{name: "long time, by date", all: long, sort: byDate, index: "ranges of date", most: 21},
		{name: "long time, newest first", all: long, index: "resources by instant", most: counted + 100},
		{name: "long time and a token that many have, by date", all: and(long, frequent), sort: byDate, index: "ranges of date", most: 2*counted + 100},

		{name: "stretches of time, either", all: all(search.Any{within(100, 200), within(300, 400)}), sort: byDate, index: "ranges of date", most: 250},
		{name: "several dates each", kind: "Observation", all: all(search.Any{within(100, 200)}), index: "ranges of date", most: 500},
		{name: "several dates each, by date", kind: "Observation", all: all(search.Any{within(100, 200)}), sort: byDate, index: "ranges of date", most: 500},
		{name: "several dates each, latest first", kind: "Observation", all: all(search.Any{within(100, 200)}), sort: byDateDown, index: "ranges of date", most: 500},
		{name: "several dates each, by date, and a token that all have", kind: "Observation", all: all(search.Any{within(100, 200)}, is("code", "bmi")), sort: byDate, index: "ranges of date", most: counted + 500},
		{name: "several ordered values each, by them", kind: "Observation", all: all(over("size", "0000100", "0000200")), sort: bySize, index: "values of size", most: 500},

		{name: "lately", all: all(lately), index: "resources by instant", most: 21},
		{name: "lately, oldest first", all: all(lately), sort: oldest, index: "resources by instant", most: 21},
		{name: "lately, by date", all: all(lately), sort: byDate, index: "resources by instant", most: 500},
		{name: "lately, by id", all: all(lately), sort: byID, index: "resources by instant", most: 500},
		{name: "lately, and a token that many have", all: all(lately, frequent), index: "resources by instant", most: counted + 500},
		{name: "lately, and a token that few have", all: all(lately, is("identifier", fmt.Sprint("booking|", p.appointments-1))), index: "terms of identifier", most: 1},
		{name: "recently, oldest first", all: all(recently), sort: oldest, index: "resources by instant", most: 21},
		{name: "recently, by date", all: all(recently), sort: byDate, index: "ranges of date", most: counted + 200},
		{name: "recently, and a token that many have", all: all(recently, frequent), index: "resources by instant", most: 2*counted + 100},

		{name: "id", all: all(is(search.ID, "appointment-0000077")), index: "ids", most: 1},
		{name: "id, and a token that many have", all: all(kind, is(search.ID, "appointment-0000077")), index: "ids", most: 1},
		{name: "ids, either", all: all(append(is(search.ID, "appointment-0000077"), is(search.ID, "appointment-0000078")...)), index: "ids", most: 4},
		{name: "ids, either, by date", all: all(append(is(search.ID, "appointment-0000077"), is(search.ID, "appointment-0000078")...)), sort: byDate, index: "ids", most: 4},

		{name: "uri", kind: "Observation", all: all(is("instance", form(7))), index: "terms of instance", most: 20},
		{name: "uri, by an ordered value", kind: "Observation", all: all(is("instance", form(7))), sort: byValue, index: "terms of instance", most: 20},
		{name: "uri above another", kind: "Observation", all: all(append(is("instance", form(7)), is("instance", form(8))...)), index: "terms of instance", most: 80},
		{name: "quantity", kind: "Observation", all: all(over("value", "0000100", "0000150")), index: "values of value", most: 110},
		{name: "quantity with a unit", kind: "Observation", all: all(over("value|", "kg|0000100", "kg|0000150")), index: "values of value|", most: 110},
		{name: "quantity with a unit, by it", kind: "Observation", all: all(over("value|", "kg|0000100", "kg|0000150")), sort: byValue, index: "values of value|", most: 110},
		{name: "quantity with a unit, and a token that all have", kind: "Observation", all: all(is("code", "bmi"), over("value|", "kg|0000100", "kg|0000150")), index: "values of value|", most: counted + 110},
		{name: "composite of codes", kind: "Observation", all: all(is("code-value-concept", "bmi$"+form(7))), index: "terms of code-value-concept", most: 20},
		{name: "composite of code and number", kind: "Observation", all: all(over("code-value", "bmi$0000100", "bmi$0000150")), index: "values of code-value", most: 110},
		{name: "composite of code and number, by date", kind: "Observation", all: all(over("code-value", "bmi$0000100", "bmi$0000150")), sort: byDate, index: "values of code-value", most: 110},

		{name: "ordered", all: all(between(100, 150)), sort: byFee, index: "values of fee", most: 21},
		{name: "ordered, newest first", all: all(between(100, 150)), index: "values of fee", most: 100},
		{name: "ordered and a token that many have", all: all(between(100, 150), frequent), index: "values of fee", most: counted + 100},

		{name: "ordered and a token that few have", all: all(between(some-50, some+50), rare), index: "terms of service", most: 20},
		{name: "ordered, by date", all: all(between(100, 150)), sort: byDate, index: "values of fee", most: 110},

		{name: "place, and a token that all have", kind: "Location", all: all(is("type", "clinic"), here), index: "places of near", most: counted + 200},
		{name: "place, by id", kind: "Location", all: all(here), sort: byID, index: "places of near", most: 200},
		{name: "place, by a text", kind: "Location", all: all(here), sort: byName, index: "places of near", most: 200},
		{name: "place", kind: "Location", all: all(search.Any{search.Near{Param: "near", Point: p.place(17), Metres: 2_000}}), index: "places of near", most: 100},

		{name: "chain to one", all: all(chain("patient", "Patient", is("identifier", "nhs|7"))), index: "terms of patient for each Patient by terms of identifier", most: 30},
		{name: "chain to few", all: all(chain("patient", "Patient", family)), index: "terms of patient for each Patient by texts of family", most: 500},
		{name: "chain to few, by date", all: all(chain("patient", "Patient", family)), sort: byDate, index: "terms of patient for each Patient by texts of family", most: 500},
		{name: "chain to few, by an ordered value", all: all(chain("patient", "Patient", family)), sort: byFee, index: "terms of patient for each Patient by texts of family", most: 500},
		{name: "chain to few, or what is contained", all: all(append(chain("patient", "Patient", family), search.StartsWith{Param: "patient.Patient.family", Folded: p.family(0)})), index: "terms of patient for each Patient by texts of family, texts of patient.Patient.family", most: 600},
		{name: "chain to few, or what is contained, by date", all: all(append(chain("patient", "Patient", family), search.StartsWith{Param: "patient.Patient.family", Folded: p.family(0)})), sort: byDate, index: "terms of patient for each Patient by texts of family, texts of patient.Patient.family", most: 600},
		{name: "chain to few of several types", all: all(append(chain("actor", "Patient", family), chain("actor", "Location", clinic)...)), index: "terms of actor for each Patient by texts of family, terms of actor for each Location by texts of name", most: 1_200},
		{name: "chain to few of several types, by date", all: all(append(chain("actor", "Patient", family), chain("actor", "Location", clinic)...)), sort: byDate, index: "terms of actor for each Patient by texts of family, terms of actor for each Location by texts of name", most: 1_200},
		{name: "chain to many, by date", all: all(chain("patient", "Patient", female)), sort: byDate, index: "ranges of date", most: 2 * counted},
		{name: "chain to many", all: all(chain("patient", "Patient", female)), index: "resources by instant", most: 2 * counted},
		{name: "chain to few, and a token that many have", all: all(frequent, chain("patient", "Patient", family)), index: "terms of patient for each Patient by texts of family", most: counted + 500},
		{name: "chain to few, and a token that few have", all: all(rare, chain("patient", "Patient", family)), index: "terms of service", most: 400},
		{name: "chain to many, and a token that few have", all: all(rare, chain("patient", "Patient", female)), index: "terms of service", most: 2 * counted},
		{name: "chain of two", all: all(chain("patient", "Patient", chain("gp", "Location", clinic))), index: "terms of patient for each Patient by terms of gp for each Location by texts of name", most: 2_000},

		{name: "has one", kind: "Patient", all: all(has("Appointment", "patient", is("identifier", "booking|77"))), index: "targets of patient of each Appointment by terms of identifier", most: 10},
		{name: "has few", kind: "Patient", all: all(has("Appointment", "patient", rare)), index: "targets of patient of each Appointment by terms of service", most: 150},
		{name: "has few, by date", kind: "Patient", all: all(has("Appointment", "patient", rare)), sort: byBirth, index: "targets of patient of each Appointment by terms of service", most: 150},
		{name: "has few, by id", kind: "Patient", all: all(has("Appointment", "patient", rare)), sort: byID, index: "targets of patient of each Appointment by terms of service", most: 150},
		{name: "has few, by a text", kind: "Patient", all: all(has("Appointment", "patient", rare)), sort: byName, index: "targets of patient of each Appointment by terms of service", most: 150},
		{name: "has few, by an ordered value", kind: "Observation", all: all(has("Observation", "derived-from", is("instance", form(7)))), sort: byValue, index: "targets of derived-from of each Observation by terms of instance", most: 150},
		{name: "has many, by date", kind: "Patient", all: all(has("Appointment", "patient", frequent)), sort: byBirth, index: "ranges of birthdate", most: 2 * counted},
		{name: "has many", kind: "Patient", all: all(has("Appointment", "patient", frequent)), index: "resources by instant", most: 2 * counted},
		{name: "has few, and a token that many have", kind: "Patient", all: all(female, has("Appointment", "patient", rare)), index: "targets of patient of each Appointment by terms of service", most: counted + 150},
		{name: "has many, and a string that few have", kind: "Patient", all: all(family, has("Appointment", "patient", frequent)), index: "texts of family", most: counted + 250},
		{name: "has and a chain", all: all(chain("patient", "Patient", has("Appointment", "patient", rare))), index: "terms of patient for each Patient by targets of patient of each Appointment by terms of service", most: 600},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := search.Query{Type: c.kind, All: c.all, Sort: c.sort}
			if q.Type == "" {
				q.Type = "Appointment"
			}
			plan, err := p.Explain(t.Context(), home, q, storage.PageRequest{Limit: pageSize})
			if err != nil {
				t.Fatal(err)
			}
			if plan.Index != c.index || plan.Looked > c.most || plan.Found == 0 {
				t.Errorf("it finds %d by %q and looks at %d; want some by %q, looking at %d at most", plan.Found, plan.Index, plan.Looked, c.index, c.most)
			}
			for name, cursor := range p.cursors(t, q) {
				if plan, err := p.Explain(t.Context(), home, q, storage.PageRequest{Limit: pageSize, After: cursor}); err != nil || plan.Looked > c.most+pageSize || plan.Found == 0 {
					t.Errorf("%s page finds %d by %q and looks at %d; want some, looking at %d at most (%v)", name, plan.Found, plan.Index, plan.Looked, c.most+pageSize, err)
				}
			}
		})
	}
}

// cursors are those of the second and the last page of a search, as far as there are so many.
func (p *practice) cursors(t *testing.T, q search.Query) map[string][]byte {
	t.Helper()
	all, err := p.Search(t.Context(), home, q, storage.PageRequest{CountUpTo: -1})
	if err != nil {
		t.Fatal(err)
	}
	cursors := make(map[string][]byte)
	for name, passed := range map[string]int{"the second": pageSize, "the last": all.Total - pageSize/2} {
		var at storage.PageRequest
		for passed > 0 {
			at.Limit = min(passed, 5_000)
			page, err := p.Search(t.Context(), home, q, at)
			if err != nil {
				t.Fatal(err)
			}
			passed -= len(page.Versions)
			if at.After = page.Next; page.Next == nil {
				break
			}
		}
		if at.After != nil {
			cursors[name] = at.After
		}
	}
	return cursors
}

// What no index serves ends when it has looked at as much as it may.
func TestSearchesNotPromisedEnd(t *testing.T) {
	p := newPractice(t, resources())
	budget := p.patients / 3
	for name, c := range map[string]struct {
		kind string
		all  []search.Any
	}{
		":not that nearly all have":       {"Appointment", []search.Any{not(is("kind", "consultation"))}},
		":missing that all have":          {"Appointment", []search.Any{{search.Missing{Param: "date", Absent: true}}}},
		"ne that nearly all are":          {"Appointment", []search.Any{not(search.Any{search.Within{Param: "date", LowFrom: 0, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}})}},
		":contains":                       {"Patient", []search.Any{{search.Contains{Param: "name", Folded: "nobody"}}}},
		":exact":                          {"Patient", []search.Any{{search.Exactly{Param: "name", Exact: "Nobody"}}}},
		"the end of a text":               {"Patient", []search.Any{{search.EndsWith{Param: "name", Folded: "nobody"}}}},
		"filters that exclude each other": {"Appointment", []search.Any{is("status", "booked"), is("status", "cancelled")}},
		"a chain to many that find none":  {"Appointment", []search.Any{not(is("kind", "consultation")), chain("patient", "Patient", is("gender", "female"))}},
		"a chain past what nobody has":    {"Appointment", []search.Any{chain("patient", "Patient", not(search.Any{search.StartsWith{Param: "name", Folded: ""}}))}},
		"what many have that none refers": {"Location", []search.Any{has("Appointment", "actor", is("kind", "consultation"), not(is("status", "booked")), is("status", "booked"))}},
	} {
		t.Run(name, func(t *testing.T) {
			q := search.Query{Type: c.kind, All: c.all}
			for what, page := range map[string]storage.PageRequest{"a page": {Limit: pageSize, Budget: budget}, "all counted": {CountUpTo: -1, Budget: budget}} {
				if _, err := p.Search(t.Context(), home, q, page); !errors.Is(err, fhir.TooCostly) || !strings.Contains(err.Error(), fmt.Sprint(budget)) {
					t.Errorf("%s: error %v, want that it is too costly, and the limit", what, err)
				}
			}
			plan, err := p.Explain(t.Context(), home, q, storage.PageRequest{Limit: pageSize, Budget: budget / 5})
			if err != nil || plan.Looked <= budget/5 || plan.Looked > 2*budget+pageSize+1_000 {
				t.Errorf("its plan is %+v (%v), want one that tells how much it looks at, up to ten times the budget %d", plan, err, budget/5)
			}
		})
	}
}
