package sqlite_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// An order that streams is followed by its index on every page: a later one begins behind the id of the row before it, also where many share
// its value; only what has no value comes from elsewhere. By several keys only those who share the first value are sorted.
func TestOrdersStream(t *testing.T) {
	store := open(t, sqlite.Config{})
	var ops []storage.Op
	for i := range 9 {
		op := put(fmt.Sprint(i), "tag")
		op.Entries.Ordereds = []search.Ordered{{Param: "size", Low: "same", High: "same"}}
		op.Entries.Ranges = []search.Range{{Param: "date", Interval: fhir.Interval{Low: 1, High: 2}}}
		op.Entries.Texts = []search.Text{{Param: "name", Folded: "anna", Exact: "Anna"}}
		op.Entries.Places = []search.Place{{Param: "near", Point: search.Point{Latitude: 51.5, Longitude: -0.125}}}
		ops = append(ops, op)
	}
	if _, err := store.Commit(t.Context(), home, ops); err != nil {
		t.Fatal(err)
	}
	size, date, id := search.SortKey{Param: "size", By: search.ByOrder}, search.SortKey{Param: "date"}, search.SortKey{Param: search.ID}
	down := func(k search.SortKey) search.SortKey { k.Descending = true; return k }
	from := search.Any{search.Between{Param: "size", LowFrom: "a", LowTo: search.Last, HighFrom: search.First, HighTo: search.Last}}
	const low, high = "SEARCH s USING PRIMARY KEY (param=? AND class=? AND low>? AND low<?)", "SEARCH s USING COVERING INDEX ordered_high (param=? AND class=? AND high>? AND high<?)"
	for _, c := range []struct {
		name, first, next string // of the plan, the first look into an index
		sorts             string // what else is sorted
		query             search.Query
	}{
		{"size", low, "SEARCH s USING PRIMARY KEY (param=? AND class=? AND low=? AND id>?)", "", search.Query{Sort: []search.SortKey{size}}},
		{"size down", high, "SEARCH s USING COVERING INDEX ordered_high (param=? AND class=? AND high=? AND id>?)", "", search.Query{Sort: []search.SortKey{down(size)}}},
		{"size from", low, "SEARCH s USING PRIMARY KEY (param=? AND class=? AND low=? AND id>?)", "", search.Query{All: []search.Any{from}, Sort: []search.SortKey{size}}},
		{"size, date", low, "SEARCH s USING PRIMARY KEY (param=? AND class=? AND low=?)", "USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY", search.Query{Sort: []search.SortKey{size, date}}},
		{"date", "SEARCH s USING COVERING INDEX span_low (param=? AND class=? AND low>? AND low<?)", "SEARCH s USING COVERING INDEX span_low (param=? AND class=? AND low=? AND id>?)", "",
			search.Query{Sort: []search.SortKey{date}}},
		{"date down", "SEARCH s USING COVERING INDEX span_high (param=? AND class=? AND high>? AND high<?)", "SEARCH s USING COVERING INDEX span_high (param=? AND class=? AND high=? AND id>?)", "",
			search.Query{Sort: []search.SortKey{down(date)}}},
		{"id", "SEARCH v USING COVERING INDEX version_key (partition=? AND type=?)", "SEARCH v USING COVERING INDEX version_key (partition=? AND type=? AND id>?)", "", search.Query{Sort: []search.SortKey{id}}},
		{"id down", "SEARCH v USING COVERING INDEX version_key (partition=? AND type=?)", "SEARCH v USING COVERING INDEX version_key (partition=? AND type=? AND id<?)", "",
			search.Query{Sort: []search.SortKey{down(id)}}},
	} {
		c.query.Type = "Appointment"
		page, err := store.Search(t.Context(), home, c.query, storage.PageRequest{Limit: 4})
		if err != nil || page.Next == nil {
			t.Fatal(c.name, err)
		}
		for cursor, want := range map[string]string{"": c.first, string(page.Next): c.next} {
			after := []byte(cursor)
			if cursor == "" {
				after = nil
			}
			found, _, err := sqlite.ExplainAfter(t.Context(), store, home, c.query, after)
			if err != nil {
				t.Fatal(c.name, err)
			}
			lines := strings.Split(found, "\n")
			if lines[1] != want {
				t.Errorf("%s, after %q: it begins with\n%s\nwant\n%s\nof\n%s", c.name, cursor, lines[1], want, found)
			}
			for _, line := range lines {
				if strings.Contains(line, "TEMP B-TREE") && line != c.sorts {
					t.Errorf("%s, after %q: it sorts:\n%s", c.name, cursor, found)
				}
			}
		}
	}
}

// What is asked of ends of texts, places and orders begins with the index that has them.
func TestEntriesAreFoundByIndex(t *testing.T) {
	store := open(t, sqlite.Config{})
	op := put("a", "tag")
	op.Entries.Texts = []search.Text{{Param: "name", Folded: "anna", Exact: "Anna"}}
	op.Entries.Ordereds = []search.Ordered{{Param: "size", Low: "1", High: "1"}}
	op.Entries.Places = []search.Place{{Param: "near", Point: search.Point{Latitude: 51.5, Longitude: -0.125}}}
	if _, err := store.Commit(t.Context(), home, []storage.Op{op}); err != nil {
		t.Fatal(err)
	}
	between := search.Between{Param: "size", LowTo: search.Last, HighFrom: search.First, HighTo: "5"}
	for want, test := range map[string]search.Test{
		"SEARCH text USING PRIMARY KEY (param=?)":                                search.EndsWith{Param: "name", Folded: "na"},
		"SEARCH place USING PRIMARY KEY (param=? AND latitude>? AND latitude<?)": search.Near{Param: "near", Point: search.Point{Latitude: 51, Longitude: 180}, Metres: 100_000},
		"SEARCH s USING PRIMARY KEY (param=? AND class=? AND low>? AND low<?)":   between, // of a point low is where high is
	} {
		q := search.Query{Type: "Appointment", All: []search.Any{{test}}}
		found, counted, err := sqlite.Explain(t.Context(), store, home, q)
		if err != nil || !strings.Contains(found, want) || !strings.Contains(counted, want) {
			t.Errorf("%+v: want %q (%v) of\n%s\nand counting\n%s", test, want, err, found, counted)
		}
	}
}
