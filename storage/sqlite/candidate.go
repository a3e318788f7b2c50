package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"

	"github.com/portico-health/portico/fhir/search"
)

// candidate is a part of the query that every match satisfies and that an index can answer: a clause, or all windows
// on one parameter. The search may begin with it instead of with every resource of the type.
type candidate struct {
	arms    []clause       // select the instants that may satisfy it, together
	open    bool           // its arms are not known before it is measured
	equals  []search.Equal // the tests, when all are on terms: they can be followed by instant
	bounds  bool           // the bounds of the search on instants
	axis    axis           // whose windows it is; none for another clause
	crowd   bool           // some resource has several rows on the axis
	size    int            // instants of the arms, counted up to enough
	exact   bool           // the arms have nothing that does not satisfy it
	sure    bool           // the arms have nothing that is not in live
	counted bool           // the size is exact
	of      int            // the clause of the query, the first of several
	price   price
}

// price is what it takes to measure a candidate.
type price int

const (
	cheap     price = iota // a stretch of an index
	overLinks              // some looks for each of the other side
	overTexts              // all texts of a parameter
)

// maxFollowed is how many terms are followed by instant side by side.
const maxFollowed = 8

// candidates finds every part of the query that an index can answer.
func (x *searching) candidates() (all []candidate, err error) {
	if x.bounds != unbounded {
		all = append(all, candidate{bounds: true, of: x.bounding(), arms: []clause{x.boundsArm(x.bounds)}})
	}
	seen := make(map[axis]bool) // of windows
	for i, a := range x.q.All {
		if _, bounding := instants(a); bounding {
			continue // it is in the bounds
		}
		of, windows := x.names.windows(a)
		var c candidate
		ok := true
		switch {
		case seen[of]:
			continue
		case of.param != 0:
			seen[of], c.axis = true, of
			var classes []int64
			if classes, err = x.classes(of); err == nil {
				c.crowd = slices.ContainsFunc(classes, func(class int64) bool { return !of.alone(class) })
				c.arms = x.windowArms(of, classes, x.window(of), hull(windows))
			}
		default:
			if c.price, c.open = priceOf(a), slices.ContainsFunc(a, isSought); !c.open {
				c, ok, err = x.candidate(a)
			}
		}
		if err != nil {
			return nil, err
		}
		if c.of = i; ok {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.price, b.price) })
	return all, nil
}

// priceOf is what it takes to measure a clause.
func priceOf(a search.Any) price {
	switch {
	case anyTest(a, readsTexts):
		return overTexts
	case isChained(a):
		return overLinks
	default:
		return cheap
	}
}

// readsTexts says whether a test is found by reading all texts of its parameter.
func readsTexts(t search.Test) bool {
	switch t.(type) {
	case search.Contains, search.EndsWith:
		return true
	default:
		return false
	}
}

// isLink says whether a test leads to other resources.
func isLink(t search.Test) bool {
	switch t.(type) {
	case search.Refers, search.ReferredBy:
		return true
	default:
		return false
	}
}

// isSought says whether the store is read to find the arms of a test, which waits for the turn of its candidate to be measured.
func isSought(t search.Test) bool {
	_, every := t.(search.Every)
	return every || isLink(t)
}

// candidate makes a candidate of a clause, unless one of its tests is none that an index answers.
func (x *searching) candidate(a search.Any) (c candidate, ok bool, err error) {
	c.exact, c.sure, c.price = true, true, priceOf(a)
	for _, t := range a {
		c.exact, c.sure = c.exact && isExact(t), c.sure && isExact(t) && !isID(t)
		arms, ok, err := x.arms(t)
		if err != nil || !ok {
			return candidate{}, false, err
		}
		c.arms = append(c.arms, arms...)
	}
	if equals := x.names.equals(a); len(equals) <= maxFollowed {
		c.equals = equals
	}
	return c, true, nil
}

// isExact says whether the arms of a test have nothing that does not satisfy it.
func isExact(t search.Test) bool {
	switch t.(type) {
	case search.Equal, search.StartsWith, search.Contains, search.Refers, search.ReferredBy:
		return true
	default:
		return false
	}
}

// isID says whether a test asks for an id: its arm has marks of deletions, too.
func isID(t search.Test) bool {
	e, ok := t.(search.Equal)
	return ok && e.Param == search.ID
}

// arms are the selections of instants in which all matches of a test are; none when it cannot match. Not ok says that
// no index answers the test.
func (x *searching) arms(t search.Test) (arms []clause, ok bool, err error) {
	switch t := t.(type) {
	case search.Equal:
		if t.Param == search.ID {
			return []clause{sql("SELECT instant FROM (SELECT instant FROM version INDEXED BY version_key WHERE partition = ? AND type = ? AND id = ? ORDER BY number DESC LIMIT 1)",
				string(x.scope.partition), x.scope.kind, t.Value)}, true, nil
		}
		return x.armOf(t.Param, func(param int64) clause {
			return sql("SELECT instant FROM term WHERE param = ? AND hash = ?", param, sought(t.Value))
		}), true, nil
	case search.StartsWith:
		return x.armOf(t.Param, func(param int64) clause {
			if end := successor(t.Folded); end != "" {
				return sql("SELECT DISTINCT instant FROM text WHERE param = ? AND folded >= ? AND folded < ?", param, t.Folded, end)
			}
			return sql("SELECT DISTINCT instant FROM text WHERE param = ? AND folded >= ?", param, t.Folded)
		}), true, nil
	case search.Contains:
		return x.armOf(t.Param, func(param int64) clause {
			return join([]clause{
				sql("SELECT DISTINCT instant FROM text WHERE param = ? AND ", param), x.meter.spend("instant", 1), sql(" AND instr(CAST(folded AS BLOB), CAST(? AS BLOB)) > 0", t.Folded),
			}, "")
		}), true, nil
	case search.Within:
		if t.Param == search.LastUpdated {
			from, to := t.Instants()
			return []clause{x.boundsArm(bounds{from, to})}, true, nil
		}
		arms, err := x.windowOf(t)
		return arms, true, err
	case search.Between:
		arms, err := x.windowOf(t)
		return arms, true, err
	case search.EndsWith:
		return x.armOf(t.Param, func(param int64) clause { return x.endingArm(param, t.Folded) }), true, nil
	case search.Near:
		return x.armOf(t.Param, func(param int64) clause { return x.nearArm(param, t) }), true, nil
	case search.Every:
		return x.narrowest(t)
	case search.Refers:
		return x.referring(t)
	case search.ReferredBy:
		return x.referred(t)
	default:
		return nil, false, nil
	}
}

