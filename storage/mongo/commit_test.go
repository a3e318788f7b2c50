package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

const home fhir.Partition = "demo/test"

func patientKey(id string) fhir.Key { return fhir.Key{Type: "Patient", ID: id} }

// put is the operation that stores a resource with a note and a tag.
func put(key fhir.Key, note, tag string) storage.Op {
	return storage.Op{
		Key: key,
		Resource: fhir.NewResource(fhir.NewObject(
			fhir.Member{Name: "resourceType", Value: key.Type},
			fhir.Member{Name: "id", Value: key.ID},
			fhir.Member{Name: "note", Value: note},
			fhir.Member{Name: "number", Value: fhir.Number("1e2")})),
		Entries: search.Entries{Terms: []search.Term{{Param: "tag", Value: tag}}},
	}
}

func under(c storage.Condition, op storage.Op) storage.Op {
	op.Condition = c
	return op
}

func unmatched(tag string) storage.Condition {
	return storage.Condition{NoMatch: &search.Query{Type: "Patient", All: []search.Any{{search.Equal{Param: "tag", Value: tag}}}}}
}

func commitOne(ctx context.Context, s *Store, op storage.Op) (storage.Result, error) {
	results, err := s.Commit(ctx, home, []storage.Op{op})
	if err != nil {
		return storage.Result{}, err
	}
	return results[0], nil
}

// A resource through its whole life: what a commit returns is what a read gives, each version stays what it was.
func TestLifeOfAResource(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	key := patientKey("1")
	absent := storage.Condition{Absent: true}
	var written []fhir.Version
	for i, step := range []struct {
		op      storage.Op
		method  fhir.Method
		number  int64
		existed bool
		idle    bool
		kind    fhir.Kind
	}{
		{op: storage.Op{Key: key}, idle: true},
		{op: under(storage.Condition{Version: 1}, put(key, "0", "")), kind: fhir.PreconditionFailed},
		{op: under(absent, put(key, "1", "")), method: fhir.Created, number: 1},
		{op: under(absent, put(key, "1", "")), kind: fhir.Conflict},
		{op: put(key, "2", ""), method: fhir.Updated, number: 2, existed: true},
		{op: under(storage.Condition{Version: 1}, put(key, "3", "")), kind: fhir.PreconditionFailed},
		{op: under(storage.Condition{Version: 2}, put(key, "3", "")), method: fhir.Updated, number: 3, existed: true},
		{op: storage.Op{Key: key}, method: fhir.Deleted, number: 4, existed: true},
		{op: storage.Op{Key: key}, method: fhir.Deleted, number: 4, idle: true},
		{op: under(storage.Condition{Version: 4}, put(key, "5", "")), kind: fhir.PreconditionFailed},
		{op: under(absent, put(key, "5", "")), method: fhir.Created, number: 5},
		{op: under(storage.Condition{Version: 5}, storage.Op{Key: key}), method: fhir.Deleted, number: 6, existed: true},
		{op: storage.Op{Key: key, Guard: true, Condition: absent}, idle: true},
		{op: storage.Op{Key: key, Guard: true, Condition: storage.Condition{Version: 6}}, kind: fhir.PreconditionFailed},
	} {
		r, err := commitOne(t.Context(), s, step.op)
		if step.kind != 0 {
			var failed *storage.OpError
			if !errors.As(err, &failed) || failed.Index != 0 || !errors.Is(err, step.kind) {
				t.Errorf("step %d: error %v, want an OpError of kind %q", i, err, step.kind)
			}
			continue
		}
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		v := r.Version
		if v.Number != step.number || v.Method != step.method || r.Existed != step.existed || r.Changed == step.idle {
			t.Errorf("step %d: %+v", i, r)
		}
		if step.idle {
			continue
		}
		written = append(written, v)
		if again, err := s.Read(t.Context(), home, key); err != nil || !cmp.Equal(again, v) {
			t.Errorf("step %d: read %+v, want %+v (%v)", i, again, v, err)
		}
	}
	for i, v := range written {
		if i > 0 && v.Instant <= written[i-1].Instant {
			t.Errorf("version %d came to be at %v, not after %v", v.Number, v.Instant, written[i-1].Instant)
		}
		if again, err := s.ReadVersion(t.Context(), home, key, v.Number); err != nil || !cmp.Equal(again, v) {
			t.Errorf("version %d is %+v, want %+v (%v)", v.Number, again, v, err)
		}
	}
	for _, number := range []int64{-1, 0, 7} {
		if v, err := s.ReadVersion(t.Context(), home, key, number); !errors.Is(err, fhir.NotFound) {
			t.Errorf("version %d is %+v (%v), want that it is not found", number, v, err)
		}
	}
}

