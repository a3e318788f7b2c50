package mongo

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
)

// mark is the greatest of what was raised to it.
type mark struct{ atomic.Int64 }

func (m *mark) raise(to fhir.Instant) {
	for old := m.Load(); int64(to) > old && !m.CompareAndSwap(old, int64(to)); old = m.Load() {
	}
}

func horizonOf(t testing.TB, s *Store) fhir.Instant {
	t.Helper()
	before, _, err := s.clock.horizon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return before
}

// What is given to anybody is newer than all that was given before it began to ask, and given once.
// While it is under way, no process tells of a horizon behind it.
func TestInstantsAndHorizons(t *testing.T) {
	const writers, rounds = 12, 25
	dir := t.TempDir()
	shifted := func(by time.Duration) func(*Config) {
		return func(c *Config) { c.Now = func() time.Time { return time.Now().Add(by) } }
	}
	stores := []*Store{openTest(t, dir, shifted(0)), openTest(t, dir, shifted(-time.Hour)), openTest(t, dir, shifted(2*time.Millisecond))}
	var given, told mark
	var mu sync.Mutex
	seen := make(map[fhir.Instant]bool)
	var open atomic.Int64
	open.Store(writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			defer open.Add(-1)
			r := rand.New(rand.NewPCG(uint64(w), 1))
			c := stores[w%len(stores)].clock
			for range rounds {
				ctx, cancel := context.WithCancel(t.Context())
				if r.IntN(8) == 0 {
					go cancel() // somewhere on the way
				}
				before := fhir.Instant(given.Load())
				types := []string{"Patient", "Slot", "Patient"}[:1+r.IntN(3)]
				s, err := c.take(ctx, types...)
				cancel()
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					continue
				}
				mu.Lock()
				for i := range types {
					at := s.first + fhir.Instant(i)
					if seen[at] || at <= before {
						t.Errorf("%v was given after %v (twice: %t)", at, before, seen[at])
					}
					seen[at] = true
				}
				mu.Unlock()
				given.raise(s.first + fhir.Instant(len(types)) - 1)
				time.Sleep(time.Duration(r.ExpFloat64() * float64(2*time.Millisecond)))
				if h := fhir.Instant(told.Load()); h > s.first {
					t.Errorf("the horizon %v was told while %v was under way", h, s.first)
				}
				c.done(s)
			}
		})
	}
	for _, s := range stores {
		for range 2 {
			all.Go(func() {
				for open.Load() > 0 {
					done := fhir.Instant(given.Load())
					h, last, err := s.clock.horizon(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					told.raise(h)
					if newest := max(last["Patient"], last["Slot"]); newest < done {
						t.Errorf("the newest instant is %v, but %v was given", newest, done)
					}
				}
			})
		}
	}
	all.Wait()
	for _, s := range stores {
		settle(t, s)
	}
	for i, s := range stores {
		if h := horizonOf(t, s); h <= fhir.Instant(given.Load()) {
			t.Errorf("nothing is under way, but store %d tells of the horizon %v, the newest instant is %d", i, h, given.Load())
		}
	}
}

// settle waits until a clock has told that nothing is under way.
func settle(t testing.TB, s *Store) {
	t.Helper()
	for range 500 {
		s.clock.mu.Lock()
		told := s.clock.told
		s.clock.mu.Unlock()
		if told == 0 {
			return
		}
		time.Sleep(quiet / 4)
	}
	t.Fatal("the clock does not say that nothing is under way")
}

