package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
	"github.com/portico-health/portico/storage/storagetest"
)

// law is the harness of stores that are opened with a changed configuration.
func law(change func(sqlite.Config) sqlite.Config) storagetest.Harness {
	return storagetest.Harness{Open: func(t *testing.T, dir string, now func() time.Time) storage.Store {
		store, err := sqlite.Open(t.Context(), change(sqlite.Config{Path: filepath.Join(dir, "law.db"), Now: now}))
		if err != nil {
			t.Fatal(err)
		}
		return store
	}}
}

func TestLaw(t *testing.T) {
	storagetest.Run(t, law(func(c sqlite.Config) sqlite.Config { return c }))
}

// What is found must not depend on luck with hashes, nor on the way that is chosen to it.
func TestLawUnderCollisions(t *testing.T) {
	storagetest.Run(t, law(sqlite.Contrary))
}
