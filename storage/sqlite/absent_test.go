package sqlite_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// The end of an order costs what is there, however many resources there are: that nobody lacks the key is known at once, few who lack it are sorted,
// many are followed. So all pages can be had within a budget of no more than these few.
func TestEndOfAnOrder(t *testing.T) {
	const resources, count, budget = 3_000, 100, 60
	date, fee := search.SortKey{Param: "date", Absent: "date:none"}, search.SortKey{Param: "fee", By: search.ByOrder, Absent: "fee:none"}
	down := func(k search.SortKey) search.SortKey { k.Descending = true; return k }
	as := func(c sqlite.Config) sqlite.Config { return c }
	lacks := func(k search.SortKey) []search.Any { return []search.Any{{search.Equal{Param: k.Absent}}} }
	for _, c := range []struct {
		name    string
		without int // one in so many has no date; 0: all have one
		budget  int
		config  func(sqlite.Config) sqlite.Config
		query   search.Query
	}{
		{"nobody", 0, budget, as, search.Query{Sort: []search.SortKey{date}}},
		{"nobody, downward", 0, budget, as, search.Query{Sort: []search.SortKey{down(date)}}},
		{"nobody, by both", 0, budget, as, search.Query{Sort: []search.SortKey{date, fee}}},
		{"nobody of them", 0, budget, as, search.Query{All: lacks(date), Sort: []search.SortKey{{Param: search.LastUpdated}}}},
		{"few", 200, budget, as, search.Query{Sort: []search.SortKey{date}}},
		{"few, newest first", 200, budget, as, search.Query{Sort: []search.SortKey{date, {Param: search.LastUpdated, Descending: true}}}},
		{"few, by both", 200, budget, as, search.Query{Sort: []search.SortKey{down(date), fee}}},
		{"few of them", 200, budget, as, search.Query{All: lacks(date), Sort: []search.SortKey{fee}}},
		{"not many among very many", 100, 300, sqlite.Contrary, search.Query{Sort: []search.SortKey{date}}}, // 30 of 3 000, where two are too many to be sorted without another look
		{"many", 2, 4_000, as, search.Query{Sort: []search.SortKey{date}}},                                  // what it takes to know, and as many again passed over
		{"many, by both", 2, 8_000, as, search.Query{Sort: []search.SortKey{date, fee}}},
	} {
		store := open(t, c.config(sqlite.Config{}))
		for some := range slices.Chunk(appointments(resources, c.without), 500) {
			if _, err := store.Commit(t.Context(), home, some); err != nil {
				t.Fatal(err)
			}
		}
		c.query.Type = "Appointment"
		all := storage.PageRequest{Limit: resources}
		want, err := store.Search(t.Context(), home, c.query, all)
		if err != nil {
			t.Fatal(c.name, err)
		}
		var got []fhir.Version
		page := storage.PageRequest{Limit: count, Budget: c.budget}
		for pages := 0; pages == 0 || page.After != nil; pages++ {
			plan, err := store.Explain(t.Context(), home, c.query, page)
			if err != nil {
				t.Fatal(c.name, err)
			}
			found, err := store.Search(t.Context(), home, c.query, page)
			if err != nil {
				t.Fatalf("%s, page %d: %v; it looks at %d", c.name, pages, err, plan.Looked)
			}
			got, page.After = append(got, found.Versions...), found.Next
			if page.After == nil && c.without == 0 && plan.Looked > count+2 {
				t.Errorf("%s: the last page, of %d, looks at %d", c.name, len(found.Versions), plan.Looked)
			}
		}
		if !slices.EqualFunc(got, want.Versions, func(a, b fhir.Version) bool { return a.Key == b.Key }) {
			t.Errorf("%s: pages have %d, all at once %d, or in another order", c.name, len(got), len(want.Versions))
		}
	}
}

// appointments are operations that write so many, of which one in so many has no date, and every third no fee.
func appointments(n, without int) (ops []storage.Op) {
	for i := range n {
		op := put(fmt.Sprintf("%05d", i*7919%100_000), "tag")
		if without > 0 && i%without == 0 {
			op.Entries.Terms = append(op.Entries.Terms, search.Term{Param: "date:none"})
		} else {
			op.Entries.Ranges = []search.Range{{Param: "date", Interval: fhir.Interval{Low: fhir.Instant(i % 1_000), High: fhir.Instant(i%1_000 + 1)}}}
		}
		if fee := fmt.Sprintf("%02d", i%100); i%3 == 0 {
			op.Entries.Terms = append(op.Entries.Terms, search.Term{Param: "fee:none"})
		} else {
			op.Entries.Ordereds = []search.Ordered{{Param: "fee", Low: fee, High: fee}}
		}
		ops = append(ops, op)
	}
	return ops
}
