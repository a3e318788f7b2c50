package sqlite

import "github.com/portico-health/portico/fhir/search"

// axis is where the values of a parameter stand in their order: its ranges of time in the table span, its Ordereds in the table ordered.
type axis struct {
	param   int64 // 0: there is none
	ordered bool
}

// table is the table of an axis, with the index that has it in the order of the column low or high.
func (a axis) table(end string) string {
	switch {
	case !a.ordered:
		return "span s INDEXED BY span_" + end
	case end == "low":
		return "ordered s INDEXED BY " + orderedLow
	default:
		return "ordered s INDEXED BY ordered_high"
	}
}

// orderedLow is the name that SQLite gives to the primary key of ordered.
const orderedLow = "sqlite_autoindex_ordered_1"

// everywhere is the window that leaves everything open.
func (a axis) everywhere() window {
	if a.ordered {
		return everyOrder
	}
	return everyTime
}

// alone says whether the rows of a class are each the only one of the parameter in its resource.
func (a axis) alone(class int64) bool {
	if a.ordered {
		return class&crowded == 0
	}
	return class < crowd
}

// ranking says whether a row of a class may be the one that ranks its resource.
func (a axis) ranking(class int64, descending bool) bool {
	if !a.ordered || class&crowded == 0 {
		return true
	}
	return class&rankBit(descending) != 0
}

// rivalry is the predicate that of a crowd the row ranks its resource, where the class does not tell.
func (a axis) rivalry(descending bool) clause {
	switch {
	case a.ordered:
		return always
	case descending:
		return sql("NOT EXISTS (SELECT 1 FROM span o WHERE o.instant = s.instant AND o.param = s.param AND (o.high, o.low) > (s.high, s.low))")
	default:
		return sql("NOT EXISTS (SELECT 1 FROM span o WHERE o.instant = s.instant AND o.param = s.param AND (o.low, o.high) < (s.low, s.high))")
	}
}

// within narrows a window to where rows of a class can be in it.
func (a axis) within(w window, class int64) window {
	switch {
	case !a.ordered:
		return w.within(class)
	case class&stretched == 0:
		from, to := greater(w.lowFrom, w.highFrom), lesser(w.lowTo, w.highTo)
		return window{from, to, from, to}
	default:
		return w
	}
}

// straggles says whether within a class nothing tells of one end where the other is, so that of a window on both ends one alone bounds what is scanned.
func (a axis) straggles(class int64) bool {
	if a.ordered {
		return class&stretched != 0
	}
	return class%crowd > magnitudes
}

// missing is the predicate that a resource has nothing on the axis.
func (a axis) missing() clause {
	kind := byte(spanFrame)
	if a.ordered {
		kind = orderedFrame
	}
	return sql("instr(l.entries, ?) = 0", openFrame(a.param, kind, ""))
}

// windows are those of a clause that is nothing but windows, one of which has to hold, on an axis that some resource has; else the
// axis is none. A date from a day on is such a clause: it ends behind the day, or it is within it.
func (n numbers) windows(a search.Any) (of axis, all []window) {
	for _, t := range a {
		on, w := n.window(t)
		if on.param == 0 || len(all) > 0 && on != of {
			return axis{}, nil
		}
		of, all = on, append(all, w)
	}
	return of, all
}

// window is that of a test, if it is one on an axis.
func (n numbers) window(t search.Test) (axis, window) {
	switch t := t.(type) {
	case search.Within:
		if t.Param != search.LastUpdated {
			return axis{param: n[t.Param]}, newWindow(t)
		}
	case search.Between:
		return axis{param: n[t.Param], ordered: true}, newTextWindow(t)
	}
	return axis{}, window{}
}
