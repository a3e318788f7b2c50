package sqlite

import (
	"context"
	"database/sql/driver"
	"io"
	"slices"
)

// plan is how a search is carried out.
type plan struct {
	steps          // one after the other they give the matches in their order
	counted []scan // together they meet each match once
}

const (
	enough = 1_000 // candidates: as many are followed in their order rather than sorted
	worth  = 2     // times as many candidates are followed as are sorted: the page may be full soon
	scant  = 16    // candidates: no other part of the query is asked whether it has fewer
)

// plan chooses the index that the search begins with. SQLite is left no choice: it would not know how few
// resources share a value.
func (x *searching) plan(after *position) (p plan, err error) {
	first := x.firstKey()
	best, along, err := x.choose(first)
	switch {
	case err != nil:
		return p, err
	case best == nil:
		p.counted = []scan{x.listing(x.bounds)}
	case len(best.arms) == 0: // it cannot hold
		x.tell(p, best)
		return p, nil
	default:
		if p.counted, err = x.met(best); err != nil {
			return p, err
		}
	}
	switch {
	case x.order.isGathered():
		p.stages, along = []stage{{first: whole, scans: p.counted}}, best
	case along == nil && best != nil && best.size < x.store.enough:
		p.stages = []stage{{first: whole, scans: []scan{x.set(best)}}}
		along = best
	case along == nil || along.bounds:
		p.steps, err = x.inOrder(first, nil, after)
	case along.axis.param != 0: // every match has a value of the key
		p.stages, err = x.ranks(stage{first: first}, after)
	default:
		p.stages = []stage{{first: first, scans: x.holders(along.equals, x.clipped(first, after))}}
	}
	x.tell(p, along)
	return p, err
}

// firstKey is the first key that any resource has.
func (x *searching) firstKey() int {
	if i := slices.IndexFunc(x.order, key.isKnown); i >= 0 {
		return i
	}
	return len(x.order)
}

// choose finds the candidate with the fewest resources, and the one whose index is to be followed because it
// has them in their order: the best itself, or the best of those that do, when the best has too many to be sorted or that one
// not many more. The index of an axis on which some have several values is followed past all of these, for what ranks a resource may be another value than
// is in the window: few matches are rather sorted.
func (x *searching) choose(first int) (best, along *candidate, err error) {
	all, err := x.candidates()
	if err != nil {
		return nil, nil, err
	}
	if len(all) == 1 && x.follows(&all[0], first) && !all[0].crowd {
		return &all[0], &all[0], nil
	}
	weighed, best, err := x.weigh(all)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range weighed {
		if x.follows(c, first) && (along == nil || c.size < along.size) {
			along = c
		}
	}
	if along != nil && best.size < x.store.enough && (along.crowd || along.size >= x.store.enough || along.size > worth*best.size) {
		along = nil
	}
	return best, along, nil
}

// follows says whether the index that answers a candidate has the matches in their order.
func (x *searching) follows(c *candidate, first int) bool {
	if first == len(x.order) {
		return false
	}
	k := x.order[first]
	return k.by == byInstant && (c.equals != nil || c.bounds) || c.axis.param != 0 && k.axis() == c.axis
}

// met are scans for counting: they begin to give at once, and end when they have given enough.
func (x *searching) met(c *candidate) ([]scan, error) {
	switch {
	case c.equals != nil:
		return x.holders(c.equals, x.bounds), nil
	case c.axis.param != 0 && (!c.crowd || c.size >= x.store.enough):
		return x.lanes(c.axis, false, x.window(c.axis), c.axis.everywhere())
	case len(c.arms) == 1 || c.size < x.store.enough:
		return []scan{x.set(c)}, nil
	default:
		return []scan{x.listing(x.bounds)}, nil
	}
}

// inOrder goes through the whole type in the order of the search, among those that lack the keys before i: first those that have that key, then those
// that lack it and have the next, and so on.
func (x *searching) inOrder(i int, lacked []clause, after *position) (s steps, err error) {
	st := stage{first: i, where: lacked}
	switch {
	case i == len(x.order), x.order[i].by == byID:
		st.scans = []scan{x.roll()}
		return steps{stages: []stage{st}}, nil
	case x.order[i].by == byInstant:
		st.scans = []scan{x.listing(x.clipped(i, after))}
		return steps{stages: []stage{st}}, nil
	case x.order[i].param == 0:
		return x.inOrder(i+1, lacked, after)
	}
	s.rest = func() (steps, error) { return x.lacking(i, lacked, after) }
	if after != nil && after.first() > i {
		return s.rest() // this stage is behind us
	}
	s.stages, err = x.ranks(st, after)
	return s, err
}

