package sqlite_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// A page of a history comes out of its indexes in its order, and ends with its last row: nothing is sorted, and no version that the
// page does not have is passed over, but for those that were superseded before the interval of During.
func TestHistoryPlans(t *testing.T) {
	store := open(t, sqlite.Config{})
	for _, kind := range []string{"Appointment", "AuditEvent", "Slot"} {
		op := put("a", "tag")
		op.Key.Type = kind
		if _, err := store.Commit(t.Context(), home, []storage.Op{op}); err != nil {
			t.Fatal(err)
		}
	}
	const (
		stream  = "SEARCH v USING COVERING INDEX version_feed (partition=? AND type=? AND instant>? AND instant<?)"
		whole   = "SEARCH v USING INDEX version_feed (partition=? AND type=? AND instant>? AND instant<?)"
		next    = "SEARCH n USING COVERING INDEX version_key (partition=? AND type=? AND id=? AND number=? AND rowid<?)"
		before  = "CORRELATED SCALAR SUBQUERY\nSEARCH b USING INDEX version_key (partition=? AND type=? AND id=? AND number=?)"
		fetched = "SCAN p\nSEARCH v USING INTEGER PRIMARY KEY (rowid=?)\n" + before
		lineage = "SEARCH v USING INDEX version_key (partition=? AND type=? AND id=? AND number>? AND number<?)\n" + before
	)
	numbers := regexp.MustCompile(`(SUBQUERY) \d+`)
	for _, c := range []struct {
		name           string
		query          storage.HistoryQuery
		found, counted string
	}{
		{"a resource", storage.HistoryQuery{Key: key("a")}, lineage, ""},
		{"a resource, far behind", storage.HistoryQuery{Key: key("a"), Before: 5, Since: 3, During: fhir.Interval{Low: 1, High: 9}}, lineage, ""},
		{"a type", storage.HistoryQuery{Key: fhir.Key{Type: "Slot"}}, "MATERIALIZE page\n" + stream + "\n" + fetched, stream},
		{"all types but one", storage.HistoryQuery{Types: []string{"Slot", "Appointment", "Nothing"}},
			"MATERIALIZE page\nMERGE (UNION ALL)\nLEFT\n" + stream + "\nRIGHT\n" + stream + "\n" + fetched,
			"COMPOUND QUERY\nLEFT-MOST SUBQUERY\n" + stream + "\nUNION ALL\n" + stream},
		{"all types", storage.HistoryQuery{Before: 5, Since: 3},
			"MATERIALIZE page\nMERGE (UNION ALL)\nLEFT\nMERGE (UNION ALL)\nLEFT\n" + stream + "\nRIGHT\n" + stream + "\nRIGHT\n" + stream + "\n" + fetched,
			"COMPOUND QUERY\nLEFT-MOST SUBQUERY\n" + stream + "\nUNION ALL\n" + stream + "\nUNION ALL\n" + stream},
		{"a type in an interval", storage.HistoryQuery{Key: fhir.Key{Type: "Slot"}, During: fhir.Interval{Low: 1, High: 9}},
			"MATERIALIZE page\n" + whole + "\nCORRELATED SCALAR SUBQUERY\n" + next + "\n" + fetched,
			whole + "\nCORRELATED SCALAR SUBQUERY\n" + next},
	} {
		c.query.Limit, c.query.CountUpTo = 50, 1_000
		found, counted, err := sqlite.ExplainHistory(t.Context(), store, home, c.query)
		if err != nil {
			t.Fatal(err)
		}
		found, counted = numbers.ReplaceAllString(found, "$1"), numbers.ReplaceAllString(counted, "$1")
		if diff := cmp.Diff(strings.Split(c.found, "\n"), strings.Split(found, "\n")); diff != "" {
			t.Errorf("%s: got +, want -:\n%s", c.name, diff)
		}
		var reads []string
		for line := range strings.Lines(counted) {
			if !strings.Contains(line, "(subquery-") { // the rows of what is below
				reads = append(reads, strings.TrimSpace(line))
			}
		}
		if diff := cmp.Diff(c.counted, strings.Join(reads, "\n")); diff != "" {
			t.Errorf("%s: counting: got +, want -:\n%s", c.name, diff)
		}
	}
}

// Which types a partition has is found by a leap for each of them.
func TestTypesOfPlan(t *testing.T) {
	plan, err := sqlite.ExplainTypes(t.Context(), open(t, sqlite.Config{}), home)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(plan) {
		if strings.Contains(line, "version") && !strings.Contains(line, "SEARCH version USING COVERING INDEX version_feed (partition=?") {
			t.Errorf("the types are not found by leaps:\n%s", plan)
		}
	}
}
