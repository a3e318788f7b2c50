package storagetest

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// oracle holds what searches find, in which order and how many, against search.Match and search.Compare: by chance, on changing
// content. One seed is that of [Seed].
func oracle(x *house) {
	seeds := []uint64{Seed(x.T), 0, 1, 2}
	if x.h.Slow > 1 {
		seeds = seeds[:2]
	}
	for _, seed := range seeds {
		c := newCorpus(newHouse(x.T, x.h), seed)
		for round := 0; round < 6 && c.agrees(round); round++ {
			continue
		}
		if c.Failed() {
			x.Fatalf("the corpus is that of the seed %d", seed)
		}
	}
}

// agrees says whether some searches find what they must after some more writes.
func (c *corpus) agrees(round int) bool {
	for range 4 {
		c.write(20, c.anyID)
	}
	for i := range max(10, c.fewer(150)) {
		q := c.query()
		if i%5 == round%5 {
			q = c.linked()
		}
		want := c.expect(q)
		page, err := c.Search(c.ctx, home, q, storage.PageRequest{Limit: 10_000, CountUpTo: -1})
		c.check(err)
		if !c.same(q, page.Versions, want) {
			return false
		}
		counted, err := c.Search(c.ctx, home, q, storage.PageRequest{Limit: one(c, 0, 1), CountUpTo: one(c, -1, 3, 1_000)})
		c.check(err)
		if page.Total != len(want) || !page.Counted || counted.Counted && counted.Total != len(want) || !counted.Counted && counted.Total >= len(want) {
			c.Errorf("%+v: the totals are %d (%t) and %d (%t), want %d", q, page.Total, page.Counted, counted.Total, counted.Counted, len(want))
			return false
		}
	}
	return !c.Failed()
}

// large holds that a query may have many clauses, and a clause many tests.
func large(x *house) {
	c := newCorpus(x, 5)
	c.write(100, c.anyID)
	for what, test := range []func(i int) search.Test{
		func(i int) search.Test { return search.Equal{Param: search.ID, Value: name("%d", i)} },
		func(i int) search.Test { return search.Equal{Param: "code", Value: name("%d", i)} },
		func(i int) search.Test { return search.StartsWith{Param: "name", Folded: name("%d", i)} },
		func(i int) search.Test { return c.window("period", func() fhir.Instant { return fhir.Instant(i) }) },
		func(int) search.Test { return c.between("number") },
		func(i int) search.Test { return search.EndsWith{Param: "name", Folded: name("%d", i)} },
		func(int) search.Test { return c.near() },
	} {
		many := search.Any{search.Equal{Param: "code", Value: "a"}}
		var all []search.Any
		for i := range max(80, x.fewer(1_200)) {
			many = append(many, test(i))
			if i < max(6, x.fewer(100)) {
				all = append(all, search.Any{search.Equal{Param: "code", Value: "a"}, test(i)})
			}
		}
		for _, q := range []search.Query{
			{Type: "Patient", All: []search.Any{many}},
			{Type: "Patient", All: []search.Any{{search.Not{Any: many}}}},
			{Type: "Patient", All: all},
			{Type: "Patient", All: slices.Repeat([]search.Any{{search.Equal{Param: "code", Value: "a"}}}, 100)},
		} {
			page, err := c.Search(c.ctx, home, q, storage.PageRequest{Limit: 1_000, CountUpTo: -1})
			c.check(err)
			want := c.expect(q)
			if page.Total != len(want) || len(page.Versions) != len(want) {
				c.Errorf("many of kind %d: %d versions of %d, want %d", what, len(page.Versions), page.Total, len(want))
			}
		}
	}
}

// totals holds the counting: up to a number, to the end, and not at all.
func totals(x *house) {
	c := newCorpus(x, 7)
	for range 10 {
		c.write(20, c.anyID)
	}
	for range max(4, c.fewer(60)) {
		q := c.query()
		want := len(c.expect(q))
		for _, upTo := range []int{-1, 0, 1, want - 1, want, want + 1, 1_000} {
			for _, limit := range []int{0, 1, want, 1_000} {
				page, err := c.Search(c.ctx, home, q, storage.PageRequest{Limit: limit, CountUpTo: upTo})
				c.check(err)
				total, counted := want, true
				if upTo >= 0 && upTo < want {
					total, counted = upTo, false
				}
				if upTo == 0 {
					counted = false
				}
				if page.Total != total || page.Counted != counted || len(page.Versions) != min(limit, want) {
					c.Fatalf("%+v, limit %d, counting up to %d: %d versions, total %d (%t) of %d", q, limit, upTo, len(page.Versions), page.Total, page.Counted, want)
				}
			}
		}
	}
}

// pages holds that pages of every size, put together, are the whole.
func pages(x *house) {
	c := newCorpus(x, 11)
	for range 8 {
		c.write(20, c.anyID)
	}
	for range max(4, c.fewer(60)) {
		q := c.query()
		want := c.expect(q)
		for _, size := range []int{1, 2, 3, 7, max(1, len(want)-1), max(1, len(want)), len(want) + 1} {
			all, _ := c.walk(q, size, func() {})
			if !c.same(q, all, want) {
				return
			}
		}
	}
}

