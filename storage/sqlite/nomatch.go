package sqlite

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// A NoMatch is decided in the writer, but most of its work is done before: what matched in a recent state of the store is searched
// for outside, where a costly query holds up nobody. The writer looks at what was written since then, which is little.

// several is how many matches are told apart: none, one, several.
const several = 2

// twins are the matches of a query at a moment.
type twins struct {
	found []fhir.Version // several at most
	until fhir.Instant   // the last instant of that moment
}

// foresee finds the matches of a query in the state of the store that is current outside of the writer.
func (s *Store) foresee(ctx context.Context, p fhir.Partition, q search.Query) (t twins, err error) {
	err = s.reads.with(ctx, func(c *conn) error {
		return c.snapshot(ctx, func() error {
			last, _, err := c.number(ctx, "SELECT max(instant) FROM version")
			if err != nil {
				return err
			}
			t.until = fhir.Instant(last)
			t.found, err = s.few(ctx, c, p, q, unbounded)
			return err
		})
	})
	return t, err
}

// matches returns the matches of a query now, several at most.
func (s *Store) matches(t *tx, p fhir.Partition, q search.Query, before twins) ([]fhir.Version, error) {
	now, err := s.few(t.ctx, t.conn, p, q, bounds{before.until + 1, fhir.End})
	for _, v := range before.found {
		if err != nil {
			return nil, err
		}
		var is state
		if is, err = current(t, p, v.Key); is.number == v.Number {
			now = append(now, v)
		}
	}
	if err == nil && len(before.found) == several && len(now) < several { // there may have been more
		return s.few(t.ctx, t.conn, p, q, unbounded)
	}
	return now, err
}

// few returns the first matches within bounds, several at most.
func (s *Store) few(ctx context.Context, c *conn, p fhir.Partition, q search.Query, b bounds) ([]fhir.Version, error) {
	x, err := s.begin(ctx, c, p, q, b)
	if err != nil || len(x.names) == 0 {
		return nil, err
	}
	way, err := x.plan(nil)
	if err != nil {
		return nil, err
	}
	found, _, err := x.find(way, nil, room{rows: several, bytes: unlimited})
	return versions(found), err
}
