package storagetest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// restoring holds that a store that took over what another has answers as that one does, however often what was cut off is begun again, and that
// it goes on behind it.
func restoring(x *house) {
	from := newCorpus(x, 37)
	for range max(3, x.fewer(6)) {
		from.write(20, from.anyID)
		x.clock.move(time.Second)
	}
	x.commit("other/test", by("somebody", put(patient("a"), "1", "there")), put(fhir.Key{Type: "Task", ID: "a"}, ""))
	x.commit("other/test", by(strings.Repeat("x", storage.MaxOrigin), remove(patient("a"))))
	x.clock.move(time.Hour)
	x.commit("other/test", put(patient("a"), "3", "there"))
	x.clock.move(-time.Hour)
	versions := from.everyVersion()

	to := newHouse(x.T, x.h)
	half := len(versions) / 2
	for _, there := range [][]storage.Restored{nil, versions[:half]} {
		to.check(to.Restore(to.ctx, there))
		to.equal(len(to.feed()), len(there))
		for _, r := range versions { // what was read before is no longer so
			want := fhir.Version{}
			for _, t := range there {
				if t.Partition == r.Partition && t.Version.Key == r.Version.Key {
					want = t.Version
				}
			}
			to.equal(must(to.Read(to.ctx, r.Partition, r.Version.Key)), want)
		}
	}
	for rest := range slices.Chunk(versions, 1+half/3) { // again from the beginning
		to.check(to.Restore(to.ctx, rest))
	}
	to.check(to.Restore(to.ctx, versions))
	to.answersAs(from)
	to.reopen(0)
	to.answersAs(from)

	// The newest instant lies an hour ahead of the clock.
	v := to.commit(home, put(patient("later"), "", "later"))[0].Version
	if newest := versions[len(versions)-1].Version.Instant; v.Instant <= newest {
		x.Errorf("what is written later has the instant %v, but %v was restored", v.Instant, newest)
	}
	last := versions[len(versions)-1]
	to.equal(to.commit("other/test", put(last.Version.Key, "4", "still there"))[0].Version.Number, last.Version.Number+1)
	to.equal(to.found("other/test", tagged("there")), []string{})
	to.check(to.Restore(to.ctx, versions)) // all of it is there, superseded or not
	to.equal(to.found("other/test", tagged("still there")), []string{"a"})
	to.equal(len(to.feed()), len(versions)+2)
}

// everyVersion is what a corpus's store has, as its events tell of it, ready to be taken over. What is superseded has no entries.
func (c *corpus) everyVersion() (all []storage.Restored) {
	c.Helper()
	for _, e := range c.feed() {
		v, err := c.ReadVersion(c.ctx, e.Partition, e.Key, e.Number)
		c.check(err)
		page, err := c.History(c.ctx, e.Partition, storage.HistoryQuery{Key: e.Key, Since: e.Instant, Before: e.Instant + 1, Limit: 1})
		c.check(err)
		r := storage.Restored{Partition: e.Partition, Version: v, Existed: page.Existed[0], Origin: e.Origin}
		switch current := must(c.Read(c.ctx, e.Partition, e.Key)); {
		case current.Number != v.Number || v.IsDeleted():
		case e.Partition == home:
			r.Entries = c.alive[e.Key].Entries
		case e.Key.Type == "Patient":
			r.Entries = tags("there")
		}
		all = append(all, r)
	}
	return all
}

// answersAs demands that every read, history, search and event is that of another store.
func (x *house) answersAs(from *corpus) {
	x.Helper()
	feed := from.feed()
	x.equal(x.feed(), feed)
	for _, e := range feed {
		x.equal(must(x.ReadVersion(x.ctx, e.Partition, e.Key, e.Number)), must(from.ReadVersion(x.ctx, e.Partition, e.Key, e.Number)))
		x.equal(must(x.Read(x.ctx, e.Partition, e.Key)), must(from.Read(x.ctx, e.Partition, e.Key)))
	}
	middle := feed[len(feed)/2].Instant
	for _, p := range []fhir.Partition{home, "other/test", "nobody/test"} {
		for _, q := range []storage.HistoryQuery{
			{}, {Key: fhir.Key{Type: "Slot"}}, {Types: []string{"Patient", "Task"}}, {Since: middle}, {Before: middle}, {During: fhir.Interval{Low: middle, High: middle + 1}},
		} {
			q.Limit, q.CountUpTo = 10_000, -1
			x.equal(must(x.History(x.ctx, p, q)), must(from.History(x.ctx, p, q)))
		}
	}
	x.equal(x.found("other/test", tagged("there")), []string{"a"})
	for _, key := range []fhir.Key{feed[0].Key, feed[len(feed)/3].Key} {
		q := storage.HistoryQuery{Key: key, Limit: 10_000, CountUpTo: -1}
		x.equal(must(x.History(x.ctx, home, q)), must(from.History(x.ctx, home, q)))
	}
	for range max(10, x.fewer(60)) {
		q := from.query()
		page, err := x.Search(x.ctx, home, q, storage.PageRequest{Limit: 10_000})
		x.check(err)
		if !from.same(q, page.Versions, from.expect(q)) {
			return
		}
	}
}

