package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
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
