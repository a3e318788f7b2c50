package sqlite

import (
	"database/sql/driver"
	"slices"

	"github.com/portico-health/portico/fhir/search"
)

// plan is how a search is carried out.
type plan struct {
	stages  []stage // one after the other they give the matches in their order
	counted []scan  // together they meet each match once
}

// plan chooses the index that the search begins with. SQLite is left no choice: it would not know how few
// resources share a value.
func (x *searching) plan(after *position) (plan, error) {
	all, err := x.candidates()
	if err != nil {
		return plan{}, err
	}
	first := x.firstKey()
	c, err := x.choose(all, first)
	switch {
	case err != nil:
		return plan{}, err
	case c == nil:
		return x.inOrder(first, after)
	case len(c.arms) == 0:
		return plan{}, nil // it cannot hold
	case !x.follows(c, first):
		s := x.set(c.arms)
		return plan{[]stage{{first: whole, scans: []scan{s}}}, []scan{s}}, nil
	case c.param != 0:
		return x.alongWindow(c, first, after)
	default:
		return x.alongTerms(c, first, after), nil
	}
}

// firstKey is the first key that any resource has.
func (x *searching) firstKey() int {
	if i := slices.IndexFunc(x.order, func(k key) bool { return k.instant || k.param != 0 }); i >= 0 {
		return i
	}
	return len(x.order)
}

// follows says whether the index that answers a candidate has the matches in their order.
func (x *searching) follows(c *candidate, first int) bool {
	if first == len(x.order) {
		return false
	}
	k := x.order[first]
	return k.instant && c.equals != nil || k.param != 0 && k.param == c.param
}

// choose takes the candidate with the fewest resources. Where even those are many and would have to be sorted, one that
// follows the order is better, or none: the whole type, in its order.
func (x *searching) choose(all []candidate, first int) (*candidate, error) {
	if len(all) == 1 && x.follows(&all[0], first) {
		return &all[0], nil
	}
	var best, following *candidate
	for i := range all {
		c := &all[i]
		if err := x.measure(c); err != nil {
			return nil, err
		}
		if best == nil || c.size < best.size {
			best = c
		}
		if x.follows(c, first) && (following == nil || c.size < following.size) {
			following = c
		}
	}
	if best != nil && best.size < x.store.enough {
		return best, nil
	}
	return following, nil
}

// alongTerms follows the terms of one clause by instant.
func (x *searching) alongTerms(c *candidate, first int, after *position) plan {
	p := plan{stages: []stage{{first: first}}}
	var before search.Any
	for _, e := range c.equals {
		p.stages[0].scans = append(p.stages[0].scans, x.holders(e, before, x.clipped(first, after)))
		p.counted = append(p.counted, x.holders(e, before, x.bounds))
		before = append(before, e)
	}
	return p
}

// alongWindow follows a range of the index that the search is ordered by. Every match has a value there.
func (x *searching) alongWindow(c *candidate, first int, after *position) (p plan, err error) {
	if p.counted, err = x.ranks(first, c.alone, nil); err != nil {
		return p, err
	}
	scans, err := x.ranks(first, c.alone, after)
	p.stages = []stage{{first: first, scans: scans}}
	return p, err
}

// inOrder goes through the whole type in the order of the search: first those that have the first key, then those that lack
// it and have the second, and so on.
func (x *searching) inOrder(first int, after *position) (plan, error) {
	p := plan{counted: []scan{x.listing(x.bounds)}}
	var missing []clause
	for i := first; ; i++ {
		st := stage{first: i, where: slices.Clone(missing)}
		var err error
		switch {
		case i == len(x.order):
			st.scans = []scan{x.roll()}
		case x.order[i].instant:
			st.scans = []scan{x.listing(x.clipped(i, after))}
		case x.order[i].param == 0:
			continue
		case after == nil || after.first() <= i: // else this stage is behind us
			st.scans, err = x.ranks(i, everywhere, after)
		}
		if err != nil {
			return p, err
		}
		p.stages = append(p.stages, st)
		if i == len(x.order) || x.order[i].instant {
			return p, nil
		}
		missing = append(missing, sql("instr(l.entries, ?) = 0", openFrame(x.order[i].param, spanFrame, "")))
	}
}

// ranks are the scans, one for each class of spans, that give the resources with a key by its value, from a position on.
func (x *searching) ranks(i int, alone window, after *position) ([]scan, error) {
	k, among := x.order[i], everywhere
	classes, err := x.classes(k.param)
	if after != nil && after.first() == i {
		alone, among = alone.clip(k, *after.Keys[i]), among.clip(k, *after.Keys[i])
	}
	scans := make([]scan, len(classes))
	for n, class := range classes {
		w := alone
		if class >= crowd {
			w = among
		}
		scans[n] = x.ranked(k, class, w.within(class))
	}
	return scans, err
}

// clipped are the bounds of the search from a position on, where instants order it from key i on.
func (x *searching) clipped(i int, after *position) bounds {
	if after == nil || after.first() != i {
		return x.bounds
	}
	return x.bounds.clip(x.order[i], *after.Keys[i])
}

// find returns the first matches behind a position, in their order.
func (x *searching) find(p plan, after *position, limit int) ([]match, error) {
	var found []match
	for _, st := range p.stages {
		var part []match
		for _, s := range st.scans {
			statement := x.page(st, s, after, limit-len(found))
			if err := x.query(x.ctx, statement.text, statement.args, func(row []driver.Value) error {
				part = append(part, x.match(row))
				return nil
			}); err != nil {
				return nil, err
			}
		}
		slices.SortFunc(part, x.order.compare)
		found = append(found, part[:min(len(part), limit-len(found))]...)
		if len(found) == limit {
			break
		}
	}
	return found, nil
}

// count counts the matches: all of them, or when upTo is positive up to one more.
func (x *searching) count(p plan, upTo int) (int, error) {
	total := 0
	for _, s := range p.counted {
		limit := -1
		if upTo > 0 {
			limit = upTo + 1 - total
		}
		statement := x.tally(s, limit)
		n, _, err := x.number(x.ctx, statement.text, statement.args...)
		if err != nil {
			return 0, err
		}
		total += int(n)
	}
	return total, nil
}
