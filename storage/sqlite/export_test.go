package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"strconv"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Contrary returns a configuration in which searches rather follow an order than sort, and hardly any goes the short way.
func Contrary(c Config) Config {
	c.enough, c.handful = 2, 2
	return c
}

// Explain returns SQLite's plans (https://www.sqlite.org/eqp.html) of the statements that find and that count.
func Explain(ctx context.Context, s *Store, p fhir.Partition, q search.Query) (found, counted string, err error) {
	return ExplainAfter(ctx, s, p, q, nil)
}

// ExplainAfter is Explain for the page that a cursor begins.
func ExplainAfter(ctx context.Context, s *Store, p fhir.Partition, q search.Query, cursor []byte) (found, counted string, err error) {
	var after *position
	if cursor != nil {
		at, err := openCursor(cursor, scope{p, q.Type}, q)
		if err != nil {
			return "", "", err
		}
		after = &at
	}
	err = s.snapshot(ctx, func(c *conn) error {
		x, err := s.begin(ctx, c, p, q, unbounded)
		if err != nil {
			return err
		}
		chosen, err := x.plan(after)
		if err != nil {
			return err
		}
		for s := chosen.steps; ; {
			for _, st := range s.stages {
				for _, scan := range st.scans {
					statement, _ := x.page(st, scan, after, 50)
					if err := explain(ctx, c, statement, &found); err != nil {
						return err
					}
				}
			}
			if s.rest == nil {
				break
			}
			if s, err = s.rest(); err != nil {
				return err
			}
		}
		for _, scan := range chosen.counted {
			if err := explain(ctx, c, x.tally(scan, 1_000), &counted); err != nil {
				return err
			}
		}
		return nil
	})
	return found, counted, err
}

func explain(ctx context.Context, c *conn, statement clause, plan *string) error {
	return c.query(ctx, "EXPLAIN QUERY PLAN "+statement.text, statement.args, func(row []driver.Value) error {
		*plan = strings.TrimPrefix(*plan+"\n"+text(row[3]), "\n")
		return nil
	})
}

// Pragma is a setting of the connection that writes.
func Pragma(s *Store, name string) (value driver.Value, err error) {
	err = s.writes.do(context.Background(), func(t *tx) error {
		return t.query(t.ctx, "PRAGMA "+name, nil, func(row []driver.Value) error {
			value = row[0]
			return nil
		})
	})
	return value, err
}

// IndexRows counts the rows of all index tables.
func IndexRows(ctx context.Context, s *Store) (rows int64, err error) {
	err = s.read(ctx, func(c *conn) error {
		rows, _, err = c.number(ctx, "SELECT (SELECT count(*) FROM live) + (SELECT count(*) FROM term) + (SELECT count(*) FROM text) + (SELECT count(*) FROM span) + (SELECT count(*) FROM ordered) + (SELECT count(*) FROM place)")
		return err
	})
	return rows, err
}

// Classify is classify.
var Classify = classify

// Stall keeps the writer busy until the returned function is called.
func Stall(s *Store) (release func()) {
	begun, end := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.writes.do(context.Background(), func(*tx) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	return func() { close(end) }
}

// Waiting is how many writes wait.
func Waiting(s *Store) int { return len(s.writes.queue) }

// MaxWaiting is how many writes may wait.
const MaxWaiting = maxWaiting

// LimitHeld bounds the bytes of writes that wait.
func LimitHeld(s *Store, most int64) { s.writes.held.most = most }

// Held is how many bytes of writes wait.
func Held(s *Store) int64 { return s.writes.held.bytes.Load() }

// Hashing returns a configuration that tells of every value that is hashed.
func Hashing(c Config, tell func(string)) Config {
	c.hash = func(value string) digest {
		tell(value)
		return digestOf(value)
	}
	return c
}

// LimitPages bounds the file (https://www.sqlite.org/pragma.html#pragma_max_page_count): to 1 page means to those that it has.
func LimitPages(s *Store, most int) error {
	return s.writes.do(context.Background(), func(t *tx) error {
		return t.exec(t.ctx, "PRAGMA max_page_count = "+strconv.Itoa(most))
	})
}

// ExplainHistory returns SQLite's plans of the statements that read a page of a history and that count it.
func ExplainHistory(ctx context.Context, s *Store, p fhir.Partition, q storage.HistoryQuery) (found, counted string, err error) {
	err = s.snapshot(ctx, func(c *conn) error {
		of, err := pastOf(ctx, c, p, q)
		if err != nil {
			return err
		}
		page, err := of.page(cmp.Or(q.Before, fhir.End), q.Limit+1)
		if err != nil {
			return err
		}
		if err := explain(ctx, c, page, &found); err != nil {
			return err
		}
		if f, ok := of.(*feed); ok {
			return explain(ctx, c, f.tally(q.CountUpTo), &counted)
		}
		return nil
	})
	return found, counted, err
}

// ExplainTypes returns SQLite's plan of the statement that finds the types of a partition.
func ExplainTypes(ctx context.Context, s *Store, p fhir.Partition) (plan string, err error) {
	err = s.read(ctx, func(c *conn) error { return explain(ctx, c, leap(p), &plan) })
	return plan, err
}

// MaxStale is how long a write of another process may stay unseen.
const MaxStale = maxStale

// Caching returns a configuration with a cache of that many bytes, and a clock by which it asks what others wrote.
func Caching(c Config, bytes int, elapsed func() time.Duration) Config {
	c.cache, c.elapsed = bytes, elapsed
	return c
}

// Damage runs statements on the connection that writes, past everything that keeps the store sound.
func Damage(s *Store, statements ...string) error {
	return s.writes.do(context.Background(), func(t *tx) error {
		for _, text := range statements {
			if err := t.exec(t.ctx, text); err != nil {
				return err
			}
		}
		return nil
	})
}

// Renewed is how many live versions have entries with some text in them, when it is the turn of a write to be carried out.
func Renewed(s *Store, text string) (n int64, err error) {
	err = s.writes.do(context.Background(), func(t *tx) error {
		n, _, err = t.number(t.ctx, "SELECT count(*) FROM live WHERE instr(entries, CAST(? AS BLOB)) > 0", text)
		return err
	})
	return n, err
}

// Spend goes through numbers, and counts them if it is to.
func Spend(ctx context.Context, s *Store, rows int, counted bool) error {
	return s.read(ctx, func(c *conn) error {
		if counted {
			c.meter.start(ctx, rows, 0)
			defer c.meter.stop()
		}
		statement := join([]clause{sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT count(*) FROM n WHERE ", int64(rows)), c.meter.spend("i", 1)}, "")
		_, _, err := c.number(ctx, statement.text, statement.args...)
		return err
	})
}