// ranks are the stages that give the resources with a stage's first key by its value, from a position on: those that share its value, and
// those behind.
func (x *searching) ranks(st stage, after *position) (stages []stage, err error) {
	k := x.order[st.first]
	of := k.axis()
	alone, among := x.window(of), of.everywhere()
	if after == nil || after.first() != st.first {
		st.scans, err = x.lanes(of, k.descending, alone, among)
		return []stage{st}, err
	}
	level, past, at := st, st, after.Keys[st.first]
	if level.scans, err = x.lanes(of, k.descending, alone, among); err != nil {
		return nil, err
	}
	for i := range level.scans {
		s := &level.scans[i]
		s.where = append(s.where, sql(s.key+" = ?", at.of))
		if st.first == len(x.order)-1 { // else the next key orders them
			s.where = append(s.where, sql(s.id+" > ?", after.ID))
		}
	}
	if k.ends(at) {
		return []stage{level}, nil
	}
	past.scans, err = x.lanes(of, k.descending, alone.past(k, at), among.past(k, at))
	return []stage{level, past}, err
}

// lanes are the scans, one for each class of an axis, that give the resources on it by their values.
func (x *searching) lanes(of axis, descending bool, alone, among window) (scans []scan, err error) {
	classes, err := x.classes(of)
	for _, class := range classes {
		if !of.ranking(class, descending) {
			continue
		}
		w := among
		if of.alone(class) {
			w = alone
		}
		scans = append(scans, x.rank(of, class, descending, of.within(w, class)))
	}
	return scans, err
}

// clipped are the bounds of the search from a position on, where instants order it from key i on.
func (x *searching) clipped(i int, after *position) bounds {
	if after == nil || after.first() != i {
		return x.bounds
	}
	return x.bounds.clip(x.order[i], after.Keys[i])
}

// find returns the first matches behind a position, in their order, as many as there is room for, and says whether there are more.
func (x *searching) find(p plan, after *position, r room) (found []match, more bool, err error) {
	for s := p.steps; ; {
		for _, st := range s.stages {
			part, err := x.gather(st, after, r)
			if err != nil {
				return nil, false, err
			}
			fit, left := r.take(part)
			found = append(found, part[:fit]...)
			if fit < len(part) {
				return found, true, nil
			}
			r = left
		}
		if s.rest == nil {
			return found, false, nil
		}
		if s, err = s.rest(); err != nil {
			return nil, false, err
		}
	}
}

// gather returns the first matches of a stage, in their order: those that there is room for and, if there is one, the next.
func (x *searching) gather(st stage, after *position, r room) (part []match, err error) {
	for _, s := range st.scans {
		statement, straight := x.page(st, s, after, r.rows+1)
		left, before, rows, ctx := r, x.meter.looked, 0, x.ctx
		if straight { // the driver could not end it after its first row, which is there at once
			ctx = context.WithoutCancel(ctx)
		}
		err := x.query(ctx, statement.text, statement.args, func(row []driver.Value) error {
			if err := x.ctx.Err(); err != nil {
				return err
			}
			m := x.match(row)
			rows++
			part = append(part, m)
			if !left.takes(m.version.Body) {
				return io.EOF
			}
			left = left.less(m.version.Body)
			return nil
		})
		if err == nil {
			err = x.meter.look(rows - min(rows, x.meter.looked-before)) // those that the statement did not count itself
		}
		if err != nil {
			return nil, err
		}
		slices.SortFunc(part, x.order.compare)
		fit, _ := r.take(part)
		part = part[:min(len(part), fit+1)]
	}
	return part, nil
}

// count counts the matches: all of them, or when upTo is positive up to one more.
func (x *searching) count(p plan, upTo int) (int, error) {
	total, wanted := 0, max(0, upTo+1)
	x.meter.restart(wanted)
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
	return total, x.meter.settle(min(total, wanted))
}
