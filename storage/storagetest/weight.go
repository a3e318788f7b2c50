package storagetest

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// weighed are versions with their weights in MiB, in the order in which they are asked for.
type weighed struct {
	names   []string
	weights []int
}

// pages are the names as the pages have them: "0 1|2", where 0 and 1 weigh no more than a page may, and 2 would be too much.
func (w weighed) pages() string {
	var all strings.Builder
	sum := 0
	for i, n := range w.names {
		switch sum += w.weights[i]; {
		case i == 0:
		case sum > storage.MaxPageBytes>>20:
			all.WriteByte('|')
			sum = w.weights[i]
		default:
			all.WriteByte(' ')
		}
		all.WriteString(n)
	}
	return all.String()
}

// heavyPages holds that large bodies end a page early, of a search and of a history, and that nothing is lost by it.
func heavyPages(x *house) {
	weights, heavy := []int{12, 12, storage.MaxPageBytes>>20 + 1, 12, 2}, 12
	if x.h.Largest > 0 { // then the pages have more of them
		heavy = min(heavy, x.h.Largest>>20)
		weights = []int{heavy, heavy, 1, heavy, heavy, 2, heavy}
	}
	op := func(id string, weight int) storage.Op { return put(patient(id), strings.Repeat("x", weight<<20-1_000)) }
	var past weighed // of all Patients, the oldest first
	version := func(number string, weight int) {
		past.names, past.weights = append(past.names, number), append(past.weights, weight)
	}
	all := make([]search.Indexed, len(weights))
	for i, weight := range weights {
		op, low := op(name("%d", i), weight), fhir.Instant(i)
		op.Entries.Ranges = []search.Range{{Param: "date", Interval: fhir.Interval{Low: low, High: low + 1<<(i%3)}}}
		op.Entries.Texts = []search.Text{{Param: "name", Folded: name("%d", i), Exact: "x"}}
		v := x.commit(home, op)[0].Version
		all[i] = search.Indexed{ID: v.Key.ID, Instant: v.Instant, Entries: op.Entries}
		version("1", weight)
	}
	for i, sort := range [][]search.SortKey{{{Param: "date", Absent: toldKeys[0].Absent, Descending: true}}, {{Param: "name", By: search.ByText, Descending: true}}, byID} {
		if x.h.Slow > 1 && i > 1 { // a hundred megabytes take their time
			break
		}
		q := search.Query{Type: "Patient", Sort: sort}
		search.Sort(q, all)
		var want weighed
		for _, r := range all {
			want.names = append(want.names, r.ID)
			want.weights = append(want.weights, weights[r.ID[0]-'0'])
		}
		var got []string
		for request := (storage.PageRequest{Limit: 100, CountUpTo: -1}); ; {
			page, err := x.Search(x.ctx, home, q, request)
			x.check(err)
			x.equal(page.Total, len(weights))
			got = append(got, joined(ids(page.Versions)))
			if request.After = page.Next; page.Next == nil || len(got) > 5 {
				break
			}
		}
		x.equal(strings.Join(got, "|"), want.pages())
	}

	versions := 2 + storage.MaxPageBytes>>20/heavy // fill a page, and one more
	for n := range versions - 1 {
		x.commit(home, op("h", heavy))
		version(name("%d", n+1), heavy)
	}
	x.commit(home, remove(patient("h")))
	version(name("%d", versions), 0) // the deletion weighs nothing
	slices.Reverse(past.names)
	slices.Reverse(past.weights)
	for i, c := range []struct {
		q    storage.HistoryQuery
		want weighed
	}{
		{storage.HistoryQuery{Key: patient("h")}, weighed{past.names[:versions], past.weights[:versions]}},
		{storage.HistoryQuery{Key: fhir.Key{Type: "Patient"}}, past},
		{storage.HistoryQuery{}, past},
	} {
		if x.h.Slow > 1 && i > 1 {
			break
		}
		var got []string
		for c.q.Limit, c.q.CountUpTo = 100, -1; ; {
			page, err := x.History(x.ctx, home, c.q)
			x.check(err)
			x.equal(page.Total, len(c.want.names))
			var numbers []string
			for _, v := range page.Versions {
				numbers = append(numbers, name("%d", v.Number))
			}
			if got = append(got, joined(numbers)); !page.More || len(got) > 9 {
				break
			}
			c.q.Before = page.Versions[len(page.Versions)-1].Instant
		}
		x.equal(strings.Join(got, "|"), c.want.pages())
	}
}
