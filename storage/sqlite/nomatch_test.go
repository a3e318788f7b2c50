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
		found  string       // the one match; "" for none
		kind   fhir.Kind    // of the refusal
	}{
		"nothing":                 {},
		"one comes":               {then: []storage.Op{put("a", "tag")}, found: "a"},
		"two come":                {then: []storage.Op{put("a", "tag"), put("b", "tag")}, kind: fhir.PreconditionFailed},
		"one stays":               {before: []storage.Op{put("a", "tag")}, then: []storage.Op{put("b", "other")}, found: "a"},
		"one changes":             {before: []storage.Op{put("a", "tag")}, then: []storage.Op{put("a", "other")}},
		"one changes and stays":   {before: []storage.Op{put("a", "tag")}, then: []storage.Op{put("a", "tag")}, found: "a"},
		"one goes":                {before: []storage.Op{put("a", "tag")}, then: []storage.Op{gone("a")}},
		"one goes, another comes": {before: []storage.Op{put("a", "tag")}, then: []storage.Op{gone("a"), put("b", "tag")}, found: "b"},
		"of four three go": {
			before: []storage.Op{put("a", "tag"), put("b", "tag"), put("c", "tag"), put("d", "tag")},
			then:   []storage.Op{put("b", "other"), gone("c"), gone("d")}, found: "a",
		},
		"of three one goes": {
			before: []storage.Op{put("a", "tag"), put("b", "tag"), put("c", "tag")},
			then:   []storage.Op{gone("c")}, kind: fhir.PreconditionFailed,
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
			go func() { done <- create(store, c.found, c.kind) }()
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

// create creates a resource unless another has its tag, and says what is not as it should be.
func create(store *sqlite.Store, found string, kind fhir.Kind) error {
	op := put("new", "tag")
	op.Condition.NoMatch = &search.Query{Type: "Appointment", All: []search.Any{{search.Equal{Param: "tag", Value: "tag"}}}}
	results, err := store.Commit(context.Background(), home, []storage.Op{op})
	switch {
	case kind != 0 && errors.Is(err, kind):
		return nil
	case kind != 0 || err != nil:
		return fmt.Errorf("error %w, want kind %q", err, kind.Error())
	case found == "" && results[0].Changed, found != "" && !results[0].Changed && results[0].Version.Key.ID == found:
		return nil
	default:
		return fmt.Errorf("result %+v, want match %q", results[0], found)
	}
}
