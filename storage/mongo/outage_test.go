package mongo

import (
	"context"
	crypto "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// slack is how much later than promised a call may return on a busy machine.
const slack = 2 * time.Second

// An outage of every kind: no call outlives its deadline, or the patience of the few calls of the database that it makes; each says that the store is out of reach; the
// store says that it is not ready; and all is well soon after, in the same store.
func TestOutage(t *testing.T) {
	for name, begin := range map[string]func(*proxy){"refused": (*proxy).refuse, "hung": (*proxy).hang, "cut": func(p *proxy) {
		p.on(func(command) reaction { return reaction{cut: withinAnswer} })
	}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t)
			c := Config{URI: p.through(testURI(t, t.TempDir())), Patience: time.Second}
			dropAfter(t, c)
			s := openAgain(t, c)
			if _, err := commitOne(t.Context(), s, put(patientKey("1"), "before", "")); err != nil {
				t.Fatal(err)
			}
			begin(p)
			var all sync.WaitGroup
			for what, call := range callsOf(s) {
				all.Go(func() {
					for _, given := range []time.Duration{400 * time.Millisecond, time.Hour} {
						outOfReach(t, what, given, c.Patience, call)
					}
				})
			}
			all.Wait()
			p.heal()
			for what, call := range callsOf(s) {
				succeedSoon(t, what, call)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The first write to a type does not wait longer than others when the server hangs while it makes the indexes.
func TestHungIndexes(t *testing.T) {
	p := newProxy(t)
	c := Config{URI: p.through(testURI(t, t.TempDir())), Patience: time.Second}
	dropAfter(t, c)
	s := openAgain(t, c)
	p.on(func(c command) reaction { return reaction{hang: c.name == "createIndexes"} })
	write := func(ctx context.Context) error {
		_, err := commitOne(ctx, s, put(patientKey("1"), "x", ""))
		return err
	}
	outOfReach(t, "first write", time.Hour, c.Patience, write)
	p.heal()
	succeedSoon(t, "first write", write)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// callsOf are the calls of a store that ask the database.
func callsOf(s *Store) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"ready":        s.Ready,
		"read":         func(ctx context.Context) error { _, err := s.Read(ctx, home, patientKey("1")); return err },
		"read version": func(ctx context.Context) error { _, err := s.ReadVersion(ctx, home, patientKey("1"), 1); return err },
		"create": func(ctx context.Context) error {
			_, err := commitOne(ctx, s, put(patientKey(crypto.Text()), "x", ""))
			return err
		},
		"update": func(ctx context.Context) error {
			_, err := commitOne(ctx, s, put(patientKey("1"), "x", ""))
			return err
		},
		"delete": func(ctx context.Context) error {
			_, err := commitOne(ctx, s, storage.Op{Key: patientKey("1")})
			return err
		},
		"first write": func(ctx context.Context) error {
			_, err := commitOne(ctx, s, put(fhir.Key{Type: "Task", ID: crypto.Text()}, "x", ""))
			return err
		},
		"swap": func(ctx context.Context) error {
			_, err := s.Records().Swap(ctx, crypto.Text(), 0, []byte("x"), 0)
			return err
		},
		"scan": func(ctx context.Context) error { _, err := s.Records().Scan(ctx, "", "", 10); return err },
		"history": func(ctx context.Context) error {
			_, err := s.History(ctx, home, storage.HistoryQuery{Limit: 10})
			return err
		},
		"events": func(ctx context.Context) error { _, err := s.Events(ctx, 0, 10); return err },
		"search": func(ctx context.Context) error {
			_, err := s.Search(ctx, home, search.Query{Type: "Patient"}, storage.PageRequest{Limit: 10, CountUpTo: 10})
			return err
		},
		"conditional create": func(ctx context.Context) error {
			tag := crypto.Text()
			_, err := commitOne(ctx, s, under(unmatched(tag), put(patientKey(tag), "x", tag)))
			return err
		},
		"reindex": func(ctx context.Context) error {
			return s.Reindex(ctx, func(fhir.Partition, fhir.Version) (search.Entries, error) { return search.Entries{}, nil }, func(int64, int64) {})
		},
		"check": func(ctx context.Context) error {
			_, err := s.Check(ctx, nil, func(storage.Fault) {})
			return err
		},
		"types": func(ctx context.Context) error {
			return s.call(ctx, func(ctx context.Context) error { _, err := s.types(ctx); return err })
		},
	}
}

// outOfReach demands of a call that it fails as it should, in time.
func outOfReach(t *testing.T, what string, given, patience time.Duration, call func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), given)
	defer cancel()
	before := time.Now()
	err := call(ctx)
	took := time.Since(before)
	if !errors.Is(err, fhir.Unavailable) || given < patience && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		t.Errorf("%s: %v", what, err)
	}
	if bound := min(given, 3*patience) + slack; took > bound {
		t.Errorf("%s took %v, at most %v were given", what, took, bound)
	}
}