// No version comes to be below a horizon that was told before, however long writers stand still between their steps.
func TestNothingComesToBeBelowTheHorizon(t *testing.T) {
	const writers, rounds = 10, 12
	dir := t.TempDir()
	slow := func(c *Config) {
		c.step = func(step) { time.Sleep(time.Duration(rand.ExpFloat64() * float64(3*time.Millisecond))) }
	}
	stores := []*Store{openTest(t, dir, slow), openTest(t, dir, slow)}
	var open atomic.Int64
	open.Store(writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			defer open.Add(-1)
			s := stores[w%2]
			for i := range rounds {
				key := patientKey(string(rune('a'+w%3)) + string(rune('a'+i%6))) // some writers are at one resource
				if _, err := commitOne(t.Context(), s, put(key, "", "")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	type sight struct {
		before   fhir.Instant
		versions []fhir.Instant
	}
	below := func(s *Store, before fhir.Instant) (all []fhir.Instant) {
		for _, docs := range []string{"Patient", "Patient" + pastSuffix} {
			cursor, err := s.db.Collection(docs).Find(t.Context(), bson.D{{Key: fieldInstant, Value: bson.D{{Key: "$lt", Value: int64(before)}}}}, nil)
			if err != nil {
				t.Error(err)
				return nil
			}
			var found []document
			if err := cursor.All(t.Context(), &found); err != nil {
				t.Error(err)
			}
			for _, d := range found {
				all = append(all, d.Instant)
			}
		}
		slices.Sort(all)
		return slices.Compact(all) // the archived copy of a current version is no second one
	}
	var mu sync.Mutex
	var sights []sight
	for _, s := range stores {
		all.Go(func() {
			for open.Load() > 0 {
				before, _, err := s.clock.horizon(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				seen := sight{before, below(s, before)}
				mu.Lock()
				sights = append(sights, seen)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	moved := 0
	for _, seen := range sights {
		if got := below(stores[0], seen.before); !slices.Equal(got, seen.versions) {
			t.Fatalf("below the horizon %v there were %d versions, and now there are %d", seen.before, len(seen.versions), len(got))
		}
		if len(seen.versions) > 0 {
			moved++
		}
	}
	if moved < 3 {
		t.Errorf("only %d of %d horizons had anything below them", moved, len(sights))
	}
}

// The entry of a process that died holds the others up no longer than any of its writes could be sent, and is taken away.
func TestHorizonPassesOverTheDead(t *testing.T) {
	dir := t.TempDir()
	short := func(c *Config) { c.Patience = 600 * time.Millisecond }
	dead, living := openTest(t, dir, short), openTest(t, dir, short)
	lost, err := dead.clock.take(t.Context(), "Patient")
	if err != nil {
		t.Fatal(err)
	}
	mine, err := living.clock.take(t.Context(), "Patient")
	if err != nil {
		t.Fatal(err)
	}
	living.clock.done(mine)
	began := time.Now()
	for horizonOf(t, living) <= mine.first {
		if time.Since(began) > 10*living.config.Patience {
			t.Fatal("the horizon stays before an instant of a process that died")
		}
	}
	if took := time.Since(began); took < living.config.Patience || time.Now().Before(lost.until) {
		t.Errorf("the dead was passed over after %v", took)
	}
	living.clock.work.Wait()
	if h := horizonOf(t, openTest(t, dir, short)); h <= mine.first {
		t.Errorf("a store that was opened later tells of the horizon %v: the entry is still there", h)
	}
}

// An update of the clock that is carried out long after it was sent, and behind others, hides nothing that is under way.
func TestLateUpdateOfTheClock(t *testing.T) {
	dir := t.TempDir()
	s, other := openTest(t, dir, nil), openTest(t, dir, nil)
	take := func() *stamp {
		t.Helper()
		got, err := s.clock.take(t.Context(), "Patient")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	late := func() bson.A {
		s.clock.mu.Lock()
		defer s.clock.mu.Unlock()
		update, _ := s.clock.request([]*stamp{{types: []string{"Patient"}}})
		return update
	}
	inTime := time.Now().Add(time.Minute)
	arrive := func(update bson.A) {
		t.Helper()
		if _, err := s.clock.give(update, inTime); err != nil {
			t.Fatal(err)
		}
	}
	idle := late() // sent when nothing is under way
	held := take()
	arrive(idle)
	if h := horizonOf(t, other); h > held.first {
		t.Fatalf("the horizon is %v while %v is under way", h, held.first)
	}
	newer := take() // whose call does not raise what the late one left
	s.clock.done(held)
	busy := late() // sent when newer is the oldest
	s.clock.done(newer)
	held = take()
	arrive(busy)
	if h := horizonOf(t, other); h > held.first {
		t.Fatalf("the horizon is %v while %v is under way", h, held.first)
	}
	s.clock.done(held)
	last := take()
	last, before := take(), last
	s.clock.done(before)
	for range 2 { // one to learn what the document has, one to raise it
		s.clock.done(take())
	}
	if h := horizonOf(t, other); h <= before.first || h > last.first {
		t.Errorf("the horizon is %v, want it behind %v and not behind %v", h, before.first, last.first)
	}
	s.clock.done(last)
}

// Closing a store says that it has nothing under way.
func TestCloseLeavesNoEntry(t *testing.T) {
	dir := t.TempDir()
	s, other := openTest(t, dir, nil), openTest(t, dir, nil)
	r, err := commitOne(t.Context(), s, put(patientKey("1"), "", ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if h := horizonOf(t, other); h <= r.Version.Instant {
		t.Errorf("the horizon is %v, and does not show the version of %v", h, r.Version.Instant)
	}
}

// Of two processes that make the clock's document at once one is refused, and is given its instant all the same.
func TestClockBegins(t *testing.T) {
	p := newProxy(t)
	c := Config{URI: p.through(testURI(t, t.TempDir()))}
	dropAfter(t, c)
	s := openAgain(t, c)
	refused := false
	p.on(func(c command) reaction {
		if refused || c.collection != clockCollection {
			return reaction{}
		}
		refused = true
		return reaction{answer: refusal(11000)}
	})
	got, err := s.clock.take(t.Context(), "Patient")
	if err != nil || !refused {
		t.Fatalf("error %v, refused: %t", err, refused)
	}
	s.clock.done(got)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// What others wrote into the clock's document is passed over.
func TestStrangeClock(t *testing.T) {
	doc, err := bson.Marshal(bson.D{
		{Key: clockLast, Value: int64(7)},
		{Key: clockTypes, Value: bson.D{{Key: "Patient", Value: int64(7)}, {Key: "Slot", Value: "noon"}}},
		{Key: clockUnder, Value: bson.D{{Key: "a", Value: 1}, {Key: "b", Value: bson.D{{Key: clockLow, Value: "x"}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := readFace(doc)
	if err != nil || f.last != 7 || len(f.types) != 1 || len(f.under) != 1 {
		t.Errorf("%+v (%v)", f, err)
	}
}

// A write of which nobody knows whether it will be carried out counts as under way, and keeps its claim, for as long as one whose process died.
func TestDoubtStands(t *testing.T) {
	p := newProxy(t)
	dir := t.TempDir()
	direct := openTest(t, dir, func(c *Config) { c.Patience = time.Second })
	c := direct.config
	c.URI = p.through(c.URI)
	s := openAgain(t, c)
	p.on(func(c command) reaction { return reaction{hang: c.name == "insert" && c.collection == "Patient"} })
	_, err := commitOne(t.Context(), s, under(unmatched("x"), put(patientKey("1"), "", "x")))
	if !errors.Is(err, fhir.Unavailable) || !errors.Is(err, errDoubt) {
		t.Fatalf("error %v, want one of doubt", err)
	}
	p.heal()
	shown, err := direct.clock.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := commitOne(t.Context(), s, put(patientKey("2"), "", "")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * quiet) // in which a clock without anything under way says so
	for _, store := range []*Store{s, direct} {
		if h := horizonOf(t, store); h > shown.last {
			t.Errorf("the horizon is %v, behind the write of %v that is in doubt", h, shown.last)
		}
	}
	began := time.Now()
	if _, err := commitOne(t.Context(), direct, under(unmatched("x"), put(patientKey("3"), "", "x"))); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < c.Patience {
		t.Errorf("another process had the claim of the write in doubt after %v", took)
	}
	for horizonOf(t, direct) <= shown.last {
		if time.Since(began) > 10*c.Patience {
			t.Fatal("the horizon stays before the write that was in doubt")
		}
	}
}
