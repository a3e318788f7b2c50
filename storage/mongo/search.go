package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Search is storage.Store's.
func (s *Store) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (found storage.SearchPage, err error) {
	m := newMeter(page.Budget, page.Limit)
	err = s.call(ctx, func(ctx context.Context) (err error) {
		found, err = s.search(ctx, m, p, q, page, nil)
		return err
	})
	if page.Budget > 0 {
		found.Vain = m.vain
	}
	return found, err
}

// search finds a page and counts, and tells how if it is given where to.
func (s *Store) search(ctx context.Context, m *meter, p fhir.Partition, q search.Query, want storage.PageRequest, told *storage.Plan) (page storage.SearchPage, err error) {
	var after *search.Indexed
	if want.After != nil {
		if after, err = openCursor(want.After, p, q); err != nil {
			return page, err
		}
	}
	x := &searching{
		ctx: ctx, store: s, meter: m, partition: p, typ: q.Type, of: s.current(q.Type), told: told,
		world: world{ctx: ctx, store: s, partition: p, meter: m},
	}
	if s.config.SortKeys != nil {
		x.keys = s.config.SortKeys(q.Type)
	}
	look, err := x.begin(q)
	if err != nil {
		return page, err
	}
	all := uncounted
	if want.Limit > 0 {
		if all, err = x.fill(&page, q, look, after, want.Limit); err != nil {
			return page, err
		}
	}
	if err := m.settle(len(page.Versions)); err != nil {
		return page, err
	}
	return page, x.total(look, want, after != nil, all, &page)
}

// searching is one search.
type searching struct {
	ctx       context.Context
	store     *Store
	meter     *meter
	partition fhir.Partition
	typ       string
	of        *mongo.Collection
	keys      []search.SortKey // promised of the type
	world     world            // what chains lead to
	told      *storage.Plan    // how it is carried out, for who wants to know; else nil
}

// quest is what is looked for: the query of a search, or what is left of it for those that lack a value of its first sort key.
type quest struct {
	all     []search.Any // chains that lead to few are grounded
	sort    []search.SortKey
	left    bool      // there are chains that lead to many
	says    condition // of all clauses
	byRow   []int     // clauses that are decided resource by resource: the filter does not decide them
	asked   int       // clauses of the query; those behind them are ours
	weighed *weighed  // the leads, when they were counted
}

// newestFirst is the order of a query that asks for none.
var newestFirst = []search.SortKey{{Param: search.LastUpdated, Descending: true}}

// begin grounds the chains of a query.
func (x *searching) begin(q search.Query) (*quest, error) {
	grounded, left, err := x.world.ground(q.All, q.Type)
	if err != nil {
		return nil, err
	}
	a := &quest{all: grounded, sort: q.Sort, left: left, asked: len(grounded)}
	if len(a.sort) == 0 {
		a.sort = newestFirst
	}
	a.judge()
	return a, nil
}

// judge finds what the filter says of the clauses.
func (a *quest) judge() {
	a.says, a.byRow = filterAll(a.all), nil
	for i := range a.all {
		if !a.says.exact && !filterAll(a.all[i:i+1]).exact {
			a.byRow = append(a.byRow, i)
		}
	}
}

// query is the quest as a query: its order is that of search.Compare.
func (a *quest) query() search.Query { return search.Query{Sort: a.sort} }

// lacking is the quest among those that lack the first key: they have the order of the other keys.
func (a *quest) lacking() *quest {
	k := a.sort[0]
	b := &quest{all: append(a.all[:len(a.all):len(a.all)], search.Any{search.Equal{Param: k.Absent}}), sort: a.sort[1:], left: a.left, asked: a.asked}
	if len(b.sort) == 0 {
		b.sort = []search.SortKey{{Param: search.ID}}
	}
	b.judge()
	return b
}

// uncounted says that the number of matches is not known.
const uncounted = -1

// patiently is how often a page is looked for anew when what was chosen for it has changed before it was fetched. Then those that have changed are left out.
const patiently = 3

// fill finds the versions of a page, and says how many matches there are if that came to be known.
func (x *searching) fill(page *storage.SearchPage, q search.Query, a *quest, after *search.Indexed, limit int) (all int, err error) {
	bytes := storage.MaxPageBytes
	for tries := 1; ; tries++ {
		missing := limit - len(page.Versions)
		rows, known, err := x.first(a, after, missing+1)
		if err != nil {
			return 0, err
		}
		got, changed, err := x.bodies(rows[:min(missing, len(rows))], bytes)
		if err != nil {
			return 0, err
		}
		if len(changed) > 0 && tries < patiently {
			continue
		}
		for _, r := range got {
			page.Versions = append(page.Versions, r.version)
			bytes -= len(r.version.Body)
		}
		passed := len(got) + len(changed)
		if passed == len(rows) { // there are no others
			return known, nil
		}
		last := rows[passed-1]
		if len(page.Versions) == limit || len(changed) == 0 {
			page.Next, err = sealCursor(x.partition, q, last.Indexed)
			return known, err
		}
		after = &last.Indexed
	}
}

// sift are those of some candidates that satisfy the clauses which the filter does not decide.
func (x *searching) sift(a *quest, rows []row) (matches []row, err error) {
	if len(a.byRow) == 0 || len(rows) == 0 {
		return rows, nil
	}
	all := a.all
	if a.left {
		batch := make([]search.Indexed, len(rows))
		for i, r := range rows {
			batch[i] = r.Indexed
		}
		if all, err = x.world.groundFor(a.all, x.typ, batch); err != nil {
			return nil, err
		}
	}
	q := search.Query{Type: x.typ}
	for _, i := range a.byRow {
		q.All = append(q.All, all[i])
	}
	for _, r := range rows {
		if search.Match(q, r.Indexed) {
			matches = append(matches, r)
		}
	}
	return matches, nil
}
