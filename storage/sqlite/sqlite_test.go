package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
	"github.com/portico-health/portico/storage/storagetest"
)

func TestLaw(t *testing.T) {
	storagetest.Run(t, storagetest.Harness{Open: func(t *testing.T, dir string, now func() time.Time) storage.Store {
		store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "law.db"), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return store
	}})
}
