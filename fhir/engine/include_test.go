package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// keep stores a resource under the id that it has.
func keep(t *testing.T, e *engine.Engine, format string, args ...any) {
	t.Helper()
	r := resource(t, format, args...)
	if _, err := e.Update(t.Context(), alice, r.Key(), r, engine.Precondition{}); err != nil {
		t.Fatal(err)
	}
}

// watched is a store that is told of searches and reads.
type watched struct {
	storage.Store
	searched func(search.Query) // before the store is searched, unless it is nil
	found    func()             // after it was searched, unless it is nil
	searches int
	reads    int
}

func (w *watched) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	w.searches++
	if w.searched != nil {
		w.searched(q)
	}
	if w.found != nil {
		defer w.found()
	}
	return w.Store.Search(ctx, p, q, page)
}

func (w *watched) Read(ctx context.Context, p fhir.Partition, key fhir.Key) (fhir.Version, error) {
	w.reads++
	return w.Store.Read(ctx, p, key)
}

// newWatched is an engine on a store that is watched.
func newWatched(t *testing.T) (*engine.Engine, *watched) {
	t.Helper()
	config := newEngineOf(t, "Location", "Organization", "Patient", "Schedule", "Slot").Config
	store := &watched{Store: config.Store}
	config.Store = store
	e, err := engine.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return e, store
}

const slotOf = `{"resourceType":"Slot","id":"%s","schedule":{"reference":"Schedule/%s"},"status":"free","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:20:00Z"}`

// What many matches refer to is read once, and what refers to them is found by one search.
func TestIncludesAskLittleOfTheStore(t *testing.T) {
	e, store := newWatched(t)
	keep(t, e, `{"resourceType":"Schedule","id":"a","actor":[{"reference":"Location/absent"}]}`)
	for i := range 30 {
		keep(t, e, slotOf, fmt.Sprint("s", i), "a")
	}
	for _, c := range []struct {
		typ, query                string
		included, searches, reads int
	}{
		{"Slot", "_include=Slot:schedule", 1, 1, 1},
		{"Slot", "_include=Slot:schedule&_include=Slot:schedule:Schedule&_include:iterate=Schedule:actor", 1, 1, 2},
		{"Schedule", "_revinclude=Slot:schedule", 30, 2, 0},
		{"Slot", "_include=Slot:schedule&_revinclude:iterate=Slot:schedule", 1, 2, 1},
	} {
		store.searches, store.reads = 0, 0
		page, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: c.typ, Query: c.query})
		if err != nil || len(page.Included) != c.included || store.searches != c.searches || store.reads != c.reads {
			t.Errorf("%s?%s: %d included by %d searches and %d reads (%v), want %+v", c.typ, c.query, len(page.Included), store.searches, store.reads, err, c)
		}
	}
}

// Few references lead to what is there, but each of them is looked for: they are bounded, too.
func TestIncludesThatLeadNowhereAreBounded(t *testing.T) {
	config := newEngineOf(t, "Location", "Schedule").Config
	store := &watched{Store: config.Store}
	config.Store, config.MaxIncludes = store, 2
	e, err := engine.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		var actors []string
		for j := range 10 {
			actors = append(actors, fmt.Sprintf(`{"reference":"Location/absent-%d-%d"}`, i, j))
		}
		keep(t, e, `{"resourceType":"Schedule","id":"s%d","actor":[%s]}`, i, strings.Join(actors, ","))
	}
	store.reads = 0
	if _, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Schedule", Query: "_id=s0,s1&_include=Schedule:actor"}); err != nil || store.reads != 20 {
		t.Errorf("as many as may be: %d reads, %v", store.reads, err)
	}
	store.reads = 0
	_, err = e.Search(t.Context(), alice, engine.SearchRequest{Type: "Schedule", Query: "_include=Schedule:actor"})
	wantKind(t, err, fhir.TooCostly, "follow more than 20 references (10 times the server's limit search-includes)")
	if store.reads != 20 {
		t.Errorf("%d reads", store.reads)
	}
}

// large is a store in which every Schedule is of 20 MiB.
type large struct{ storage.Store }

func (l large) Read(ctx context.Context, p fhir.Partition, key fhir.Key) (fhir.Version, error) {
	v, err := l.Store.Read(ctx, p, key)
	if key.Type == "Schedule" {
		v.Body = make([]byte, 20<<20)
	}
	return v, err
}

