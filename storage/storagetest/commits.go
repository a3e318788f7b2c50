package storagetest

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// commits holds that a commit of several operations is done whole or not at all.
func commits(x *house) {
	results, err := x.Commit(x.ctx, home, nil)
	x.check(err)
	x.equal(len(results), 0)

	a, b, c := patient("a"), patient("b"), fhir.Key{Type: "Slot", ID: "a"}
	x.commit(home, put(a, "1", "old"), put(b, "1", "old"))
	for _, failing := range []struct {
		ops   []storage.Op
		index int
		kind  fhir.Kind
	}{
		{[]storage.Op{put(a, "2", "new"), remove(b), put(c, "1"), under(storage.Condition{Version: 9}, put(patient("d"), ""))}, 3, fhir.PreconditionFailed},
		{[]storage.Op{put(a, "2", "new"), under(storage.Condition{Absent: true}, put(b, "2")), put(c, "1")}, 1, fhir.Conflict},
		{[]storage.Op{put(a, "2", "new"), under(unmatched("new"), put(patient("e"), ""))}, 1, fhir.Conflict},
		{[]storage.Op{put(c, "1"), put(a, "2", "new"), put(c, "2")}, 2, fhir.Invalid},
		{[]storage.Op{put(a, "2", "new"), remove(a)}, 1, fhir.Invalid},
	} {
		if !x.takes(failing.ops) {
			continue
		}
		_, err := x.Commit(x.ctx, home, failing.ops)
		x.wantOp(err, failing.index, failing.kind)
	}
	x.equal(len(x.feed()), 2)
	x.equal(x.found(home, tagged("old")), []string{"b", "a"})
	x.equal(len(x.found(home, tagged("new"))), 0)
	_, err = x.Read(x.ctx, home, c)
	x.want(err, fhir.NotFound)

	results = x.commit(home, // what one of them alone does is the same
		put(a, "2", "new"),
		under(unmatched("older"), put(patient("d"), "")),
		remove(b),
		remove(patient("nobody")),
		put(c, "1"))
	x.equal([]bool{results[0].Changed, results[1].Changed, results[2].Changed, results[3].Changed, results[4].Changed}, []bool{true, true, true, false, true})
	x.equal(x.found(home, search.Query{Type: "Patient"}), []string{"d", "a"})
	x.equal(len(x.feed()), 6)

	many := make([]storage.Op, 300)
	for i := range many {
		many[i] = put(patient(name("m%d", i)), "", "many")
	}
	x.fill(home, many...)
	x.equal(len(x.found(home, tagged("many"))), len(many))
}

// endedContexts holds that a context that has ended ends every call, and that nothing was written.
func endedContexts(x *house) {
	x.commit(home, put(patient("a"), "1"))
	ended, cancel := context.WithCancel(x.ctx)
	cancel()
	for method, err := range x.everyMethod(ended) {
		if !errors.Is(err, context.Canceled) {
			x.Errorf("%s: error %v, want one that is context.Canceled", method, err)
		}
	}
	x.equal(len(x.feed()), 1)
	_, err := x.Records().Get(x.ctx, "r")
	x.want(err, fhir.NotFound)
}

// everyMethod calls each method of the store once and returns their errors.
func (x *house) everyMethod(ctx context.Context) map[string]error {
	key := patient("a")
	errs := make(map[string]error)
	_, errs["Read"] = x.Read(ctx, home, key)
	_, errs["ReadVersion"] = x.ReadVersion(ctx, home, key, 1)
	_, errs["History"] = x.History(ctx, home, storage.HistoryQuery{Key: key, Limit: 1})
	_, errs["Search"] = x.Search(ctx, home, search.Query{Type: "Patient"}, storage.PageRequest{Limit: 1})
	_, errs["Commit"] = x.Commit(ctx, home, []storage.Op{put(key, "2")})
	_, errs["Events"] = x.Events(ctx, 0, 1)
	errs["Restore"] = x.Restore(ctx, nil)
	errs["Reindex"] = x.Reindex(ctx, func(fhir.Partition, fhir.Version) (search.Entries, error) { return search.Entries{}, nil }, unheeded)
	_, errs["Check"] = x.Check(ctx, nil, func(storage.Fault) {})
	errs["Ready"] = x.Ready(ctx)
	_, errs["Records.Get"] = x.Records().Get(ctx, "r")
	_, errs["Records.Swap"] = x.Records().Swap(ctx, "r", 0, []byte("x"), 0)
	_, errs["Records.Scan"] = x.Records().Scan(ctx, "", "", 1)
	return errs
}
