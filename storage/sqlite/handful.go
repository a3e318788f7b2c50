package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"io"
	"slices"
	"strconv"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Most searches of users find a few resources by a value that few have: an identifier, an id, a patient. These go a short way: one statement
// tells of every resource that has the value whether it is a match, and where it stands in the order. One statement is one state of the
// store and needs no transaction around it; and a version never changes, so that its body may come from memory or be read later.

const (
	handful   = 32 // resources with a value at most, for the short way
	mostTries = 2  // values that are tried
	mostTests = 64 // tests of a query, for the short way: a long statement costs more to compile than is won
)

// pinch is a selection of the resources that have a value.
type pinch struct {
	of     int    // the clause that says so, in searching.where
	from   clause // instants d.at of all of them, or of the first handful and one
	beyond clause // whether there are more than a handful, known at the first row
}

// handful finds a page the short way. Not ok says that this search has to go the whole one.
func (x *searching) handful(want storage.PageRequest, after *position) (page storage.SearchPage, ok bool, err error) {
	if after != nil && !x.order.has(*after) {
		return page, false, badCursor(nil)
	}
	if len(x.names) == 0 {
		return page, false, nil // nothing of this type was ever stored
	}
	all, ok, err := x.pinched()
	if err != nil || !ok {
		return page, false, err
	}
	page, err = x.cut(all, want, after)
	return page, true, err
}

// cut makes a page of all matches, which have no bodies yet and are in no order.
func (x *searching) cut(all []match, want storage.PageRequest, after *position) (page storage.SearchPage, err error) {
	page.Total, page.Counted = told(len(all), want.CountUpTo)
	if want.Limit <= 0 {
		return page, nil
	}
	if after != nil {
		all = slices.DeleteFunc(all, func(m match) bool { return x.order.compare(m, match{position: *after}) <= 0 })
	}
	slices.SortFunc(all, x.order.compare)
	rows := all[:min(len(all), want.Limit)]
	fit, left := 0, room{rows: want.Limit, bytes: storage.MaxPageBytes}
	for some := range slices.Chunk(rows, handful) { // so that of large ones not many more are read than fit
		if err := x.fetch(some); err != nil {
			return page, err
		}
		n, rest := left.take(some)
		if fit, left = fit+n, rest; n < len(some) {
			break
		}
	}
	if fit < len(all) {
		page.Next, err = sealCursor(x.scope, x.q, rows[fit-1].position)
	}
	page.Versions = versions(rows[:fit])
	return page, cmp.Or(err, x.meter.settle(fit))
}

// pinched are all matches, without their bodies and in no order, if a handful of resources at most has a value that every match has.
func (x *searching) pinched() (all []match, ok bool, err error) {
	pinches := x.pinches()
	for i := 0; i < min(len(pinches), mostTries) && !ok; i++ {
		if all, ok, err = x.among(pinches[i]); err != nil {
			return nil, false, err
		}
	}
	return all, ok, nil
}

// pinches are the selections that may be of few. There is none for a query whose other tests take more than a look at a resource.
func (x *searching) pinches() (all []pinch) {
	tests := 0
	for i, c := range x.where {
		if tests += size(c.tests); tests > mostTests || isChained(c.tests) {
			return nil
		}
		t, ok := only(c.tests)
		switch param := x.names[t.Param]; {
		case !ok:
		case t.Param == search.ID:
			return []pinch{{of: i, beyond: never, from: sql("(SELECT instant AS at FROM version INDEXED BY version_key WHERE partition = ? AND type = ? AND id = ? ORDER BY number DESC LIMIT 1) d",
				string(x.scope.partition), x.scope.kind, t.Value)}}
		default:
			all = append(all, pinch{
				of:     i,
				from:   sql("(SELECT instant AS at FROM term WHERE param = ? AND hash = ? LIMIT +?) d", param, sought(t.Value), int64(x.store.handful+1)),
				beyond: sql("EXISTS (SELECT 1 FROM term WHERE param = ? AND hash = ? LIMIT 1 OFFSET +?)", param, sought(t.Value), int64(x.store.handful)),
			})
		}
	}
	return all
}

