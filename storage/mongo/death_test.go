package mongo

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest"
)

// mortal is a store whose writers stand still behind a step that they are told, as if their process had died there.
type mortal struct {
	*Store
	mu     sync.Mutex
	dies   step // where the next writer stops; "": it lives
	halted chan struct{}
	rise   chan struct{} // closed when those who stopped go on after all
}

func openMortal(t *testing.T, dir string, patience time.Duration) *mortal {
	m := &mortal{halted: make(chan struct{}), rise: make(chan struct{})}
	m.Store = openTest(t, dir, func(c *Config) { c.Patience, c.step = patience, m.halt })
	return m
}

func (m *mortal) halt(at step) {
	m.mu.Lock()
	dies := m.dies == at
	if dies {
		m.dies = ""
	}
	m.mu.Unlock()
	if dies {
		m.halted <- struct{}{}
		<-m.rise
	}
}

// lastWords begins a commit that stops behind a step, and returns when it has; told is what it says when it goes on.
func (m *mortal) lastWords(t *testing.T, at step, op storage.Op) (told <-chan error) {
	t.Helper()
	m.mu.Lock()
	m.dies = at
	m.mu.Unlock()
	over := make(chan error, 1)
	go func() {
		_, err := m.Commit(context.Background(), home, []storage.Op{op})
		over <- err
	}()
	select {
	case <-m.halted:
	case err := <-over:
		t.Fatalf("the commit ended (%v) before the step %q", err, at)
	}
	return over
}

