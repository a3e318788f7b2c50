package storagetest

import (
	"sync"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// processes holds that several processes have one store together: of their concurrent writers one finds a condition true, instants and numbers are
// one sequence, and whoever follows the events, wherever, misses nothing.
func processes(x *house) {
	other := x.h.Open(x.T, x.dir, x.clock.now)
	stores := []storage.Store{x.Store, other}

	const writers = 32
	key := patient("shared")
	for what, op := range map[string]func(i int) storage.Op{
		"NoMatch": func(i int) storage.Op { return under(unmatched("same"), put(patient(name("n%d", i)), "", "same")) },
		"Absent":  func(i int) storage.Op { return under(storage.Condition{Absent: true}, put(key, name("%d", i))) },
	} {
		var won sync.Map
		together(writers, func(i int) {
			if _, err := stores[i%2].Commit(x.ctx, home, []storage.Op{op(i)}); err == nil {
				won.Store(i, true)
			} else {
				x.want(err, fhir.Conflict)
			}
		})
		if n := size(&won); n != 1 {
			x.Errorf("%s: %d of %d writers won", what, n, writers)
		}
	}

	rounds := max(4, x.fewer(10))
	total := 2 + 6*3*rounds
	var all sync.WaitGroup
	followed := make([][]storage.Event, len(stores))
	for i, s := range stores {
		all.Go(func() {
			x.soon("all events", func() bool {
				after := int64(0)
				if n := len(followed[i]); n > 0 {
					after = followed[i][n-1].Sequence
				}
				followed[i] = append(followed[i], must(s.Events(x.ctx, after, 5))...)
				return len(followed[i]) >= total
			})
		})
	}
	together(6, func(w int) {
		s := stores[w%2]
		for i := range rounds {
			for _, op := range []storage.Op{put(key, name("%d %d", w, i)), put(fhir.Key{Type: "Slot", ID: name("%d", w)}, ""), put(patient(name("%d-%d", w, i)), "", "many")} {
				if _, err := s.Commit(x.ctx, home, []storage.Op{op}); err != nil {
					x.Error(err)
				}
			}
		}
	})
	all.Wait()

	feed := x.feed()
	x.equal(len(feed), total)
	numbers := make(map[fhir.Key]int64)
	for i, e := range feed {
		if numbers[e.Key]++; numbers[e.Key] != e.Number || i > 0 && e.Instant <= feed[i-1].Instant {
			x.Errorf("event %d is version %d of %s at %v, version %d should follow", i, e.Number, e.Key, e.Instant, numbers[e.Key])
		}
	}
	for _, seen := range followed {
		x.equal(seen, feed)
	}
	q := storage.HistoryQuery{Limit: 10_000, CountUpTo: -1}
	x.equal(must(other.History(x.ctx, home, q)), must(x.History(x.ctx, home, q)))
	x.equal(must(other.Search(x.ctx, home, tagged("many"), storage.PageRequest{Limit: 10_000})), must(x.Search(x.ctx, home, tagged("many"), storage.PageRequest{Limit: 10_000})))
	x.equal(len(x.found(home, search.Query{Type: "Slot"})), 6)

	// What the one writes, the other reads a moment later, though it has read something else before.
	for i := range 4 {
		v := must(stores[i%2].Commit(x.ctx, home, []storage.Op{put(key, name("last %d", i))}))[0].Version
		x.soon("what another process wrote", func() bool { return must(stores[1-i%2].Read(x.ctx, home, key)).Number == v.Number })
	}
	x.check(other.Close())
}

func size(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

// soon waits until something is so: what another process does takes its time.
func (x *house) soon(what string, so func() bool) {
	const patience = 20 * time.Second
	for began := time.Now(); !so(); {
		if time.Since(began) > patience {
			x.Errorf("after %v there is no sight of %s", patience, what)
			return
		}
	}
}
