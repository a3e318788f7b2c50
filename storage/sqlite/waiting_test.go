package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// While the writer is busy, a write can be given up; when too many wait, the next is refused at once.
func TestWaitingWrites(t *testing.T) {
	store := open(t, sqlite.Config{})
	release := sync.OnceFunc(sqlite.Stall(store))
	defer release()
	given, giveUp := context.WithCancel(t.Context())
	errs := make(chan error, 1)
	go func() {
		_, err := store.Records().Swap(given, "given up", 0, []byte("x"), 0)
		errs <- err
	}()
	for sqlite.Waiting(store) == 0 {
		runtime.Gosched()
	}
	giveUp()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}

	// What was given up keeps its place, so that of as many as may wait one is refused.
	results := make(chan error, sqlite.MaxWaiting)
	for range sqlite.MaxWaiting {
		go func() {
			_, err := store.Records().Swap(t.Context(), "waiting", 0, []byte("x"), 0)
			results <- err
		}()
	}
	if err := <-results; !errors.Is(err, fhir.Unavailable) || fhir.AsError(err).Err != nil {
		t.Errorf("one more than may wait: error %v, want %q without a cause", err, fhir.Unavailable)
	}
	release()
	won := 0
	for range sqlite.MaxWaiting - 1 {
		if err := <-results; err == nil {
			won++
		} else if !errors.Is(err, fhir.Conflict) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of the writes that waited won", won)
	}
	if err := store.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := store.Records().Get(t.Context(), "given up"); !errors.Is(err, fhir.NotFound) {
		t.Errorf("a write that was given up has happened: %v", err)
	}
}

// What waits is bounded in bytes too, of commits and of records: one more is refused at once, what is small or alone passes.
func TestWaitingBytes(t *testing.T) {
	store := open(t, sqlite.Config{})
	const half = 1 << 20
	sqlite.LimitHeld(store, 2*half)
	commit := func(size int) error { // one that would be refused by the writer
		op := put("a", "tag")
		op.Resource.Root().Set("comment", strings.Repeat("x", size))
		op.Condition.Version = 9
		_, err := store.Commit(t.Context(), home, []storage.Op{op, put("b", "tag")})
		return err
	}
	swap := func(size int) error {
		_, err := store.Records().Swap(t.Context(), "large", 9, make([]byte, size), 0)
		return err
	}
	if err := commit(0); !errors.Is(err, fhir.PreconditionFailed) { // its parameters have their numbers now
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ first, besides func() error }{
		"a commit":             {func() error { return commit(half + half/2) }, func() error { return commit(half / 4) }},
		"a record":             {func() error { return swap(half + half/2) }, func() error { return swap(half / 4) }},
		"more than all, alone": {func() error { return commit(3 * half) }, func() error { return swap(0) }},
	} {
		release := sqlite.Stall(store)
		done := make(chan error, 2)
		wait := func(write func() error, waiting int) {
			go func() { done <- write() }()
			for sqlite.Waiting(store) < waiting {
				runtime.Gosched()
			}
		}
		wait(c.first, 1)
		for _, err := range []error{commit(half), swap(half), commit(3 * half)} {
			if !errors.Is(err, fhir.Unavailable) || fhir.AsError(err).Err != nil {
				t.Errorf("%s: what is too much besides: error %v, want %q without a cause", name, err, fhir.Unavailable)
			}
		}
		wait(c.besides, 2)
		release()
		for range 2 {
			if err := <-done; !errors.Is(err, fhir.PreconditionFailed) && !errors.Is(err, fhir.Conflict) {
				t.Errorf("%s: what waited: error %v, want a refusal by the writer", name, err)
			}
		}
		if held := sqlite.Held(store); held != 0 {
			t.Errorf("%s: %d bytes are held when nothing waits", name, held)
		}
	}
}

// A commit whose client goes away before the writer takes it leaves nothing; afterwards it is carried out whole.
func TestClientGoesAway(t *testing.T) {
	var armed atomic.Bool
	reached, goOn := make(chan struct{}), make(chan struct{})
	store := open(t, sqlite.Hashing(sqlite.Config{}, func(value string) {
		if value == "old" && armed.CompareAndSwap(true, false) { // the writer takes the old version out of the index
			close(reached)
			<-goOn
		}
	}))
	var first, second []storage.Op
	for i := range 20 {
		first, second = append(first, put(fmt.Sprint(i), "old")), append(second, put(fmt.Sprint(i), "newer"))
	}
	second[19] = storage.Op{Key: second[19].Key}
	if _, err := store.Commit(t.Context(), home, first); err != nil {
		t.Fatal(err)
	}
	count := func(tag string) int {
		t.Helper()
		q := search.Query{Type: "Appointment", All: []search.Any{{search.Equal{Param: "tag", Value: tag}}}}
		page, err := store.Search(t.Context(), home, q, storage.PageRequest{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Versions)
	}
	type answer struct {
		results []storage.Result
		err     error
	}
	send := func() (goAway func(), answered chan answer) {
		ctx, cancel := context.WithCancel(t.Context())
		answered = make(chan answer, 1)
		go func() {
			defer cancel()
			results, err := store.Commit(ctx, home, second)
			answered <- answer{results, err}
		}()
		return cancel, answered
	}

	release := sqlite.Stall(store)
	goAway, answered := send()
	for sqlite.Waiting(store) == 0 {
		runtime.Gosched()
	}
	goAway()
	if got := <-answered; !errors.Is(got.err, context.Canceled) || !errors.Is(got.err, fhir.Unavailable) {
		t.Errorf("before the commit: %v, want a cancelled one", got.err)
	}
	release()
	if err := store.Ready(t.Context()); err != nil { // the writer has passed over it
		t.Fatal(err)
	}
	if before, after := count("old"), count("newer"); before != 20 || after != 0 {
		t.Errorf("a commit that was given up: %d resources are as before, %d changed", before, after)
	}

	armed.Store(true)
	goAway, answered = send()
	<-reached
	goAway()
	close(goOn)
	if got := <-answered; got.err != nil || len(got.results) != 20 || !got.results[19].Changed {
		t.Errorf("in the midst of the commit: %d results, %v", len(got.results), got.err)
	}
	if before, after := count("old"), count("newer"); before != 0 || after != 19 {
		t.Errorf("a commit that was taken: %d resources are as before, %d changed", before, after)
	}
}