// contradictions holds that nothing is taken over that contradicts what is there, and that a store with transactions takes over nothing of what came with it.
func contradictions(x *house) {
	const minute = fhir.Instant(60e6)
	at := fhir.InstantOf(x.clock.now())
	version := func(key fhir.Key, number int64, instant fhir.Instant, text string) storage.Restored {
		v := fhir.Version{Key: key, Number: number, Instant: instant, Method: fhir.Updated}
		draft := fhir.NewDraft(note(key, text))
		v.Body = draft.Stamp(number, instant)
		return storage.Restored{Partition: home, Version: v, Existed: number > 1, Origin: text, Entries: tags(text)}
	}
	gone := func(r storage.Restored) storage.Restored {
		r.Version.Method, r.Version.Body, r.Entries = fhir.Deleted, nil, search.Entries{}
		return r
	}
	a, b := patient("a"), patient("b")
	there := []storage.Restored{version(a, 1, at, "one"), version(a, 2, at+minute, "two"), version(b, 1, at+2*minute, "one"), gone(version(b, 2, at+3*minute, ""))}
	x.check(x.Restore(x.ctx, there))
	feed, whole := x.feed(), x.everything()
	x.equal(len(feed), 4)

	change := func(r storage.Restored, how func(*storage.Restored)) storage.Restored {
		how(&r)
		return r
	}
	for what, bad := range map[string]storage.Restored{
		"another body":                version(a, 1, at, "other"),
		"another body of the current": version(a, 2, at+minute, "other"),
		"another instant":             version(a, 1, at+1, "one"),
		"another method":              change(there[0], func(r *storage.Restored) { r.Version.Method = fhir.Created }),
		"no deletion":                 version(b, 2, at+3*minute, ""),
		"a deletion":                  gone(version(a, 2, at+minute, "")),
		"another origin":              change(there[0], func(r *storage.Restored) { r.Origin = "another" }),
		"no origin":                   change(there[1], func(r *storage.Restored) { r.Origin = "" }),
		"another before":              change(there[1], func(r *storage.Restored) { r.Existed = false }),
		"a gap":                       version(a, 4, at+9*minute, "four"),
		"a gap at the beginning":      version(patient("new"), 2, at+9*minute, "two"),
		"no number":                   version(patient("new"), 0, at+9*minute, "none"),
		"not later":                   version(a, 3, at+minute, "three"),
		"earlier":                     version(a, 3, at+minute/2, "three"),
		"an instant of another":       version(patient("new"), 1, at+minute, "one"),
		"an instant of a past one":    version(patient("new"), 1, at, "one"),
		"it did exist":                change(version(a, 3, at+9*minute, "three"), func(r *storage.Restored) { r.Existed = false }),
		"it was deleted":              version(b, 3, at+9*minute, "three"),
		"it never was":                change(version(patient("new"), 1, at+9*minute, "one"), func(r *storage.Restored) { r.Existed = true }),
		"deleted twice":               change(gone(version(b, 3, at+9*minute, "")), func(r *storage.Restored) { r.Existed = false }),
		"deleted and was not there":   gone(version(patient("new"), 1, at+9*minute, "")),
		"no method":                   change(version(a, 3, at+9*minute, "three"), func(r *storage.Restored) { r.Version.Method = 0 }),
		"no body, and is no deletion": change(version(a, 3, at+9*minute, "three"), func(r *storage.Restored) { r.Version.Body = nil }),
	} {
		err := x.Restore(x.ctx, []storage.Restored{bad})
		x.want(err, fhir.Conflict)
		if err != nil && !strings.Contains(err.Error(), bad.Version.Key.String()) {
			x.Errorf("%s: the error does not name %s: %v", what, bad.Version.Key, err)
		}
		if x.Transactions() {
			x.want(x.Restore(x.ctx, []storage.Restored{version(patient("before"), 1, at+5*minute, ""), bad, version(patient("behind"), 1, at+10*minute, "")}), fhir.Conflict)
		}
		x.equal(x.feed(), feed)
		x.equal(x.everything(), whole)
		if x.Failed() {
			x.Fatal(what)
		}
	}

	unfit := change(version(patient("new"), 1, at+9*minute, "one"), func(r *storage.Restored) { r.Origin = strings.Repeat("x", storage.MaxOrigin+1) })
	x.want(x.Restore(x.ctx, []storage.Restored{unfit}), fhir.Invalid)
	x.equal(x.feed(), feed)

	// What a refused call brought leaves no trace in the clock, and what is right goes on.
	v := x.commit(home, put(patient("c"), ""))[0].Version
	if x.Transactions() && v.Instant > at+4*minute {
		x.Errorf("a commit has the instant %v, as if something of what was refused had stayed", v.Instant)
	}
	ended, cancel := context.WithCancel(x.ctx)
	cancel()
	more := []storage.Restored{version(a, 3, at+20*minute, "three"), change(version(b, 3, at+21*minute, "three"), func(r *storage.Restored) { r.Existed = false })}
	if x.Restore(ended, more) == nil {
		x.Error("a call whose context has ended restores")
	}
	x.check(x.Restore(x.ctx, append(there, more...)))
	x.equal(x.found(home, tagged("three")), []string{"b", "a"})
	x.equal(x.found(home, tagged("two")), []string{})
	x.equal(len(x.feed()), len(feed)+3)
}
