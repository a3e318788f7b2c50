package storagetest

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// tags are entries with one term.
func tags(value string) search.Entries {
	return search.Entries{Terms: []search.Term{{Param: "tag", Value: value}}}
}

// unheeded is the progress of a Reindex that nobody looks at.
func unheeded(_, _ int64) {}

// reindexing holds that other entries change what is found, and nothing else; and that it goes on where it was interrupted.
func reindexing(x *house) {
	const other fhir.Partition = "other/test"
	a, b, gone := patient("a"), patient("b"), patient("gone")
	x.check(x.Reindex(x.ctx, func(fhir.Partition, fhir.Version) (search.Entries, error) {
		return search.Entries{}, errors.New("an empty store has no version")
	}, unheeded))
	x.commit(home, put(a, "1", "old"), put(b, "1", "old", "older"), put(gone, "1", "old"))
	x.commit(home, put(a, "2", "old"), remove(gone), put(fhir.Key{Type: "Slot", ID: "s"}, "1", "old"))
	x.commit(other, put(a, "1", "old"))
	feed, current := x.feed(), must(x.Read(x.ctx, home, a))
	history := must(x.History(x.ctx, home, storage.HistoryQuery{Key: a, Limit: 9}))

	var seen []string
	var told [][2]int64
	x.check(x.Reindex(x.ctx, func(p fhir.Partition, v fhir.Version) (search.Entries, error) {
		seen = append(seen, string(p)+"/"+v.Key.String())
		x.equal(v, must(x.Read(x.ctx, p, v.Key)))
		e := tags("new in " + string(p))
		e.Ranges = []search.Range{{Param: "unheard of", Interval: fhir.Interval{Low: 1, High: 2}}}
		return e, nil
	}, func(done, total int64) { told = append(told, [2]int64{done, total}) }))
	slices.Sort(seen)
	if first, last := told[0], told[len(told)-1]; first != [2]int64{0, 4} || last != [2]int64{4, 4} || !slices.IsSortedFunc(told, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) }) {
		x.Errorf("the progress was %v; it begins with 0 of 4, grows and ends with 4 of 4", told)
	}
	x.equal(seen, []string{"demo/test/Patient/a", "demo/test/Patient/b", "demo/test/Slot/s", "other/test/Patient/a"})
	x.equal(x.found(home, tagged("old")), []string{})
	x.equal(x.found(home, tagged("older")), []string{})
	x.equal(x.found(home, tagged("new in demo/test")), []string{"a", "b"})
	x.equal(x.found(home, tagged("new in other/test")), []string{})
	x.equal(x.found(other, tagged("new in other/test")), []string{"a"})
	byNew := search.Query{Type: "Patient", All: []search.Any{{search.Missing{Param: "unheard of"}}}, Sort: []search.SortKey{{Param: "unheard of"}}}
	x.equal(x.found(home, byNew), []string{"a", "b"})
	x.equal(x.feed(), feed)
	x.equal(must(x.Read(x.ctx, home, a)), current)
	x.equal(must(x.History(x.ctx, home, storage.HistoryQuery{Key: a, Limit: 9})), history)

	x.check(x.Reindex(x.ctx, func(fhir.Partition, fhir.Version) (search.Entries, error) { // terms stay, a range moves
		e := tags("new in demo/test")
		e.Ranges = []search.Range{{Param: "unheard of", Interval: fhir.Interval{Low: 5, High: 6}}}
		return e, nil
	}, unheeded))
	late := search.Within{Param: "unheard of", LowFrom: 5, LowTo: 5, HighFrom: 6, HighTo: 6}
	x.equal(x.found(home, search.Query{Type: "Patient", All: []search.Any{{late}}, Sort: byID}), []string{"a", "b"})

	interrupted := errors.New("enough")
	err := x.Reindex(x.ctx, func(_ fhir.Partition, v fhir.Version) (search.Entries, error) {
		if v.Key == b {
			return search.Entries{}, interrupted
		}
		return tags("half"), nil
	}, unheeded)
	if !errors.Is(err, interrupted) {
		x.Errorf("error %v, want that of the caller", err)
	}
	ctx, cancel := context.WithCancel(x.ctx)
	err = x.Reindex(ctx, func(fhir.Partition, fhir.Version) (search.Entries, error) {
		cancel()
		return tags("half"), nil
	}, unheeded)
	if !errors.Is(err, context.Canceled) {
		x.Errorf("error %v, want one that is context.Canceled", err)
	}
	x.check(x.Reindex(x.ctx, func(fhir.Partition, fhir.Version) (search.Entries, error) { return tags("whole"), nil }, unheeded))
	x.equal(len(x.found(home, tagged("half"))), 0)
	x.equal(x.found(home, tagged("whole")), []string{"a", "b"})

	x.commit(home, put(a, "3", "last"), remove(b))
	x.equal(x.found(home, tagged("whole")), []string{})
	x.equal(x.found(home, byNew), []string{})
	x.equal(x.found(home, search.Query{Type: "Patient"}), []string{"a"})
	x.reopen(0)
	x.equal(x.found(home, tagged("last")), []string{"a"})
	x.equal(x.found(other, tagged("whole")), []string{"a"})
}

