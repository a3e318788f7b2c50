package storagetest

import (
	"sync"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// under puts a condition on an operation.
func under(c storage.Condition, op storage.Op) storage.Op {
	op.Condition = c
	return op
}

// conditions holds each condition in each state of the resource that it is asked of.
func conditions(x *house) {
	never, alive, dead := patient("never"), patient("alive"), patient("dead")
	x.commit(home, put(alive, "1", "one"), put(dead, "1", "gone"))
	x.commit(home, put(alive, "2", "one"), remove(dead))
	x.commit(home, put(patient("t1"), "", "twin"), put(patient("t2"), "", "twin"))
	version := func(n int64) storage.Condition { return storage.Condition{Version: n} }
	next := func(n int64) storage.Condition { return storage.Condition{Next: n} }
	absent := storage.Condition{Absent: true}
	first := storage.Condition{Absent: true, Next: 1}
	for _, c := range []struct {
		op   storage.Op
		kind fhir.Kind
	}{
		{under(version(1), put(never, "")), fhir.PreconditionFailed},
		{under(version(1), remove(never)), fhir.PreconditionFailed},
		{under(version(1), put(alive, "")), fhir.PreconditionFailed},
		{under(version(3), put(alive, "")), fhir.PreconditionFailed},
		{under(version(1), remove(alive)), fhir.PreconditionFailed},
		{under(version(2), put(dead, "")), fhir.PreconditionFailed},
		{under(version(2), remove(dead)), fhir.PreconditionFailed},
		{under(absent, put(alive, "")), fhir.Conflict},
		{under(next(2), put(never, "")), fhir.PreconditionFailed},
		{under(next(2), put(alive, "")), fhir.PreconditionFailed},
		{under(next(4), put(alive, "")), fhir.PreconditionFailed},
		{under(next(2), remove(alive)), fhir.PreconditionFailed},
		{under(first, put(dead, "")), fhir.PreconditionFailed},
		{under(first, put(alive, "")), fhir.PreconditionFailed},
		{under(next(2), remove(dead)), fhir.PreconditionFailed},
		{under(unmatched("one"), put(never, "")), fhir.Conflict},
		{under(unmatched("twin"), put(never, "")), fhir.Conflict},
	} {
		_, err := x.Commit(x.ctx, home, []storage.Op{c.op})
		x.wantOp(err, 0, c.kind)
	}
	x.equal(len(x.feed()), 6)

	_, err := x.Read(x.ctx, home, never)
	x.want(err, fhir.NotFound)

	for i, c := range []struct {
		op     storage.Op
		method fhir.Method
		number int64
	}{
		{under(version(2), put(alive, "3", "one")), fhir.Updated, 3},
		{under(version(3), remove(alive)), fhir.Deleted, 4},
		{under(absent, put(alive, "5")), fhir.Created, 5},
		{under(next(6), put(alive, "6")), fhir.Updated, 6},
		{under(first, put(never, "1")), fhir.Created, 1},
		{under(unmatched("one"), put(patient("new"), "1", "one")), fhir.Created, 1}, // its only match was deleted
		{storage.Op{Key: dead, Resource: note(dead, ""), Condition: absent, Method: fhir.Updated}, fhir.Updated, 3},
	} {
		got := x.commit(home, c.op)[0]
		if !got.Changed || got.Version.Method != c.method || got.Version.Number != c.number {
			x.Errorf("case %d: %+v", i, got)
		}
	}
}

// unmatched is the condition that no Patient has a tag.
func unmatched(tag string) storage.Condition {
	q := tagged(tag)
	return storage.Condition{NoMatch: &q}
}

// races holds that of concurrent writers exactly one finds a condition true.
func races(x *house) {
	const writers = 64
	var mu sync.Mutex
	var won []fhir.Version
	lost := 0
	tally := func(results []storage.Result, err error, refusal ...fhir.Kind) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil && len(refusal) == 0:
			x.Error(err)
		case err != nil:
			x.want(err, refusal[0])
			lost++
		case !results[0].Changed:
			x.Errorf("nothing was written: %+v", results[0])
		default:
			won = append(won, results[0].Version)
		}
	}
	one := func(what string) {
		x.Helper()
		if len(won) != 1 || lost != writers-1 {
			x.Errorf("%s: %d of %d writers won", what, len(won), writers)
		}
		won, lost = nil, 0
	}

	together(writers, func(i int) {
		results, err := x.Commit(x.ctx, home, []storage.Op{under(unmatched("same"), put(patient(name("n%d", i)), "", "same"))})
		tally(results, err, fhir.Conflict)
	})
	one("NoMatch")
	x.equal(len(x.found(home, search.Query{Type: "Patient"})), 1)

	key := patient("shared")
	together(writers, func(i int) {
		results, err := x.Commit(x.ctx, home, []storage.Op{under(storage.Condition{Absent: true}, put(key, name("%d", i)))})
		tally(results, err, fhir.Conflict)
	})
	one("Absent")

	for number := int64(1); number <= 5; number++ {
		together(writers, func(i int) {
			results, err := x.Commit(x.ctx, home, []storage.Op{under(storage.Condition{Version: number}, put(key, name("%d", i)))})
			tally(results, err, fhir.PreconditionFailed)
		})
		one(name("Version %d", number))
	}
	together(writers, func(i int) {
		results, err := x.Commit(x.ctx, home, []storage.Op{put(key, name("%d", i))})
		tally(results, err)
	})
	seen := make(map[int64]bool)
	for _, v := range won {
		seen[v.Number] = true
	}
	if len(seen) != writers || !seen[7] || !seen[6+writers] {
		x.Errorf("the numbers of unconditional updates have gaps or repeats: %v", seen)
	}
}