// walk goes through all pages of a search, with a pause before each but the first.
func (c *corpus) walk(q search.Query, size int, pause func()) (all []fhir.Version, cursors [][]byte) {
	c.Helper()
	for request := (storage.PageRequest{Limit: size}); ; pause() {
		page, err := c.Search(c.ctx, home, q, request)
		c.check(err)
		if len(page.Versions) > size || (page.Next != nil && len(page.Versions) != size) {
			c.Fatalf("%+v: a page of %d has %d versions, the next begins at %q", q, size, len(page.Versions), page.Next)
		}
		all = append(all, page.Versions...)
		if page.Next == nil {
			return all, cursors
		}
		if cursors = append(cursors, page.Next); len(cursors) > 2_000 {
			c.Fatalf("%+v: pages of %d have no end", q, size)
		}
		request.After = page.Next
	}
}

// churn holds that a resource that stays as it is comes exactly once and in order, however much is written between the pages,
// and that nothing comes that matched at no time.
func churn(x *house) {
	c := newCorpus(x, 13)
	restless := func() string { return "restless-" + c.anyID() }
	for range 6 {
		c.write(30, c.anyID)
		c.write(20, restless)
	}
	for range max(3, c.fewer(50)) {
		q := c.query()
		before := c.expect(q)
		matched := make(map[seen]bool)
		note := func(found []search.Indexed) {
			for _, x := range found {
				matched[seen{x.ID, x.Instant}] = true
			}
		}
		note(before)
		writes := 20 // in an order that puts changes last, a walk among endless changes has no end
		all, _ := c.walk(q, 1+c.IntN(6), func() {
			if writes--; writes >= 0 {
				c.write(1+c.IntN(5), restless)
				note(c.expect(q))
			}
		})
		stable := slices.DeleteFunc(slices.Clone(all), func(v fhir.Version) bool { return isRestless(v.Key.ID) })
		want := slices.DeleteFunc(before, func(x search.Indexed) bool { return isRestless(x.ID) })
		if !c.same(q, stable, want) {
			return
		}
		for _, v := range all {
			if !matched[seen{v.Key.ID, v.Instant}] {
				c.Fatalf("%+v: %s of %v never matched", q, v.Key, v.Instant)
			}
		}
	}
}

// seen is one version of a resource.
type seen struct {
	id      string
	instant fhir.Instant
}

func isRestless(id string) bool { return strings.HasPrefix(id, "restless-") }

// cursors holds that a cursor works for its own query alone.
func cursors(x *house) {
	c := newCorpus(x, 17)
	for range 10 {
		c.write(8, c.anyID)
	}
	within := func(from fhir.Instant) search.Test {
		return search.Within{Param: search.LastUpdated, LowFrom: from, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}
	}
	sort := func(keys ...search.SortKey) search.Query { return search.Query{Type: "Patient", Sort: keys} }
	all := func(clauses ...search.Any) search.Query { return search.Query{Type: "Patient", All: clauses} }
	queries := []search.Query{
		{Type: "Patient"}, {Type: "Slot"},
		sort(search.SortKey{Param: "date"}), sort(search.SortKey{Param: "date", Descending: true}), sort(search.SortKey{Param: "period"}),
		sort(search.SortKey{Param: "date"}, search.SortKey{Param: "period"}),
		sort(search.SortKey{Param: "date", By: search.ByOrder}), sort(search.SortKey{Param: "date", By: search.ByText}), sort(search.SortKey{Param: search.ID}), sort(search.SortKey{Param: search.ID, Descending: true}),
		all(search.Any{within(0)}), all(search.Any{within(1)}), all(search.Any{within(0)}, search.Any{within(0)}), all(search.Any{within(0), within(1)}),
		all(search.Any{search.Not{}}), all(search.Any{search.Not{Any: search.Any{search.Equal{Param: "a", Value: `b"c`}}}}),
		all(search.Any{search.Missing{Param: "a", Absent: true}}),
	}
	for i, q := range queries {
		_, next := c.walk(q, 5, func() {})
		if len(next) == 0 {
			c.Fatalf("query %d has no second page", i)
		}
		for j, other := range queries {
			_, err := c.Search(c.ctx, home, other, storage.PageRequest{Limit: 5, After: next[0]})
			if i == j {
				c.check(err)
			} else {
				c.want(err, fhir.Invalid)
			}
		}
		_, err := c.Search(c.ctx, "demo/live", q, storage.PageRequest{Limit: 5, After: next[0]})
		c.want(err, fhir.Invalid)
		for _, bad := range [][]byte{{}, []byte("x"), []byte("{}"), next[0][1:], next[0][:len(next[0])-1]} {
			_, err := c.Search(c.ctx, home, q, storage.PageRequest{Limit: 5, After: bad})
			c.want(err, fhir.Invalid)
		}
	}
}
