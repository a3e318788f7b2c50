package storagetest

import (
	"sync"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// historiesBesideWrites holds that the pages of a history belong together while others write: behind the first page nothing is lost and
// nothing comes twice.
func historiesBesideWrites(x *house) {
	const writers, rounds = 4, 40
	for range 5 {
		x.commit(home, put(patient("a"), ""), put(patient("b"), ""), put(fhir.Key{Type: "Slot", ID: "a"}, ""))
	}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range max(5, x.fewer(rounds)) {
				ops := []storage.Op{put(patient(name("%d", w)), ""), put(fhir.Key{Type: "Slot", ID: "a"}, ""), put(fhir.Key{Type: "Task", ID: name("%d-%d", w, i)}, "")}
				if i%4 == 3 {
					ops[0] = remove(ops[0].Key)
				}
				if _, err := x.apply(home, ops...); err != nil {
					x.Error(err)
				}
			}
		})
	}
	queries := []storage.HistoryQuery{{}, {Key: fhir.Key{Type: "Slot"}}, {Key: fhir.Key{Type: "Slot", ID: "a"}}, {Types: []string{"Task", "Patient"}}}
	seen := make([][]fhir.Version, len(queries))
	together(len(queries), func(i int) {
		q := queries[i]
		for q.Limit = 1 + i; ; {
			page, err := x.History(x.ctx, home, q)
			if err != nil {
				x.Error(err)
				return
			}
			seen[i] = append(seen[i], page.Versions...)
			if !page.More {
				return
			}
			q.Before = page.Versions[len(page.Versions)-1].Instant
		}
	})
	all.Wait()
	for i, q := range queries {
		q.Before, q.Limit = seen[i][0].Instant+1, 10_000
		page, err := x.History(x.ctx, home, q)
		x.check(err)
		x.equal(seen[i], page.Versions)
	}
	page, err := x.History(x.ctx, home, storage.HistoryQuery{CountUpTo: -1})
	x.check(err)
	x.equal(page, storage.HistoryPage{Total: len(x.feed()), Counted: true})
}
