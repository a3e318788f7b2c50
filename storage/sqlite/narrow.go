package sqlite

import (
	"github.com/portico-health/portico/fhir/search"
)

// narrowest are the arms of that of some clauses, all of which have to hold, which has the fewest resources. Not ok says that no index answers any
// of them.
func (x *searching) narrowest(every search.Every) (arms []clause, ok bool, err error) {
	part := x.store.searching(x.ctx, x.conn, x.scope, search.Query{Type: x.q.Type, All: every}, x.names, unbounded)
	all, err := part.candidates()
	if err != nil || len(all) == 0 {
		return nil, false, err
	}
	best, err := part.least(all)
	if err != nil {
		return nil, false, err
	}
	return best.arms, true, nil
}

// least is the candidate with the fewest resources.
func (x *searching) least(all []candidate) (best *candidate, err error) {
	for i := range all {
		c := &all[i]
		if len(all) > 1 {
			if err := x.measure(c); err != nil {
				return nil, err
			}
		}
		if best == nil || c.size < best.size {
			best = c
		}
	}
	return best, nil
}
