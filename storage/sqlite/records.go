package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// records is storage.Records of a Store.
type records struct{ *Store }

const aliveRecords = "SELECT name, value, revision, expires FROM record WHERE (expires = 0 OR expires > ?) AND "

// Get is storage.Records'.
func (r records) Get(ctx context.Context, name string) (storage.Record, error) {
	var found []storage.Record
	err := r.read(ctx, func(c *conn) (err error) {
		found, err = r.alive(ctx, c, "name = ?", name)
		return err
	})
	if err == nil && len(found) == 0 {
		return storage.Record{}, fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no such record.").Because(fmt.Errorf("record %q", name))
	}
	if err != nil {
		return storage.Record{}, err
	}
	return found[0], nil
}

// Scan is storage.Records'.
func (r records) Scan(ctx context.Context, prefix, after string, limit int) (found []storage.Record, err error) {
	where, args := "name > ? AND name >= ?", []driver.Value{after, prefix}
	if end := successor(prefix); end != "" {
		where, args = where+" AND name < ?", append(args, end)
	}
	err = r.read(ctx, func(c *conn) error {
		found, err = r.alive(ctx, c, where+" ORDER BY name LIMIT +?", append(args, int64(max(limit, 0)))...)
		return err
	})
	return found, err
}

// alive returns the records of a condition that have not expired.
func (r records) alive(ctx context.Context, c *conn, where string, args ...driver.Value) (found []storage.Record, err error) {
	now := int64(fhir.InstantOf(r.now()))
	err = c.query(ctx, aliveRecords+where, append([]driver.Value{now}, args...), func(row []driver.Value) error {
		found = append(found, storage.Record{
			Name: text(row[0]), Value: []byte(text(row[1])), Revision: integer(row[2]), Expires: fhir.Instant(integer(row[3])),
		})
		return nil
	})
	return found, err
}

// Swap is storage.Records'.
func (r records) Swap(ctx context.Context, name string, old int64, value []byte, expires fhir.Instant) (storage.Record, error) {
	if err := r.enter(ctx); err != nil {
		return storage.Record{}, err
	}
	defer r.leave()
	record := storage.Record{Name: name, Value: value, Expires: expires}
	err := r.writes.carry(ctx, len(value), func(t *tx) error {
		found, err := r.alive(t.ctx, t.conn, "name = ?", name)
		if err != nil {
			return err
		}
		is := int64(0)
		if len(found) > 0 {
			is = found[0].Revision
		}
		if is != old {
			return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Another change of the record came first.").Because(fmt.Errorf("record %q: revision %d is now %d", name, old, is))
		}
		record.Revision, err = swap(t, record)
		return err
	})
	if err != nil {
		return storage.Record{}, classify(ctx, err)
	}
	return record, nil
}

// swap writes or removes a record, and clears a few of those that have expired.
func swap(t *tx, r storage.Record) (revision int64, err error) {
	revision, _, err = t.number(t.ctx, "UPDATE revision SET last = last + 1 RETURNING last")
	if err != nil {
		return 0, err
	}
	if r.Value == nil {
		err = t.exec(t.ctx, "DELETE FROM record WHERE name = ?", r.Name)
	} else {
		err = t.exec(t.ctx, "REPLACE INTO record (name, value, revision, expires) VALUES (?, ?, ?, ?)", r.Name, string(r.Value), revision, int64(r.Expires))
	}
	if err != nil {
		return 0, err
	}
	return revision, t.exec(t.ctx, "DELETE FROM record WHERE name IN (SELECT name FROM record WHERE expires <> 0 AND expires <= ? LIMIT 8)", int64(t.now))
}
