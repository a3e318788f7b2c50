package sqlite

import (
	"context"
	"database/sql/driver"
	"io"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// History is storage.Store's.
func (s *Store) History(ctx context.Context, p fhir.Partition, q storage.HistoryQuery) (page storage.HistoryPage, err error) {
	err = s.snapshot(ctx, func(c *conn) error {
		if q.Key.ID != "" {
			_, known, err := c.number(ctx, "SELECT number FROM version WHERE partition = ? AND type = ? AND id = ? LIMIT 1", string(p), q.Key.Type, q.Key.ID)
			if err != nil {
				return err
			}
			if !known {
				return notFound(q.Key)
			}
		}
		if err := countVersions(ctx, c, p, q, &page); err != nil || q.Limit == 0 {
			return err
		}
		return readVersions(ctx, c, p, q, &page)
	})
	return page, err
}

// countVersions counts what a query asks for, as far as it asks for that.
func countVersions(ctx context.Context, c *conn, p fhir.Partition, q storage.HistoryQuery, page *storage.HistoryPage) error {
	if q.CountUpTo == 0 {
		return nil
	}
	q.Before = 0
	from, args := versionsOf(p, q)
	statement := "SELECT count(*) " + from
	if q.CountUpTo > 0 {
		statement, args = "SELECT count(*) FROM (SELECT 1 "+from+" LIMIT +?)", append(args, int64(q.CountUpTo)+1)
	}
	n, _, err := c.number(ctx, statement, args...)
	page.Total, page.Counted = int(n), q.CountUpTo < 0 || n <= int64(q.CountUpTo)
	if !page.Counted {
		page.Total = q.CountUpTo
	}
	return err
}

func readVersions(ctx context.Context, c *conn, p fhir.Partition, q storage.HistoryQuery, page *storage.HistoryPage) error {
	from, args := versionsOf(p, q)
	left := room{rows: q.Limit, bytes: storage.MaxPageBytes}
	statement := "SELECT v.number, v.instant, v.method, v.body, v.type, v.id " + from + " ORDER BY v.instant DESC LIMIT +?"
	return c.query(ctx, statement, append(args, int64(q.Limit)+1), func(row []driver.Value) error {
		v := version(fhir.Key{Type: text(row[4]), ID: text(row[5])}, row)
		if page.More = !left.takes(v.Body); page.More {
			return io.EOF
		}
		page.Versions, left = append(page.Versions, v), left.less(v.Body)
		return nil
	})
}

// versionsOf is the part of a statement that says which versions are meant.
func versionsOf(p fhir.Partition, q storage.HistoryQuery) (from string, args []driver.Value) {
	var b strings.Builder
	where := func(condition string, values ...driver.Value) {
		b.WriteString(condition)
		args = append(args, values...)
	}
	switch {
	case q.Key.ID != "":
		where("FROM version v INDEXED BY version_key WHERE v.partition = ? AND v.type = ? AND v.id = ?", string(p), q.Key.Type, q.Key.ID)
	case q.Key.Type != "":
		where("FROM version v INDEXED BY version_feed WHERE v.partition = ? AND v.type = ?", string(p), q.Key.Type)
	default:
		where("FROM version v NOT INDEXED WHERE v.partition = ?", string(p))
		if q.Types != nil {
			where(" AND v.type IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(q.Types)), ", ") + ")")
			for _, t := range q.Types {
				args = append(args, t)
			}
		}
	}
	if q.Before != 0 {
		where(" AND v.instant < ?", int64(q.Before))
	}
	if q.Since != 0 {
		where(" AND v.instant >= ?", int64(q.Since))
	}
	if q.During != (fhir.Interval{}) {
		where(" AND v.instant < ? AND NOT EXISTS (SELECT 1 FROM version n INDEXED BY version_key WHERE n.partition = v.partition AND n.type = v.type AND n.id = v.id AND n.number = v.number + 1 AND n.instant <= ?)",
			int64(q.During.High), int64(q.During.Low))
	}
	return b.String(), args
}
