package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest"
)

// What of the law is about several operations holds of a server that keeps none apart and takes nothing back, too, as long as nobody else writes: whatever refuses a
// commit does so before the first write.
func TestLawInTransactions(t *testing.T) {
	testURI(t, "") // before anybody waits for another
	var mu sync.Mutex
	known := make(map[string]Config)
	storagetest.Run(t, storagetest.Harness{
		Open: func(t *testing.T, dir string, now func() time.Time) storage.Store {
			mu.Lock()
			c, again := known[dir]
			if !again {
				c = Config{URI: newReplicaSet(t).through(testURI(t, dir)), SortKeys: storagetest.SortKeys, Now: now}
				dropAfter(t, c)
				known[dir] = c
			}
			mu.Unlock()
			return openAgain(t, c)
		},
		Largest: maxResource, Respells: true, Gathers: true, Slow: 5,
		Parts: []string{"commits", "conditions", "guards", "refusals in order", "matches within", "large commits", "events", "restoring", "contradictions"},
	})
}

// openReplicated opens a store that takes its server for a replica set.
func openReplicated(t *testing.T, patience time.Duration) (*Store, *proxy) {
	t.Helper()
	p := newReplicaSet(t)
	c := Config{URI: p.through(testURI(t, t.TempDir())), SortKeys: storagetest.SortKeys, Patience: patience}
	dropAfter(t, c)
	s := openAgain(t, c)
	if !s.Transactions() {
		t.Fatal("the proxy plays no replica set")
	}
	if err := s.prepare(t.Context(), "Patient"); err != nil {
		t.Fatal(err)
	}
	p.commands()
	return s, p
}

