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
	"github.com/portico-health/portico/storage/sqlite"
)

// practice is a store as a practice has it: of a hundred resources eighty are Appointments, fifteen Patients and five Locations. What they
// have is spread evenly, and stands in no relation to when they came to be.
type practice struct {
	*sqlite.Store
	appointments, patients, locations int
}

// spread is a number below n, another one for each i below n, in no order that can be seen.
func spread(i, n int) int { return i * 7919 % n } // n has no factor 7919

const minute = fhir.Instant(60_000_000)

func newPractice(t testing.TB, resources int) *practice {
	t.Helper()
	p := &practice{open(t, sqlite.Config{}), resources * 80 / 100, resources * 15 / 100, resources * 5 / 100}
	var ops []storage.Op
	add := func(kind string, i int, e search.Entries) {
		op := storage.Op{Key: fhir.Key{Type: kind, ID: fmt.Sprintf("%s-%07d", strings.ToLower(kind), i)}, Entries: e, Condition: storage.Condition{Absent: true}}
		op.Resource = fhir.NewResource(fhir.NewObject(
			fhir.Member{Name: "resourceType", Value: kind}, fhir.Member{Name: "id", Value: op.Key.ID}, fhir.Member{Name: "comment", Value: strings.Repeat("word ", 100)}))
		if ops = append(ops, op); len(ops) == 500 {
			p.commit(t, ops)
			ops = nil
		}
	}
	for i := range p.locations {
		n := spread(i, p.locations)
		add("Location", i, search.Entries{
			Texts:  []search.Text{{Param: "name", Folded: fmt.Sprint("clinic ", n), Exact: fmt.Sprint("Clinic ", n)}},
			Places: []search.Place{{Param: "near", Point: p.place(i)}},
		})
	}
	for i := range p.patients {
		add("Patient", i, p.patient(i))
	}
	for i := range p.appointments {
		add("Appointment", i, p.appointment(i))
	}
	p.commit(t, ops)
	return p
}

// place is where a Location is: some way up and across the country.
func (p *practice) place(i int) search.Point {
	return search.Point{Latitude: 50 + 8*float64(spread(i, p.locations))/float64(p.locations), Longitude: -3 + 4*float64(i)/float64(p.locations)}
}

// family is the name of a Patient's family, of twenty.
func (p *practice) family(i int) string { return fmt.Sprintf("family%05d", spread(i, p.patients)/20) }

func (p *practice) commit(t testing.TB, ops []storage.Op) {
	t.Helper()
	if _, err := p.Commit(t.Context(), home, ops); err != nil {
		t.Fatal(err)
	}
}

// patient is one of whom twenty share a family name, and half a gender.
func (p *practice) patient(i int) search.Entries {
	family, given := p.family(i), []string{"ann", "bob", "cy"}[i%3]
	born := fhir.Instant(spread(i, p.patients)) * 1440 * minute
	return search.Entries{
		Terms: []search.Term{
			{Param: "identifier", Value: fmt.Sprint("nhs|", i)}, {Param: "gender", Value: []string{"female", "male"}[i%2]},
			{Param: "gp", Value: fmt.Sprintf("Location/location-%07d", spread(i, p.locations))},
		},
		Texts:  []search.Text{{Param: "family", Folded: family, Exact: family}, {Param: "name", Folded: family, Exact: family}, {Param: "name", Folded: given, Exact: given}},
		Ranges: []search.Range{{Param: "birthdate", Interval: fhir.Interval{Low: born, High: born + 1440*minute}}},
	}
}

// appointment is one of those that a patient has at one time or another: five or six each.
func (p *practice) appointment(i int) search.Entries {
	start := fhir.Instant(spread(i, p.appointments)) * minute
	e := search.Entries{
		Terms: []search.Term{
			{Param: "identifier", Value: fmt.Sprint("booking|", i)}, {Param: "status", Value: []string{"booked", "fulfilled", "cancelled"}[(i+i/p.patients)%3]},
			{Param: "patient", Value: fmt.Sprintf("Patient/patient-%07d", spread(i, p.patients))},
			{Param: "actor", Value: fmt.Sprintf("Patient/patient-%07d", spread(i, p.patients))},
			{Param: "actor", Value: fmt.Sprintf("Location/location-%07d", spread(i, p.locations))},
			{Param: "kind", Value: "consultation"},
		},
		Ranges:   []search.Range{{Param: "date", Interval: fhir.Interval{Low: start, High: start + 15*minute}}},
		Ordereds: []search.Ordered{{Param: "fee", Low: fmt.Sprintf("%07d", spread(i, p.appointments)), High: fmt.Sprintf("%07d", spread(i, p.appointments))}},
	}
	if i%(p.appointments/20) == 0 { // twenty of all
		e.Terms = append(e.Terms, search.Term{Param: "service", Value: "rare"})
	}
	return e
}

func is(param, value string) search.Any { return search.Any{search.Equal{Param: param, Value: value}} }

// during are those that are at some time of a stretch of minutes: as date=ge…&date=lt… has it.
func during(from, to int) []search.Any {
	open := search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}
	since, until := open, open
	since.HighFrom, until.LowTo = fhir.Instant(from)*minute+1, fhir.Instant(to)*minute-1
	return []search.Any{{since}, {until}}
}

