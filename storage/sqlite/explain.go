package sqlite

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// beyond is how many times its budget a search may look at while it is explained.
const beyond = 10

// Explain is storage.Store's.
func (s *Store) Explain(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (told storage.Plan, err error) {
	told = storage.Plan{Index: "nothing", Clause: -1, Counted: true} // of a type that was never stored
	page.CountUpTo = 0
	budget := page.Budget
	if budget < math.MaxInt/beyond {
		budget *= beyond
	}
	err = s.read(ctx, func(c *conn) error {
		c.meter.start(ctx, budget, page.Limit)
		defer c.meter.stop()
		found, err := s.search(ctx, c, p, q, page, &told)
		told.Looked, told.Found = c.meter.looked, len(found.Versions)
		if errors.Is(err, storage.ErrOverBudget) {
			return nil
		}
		return err
	})
	return told, err
}

// tell tells of a plan that begins with a candidate, or with none.
func (x *searching) tell(p plan, c *candidate) {
	if x.told == nil {
		return
	}
	t := storage.Plan{Index: x.along(x.firstKey()), Clause: -1, Ordered: true}
	if c != nil {
		t.Clause, t.Matches, t.Counted, t.Index = c.of, c.size, c.counted, describe(x.q.All[c.of])
	}
	if len(p.stages) > 0 {
		t.Ordered = p.stages[0].first != whole
		if first := p.stages[0].scans; len(first) > 0 {
			t.ByRow = clauses(x.open(first[0]))
		}
	}
	*x.told = t
}

// tellShort tells of a search that went the short way, by a selection of so many resources.
func (x *searching) tellShort(p pinch, rows int) {
	if x.told != nil {
		c := x.where[p.of]
		*x.told = storage.Plan{Index: describe(c.tests), Clause: c.of, Matches: rows, Counted: true, ByRow: clauses(x.others(p))}
	}
}

func clauses(all []criterion) (list []int) {
	for _, c := range all {
		list = append(list, c.of)
	}
	return list
}

// along is the index that has the whole type in the order from a key on.
func (x *searching) along(first int) string {
	switch {
	case first == len(x.order), x.order[first].by == byID:
		return "resources by id"
	case x.order[first].by == byInstant, x.order.isGathered():
		return "resources by instant"
	case x.order[first].by == byOrder:
		return "values of " + x.q.Sort[first].Param
	default:
		return "ranges of " + x.q.Sort[first].Param
	}
}

// describe is what answers a clause, in a few words.
func describe(a search.Any) string {
	if len(a) == 0 {
		return "nothing" // it never holds
	}
	var all []string
	for _, t := range a {
		if words := answers(t); !slices.Contains(all, words) {
			all = append(all, words)
		}
	}
	return strings.Join(all, ", ")
}

func answers(t search.Test) string {
	switch t := t.(type) {
	case search.Equal:
		if t.Param == search.ID {
			return "ids"
		}
		return "terms of " + t.Param
	case search.StartsWith:
		return "texts of " + t.Param
	case search.Contains:
		return "all texts of " + t.Param
	case search.Within:
		if t.Param == search.LastUpdated {
			return "resources by instant"
		}
		return "ranges of " + t.Param
	case search.Refers:
		return "terms of " + t.Param + " for each " + t.To.Type + " by " + together(t.To.All)
	case search.ReferredBy:
		return "targets of " + t.Param + " of each " + t.From.Type + " by " + together(t.From.All)
	case search.Between:
		return "values of " + t.Param
	case search.EndsWith:
		return "all texts of " + t.Param
	case search.Near:
		return "places of " + t.Param
	case search.Every:
		return together(t)
	default:
		return "nothing" // no index has it
	}
}

// together is what answers some clauses of which the one with the fewest resources is taken.
func together(every []search.Any) string {
	each := make([]string, len(every))
	for i, a := range every {
		each[i] = describe(a)
	}
	return strings.Join(each, " or ")
}
