package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"io"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

const (
	// A batch of Reindex is read at once.
	batchRows  = 100
	batchBytes = 4 << 20 // of bodies

	// turnRows is how many index rows Reindex writes at least in one turn of the writer when other writes wait.
	turnRows = 60
)

// renewal is a version that gets other index entries.
type renewal struct {
	partition fhir.Partition
	version   fhir.Version
	entries   []byte // what it has
	scope     int64
	index     index
}

// Reindex is storage.Store's. Instants tell what was there when it began, and that a version is still the current one: no two
// versions share an instant.
func (s *Store) Reindex(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error), progress func(done, total int64)) error {
	var last, total, done int64
	err := s.snapshot(ctx, func(c *conn) (err error) {
		if last, _, err = c.number(ctx, "SELECT max(instant) FROM live"); err == nil {
			total, _, err = c.number(ctx, "SELECT count(*) FROM live")
		}
		return err
	})
	rest := bounds{fhir.Beginning, fhir.Instant(last)}
	for err == nil {
		progress(min(done, total), total)
		if rest.from > rest.to {
			return nil
		}
		var some []renewal
		if some, err = s.reindexSome(ctx, rest, entriesOf); len(some) == 0 {
			rest.from = rest.to + 1
		} else {
			rest.from = some[len(some)-1].version.Instant + 1
		}
		done += int64(len(some))
	}
	return err
}

// reindexSome renews the first versions within bounds, and returns them. What would not change is not written.
func (s *Store) reindexSome(ctx context.Context, b bounds, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error)) (some []renewal, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	var others []renewal
	err = s.reads.with(ctx, func(c *conn) (err error) {
		some, err = alive(ctx, c, b)
		return err
	})
	for i := 0; err == nil && i < len(some); i++ {
		err = s.renew(ctx, &some[i], entriesOf)
	}
	if err == nil {
		err = s.reads.with(ctx, func(c *conn) (err error) {
			others, err = changed(ctx, c, some)
			return err
		})
	}
	for err == nil && len(others) > 0 {
		var n int
		n, err = s.rewrite(ctx, others)
		others = others[n:]
	}
	return some, classify(ctx, err)
}

// rewrite puts the new index of versions in the place of the old one, in one turn of the writer, and returns of how many: as soon as another
// write waits it leaves the rest to another turn.
func (s *Store) rewrite(ctx context.Context, some []renewal) (n int, err error) {
	err = s.writes.do(ctx, func(t *tx) error {
		for rows := 0; n < len(some) && (rows < turnRows || !s.writes.wanted()); n++ {
			if err := s.reindex(t, some[n]); err != nil {
				return err
			}
			rows += some[n].index.rows()
		}
		return nil
	})
	return n, err
}

// alive returns the first current versions within bounds.
func alive(ctx context.Context, c *conn, b bounds) (some []renewal, err error) {
	left := room{rows: batchRows, bytes: batchBytes}
	err = c.query(ctx, `SELECT v.number, v.instant, v.method, v.body, v.partition, v.type, v.id, l.entries
		FROM live l CROSS JOIN version v ON v.instant = l.instant WHERE l.instant BETWEEN ? AND ? ORDER BY l.instant`,
		[]driver.Value{int64(b.from), int64(b.to)}, func(row []driver.Value) error {
			v := version(fhir.Key{Type: text(row[5]), ID: text(row[6])}, row)
			if !left.takes(v.Body) {
				return io.EOF
			}
			some, left = append(some, renewal{partition: fhir.Partition(text(row[4])), version: v, entries: blob(row[7])}), left.less(v.Body)
			return nil
		})
	return some, err
}

// renew makes the index of a version anew.
func (s *Store) renew(ctx context.Context, r *renewal, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error)) error {
	entries, err := entriesOf(r.partition, r.version)
	if err != nil {
		return err
	}
	known, err := s.names.define(ctx, scope{r.partition, r.version.Key.Type}, params(entries))
	r.scope, r.index = known[""], newIndex(entries, known, s.hash)
	return err
}

// changed are those whose index is not what it was.
func changed(ctx context.Context, c *conn, some []renewal) (others []renewal, err error) {
	for _, r := range some {
		var spans []spanRow
		err := c.query(ctx, "SELECT param, low, high, class FROM span WHERE instant = ? ORDER BY param, low, high", []driver.Value{int64(r.version.Instant)}, func(row []driver.Value) error {
			spans = append(spans, spanRow{integer(row[0]), fhir.Instant(integer(row[1])), fhir.Instant(integer(row[2])), integer(row[3])})
			return nil
		})
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(r.entries, r.index.entries) || !slices.Equal(spans, r.index.spans) {
			others = append(others, r)
		}
	}
	return others, nil
}

// reindex puts the new index of a version in the place of the old one, unless the version was superseded.
func (s *Store) reindex(t *tx, r renewal) error {
	_, current, err := t.number(t.ctx, "SELECT instant FROM live WHERE instant = ?", int64(r.version.Instant))
	if err != nil || !current {
		return err
	}
	if err := s.unindex(t, r.version.Instant); err != nil {
		return err
	}
	return r.index.insert(t, r.version.Instant, r.scope, r.version.Key.ID)
}