// script is what of the commands of a store's transactions matters, one line a command.
func script(all []command) (lines []string) {
	for _, c := range all {
		if c.collection == clockCollection && c.name == "update" {
			continue // of the clock, in the background
		}
		line := c.name
		if line == "aggregate" {
			line = "find" // however it is searched
		}
		if c.collection != "" {
			line += " " + c.collection
		}
		if c.inTransaction {
			line += " inside"
		}
		if c.starts {
			line += " first"
		}
		for _, concern := range []string{"readConcern.level", "writeConcern.w"} {
			if v, is := c.body.Lookup(strings.Split(concern, ".")...).StringValueOK(); is && c.inTransaction {
				line += " " + v
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// A transaction reads one state, takes its instants and claims outside, writes at its end, and touches what it rests on.
func TestTransactionSays(t *testing.T) {
	s, p := openReplicated(t, 0)
	for _, id := range []string{"old", "rest", "dead"} {
		if _, err := commitOne(t.Context(), s, put(patientKey(id), "1", id)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := commitOne(t.Context(), s, gone(patientKey("dead"))); err != nil {
		t.Fatal(err)
	}
	settle(t, s)
	p.commands()
	guard := func(id string, c storage.Condition) storage.Op {
		return storage.Op{Key: patientKey(id), Guard: true, Condition: c}
	}
	results, err := s.Commit(t.Context(), home, []storage.Op{
		put(patientKey("old"), "2", "changed"),
		guard("rest", storage.Condition{Version: 1}),
		guard("dead", storage.Condition{Absent: true}),
		guard("never", storage.Condition{Absent: true}),
		under(unmatched("old"), put(patientKey("new"), "1", "new")),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"insert claims",
		"find Patient inside first snapshot",
		"findAndModify clock",
		"find Patient inside",
		"update Patient_history inside",
		"insert Patient inside",
		"update Patient inside",
		"update Patient inside",
		"update Patient inside",
		"insert Patient inside",
		"delete Patient inside",
		"commitTransaction inside majority",
		"delete claims",
	}
	got := script(p.commands())
	bulk := func(lines []string) { // of one bulk, in any order
		slices.Sort(lines[5:7])
	}
	if len(got) == len(want) {
		bulk(got)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("got +, want -:\n%s", diff)
	}
	if old, fresh := results[0], results[4]; !old.Changed || !old.Existed || old.Version.Number != 2 || fresh.Version.Number != 1 || fresh.Version.Instant != old.Version.Instant+1 {
		t.Errorf("%+v", results)
	}
	for i, r := range results[1:4] {
		if !cmp.Equal(r, storage.Result{}) {
			t.Errorf("guard %d: %+v", i, r)
		}
	}
	if _, err := s.Read(t.Context(), home, patientKey("never")); !errors.Is(err, fhir.NotFound) {
		t.Errorf("what was guarded is there: %v", err)
	}
	storagetest.Clean(t, s)

	p.commands()
	_, err = s.Commit(t.Context(), home, []storage.Op{put(patientKey("old"), "3", ""), under(storage.Condition{Version: 7}, put(patientKey("rest"), "2", ""))})
	var failed *storage.OpError
	if !errors.As(err, &failed) || failed.Index != 1 || !errors.Is(err, fhir.PreconditionFailed) {
		t.Errorf("error %v", err)
	}
	want = []string{"find Patient inside first snapshot", "findAndModify clock", "abortTransaction inside majority"}
	if diff := cmp.Diff(want, script(p.commands())); diff != "" {
		t.Errorf("got +, want -:\n%s", diff)
	}
}

// Conflicts with other transactions begin anew, commits without an answer are sent again, and what nobody knows is told.
func TestTransactionsMeetTrouble(t *testing.T) {
	const transient, unknown = "TransientTransactionError", "UnknownTransactionCommitResult"
	s, p := openReplicated(t, 2500*time.Millisecond) // the driver looks for a server that it lost twice a second
	for i, tc := range []struct {
		name    string
		trouble func(n int, c command) reaction // of the n-th such command, from 0
		command string
		kind    fhir.Kind
		commits int // at least
	}{
		{name: "a conflict while reading", command: "find", trouble: func(n int, c command) reaction {
			if n < 2 {
				return reaction{answer: refusal(246, transient)}
			}
			return reaction{}
		}, commits: 1},
		{name: "a conflict while writing", command: "insert", trouble: func(n int, c command) reaction {
			if n < 3 {
				return reaction{answer: refusal(112, transient)}
			}
			return reaction{}
		}, commits: 1},
		{name: "an insertion meets another one's", command: "insert", trouble: func(n int, c command) reaction {
			if n == 0 {
				return reaction{answer: bson.D{{Key: "ok", Value: 1.0}, {Key: "n", Value: int32(0)}, {Key: "writeErrors", Value: bson.A{
					bson.D{{Key: "index", Value: int32(0)}, {Key: "code", Value: int32(11000)}, {Key: "errmsg", Value: "E11000 duplicate key"}}}}}}
			}
			return reaction{}
		}, commits: 1},
		{name: "the server goes away before the first write", command: "insert", trouble: func(n int, c command) reaction {
			if n == 0 {
				return reaction{cut: beforeServer}
			}
			return reaction{}
		}, commits: 1},
		{name: "the commit is not answered", command: "commitTransaction", trouble: func(n int, c command) reaction {
			if n == 0 {
				return reaction{cut: beforeAnswer}
			}
			return reaction{}
		}, commits: 2},
		{name: "the result of the commit is not known, and it was made", command: "commitTransaction", trouble: func(n int, c command) reaction {
			return reaction{answer: refusal(64, unknown)}
		}, commits: 1},
		{name: "conflicts without end", command: "insert", trouble: func(n int, c command) reaction {
			return reaction{answer: refusal(112, transient)}
		}, kind: fhir.Unavailable},
	} {
		n := 0
		p.commands()
		p.on(func(c command) (r reaction) {
			if c.name == tc.command && c.inTransaction {
				r = tc.trouble(n, c)
				n++
			}
			return r
		})
		a, b := patientKey(fmt.Sprint("a", i)), patientKey(fmt.Sprint("b", i))
		began := time.Now()
		results, err := s.Commit(t.Context(), home, []storage.Op{put(a, tc.name, ""), under(storage.Condition{Absent: true}, put(b, tc.name, ""))})
		p.heal()
		if took := time.Since(began); took > 3*s.config.Patience {
			t.Errorf("%s: the commit took %v", tc.name, took)
		}
		if commits := len(p.commands("commitTransaction")); commits < tc.commits || tc.commits == 0 && commits > 0 {
			t.Errorf("%s: %d commits, want %d", tc.name, commits, tc.commits)
		}
		if tc.kind != 0 {
			if !errors.Is(err, tc.kind) {
				t.Errorf("%s: error %v, want one of kind %q", tc.name, err, tc.kind)
			}
			continue
		}
		if err != nil || len(results) != 2 {
			t.Errorf("%s: %+v (%v)", tc.name, results, err)
			continue
		}
		for k, key := range []fhir.Key{a, b} {
			if all := lineageOf(t, s, key); len(all) != 1 || !cmp.Equal(all[0], results[k].Version) {
				t.Errorf("%s: %+v of %s, want %+v", tc.name, all, key, results[k].Version)
			}
		}
	}
	storagetest.Clean(t, s)
}

// Whether a commit was made may never be known: then that is told, and nobody waits for longer than the patience.
func TestTransactionOfUnknownEnd(t *testing.T) {
	s, p := openReplicated(t, 900*time.Millisecond)
	committing := false
	p.on(func(c command) reaction {
		committing = committing || c.name == "commitTransaction"
		return reaction{hang: committing}
	})
	began := time.Now()
	_, err := s.Commit(t.Context(), home, []storage.Op{put(patientKey("a"), "", ""), put(patientKey("b"), "", "")})
	if took := time.Since(began); !errors.Is(err, fhir.Unavailable) || took > 3*s.config.Patience {
		t.Errorf("after %v: %v", took, err)
	}
	p.heal()
	if _, err := s.Commit(t.Context(), home, []storage.Op{put(patientKey("a"), "", ""), put(patientKey("c"), "", "")}); err != nil {
		t.Error(err)
	}
}

// Two commits with equal conditions at once: one writes, whatever the rest of them is.
func TestTransactionsWithEqualConditions(t *testing.T) {
	s, _ := openReplicated(t, 0)
	const writers = 8
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range writers {
		all.Go(func() {
			ops := []storage.Op{under(unmatched("x"), put(patientKey(fmt.Sprint("x", i)), "", "x")), under(unmatched("y"), put(patientKey(fmt.Sprint("y", i)), "", "y"))}
			if i%2 == 0 {
				slices.Reverse(ops)
			}
			if i%4 == 3 {
				ops = ops[:1]
			}
			_, err := s.Commit(context.Background(), home, ops)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won += len(ops)
			} else if !errors.Is(err, fhir.Conflict) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	page, err := s.Search(t.Context(), home, search.Query{Type: "Patient"}, storage.PageRequest{Limit: 100})
	if err != nil || len(page.Versions) != won || won == 0 || won > 2 {
		t.Errorf("%d resources, and %d writes succeeded (%v)", len(page.Versions), won, err)
	}
}
