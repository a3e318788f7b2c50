package sqlite

import (
	"context"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// A NoMatch is decided in the writer, but most of its work is done before: what matched in a recent state of the store is searched
// for outside, where a costly query holds up nobody, and what the operations before it in its own commit write is held against it there too. The
// writer searches what others wrote since then, which is little.

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

// matches says whether a query had a match when the newest instant of the store was last.
func (s *Store) matches(t *tx, p fhir.Partition, q search.Query, before twin, last fhir.Instant) (bool, error) {
	since := bounds{before.until + 1, last}
	for _, v := range before.found {
		is, err := current(t, p, v.Key)
		if err != nil || is.number == v.Number {
			return true, err
		}
		since.from = fhir.Beginning // others may have matched beside it
	}
	if since.from > since.to {
		return false, nil
	}
	now, err := s.first(t.ctx, t.conn, p, q, since)
	return len(now) > 0, err
}

// rivals are those of the operations before one in its commit whose resources a query may match: it does, but for what it says about the
// instants that the writer will give them.
func rivals(ctx context.Context, before []change, q search.Query) (all []int, err error) {
	timeless := q
	timeless.All = slices.DeleteFunc(slices.Clone(q.All), isDated)
	for i, c := range before {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if c.Guard || c.method == fhir.Deleted || c.Key.Type != q.Type || !search.Match(timeless, c.indexed(0)) {
			continue
		}
		if all = append(all, i); len(timeless.All) == len(q.All) {
			return all, nil // nothing is open
		}
	}
	return all, nil
}

// isChained says whether a clause leads to other resources.
func isChained(a search.Any) bool { return anyTest(a, isLink) }

// isDated says whether an instant decides a clause.
func isDated(a search.Any) bool {
	return anyTest(a, func(t search.Test) bool {
		w, ok := t.(search.Within)
		return ok && w.Param == search.LastUpdated
	})
}

// indexed is what searches see of the version that the operation writes at an instant.
func (c *change) indexed(at fhir.Instant) search.Indexed {
	return search.Indexed{ID: c.Key.ID, Instant: at, Entries: c.Entries}
}

// first returns a match within bounds, if there is one.
func (s *Store) first(ctx context.Context, c *conn, p fhir.Partition, q search.Query, b bounds) ([]fhir.Version, error) {
	q.Sort = nil // whichever it is
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
