package mongo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// watch sees what a store finds in which collection.
type watch struct {
	mu    sync.Mutex
	about map[int64]string // "find Patient", by the number of the request
	seen  []string         // in the order in which they were answered
	after func(command string)
}

func (w *watch) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{
		Started: func(_ context.Context, e *event.CommandStartedEvent) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if e.CommandName == "find" {
				w.about[e.RequestID] = "find " + e.Command.Lookup("find").StringValue()
			}
		},
		Succeeded: func(_ context.Context, e *event.CommandSucceededEvent) {
			w.mu.Lock()
			command, found := w.about[e.RequestID]
			after := w.after
			if found {
				w.seen = append(w.seen, command)
			}
			w.mu.Unlock()
			if found && after != nil {
				after(command)
			}
		},
	}
}

// during calls what it is given, and says what commands that took. After each of them comes after.
func (w *watch) during(do func(), after func(command string)) []string {
	set := func(after func(string)) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen, w.after = nil, after
	}
	set(after)
	do()
	w.mu.Lock()
	seen := w.seen
	w.mu.Unlock()
	set(nil)
	return seen
}

// watched is a store whose commands are seen, and another of the same database.
func watched(t *testing.T) (s, other *Store, w *watch) {
	t.Helper()
	dir := t.TempDir()
	w = &watch{about: make(map[int64]string)}
	s = openTest(t, dir, func(c *Config) { c.monitor = w.monitor() })
	other = openAgain(t, Config{URI: testURI(t, dir), SortKeys: s.config.SortKeys})
	t.Cleanup(func() {
		for _, s := range []*Store{s, other} {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return s, other, w
}

// rest waits until no process has told the clock that it has anything under way.
func rest(t *testing.T, s *Store) {
	t.Helper()
	for range 10_000 {
		before, last, err := s.clock.horizon(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if before > slices.Max(slices.Collect(maps.Values(last))) {
			return
		}
	}
	t.Fatal("the clock does not come to rest")
}

// questions are histories and feeds of a partition with resources a and b, which had versions before and after an instant.
func questions(at fhir.Instant) map[string]func(context.Context, *Store) (any, error) {
	all := map[string]func(context.Context, *Store) (any, error){
		"events": func(ctx context.Context, s *Store) (any, error) { return s.Events(ctx, 0, 100) },
	}
	typ := fhir.Key{Type: "Patient"}
	for name, q := range map[string]storage.HistoryQuery{
		"resource": {Key: patientKey("a")}, "type": {Key: typ}, "all": {}, "since": {Key: typ, Since: at}, "before": {Before: at},
		"during": {Key: typ, During: fhir.Interval{Low: at, High: fhir.End}}, "past": {During: fhir.Interval{Low: at - 1, High: at}},
		"resource in the past": {Key: patientKey("a"), During: fhir.Interval{Low: at - 1, High: at}},
	} {
		all[name] = func(ctx context.Context, s *Store) (any, error) {
			q.Limit, q.CountUpTo = 100, 3
			return s.History(ctx, home, q)
		}
		if name == "since" || name == "before" || name == "past" { // whose totals are those of others
			continue
		}
		all["total of "+name] = func(ctx context.Context, s *Store) (any, error) {
			q.Limit, q.CountUpTo = 0, -1
			return s.History(ctx, home, q)
		}
	}
	return all
}

// inhabit writes versions of a, b and of others, and returns an instant in the midst.
func inhabit(t *testing.T, s *Store) (at fhir.Instant) {
	t.Helper()
	for i, op := range []storage.Op{
		put(patientKey("a"), "", ""), put(patientKey("b"), "", ""), put(patientKey("c"), "", ""), put(patientKey("a"), "", ""), put(fhir.Key{Type: "Slot", ID: "s"}, "", ""),
		put(patientKey("b"), "", ""), put(patientKey("a"), "", ""), {Key: patientKey("c")},
	} {
		r, err := commitOne(t.Context(), s, op)
		if err != nil {
			t.Fatal(err)
		}
		if i == 4 {
			at = r.Version.Instant
		}
	}
	return at
}

// A version that is archived between two reads is neither missed nor there twice: whoever reads sees what there was when it began.
func TestReadingWhileVersionsAreArchived(t *testing.T) {
	s, other, w := watched(t)
	at := inhabit(t, s)
	for name := range questions(at) {
		for between := 1; ; between++ { // which reads the updates come
			for i := range 2 { // the current version was made behind the instant, the one before it at the instant
				r, err := commitOne(t.Context(), s, put(patientKey("a"), "", ""))
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					at = r.Version.Instant
				}
			}
			ask := questions(at)[name]
			rest(t, s)
			want, err := ask(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			reads := 0
			w.during(func() {
				got, err := ask(t.Context(), s)
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("%s, updates behind read %d: got +, want - (%v):\n%s", name, between, err, diff)
				}
			}, func(command string) {
				if strings.HasPrefix(command, "find Patient") {
					reads++
				}
				if reads != between {
					return
				}
				reads++
				for _, id := range []string{"a", "b"} {
					if _, err := commitOne(context.Background(), other, put(patientKey(id), "", "")); err != nil {
						t.Error(err)
					}
				}
			})
			if reads < between {
				break
			}
		}
	}
}

// A copy of a current version, which a dead process left, is not there twice and is not counted. In a session answers are the same.
func TestCopiesOfCurrentVersions(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	at := inhabit(t, s)
	want := make(map[string]any)
	ask := func(check func(name string, got any)) {
		t.Helper()
		for name, ask := range questions(at) {
			got, err := ask(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			check(name, got)
		}
	}
	ask(func(name string, got any) { want[name] = got })
	same := func(name string, got any) {
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s: got +, want -:\n%s", name, diff)
		}
	}
	v := village{t, s, home}
	v.archive("a", 3, nil)
	v.archive("c", 2, nil)
	ask(same)
	s.deployment.transactions = true
	ask(same)
}

// A feed without news costs one read, a page of a history those of the types that have something on it.
func TestReadsOfHistories(t *testing.T) {
	s, _, w := watched(t)
	inhabit(t, s)
	rest(t, s)
	newest := func(q storage.HistoryQuery) int64 {
		q.Limit = 1
		page, err := s.History(t.Context(), home, q)
		if err != nil {
			t.Fatal(err)
		}
		return int64(page.Versions[0].Instant)
	}
	last, slot := newest(storage.HistoryQuery{}), newest(storage.HistoryQuery{Key: fhir.Key{Type: "Slot"}})
	clock := "find " + clockCollection
	for name, c := range map[string]struct {
		ask  func() error
		want []string
	}{
		"no news": {func() error { _, err := s.Events(t.Context(), last, 100); return err }, []string{clock}},
		"news of one type": {func() error { _, err := s.Events(t.Context(), slot, 100); return err },
			[]string{clock, "find Patient", "find Patient_history"}},
		"newest of all":  {historyOf(t, s, storage.HistoryQuery{Limit: 1, CountUpTo: 0}), []string{clock, "find Patient", "find Patient_history"}},
		"all":            {historyOf(t, s, storage.HistoryQuery{Limit: 50, CountUpTo: -1}), []string{clock, "find Patient", "find Patient_history", "find Slot", "find Slot_history"}},
		"nothing":        {historyOf(t, s, storage.HistoryQuery{Key: fhir.Key{Type: "Nothing"}, Limit: 50, CountUpTo: -1}), []string{clock}},
		"one resource":   {historyOf(t, s, storage.HistoryQuery{Key: patientKey("a"), Limit: 50, CountUpTo: -1}), []string{"find Patient", "find Patient_history"}},
		"total of one":   {historyOf(t, s, storage.HistoryQuery{Key: patientKey("a"), CountUpTo: -1}), []string{"find Patient"}},
		"single version": {historyOf(t, s, storage.HistoryQuery{Key: fhir.Key{Type: "Slot", ID: "s"}, Limit: 50}), []string{"find Slot"}},
	} {
		got := w.during(func() {
			if err := c.ask(); err != nil {
				t.Error(err)
			}
		}, nil)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: got +, want -:\n%s", name, diff)
		}
	}
}

// historyOf asks for a history.
func historyOf(t *testing.T, s *Store, q storage.HistoryQuery) func() error {
	return func() error { _, err := s.History(t.Context(), home, q); return err }
}

// The numbers of a long lineage are found by their instants, and its pages have what they should.
func TestLongLineage(t *testing.T) {
	const versions, apart = 1500, 10
	s := openTest(t, t.TempDir(), nil)
	if _, err := commitOne(t.Context(), s, put(patientKey("a"), "", "")); err != nil {
		t.Fatal(err)
	}
	v := village{t, s, home}
	first := v.version("a", 1)
	var past []any
	for n := int64(1); n < versions; n++ {
		d := document{ID: pastID(home, "a", n), Partition: home, Name: "a", Version: n, Instant: fhir.Instant(n * apart), Method: "DELETE", Existed: n > 1}
		raw, err := d.raw()
		if err != nil {
			t.Fatal(err)
		}
		past = append(past, raw)
	}
	if _, err := s.past("Patient").InsertMany(t.Context(), past); err != nil {
		t.Fatal(err)
	}
	v.set("a", 1, map[string]any{"version": int64(versions), "instant": int64(versions * apart)})
	if first["version"] != int64(1) {
		t.Fatal(first)
	}

	l, err := s.newLineage(t.Context(), home, storage.HistoryQuery{Key: patientKey("a")})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{1, 2, 3, 31, 32, 33, 34, 63, 64, 65, 700, 1000, 1023, 1024, 1025, versions - 1, versions} {
		for by, want := range map[fhir.Instant]int64{-1: n, 0: n, 1: n + 1} {
			if got, err := l.first(t.Context(), fhir.Instant(n*apart)+by); err != nil || got != want {
				t.Errorf("first at %d%+d is %d, want %d (%v)", n*apart, by, got, want, err)
			}
		}
	}
	numbers := func(q storage.HistoryQuery) string {
		q.Key, q.CountUpTo = patientKey("a"), -1
		page, err := s.History(t.Context(), home, q)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d to %d of %d, more %t", page.Versions[0].Number, page.Versions[len(page.Versions)-1].Number, page.Total, page.More)
	}
	for _, c := range []struct {
		query storage.HistoryQuery
		want  string
	}{
		{storage.HistoryQuery{Limit: 50}, "1500 to 1451 of 1500, more true"},
		{storage.HistoryQuery{Limit: 50, Before: 1000 * apart}, "999 to 950 of 1500, more true"},
		{storage.HistoryQuery{Limit: 50, Since: 1000 * apart, Before: 1003 * apart}, "1002 to 1000 of 501, more false"},
		{storage.HistoryQuery{Limit: 50, During: fhir.Interval{Low: 100*apart + 1, High: 103 * apart}}, "102 to 100 of 3, more false"},
		{storage.HistoryQuery{Limit: 1500}, "1500 to 1 of 1500, more false"},
	} {
		if got := numbers(c.query); got != c.want {
			t.Errorf("%+v: %s, want %s", c.query, got, c.want)
		}
	}
}
