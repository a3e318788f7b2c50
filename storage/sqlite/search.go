package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Search is storage.Store's.
func (s *Store) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (found storage.SearchPage, err error) {
	err = s.read(ctx, func(c *conn) (err error) {
		if page.Budget > 0 {
			c.meter.start(ctx, page.Budget, page.Limit)
			defer c.meter.stop()
		}
		found, err = s.search(ctx, c, p, q, page, nil)
		found.Vain = c.meter.vain
		return err
	})
	return found, err
}

// search finds a page, and tells how if it is given where to.
func (s *Store) search(ctx context.Context, c *conn, p fhir.Partition, q search.Query, page storage.PageRequest, told *storage.Plan) (found storage.SearchPage, err error) {
	var after *position
	if page.After != nil {
		at, err := openCursor(page.After, scope{p, q.Type}, q)
		if err != nil {
			return found, err
		}
		after = &at
	}
	x, ok := s.resume(ctx, c, p, q)
	if ok {
		x.told = told
		if found, ok, err = x.handful(page, after); ok || err != nil {
			return found, err
		}
	}
	err = c.snapshot(ctx, func() (err error) {
		if x == nil { // who knows the names and who reads them go the same ways, so that a budget suffices for both or for neither
			if x, err = s.begin(ctx, c, p, q, unbounded); err != nil {
				return err
			}
			x.told = told
			if found, ok, err = x.handful(page, after); ok || err != nil {
				return err
			}
		}
		found, err = x.answer(page, after)
		return err
	})
	return found, err
}

// searching is one search on one connection.
type searching struct {
	*conn
	ctx    context.Context
	store  *Store
	scope  scope
	q      search.Query
	names  numbers            // of the type
	world  map[string]numbers // of all types that the query looks at
	depth  int                // of the chain that leads to it; 0 of the query itself
	order  order
	bounds bounds // of the instants of all matches
	where  []criterion
	told   *storage.Plan // how it is carried out, for who wants to know; else nil

	hulls   map[axis]window  // where a row that is alone has to be, at least, to satisfy all windows on its axis
	classed map[axis][]int64 // the classes of the axes that were asked for theirs
}

// criterion is what every match satisfies: a clause of the query.
type criterion struct {
	of      int // in Query.All
	tests   search.Any
	live    bool           // a row of live has to be there to decide it
	equals  []search.Equal // the tests, when all are on terms
	axis    axis           // a row of which has to be in one of the windows, when it says nothing else
	windows []window
}

// uses are the parameters, by type, that a search has to know before it is planned. Whether anybody lacks a key is asked at the end of the
// order, and mostly nobody does: such a name is unknown for ever.
func uses(q search.Query) map[string][]string {
	q.Sort = slices.Clone(q.Sort)
	for i := range q.Sort {
		q.Sort[i].Absent = ""
	}
	return q.Uses()
}

// begin prepares a search among the versions within bounds.
func (s *Store) begin(ctx context.Context, c *conn, p fhir.Partition, q search.Query, b bounds) (*searching, error) {
	world := make(map[string]numbers)
	for kind, params := range uses(q) {
		names, err := s.names.find(ctx, c, scope{p, kind}, append(params, ""))
		if err != nil {
			return nil, err
		}
		world[kind] = names
	}
	return s.searching(ctx, c, scope{p, q.Type}, q, world, b), nil
}

// resume prepares a search whose parameters are all known already, so that nothing has to be read in the state that is searched; else nil.
func (s *Store) resume(ctx context.Context, c *conn, p fhir.Partition, q search.Query) (x *searching, ok bool) {
	world := make(map[string]numbers)
	for kind, params := range uses(q) {
		if world[kind] = s.names.remembered(scope{p, kind}); !world[kind].have(append(params, "")) {
			return nil, false
		}
	}
	return s.searching(ctx, c, scope{p, q.Type}, q, world, unbounded), true
}

