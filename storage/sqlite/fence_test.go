package sqlite_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// A group of commits that fails in SQLite leaves nothing, also not in memory: the numbers that it gave to the parameters of one
// partition go to another one next.
func TestFailedGroupLeavesNothing(t *testing.T) {
	const ours, theirs, full fhir.Partition = "ours/test", "theirs/test", "full/test"
	const unbounded = 1 << 30
	store := open(t, sqlite.Config{})
	if _, err := store.Commit(t.Context(), full, []storage.Op{put("before", "tag")}); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.LimitPages(store, 1); err != nil {
		t.Fatal(err)
	}
	tagged := search.Query{Type: "Appointment", All: []search.Any{{search.Equal{Param: "tag", Value: "tag"}}}}
	large := put("large", "tag")
	large.Resource.Root().Set("comment", strings.Repeat("large ", 100_000))

	// One group: the first gives numbers to new parameters, the second looks for them in the writer, the third does not fit.
	release := sqlite.Stall(store)
	errs := make(chan error)
	for i, c := range []struct {
		partition fhir.Partition
		op        storage.Op
	}{
		{ours, put("a", "tag")},
		{ours, storage.Op{Key: key("b"), Condition: storage.Condition{NoMatch: &tagged}}},
		{full, large},
	} {
		go func() {
			_, err := store.Commit(t.Context(), c.partition, []storage.Op{c.op})
			errs <- err
		}()
		for sqlite.Waiting(store) <= i {
			runtime.Gosched()
		}
	}
	release()
	for range 3 {
		if err := <-errs; !errors.Is(err, fhir.Unavailable) {
			t.Errorf("a commit of a group that does not fit: error %v, want %q", err, fhir.Unavailable)
		}
	}
	if err := sqlite.LimitPages(store, unbounded); err != nil {
		t.Fatal(err)
	}

	found := func(p fhir.Partition) int {
		t.Helper()
		page, err := store.Search(t.Context(), p, tagged, storage.PageRequest{Limit: 10})
		counted, failed := store.Search(t.Context(), p, tagged, storage.PageRequest{CountUpTo: -1})
		if err != nil || failed != nil || counted.Total != len(page.Versions) {
			t.Errorf("%s: %d found, %d counted (%v)", p, len(page.Versions), counted.Total, errors.Join(err, failed))
		}
		return len(page.Versions)
	}
	commit := func(p fhir.Partition, op storage.Op) {
		t.Helper()
		if _, err := store.Commit(t.Context(), p, []storage.Op{op}); err != nil {
			t.Errorf("%s: with space again: %v", p, err)
		}
	}
	if events, err := store.Events(t.Context(), 0, 10); err != nil || len(events) != 1 || found(full) != 1 {
		t.Errorf("of the failed group something is left: events %v, error %v", events, err)
	}
	commit(theirs, put("c", "tag"))
	if n := found(ours); n != 0 {
		t.Errorf("%d resources are found in a partition that has none", n)
	}
	commit(full, large)
	commit(ours, put("a", "tag"))
	if found(ours) != 1 || found(theirs) != 1 || found(full) != 2 {
		t.Errorf("found %d, %d and %d, want 1, 1 and 2", found(ours), found(theirs), found(full))
	}
}
