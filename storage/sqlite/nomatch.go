package sqlite

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// A NoMatch is decided in the writer, but most of its work is done before: what matched in a recent state of the store is searched
// for outside, where a costly query holds up nobody. The writer looks at what was written since then, which is little.

// twin is what matches a query at a moment, if anything does.
type twin struct {
	found []fhir.Version // one at most
	until fhir.Instant   // the last instant of that moment
}

// foresee looks for a match of a query in the state of the store that is current outside of the writer.
func (s *Store) foresee(ctx context.Context, p fhir.Partition, q search.Query) (t twin, err error) {
	err = s.reads.with(ctx, func(c *conn) error {
		return c.snapshot(ctx, func() error {
			last, _, err := c.number(ctx, "SELECT max(instant) FROM version")
			if err != nil {
				return err
			}
			t.until = fhir.Instant(last)
			t.found, err = s.first(ctx, c, p, q, unbounded)
			return err
		})
	})
	return t, err
}

// matches says whether a query has a match now.
func (s *Store) matches(t *tx, p fhir.Partition, q search.Query, before twin) (bool, error) {
	since := bounds{before.until + 1, fhir.End}
	for _, v := range before.found {
		is, err := current(t, p, v.Key)
		if err != nil || is.number == v.Number {
			return true, err
		}
		since = unbounded // others may have matched beside it
	}
	now, err := s.first(t.ctx, t.conn, p, q, since)
	return len(now) > 0, err
}

// first returns the first match within bounds, if there is one.
func (s *Store) first(ctx context.Context, c *conn, p fhir.Partition, q search.Query, b bounds) ([]fhir.Version, error) {
	x, err := s.begin(ctx, c, p, q, b)
	if err != nil || len(x.names) == 0 {
		return nil, err
	}
	way, err := x.plan(nil)
	if err != nil {
		return nil, err
	}
	found, _, err := x.find(way, nil, room{rows: 1, bytes: unlimited})
	return versions(found), err
}
