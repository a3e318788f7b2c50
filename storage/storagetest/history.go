package storagetest

import (
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// history holds order, totals and paging of the versions of a resource, of a type, and of all types.
func history(x *house) {
	_, err := x.History(x.ctx, home, storage.HistoryQuery{Key: patient("1"), Limit: 5})
	x.want(err, fhir.NotFound)
	for _, q := range []storage.HistoryQuery{{}, {Key: fhir.Key{Type: "Patient"}}, {Types: []string{"Patient"}}} {
		q.Limit, q.CountUpTo = 5, -1
		page, err := x.History(x.ctx, home, q)
		x.check(err)
		x.equal(page, storage.HistoryPage{Counted: true})
	}

	c := newChronicle(x)
	for i := range 9 {
		op := put(patient("1"), name("%d", i))
		if i == 4 {
			op = remove(patient("1"))
		}
		c.write(home, op)
		c.write(home, put(patient("2"), ""), put(fhir.Key{Type: "Slot", ID: "1"}, ""))
		c.write("other/test", put(patient("1"), "not ours"))
		x.clock.move(time.Second)
	}
	for _, q := range []storage.HistoryQuery{
		{Key: patient("1")},
		{Key: fhir.Key{Type: "Patient"}},
		{Key: fhir.Key{Type: "Slot"}, Types: []string{"Patient"}}, // Types counts only where Key names none
		{Key: fhir.Key{Type: "Nothing"}},
		{},
		{Types: []string{"Slot", "Nothing", "Slot"}},
		{Types: []string{}},
	} {
		want := len(c.expect(home, q))
		for limit := 0; limit <= want+1; limit++ {
			if x.h.Slow > 1 && limit > 3 && limit%7 != 0 && limit < want-1 {
				continue
			}
			q.Limit = limit
			for _, q.CountUpTo = range []int{-1, 0, 1, want - 1, want, want + 1} {
				c.same(home, q)
			}
			if limit > 0 {
				c.whole(home, q, nothing)
			}
		}
	}

	// While others write between the pages, what is behind the first stays what it was.
	past := fhir.Interval{Low: c.written[7].Instant, High: c.written[30].Instant}
	for _, q := range []storage.HistoryQuery{
		{Key: patient("1")}, {Key: fhir.Key{Type: "Patient"}}, {Types: []string{"Patient", "Slot"}}, {}, {Since: c.written[5].Instant}, {During: past},
	} {
		limits := []int{1, 3, 8, 2, 5}
		if x.h.Slow > 1 {
			limits = limits[:3]
		}
		for _, q.Limit = range limits {
			writes := 0
			c.whole(home, q, func() {
				if writes++; writes <= 3 {
					c.write(home, put(patient("1"), "between"), remove(patient("2")), put(fhir.Key{Type: "Task", ID: name("%d", writes)}, ""))
				}
			})
		}
	}
}
