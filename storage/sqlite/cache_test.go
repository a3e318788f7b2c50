package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// numberOf is the number of the current version; 0 where there never was one.
func numberOf(t *testing.T, s *sqlite.Store, id string) int64 {
	t.Helper()
	v, err := s.Read(t.Context(), home, key(id))
	if err != nil && !errors.Is(err, fhir.NotFound) {
		t.Fatal(err)
	}
	return v.Number
}

func commit(t *testing.T, s *sqlite.Store, ops ...storage.Op) {
	t.Helper()
	if _, err := s.Commit(context.Background(), home, ops); err != nil {
		t.Fatal(err)
	}
}

// What another process writes is seen after a while; by a write of our own it is seen at once.
func TestWritesOfOthersAreSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	var clock atomic.Int64
	ours := open(t, sqlite.Caching(sqlite.Config{Path: path}, 1<<20, func() time.Duration { return time.Duration(clock.Load()) }))
	theirs := open(t, sqlite.Config{Path: path})
	commit(t, ours, put("a", "tag"))
	for _, id := range []string{"a", "b"} {
		numberOf(t, ours, id)
	}
	want := func(when string, a, b int64) {
		t.Helper()
		if gotA, gotB := numberOf(t, ours, "a"), numberOf(t, ours, "b"); gotA != a || gotB != b {
			t.Errorf("%s: versions %d and %d, want %d and %d", when, gotA, gotB, a, b)
		}
	}
	commit(t, theirs, put("a", "tag"), put("b", "tag"))
	want("from memory", 1, 0)
	clock.Add(int64(sqlite.MaxStale) - 1)
	want("from memory, a last time", 1, 0)
	clock.Add(1)
	want("after a while", 2, 1)
	commit(t, theirs, storage.Op{Key: key("a")})
	want("from memory again", 2, 1)
	commit(t, ours, put("c", "tag"))
	want("after a write of our own", 3, 1)
	if v, err := ours.Read(t.Context(), home, key("a")); err != nil || !v.IsDeleted() {
		t.Errorf("the mark of the deletion: %+v, %v", v, err)
	}
	op := put("a", "tag")
	op.Condition.Version = 3
	commit(t, theirs, put("a", "tag"))
	want("what is not seen yet", 3, 1)
	if _, err := ours.Commit(t.Context(), home, []storage.Op{op}); !errors.Is(err, fhir.PreconditionFailed) {
		t.Errorf("a condition that only holds in memory: %v", err)
	}
	want("after the refusal", 4, 1)
}

// A reader that notices what another process wrote does not make fresh what an earlier one has in hand.
func TestReaderIsOvertaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	var clock time.Duration
	overtake := func() {}
	ours := open(t, sqlite.Caching(sqlite.Config{Path: path}, 1<<20, func() time.Duration {
		other := overtake
		overtake = func() {}
		other()
		return clock
	}))
	theirs := open(t, sqlite.Config{Path: path})
	commit(t, ours, put("a", "tag"))
	commit(t, theirs, put("a", "tag"))
	clock += time.Hour
	overtake = func() { numberOf(t, ours, "other") }
	if n := numberOf(t, ours, "a"); n != 2 {
		t.Errorf("an hour later version %d is read, where 2 is current", n)
	}
}

// A partition sees nothing of another one, whether it is in memory or not.
func TestMemoryIsFenced(t *testing.T) {
	store := open(t, sqlite.Config{})
	commit(t, store, put("a", "tag"))
	for range 2 {
		if _, err := store.Read(t.Context(), "other/test", key("a")); !errors.Is(err, fhir.NotFound) {
			t.Errorf("another partition reads with %v", err)
		}
		if _, err := store.ReadVersion(t.Context(), "other/test", key("a"), 1); !errors.Is(err, fhir.NotFound) {
			t.Errorf("another partition reads version 1 with %v", err)
		}
		if numberOf(t, store, "a") != 1 {
			t.Error("the own partition does not see it")
		}
	}
}

// Readers never see less than was acknowledged before they asked, nor less than they saw before, whatever is written, dropped and emptied
// meanwhile.
func TestReadsNeverGoBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	store := open(t, sqlite.Caching(sqlite.Config{Path: path}, 64<<10, nil)) // a part of the cache has room for a few versions
	other := open(t, sqlite.Config{Path: path})
	const resources, writes = 12, 60
	var acknowledged [resources]atomic.Int64
	var writers, readers sync.WaitGroup
	for r := range resources {
		writers.Go(func() {
			for i := range writes {
				op := put(fmt.Sprint("r", r), "tag")
				if i%7 == 6 {
					op = storage.Op{Key: op.Key}
				}
				results, err := store.Commit(context.Background(), home, []storage.Op{op})
				if err != nil {
					t.Error(err)
					return
				}
				acknowledged[r].Store(results[0].Version.Number)
			}
		})
	}
	writers.Go(func() {
		for range writes {
			if _, err := other.Commit(context.Background(), home, []storage.Op{put("elsewhere", "tag")}); err != nil {
				t.Error(err)
			}
		}
	})
	done := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			var seen [resources]int64
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				r := i % resources
				least := max(seen[r], acknowledged[r].Load())
				v, err := store.Read(context.Background(), home, key(fmt.Sprint("r", r)))
				if err != nil && !errors.Is(err, fhir.NotFound) || v.Number < least {
					t.Errorf("r%d: version %d, %v, where %d was seen or acknowledged", r, v.Number, err, least)
					return
				}
				seen[r] = v.Number
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}