func TestIncludesAreBoundedInBytes(t *testing.T) {
	config := newEngineOf(t, "Schedule", "Slot").Config
	config.Store = large{config.Store}
	e, err := engine.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		keep(t, e, `{"resourceType":"Schedule","id":"%s","actor":[{"reference":"Location/1"}]}`, id)
		keep(t, e, slotOf, "of-"+id, id)
	}
	if page, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Slot", Query: "_id=of-a&_include=Slot:schedule"}); err != nil || len(page.Included) != 1 {
		t.Errorf("one that has room: %d, %v", len(page.Included), err)
	}
	_, err = e.Search(t.Context(), alice, engine.SearchRequest{Type: "Slot", Query: "_include=Slot:schedule"})
	if !errors.Is(err, fhir.TooCostly) || !strings.Contains(err.Error(), "32 MiB") {
		t.Errorf("two that have none together: %v", err)
	}
}

// A search whose request has ended asks nothing more of the store.
func TestSearchEndsWithItsRequest(t *testing.T) {
	e, store := newWatched(t)
	keep(t, e, `{"resourceType":"Schedule","id":"a","actor":[{"reference":"Location/1"}]}`)
	keep(t, e, slotOf, "s", "a")
	for name, c := range map[string]struct {
		request  engine.SearchRequest
		end      int // after which search of the store the request ends, 0 before all
		searches int // of the store in the end
	}{
		"of a type, before":           {engine.SearchRequest{Type: "Slot"}, 0, 1},
		"of all types, before":        {engine.SearchRequest{}, 0, 1},
		"of all types, meanwhile":     {engine.SearchRequest{}, 2, 3},
		"with what is included":       {engine.SearchRequest{Type: "Slot", Query: "_include=Slot:schedule"}, 1, 1},
		"with what includes":          {engine.SearchRequest{Type: "Schedule", Query: "_revinclude=Slot:schedule"}, 1, 2},
		"of a compartment, meanwhile": {engine.SearchRequest{Compartment: fhir.Key{Type: "Patient", ID: "p"}, Query: "_include:iterate=*"}, 1, 2},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		store.searches, store.reads = 0, 0
		store.found = func() {
			if store.searches >= c.end {
				cancel()
			}
		}
		if c.end == 0 {
			cancel()
		}
		_, err := e.Search(ctx, alice, c.request)
		if !errors.Is(err, context.Canceled) || store.searches != c.searches || store.reads > 0 {
			t.Errorf("%s: %v, after %d searches and %d reads", name, err, store.searches, store.reads)
		}
		cancel()
	}
}

// Oldest first, nothing is lost that comes to a type while the others are searched: who follows what changes must see all of it.
func TestOldestFirstLosesNothing(t *testing.T) {
	e, store := newWatched(t)
	for i := range 3 {
		put(t, e, alice, fmt.Sprint("p", i), "Ash")
	}
	writes := 0
	store.searched = func(q search.Query) {
		if q.Type == "Slot" && writes < 5 { // the last of the types: Patient has been searched
			writes++
			put(t, e, alice, fmt.Sprint("late", writes), "Ash")
			keep(t, e, slotOf, fmt.Sprint("late", writes), "a")
		}
	}
	seen := map[fhir.Key]int{}
	request := engine.SearchRequest{Query: "_count=20&_sort=_lastUpdated&_total=none&_type=Patient,Slot"}
	last := fhir.Instant(0)
	for range 30 {
		page, err := e.Search(t.Context(), alice, request)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			seen[v.Key]++
			if v.Instant <= last {
				t.Errorf("%s comes in the wrong place", v.Key)
			}
			last = v.Instant
		}
		if page.Next != "" {
			request.Query = engine.CursorParam + "=" + page.Next
			continue
		}
		if len(page.Versions) == 0 {
			break
		}
		request.Query = "_count=20&_sort=_lastUpdated&_total=none&_type=Patient,Slot&_lastUpdated=gt" + last.String() // as who follows goes on
	}
	if len(seen) != 3+2*writes || writes < 5 {
		t.Errorf("%d of %d were seen: %v", len(seen), 3+2*writes, seen)
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", key, n)
		}
	}
}