func (s *Store) searching(ctx context.Context, c *conn, in scope, q search.Query, world map[string]numbers, b bounds) *searching {
	names := world[in.kind]
	x := &searching{conn: c, ctx: ctx, store: s, scope: in, q: q, names: names, world: world, order: newOrder(q.Sort, names), bounds: b, hulls: make(map[axis]window), classed: make(map[axis][]int64)}
	for i, a := range q.All {
		if w, ok := instants(a); ok {
			x.bounds = bounds{max(x.bounds.from, w.from), min(x.bounds.to, w.to)}
		} else {
			of, windows := names.windows(a)
			if of.param != 0 {
				x.hulls[of] = x.window(of).and(hull(windows))
			}
			x.where = append(x.where, criterion{i, a, asksLive(a), names.equals(a), of, windows})
		}
	}
	return x
}

// window is where a row of an axis has to be, at least, that is alone.
func (x *searching) window(of axis) window {
	if w, ok := x.hulls[of]; ok {
		return w
	}
	return of.everywhere()
}

// instants are the bounds that a clause is, when it is nothing else.
func instants(a search.Any) (bounds, bool) {
	if len(a) != 1 {
		return bounds{}, false
	}
	t, ok := a[0].(search.Within)
	from, to := t.Instants()
	return bounds{from, to}, ok && t.Param == search.LastUpdated
}

// answer finds one page, and counts.
func (x *searching) answer(want storage.PageRequest, after *position) (page storage.SearchPage, err error) {
	if after != nil && !x.order.has(*after) {
		return page, badCursor(nil)
	}
	if len(x.names) == 0 {
		page.Counted = want.CountUpTo != 0
		return page, nil // nothing of this type was ever stored
	}
	p, err := x.plan(after)
	if err != nil {
		return page, err
	}
	if want.Limit > 0 && x.order.isGathered() {
		return x.gathered(p, want, after)
	}
	if want.Limit > 0 {
		rows, more, err := x.find(p, after, room{rows: want.Limit, bytes: storage.MaxPageBytes})
		if err != nil {
			return page, err
		}
		if more {
			if page.Next, err = sealCursor(x.scope, x.q, rows[len(rows)-1].position); err != nil {
				return page, err
			}
		}
		page.Versions = versions(rows)
	}
	if err := x.meter.settle(len(page.Versions)); err != nil {
		return page, err
	}
	return page, x.total(p, want, after, &page)
}

func versions(rows []match) (list []fhir.Version) {
	for _, r := range rows {
		list = append(list, r.version)
	}
	return list
}

// total counts the matches as far as it is asked to. A first page without a next one has them all.
func (x *searching) total(p plan, want storage.PageRequest, after *position, page *storage.SearchPage) (err error) {
	if want.CountUpTo == 0 {
		return nil
	}
	matches := len(page.Versions)
	if want.Limit <= 0 || after != nil || page.Next != nil {
		if matches, err = x.count(p, want.CountUpTo); errors.Is(err, fhir.TooCostly) && want.CountUpTo > 0 {
			return nil // it stays uncounted
		}
	}
	page.Total, page.Counted = told(matches, want.CountUpTo)
	return err
}

// told is what is told of a number of matches when they are counted up to some number: 0 is not at all, a negative one to the end.
func told(matches, upTo int) (total int, counted bool) {
	if upTo < 0 || matches <= upTo && upTo > 0 {
		return matches, true
	}
	return upTo, false
}

// match reads a row of number, instant, method, body, instant, id and the keys.
func (x *searching) match(row []driver.Value) match {
	m := match{position: position{ID: text(row[5]), Keys: keys(row[6:])}}
	m.version = version(fhir.Key{Type: x.q.Type, ID: m.ID}, row)
	return m
}

// keys reads the columns of an order's keys.
func keys(columns []driver.Value) []value {
	values := make([]value, len(columns))
	for i, v := range columns {
		values[i] = valueOf(v)
	}
	return values
}
