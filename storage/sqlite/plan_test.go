package sqlite_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

const home fhir.Partition = "demo/test"

// What users ask for all day begins with the index that has it, in its order: nothing is sorted, nothing scanned.
func TestPlans(t *testing.T) {
	store := open(t, sqlite.Config{})
	var ops []storage.Op
	for i := range fhir.Instant(3) {
		op := storage.Op{Key: key(string('a' + rune(i)))}
		op.Resource = fhir.NewResource(fhir.NewObject(fhir.Member{Name: "resourceType", Value: op.Key.Type}, fhir.Member{Name: "id", Value: op.Key.ID}))
		op.Entries = search.Entries{
			Terms:  []search.Term{{Param: "patient", Value: "Patient/1"}, {Param: "status", Value: "booked"}},
			Texts:  []search.Text{{Param: "name", Folded: "anna", Exact: "Anna"}},
			Ranges: []search.Range{{Param: "date", Interval: fhir.Interval{Low: i, High: i + 1}}},
		}
		ops = append(ops, op)
	}
	if _, err := store.Commit(t.Context(), home, ops); err != nil {
		t.Fatal(err)
	}
	patient := search.Any{search.Equal{Param: "patient", Value: "Patient/1"}}
	status := search.Any{search.Equal{Param: "status", Value: "booked"}}
	from := search.Any{search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: 1, HighTo: fhir.End}}
	to := search.Any{search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: 5, HighFrom: fhir.Beginning, HighTo: fhir.End}}
	since := search.Any{search.Within{Param: search.LastUpdated, LowFrom: 5, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}}
	onward := search.Any{ // as date=ge has it
		from[0], search.Within{Param: "date", LowFrom: 0, LowTo: 2, HighFrom: 0, HighTo: 2},
	}
	byDate, byDateDown := []search.SortKey{{Param: "date"}}, []search.SortKey{{Param: "date", Descending: true}}
	const (
		byRow  = "CO-ROUTINE"
		whole  = "MATERIALIZE" // for rows may be passed over
		terms  = "SEARCH t USING PRIMARY KEY (param=? AND hash=?)"
		low    = "SEARCH s USING COVERING INDEX span_low (param=? AND class=? AND low>? AND low<?)"
		high   = "SEARCH s USING COVERING INDEX span_high (param=? AND class=? AND high>? AND high<?)"
		live   = "SEARCH l USING INTEGER PRIMARY KEY (rowid=?)"
		exists = "SEARCH e EXISTS USING PRIMARY KEY (param=? AND hash=? AND instant=?)"
	)
	for _, c := range []struct {
		name  string
		query search.Query
		made  string // how the page is
		want  string // between that and SCAN p
	}{
		{"newest first", search.Query{}, byRow, "SEARCH l USING COVERING INDEX live_scope (scope=?)"},
		{"since", search.Query{All: []search.Any{since}}, byRow, "SEARCH l USING COVERING INDEX live_scope (scope=? AND rowid>? AND rowid<?)"},
		{"patient", search.Query{All: []search.Any{patient}}, byRow, terms},
		{"patient and status", search.Query{All: []search.Any{patient, status}}, whole, terms + "\n" + exists},
		{"patient among few since", search.Query{All: []search.Any{patient, since}}, whole, "SEARCH l USING COVERING INDEX live_scope (scope=? AND rowid>? AND rowid<?)\n" + exists},
		{"dates, soonest first", search.Query{All: []search.Any{from, to}, Sort: byDate}, byRow, low},
		{"from a day on, soonest first", search.Query{All: []search.Any{onward}, Sort: byDate}, whole, low},
		{"dates, latest first", search.Query{All: []search.Any{from, to}, Sort: byDateDown}, byRow, high},
		{"all, soonest first", search.Query{Sort: byDate}, byRow, low + "\nSCAN p\nSEARCH v USING INTEGER PRIMARY KEY (rowid=?)\nMATERIALIZE page\nSEARCH v USING COVERING INDEX version_key (partition=? AND type=?)\n" + live},
	} {
		c.query.Type = "Appointment"
		found, counted, err := sqlite.Explain(t.Context(), store, home, c.query)
		if err != nil {
			t.Fatal(err)
		}
		want := c.made + " page\n" + c.want + "\nSCAN p\nSEARCH v USING INTEGER PRIMARY KEY (rowid=?)"
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(found, "\n")); diff != "" {
			t.Errorf("%s: got +, want -:\n%s", c.name, diff)
		}
		for line := range strings.Lines(counted) {
			if strings.HasPrefix(line, "SCAN") && !strings.HasPrefix(line, "SCAN (subquery") && line != "SCAN d\n" { // d is a set of few
				t.Errorf("%s: counting scans:\n%s", c.name, counted)
			}
		}
	}
}
