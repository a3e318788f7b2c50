package search_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// What a query asks is said of every test that there is.
func TestDescribe(t *testing.T) {
	day := fhir.InstantOf(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC))
	tests := []struct {
		clause search.Any
		want   string
	}{
		{search.Any{}, "nothing satisfies this"},
		{search.Any{search.Equal{Param: "status", Value: "booked"}, search.Equal{Param: "status", Value: "arrived"}}, `status is "booked", or status is "arrived"`},
		{search.Any{search.StartsWith{Param: "name", Folded: "ash"}}, `a text of name begins with "ash"`},
		{search.Any{search.Contains{Param: "name", Folded: "ash"}}, `a text of name contains "ash"`},
		{search.Any{search.EndsWith{Param: "name", Folded: "ash"}}, `a text of name ends with "ash"`},
		{search.Any{search.Exactly{Param: "name", Exact: "Ash"}}, `a text of name is exactly "Ash"`},
		{search.Any{search.Within{Param: "date", LowFrom: day, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}}, "a value of date begins at 2026-01-31T00:00:00.000000Z or later"},
		{search.Any{search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: day}}, "a value of date ends at 2026-01-31T00:00:00.000000Z or earlier"},
		{search.Any{search.Within{Param: "date", LowFrom: day, LowTo: day, HighFrom: day, HighTo: fhir.End}},
			"a value of date begins from 2026-01-31T00:00:00.000000Z to 2026-01-31T00:00:00.000000Z and ends at 2026-01-31T00:00:00.000000Z or later"},
		{search.Any{search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}}, "a value of date lies anywhere"},
		{search.Any{search.Between{Param: "url", LowFrom: "a", LowTo: "b", HighFrom: search.First, HighTo: search.Last}}, `a value of url begins from "a" to before "b"`},
		{search.Any{search.Near{Param: "near", Point: search.Point{Latitude: 51.5, Longitude: -0.1}, Metres: 11265.408}}, "near is at most 11265 m from 51.5, -0.1"},
		{search.Any{search.Missing{Param: "end", Absent: true}}, "end is missing"},
		{search.Any{search.Missing{Param: "end"}}, "end is there"},
		{search.Any{search.Not{Any: search.Any{search.Equal{Param: "a", Value: "b"}}}}, `not (a is "b")`},
		{search.Any{search.Not{}}, "not (nothing satisfies this)"},
		{search.Any{search.Every{{search.Equal{Param: "a", Value: "b"}}, {search.Missing{Param: "c"}}}}, `(a is "b", and c is there)`},
		{search.Any{search.Every{}}, "(everything satisfies this)"},
		{
			search.Any{search.Refers{Param: "patient", To: search.Selection{Type: "Patient", All: []search.Any{{search.StartsWith{Param: "name", Folded: "ash"}}}}}},
			`patient refers to a Patient (a text of name begins with "ash")`,
		},
		{search.Any{search.ReferredBy{Param: "subject", From: search.Selection{Type: "Task"}}}, "any Task refers to it by subject"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, tt.clause.String()); diff != "" {
			t.Error(diff)
		}
	}
	for key, want := range map[search.SortKey]string{
		{Param: "date", Descending: true}:     "date, descending",
		{Param: "status", By: search.ByTerm}:  "status, ascending",
		{Param: search.ID, By: search.ByText}: "_id, ascending",
		{Param: "family", By: search.ByOrder}: "family, ascending",
		{Param: search.LastUpdated, By: 3}:    "_lastUpdated, ascending",
		{Param: "x", Descending: true, By: 2}: "x, descending",
	} {
		if got := key.String(); got != want {
			t.Errorf("%v: %s", key, got)
		}
		if streams := key.By < search.ByText || key.Param[0] == '_'; key.Streams() != streams {
			t.Errorf("%v streams: %v", key, key.Streams())
		}
	}
}
