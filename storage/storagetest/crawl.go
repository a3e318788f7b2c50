package storagetest

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// crawls are the orders that are crawled through: every basis and what the version itself answers, in both directions, alone and before others.
var crawls = func() (all [][]search.SortKey) {
	date, number, name, code := search.SortKey{Param: "date"}, search.SortKey{Param: "number", By: search.ByOrder}, search.SortKey{Param: "name", By: search.ByText}, search.SortKey{Param: "code", By: search.ByTerm}
	id, updated := search.SortKey{Param: search.ID}, search.SortKey{Param: search.LastUpdated}
	down := func(k search.SortKey) search.SortKey { k.Descending = true; return k }
	for _, k := range []search.SortKey{date, number, name, code, id, updated} {
		all = append(all, []search.SortKey{k}, []search.SortKey{down(k)})
	}
	return append(all, nil,
		[]search.SortKey{date, down(number)}, []search.SortKey{down(number), date}, []search.SortKey{number, down(id)}, []search.SortKey{down(date), updated},
		[]search.SortKey{number, name}, []search.SortKey{down(code), down(date)},
		[]search.SortKey{toldKeys[0]}, []search.SortKey{down(toldKeys[2]), toldKeys[0]})
}()

// Crawl holds what paging promises beside writes: who goes through all pages of seven, in every order, while others insert, update and delete,
// sees each of so many resources that nobody touches exactly once, and in order. Orders that are gathered are gone through among fewer
// than storage.MaxGathered.
func Crawl(t *testing.T, h Harness, rows int) { newHouse(t, h).crawlAll(rows) }

// crawling is Crawl among few.
func crawling(x *house) { x.crawlAll(max(120, x.fewer(600))) }

func (x *house) crawlAll(rows int) {
	world := map[string][]search.Indexed{"Patient": x.settlers("Patient", rows), "Slot": x.settlers("Slot", min(rows, storage.MaxGathered-2*restless))}
	var crawlers, writers sync.WaitGroup
	left, over := make(chan struct{}, len(crawls)), make(chan struct{})
	for _, sort := range crawls {
		crawlers.Go(func() {
			q := search.Query{Type: "Patient", Sort: sort}
			if slices.ContainsFunc(sort, x.gathers) {
				q.Type = "Slot"
			}
			x.crawl(q, world[q.Type], storage.PageRequest{Limit: 7}, func() { left <- struct{}{} })
		})
	}
	for w := range 2 {
		writers.Go(func() { x.disturb(uint64(w), over) })
	}
	for range crawls { // as long as anybody has resources to see; behind the last one, endless changes would have no end
		<-left
	}
	close(over)
	writers.Wait()
	crawlers.Wait()
}

// gathers says whether an order that begins with a key may have no index.
func (x *house) gathers(k search.SortKey) bool {
	promised := k.Absent != "" || k.Param == search.ID || k.Param == search.LastUpdated
	return k.By == search.ByText || k.By == search.ByTerm || x.h.Gathers && !promised
}

// crawlingWithin holds that all pages of an order that an index has can be had within a budget that is below the number of resources, the last one and
// those of resources without a value among them.
func crawlingWithin(x *house) {
	settlers := x.settlers("Patient", max(300, x.fewer(600))) // fewer are hardly more than those who share a value
	date, number, id := toldKeys[0], toldKeys[2], search.SortKey{Param: search.ID}
	down := func(k search.SortKey) search.SortKey { k.Descending = true; return k }
	for _, sort := range [][]search.SortKey{nil, {{Param: search.LastUpdated}}, {id}, {down(id)}, {date}, {down(date)}, {number}, {down(number)}, {number, down(id)}} {
		x.crawl(search.Query{Type: "Patient", Sort: sort}, settlers, storage.PageRequest{Limit: 7, Budget: len(settlers) / 2}, func() {})
	}
}

// restless is how many resources each of those who write beside a crawl has of a type, at most.
const restless = 40

// settlers are resources that stay as they are, of few values.
func (x *house) settlers(kind string, n int) (all []search.Indexed) {
	c := newCorpus(x, 29)
	ops := make([]storage.Op, n)
	for i := range ops {
		ops[i] = c.villager(fhir.Key{Type: kind, ID: name("%05d", i*7919%100_000)})
	}
	for i, r := range x.fill(home, ops...) {
		all = append(all, search.Indexed{ID: ops[i].Key.ID, Instant: r.Version.Instant, Entries: ops[i].Entries})
	}
	return all
}

// villager is the operation that writes a resource of values by chance, one in seven of each kind none and some several.
func (c *corpus) villager(key fhir.Key) storage.Op {
	op := storage.Op{Key: key, Resource: note(key, "")}
	some := func(add func(n int)) {
		for range one(c, 0, 1, 1, 1, 1, 1, 2) {
			add(c.IntN(40))
		}
	}
	e := &op.Entries
	some(func(n int) {
		e.Ranges = append(e.Ranges, search.Range{Param: "date", Interval: fhir.Interval{Low: fhir.Instant(n), High: fhir.Instant(n + 1 + len(e.Ranges))}})
	})
	some(func(n int) {
		e.Ordereds = append(e.Ordereds, search.Ordered{Param: "number", Low: name("%02d", n), High: name("%02d", n+len(e.Ordereds))})
	})
	some(func(n int) {
		e.Texts = append(e.Texts, search.Text{Param: "name", Folded: name("n%d", n), Exact: name("N%d-%d", n, len(e.Texts))})
	})
	some(func(n int) { e.Terms = append(e.Terms, search.Term{Param: "code", Value: name("c%d", n)}) })
	e.Terms = slices.Compact(e.Terms) // what is the same stands side by side
	tellAbsence(e)
	return op
}

