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
	"github.com/portico-health/portico/storage/storagetest"
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
	newest, err := p.Search(t.Context(), home, search.Query{Type: "Appointment"}, storage.PageRequest{Limit: p.Appointments / 4})
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]struct {
		index string
		most  int
	}{
		"nothing":                                     {"resources by instant", 21},
		"nothing, oldest first":                       {"resources by instant", 21},
		"nothing, by date":                            {"ranges of date", 21},
		"nothing, by date, latest first":              {"ranges of date", 21},
		"nothing, by an ordered value":                {"values of fee", 21},
		"nothing, by an ordered value, highest first": {"values of fee", 21},
		"nothing, by id":                              {"resources by id", 21},

		"token that one has":                          {"terms of identifier", 1},
		"token that few have":                         {"terms of service", 20},
		"token that few have, by date":                {"terms of service", 20},
		"token that few have, by an ordered value":    {"terms of service", 20},
		"token that many have":                        {"terms of status", 21},
		"token that many have, oldest first":          {"terms of status", 21},
		"token that many have, by date":               {"ranges of date", counted + 100},
		"token that many have, by date, latest first": {"ranges of date", counted + 100},
		"token that many have, by an ordered value":   {"values of fee", counted + 100},
		"token that all have, by date":                {"ranges of date", counted + 21},
		"tokens that many have, either":               {"terms of status", 50},
		"tokens that many have, either, by date":      {"ranges of date", counted + 100},
		"two tokens, either":                          {"terms of service, terms of status", 50},
		"tokens that many and few have":               {"terms of service", 20},
		"tokens that many and many have":              {"terms of status", 2*counted + 100},

		"reference":                            {"terms of patient", 6},
		"reference, by date":                   {"terms of patient", 6},
		"reference and a token that many have": {"terms of patient", 6},
		"reference, by an ordered value":       {"terms of patient", 6},
		"reference, by id":                     {"terms of patient", 6},
		"references, either":                   {"terms of patient", 30},
		"references, either, by date":          {"terms of patient", 30},
		"reference in a stretch of time":       {"terms of patient", 6},

		"string that few have":                      {"texts of family", 40},
		"string that few have, and a token":         {"texts of family", counted + 40},
		"string that few have, by date":             {"texts of family", 40},
		"string that few have, by an ordered value": {"texts of note", 40},
		"strings that few have, either":             {"texts of family", 80},
		"string that few have, by a text":           {"texts of family", 40},
		"string that many have":                     {either(p.Patients/3 < counted, "texts of name", "resources by instant"), 2 * counted},
		"string that many have, and a token":        {"terms of gender", 2*counted + 100},

		"date":                                          {"ranges of date", 21},
		"date, latest first":                            {"ranges of date", 21},
		"date, newest first":                            {"ranges of date", 2*215 + 10},
		"date, by an ordered value":                     {"ranges of date", 2*215 + 10},
		"date and a token that many have":               {"ranges of date", 215 + counted + 100},
		"date and a token that few have":                {"terms of service", 20},
		"long time, by date":                            {"ranges of date", 21},
		"long time, newest first":                       {"resources by instant", counted + 100},
		"long time and a token that many have, by date": {"ranges of date", 2*counted + 100},

		"stretches of time, either":                              {"ranges of date", 250},
		"several dates each":                                     {"ranges of date", 500},
		"several dates each, by date":                            {"ranges of date", 500},
		"several dates each, latest first":                       {"ranges of date", 500},
		"several dates each, by date, and a token that all have": {"ranges of date", counted + 500},
		"several ordered values each, by them":                   {"values of size", 500},

		"lately":                               {"resources by instant", 21},
		"lately, oldest first":                 {"resources by instant", 21},
		"lately, by date":                      {"resources by instant", 500},
		"lately, by id":                        {"resources by instant", 500},
		"lately, and a token that many have":   {"resources by instant", counted + 500},
		"lately, and a token that few have":    {"terms of identifier", 1},
		"recently, oldest first":               {"resources by instant", 21},
		"recently, by date":                    {"ranges of date", counted + 200},
		"recently, and a token that many have": {"resources by instant", 2*counted + 100},

		"id":                             {"ids", 1},
		"id, and a token that many have": {"ids", 1},
		"ids, either":                    {"ids", 4},
		"ids, either, by date":           {"ids", 4},

		"uri":                         {"terms of instance", 20},
		"uri, by an ordered value":    {"terms of instance", 20},
		"uri above another":           {"terms of instance", 80},
		"quantity":                    {"values of value", 110},
		"quantity with a unit":        {"values of value|", 110},
		"quantity with a unit, by it": {"values of value|", 110},
		"quantity with a unit, and a token that all have": {"values of value|", counted + 110},
		"composite of codes":                              {"terms of code-value-concept", 20},
		"composite of code and number":                    {"values of code-value", 110},
		"composite of code and number, by date":           {"values of code-value", 110},

		"ordered":                            {"values of fee", 21},
		"ordered, newest first":              {"values of fee", 100},
		"ordered and a token that many have": {"values of fee", counted + 100},

		"ordered and a token that few have": {"terms of service", 20},
		"ordered, by date":                  {"values of fee", 110},

		"place, and a token that all have": {"places of near", counted + 200},
		"place, by id":                     {"places of near", 200},
		"place, by a text":                 {"places of near", 200},
		"place":                            {"places of near", 100},

		"chain to one":                                {"terms of patient for each Patient by terms of identifier", 30},
		"chain to few":                                {"terms of patient for each Patient by texts of family", 500},
		"chain to few, by date":                       {"terms of patient for each Patient by texts of family", 500},
		"chain to few, by an ordered value":           {"terms of patient for each Patient by texts of family", 500},
		"chain to few, or what is contained":          {"terms of patient for each Patient by texts of family, texts of patient.Patient.family", 600},
		"chain to few, or what is contained, by date": {"terms of patient for each Patient by texts of family, texts of patient.Patient.family", 600},
		"chain to few of several types":               {"terms of actor for each Patient by texts of family, terms of actor for each Location by texts of name", 1_200},
		"chain to few of several types, by date":      {"terms of actor for each Patient by texts of family, terms of actor for each Location by texts of name", 1_200},
		"chain to many, by date":                      {"ranges of date", 2 * counted},
		"chain to many":                               {"resources by instant", 2 * counted},
		"chain to few, and a token that many have":    {"terms of patient for each Patient by texts of family", counted + 500},
		"chain to few, and a token that few have":     {"terms of service", 400},
		"chain to many, and a token that few have":    {"terms of service", 2 * counted},
		"chain of two":                                {"terms of patient for each Patient by terms of gp for each Location by texts of name", 2_000},

		"has one":                              {"targets of patient of each Appointment by terms of identifier", 10},
		"has few":                              {"targets of patient of each Appointment by terms of service", 150},
		"has few, by date":                     {"targets of patient of each Appointment by terms of service", 150},
		"has few, by id":                       {"targets of patient of each Appointment by terms of service", 150},
		"has few, by a text":                   {"targets of patient of each Appointment by terms of service", 150},
		"has few, by an ordered value":         {"targets of derived-from of each Observation by terms of instance", 150},
		"has many, by date":                    {"ranges of birthdate", 2 * counted},
		"has many":                             {"resources by instant", 2 * counted},
		"has few, and a token that many have":  {"targets of patient of each Appointment by terms of service", counted + 150},
		"has many, and a string that few have": {"texts of family", counted + 250},
		"has and a chain":                      {"terms of patient for each Patient by targets of patient of each Appointment by terms of service", 600},
	}
	classes := p.Promised(newest.Versions[199].Instant, newest.Versions[len(newest.Versions)-1].Instant)
	if len(classes) != len(wanted) {
		t.Errorf("%d classes are promised, of %d it is told how they are served", len(classes), len(wanted))
	}
	for _, class := range classes {
		t.Run(class.Name, func(t *testing.T) {
			q, c := class.Query, wanted[class.Name]
			plan, err := p.Explain(t.Context(), home, q, storage.PageRequest{Limit: pageSize})
			if err != nil {
				t.Fatal(err)
			}
			if plan.Index != c.index || plan.Looked > c.most || plan.Found == 0 {
				t.Errorf("it finds %d by %q and looks at %d; want some by %q, looking at %d at most", plan.Found, plan.Index, plan.Looked, c.index, c.most)
			}
			for name, cursor := range storagetest.Far(t, p, home, q, pageSize, -1) {
				if plan, err := p.Explain(t.Context(), home, q, storage.PageRequest{Limit: pageSize, After: cursor}); err != nil || plan.Looked > c.most+pageSize || plan.Found == 0 {
					t.Errorf("%s page finds %d by %q and looks at %d; want some, looking at %d at most (%v)", name, plan.Found, plan.Index, plan.Looked, c.most+pageSize, err)
				}
			}
		})
	}
}

// What no index serves ends when it has looked at as much as it may.
func TestSearchesNotPromisedEnd(t *testing.T) {
	p := newPractice(t, resources())
	budget := p.Patients / 3
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
