package sqlite_test

import (
	"bytes"
	"fmt"
	"testing"

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