// crawl goes through all pages of a query, says so as soon as it has seen as many settlers as there are, or the end, and holds what it has seen
// against what there is.
func (x *house) crawl(q search.Query, settlers []search.Indexed, request storage.PageRequest, seenAll func()) {
	seenAll = sync.OnceFunc(seenAll)
	defer seenAll()
	settlers = slices.Clone(settlers)
	search.Sort(q, settlers)
	var got, want []string
	for _, s := range settlers {
		want = append(want, s.ID)
	}
	for pages := 0; ; pages++ {
		page, err := x.Search(x.ctx, home, q, request)
		if err != nil || pages > 1_000_000 {
			x.Errorf("%+v, page %d: %v", q.Sort, pages, err)
			return
		}
		for _, v := range page.Versions {
			if !isRestless(v.Key.ID) {
				got = append(got, v.Key.ID)
			}
		}
		if len(got) >= len(want) {
			seenAll()
		}
		if request.After = page.Next; page.Next == nil {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		x.Errorf("%+v: of %d resources %d were seen: got +, want -:\n%s", q.Sort, len(want), len(got), diff)
	}
}

// disturb inserts, updates and deletes until it is over.
func (x *house) disturb(seed uint64, over chan struct{}) {
	c := newCorpus(x, 31+seed)
	there := make(map[fhir.Key]bool)
	for !closed(over) {
		ops := make(map[fhir.Key]storage.Op)
		for range 1 + c.IntN(5) {
			key := fhir.Key{Type: one(c, "Patient", "Slot"), ID: name("restless-%d-%d", seed, c.IntN(restless))}
			if there[key] = !there[key] || c.IntN(2) == 0; there[key] {
				ops[key] = c.villager(key)
			} else {
				ops[key] = remove(key)
			}
		}
		if _, err := x.apply(home, slices.Collect(maps.Values(ops))...); err != nil {
			x.Error(err)
			return
		}
		x.clock.move(time.Microsecond)
	}
}

// tooManyToSort holds that an order which no index has is kept up to storage.MaxGathered matches, and refused beyond, with the number.
func tooManyToSort(x *house) {
	if scale > 1 {
		x.Skip("nothing runs beside another here, and under the race detector so many resources take half a minute")
	}
	ops := make([]storage.Op, storage.MaxGathered+1)
	for i := range ops {
		key := patient(name("%d", i))
		op := put(key, "", []string{"most", "one"}[i/storage.MaxGathered])
		op.Entries.Texts = []search.Text{{Param: "name", Folded: name("%04d", i*7%storage.MaxGathered), Exact: "x"}}
		ops[i] = op
	}
	x.fill(home, ops...)
	byName := []search.SortKey{{Param: "name", By: search.ByText, Descending: true}}
	all := search.Query{Type: "Patient", Sort: byName}
	_, err := x.Search(x.ctx, home, all, storage.PageRequest{Limit: 1})
	if x.want(err, fhir.TooCostly); err == nil || !strings.Contains(err.Error(), name("%d", storage.MaxGathered)) {
		x.Errorf("the error does not tell how many are sorted at most: %v", err)
	}
	if _, err := x.Explain(x.ctx, home, all, storage.PageRequest{Limit: 1, Budget: 100 * storage.MaxGathered}); !errors.Is(err, fhir.TooCostly) || errors.Is(err, storage.ErrOverBudget) {
		x.Errorf("within a budget it is explained with the error %v, want the one of the search", err)
	}
	page, err := x.Search(x.ctx, home, all, storage.PageRequest{CountUpTo: -1})
	x.check(err)
	x.equal(page.Total, storage.MaxGathered+1)
	most := tagged("most")
	most.Sort = byName
	page, err = x.Search(x.ctx, home, most, storage.PageRequest{Limit: 3, CountUpTo: 1_000})
	x.check(err)
	x.equal(page.Counted, false)
	x.equal(page.Total, 1_000)
	x.equal(ids(page.Versions), []string{"2857", "714", "3571"}) // seven times of each, in fives of thousands, is 4999, 4998 and 4997
	page, err = x.Search(x.ctx, home, most, storage.PageRequest{Limit: 3, After: page.Next, CountUpTo: -1})
	x.check(err)
	x.equal(page.Total, storage.MaxGathered)
	x.equal(ids(page.Versions), []string{"1428", "4285", "2142"})
	for _, q := range []search.Query{{Type: "Patient"}, {Type: "Patient", Sort: []search.SortKey{{Param: "nobody", By: search.ByText}}}} { // nothing is to be gathered
		_, err := x.Search(x.ctx, home, q, storage.PageRequest{Limit: 1})
		x.check(err)
	}
}
