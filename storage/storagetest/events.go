package storagetest

import (
	"sync"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// events holds that every change has exactly one event, in the order of commits, and nothing else has one.
func events(x *house) {
	x.equal(len(x.feed()), 0)
	a, b := patient("a"), fhir.Key{Type: "Slot", ID: "b"}
	var want []storage.Event
	step := func(p fhir.Partition, ops ...storage.Op) {
		for _, r := range x.commit(p, ops...) {
			if v := r.Version; r.Changed {
				want = append(want, storage.Event{Partition: p, Key: v.Key, Number: v.Number, Instant: v.Instant, Method: v.Method})
			}
		}
	}
	step(home, put(a, "1", "tag"))
	step("other/test", put(a, "1"), put(b, "1"))
	step(home, remove(b))
	step(home, storage.Op{Key: a, Condition: storage.Condition{Version: 1}, Guard: true})
	step(home, put(a, "2"), remove(b), under(storage.Condition{Absent: true}, put(patient("c"), "")))
	step(home, remove(a))
	step(home, remove(a))
	x.equal(len(want), 6)

	got := x.feed()
	last := int64(0)
	for i := range got {
		if got[i].Sequence <= last {
			x.Errorf("sequence %d follows %d", got[i].Sequence, last)
		}
		last, got[i].Sequence = got[i].Sequence, 0
	}
	x.equal(got, want)
	rest, err := x.Events(x.ctx, last, 10)
	x.check(err)
	x.equal(len(rest), 0)
}

// instants holds that instants and events strictly increase whatever the clock does, also under concurrent writers, that a reader
// of the feed misses nothing, and that a commit lies between its call and its return.
func instants(x *house) {
	const writers, rounds = 8, 20
	var mu sync.Mutex
	var written []fhir.Version
	together(writers, func(w int) {
		for i := range rounds {
			x.clock.move([]time.Duration{time.Microsecond, -time.Hour, 0, time.Minute}[(w+i)%4])
			ops := make([]storage.Op, 1+i%3)
			for n := range ops {
				ops[n] = put(patient(name("%d-%d", w, n)), "")
			}
			results, err := x.apply(home, ops...)
			if err != nil {
				x.Error(err)
				return
			}
			mu.Lock()
			for _, r := range results {
				written = append(written, r.Version)
			}
			mu.Unlock()
		}
	})
	feed := x.feed()
	x.equal(len(feed), len(written))
	numbers := make(map[fhir.Key]int64)
	for i, e := range feed {
		if i > 0 && (e.Instant <= feed[i-1].Instant || e.Sequence <= feed[i-1].Sequence) {
			x.Errorf("event %d does not come after %d: %v, %v", i, i-1, e, feed[i-1])
		}
		if e.Number != numbers[e.Key]+1 {
			x.Errorf("%s: version %d follows %d", e.Key, e.Number, numbers[e.Key])
		}
		numbers[e.Key] = e.Number
	}
	for _, v := range written {
		if again, err := x.ReadVersion(x.ctx, home, v.Key, v.Number); err != nil || again.Instant != v.Instant {
			x.Errorf("%s version %d: instant %v, want %v (%v)", v.Key, v.Number, again.Instant, v.Instant, err)
		}
	}

	x.clock.move(1_000 * time.Hour)
	v := x.commit(home, put(patient("later"), ""))[0].Version
	x.equal(v.Instant, fhir.InstantOf(x.clock.now()))
}
