package sqlite

import (
	"context"
	"database/sql/driver"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Search is storage.Store's.
func (s *Store) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (found storage.SearchPage, err error) {
	var after *position
	if page.After != nil {
		at, err := openCursor(page.After, p, q)
		if err != nil {
			return found, err
		}
		after = &at
	}
	err = s.snapshot(ctx, func(c *conn) error {
		x, err := s.begin(ctx, c, p, q)
		if err != nil {
			return err
		}
		if after != nil && len(after.Keys) != len(x.order.keys) {
			return badCursor(nil)
		}
		found, err = x.page(page, after)
		return err
	})
	return found, err
}

// matches returns the first matches of a query, in its order.
func (s *Store) matches(ctx context.Context, c *conn, p fhir.Partition, q search.Query, limit int) ([]fhir.Version, error) {
	x, err := s.begin(ctx, c, p, q)
	if err != nil {
		return nil, err
	}
	found, err := x.page(storage.PageRequest{Limit: limit}, nil)
	return found.Versions, err
}

// searching is one search on one connection.
type searching struct {
	*conn
	ctx       context.Context
	partition fhir.Partition
	q         search.Query
	names     numbers
	order     order
	where     []clause // what every match satisfies
}

func (s *Store) begin(ctx context.Context, c *conn, p fhir.Partition, q search.Query) (*searching, error) {
	names, err := s.names.find(ctx, c, scope{p, q.Type}, asked(q))
	if err != nil {
		return nil, err
	}
	x := &searching{conn: c, ctx: ctx, partition: p, q: q, names: names, order: newOrder(q.Sort, names)}
	for _, a := range q.All {
		x.where = append(x.where, names.any(a))
	}
	return x, nil
}

// page finds one page, and counts.
func (x *searching) page(want storage.PageRequest, after *position) (storage.SearchPage, error) {
	var page storage.SearchPage
	var rows []match
	if want.Limit > 0 {
		var err error
		if rows, err = x.find(want.Limit+1, after); err != nil {
			return page, err
		}
	}
	if len(rows) > want.Limit {
		next, err := sealCursor(x.partition, x.q, rows[want.Limit-1].position)
		if err != nil {
			return page, err
		}
		rows, page.Next = rows[:want.Limit], next
	}
	for _, r := range rows {
		page.Versions = append(page.Versions, r.version)
	}
	err := x.total(want, after, &page)
	return page, err
}

// total counts the matches as far as it is asked to. A first page without a next one has them all.
func (x *searching) total(want storage.PageRequest, after *position, page *storage.SearchPage) (err error) {
	if want.CountUpTo == 0 {
		return nil
	}
	if want.Limit > 0 && after == nil && page.Next == nil {
		page.Total = len(page.Versions)
	} else if page.Total, err = x.count(want.CountUpTo); err != nil {
		return err
	}
	page.Counted = want.CountUpTo < 0 || page.Total <= want.CountUpTo
	if !page.Counted {
		page.Total = want.CountUpTo
	}
	return nil
}

// find returns the first matches behind a position, sorted.
func (x *searching) find(limit int, after *position) ([]match, error) {
	where := append([]clause{sql("l.scope = ?", x.names[""])}, x.where...)
	if after != nil {
		where = append(where, x.order.after(*after))
	}
	columns, condition := x.order.columns(), join(where, " AND ")
	statement := join([]clause{
		sql("WITH page AS MATERIALIZED (SELECT l.instant AS at, l.id AS id"), columns,
		sql(" FROM live l INDEXED BY live_scope WHERE "), condition,
		sql(" ORDER BY "+x.order.by()+" LIMIT ?)", int64(limit)),
		sql(" SELECT v.number, v.instant, v.method, v.body, p.* FROM page p CROSS JOIN version v ON v.instant = p.at"),
	}, "")
	var rows []match
	err := x.query(x.ctx, statement.text, statement.args, func(row []driver.Value) error {
		rows = append(rows, x.match(row))
		return nil
	})
	slices.SortFunc(rows, x.order.compare)
	return rows, err
}

// match reads a row of number, instant, method, body, instant, id and the keys.
func (x *searching) match(row []driver.Value) match {
	m := match{position: position{ID: text(row[5])}}
	for _, v := range row[6:] {
		if n, ok := v.(int64); ok {
			m.Keys = append(m.Keys, &n)
		} else {
			m.Keys = append(m.Keys, nil)
		}
	}
	m.version = version(fhir.Key{Type: x.q.Type, ID: m.ID}, row)
	return m
}

// count counts the matches: all of them, or when upTo is positive up to one more.
func (x *searching) count(upTo int) (int, error) {
	where := append([]clause{sql("l.scope = ?", x.names[""])}, x.where...)
	limit := int64(-1)
	if upTo > 0 {
		limit = int64(upTo) + 1
	}
	statement := join([]clause{
		sql("SELECT count(*) FROM (SELECT 1 FROM live l INDEXED BY live_scope WHERE "), join(where, " AND "), sql(" LIMIT ?)", limit),
	}, "")
	n, _, err := x.number(x.ctx, statement.text, statement.args...)
	return int(n), err
}

// asked are the parameters of a query, and "", its type.
func asked(q search.Query) []string {
	names := []string{""}
	for _, a := range q.All {
		names = appendParams(names, a)
	}
	for _, k := range q.Sort {
		names = append(names, k.Param)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(name string) bool { return name == search.ID || name == search.LastUpdated })
}

func appendParams(names []string, a search.Any) []string {
	for _, t := range a {
		switch t := t.(type) {
		case search.Equal:
			names = append(names, t.Param)
		case search.StartsWith:
			names = append(names, t.Param)
		case search.Contains:
			names = append(names, t.Param)
		case search.Exactly:
			names = append(names, t.Param)
		case search.Within:
			names = append(names, t.Param)
		case search.Missing:
			names = append(names, t.Param)
		case search.Not:
			names = appendParams(names, t.Any)
		}
	}
	return names
}
