package storagetest

import (
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// history holds order, totals and paging of the versions of a resource.
func history(x *house) {
	key := patient("1")
	_, err := x.History(x.ctx, home, storage.HistoryQuery{Key: key, Limit: 5})
	x.want(err, fhir.NotFound)
	var written []fhir.Version
	for i := range 9 {
		op := put(key, name("%d", i))
		if i == 4 {
			op = remove(key)
		}
		written = append([]fhir.Version{x.commit(home, op)[0].Version}, written...)
		x.commit(home, put(patient("2"), ""))
		x.clock.move(time.Second)
	}
	for limit := 1; limit <= 10; limit++ {
		var all []fhir.Version
		q := storage.HistoryQuery{Key: key, Limit: limit, CountUpTo: -1}
		for more := true; more; {
			page, err := x.History(x.ctx, home, q)
			x.check(err)
			if page.Total != 9 || !page.Counted || len(page.Versions) > limit || len(page.Versions) == 0 {
				x.Fatalf("limit %d: %d of %d versions", limit, len(page.Versions), page.Total)
			}
			all = append(all, page.Versions...)
			q.Before, more = page.Versions[len(page.Versions)-1].Instant, page.More
		}
		x.equal(all, written)
	}

	for i, v := range written {
		page, err := x.History(x.ctx, home, storage.HistoryQuery{Key: key, Limit: 100, Since: v.Instant, CountUpTo: -1})
		x.check(err)
		x.equal(page, storage.HistoryPage{Versions: written[:i+1], Total: i + 1, Counted: true})
		page, err = x.History(x.ctx, home, storage.HistoryQuery{Key: key, Limit: 100, Before: v.Instant, Since: written[7].Instant, CountUpTo: -1})
		x.check(err)
		x.equal(page.Total, 8)
		x.equal(len(page.Versions), max(0, 7-i))
	}
	page, err := x.History(x.ctx, home, storage.HistoryQuery{Key: key, Limit: 3, Since: written[0].Instant + 1, CountUpTo: -1})
	x.check(err)
	x.equal(page, storage.HistoryPage{Counted: true})
}
