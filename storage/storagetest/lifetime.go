package storagetest

import (
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// reopening holds that a store that is closed and opened again has everything, and goes on where it was.
func reopening(x *house) {
	a, b := patient("a"), patient("b")
	x.commit(home, put(a, "1", "tag"))
	x.commit(home, put(b, "1"))
	x.commit(home, put(a, "2", "tag"), remove(b))
	record, err := x.Records().Swap(x.ctx, "r", 0, []byte("value"), 0)
	x.check(err)
	feed, current := x.feed(), must(x.Read(x.ctx, home, a))

	x.reopen(-time.Hour)
	x.check(x.Ready(x.ctx))
	x.equal(x.feed(), feed)
	x.equal(must(x.Read(x.ctx, home, a)), current)
	x.equal(must(x.Records().Get(x.ctx, "r")), record)
	x.equal(x.found(home, tagged("tag")), []string{"a"})
	x.equal(x.found(home, search.Query{Type: "Patient"}), []string{"a"})

	results := x.commit(home, put(a, "3", "tag"), put(b, "3"))
	if v := results[0].Version; v.Number != 3 || v.Instant <= current.Instant || results[1].Version.Number != 3 {
		x.Errorf("after reopening: %+v", results)
	}
	again, err := x.Records().Swap(x.ctx, "r", record.Revision, []byte("next"), 0)
	x.check(err)
	if again.Revision <= record.Revision {
		x.Errorf("revision %d follows %d", again.Revision, record.Revision)
	}
}

func (x *house) reopen(shift time.Duration) {
	x.Helper()
	x.check(x.Store.Close())
	x.clock.move(shift)
	x.Store = x.h.Open(x.T, x.dir, x.clock.now)
}

// must is for values that the next comparison would show to be missing.
func must[T any](value T, _ error) T { return value }

// closing holds that a closed store is Unavailable, and that closing waits for what is under way.
func closing(x *house) {
	const writers = 16
	committed := make([]bool, writers)
	together(writers+1, func(i int) {
		if i == writers {
			if err := x.Store.Close(); err != nil {
				x.Error(err)
			}
			return
		}
		_, err := x.Commit(x.ctx, home, []storage.Op{put(patient(name("%d", i)), "", "tag")})
		if committed[i] = err == nil; err != nil {
			x.want(err, fhir.Unavailable)
		}
	})
	for method, err := range x.everyMethod(x.ctx) {
		if err == nil {
			x.Errorf("%s works on a closed store", method)
			continue
		}
		x.want(err, fhir.Unavailable)
	}
	x.check(x.Store.Close())
	x.Store = x.h.Open(x.T, x.dir, x.clock.now)
	for i, done := range committed {
		if _, err := x.Read(x.ctx, home, patient(name("%d", i))); (err == nil) != done {
			x.Errorf("writer %d was told %t, but reading gives %v", i, done, err)
		}
	}
}
