package mongo

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage/storagetest"
)

// most is the greatest number of indexes that a collection may have, that of _id among them: https://www.mongodb.com/docs/manual/reference/limits/#indexes.
const most = 64

// A type with as many promised keys as there can be stays well below the bound, and all names are different.
func TestIndexList(t *testing.T) {
	var keys []search.SortKey
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		keys = append(keys, search.SortKey{Param: name, Absent: name + ":none"})
	}
	keys = append(keys, search.SortKey{Param: search.ID, Absent: "x"}, search.SortKey{Param: "untold"})
	for _, list := range [][]index{currentIndexes(keys), versionIndexes(), recordIndexes()} {
		if len(list) > most/2 {
			t.Errorf("%d indexes", len(list))
		}
		names := map[string]bool{"_id_": true}
		for _, i := range list {
			if names[i.name] {
				t.Errorf("two indexes are named %s", i.name)
			}
			names[i.name] = true
		}
	}
	if got, want := len(currentIndexes(keys)), len(currentIndexes(nil))+2*8; got != want {
		t.Errorf("%d indexes with eight promised keys, want %d", got, want)
	}
}

// What a server has is compared by all that has a meaning; how it writes numbers has none.
func TestCompareIndexes(t *testing.T) {
	want := []index{
		{name: "one", keys: bson.D{up("a"), down("b")}},
		{name: "two", keys: bson.D{up("c")}, partial: bson.D{{Key: "c", Value: bson.D{{Key: "$exists", Value: true}}}}},
	}
	one, two := found{Name: "one", Keys: bson.D{{Key: "a", Value: 1.0}, {Key: "b", Value: int64(-1)}}}, found{Name: "two", Keys: want[1].keys, Partial: want[1].partial}
	change := func(f found, fn func(*found)) found { fn(&f); return f }
	for name, c := range map[string]struct {
		there     []found
		missing   int
		foreign   []string
		conflicts []string // what they say
	}{
		"nothing":  {missing: 2},
		"all":      {there: []found{{Name: "_id_", Keys: bson.D{up("_id")}}, one, two}},
		"one":      {there: []found{one}, missing: 1},
		"another":  {there: []found{one, two, {Name: "mine", Keys: bson.D{up("z")}, Unique: true}}, foreign: []string{"mine"}},
		"no part":  {there: []found{one, change(two, func(f *found) { f.Partial = nil })}, conflicts: []string{"two is on {c: 1} and should be on {c: 1}, of {c: {$exists: true}}"}},
		"keys":     {there: []found{change(one, func(f *found) { f.Keys = bson.D{down("b"), up("a")} }), two}, conflicts: []string{"one is on {b: -1, a: 1} and should be on {a: 1, b: -1}"}},
		"unique":   {there: []found{change(one, func(f *found) { f.Unique = true }), two}, conflicts: []string{"unique"}},
		"sparse":   {there: []found{change(one, func(f *found) { f.Sparse = true }), two}, conflicts: []string{"sparse"}},
		"hidden":   {there: []found{change(one, func(f *found) { f.Hidden = true }), two}, conflicts: []string{"hidden"}},
		"expiring": {there: []found{change(one, func(f *found) { f.Expires = 60 }), two}, conflicts: []string{"expiring after 60 s"}},
		"collated": {there: []found{change(one, func(f *found) { f.Collation = bson.D{{Key: "locale", Value: "en"}} }), two}, conflicts: []string{"with a collation"}},
		"misnamed": {there: []found{change(one, func(f *found) { f.Name = "a_1_b_-1" }), two}, conflicts: []string{"named a_1_b_-1 and should be named one"}},
		"both":     {there: []found{change(one, func(f *found) { f.Unique = true }), change(two, func(f *found) { f.Unique = true })}, conflicts: []string{"one", "two"}},
	} {
		missing, foreign, conflicts := compare(want, c.there)
		var names []string
		for _, f := range foreign {
			names = append(names, f.Name)
		}
		if len(missing) != c.missing || !cmp.Equal(names, c.foreign) || len(conflicts) != len(c.conflicts) {
			t.Errorf("%s: %d missing, foreign %q, conflicts %q", name, len(missing), names, conflicts)
			continue
		}
		for i, part := range c.conflicts {
			if !strings.Contains(conflicts[i], part) {
				t.Errorf("%s: %q does not say %q", name, conflicts[i], part)
			}
		}
	}
}

// counting counts commands by their names.
type counting struct {
	mu    sync.Mutex
	names map[string]int
}

func (c *counting) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.names == nil {
			c.names = map[string]int{}
		}
		c.names[e.CommandName]++
	}}
}

// Opening makes what is missing, and does nothing the second time. What somebody else made is told and stays.
func TestOpenTwice(t *testing.T) {
	var seen counting
	var notes []string
	dir := t.TempDir()
	types := []string{"Patient", "Task"}
	first := openTest(t, dir, func(c *Config) {
		c.Types, c.monitor = types, seen.monitor()
		c.SortKeys = storagetest.SortKeys
	})
	if seen.names["createIndexes"] != 2*len(types)+1 {
		t.Errorf("commands of the first: %v", seen.names)
	}
	got, err := first.types(t.Context())
	if err != nil || !slices.Equal(got, types) {
		t.Errorf("types %v, %v", got, err)
	}
	own := mongo.IndexModel{Keys: bson.D{up("resource.name")}, Options: options.Index().SetName("ours")}
	if _, err := first.current("Patient").Indexes().CreateOne(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	seen.names = nil
	second := openAgain(t, Config{
		URI: testURI(t, dir), Types: types, SortKeys: storagetest.SortKeys, monitor: seen.monitor(),
		Note: func(text string) { notes = append(notes, text) },
	})
	if seen.names["createIndexes"] != 0 || seen.names["create"] != 0 || seen.names["listIndexes"] == 0 {
		t.Errorf("commands of the second: %v", seen.names)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "collection Patient has an index ours on {resource.name: 1}") {
		t.Errorf("notes %q", notes)
	}
	// A promise that was taken back leaves an index that nobody asks for.
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	third := openAgain(t, Config{URI: testURI(t, dir), Types: types, Note: func(text string) { notes = append(notes, text) }})
	if sorts := 2 * len(storagetest.SortKeys("")) * len(types); len(notes) != 2+sorts {
		t.Errorf("%d notes, want %d: %q", len(notes), 2+sorts, notes)
	}
	if err := third.Close(); err != nil {
		t.Fatal(err)
	}
}

// Opening fails where an index stands in the way, and says which.
func TestOpenConflict(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, nil)
	other := mongo.IndexModel{Keys: bson.D{up(fieldInstant)}, Options: options.Index().SetName(hintNewest)}
	if _, err := s.past("Patient").Indexes().CreateOne(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{URI: testURI(t, dir), Types: []string{"Patient"}})
	for _, part := range []string{"Patient_history", hintNewest, "{instant: 1}", "{partition: 1, instant: -1}"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}

// Several servers that open an empty database at once all succeed.
func TestOpenTogether(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, nil)
	if err := s.db.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := Open(t.Context(), Config{URI: testURI(t, dir), Types: []string{"Patient"}, SortKeys: storagetest.SortKeys})
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
