package sqlite

import (
	"slices"
)

// steps are stages that follow one another. What comes behind them is found when it is come to: most pages end before.
type steps struct {
	stages []stage
	rest   func() (steps, error) // nil where nothing comes behind
}

// lacking are the steps through those that lack key i, among those that lack some before. Where entries tell who they are, an order ends
// as soon as there is none; few of them are sorted, and among many the order goes on.
func (x *searching) lacking(i int, lacked []clause, after *position) (steps, error) {
	k := x.order[i]
	if k.absent == "" {
		return x.inOrder(i+1, with(lacked, k.axis().missing()), after)
	}
	names, err := x.store.names.find(x.ctx, x.conn, x.scope, []string{k.absent})
	if err != nil {
		return steps{}, err
	}
	param, value := names[k.absent], sought("") // of a parameter without a number there is no row
	c := candidate{of: -1, exact: true, sure: true, arms: []clause{sql("SELECT instant FROM term WHERE param = ? AND hash = ?", param, value)}}
	if err := x.measure(&c); err != nil || c.size == 0 {
		return steps{}, err
	}
	sorted := c.size < x.store.enough
	if !sorted {
		if sorted, err = x.isSparse(c.arms[0]); err != nil {
			return steps{}, err
		}
	}
	if sorted {
		return steps{stages: []stage{{first: whole, scans: []scan{x.set(&c)}, where: lacked}}}, nil
	}
	return x.inOrder(i+1, with(lacked, sql("EXISTS (SELECT 1 FROM term a WHERE a.param = ? AND a.hash = ? AND a.instant = l.instant)", param, value)), after)
}

func with(lacked []clause, more clause) []clause { return append(slices.Clone(lacked), more) }

const (
	sampled = 32 // candidates, the newest, that tell how far they lie apart
	sparse  = 64 // resources from one candidate to the next: as far apart they are rather sorted than looked for
	sorting = 16 // times as many candidates as are enough: more are not sorted, however far apart
)

// isSparse says whether the instants that an arm selects, which are enough, are nevertheless rather sorted than looked for in the order of the whole
// type: they are still not many, and the newest of them lie far apart.
func (x *searching) isSparse(arm clause) (bool, error) {
	sample := int64(min(sampled, x.store.enough))
	last := join([]clause{arm, sql(" ORDER BY instant DESC LIMIT 1 OFFSET +?", sample-1)}, "")
	from, _, err := x.number(x.ctx, last.text, last.args...)
	if err != nil {
		return false, err
	}
	near, err := x.upTo(sparse*sample, sql("SELECT 1 FROM live INDEXED BY live_scope WHERE scope = ? AND instant >= ?", x.names[""], from))
	if err != nil || near < sparse*sample {
		return false, err
	}
	most := int64(sorting * x.store.enough)
	all, err := x.upTo(most, arm)
	return all < most, err
}

// upTo counts what a statement selects, up to a limit.
func (x *searching) upTo(limit int64, selected clause) (int64, error) {
	limited := join([]clause{sql("SELECT count(*) FROM ("), selected, sql(" LIMIT +?)", limit)}, "")
	n, _, err := x.number(x.ctx, limited.text, limited.args...)
	if err != nil {
		return 0, err
	}
	return n, x.meter.look(int(n))
}