// Whatever a writer did last before its process died, a resource has its old or its new version whole, another process goes on where it was, and what the
// dead one had claimed is not lost. One that was only thought to be dead changes nothing any more.
func TestProcessesDie(t *testing.T) {
	const patience = 1500 * time.Millisecond
	dir := t.TempDir()
	m := openMortal(t, dir, patience)
	absent := storage.Condition{Absent: true}
	type death struct {
		at     step
		op     storage.Op
		before int64 // versions before it
		told   <-chan error
	}
	tag := func(key fhir.Key) string { return "tag of " + key.ID }
	kinds := []struct {
		name   string
		before []func(fhir.Key) storage.Op
		op     func(fhir.Key) storage.Op
		steps  []step
	}{
		{"create", nil,
			func(k fhir.Key) storage.Op { return under(absent, put(k, "new", tag(k))) }, []step{stepTimed, stepWritten}},
		{"update-as-create", nil,
			func(k fhir.Key) storage.Op { return put(k, "new", tag(k)) }, []step{stepRead, stepTimed, stepWritten}},
		{"conditional-create", nil,
			func(k fhir.Key) storage.Op {
				return under(storage.Condition{Absent: true, NoMatch: unmatched(tag(k)).NoMatch}, put(k, "new", tag(k)))
			}, []step{stepClaimed, stepTimed, stepWritten, stepReleased}},
		{"update", []func(fhir.Key) storage.Op{asIs},
			func(k fhir.Key) storage.Op { return put(k, "new", tag(k)) }, []step{stepRead, stepTimed, stepArchived, stepWritten}},
		{"update-of-a-version", []func(fhir.Key) storage.Op{asIs, asIs},
			func(k fhir.Key) storage.Op { return under(storage.Condition{Version: 2}, put(k, "new", tag(k))) }, []step{stepRead, stepTimed, stepArchived, stepWritten}},
		{"delete", []func(fhir.Key) storage.Op{asIs},
			func(k fhir.Key) storage.Op { return storage.Op{Key: k} }, []step{stepRead, stepTimed, stepArchived, stepWritten}},
		{"recreate", []func(fhir.Key) storage.Op{asIs, gone},
			func(k fhir.Key) storage.Op { return under(absent, put(k, "new", tag(k))) }, []step{stepRead, stepTimed, stepArchived, stepWritten}},
		{"conditional-update", []func(fhir.Key) storage.Op{asIs},
			func(k fhir.Key) storage.Op { return under(unmatched(tag(k)), put(k, "new", tag(k))) },
			[]step{stepRead, stepClaimed, stepTimed, stepArchived, stepWritten, stepReleased}},
	}
	var dead []death
	for _, kind := range kinds {
		for _, at := range kind.steps {
			key := patientKey(kind.name + "." + string(at))
			for _, make := range kind.before {
				if _, err := commitOne(t.Context(), m.Store, make(key)); err != nil {
					t.Fatal(err)
				}
			}
			d := death{at: at, op: kind.op(key), before: int64(len(kind.before))}
			d.told = m.lastWords(t, at, d.op)
			dead = append(dead, d)
		}
	}

	heir := openAgain(t, Config{URI: m.config.URI, SortKeys: storagetest.SortKeys, Patience: patience})
	whole := make([][]fhir.Version, len(dead))
	var all sync.WaitGroup
	for i, d := range dead {
		all.Go(func() {
			key, written := d.op.Key, d.at == stepWritten || d.at == stepReleased
			newest := d.before
			if written {
				newest++
			}
			if got := lineageOf(t, heir, key); int64(len(got)) != newest {
				t.Errorf("%s: %d versions, want %d", key, len(got), newest)
			}
			r, err := commitOne(t.Context(), heir, d.op) // the client tries again
			var kind fhir.Kind
			switch c := d.op.Condition; {
			case written && c.Version != 0:
				kind = fhir.PreconditionFailed
			case written && (c.Absent || c.NoMatch != nil):
				kind = fhir.Conflict
			}
			switch {
			case kind != 0 && !errors.Is(err, kind):
				t.Errorf("%s, again: error %v, want one of kind %q", key, err, kind)
			case kind == 0 && err != nil:
				t.Errorf("%s, again: %v", key, err)
			case kind == 0 && r.Changed:
				newest++
			}
			if whole[i] = lineageOf(t, heir, key); int64(len(whole[i])) != newest {
				t.Errorf("%s, again: %d versions, want %d", key, len(whole[i]), newest)
			}
		})
	}
	all.Wait()

	last := slices.MaxFunc(slices.Concat(whole...), func(a, b fhir.Version) int { return int(a.Instant - b.Instant) })
	for began := time.Now(); horizonOf(t, heir) <= last.Instant; time.Sleep(patience / 20) {
		if time.Since(began) > 5*patience {
			t.Fatal("the horizon stays where the process died")
		}
	}
	if events := feedOf(t, heir); len(events) != len(slices.Concat(whole...)) {
		t.Errorf("%d events of %d versions", len(events), len(slices.Concat(whole...)))
	}
	storagetest.Clean(t, heir)

	close(m.rise)
	for i, d := range dead {
		err := <-d.told
		if written := d.at == stepWritten || d.at == stepReleased; written != (err == nil) {
			t.Errorf("%s, long after: error %v", d.op.Key, err)
		}
		if got := lineageOf(t, heir, d.op.Key); !cmp.Equal(got, whole[i]) {
			t.Errorf("%s, long after: %d versions, want %d", d.op.Key, len(got), len(whole[i]))
		}
	}
	storagetest.Clean(t, heir)
	for _, s := range []*Store{m.Store, heir} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func asIs(key fhir.Key) storage.Op { return put(key, "old", "old") }

func gone(key fhir.Key) storage.Op { return storage.Op{Key: key} }

// lineageOf are the versions of a resource, the first one first. Its history and the versions one by one must agree.
func lineageOf(t *testing.T, s *Store, key fhir.Key) (all []fhir.Version) {
	t.Helper()
	for number := int64(1); ; number++ {
		v, err := s.ReadVersion(t.Context(), home, key, number)
		if errors.Is(err, fhir.NotFound) {
			break
		}
		if err != nil {
			t.Error(err)
			return nil
		}
		if v.Number != number || number > 1 && v.Instant <= all[number-2].Instant || v.IsDeleted() != (v.Body == nil) {
			t.Errorf("version %d of %s is %+v", number, key, v)
		}
		all = append(all, v)
	}
	page, err := s.History(t.Context(), home, storage.HistoryQuery{Key: key, Limit: 100})
	if len(all) == 0 && errors.Is(err, fhir.NotFound) {
		return nil
	}
	slices.Reverse(page.Versions)
	if err != nil || !cmp.Equal(page.Versions, all) {
		t.Errorf("the history of %s has %d versions, and there are %d (%v)", key, len(page.Versions), len(all), err)
	}
	if v, err := s.Read(t.Context(), home, key); err != nil || !cmp.Equal(v, all[len(all)-1]) {
		t.Errorf("%s is in version %d, the newest is %d (%v)", key, v.Number, len(all), err)
	}
	return all
}

func feedOf(t *testing.T, s *Store) (all []storage.Event) {
	t.Helper()
	for after := int64(0); ; after = all[len(all)-1].Sequence {
		events, err := s.Events(t.Context(), after, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			return all
		}
		all = append(all, events...)
	}
}