func between(from, to int) search.Any {
	low, high := fmt.Sprintf("%07d", from), fmt.Sprintf("%07d", to)
	return search.Any{search.Between{Param: "fee", LowFrom: low, LowTo: high, HighFrom: low, HighTo: high}}
}

func chain(param, kind string, all ...search.Any) search.Any {
	return search.Any{search.Refers{Param: param, To: search.Selection{Type: kind, All: all}}}
}

func has(kind, param string, all ...search.Any) search.Any {
	return search.Any{search.ReferredBy{Param: param, From: search.Selection{Type: kind, All: all}}}
}

func either(holds bool, a, b string) string {
	if holds {
		return a
	}
	return b
}

func not(a search.Any) search.Any { return search.Any{search.Not{Any: a}} }

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
	const counted = 1_000
	var (
		byDate, byDateDown = []search.SortKey{{Param: "date"}}, []search.SortKey{{Param: "date", Descending: true}}
		byFee, byFeeDown   = []search.SortKey{{Param: "fee", By: search.ByOrder}}, []search.SortKey{{Param: "fee", By: search.ByOrder, Descending: true}}
		oldest             = []search.SortKey{{Param: search.LastUpdated}}
		rare, frequent     = is("service", "rare"), is("status", "booked")
		patient            = is("patient", "Patient/patient-0000007")
		some               = spread(p.appointments/20*7, p.appointments) // when one is that has what few have
		week               = during(some-100, some+100)
		long               = during(p.appointments/3, p.appointments)
		family             = search.Any{search.StartsWith{Param: "family", Folded: p.family(0)}}
		ann                = search.Any{search.StartsWith{Param: "name", Folded: "ann"}}
		female             = is("gender", "female")
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
		{name: "nothing, by id", sort: []search.SortKey{{Param: search.ID}}, index: "resources by id", most: 21},

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
		{name: "two tokens, either", all: all(append(rare, frequent...)), index: "terms of service, terms of status", most: 50},
		{name: "tokens that many and few have", all: all(frequent, rare), index: "terms of service", most: 20},
		{name: "tokens that many and many have", all: all(frequent, is("kind", "consultation")), index: "terms of status", most: 2*counted + 100},

		{name: "reference", all: all(patient), index: "terms of patient", most: 6},
		{name: "reference, by date", all: all(patient), sort: byDate, index: "terms of patient", most: 6},
		{name: "reference and a token that many have", all: all(frequent, patient), index: "terms of patient", most: 6},
		{name: "reference in a stretch of time", all: and(long, patient), sort: byDate, index: "terms of patient", most: 6},

		{name: "string that few have", kind: "Patient", all: all(family), index: "texts of family", most: 40},
		{name: "string that few have, and a token", kind: "Patient", all: all(female, family), index: "texts of family", most: counted + 40},
		{name: "string that few have, by date", kind: "Patient", all: all(family), sort: []search.SortKey{{Param: "birthdate"}}, index: "texts of family", most: 40},
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

		{name: "ordered", all: all(between(100, 150)), sort: byFee, index: "values of fee", most: 21},
		{name: "ordered, newest first", all: all(between(100, 150)), index: "values of fee", most: 100},
		{name: "ordered and a token that many have", all: all(between(100, 150), frequent), index: "values of fee", most: counted + 100},

		{name: "place", kind: "Location", all: all(search.Any{search.Near{Param: "near", Point: p.place(17), Metres: 2_000}}), index: "places of near", most: 100},

		{name: "chain to one", all: all(chain("patient", "Patient", is("identifier", "nhs|7"))), index: "terms of patient for each Patient by terms of identifier", most: 30},
		{name: "chain to few", all: all(chain("patient", "Patient", family)), index: "terms of patient for each Patient by texts of family", most: 500},
		{name: "chain to few, by date", all: all(chain("patient", "Patient", family)), sort: byDate, index: "terms of patient for each Patient by texts of family", most: 500},
		{name: "chain to many", all: all(chain("patient", "Patient", female)), index: "resources by instant", most: 2 * counted},
		{name: "chain to few, and a token that many have", all: all(frequent, chain("patient", "Patient", family)), index: "terms of patient for each Patient by texts of family", most: counted + 500},
		{name: "chain to few, and a token that few have", all: all(rare, chain("patient", "Patient", family)), index: "terms of service", most: 400},
		{name: "chain to many, and a token that few have", all: all(rare, chain("patient", "Patient", female)), index: "terms of service", most: 2 * counted},
		{name: "chain of two", all: all(chain("patient", "Patient", chain("gp", "Location", search.Any{search.StartsWith{Param: "name", Folded: "clinic 177"}}))), index: "terms of patient for each Patient by terms of gp for each Location by texts of name", most: 2_000},

		{name: "has one", kind: "Patient", all: all(has("Appointment", "patient", is("identifier", "booking|77"))), index: "targets of patient of each Appointment by terms of identifier", most: 10},
		{name: "has few", kind: "Patient", all: all(has("Appointment", "patient", rare)), index: "targets of patient of each Appointment by terms of service", most: 150},
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
		})
	}
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
