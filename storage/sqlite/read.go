package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// Read is storage.Store's.
func (s *Store) Read(ctx context.Context, p fhir.Partition, key fhir.Key) (v fhir.Version, err error) {
	if err := s.enter(ctx); err != nil {
		return v, err
	}
	defer s.leave()
	at := place{p, key}
	v, known := s.cache.fresh(at)
	if !known {
		v, err = s.readCurrent(ctx, at)
	}
	if err == nil && v.Number == 0 {
		err = notFound(key)
	}
	return v, classify(ctx, err)
}

// readCurrent reads a current version from the file, and keeps it in memory. There is none: the zero Version.
func (s *Store) readCurrent(ctx context.Context, at place) (v fhir.Version, err error) {
	err = s.reads.with(ctx, func(c *conn) error {
		v, err = s.currentOn(ctx, c, at)
		return err
	})
	return v, err
}

// currentOn is readCurrent on a connection that has no transaction open.
func (s *Store) currentOn(ctx context.Context, c *conn, at place) (v fhir.Version, err error) {
	if err := s.cache.check(ctx, c); err != nil {
		return v, err
	}
	changes, quiet := s.cache.watch(at)
	v, err = one(ctx, c, at.key, "SELECT number, instant, method, body FROM version WHERE partition = ? AND type = ? AND id = ? ORDER BY number DESC LIMIT 1",
		string(at.partition), at.key.Type, at.key.ID)
	if err == nil && quiet {
		s.cache.keep(placed{at, v}, changes)
	}
	return v, err
}

// ReadVersion is storage.Store's. A version never changes, so that the current one may come from memory however old that is.
func (s *Store) ReadVersion(ctx context.Context, p fhir.Partition, key fhir.Key, number int64) (v fhir.Version, err error) {
	if err := s.enter(ctx); err != nil {
		return v, err
	}
	defer s.leave()
	if v, known := s.cache.get(place{p, key}); known && v.Number == number && number > 0 {
		return v, nil
	}
	err = s.reads.with(ctx, func(c *conn) error {
		v, err = one(ctx, c, key, "SELECT number, instant, method, body FROM version WHERE partition = ? AND type = ? AND id = ? AND number = ?",
			string(p), key.Type, key.ID, number)
		return err
	})
	if err == nil && v.Number == 0 {
		err = notFound(key)
	}
	return v, classify(ctx, err)
}

// one is the version that a statement selects by a key; the zero Version when it selects none. It does not take long enough to end
// with ctx, for which the driver would start a goroutine.
func one(ctx context.Context, c *conn, key fhir.Key, text string, args ...driver.Value) (v fhir.Version, err error) {
	err = c.query(context.WithoutCancel(ctx), text, args, func(row []driver.Value) error {
		v = version(key, row)
		return nil
	})
	return v, err
}

// version is a row of number, instant, method and body.
func version(key fhir.Key, row []driver.Value) fhir.Version {
	return fhir.Version{
		Key: key, Number: integer(row[0]), Instant: fhir.Instant(integer(row[1])), Method: fhir.Method(integer(row[2])), Body: blob(row[3]),
	}
}

// Events is storage.Store's. A version is its own event, and its instant the event's number.
func (s *Store) Events(ctx context.Context, after int64, limit int) (events []storage.Event, err error) {
	err = s.read(ctx, func(c *conn) error {
		return c.query(ctx, "SELECT instant, partition, type, id, number, method, origin FROM version WHERE instant > ? ORDER BY instant LIMIT +?",
			[]driver.Value{after, int64(max(limit, 0))}, func(row []driver.Value) error {
				at := integer(row[0])
				events = append(events, storage.Event{
					Sequence: at, Partition: fhir.Partition(text(row[1])), Key: fhir.Key{Type: text(row[2]), ID: text(row[3])},
					Number: integer(row[4]), Instant: fhir.Instant(at), Method: fhir.Method(integer(row[5])), Origin: text(row[6]),
				})
				return nil
			})
	})
	return events, err
}

// integer, text and blob read a column; SQL's NULL is the zero value.

func integer(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

func text(v driver.Value) string {
	s, _ := v.(string)
	return s
}

func blob(v driver.Value) []byte {
	b, _ := v.([]byte)
	return b
}
