package sqlite_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// Reindex leaves the writer to others as soon as they wait for it, after a few resources, and does the rest later.
func TestReindexGivesWay(t *testing.T) {
	const resources, few = 100, 3 // of 23 index rows each
	store := open(t, sqlite.Config{})
	var ops []storage.Op
	for i := range resources {
		ops = append(ops, appointment(i))
	}
	if _, err := store.Commit(t.Context(), home, ops); err != nil {
		t.Fatal(err)
	}
	release := sync.OnceFunc(sqlite.Stall(store))
	defer release()
	ended := make(chan error, 1)
	go func() {
		ended <- store.Reindex(t.Context(), func(_ fhir.Partition, v fhir.Version) (search.Entries, error) {
			entries := appointment(int(v.Instant)).Entries
			for i := range entries.Terms {
				entries.Terms[i].Value += "#anew"
			}
			return entries, nil
		}, func(_, _ int64) {})
	}()
	renewed := make(chan int64, 1)
	for waiting := 1; waiting <= 2; waiting++ {
		for sqlite.Waiting(store) < waiting {
			runtime.Gosched()
		}
		if waiting == 1 {
			go func() {
				n, err := sqlite.Renewed(store, "#anew")
				if err != nil {
					t.Error(err)
				}
				renewed <- n
			}()
		}
	}
	release()
	if n := <-renewed; n != few {
		t.Errorf("a write that waits beside Reindex comes after %d resources, want %d", n, few)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n, err := sqlite.Renewed(store, "#anew"); err != nil || n != resources {
		t.Errorf("in the end %d resources are indexed anew, want %d (%v)", n, resources, err)
	}
}
