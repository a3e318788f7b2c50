package storagetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// largeCommits holds that a commit of 500 operations is done in its order, and that one that fails at its last operation leaves
// nothing, whatever it fails by.
func largeCommits(x *house) {
	x.transactions()
	n := max(20, x.fewer(500))
	var before []storage.Op
	for i := range n / 2 {
		before = append(before, put(patient(name("p%d", i)), "1", "old"))
	}
	x.commit(home, before...)
	feed, whole := x.feed(), x.everything()

	var ops []storage.Op // updates, deletions and creations
	for i := range n - 1 {
		op := put(patient(name("p%d", i)), "2", "new")
		if i%5 == 0 {
			op = remove(op.Key)
		}
		ops = append(ops, op)
	}
	last, taken := patient("last"), patient("p0")
	for _, c := range []struct {
		ops  []storage.Op
		op   storage.Op
		kind fhir.Kind
	}{
		{ops, under(storage.Condition{Version: 1}, put(last, "")), fhir.PreconditionFailed},
		{ops, guard(last, storage.Condition{Version: 1}), fhir.PreconditionFailed},
		{ops, under(unmatched("new"), put(last, "")), fhir.Conflict},
		{ops, guard(fhir.Key{}, unmatched("new")), fhir.Conflict},
		{ops, put(ops[1].Key, "3"), fhir.Invalid},
		{ops, guard(ops[1].Key, storage.Condition{Version: 1}), fhir.Invalid},
		{ops[1:], under(storage.Condition{Version: 2}, put(taken, "2")), fhir.PreconditionFailed},
		{ops[1:], under(storage.Condition{Version: 2}, remove(taken)), fhir.PreconditionFailed},
		{ops[1:], under(storage.Condition{Absent: true}, put(taken, "2")), fhir.Conflict},
		{ops[1:], guard(taken, storage.Condition{Absent: true}), fhir.Conflict},
	} {
		_, err := x.Commit(x.ctx, home, append(c.ops[:len(c.ops):len(c.ops)], c.op))
		x.wantOp(err, len(c.ops), c.kind)
		x.equal(x.feed(), feed)
		x.equal(x.everything(), whole)
		x.equal(len(x.found(home, tagged("new"))), 0)
	}

	var at fhir.Instant
	written := 0
	for i, r := range x.commit(home, append(ops, guard(last, storage.Condition{Absent: true}))...) {
		if !r.Changed {
			continue
		}
		if written++; r.Version.Key != ops[i].Key || r.Version.Instant <= at {
			x.Errorf("operation %d made %s at %v, after %v", i, r.Version.Key, r.Version.Instant, at)
		}
		at = r.Version.Instant
	}
	x.equal(len(x.feed()), len(feed)+written)
}

// transfers holds that commits of several operations serialise: what each leaves as it was stays so in every state that
// anybody sees. Accounts change hands of what they hold; the sum is the same at every moment, and no transfer is lost.
func transfers(x *house) {
	x.transactions()
	const accounts, clerks, each = 4, 6, 100
	account := func(i int) fhir.Key { return patient(name("account%d", i)) }
	for i := range accounts {
		x.commit(home, put(account(i), strconv.Itoa(each)))
	}
	holds := func(v fhir.Version) int {
		r, err := fhir.ParseResource(v.Body)
		if err != nil {
			x.Error(err)
			return 0
		}
		held, _ := strconv.Atoi(r.Root().Text("note"))
		return held
	}
	var done, open atomic.Int64
	open.Store(clerks)
	var all sync.WaitGroup
	for clerk := range clerks {
		all.Go(func() {
			defer open.Add(-1)
			r := rand.New(rand.NewPCG(uint64(clerk), 11))
			for range max(4, x.fewer(40)) {
				from := r.IntN(accounts)
				to := (from + 1 + r.IntN(accounts-1)) % accounts
				a, b := must(x.Read(x.ctx, home, account(from))), must(x.Read(x.ctx, home, account(to)))
				_, err := x.Commit(x.ctx, home, []storage.Op{
					under(storage.Condition{Version: a.Number}, put(a.Key, strconv.Itoa(holds(a)-1))),
					under(storage.Condition{Version: b.Number}, put(b.Key, strconv.Itoa(holds(b)+1))),
				})
				if err == nil {
					done.Add(1)
				} else if !errors.Is(err, fhir.PreconditionFailed) {
					x.Error(err)
				}
			}
		})
	}
	for open.Load() > 0 {
		page, err := x.Search(x.ctx, home, search.Query{Type: "Patient"}, storage.PageRequest{Limit: 100})
		x.check(err)
		sum := 0
		for _, v := range page.Versions {
			sum += holds(v)
		}
		if sum != accounts*each || len(page.Versions) != accounts {
			x.Errorf("%d accounts hold %d, want %d and %d", len(page.Versions), sum, accounts, accounts*each)
		}
	}
	all.Wait()
	x.equal(int64(len(x.feed())), accounts+2*done.Load())

	page, err := x.History(x.ctx, home, storage.HistoryQuery{Limit: 10_000})
	x.check(err)
	held := make(map[fhir.Key]int)
	sum := 0
	for i := range page.Versions { // from the oldest on, commit by commit
		v := page.Versions[len(page.Versions)-1-i]
		sum += holds(v) - held[v.Key]
		held[v.Key] = holds(v)
		if between := i >= accounts && (i-accounts)%2 == 0; i >= accounts && !between && sum != accounts*each {
			x.Fatalf("after %d versions the accounts hold %d, want %d", i+1, sum, accounts*each)
		}
	}
}

