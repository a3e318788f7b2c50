package sqlite_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// What is found the short way is of one state, though bodies come from memory or are read later: a version that is superseded meanwhile
// comes as it was, and never another one in its place. What is kept of it in memory is what is current.
func TestHandfulWhileItChanges(t *testing.T) {
	for name, bytesKept := range map[string]int{"from memory": 1 << 20, "from the file": 1} {
		store := open(t, sqlite.Caching(sqlite.Config{}, bytesKept, nil))
		tagged := func(id, tag string) storage.Op {
			op := put(id, tag)
			op.Resource = fhir.NewResource(fhir.NewObject(
				fhir.Member{Name: "resourceType", Value: "Appointment"}, fhir.Member{Name: "id", Value: id}, fhir.Member{Name: "comment", Value: tag}))
			return op
		}
		const rounds, resources = 200, 5
		written := make(chan error, 1)
		go func() {
			for i := range rounds {
				var ops []storage.Op
				for n := range resources { // all have the one tag or all the other
					ops = append(ops, tagged(fmt.Sprint(n), []string{"odd", "even"}[i%2]))
				}
				if _, err := store.Commit(t.Context(), home, ops); err != nil {
					written <- err
					return
				}
			}
			written <- nil
		}()
		q := search.Query{Type: "Appointment", All: []search.Any{{search.Equal{Param: "tag", Value: "odd"}}}}
		for writing := true; writing; {
			page, err := store.Search(t.Context(), home, q, storage.PageRequest{Limit: 50, CountUpTo: 1_000})
			if err != nil || len(page.Versions) != 0 && len(page.Versions) != resources || page.Total != len(page.Versions) {
				t.Fatalf("%s: %d versions of %d are found (%v)", name, len(page.Versions), page.Total, err)
			}
			for _, v := range page.Versions {
				if !bytes.Contains(v.Body, []byte(`"odd"`)) {
					t.Errorf("%s: %s version %d does not match: %s", name, v.Key, v.Number, v.Body)
				}
			}
			select {
			case err := <-written:
				if err != nil {
					t.Fatal(err)
				}
				writing = false
			default:
			}
		}
		for n := range resources {
			if v, err := store.Read(t.Context(), home, key(fmt.Sprint(n))); err != nil || v.Number != rounds {
				t.Errorf("%s: version %d is current, want %d (%v)", name, v.Number, rounds, err)
			}
		}
	}
}

// A cursor of a page that was found the short way continues where the whole way would, and the reverse.
func TestHandfulGivesWay(t *testing.T) {
	store := open(t, sqlite.Config{})
	var ops []storage.Op
	for i := range 30 {
		ops = append(ops, put(fmt.Sprintf("a%02d", i), "tag"))
	}
	q := search.Query{Type: "Appointment", All: []search.Any{{search.Equal{Param: "tag", Value: "tag"}}}, Sort: []search.SortKey{{Param: "none"}}}
	if _, err := store.Commit(t.Context(), home, ops); err != nil {
		t.Fatal(err)
	}
	first, err := store.Search(t.Context(), home, q, storage.PageRequest{Limit: 10, CountUpTo: -1})
	if err != nil || len(first.Versions) != 10 || first.Total != 30 || first.Next == nil {
		t.Fatalf("%d versions of %d (%v)", len(first.Versions), first.Total, err)
	}
	var more []storage.Op
	for i := range 30 { // now they are more than a handful
		more = append(more, put(fmt.Sprintf("b%02d", i), "tag"))
	}
	if _, err := store.Commit(t.Context(), home, more); err != nil {
		t.Fatal(err)
	}
	next, err := store.Search(t.Context(), home, q, storage.PageRequest{Limit: 100, After: first.Next, CountUpTo: -1})
	if err != nil || len(next.Versions) != 50 || next.Total != 60 || next.Versions[0].Key != key("a10") {
		t.Fatalf("%d versions of %d (%v)", len(next.Versions), next.Total, err)
	}
	var gone []storage.Op
	for i := range 35 {
		gone = append(gone, storage.Op{Key: key(next.Versions[10+i].Key.ID)})
	}
	if _, err := store.Commit(t.Context(), home, gone); err != nil {
		t.Fatal(err)
	}
	last, err := store.Search(t.Context(), home, q, storage.PageRequest{Limit: 100, After: first.Next, CountUpTo: -1})
	if err != nil || len(last.Versions) != 15 || last.Total != 25 || last.Versions[0].Key != key("a10") {
		t.Fatalf("%d versions of %d (%v)", len(last.Versions), last.Total, err)
	}
}

