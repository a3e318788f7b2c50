package engine_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

const baseA, baseB = "https://a.example.org/fhir", "https://b.example.org/fhir"

// under makes an engine on a store for a base URL.
func under(t *testing.T, store storage.Store, base string) *engine.Engine {
	t.Helper()
	rules, err := search.NewRules([]string{"Observation", "Patient"}, base)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(t.Context(), engine.Config{
		Store: store, Rules: rules, Validator: validate.New(), Types: []string{"Observation", "Patient"}, Now: time.Now, NewID: fhir.NewID,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// reindexed reindexes and says whether there was anything to do.
func reindexed(t *testing.T, e *engine.Engine) (begun bool) {
	t.Helper()
	if err := e.Reindex(t.Context(), func() { begun = true }); err != nil {
		t.Fatal(err)
	}
	return begun
}

// observe stores observations of two patients, whose references are below two base URLs, and one of a third with a relative reference.
func observe(t *testing.T, e *engine.Engine) {
	t.Helper()
	for id, subject := range map[string]string{"a": baseA + "/Patient/1", "b": baseB + "/Patient/1", "c": "Patient/3"} {
		_, err := e.Update(t.Context(), alice, fhir.Key{Type: "Observation", ID: id}, resource(t,
			`{"resourceType":"Observation","id":%q,"status":"final","code":{"text":"x"},"subject":{"reference":%q}}`, id, subject), engine.Precondition{})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wantSubject demands that just one observation is found by its subject.
func wantSubject(t *testing.T, e *engine.Engine, subject, id string) {
	t.Helper()
	page, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Observation", Query: "subject=" + subject})
	if err != nil || len(page.Versions) != 1 || page.Versions[0].Key.ID != id || page.Versions[0].Number != 1 {
		t.Errorf("subject %s: found %d resources, want %s alone (%v)", subject, len(page.Versions), id, err)
	}
}

func openStore(t *testing.T) storage.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "engine.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// A store that was filled under one base URL and is served under another finds what the references mean there.
func TestReindexForAnotherBaseURL(t *testing.T) {
	store := openStore(t)
	a := under(t, store, baseA)
	if reindexed(t, a) {
		t.Error("there was something to do on a new store")
	}
	observe(t, a)
	wantSubject(t, a, "Patient/1", "a")
	if reindexed(t, a) {
		t.Error("there was something to do under the same rules")
	}
	b := under(t, store, baseB)
	for _, want := range []bool{true, false} {
		if reindexed(t, b) != want {
			t.Errorf("something to do: %t, want %t", !want, want)
		}
		wantSubject(t, b, "Patient/1", "b")
		wantSubject(t, b, baseA+"/Patient/1", "a")
		wantSubject(t, b, "Patient/3", "c")
	}
}

// A store whose rules nobody noted is not trusted.
func TestReindexOfUnknownRules(t *testing.T) {
	store := openStore(t)
	observe(t, under(t, store, baseA))
	b := under(t, store, baseB)
	if !reindexed(t, b) {
		t.Error("there was nothing to do on a store that has resources")
	}
	wantSubject(t, b, "Patient/1", "b")
}

// interrupted is a store on which making entries anew is cut off just before its end is told.
type interrupted struct{ storage.Store }

func (s interrupted) Reindex(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error)) error {
	err := s.Store.Reindex(ctx, entriesOf)
	if err == nil {
		err = context.Canceled
	}
	return err
}

// Rules that were replaced by halves are not those that were there before, also when the base URL is set back.
func TestReindexAfterInterruption(t *testing.T) {
	store := openStore(t)
	a := under(t, store, baseA)
	reindexed(t, a)
	observe(t, a)
	if err := under(t, interrupted{Store: store}, baseB).Reindex(t.Context(), func() {}); err == nil {
		t.Fatal("an interrupted run is no success")
	}
	if !reindexed(t, a) {
		t.Error("there was nothing to do after an interruption")
	}
	wantSubject(t, a, "Patient/1", "a")
}
