package storagetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Harness makes the stores that the law is held against.
type Harness struct {
	// Open opens the store whose data dir stands for, and makes it where there is none: a store that was closed
	// and is opened again with the same dir has the same data. The store takes its time from now.
	Open func(t *testing.T, dir string, now func() time.Time) storage.Store

	// Largest is how many bytes the store takes in a resource; 0: any number.
	Largest int

	// Respells says that the numbers of a resource may come back in another spelling, with the digits and the exponent that they had.
	Respells bool

	// Slow divides how often chance is tried, and how many rows are gone through, for a store of which every call takes milliseconds; 0 and 1: not at all. What
	// the law holds stays the same.
	Slow int

	// Gathers says that searches are gathered whose first key says nothing of absence (search.SortKey.Absent).
	Gathers bool

	// Parts are the names of the parts of the law that are held; nil: all of them.
	Parts []string
}

// SortKeys are the promised orders of every type in the law, for drivers that make indexes for them.
func SortKeys(string) []search.SortKey { return slices.Clone(toldKeys) }

// Run holds a driver against the law.
func Run(t *testing.T, h Harness) {
	for _, part := range []struct {
		name string
		hold func(*house)
	}{
		{"life", life}, {"bodies", bodies}, {"conditions", conditions}, {"races", races}, {"commits", commits}, {"one at a time", oneAtATime},
		{"guards", guards}, {"refusals in order", refusalsInOrder}, {"matches within", matchesWithin}, {"large commits", largeCommits}, {"transfers", transfers}, {"twins", twins},
		{"history", history}, {"histories", histories}, {"histories beside writes", historiesBesideWrites}, {"partitions", partitions}, {"events", events}, {"origins", origins}, {"instants", instants},
		{"meaning", meaning}, {"distances", distances}, {"orders", orders}, {"ends of time", endsOfTime}, {"chains", chains},
		{"oracle", oracle}, {"large", large}, {"totals", totals}, {"pages", pages}, {"heavy pages", heavyPages}, {"churn", churn}, {"cursors", cursors}, {"explains", explains}, {"budgets", budgets},
		{"crawling", crawling}, {"crawling within a budget", crawlingWithin}, {"too many to sort", tooManyToSort},
		{"reindexing", reindexing}, {"reindexing beside writes", reindexingBesideWrites}, {"reindexing by chance", reindexingByChance},
		{"checking", checking}, {"checking beside writes", checkingBesideWrites},
		{"restoring", restoring}, {"contradictions", contradictions},
		{"records", records}, {"record races", recordRaces}, {"record scans", recordScans},
		{"ended contexts", endedContexts}, {"commits given up", commitsGivenUp}, {"processes", processes}, {"reopening", reopening}, {"closing", closing},
	} {
		if h.Parts != nil && !slices.Contains(h.Parts, part.name) {
			continue
		}
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.hold(newHouse(t, h))
		})
	}
}

// home is the partition that the law lives in, where it needs but one.
const home fhir.Partition = "demo/test"

// house is a store under test, with a clock that the test moves.
type house struct {
	*testing.T
	storage.Store
	ctx   context.Context
	clock *clock
	h     Harness
	dir   string
}

func newHouse(t *testing.T, h Harness) *house {
	x := &house{T: t, ctx: t.Context(), h: h, dir: t.TempDir(), clock: &clock{at: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}}
	x.Store = h.Open(t, x.dir, x.clock.now)
	t.Cleanup(func() {
		Clean(t, x.Store) // whatever a part of the law did
		x.check(x.Store.Close())
	})
	return x
}

// fewer is how often something is tried, of how often it would be tried with a fast store.
func (x *house) fewer(n int) int { return n / (scale * max(1, x.h.Slow)) }

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

func (x *house) check(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

// want demands an error of a kind. Every error of a store is a *fhir.Error.
func (x *house) want(err error, kind fhir.Kind) {
	x.Helper()
	var e *fhir.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) || len(e.Issues) == 0 {
		x.Errorf("error %v (%T), want one of kind %q", err, err, kind)
	}
}

// wantOp demands that the operation with this index failed, with this kind.
func (x *house) wantOp(err error, index int, kind fhir.Kind) {
	x.Helper()
	x.want(err, kind)
	var e *storage.OpError
	if !errors.As(err, &e) || e.Index != index {
		x.Errorf("error %v, want a *storage.OpError of operation %d", err, index)
	}
}

func (x *house) equal(got, want any) {
	x.Helper()
	if reflect.DeepEqual(got, want) { // which is quick to compare megabytes
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		x.Errorf("got +, want -:\n%s", diff)
	}
}

// patient is the key of a Patient.
func patient(id string) fhir.Key { return fhir.Key{Type: "Patient", ID: id} }

// note makes a resource that carries a text.
func note(key fhir.Key, text string) fhir.Resource {
	return fhir.NewResource(fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: key.Type},
		fhir.Member{Name: "id", Value: key.ID},
		fhir.Member{Name: "note", Value: text}))
}

// put is the operation that stores a resource with a note, found by its terms "tag".
func put(key fhir.Key, text string, tags ...string) storage.Op {
	op := storage.Op{Key: key, Resource: note(key, text)}
	for _, tag := range tags {
		op.Entries.Terms = append(op.Entries.Terms, search.Term{Param: "tag", Value: tag})
	}
	return op
}

// tagged asks for the Patients that have a tag.
func tagged(tag string) search.Query {
	return search.Query{Type: "Patient", All: []search.Any{{search.Equal{Param: "tag", Value: tag}}}}
}

func remove(key fhir.Key) storage.Op { return storage.Op{Key: key} }

// found returns the ids of all matches of a query, in its order.
func (x *house) found(p fhir.Partition, q search.Query) []string {
	x.Helper()
	page, err := x.Search(x.ctx, p, q, storage.PageRequest{Limit: 10_000})
	x.check(err)
	return ids(page.Versions)
}

func ids(versions []fhir.Version) []string {
	found := make([]string, 0, len(versions))
	for _, v := range versions {
		found = append(found, v.Key.ID)
	}
	return found
}

// feed reads all events, a few at a time.
func (x *house) feed() (all []storage.Event) {
	x.Helper()
	for after := int64(0); ; after = all[len(all)-1].Sequence {
		events, err := x.Events(x.ctx, after, 7)
		x.check(err)
		if len(events) == 0 {
			return all
		}
		all = append(all, events...)
	}
}

// together runs n functions at once and waits for them.
func together(n int, fn func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { fn(i) })
	}
	all.Wait()
}

func name(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func joined(ids []string) string { return strings.Join(ids, " ") }
