package access

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-health/portico/fhir"
)

// shelf is what a memory reads of.
type shelf struct {
	reads atomic.Int64
	value atomic.Pointer[string] // nil: nothing is there
	fails atomic.Bool
	takes time.Duration // a reading; what it returns is of its beginning
}

func (s *shelf) load(ctx context.Context, _ string) (string, error) {
	s.reads.Add(1)
	value := s.value.Load()
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return "", fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "It takes too long.").Because(ctx.Err())
	}
	switch {
	case s.fails.Load():
		return "", fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "It is out of reach.")
	case value == nil:
		return "", fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "It is not there.")
	default:
		return *value, nil
	}
}

func (s *shelf) put(value string) { s.value.Store(&value) }

func TestManyWaitForOneReading(t *testing.T) {
	for _, there := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := &shelf{takes: 100 * time.Millisecond}
			if there {
				s.put("a")
			}
			m := newMemory(s.load)
			var all sync.WaitGroup
			for range 64 {
				all.Go(func() {
					value, err := m.get(t.Context(), "x", time.Now())
					if there && (value != "a" || err != nil) || !there && !errors.Is(err, fhir.NotFound) {
						t.Errorf("%q, %v", value, err)
					}
				})
			}
			all.Wait()
			if n := s.reads.Load(); n != 1 {
				t.Errorf("%d readings", n)
			}
		})
	}
}

// What is returned was read within half a second before it was asked for, however long reading takes.
func TestAMemoryIsYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{takes: 400 * time.Millisecond}
		s.put("0")
		m := newMemory(s.load)
		start := time.Now()
		var all sync.WaitGroup
		for range 300 {
			asked := time.Since(start)
			all.Go(func() {
				value, err := m.get(t.Context(), "x", start.Add(asked))
				read, _ := strconv.ParseInt(value, 10, 64)
				if err != nil || asked-time.Duration(read) > maxAge {
					t.Errorf("at %s it is as of %s: %v", asked, time.Duration(read), err)
				}
			})
			time.Sleep(10 * time.Millisecond)
			s.put(strconv.FormatInt(int64(time.Since(start)), 10))
		}
		all.Wait()
		if n := s.reads.Load(); n > 7 { // in three seconds
			t.Errorf("%d readings", n)
		}
	})
}

// Who asks after a change is not given what was read before it, even while that is being read.
func TestWhatIsForgottenIsReadAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{takes: 100 * time.Millisecond}
		s.put("before")
		m := newMemory(s.load)
		var all sync.WaitGroup
		all.Go(func() {
			if value, err := m.get(t.Context(), "x", time.Now()); value != "before" || err != nil {
				t.Errorf("%q, %v", value, err)
			}
		})
		time.Sleep(50 * time.Millisecond)
		s.put("after")
		m.forget("x")
		for range 3 {
			all.Go(func() {
				if value, err := m.get(t.Context(), "x", time.Now()); value != "after" || err != nil {
					t.Errorf("%q, %v", value, err)
				}
			})
			time.Sleep(60 * time.Millisecond) // the first reading ends, and must not be kept
		}
		all.Wait()
		if n := s.reads.Load(); n != 2 {
			t.Errorf("%d readings", n)
		}
	})
}

func TestFailuresAreNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		s.put("a")
		m := newMemory(s.load)
		if _, err := m.get(t.Context(), "x", time.Now()); err != nil {
			t.Fatal(err)
		}
		s.fails.Store(true)
		time.Sleep(maxAge)
		if value, err := m.get(t.Context(), "x", time.Now()); !errors.Is(err, fhir.Unavailable) {
			t.Errorf("%q, %v", value, err)
		}
		s.fails.Store(false)
		if value, err := m.get(t.Context(), "x", time.Now()); value != "a" || err != nil {
			t.Errorf("%q, %v", value, err)
		}
		s.value.Store(nil)
		time.Sleep(maxAge)
		if _, err := m.get(t.Context(), "x", time.Now()); !errors.Is(err, fhir.NotFound) || m.was("x") {
			t.Errorf("%v", err)
		}
	})
}

// The reading goes on when who began it goes away; who waits may go away too.
func TestWaitingEndsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{takes: time.Second}
		s.put("a")
		m := newMemory(s.load)
		gone, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _, _ = m.get(gone, "x", time.Now()) })
		synctest.Wait()
		all.Go(func() {
			if _, err := m.get(gone, "x", time.Now()); !errors.Is(err, fhir.Unavailable) {
				t.Errorf("who went away: %v", err)
			}
		})
		all.Go(func() {
			if value, err := m.get(t.Context(), "x", time.Now()); value != "a" || err != nil {
				t.Errorf("who stayed: %q, %v", value, err)
			}
		})
		synctest.Wait()
		leave()
		all.Wait()
		if n := s.reads.Load(); n != 1 {
			t.Errorf("%d readings", n)
		}
		s.takes = time.Hour
		m.forget("x")
		if _, err := m.get(t.Context(), "x", time.Now()); !errors.Is(err, fhir.Unavailable) {
			t.Errorf("a store that does not answer: %v", err)
		}
	})
}

// A flood of names that are not there takes no more room than it is given, and displaces nothing that is.
func TestAMemoryIsBounded(t *testing.T) {
	there := map[string]bool{"a": true, "b": true}
	m := newMemory(func(_ context.Context, name string) (string, error) {
		if there[name] {
			return name, nil
		}
		return "", fhir.NotFound
	})
	m.most = 100
	now := time.Now()
	for name := range there {
		if _, err := m.get(t.Context(), name, now); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10_000 {
		if _, err := m.get(t.Context(), strconv.Itoa(i), now); !errors.Is(err, fhir.NotFound) {
			t.Fatal(err)
		}
	}
	if n := len(m.others.young) + len(m.others.old); n > 200 || n < 100 {
		t.Errorf("%d names are remembered", n)
	}
	for name := range there {
		if _, ok := m.remembered(name, now); !ok {
			t.Errorf("%s was displaced", name)
		}
	}
	for i := range 10_000 {
		there["there"+strconv.Itoa(i)] = true
		if _, err := m.get(t.Context(), "there"+strconv.Itoa(i), now); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(m.found.young) + len(m.found.old); n > 200 {
		t.Errorf("%d names are remembered", n)
	}
}
