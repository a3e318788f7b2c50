package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// What matched when a commit was prepared may have changed when the writer takes it: the writer's moment decides.
func TestNoMatchIsDecidedByTheWriter(t *testing.T) {
	gone := func(id string) storage.Op { return storage.Op{Key: key(id)} }
	for name, c := range map[string]struct {
		before []storage.Op // when it is prepared
		then   []storage.Op // before the writer takes it
		refuse bool
	}{
		"nothing":                 {},
		"one comes":               {then: []storage.Op{put("a", "tag")}, refuse: true},
		"two come":                {then: []storage.Op{put("a", "tag"), put("b", "tag")}, refuse: true},
		"one stays":               {before: []storage.Op{put("a", "tag")}, then: []storage.Op{put("b", "other")}, refuse: true},
		"one changes":             {before: []storage.Op{put("a", "tag")}, then: []storage.Op{put("a", "other")}},
		"one changes and stays":   {before: []storage.Op{put("a", "tag")}, then: []storage.Op{put("a", "tag")}, refuse: true},
		"one goes":                {before: []storage.Op{put("a", "tag")}, then: []storage.Op{gone("a")}},
		"one goes, another comes": {before: []storage.Op{put("a", "tag")}, then: []storage.Op{gone("a"), put("b", "tag")}, refuse: true},
		"of four three go": {
			before: []storage.Op{put("a", "tag"), put("b", "tag"), put("c", "tag"), put("d", "tag")},
			then:   []storage.Op{put("b", "other"), gone("c"), gone("d")}, refuse: true,
		},
		"of three one goes": {
			before: []storage.Op{put("a", "tag"), put("b", "tag"), put("c", "tag")},
			then:   []storage.Op{gone("c")}, refuse: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t, sqlite.Config{})
			if _, err := store.Commit(t.Context(), home, append(c.before, put("always", "there"), put("learnt", "other"))); err != nil {
				t.Fatal(err)
			}
			release := sqlite.Stall(store)
			done := make(chan error, 1)
			go func() {
				_, err := store.Commit(t.Context(), home, c.then)
				done <- err
			}()
			for len(c.then) > 0 && sqlite.Waiting(store) == 0 {
				runtime.Gosched()
			}
			waiting := sqlite.Waiting(store)
			go func() { done <- create(store, c.refuse) }()
			for sqlite.Waiting(store) == waiting {
				runtime.Gosched()
			}
			release()
			for range 2 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// What a commit writes itself is not searched by the writer: many costly conditions would hold up everybody.
func TestNoMatchDoesNotSearchItsCommit(t *testing.T) {
	store := open(t, sqlite.Config{})
	named := put("named", "tag")
	named.Entries.Texts = []search.Text{{Param: "name", Folded: "anna", Exact: "Anna"}}
	commit(t, store, named)
	var ops []storage.Op
	for i := range 20 {
		op := put(fmt.Sprint("new", i), "tag")
		op.Condition.NoMatch = &search.Query{Type: "Appointment", All: []search.Any{{search.Contains{Param: "name", Folded: "nobody"}}}}
		ops = append(ops, op)
	}
	release := sqlite.Stall(store)
	done := make(chan error, 2)
	for i, write := range []func() error{
		func() error { return sqlite.Damage(store, "ALTER TABLE text RENAME TO hidden") }, // a search would fail
		func() error { _, err := store.Commit(context.Background(), home, ops); return err },
	} {
		go func() { done <- write() }()
		for sqlite.Waiting(store) == i {
			runtime.Gosched()
		}
	}
	release()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := sqlite.Damage(store, "ALTER TABLE hidden RENAME TO text"); err != nil {
		t.Error(err)
	}
}

// create creates a resource unless another has its tag, and says what is not as it should be.
func create(store *sqlite.Store, refuse bool) error {
	op := put("new", "tag")
	op.Condition.NoMatch = &search.Query{Type: "Appointment", All: []search.Any{{search.Equal{Param: "tag", Value: "tag"}}}}
	_, err := store.Commit(context.Background(), home, []storage.Op{op})
	if refuse != errors.Is(err, fhir.Conflict) || !refuse && err != nil {
		return fmt.Errorf("error %w, want a refusal: %t", err, refuse)
	}
	return nil
}
