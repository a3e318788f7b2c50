package sqlite_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
	"github.com/portico-health/portico/storage/storagetest"
)

// A file whose terms have hashes that suggest is opened, and has the digests that decide.
func TestOlderTermsAreDigested(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	older := open(t, sqlite.Config{Path: path})
	const many = 250 // more than is read at once
	var ops []storage.Op
	for i := range many {
		ops = append(ops, put(fmt.Sprint(i), fmt.Sprint("tag ", i%5)))
	}
	if _, err := older.Commit(t.Context(), home, ops); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Damage(older,
		"DROP TABLE term",
		"CREATE TABLE term (param INTEGER NOT NULL, hash INTEGER NOT NULL, instant INTEGER NOT NULL, PRIMARY KEY (param, hash, instant)) WITHOUT ROWID",
		"INSERT INTO term SELECT 1, 5, instant FROM live",
		"DROP TABLE ordered", "DROP TABLE place",
		"DELETE FROM migration WHERE number >= 3"); err != nil {
		t.Fatal(err)
	}
	if err := older.Close(); err != nil {
		t.Fatal(err)
	}
	store := open(t, sqlite.Config{Path: path})
	q := search.Query{Type: "Appointment", All: []search.Any{{search.Equal{Param: "tag", Value: "tag 3"}}}}
	page, err := store.Search(t.Context(), home, q, storage.PageRequest{Limit: many})
	if err != nil || len(page.Versions) != many/5 {
		t.Errorf("%d versions are found, want %d (%v)", len(page.Versions), many/5, err)
	}
	looked, err := store.Check(t.Context(), nil, func(f storage.Fault) { t.Error(f) })
	if err != nil || looked.Resources != many {
		t.Errorf("looked at %d resources, want %d (%v)", looked.Resources, many, err)
	}
}

// A file of before there were Ordereds and places is opened, given its entries anew, and is ordered and found by them.
func TestOlderEntriesAreOrdered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	older := open(t, sqlite.Config{Path: path})
	const many = 250 // more than is read at once
	var ops []storage.Op
	for i := range many {
		ops = append(ops, put(fmt.Sprintf("%03d", i), fmt.Sprint("tag ", i%5)))
	}
	if _, err := older.Commit(t.Context(), home, ops); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Damage(older, "DROP TABLE ordered", "DROP TABLE place", "DELETE FROM migration WHERE number >= 4"); err != nil {
		t.Fatal(err)
	}
	if err := older.Close(); err != nil {
		t.Fatal(err)
	}
	store := open(t, sqlite.Config{Path: path})
	entriesOf := func(_ fhir.Partition, v fhir.Version) (search.Entries, error) {
		i, err := strconv.Atoi(v.Key.ID)
		number := fmt.Sprintf("%03d", many-i)
		return search.Entries{
			Terms:    []search.Term{{Param: "tag", Value: fmt.Sprint("tag ", i%5)}},
			Ordereds: []search.Ordered{{Param: "number", Low: number, High: number}},
			Places:   []search.Place{{Param: "near", Point: search.Point{Latitude: 51.5, Longitude: float64(i) / 10}}},
		}, err
	}
	if err := store.Reindex(t.Context(), entriesOf, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	byNumber := []search.SortKey{{Param: "number", By: search.ByOrder}}
	for name, c := range map[string]struct {
		query       search.Query
		first, last string
		found       int
	}{
		"an order":           {search.Query{Sort: byNumber}, "249", "000", many},
		"an ordered value":   {search.Query{All: []search.Any{over("number", "010", "013")}, Sort: byNumber}, "240", "238", 3},
		"a place":            {search.Query{All: []search.Any{{search.Near{Param: "near", Point: search.Point{Latitude: 51.5, Longitude: 10}, Metres: 10_000}}}, Sort: byNumber}, "101", "099", 3},
		"what it had before": {search.Query{All: []search.Any{is("tag", "tag 3")}, Sort: byNumber}, "248", "003", many / 5},
	} {
		c.query.Type = "Appointment"
		page, err := store.Search(t.Context(), home, c.query, storage.PageRequest{Limit: many})
		if err != nil || len(page.Versions) != c.found || page.Versions[0].Key != key(c.first) || page.Versions[c.found-1].Key != key(c.last) {
			t.Errorf("by %s %d are found, want %d, from %s to %s (%v)", name, len(page.Versions), c.found, c.first, c.last, err)
		}
	}
	looked, err := store.Check(t.Context(), entriesOf, func(f storage.Fault) { t.Error(f) })
	if err != nil || looked.Resources != many {
		t.Errorf("looked at %d resources, want %d (%v)", looked.Resources, many, err)
	}
}

// A file of before versions had origins is opened: it has all versions, large ones too, in its histories and its events; those of before have no origin.
func TestOlderVersionsHaveNoOrigin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	older := open(t, sqlite.Config{Path: path})
	var ops []storage.Op
	for i, size := range []int{0, 1_000, 10_000, 2 << 20} {
		ops = append(ops, put(fmt.Sprint(i), strings.Repeat("x", size)))
	}
	for _, some := range [][]storage.Op{ops, {ops[3], {Key: key("0")}}} {
		if _, err := older.Commit(t.Context(), home, some); err != nil {
			t.Fatal(err)
		}
	}
	if err := sqlite.Damage(older, "ALTER TABLE version DROP COLUMN origin", "DELETE FROM migration WHERE number >= 5"); err != nil {
		t.Fatal(err)
	}
	before, err := older.History(t.Context(), home, storage.HistoryQuery{Limit: 10, CountUpTo: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := older.Close(); err != nil {
		t.Fatal(err)
	}
	store := open(t, sqlite.Config{Path: path})
	after, err := store.History(t.Context(), home, storage.HistoryQuery{Limit: 10, CountUpTo: -1})
	if diff := cmp.Diff(before, after); err != nil || diff != "" || after.Total != 6 {
		t.Errorf("%d versions, %v, -before +after:\n%s", after.Total, err, diff)
	}
	if _, err := store.Commit(t.Context(), home, []storage.Op{{Key: key("1"), Origin: "somebody"}}); err != nil {
		t.Fatal(err)
	}
	var origins []string
	events, err := store.Events(t.Context(), 0, 10)
	for _, e := range events {
		origins = append(origins, e.Origin)
	}
	if diff := cmp.Diff([]string{"", "", "", "", "", "", "somebody"}, origins); err != nil || diff != "" {
		t.Errorf("the origins: %v, -want +got:\n%s", err, diff)
	}
	storagetest.Clean(t, store)
}
