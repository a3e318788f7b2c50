package mongo

import (
	"context"
	"errors"
	"math"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// beyond is how many times its budget a search may look at while it is explained.
const beyond = 10

// Explain is storage.Store's.
func (s *Store) Explain(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (told storage.Plan, err error) {
	page.CountUpTo = 0
	if page.Budget < math.MaxInt/beyond {
		page.Budget *= beyond
	}
	m := newMeter(page.Budget, page.Limit)
	told = storage.Plan{Index: "nothing", Clause: -1, Counted: true}
	err = s.call(ctx, func(ctx context.Context) error {
		found, err := s.search(ctx, m, p, q, page, &told)
		told.Looked, told.Found = m.looked, len(found.Versions)
		if errors.Is(err, storage.ErrOverBudget) {
			return nil
		}
		return err
	})
	return told, err
}

// tell tells of a way to the matches: of the first that was gone.
func (x *searching) tell(a *quest, w way, o *order) {
	if x.told == nil {
		return
	}
	t := storage.Plan{Index: o.inWords(), Clause: -1, Ordered: o != nil && (w.lead == nil || w.follows), ByRow: a.asks()}
	if w.lead != nil {
		t.Index, t.Clause, t.Matches, t.Counted = w.lead.what, w.lead.clause, w.size, w.full
	}
	*x.told, x.told = t, nil
}

// asks are the clauses of the query that are decided resource by resource.
func (a *quest) asks() (list []int) {
	for _, i := range a.byRow {
		if i < a.asked {
			list = append(list, i)
		}
	}
	return list
}

// inWords tells of the index that has an order.
func (o *order) inWords() string {
	switch {
	case o == nil || o.field == fieldInstant:
		return "resources by instant"
	case o.field == fieldID:
		return "resources by id"
	case o.lowest == "":
		return "values of " + o.key
	default:
		return "ranges of " + o.key
	}
}

// share is how many tests on a row cost as much as the row.
const share = 16

// toll is as how many a row counts whose clauses are decided here.
func (a *quest) toll() int {
	n := 0
	for _, i := range a.byRow {
		n += tests(a.all[i])
	}
	return 1 + n/share
}

// tests counts the tests of a clause that are made at a row. Of what a chain leads to each row counts by itself.
func tests(clause search.Any) int {
	n := len(clause)
	for _, t := range clause {
		switch t := t.(type) {
		case search.Not:
			n += tests(t.Any)
		case search.Every:
			for _, a := range t {
				n += tests(a)
			}
		}
	}
	return n
}