// reindexingBesideWrites holds that what is written between the reading of a version and the writing of its entries keeps its own.
func reindexingBesideWrites(x *house) {
	resources := max(200, x.fewer(500)) // several batches, and what is written meanwhile
	ops := make([]storage.Op, resources)
	for i := range ops {
		ops[i] = put(patient(name("%d", i)), "", "old")
	}
	x.fill(home, ops...)
	want := make(map[string]int)
	x.check(x.Reindex(x.ctx, func(p fhir.Partition, v fhir.Version) (search.Entries, error) {
		fate := []string{"made anew", "updated", "deleted", "never there"}[v.Instant%4]
		want[fate]++
		switch fate {
		case "updated":
			x.commit(p, put(v.Key, "", fate))
		case "deleted":
			x.commit(p, remove(v.Key))
		case "never there":
			x.commit(p, remove(v.Key), put(patient("new-"+v.Key.ID), "", fate))
		}
		return tags("made anew"), nil
	}, unheeded))
	x.equal(want["made anew"]+want["updated"]+want["deleted"]+want["never there"], resources)
	for _, fate := range []string{"made anew", "updated", "never there"} {
		x.equal(len(x.found(home, tagged(fate))), want[fate])
	}
	x.equal(len(x.found(home, search.Query{Type: "Patient"})), want["made anew"]+want["updated"]+want["never there"])

	// Many at once, without a pause: whoever wrote last is found by what it wrote.
	done := make(chan struct{})
	together(3, func(i int) {
		if i == 0 {
			defer close(done)
			for range 3 {
				if err := x.Reindex(x.ctx, func(fhir.Partition, fhir.Version) (search.Entries, error) { return tags("at last"), nil }, unheeded); err != nil {
					x.Error(err)
				}
			}
			return
		}
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			if _, err := x.Commit(x.ctx, home, []storage.Op{put(patient(name("busy-%d", i)), name("%d", n), name("%d", n))}); err != nil {
				x.Error(err)
				return
			}
		}
	})
	for i := 1; i < 3; i++ {
		v := must(x.Read(x.ctx, home, patient(name("busy-%d", i))))
		r, err := fhir.ParseResource(v.Body)
		x.check(err)
		own, anew := x.found(home, tagged(r.Root().Text("note"))), x.found(home, tagged("at last"))
		if slices.Contains(own, v.Key.ID) == slices.Contains(anew, v.Key.ID) {
			x.Errorf("%s is found by its own entries among %v, and by new ones among %d", v.Key, own, len(anew))
		}
	}
}

// reindexingByChance holds what searches find afterwards against search.Match and search.Compare.
func reindexingByChance(x *house) {
	c := newCorpus(x, 19)
	for range 6 {
		c.write(40, c.anyID)
	}
	for round := 0; round < 3 && !c.Failed(); round++ {
		x.check(x.Reindex(x.ctx, func(_ fhir.Partition, v fhir.Version) (search.Entries, error) {
			anew := c.alive[v.Key]
			anew.Entries = c.entries()
			c.alive[v.Key] = anew
			return anew.Entries, nil
		}, unheeded))
		for range max(10, x.fewer(150)) {
			q := c.query()
			page, err := c.Search(c.ctx, home, q, storage.PageRequest{Limit: 10_000})
			c.check(err)
			if !c.same(q, page.Versions, c.expect(q)) {
				break
			}
		}
		c.write(20, c.anyID)
	}
}