// armOf is one arm for a parameter that some resource has; for another, none.
func (x *searching) armOf(param string, arm func(int64) clause) []clause {
	if number, ok := x.names[param]; ok {
		return []clause{arm(number)}
	}
	return nil
}

func (x *searching) boundsArm(b bounds) clause {
	return sql("SELECT instant FROM live INDEXED BY live_scope WHERE scope = ? AND instant BETWEEN ? AND ?", x.names[""], int64(b.from), int64(b.to))
}

// windowOf are the arms of a test that is a window.
func (x *searching) windowOf(t search.Test) ([]clause, error) {
	of, w := x.names.window(t)
	if of.param == 0 {
		return nil, nil
	}
	classes, err := x.classes(of)
	return x.windowArms(of, classes, w, w), err
}

// windowArms are one arm for each class of an axis: of rows that are alone within the common part of all windows, of the others, where
// each window may have its own row, within one of them.
func (x *searching) windowArms(of axis, classes []int64, alone, among window) (arms []clause) {
	for _, class := range classes {
		w, distinct := alone, ""
		if !of.alone(class) {
			w, distinct = among, "DISTINCT "
		}
		w = of.within(w, class)
		passed := always
		if of.straggles(class) && w.isBoth() {
			passed = x.meter.spend("instant", 1)
		}
		arms = append(arms, join([]clause{
			sql("SELECT "+distinct+"instant FROM "+of.table(w.tighter())+" WHERE param = ? AND class = ? AND ", of.param, class), conjunction([]clause{passed, w.on("s")}),
		}, ""))
	}
	return arms
}

// bounding is the first clause of the query that bounds instants.
func (x *searching) bounding() int {
	return slices.IndexFunc(x.q.All, func(a search.Any) bool {
		_, ok := instants(a)
		return ok
	})
}

// classes are the classes of rows that an axis has, looked for once. Mostly there is one, which is the first and the last.
func (x *searching) classes(of axis) (classes []int64, err error) {
	if known, ok := x.classed[of]; ok {
		return known, nil
	}
	ctx := context.WithoutCancel(x.ctx) // it looks at a few rows
	next := "SELECT class FROM " + of.table("low") + " WHERE param = ? AND class > ? ORDER BY class"
	ends := "SELECT (" + next + " LIMIT 1), (" + next + " DESC LIMIT 1)"
	class, last := int64(-1), int64(-1)
	err = x.query(ctx, ends, []driver.Value{of.param, class, of.param, class}, func(row []driver.Value) error {
		if row[0] != nil {
			class, last = integer(row[0]), integer(row[1])
			classes = append(classes, class)
		}
		return nil
	})
	for found := true; err == nil && found && class < last; {
		if class, found, err = x.number(ctx, next+" LIMIT 1", of.param, class); found {
			classes = append(classes, class)
		}
	}
	if err != nil {
		return nil, err
	}
	x.classed[of] = classes
	return classes, nil
}

// weigh measures candidates, the cheap ones first, until one has so few resources that others are not worth their price, and returns those that were
// measured and the one of them with the fewest; nil when there is none.
func (x *searching) weigh(all []candidate) (weighed []*candidate, best *candidate, err error) {
	for i := range all {
		c := &all[i]
		if best != nil && (best.size <= scant || best.size < x.store.enough && c.price == overTexts) {
			break
		}
		if c.open {
			of, found := c.of, false
			if *c, found, err = x.candidate(x.q.All[of]); err != nil {
				return nil, nil, err
			}
			if c.of = of; !found {
				continue
			}
		}
		if err := x.measure(c); err != nil {
			return nil, nil, err
		}
		weighed = append(weighed, c)
		if best == nil || c.size < best.size || c.size == best.size && c.axis.param != 0 { // a row of an axis says itself whether it is in a window
			best = c
		}
	}
	return weighed, best, nil
}

// measure counts what the arms of a candidate have, up to enough.
func (x *searching) measure(c *candidate) error {
	for _, arm := range c.arms {
		limited := join([]clause{sql("SELECT count(*) FROM ("), arm, sql(" LIMIT +?)", int64(x.store.enough-c.size))}, "")
		n, _, err := x.number(x.ctx, limited.text, limited.args...)
		if err != nil {
			return err
		}
		if err := x.meter.look(int(n)); err != nil {
			return err
		}
		if c.size += int(n); c.size >= x.store.enough {
			return nil
		}
	}
	c.counted = true
	return nil
}

// clip is a place in an order as bounds on instants.
func (b bounds) clip(k key, at value) bounds {
	if k.descending {
		b.to = min(b.to, instantOf(at))
	} else {
		b.from = max(b.from, instantOf(at))
	}
	return b
}
