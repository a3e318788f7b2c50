package storagetest

import (
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// heavyPages holds that large bodies end a page early, of a search and of a history, and that nothing is lost by it.
func heavyPages(x *house) {
	heavy := func(id string, size int) storage.Op { return put(patient(id), strings.Repeat("x", size<<20-1_000)) }
	for i, size := range []int{12, 12, storage.MaxPageBytes>>20 + 1, 12, 2} {
		op, low := heavy(name("%d", i), size), fhir.Instant(i)
		op.Entries.Ranges = []search.Range{{Param: "date", Interval: fhir.Interval{Low: low, High: low + 1<<(i%3)}}}
		op.Entries.Texts = []search.Text{{Param: "name", Folded: name("%d", i), Exact: "x"}}
		x.commit(home, op)
	}
	for _, c := range []struct {
		sort []search.SortKey
		want string
	}{
		{byID, "0 1|2|3 4"},
		{[]search.SortKey{{Param: "date", Descending: true}}, "2|4 3 1|0"}, // as their ends are: 1, 3, 6, 4, 6
		{[]search.SortKey{{Param: "name", By: search.ByText, Descending: true}}, "4 3|2|1 0"},
	} {
		q := search.Query{Type: "Patient", Sort: c.sort}
		var got []string
		for request := (storage.PageRequest{Limit: 100, CountUpTo: -1}); ; {
			page, err := x.Search(x.ctx, home, q, request)
			x.check(err)
			x.equal(page.Total, 5)
			got = append(got, strings.Join(ids(page.Versions), " "))
			if request.After = page.Next; page.Next == nil || len(got) > 5 {
				break
			}
		}
		x.equal(strings.Join(got, "|"), c.want)
	}

	for range 3 {
		x.commit(home, heavy("h", 12))
	}
	x.commit(home, remove(patient("h")))
	for _, c := range []struct {
		q    storage.HistoryQuery
		want string
	}{
		{storage.HistoryQuery{Key: patient("h")}, "4 3 2|1"}, // the deletion weighs nothing
		{storage.HistoryQuery{Key: fhir.Key{Type: "Patient"}}, "4 3 2|1 1 1|1|1 1"},
		{storage.HistoryQuery{}, "4 3 2|1 1 1|1|1 1"},
	} {
		var got []string
		for c.q.Limit, c.q.CountUpTo = 100, -1; ; {
			page, err := x.History(x.ctx, home, c.q)
			x.check(err)
			x.equal(page.Total, strings.Count(c.want, " ")+strings.Count(c.want, "|")+1)
			var numbers []string
			for _, v := range page.Versions {
				numbers = append(numbers, name("%d", v.Number))
			}
			if got = append(got, strings.Join(numbers, " ")); !page.More || len(got) > 9 {
				break
			}
			c.q.Before = page.Versions[len(page.Versions)-1].Instant
		}
		x.equal(strings.Join(got, "|"), c.want)
	}
}
