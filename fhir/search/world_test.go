package search_test

import (
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir/search"
)

// world is the content of a store by type.
type world map[string][]search.Indexed

func (w world) Of(resourceType string) iter.Seq[search.Indexed] {
	return slices.Values(w[resourceType])
}

// found are the ids of the matches of a query, in its order.
func (w world) found(q search.Query) string {
	var found []search.Indexed
	for x := range w.Of(q.Type) {
		if search.MatchIn(w, q, x) {
			found = append(found, x)
		}
	}
	search.Sort(q, found)
	ids := make([]string, len(found))
	for i, x := range found {
		ids[i] = x.ID
	}
	return strings.Join(ids, " ")
}

// TestMatchInAWorld holds the tests that chains, orders and places are made of against what a person expects of them.
func TestMatchInAWorld(t *testing.T) {
	term := func(param, value string) search.Term { return search.Term{Param: param, Value: value} }
	number := func(low, high string) search.Ordered { return search.Ordered{Param: "number", Low: low, High: high} }
	london, bath := search.Point{Latitude: 51.5074, Longitude: -0.1278}, search.Point{Latitude: 51.3811, Longitude: -2.3590}
	w := world{
		"Patient": {
			{ID: "ann", Entries: search.Entries{Terms: []search.Term{term("gender", "female"), term("gp", "Practitioner/1")}, Places: []search.Place{{Param: "near", Point: london}}}},
			{ID: "bob", Entries: search.Entries{Terms: []search.Term{term("gp", "Practitioner/2")}, Ordereds: []search.Ordered{number("b", "d"), number("x", "y")}}},
			{ID: "cat", Entries: search.Entries{
				Texts: []search.Text{{Param: "name", Folded: "van berg", Exact: "van Berg"}, {Param: "name", Folded: "berg"}}, Ordereds: []search.Ordered{number("c", "c")},
			}},
		},
		"Practitioner": {{ID: "1", Entries: search.Entries{Terms: []search.Term{term("active", "true")}}}, {ID: "2"}},
		"Visit": {
			{ID: "v", Entries: search.Entries{Terms: []search.Term{term("who", "Patient/ann"), term("status", "done")}}},
			{ID: "w", Entries: search.Entries{Terms: []search.Term{term("who", "Patient/bob"), term("who", "Patient/ann"), term("status", "planned")}}},
			{ID: "x", Entries: search.Entries{Terms: []search.Term{term("who", "Group/bob")}}},
		},
	}
	equal := func(param, value string) search.Any { return search.Any{search.Equal{Param: param, Value: value}} }
	gp := func(all ...search.Any) search.Test {
		return search.Refers{Param: "gp", To: search.Selection{Type: "Practitioner", All: all}}
	}
	visited := func(all ...search.Any) search.Test {
		return search.ReferredBy{Param: "who", From: search.Selection{Type: "Visit", All: all}}
	}
	between := func(lowFrom, lowTo, highFrom, highTo string) search.Test {
		return search.Between{Param: "number", LowFrom: lowFrom, LowTo: lowTo, HighFrom: highFrom, HighTo: highTo}
	}
	for i, tt := range []struct {
		typ  string
		all  search.Any
		want string
	}{
		{"Patient", search.Any{gp(equal("active", "true"))}, "ann"},
		{"Patient", search.Any{gp()}, "ann bob"},
		{"Patient", search.Any{gp(search.Any{})}, ""},
		{"Patient", search.Any{search.Not{Any: search.Any{gp(equal("active", "true"))}}}, "bob cat"},
		{"Patient", search.Any{visited(equal("status", "done"))}, "ann"},
		{"Patient", search.Any{visited(equal("status", "planned"))}, "ann bob"},
		{"Patient", search.Any{visited(equal("status", "planned"), equal("status", "done"))}, ""}, // one visit has to be both
		{"Patient", search.Any{visited(search.Any{search.Refers{Param: "who", To: search.Selection{Type: "Patient", All: []search.Any{equal("gender", "female")}}}})}, "ann bob"},
		{"Visit", search.Any{search.Refers{Param: "who", To: search.Selection{Type: "Patient", All: []search.Any{{gp(equal("active", "true"))}}}}}, "v w"},
		{"Visit", search.Any{search.Refers{Param: "who", To: search.Selection{Type: "Patient", All: []search.Any{equal(search.ID, "bob")}}}}, "w"},
		{"Patient", search.Any{search.Every{equal("gender", "female"), equal("gp", "Practitioner/2")}}, ""},
		{"Patient", search.Any{search.Every{equal("gender", "female"), equal("gp", "Practitioner/1")}, search.Equal{Param: search.ID, Value: "cat"}}, "ann cat"},
		{"Patient", search.Any{search.Every{}}, "ann bob cat"},
		{"Patient", search.Any{between("b", "c", search.First, search.Last)}, "bob"},
		{"Patient", search.Any{between("b", "d", search.First, search.Last)}, "bob cat"},
		{"Patient", search.Any{between("c", search.Last, search.First, "d")}, "cat"}, // one entry has to lie in both bounds
		{"Patient", search.Any{between(search.First, search.Last, "d", "d\x00")}, "bob"},
		{"Patient", search.Any{search.EndsWith{Param: "name", Folded: "berg"}}, "cat"},
		{"Patient", search.Any{search.EndsWith{Param: "name", Folded: "van"}}, ""},
		{"Patient", search.Any{search.Near{Param: "near", Point: bath, Metres: 156_000}}, "ann"},
		{"Patient", search.Any{search.Near{Param: "near", Point: bath, Metres: 154_000}}, ""},
		{"Patient", search.Any{search.Near{Param: "near", Point: london}}, "ann"},
		{"Patient", search.Any{search.Missing{Param: "near", Absent: true}}, "bob cat"},
		{"Patient", search.Any{search.Missing{Param: "number"}}, "bob cat"},
	} {
		if got := w.found(search.Query{Type: tt.typ, All: []search.Any{tt.all}, Sort: []search.SortKey{{Param: search.ID}}}); got != tt.want {
			t.Errorf("case %d, %s %+v: %q, want %q", i, tt.typ, tt.all, got, tt.want)
		}
	}
}

