package storagetest

import (
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// guard is the operation that holds a condition and writes nothing.
func guard(key fhir.Key, c storage.Condition) storage.Op {
	return storage.Op{Key: key, Condition: c, Guard: true}
}

// guards holds that a guard decides as the same condition on a write would, refuses its whole commit, and writes nothing.
func guards(x *house) {
	never, alive, dead, other := patient("never"), patient("alive"), patient("dead"), patient("other")
	x.commit(home, put(alive, "1", "one"), put(dead, "1", "gone"))
	x.commit(home, put(alive, "2", "one"), remove(dead))
	version := func(n int64) storage.Condition { return storage.Condition{Version: n} }
	absent, nobody := storage.Condition{Absent: true}, fhir.Key{}
	feed, whole := x.feed(), x.everything()

	for _, c := range []struct {
		ops   []storage.Op
		index int
		kind  fhir.Kind
	}{
		{[]storage.Op{guard(never, version(1))}, 0, fhir.PreconditionFailed},
		{[]storage.Op{guard(dead, version(2))}, 0, fhir.PreconditionFailed},
		{[]storage.Op{guard(alive, version(1))}, 0, fhir.PreconditionFailed},
		{[]storage.Op{guard(alive, version(3))}, 0, fhir.PreconditionFailed},
		{[]storage.Op{guard(alive, absent)}, 0, fhir.Conflict},
		{[]storage.Op{guard(nobody, unmatched("one"))}, 0, fhir.Conflict},
		{[]storage.Op{guard(never, unmatched("one"))}, 0, fhir.Conflict},
		{[]storage.Op{guard(alive, unmatched("one"))}, 0, fhir.Conflict}, // its own match is a match

		// One that fails refuses what stands before it and behind it.
		{[]storage.Op{put(other, "1", "new"), remove(alive), guard(dead, version(2)), put(never, "1")}, 2, fhir.PreconditionFailed},
		{[]storage.Op{guard(alive, absent), put(other, "1", "new")}, 0, fhir.Conflict},
		{[]storage.Op{put(other, "1", "new"), guard(nobody, unmatched("one"))}, 1, fhir.Conflict},
		{[]storage.Op{guard(nobody, unmatched("new")), guard(nobody, unmatched("gone")), guard(nobody, unmatched("one"))}, 2, fhir.Conflict},

		// It sees what those before it wrote.
		{[]storage.Op{put(other, "1", "new"), guard(nobody, unmatched("new"))}, 1, fhir.Conflict},
		{[]storage.Op{put(dead, "3", "gone"), put(other, "1"), guard(nobody, unmatched("gone"))}, 2, fhir.Conflict},

		// A key that another operation changes is no key to hold.
		{[]storage.Op{put(alive, "3"), guard(alive, version(2))}, 1, fhir.Invalid},
		{[]storage.Op{guard(alive, version(2)), put(alive, "3")}, 1, fhir.Invalid},
		{[]storage.Op{guard(alive, version(2)), put(other, "1"), remove(alive)}, 2, fhir.Invalid},
	} {
		if !x.takes(c.ops) {
			continue
		}
		_, err := x.Commit(x.ctx, home, c.ops)
		x.wantOp(err, c.index, c.kind)
		x.equal(x.feed(), feed)
		x.equal(x.everything(), whole)
	}

	for _, ops := range [][]storage.Op{
		{guard(alive, version(2))},
		{guard(never, absent)},
		{guard(dead, absent)},
		{guard(alive, storage.Condition{})},
		{guard(nobody, unmatched("gone"))}, // what was deleted is no match
		{guard(nobody, unmatched("gone")), guard(nobody, unmatched("new")), guard(nobody, unmatched("gone"))},
		{guard(alive, version(2)), guard(never, absent), guard(nobody, unmatched("new"))},
	} {
		x.equal(x.commit(home, ops...), make([]storage.Result, len(ops)))
		x.equal(x.feed(), feed)
		x.equal(x.everything(), whole)
	}

	// Beside writes: what was deleted or changed before it is no match any more, what is written after it is none yet.
	x.commit(home, remove(alive), guard(nobody, unmatched("one")), guard(never, absent), put(other, "1", "one"))
	x.commit(home, put(other, "2"), guard(nobody, unmatched("one")))
	results := x.commit(home, guard(other, version(2)), guard(nobody, unmatched("one")), put(alive, "4", "one"))
	x.equal(results[:2], make([]storage.Result, 2))
	x.equal(results[2].Version.Number, int64(4))
	x.equal(len(x.feed()), len(feed)+4)
	x.equal(x.found(home, tagged("one")), []string{"alive"})
}

// everything is what a client can see of the partition: its current resources and all versions.
func (x *house) everything() (all []fhir.Version) {
	x.Helper()
	page, err := x.History(x.ctx, home, storage.HistoryQuery{Limit: 10_000})
	x.check(err)
	found, err := x.Search(x.ctx, home, search.Query{Type: "Patient"}, storage.PageRequest{Limit: 10_000})
	x.check(err)
	return append(page.Versions, found.Versions...)
}

// refusalsInOrder holds that the error of a commit is that of its first operation that fails, whatever else would.
func refusalsInOrder(x *house) {
	x.transactions()
	a := patient("a")
	x.commit(home, put(a, "1", "one"))
	wrong, taken := storage.Condition{Version: 9}, storage.Condition{Absent: true}
	for _, c := range []struct {
		ops   []storage.Op
		index int
		kind  fhir.Kind
	}{
		{[]storage.Op{under(wrong, put(a, "2")), under(unmatched("one"), put(patient("b"), ""))}, 0, fhir.PreconditionFailed},
		{[]storage.Op{under(unmatched("one"), put(patient("b"), "")), under(wrong, put(a, "2"))}, 0, fhir.Conflict},
		{[]storage.Op{put(patient("b"), "", "two"), under(unmatched("two"), put(patient("c"), "")), under(wrong, put(a, "2"))}, 1, fhir.Conflict},
		{[]storage.Op{put(patient("b"), "", "two"), under(unmatched("three"), put(patient("c"), "")), under(wrong, put(a, "2"))}, 2, fhir.PreconditionFailed},
		{[]storage.Op{under(unmatched("two"), put(patient("b"), "", "two")), under(unmatched("two"), put(patient("c"), "", "two")), under(taken, put(a, "2"))}, 1, fhir.Conflict},
		{[]storage.Op{under(unmatched("two"), put(patient("b"), "")), under(taken, put(a, "2")), under(unmatched("one"), put(patient("c"), ""))}, 1, fhir.Conflict},
		{[]storage.Op{remove(a), under(unmatched("one"), put(patient("b"), "", "one")), under(unmatched("one"), put(patient("c"), ""))}, 2, fhir.Conflict},
	} {
		_, err := x.Commit(x.ctx, home, c.ops)
		x.wantOp(err, c.index, c.kind)
	}
	x.equal(len(x.feed()), 1)
	x.equal(x.found(home, search.Query{Type: "Patient"}), []string{"a"})

	results := x.commit(home,
		remove(a),
		under(unmatched("one"), put(patient("b"), "", "one")),
		under(unmatched("two"), put(patient("c"), "", "two")),
		under(unmatched("three"), put(patient("d"), "")))
	for _, r := range results[1:] {
		x.equal(r.Version.Method, fhir.Created)
	}
	x.equal(x.found(home, search.Query{Type: "Patient"}), []string{"d", "c", "b"})
}

// matchesWithin holds that a NoMatch is decided on what the operations before it leave, in its commit or before it, whatever it asks for.
func matchesWithin(x *house) {
	deleted, updated, created := patient("deleted"), patient("updated"), patient("created")
	old := x.commit(home, put(deleted, "1", "old"), put(updated, "1", "old"))[1].Version.Instant
	before := []storage.Op{
		put(created, "1", "first"), put(updated, "2", "second"), remove(deleted), put(fhir.Key{Type: "Slot", ID: "s"}, "1", "slot"),
		guard(patient("nobody"), storage.Condition{Absent: true}),
	}
	tag := func(value string) search.Test { return search.Equal{Param: "tag", Value: value} }
	until := func(at fhir.Instant) search.Test {
		return search.Within{Param: search.LastUpdated, LowFrom: fhir.Beginning, LowTo: at, HighFrom: fhir.Beginning, HighTo: fhir.End}
	}
	past, always := until(old), until(fhir.End)
	if !x.Transactions() {
		x.commit(home, before...)
		before = nil
	}
	feed := len(x.feed())
	for i, c := range []struct {
		query   []search.Any
		matches bool
	}{
		{nil, true},
		{[]search.Any{{tag("first")}}, true},
		{[]search.Any{{tag("second")}}, true},
		{[]search.Any{{tag("nothing"), tag("second")}}, true},
		{[]search.Any{{tag("first")}, {tag("second")}}, false},
		{[]search.Any{{tag("old")}}, false},
		{[]search.Any{{tag("slot")}}, false},
		{[]search.Any{{search.Equal{Param: search.ID, Value: "created"}}}, true},
		{[]search.Any{{search.Equal{Param: search.ID, Value: "deleted"}}}, false},
		{[]search.Any{{search.Not{Any: search.Any{tag("first")}}}}, true},
		{[]search.Any{{search.Not{Any: search.Any{tag("first"), tag("second")}}}}, false},
		{[]search.Any{{past}}, false},
		{[]search.Any{{always}}, true},
		{[]search.Any{{always}, {tag("first")}}, true},
		{[]search.Any{{past}, {tag("first")}}, false},
		{[]search.Any{{past, tag("first")}}, true},
		{[]search.Any{{search.Not{Any: search.Any{past}}}, {tag("second")}}, true},
		{[]search.Any{{search.Not{Any: search.Any{always}}}}, false},
	} {
		q := search.Query{Type: "Patient", All: c.query}
		ops := append(slices.Clone(before), guard(fhir.Key{}, storage.Condition{NoMatch: &q}))
		if x.Transactions() { // whatever was decided, nothing stays
			ops = append(ops, under(storage.Condition{Version: 9}, put(patient("last"), "")))
		}
		_, err := x.Commit(x.ctx, home, ops)
		switch {
		case c.matches:
			x.wantOp(err, len(before), fhir.Conflict)
		case x.Transactions():
			x.wantOp(err, len(before)+1, fhir.PreconditionFailed)
		default:
			x.check(err)
		}
		if x.Failed() {
			x.Fatalf("condition %d: %+v", i, c.query)
		}
	}
	x.equal(len(x.feed()), feed)
}
