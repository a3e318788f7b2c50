package storagetest

import (
	"context"
	"sync/atomic"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// WithoutTransactions is a store that takes one operation a commit, as those do whose database has no transactions.
func WithoutTransactions(s storage.Store) storage.Store { return single{s} }

type single struct{ storage.Store }

// Transactions is false.
func (single) Transactions() bool { return false }

// Commit is storage.Store's, of one operation.
func (s single) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	if len(ops) > 1 {
		return nil, &storage.OpError{Index: 1, Err: fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "This store changes one resource at a time.")}
	}
	return s.Store.Commit(ctx, p, ops)
}

// transactions skips a part that is about several operations of one commit, where there are none.
func (x *house) transactions() {
	x.Helper()
	if !x.Transactions() {
		x.Skip("the store has no transactions: a commit takes one operation")
	}
}

// takes says whether the store takes as many operations in one commit.
func (x *house) takes(ops []storage.Op) bool { return len(ops) < 2 || x.Transactions() }

// apply carries out operations in one commit, or one after the other where the store takes one at a time.
func (x *house) apply(p fhir.Partition, ops ...storage.Op) (all []storage.Result, err error) {
	if x.Transactions() {
		return x.Commit(x.ctx, p, ops)
	}
	for _, op := range ops {
		results, err := x.Commit(x.ctx, p, []storage.Op{op})
		if err != nil {
			return nil, err
		}
		all = append(all, results...)
	}
	return all, nil
}

// commit carries out operations that must succeed.
func (x *house) commit(p fhir.Partition, ops ...storage.Op) []storage.Result {
	x.Helper()
	results, err := x.apply(p, ops...)
	x.check(err)
	if len(results) != len(ops) {
		x.Fatalf("%d results of %d operations", len(results), len(ops))
	}
	return results
}

// fill carries out many operations whose order is nothing to anybody, as fast as may be.
func (x *house) fill(p fhir.Partition, ops ...storage.Op) []storage.Result {
	x.Helper()
	batch, workers := 1_000, 1
	if !x.Transactions() {
		batch, workers = 1, 32
	}
	results := make([]storage.Result, len(ops))
	var next atomic.Int64
	together(workers, func(int) {
		for {
			from := (int(next.Add(1)) - 1) * batch
			if from >= len(ops) {
				return
			}
			done, err := x.Commit(x.ctx, p, ops[from:min(from+batch, len(ops))])
			if err != nil {
				x.Error(err)
				return
			}
			copy(results[from:], done)
		}
	})
	if x.Failed() {
		x.FailNow()
	}
	return results
}

// oneAtATime holds that a store without transactions refuses several operations, whatever they are, and writes nothing.
func oneAtATime(x *house) {
	if x.Transactions() {
		x.Skip("the store has transactions")
	}
	a, b := patient("a"), patient("b")
	x.commit(home, put(a, "1", "old"))
	feed, whole := x.feed(), x.everything()
	for _, ops := range [][]storage.Op{
		{put(a, "2"), put(b, "1")},
		{put(a, "2"), put(a, "3")},
		{remove(a), remove(b)},
		{put(b, "1"), guard(a, storage.Condition{Version: 1})},
		{guard(a, storage.Condition{Version: 1}), guard(fhir.Key{}, unmatched("new"))},
		{remove(patient("nobody")), put(b, "1"), put(patient("c"), "1")},
	} {
		_, err := x.Commit(x.ctx, home, ops)
		x.wantOp(err, 1, fhir.Invalid)
		x.equal(x.feed(), feed)
		x.equal(x.everything(), whole)
	}
}
