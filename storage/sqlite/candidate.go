package sqlite

import (
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// candidate is a part of the query that every match satisfies and that an index can answer: a clause, or all windows
// on one parameter. The search may begin with it instead of with every resource of the type.
type candidate struct {
	arms   []clause       // select the instants that may satisfy it, together
	equals []search.Equal // the tests, when all are on terms: they can be followed by instant
	bounds bool           // the bounds of the search on instants
	param  int64          // whose windows it is; 0 for another clause
	alone  window         // of spans that are the only one of param: the common part of all windows on it
	crowd  window         // of other spans: the first of the windows, for the next may be satisfied by another span
	size   int            // instants of the arms, counted up to enough
}

// maxFollowed is how many terms are followed by instant side by side.
const maxFollowed = 8

// candidates finds every part of the query that an index can answer.
func (x *searching) candidates() (all []candidate, err error) {
	if x.bounds != unbounded {
		all = append(all, candidate{bounds: true, arms: []clause{x.boundsArm(x.bounds)}})
	}
	windows := make(map[int64]int) // where in all the windows on a parameter are
	for _, a := range x.q.All {
		if param, w, ok := x.soleWindow(a); ok {
			if i, known := windows[param]; known {
				all[i].alone = all[i].alone.and(w)
			} else {
				windows[param] = len(all)
				all = append(all, candidate{param: param, alone: w, crowd: w})
			}
			continue
		}
		c, ok, err := x.candidate(a)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, c)
		}
	}
	for _, i := range windows {
		if all[i].arms, err = x.windowArms(all[i].param, all[i].alone, all[i].crowd); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// soleWindow is a clause that is nothing but one window on a parameter with ranges.
func (x *searching) soleWindow(a search.Any) (param int64, w window, ok bool) {
	if len(a) != 1 {
		return 0, w, false
	}
	t, ok := a[0].(search.Within)
	return x.names[t.Param], newWindow(t), ok && t.Param != search.LastUpdated && x.names[t.Param] != 0
}

// candidate makes a candidate of a clause, unless one of its tests is none that an index answers.
func (x *searching) candidate(a search.Any) (c candidate, ok bool, err error) {
	for _, t := range a {
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

// arms are the selections of instants in which all matches of a test are; none when it cannot match. Not ok says that
// no index answers the test.
func (x *searching) arms(t search.Test) (arms []clause, ok bool, err error) {
	switch t := t.(type) {
	case search.Equal:
		if t.Param == search.ID {
			return []clause{sql("SELECT instant FROM version INDEXED BY version_key WHERE partition = ? AND type = ? AND id = ?",
				string(x.scope.partition), x.scope.kind, t.Value)}, true, nil
		}
		return x.armOf(t.Param, func(param int64) clause {
			return sql("SELECT instant FROM term WHERE param = ? AND hash = ?", param, x.store.hash(t.Value))
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
			return sql("SELECT DISTINCT instant FROM text WHERE param = ? AND instr(CAST(folded AS BLOB), CAST(? AS BLOB)) > 0", param, t.Folded)
		}), true, nil
	case search.Within:
		if t.Param == search.LastUpdated {
			from, to := newWindow(t).instants()
			return []clause{x.boundsArm(bounds{from, to})}, true, nil
		}
		if x.names[t.Param] == 0 {
			return nil, true, nil
		}
		arms, err := x.windowArms(x.names[t.Param], newWindow(t), newWindow(t))
		return arms, true, err
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

// windowArms are one arm for each class of spans.
func (x *searching) windowArms(param int64, alone, among window) (arms []clause, err error) {
	classes, err := x.classes(param)
	for _, class := range classes {
		w := alone.within(class)
		if class >= crowd {
			w = among.within(class)
		}
		arms = append(arms, sql("SELECT DISTINCT instant FROM span INDEXED BY span_low WHERE param = ? AND class = ? AND low BETWEEN ? AND ? AND high BETWEEN ? AND ?",
			param, class, int64(w.lowFrom), int64(w.lowTo), int64(w.highFrom), int64(w.highTo)))
	}
	return arms, err
}

// classes are the classes of spans that a parameter has.
func (x *searching) classes(param int64) (classes []int64, err error) {
	for class, found := int64(-1), true; found; {
		class, found, err = x.number(x.ctx, "SELECT class FROM span INDEXED BY span_low WHERE param = ? AND class > ? ORDER BY class LIMIT 1", param, class)
		if err != nil {
			return nil, err
		}
		if found {
			classes = append(classes, class)
		}
	}
	return classes, nil
}

// measure counts what the arms of a candidate have, up to enough.
func (x *searching) measure(c *candidate) error {
	for _, arm := range c.arms {
		limited := join([]clause{sql("SELECT count(*) FROM ("), arm, sql(" LIMIT +?)", int64(x.store.enough-c.size))}, "")
		n, _, err := x.number(x.ctx, limited.text, limited.args...)
		if err != nil {
			return err
		}
		if c.size += int(n); c.size >= x.store.enough {
			return nil
		}
	}
	return nil
}

// clip is a place in an order as bounds on instants.
func (b bounds) clip(k key, at int64) bounds {
	if k.descending {
		b.to = min(b.to, fhir.Instant(at))
	} else {
		b.from = max(b.from, fhir.Instant(at))
	}
	return b
}

// clip is a place in an order as a window on spans.
func (w window) clip(k key, at int64) window {
	if k.descending {
		w.highTo = min(w.highTo, fhir.Instant(at))
	} else {
		w.lowFrom = max(w.lowFrom, fhir.Instant(at))
	}
	return w
}