// TestSortByEveryBasis: the smallest value ranks ascending, the largest one descending, and what has none comes last.
func TestSortByEveryBasis(t *testing.T) {
	w := world{"Patient": {
		{ID: "a", Entries: search.Entries{
			Terms:    []search.Term{{Param: "code", Value: "sys|x"}, {Param: "code", Value: "x"}, {Param: "code", Value: "sys|"}},
			Texts:    []search.Text{{Param: "name", Folded: "de boer", Exact: "de Boer"}, {Param: "name", Folded: "boer"}},
			Ordereds: []search.Ordered{{Param: "number", Low: "2", High: "9"}},
		}},
		{ID: "b", Entries: search.Entries{
			Terms:    []search.Term{{Param: "code", Value: "z"}, {Param: "code", Value: `a\|b`}, {Param: "code", Value: ""}},
			Texts:    []search.Text{{Param: "name", Folded: "cole", Exact: "Cole"}, {Param: "name", Folded: "zoe", Exact: "Zoe"}},
			Ordereds: []search.Ordered{{Param: "number", Low: "1", High: "1"}, {Param: "number", Low: "3", High: "4"}},
		}},
		{ID: "c"},
	}}
	for _, tt := range []struct {
		key      search.SortKey
		up, down string
	}{
		{search.SortKey{Param: search.ID}, "a b c", "c b a"},
		{search.SortKey{Param: "number", By: search.ByOrder}, "b a c", "a b c"},
		{search.SortKey{Param: "name", By: search.ByText}, "b a c", "b a c"},
		{search.SortKey{Param: "code", By: search.ByTerm}, "b a c", "b a c"},
	} {
		for _, descending := range []bool{false, true} {
			key, want := tt.key, tt.up
			if key.Descending = descending; descending {
				want = tt.down
			}
			if got := w.found(search.Query{Type: "Patient", Sort: []search.SortKey{key}}); got != want {
				t.Errorf("%+v: %s, want %s", key, got, want)
			}
		}
	}
}

// TestMetres: distances that maps tell, which are on the ellipsoid and so up to 0.6 % away.
func TestMetres(t *testing.T) {
	at := func(latitude, longitude float64) search.Point {
		return search.Point{Latitude: latitude, Longitude: longitude}
	}
	for _, tt := range []struct {
		a, b search.Point
		want float64
	}{
		{at(0, 0), at(0, 0), 0},
		{at(51.5074, -0.1278), at(48.8566, 2.3522), 343_900}, // London, Paris
		{at(0, 179.5), at(0, -179.5), 111_320},               // across the line where longitudes meet
		{at(90, 12), at(90, -77), 0},                         // one and the same pole
		{at(90, 0), at(-90, 0), 20_003_931},
		{at(10, 20), at(-10, -160), 20_003_931}, // antipodes
	} {
		if got := tt.a.Metres(tt.b); math.Abs(got-tt.want) > 0.006*tt.want+1e-6 || got != tt.b.Metres(tt.a) && math.Abs(got-tt.b.Metres(tt.a)) > 1e-6 {
			t.Errorf("%v to %v: %.0f m, want %.0f", tt.a, tt.b, got, tt.want)
		}
	}
}
