package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"io"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// past is what a history is read of. Neither of its forms reads more rows for a page than the page has, however many there are
// before and behind it; but During on a type or on all passes over every version that was superseded before it began.
type past interface {
	// page is the statement for the newest versions before an instant: see columns.
	page(before fhir.Instant, limit int) (clause, error)

	// count counts all versions, at least as far as it is asked to; a negative number asks for all.
	count(upTo int) (int, error)
}

// History is storage.Store's.
func (s *Store) History(ctx context.Context, p fhir.Partition, q storage.HistoryQuery) (page storage.HistoryPage, err error) {
	err = s.snapshot(ctx, func(c *conn) error {
		of, err := pastOf(ctx, c, p, q)
		if err != nil {
			return err
		}
		if err := readPast(ctx, c, of, q, &page); err != nil {
			return err
		}
		return countPast(of, q, &page)
	})
	return page, err
}

// columns are what a page has of each version v: number, instant, method, body, type, id, and whether the one before it is there and no deletion.
func columns() clause {
	return sql("v.number, v.instant, v.method, v.body, v.type, v.id, EXISTS (SELECT 1 FROM version b INDEXED BY version_key"+
		" WHERE b.partition = v.partition AND b.type = v.type AND b.id = v.id AND b.number = v.number - 1 AND b.method <> ?)", int64(fhir.Deleted))
}

func pastOf(ctx context.Context, c *conn, p fhir.Partition, q storage.HistoryQuery) (past, error) {
	if q.Key.ID != "" {
		return newLineage(ctx, c, p, q)
	}
	return newFeed(ctx, c, p, q)
}

func readPast(ctx context.Context, c *conn, of past, q storage.HistoryQuery, page *storage.HistoryPage) error {
	if q.Limit <= 0 {
		return nil
	}
	statement, err := of.page(cmp.Or(q.Before, fhir.End), q.Limit+1)
	if err != nil {
		return err
	}
	left := room{rows: q.Limit, bytes: storage.MaxPageBytes}
	return c.query(ctx, statement.text, statement.args, func(row []driver.Value) error {
		v := version(fhir.Key{Type: text(row[4]), ID: text(row[5])}, row)
		if page.More = !left.takes(v.Body); page.More {
			return io.EOF
		}
		page.Versions, page.Existed, left = append(page.Versions, v), append(page.Existed, integer(row[6]) != 0), left.less(v.Body)
		return nil
	})
}

// countPast counts as far as it is asked to. A first page without a next one has them all.
func countPast(of past, q storage.HistoryQuery, page *storage.HistoryPage) (err error) {
	if q.CountUpTo == 0 {
		return nil
	}
	if q.Limit > 0 && q.Before == 0 && !page.More {
		page.Total = len(page.Versions)
	} else if page.Total, err = of.count(q.CountUpTo); err != nil {
		return err
	}
	page.Counted = q.CountUpTo < 0 || page.Total <= q.CountUpTo
	if !page.Counted {
		page.Total = q.CountUpTo
	}
	return nil
}