// size is how many tests a clause has, those within others among them.
func size(a search.Any) (tests int) {
	for _, t := range a {
		tests++
		switch t := t.(type) {
		case search.Not:
			tests += size(t.Any)
		case search.Every:
			for _, a := range t {
				tests += size(a)
			}
		}
	}
	return tests
}

// only is the test of a clause that has but one, when it is on a whole value.
func only(a search.Any) (search.Equal, bool) {
	if len(a) != 1 {
		return search.Equal{}, false
	}
	t, ok := a[0].(search.Equal)
	return t, ok
}

// others are the clauses that a selection leaves to be checked.
func (x *searching) others(p pinch) []criterion {
	return slices.Delete(slices.Clone(x.where), p.of, p.of+1)
}

// among are the matches of a selection. Not ok says that it is of more than a handful.
func (x *searching) among(p pinch) (all []match, ok bool, err error) {
	holds := conjunction(append(x.predicates(x.others(p), "l.instant", "l"), x.bounds.on("l.instant")))
	columns := []clause{sql("SELECT l.instant, l.id, "), p.beyond, sql(", "), holds}
	for _, k := range x.order {
		columns = append(columns, sql(", "), k.value())
	}
	statement := join(append(columns, sql(" FROM "), p.from, sql(" CROSS JOIN live l ON l.instant = d.at WHERE l.scope = ?", x.names[""])), "")
	rows := 0
	ok = true
	err = x.query(context.WithoutCancel(x.ctx), statement.text, statement.args, func(row []driver.Value) error {
		rows++
		if integer(row[2]) != 0 {
			ok = false
			return io.EOF
		}
		if integer(row[3]) != 0 {
			m := match{position: position{Keys: keys(row[4:]), ID: text(row[1])}}
			m.version.Instant = fhir.Instant(integer(row[0]))
			all = append(all, m)
		}
		return nil
	})
	if ok && err == nil { // what is looked at again counts once
		x.tellShort(p, rows)
		err = x.meter.look(rows)
	}
	return all, ok, err
}

// fetch gives matches their versions: of memory those that are current still, the rest of the file. What the file does not have stays
// without a number. What is current in a state that began earlier is not kept in memory: it may have been superseded since.
func (x *searching) fetch(all []match) error {
	var missing []*match
	var instants []byte
	changes := make(map[place]uint64) // of the places whose versions may be kept in memory
	for i := range all {
		m := &all[i]
		at := x.place(m.ID)
		if v, known := x.store.cache.get(at); known && v.Instant == m.version.Instant {
			m.version = v
			continue
		}
		if seen, quiet := x.store.cache.watch(at); quiet && !x.frozen {
			changes[at] = seen
		}
		missing, instants = append(missing, m), strconv.AppendInt(append(instants, ','), int64(m.version.Instant), 10)
	}
	if missing == nil {
		return nil
	}
	instants[0] = '['
	return x.query(context.WithoutCancel(x.ctx), versionsAt, []driver.Value{string(append(instants, ']')), string(x.scope.partition), x.scope.kind}, func(row []driver.Value) error {
		for _, m := range missing {
			if int64(m.version.Instant) != integer(row[1]) {
				continue
			}
			at := x.place(m.ID)
			m.version = version(at.key, row)
			if seen, quiet := changes[at]; quiet && integer(row[4]) != 0 {
				x.store.cache.keep(placed{at, m.version}, seen)
			}
		}
		return nil
	})
}

// versionsAt are versions by their instants, and whether they are still current.
const versionsAt = `SELECT v.number, v.instant, v.method, v.body, EXISTS (SELECT 1 FROM live l WHERE l.instant = v.instant)
	FROM json_each(?) j CROSS JOIN version v ON v.instant = j.value AND v.partition = ? AND v.type = ?`

func (x *searching) place(id string) place {
	return place{x.scope.partition, fhir.Key{Type: x.q.Type, ID: id}}
}
