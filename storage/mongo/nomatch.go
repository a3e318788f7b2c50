package mongo

import (
	"cmp"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// matches says whether any current resource of the partition satisfies the query (a NoMatch, which has no chains). It takes one call, unless some clause
// has its candidates in several indexes.
func (s *Store) matches(ctx context.Context, p fhir.Partition, q search.Query) (bool, error) {
	x := world{ctx: ctx, store: s, partition: p}.selection(q.Type)
	a := selected(search.Selection{Type: q.Type, All: q.All}, byID)
	if a.says.never {
		return false, nil
	}
	fields := a.fields(false)
	for _, arm := range x.armsOf(bestByRank(x.leads(a))) {
		ask := asked{index: arm.index, filter: []bson.D{arm.filter, a.says.filter}, fields: fields}
		if a.says.exact {
			ask.limit = 1
		}
		found := false
		err := x.rows(ask, func(r row) (more bool, err error) {
			found = a.says.exact || search.Match(q, r.Indexed)
			return !found, nil
		})
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// bestByRank is the lead that has the fewest candidates, as a rule; nil where there is none. Nothing is counted for it.
func bestByRank(leads []lead) *lead {
	if len(leads) == 0 {
		return nil
	}
	best := slices.MinFunc(leads, func(a, b lead) int { return cmp.Or(cmp.Compare(len(a.arms), len(b.arms)), cmp.Compare(a.rank, b.rank)) })
	return &best
}
