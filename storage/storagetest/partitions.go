package storagetest

import (
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// partitions holds that no method tells of, or touches, what is in another partition.
func partitions(x *house) {
	key := patient("1")
	others := []fhir.Partition{"demo/live", "Demo/test", "demo/tes", "demo/test2", "demo"}
	x.commit(home, put(key, "home", "here"))
	for _, p := range others {
		_, err := x.Read(x.ctx, p, key)
		x.want(err, fhir.NotFound)
		_, err = x.ReadVersion(x.ctx, p, key, 1)
		x.want(err, fhir.NotFound)
		_, err = x.History(x.ctx, p, storage.HistoryQuery{Key: key, Limit: 1})
		x.want(err, fhir.NotFound)
		for _, q := range []storage.HistoryQuery{{}, {Key: fhir.Key{Type: "Patient"}}, {Types: []string{"Patient"}}} {
			q.Limit, q.CountUpTo = 10, -1
			page, err := x.History(x.ctx, p, q)
			x.check(err)
			x.equal(page, storage.HistoryPage{Counted: true})
		}
		x.equal(x.found(p, search.Query{Type: "Patient"}), []string{})
		x.equal(x.found(p, tagged("here")), []string{})
	}
	for i, p := range others {
		x.equal(x.commit(p, remove(key))[0], storage.Result{})
		got := x.commit(p, under(unmatched("here"), under(storage.Condition{Absent: true}, put(key, string(p), "here"))))[0]
		if !got.Changed || got.Existed || got.Version.Number != 1 {
			x.Errorf("%s: %+v", p, got)
		}
		for range i {
			x.commit(p, put(key, string(p), "here", name("only %d", i)))
		}
	}
	for i, p := range others {
		v, err := x.Read(x.ctx, p, key)
		x.check(err)
		x.equal(v.Number, int64(i+1))
		page, err := x.Search(x.ctx, p, tagged("here"), storage.PageRequest{Limit: 9, CountUpTo: -1})
		x.check(err)
		x.equal(page.Total, 1)
		x.equal(page.Versions, []fhir.Version{v})
		x.equal(len(x.found(p, tagged("only 1"))) == 1, i == 1)
	}
	x.commit(others[0], remove(key))
	v, err := x.Read(x.ctx, home, key)
	x.check(err)
	x.equal(v.Number, int64(1))
	x.equal(x.found(home, tagged("here")), []string{"1"})

	// Types within a partition do not meet either.
	slot := fhir.Key{Type: "Slot", ID: "1"}
	x.commit(home, put(slot, "", "here"))
	x.equal(x.found(home, tagged("here")), []string{"1"})
	x.commit(home, remove(slot))
	x.equal(x.found(home, tagged("here")), []string{"1"})
}