// numbered are Appointments that share the term "all" by groups of thirty, and have another one each.
func numbered(t *testing.T, store *sqlite.Store, n int) {
	t.Helper()
	var ops []storage.Op
	for i := range n {
		op := put(fmt.Sprintf("%04d", i), "tag")
		op.Entries = search.Entries{
			Terms: []search.Term{{Param: "group", Value: fmt.Sprint(i / 30)}, {Param: "number", Value: fmt.Sprint(i)}, {Param: "odd", Value: fmt.Sprint(i % 2)}},
			Texts: []search.Text{{Param: "name", Folded: "ann", Exact: "Ann"}},
		}
		ops = append(ops, op)
	}
	if _, err := store.Commit(t.Context(), home, ops); err != nil {
		t.Fatal(err)
	}
}

// A budget suffices or not, whether this process has come across the names of the parameters or not.
func TestHandfulOfNamesNotKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	older := open(t, sqlite.Config{Path: path})
	numbered(t, older, 1_500)
	if err := older.Close(); err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]search.Query{
		"known":            {Type: "Appointment", All: []search.Any{is("odd", "1"), is("group", "7")}},
		"sorted":           {Type: "Appointment", All: []search.Any{is("odd", "1"), is("group", "7")}, Sort: []search.SortKey{{Param: "name", By: search.ByText}}},
		"of what none has": {Type: "Appointment", All: []search.Any{is("odd", "1"), is("group", "7"), not(is("nobody", "1"))}},
	} {
		store := open(t, sqlite.Config{Path: path})
		for round := range 2 {
			plan, err := store.Explain(t.Context(), home, q, storage.PageRequest{Limit: 20})
			if err != nil || plan.Looked != 30 {
				t.Errorf("%s, round %d: it looks at %d, want 30 (%v)", name, round, plan.Looked, err)
			}
			page, err := store.Search(t.Context(), home, q, storage.PageRequest{Limit: 20, Budget: 15})
			if err != nil || len(page.Versions) != 15 {
				t.Errorf("%s, round %d: %d versions, want 15 (%v)", name, round, len(page.Versions), err)
			}
		}
	}
}

// What is told of an index is how many it has, not how many of these match.
func TestHandfulTellsOfItsIndex(t *testing.T) {
	store := open(t, sqlite.Config{})
	numbered(t, store, 90)
	q := search.Query{Type: "Appointment", All: []search.Any{is("odd", "1"), is("group", "1")}}
	plan, err := store.Explain(t.Context(), home, q, storage.PageRequest{Limit: 20})
	want := storage.Plan{Index: "terms of group", Clause: 1, Matches: 30, Counted: true, ByRow: []int{0}, Looked: 30, Found: 15}
	if diff := cmp.Diff(want, plan); err != nil || diff != "" {
		t.Errorf("got +, want -:\n%s(%v)", diff, err)
	}
}

// A query of many tests goes the whole way, wherever they stand: there the resources of the index are counted before they are looked at.
func TestHandfulIsOfFewTests(t *testing.T) {
	store := open(t, sqlite.Config{})
	numbered(t, store, 90)
	for _, c := range []struct{ tests, looked int }{{62, 1}, {63, 2}, {1_000, 1 + 60}} { // at which a row of the whole way weighs that much
		var many search.Any
		for i := range c.tests {
			many = append(many, search.Contains{Param: "name", Folded: fmt.Sprint(i)})
		}
		for name, a := range map[string]search.Any{"not": {search.Not{Any: many}}, "every": {search.Every{not(many[1:])}}} {
			q := search.Query{Type: "Appointment", All: []search.Any{is("number", "7"), a}, Sort: []search.SortKey{{Param: search.ID}}}
			plan, err := store.Explain(t.Context(), home, q, storage.PageRequest{Limit: 20})
			if err != nil || plan.Looked != c.looked || plan.Found != 1 {
				t.Errorf("%s of %d: it finds %d and looks at %d, want 1 and %d (%v)", name, c.tests, plan.Found, plan.Looked, c.looked, err)
			}
		}
	}
}
