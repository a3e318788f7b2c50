package sqlite

import (
	"context"
	"database/sql/driver"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// feed is the past of some types. The index version_feed has each type's versions by instant; those of several types are merged
// as they are read, so that a type that is not asked for costs nothing, however many versions it has.
type feed struct {
	*conn
	ctx       context.Context
	partition fhir.Partition
	types     []string
	bounds    bounds
	during    fhir.Interval
}

func newFeed(ctx context.Context, c *conn, p fhir.Partition, q storage.HistoryQuery) (*feed, error) {
	f := &feed{conn: c, ctx: ctx, partition: p, types: []string{q.Key.Type}, bounds: unbounded, during: q.During}
	if q.Since != 0 {
		f.bounds.from = q.Since
	}
	if f.during != (fhir.Interval{}) {
		f.bounds.to = f.during.High - 1
	}
	if q.Key.Type != "" {
		return f, nil
	}
	all, err := typesOf(ctx, c, p)
	f.types = slices.DeleteFunc(all, func(t string) bool { return q.Types != nil && !slices.Contains(q.Types, t) })
	return f, err
}

// typesOf are the types of which a partition has versions.
func typesOf(ctx context.Context, c *conn, p fhir.Partition) (types []string, err error) {
	statement := leap(p)
	err = c.query(ctx, statement.text, statement.args, func(row []driver.Value) error {
		types = append(types, text(row[0]))
		return nil
	})
	return types, err
}

// leap is the statement that finds the types of a partition: it leaps from each to the next.
func leap(p fhir.Partition) clause {
	const first = "SELECT min(type) FROM version INDEXED BY version_feed WHERE partition = ?"
	return sql("WITH RECURSIVE kind(name) AS ("+first+" UNION ALL SELECT ("+first+" AND type > name) FROM kind WHERE name IS NOT NULL)"+
		" SELECT name FROM kind WHERE name IS NOT NULL", string(p), string(p))
}

// streams are the instants of each type's versions.
func (f *feed) streams(b bounds) clause {
	if len(f.types) == 0 {
		return sql("SELECT NULL AS at WHERE FALSE")
	}
	arms := make([]clause, len(f.types))
	for i, t := range f.types {
		arms[i] = sql("SELECT v.instant AS at FROM version v INDEXED BY version_feed WHERE v.partition = ? AND v.type = ? AND v.instant BETWEEN ? AND ?",
			string(f.partition), t, int64(b.from), int64(b.to))
		if f.during != (fhir.Interval{}) {
			arms[i] = join([]clause{arms[i], f.current()}, " AND ")
		}
	}
	return join(arms, " UNION ALL ")
}

// current is the predicate that a version was current when the interval began, or came to be later.
func (f *feed) current() clause {
	const next = "SELECT 1 FROM version n INDEXED BY version_key WHERE n.partition = v.partition AND n.type = v.type AND n.id = v.id AND n.number = v.number + 1"
	return sql("(v.instant > ? OR NOT EXISTS ("+next+" AND n.instant <= ?))", int64(f.during.Low), int64(f.during.Low))
}

func (f *feed) page(before fhir.Instant, limit int) (clause, error) {
	b := f.bounds
	if before != fhir.End {
		b.to = min(b.to, before-1)
	}
	return join([]clause{
		sql("WITH page AS MATERIALIZED ("), f.streams(b), sql(" ORDER BY at DESC LIMIT +?)", int64(limit)),
		sql(" SELECT "), columns(), sql(" FROM page p CROSS JOIN version v ON v.instant = p.at AND v.partition = ?",
			string(f.partition)), // whatever the index says, nothing of another partition comes out
	}, ""), nil
}

func (f *feed) count(upTo int) (int, error) {
	statement := f.tally(upTo)
	n, _, err := f.number(f.ctx, statement.text, statement.args...)
	return int(n), err
}

// tally is the statement that counts, one further than it is asked to: then there are more.
func (f *feed) tally(upTo int) clause {
	limit := int64(upTo)
	if upTo >= 0 {
		limit++
	}
	return join([]clause{sql("SELECT count(*) FROM ("), f.streams(f.bounds), sql(" LIMIT +?)", limit)}, "")
}
