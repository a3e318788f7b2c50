package search_test

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

func TestMatchOfNothing(t *testing.T) {
	x := search.Indexed{ID: "1"}
	for name, tt := range map[string]struct {
		all  []search.Any
		want bool
	}{
		"no clause":                 {nil, true},
		"an empty Any":              {[]search.Any{{}}, false},
		"an empty Not":              {[]search.Any{{search.Not{}}}, true},
		"one clause of two":         {[]search.Any{{search.Equal{Param: "_id", Value: "1"}}, {}}, false},
		"an entry of another param": {[]search.Any{{search.Missing{Param: "name", Absent: true}}}, true},
	} {
		if got := search.Match(search.Query{All: tt.all}, x); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSort(t *testing.T) {
	row := func(id string, instant fhir.Instant, ranges ...fhir.Interval) search.Indexed {
		x := search.Indexed{ID: id, Instant: instant}
		for _, r := range ranges {
			x.Entries.Ranges = append(x.Entries.Ranges, search.Range{Param: "date", Interval: r}, search.Range{Param: "other", Interval: fhir.Interval{Low: -9, High: 99}})
		}
		return x
	}
	rows := []search.Indexed{
		row("d", 1), row("c", 2, fhir.Interval{Low: 5, High: 6}), row("b", 3, fhir.Interval{Low: 1, High: 2}, fhir.Interval{Low: 8, High: 9}),
		row("a", 4, fhir.Interval{Low: 5, High: 7}), row("e", 5), row("f", 4, fhir.Interval{Low: 5, High: 6}),
	}
	for _, tt := range []struct {
		sort []search.SortKey
		want string
	}{
		{nil, "eafbcd"}, // the newest first
		{[]search.SortKey{{Param: search.LastUpdated}}, "dcbafe"},
		{[]search.SortKey{{Param: "date"}}, "bacfde"},                   // the smallest Low, missing ones last
		{[]search.SortKey{{Param: "date", Descending: true}}, "bacfde"}, // the largest High, missing ones last
		{[]search.SortKey{{Param: "date"}, {Param: search.LastUpdated, Descending: true}}, "bafced"},
		{[]search.SortKey{{Param: "none"}}, "abcdef"},
	} {
		sorted := slices.Clone(rows)
		search.Sort(search.Query{Sort: tt.sort}, sorted)
		got := ""
		for _, x := range sorted {
			got += x.ID
		}
		if got != tt.want {
			t.Errorf("%v: %s, want %s", tt.sort, got, tt.want)
		}
	}
}

// TestOrderIsTotal: antisymmetric, transitive, and equal for the same id alone, so that a cursor has one place.
func TestOrderIsTotal(t *testing.T) {
	interval := rapid.Custom(func(t *rapid.T) search.Range {
		low := rapid.Int64Range(-3, 3).Draw(t, "low")
		return search.Range{Param: rapid.SampledFrom([]string{"date", "period"}).Draw(t, "param"), Interval: fhir.Interval{Low: fhir.Instant(low), High: fhir.Instant(low + rapid.Int64Range(1, 3).Draw(t, "width"))}}
	})
	key := rapid.Custom(func(t *rapid.T) search.SortKey {
		return search.SortKey{Param: rapid.SampledFrom([]string{"date", "period", search.LastUpdated}).Draw(t, "key"), Descending: rapid.Bool().Draw(t, "descending")}
	})
	rapid.Check(t, func(t *rapid.T) {
		q := search.Query{Sort: rapid.SliceOfN(key, 0, 3).Draw(t, "sort")}
		var rows []search.Indexed
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			rows = append(rows, search.Indexed{
				ID: id, Instant: fhir.Instant(rapid.Int64Range(0, 3).Draw(t, "instant")),
				Entries: search.Entries{Ranges: rapid.SliceOfN(interval, 0, 3).Draw(t, "ranges")},
			})
		}
		search.Sort(q, rows)
		for i := range rows {
			for j := range rows {
				if got := search.Compare(q, rows[i], rows[j]); cmp.Compare(got, 0) != cmp.Compare(i, j) {
					t.Fatalf("%v against %v gives %d, but their places are %d and %d", rows[i], rows[j], got, i, j)
				}
			}
		}
		again := slices.Clone(rows)
		slices.Reverse(again)
		search.Sort(q, again)
		if diff := gocmp.Diff(rows, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