// succeedSoon demands of a call that it succeeds within a few tries.
func succeedSoon(t *testing.T, what string, call func(ctx context.Context) error) {
	t.Helper()
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if err = call(t.Context()); err == nil {
			return
		}
		if !errors.Is(err, fhir.Unavailable) {
			break
		}
	}
	t.Errorf("%s, after the outage: %v", what, err)
}

// The connection is cut at each command of each kind of write, before the server has it and behind: the write is answered with what became of it, or it is told that nobody
// knows; either way the old or the new version is there, whole, and the next write goes on from there.
func TestLostAnswers(t *testing.T) {
	for what, write := range map[string]func(key fhir.Key, note string) storage.Op{
		"create": func(key fhir.Key, note string) storage.Op {
			return under(storage.Condition{Absent: true}, put(key, note, ""))
		},
		"conditional": func(key fhir.Key, note string) storage.Op { return under(unmatched(key.ID), put(key, note, key.ID)) },
		"update":      func(key fhir.Key, note string) storage.Op { return put(key, note, "") },
		"delete":      func(key fhir.Key, note string) storage.Op { return storage.Op{Key: key} },
	} {
		for _, at := range []cut{beforeServer, beforeAnswer} {
			t.Run(what+" "+string(at), func(t *testing.T) {
				t.Parallel()
				p := newProxy(t)
				c := Config{URI: p.through(testURI(t, t.TempDir())), Patience: 4 * time.Second}
				dropAfter(t, c)
				s := openAgain(t, c)
				if _, err := commitOne(t.Context(), s, put(patientKey("0"), "prepares", "")); err != nil {
					t.Fatal(err)
				}
				wasCut := true
				for n := 1; wasCut && n < 20; n++ {
					wasCut = cutDuring(t, p, s, n, at, patientKey(fmt.Sprint(n)), write, what == "update" || what == "delete")
				}
				if wasCut {
					t.Error("a write has no end")
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// cutDuring writes to a resource, which is there or is not, and cuts the connection at the nth command of that. It says whether the write had as many.
func cutDuring(t *testing.T, p *proxy, s *Store, n int, at cut, key fhir.Key, write func(fhir.Key, string) storage.Op, exists bool) bool {
	t.Helper()
	var told chronicle
	if exists {
		told.commit(t, s, put(key, "one", ""), "one")
	}
	var count atomic.Int64
	p.on(func(command) (r reaction) {
		if count.Add(1) == int64(n) {
			r.cut = at
		}
		return r
	})
	op := write(key, "two")
	text := "two"
	if op.Resource.IsZero() {
		text = ""
	}
	told.commit(t, s, op, text)
	p.on(nil)
	told.commit(t, s, put(key, "three", ""), "three")
	if last := len(told.acknowledged) - 1; last < 0 || told.acknowledged[last].note != "three" {
		t.Errorf("command %d: the write behind the cut failed", n)
	}
	told.check(t, s)
	return count.Load() >= int64(n)
}

// chronicle is what writers were told of their writes.
type chronicle struct {
	mu           sync.Mutex
	acknowledged []acknowledgement
	failed       int
	news         chan struct{} // of one place: something came since the last look; nil: nobody looks
}

// acknowledgement is a version that a store said to be there. A deletion has no note.
type acknowledgement struct {
	key    fhir.Key
	number int64
	note   string
}

// commit carries out an operation. It may succeed, or fail because the store is out of reach.
func (c *chronicle) commit(t *testing.T, s *Store, op storage.Op, note string) {
	t.Helper()
	const given = 2 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), given)
	defer cancel()
	before := time.Now()
	r, err := commitOne(ctx, s, op)
	if took := time.Since(before); took > given+s.config.Patience+slack { // what has begun is brought to its end
		t.Errorf("a write took %v", took)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.acknowledged = append(c.acknowledged, acknowledgement{op.Key, r.Version.Number, note})
	case errors.Is(err, fhir.Unavailable):
		c.failed++
	default:
		t.Errorf("%s: %v", op.Key, err)
	}
	select {
	case c.news <- struct{}{}:
	default:
	}
}

func (c *chronicle) counts() (acknowledged, failed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.acknowledged), c.failed
}

// check demands that every acknowledged version is there, that the versions of each resource have no gap, and that nothing was written twice.
func (c *chronicle) check(t *testing.T, s *Store) {
	t.Helper()
	notes := map[fhir.Key][]string{}
	for _, a := range c.acknowledged {
		if notes[a.key] == nil {
			notes[a.key] = notesOf(t, s, a.key)
		}
		if n := int(a.number); n > len(notes[a.key]) || notes[a.key][n-1] != a.note {
			t.Errorf("%s: version %d should be %q; there are %q", a.key, n, a.note, notes[a.key])
		}
	}
	for key, all := range notes {
		all = slices.DeleteFunc(slices.Clone(all), func(note string) bool { return note == "" })
		slices.Sort(all)
		if len(slices.Compact(slices.Clone(all))) != len(all) {
			t.Errorf("%s: a write was done twice: %q", key, all)
		}
	}
}

// notesOf are the notes of all versions of a resource.
func notesOf(t *testing.T, s *Store, key fhir.Key) (notes []string) {
	t.Helper()
	now, err := s.Read(t.Context(), home, key)
	if err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n <= now.Number; n++ {
		v, err := s.ReadVersion(t.Context(), home, key, n)
		if err != nil || v.Number != n {
			t.Errorf("%s, version %d of %d: %d, %v", key, n, now.Number, v.Number, err)
		}
		var body struct{ Note string }
		if v.Body != nil {
			if err := json.Unmarshal(v.Body, &body); err != nil {
				t.Error(err)
			}
		}
		notes = append(notes, body.Note)
	}
	if _, err := s.ReadVersion(t.Context(), home, key, now.Number+1); !errors.Is(err, fhir.NotFound) {
		t.Errorf("%s: there is a version behind the current one, %d: %v", key, now.Number, err)
	}
	return notes
}

// underLoad lets writers change a few resources again and again while something is done to the database.
func underLoad(t *testing.T, s *Store, do func(c *chronicle)) {
	t.Helper()
	const writers, keys = 6, 3
	c := chronicle{news: make(chan struct{}, 1)}
	var all sync.WaitGroup
	var over atomic.Bool
	for w := range writers {
		all.Go(func() {
			for i := 0; !over.Load(); i++ {
				note := fmt.Sprintf("%d by %d", i, w)
				c.commit(t, s, put(patientKey(fmt.Sprint((w+i)%keys)), note, ""), note)
			}
		})
	}
	func() {
		defer all.Wait()
		defer over.Store(true) // also when do gives up
		do(&c)
	}()
	c.check(t, s)
	acknowledged, failed := c.counts()
	t.Logf("%d writes acknowledged, %d failed", acknowledged, failed)
}

// await waits until something holds that depends on writes, for a minute at most.
func (c *chronicle) await(t *testing.T, what string, holds func(acknowledged, failed int) bool) {
	t.Helper()
	end := time.NewTimer(time.Minute)
	defer end.Stop()
	for !holds(c.counts()) {
		select {
		case <-c.news:
		case <-end.C:
			t.Fatalf("waiting for %s in vain", what)
		}
	}
}

// more waits for this many more acknowledged writes.
func (c *chronicle) more(t *testing.T, n int) {
	t.Helper()
	before, _ := c.counts()
	c.await(t, "writes", func(now, _ int) bool { return now >= before+n })
}

// Connections are cut at random places while many write: what was acknowledged is there, nothing is there twice.
func TestCutsUnderLoad(t *testing.T) {
	p := newProxy(t)
	c := Config{URI: p.through(testURI(t, t.TempDir())), Patience: 4 * time.Second}
	dropAfter(t, c)
	s := openAgain(t, c)
	chance := rand.New(rand.NewPCG(5, 1))
	var cuts atomic.Int64
	underLoad(t, s, func(c *chronicle) {
		p.on(func(command) (r reaction) {
			if chance.IntN(60) == 0 {
				cuts.Add(1)
				r.cut = []cut{beforeServer, beforeAnswer, withinAnswer}[chance.IntN(3)]
			}
			return r
		})
		c.await(t, "cuts", func(int, int) bool { return cuts.Load() > 5 })
		p.on(nil)
		c.more(t, 20)
	})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// The variables name shell commands that stop the server of uriVariable and start it again, with what it held.
const (
	stopVariable  = "PORTICO_TEST_MONGO_STOP"
	startVariable = "PORTICO_TEST_MONGO_START"
)

// The server is stopped and started while many write: nobody waits longer than he was given, what was acknowledged is there, nothing is there twice, and the store goes on.
func TestServerRestarts(t *testing.T) {
	stop, start := os.Getenv(stopVariable), os.Getenv(startVariable)
	if stop == "" || start == "" {
		t.Skipf("%s and %s name no commands that stop and start the server", stopVariable, startVariable)
	}
	s := openTest(t, t.TempDir(), func(c *Config) { c.Patience = 4 * time.Second })
	underLoad(t, s, func(c *chronicle) {
		for range 2 {
			c.more(t, 50)
			shell(t, stop)
			_, before := c.counts()
			c.await(t, "failures", func(_, now int) bool { return now > before+12 })
			if err := s.Ready(t.Context()); !errors.Is(err, fhir.Unavailable) {
				t.Errorf("ready without a server: %v", err)
			}
			shell(t, start)
			c.more(t, 50)
			succeedSoon(t, "ready", s.Ready)
		}
	})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func shell(t *testing.T, command string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}