// twins holds that two resources that are only written together carry one number in every search and history.
func twins(x *house) {
	x.transactions()
	const writers = 4
	left, right := patient("left"), patient("right")
	x.commit(home, put(left, "", "twin"), put(right, "", "twin"))
	var open atomic.Int64
	open.Store(writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			defer open.Add(-1)
			for i := range max(4, x.fewer(40)) {
				ops := []storage.Op{put(left, name("%d %d", w, i), "twin"), put(right, name("%d %d", w, i), "twin")}
				if i%2 == 1 {
					ops[0], ops[1] = ops[1], ops[0]
				}
				if i%10 == 9 {
					ops = []storage.Op{remove(left), remove(right)}
				}
				if _, err := x.Commit(x.ctx, home, ops); err != nil {
					x.Error(err)
				}
			}
		})
	}
	for open.Load() > 0 {
		page, err := x.Search(x.ctx, home, tagged("twin"), storage.PageRequest{Limit: 100})
		x.check(err)
		if n := len(page.Versions); n != 0 && (n != 2 || page.Versions[0].Number != page.Versions[1].Number) {
			x.Errorf("the search sees half a commit: %v", describe(page.Versions))
		}
		newest, err := x.History(x.ctx, home, storage.HistoryQuery{Limit: 2})
		x.check(err)
		if v := newest.Versions; len(v) != 2 || v[0].Number != v[1].Number || v[0].Key == v[1].Key {
			x.Errorf("the history sees half a commit: %v", describe(v))
		}
	}
	all.Wait()
}

// commitsGivenUp holds that a commit whose context ends at whatever moment is there whole when it says so, and not at all when
// it says that.
func commitsGivenUp(x *house) {
	size := 5
	if !x.Transactions() {
		size = 1
	}
	n := max(20, x.fewer(200))
	told := make([]error, n)
	together(n, func(i int) {
		ctx, giveUp := context.WithCancel(x.ctx)
		defer giveUp()
		go func() {
			for range i % 40 {
				runtime.Gosched()
			}
			giveUp()
		}()
		var ops []storage.Op
		for k := range size {
			ops = append(ops, put(patient(name("%d-%d", i, k)), "", name("commit %d", i)))
		}
		var results []storage.Result
		if results, told[i] = x.Commit(ctx, home, ops); told[i] == nil && len(results) != size {
			x.Errorf("commit %d: %d results", i, len(results))
		}
	})
	whole := 0
	for i, err := range told {
		found := len(x.found(home, tagged(name("commit %d", i))))
		switch {
		case err == nil && found != size:
			x.Errorf("commit %d succeeded, but %d of its %d resources are there", i, found, size)
		case err != nil && (found != 0 || !errors.Is(err, context.Canceled)):
			x.Errorf("commit %d failed with %v, but %d of its resources are there", i, err, found)
		case err == nil:
			whole++
		}
	}
	x.equal(len(x.feed()), whole*size)
}