// Each condition that several processes find true at once is true for one of them; without one all write, and no number is lost.
func TestTwoStoresRace(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{openTest(t, dir, nil), openTest(t, dir, nil)}
	const writers = 24
	race := func(op func(i int) storage.Op, refusal fhir.Kind) (won []fhir.Version) {
		t.Helper()
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				r, err := commitOne(t.Context(), stores[i%2], op(i))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, r.Version)
				} else if refusal == 0 || !errors.Is(err, refusal) {
					t.Errorf("error %v", err)
				}
			})
		}
		all.Wait()
		return won
	}
	key := patientKey("shared")
	if won := race(func(i int) storage.Op { return under(storage.Condition{Absent: true}, put(key, fmt.Sprint(i), "")) }, fhir.Conflict); len(won) != 1 {
		t.Errorf("%d writers created it", len(won))
	}
	for number := range int64(2) {
		if won := race(func(i int) storage.Op {
			return under(storage.Condition{Version: number + 1}, put(key, fmt.Sprint(i), ""))
		}, fhir.PreconditionFailed); len(won) != 1 {
			t.Errorf("%d writers changed version %d", len(won), number+1)
		}
	}
	seen := make(map[int64]bool)
	for _, v := range race(func(i int) storage.Op { return put(key, fmt.Sprint(i), "") }, 0) {
		seen[v.Number] = true
	}
	if len(seen) != writers || !seen[4] || !seen[3+writers] {
		t.Errorf("the numbers of unconditional updates are %v", seen)
	}
	var last fhir.Instant
	for number := range int64(3 + writers) {
		v, err := stores[0].ReadVersion(t.Context(), home, key, number+1)
		if err != nil || v.Instant <= last {
			t.Errorf("version %d at %v, after %v (%v)", number+1, v.Instant, last, err)
		}
		last = v.Instant
	}
}

func TestTooLarge(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	large := put(patientKey("1"), strings.Repeat("x", maxResource), "")
	if _, err := commitOne(t.Context(), s, large); !errors.Is(err, fhir.TooLarge) {
		t.Errorf("error %v, want one that says that the resource is too large", err)
	}
	many := make(fhir.Array, 2<<20)
	for i := range many {
		many[i] = fhir.Number("1") // as BSON larger than as JSON
	}
	large.Resource.Root().Set("note", many)
	if _, err := commitOne(t.Context(), s, large); !errors.Is(err, fhir.TooLarge) {
		t.Errorf("error %v, want one that says that the document is too large", err)
	}
	if _, err := s.Read(t.Context(), home, large.Key); !errors.Is(err, fhir.NotFound) {
		t.Errorf("after it was refused: %v", err)
	}
}

// Conditions that ask the same have the same claim, others have others.
func TestClaimID(t *testing.T) {
	equal := func(value string) search.Test { return search.Equal{Param: "tag", Value: value} }
	ask := func(all ...search.Any) search.Query { return search.Query{Type: "Patient", All: all} }
	same := claimID(home, ask(search.Any{equal("a"), equal("b")}, search.Any{equal("c")}))
	for _, q := range []search.Query{
		ask(search.Any{equal("c")}, search.Any{equal("b"), equal("a")}),
		ask(search.Any{equal("c")}, search.Any{equal("b"), equal("a"), equal("b")}, search.Any{equal("c")}),
	} {
		if claimID(home, q) != same {
			t.Errorf("%v has another claim", q)
		}
	}
	seen := map[string]string{same: "the first"}
	for name, id := range map[string]string{
		"another partition": claimID("demo/live", ask(search.Any{equal("a"), equal("b")}, search.Any{equal("c")})),
		"another type":      claimID(home, search.Query{Type: "Slot", All: []search.Any{{equal("a"), equal("b")}, {equal("c")}}}),
		"other clauses":     claimID(home, ask(search.Any{equal("a")}, search.Any{equal("b")}, search.Any{equal("c")})),
		"another test":      claimID(home, ask(search.Any{search.Exactly{Param: "tag", Exact: "a"}, equal("b")}, search.Any{equal("c")})),
		"nothing":           claimID(home, ask()),
		"an empty clause":   claimID(home, ask(search.Any{})),
		"a quote":           claimID(home, ask(search.Any{equal(`a"}, search.Equal{Param:"tag", Value:"b`)}, search.Any{equal("c")})),
	} {
		if other, there := seen[id]; there {
			t.Errorf("%s and %s have the same claim", name, other)
		}
		seen[id] = name
	}
}

// A claim of a process that died is taken over, but not before it has stood for the patience.
func TestClaimIsTakenOver(t *testing.T) {
	dir := t.TempDir()
	short := func(c *Config) { c.Patience = 600 * time.Millisecond }
	dead, heir := openTest(t, dir, short), openTest(t, dir, short)
	q := *unmatched("x").NoMatch
	if _, err := dead.claims.take(t.Context(), home, q); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	held, err := heir.claims.take(t.Context(), home, q)
	if took := time.Since(began); err != nil || took < heir.config.Patience {
		t.Fatalf("taken after %v (%v)", took, err)
	}
	held.free(nil)
	began = time.Now()
	again, err := heir.claims.take(t.Context(), home, q)
	if took := time.Since(began); err != nil || took > heir.config.Patience {
		t.Fatalf("a claim that was given back is taken after %v (%v)", took, err)
	}
	again.free(nil)
}
