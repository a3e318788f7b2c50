package sqlite

import (
	"database/sql/driver"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir/search"
)

// clause is a piece of SQL with the values of its question marks, in their order.
type clause struct {
	text string
	args []driver.Value
}

func sql(text string, args ...driver.Value) clause { return clause{text, args} }

// join puts clauses together.
func join(clauses []clause, between string) clause {
	var b strings.Builder
	var args []driver.Value
	for i, c := range clauses {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(c.text)
		args = append(args, c.args...)
	}
	return clause{b.String(), args}
}

// The predicates that are known before any row is.
var (
	always = sql("TRUE")
	never  = sql("FALSE")
)

// any is the predicate of a clause of a query: that one of its tests holds for the resource whose instant is the column at, and for the row l
// of live, which is its own if the clause asks live.
func (n numbers) any(a search.Any, at string) clause {
	if len(a) == 0 {
		return never
	}
	if equals := n.equals(a); len(equals) > 0 && len(equals) <= mostJoined {
		return n.hasOne(equals, at)
	}
	tests := make([]clause, len(a))
	for i, t := range a {
		tests[i] = n.test(t, at)
	}
	return nest(tests, " OR ")
}

// mostJoined is how many expressions stand side by side. SQLite refuses trees that are deeper than 1000.
const mostJoined = 100

// nest joins expressions within parentheses, many of them in groups.
func nest(all []clause, between string) clause {
	if len(all) == 1 {
		return all[0]
	}
	var groups []clause
	for group := range slices.Chunk(all, mostJoined) {
		groups = append(groups, join([]clause{sql("("), join(group, between), sql(")")}, ""))
	}
	return nest(groups, between)
}

// equals are the tests of a clause, each once, when all of them are on terms that some resource may have.
func (n numbers) equals(a search.Any) []search.Equal {
	var equals []search.Equal
	for _, t := range a {
		e, ok := t.(search.Equal)
		if !ok || e.Param == search.ID || n[e.Param] == 0 {
			return nil
		}
		if !slices.Contains(equals, e) {
			equals = append(equals, e)
		}
	}
	return equals
}

// windows are those of a clause that is nothing but windows, one of which has to hold, on a parameter that some resource has; else the
// parameter is 0. A date from a day on is such a clause: it ends behind the day, or it is within it.
func (n numbers) windows(a search.Any) (param int64, all []window) {
	for _, t := range a {
		w, ok := t.(search.Within)
		if !ok || w.Param == search.LastUpdated || n[w.Param] == 0 || param != 0 && n[w.Param] != param {
			return 0, nil
		}
		param, all = n[w.Param], append(all, newWindow(w))
	}
	return param, all
}

// asksLive says whether a row of live has to be there to decide a clause.
func asksLive(a search.Any) bool {
	return slices.ContainsFunc(a, func(t search.Test) bool {
		switch t := t.(type) {
		case search.Equal:
			return t.Param == search.ID
		case search.Contains:
			return t.Folded == ""
		case search.Within:
			return false
		case search.Not:
			return asksLive(t.Any)
		default:
			return true
		}
	})
}

// test is the exact predicate of a test.
func (n numbers) test(t search.Test, at string) clause {
	switch t := t.(type) {
	case search.Equal:
		if t.Param == search.ID {
			return sql("l.id = ?", t.Value)
		}
		return n.has(t, at)
	case search.StartsWith:
		return n.holds(t.Param, func(param int64) []byte { return openFrame(param, foldedFrame, t.Folded) })
	case search.Exactly:
		return n.holds(t.Param, func(param int64) []byte { return wholeFrame(param, exactFrame, t.Exact) })
	case search.Contains:
		return n.contains(t, at)
	case search.Within:
		return n.within(t, at)
	case search.Missing:
		return n.missing(t)
	case search.Not:
		inner := n.any(t.Any, at)
		return clause{"NOT (" + inner.text + ")", inner.args}
	default:
		return never
	}
}

// has is the predicate that a resource has a term.
func (n numbers) has(t search.Equal, at string) clause {
	if n[t.Param] == 0 {
		return never
	}
	return n.hasOne([]search.Equal{t}, at)
}

// hasOne is the predicate that a resource has one of some terms, which some resource may have. Those of one parameter are looked up
// together.
func (n numbers) hasOne(terms []search.Equal, at string) clause {
	var tests []clause
	for len(terms) > 0 {
		param, args := terms[0].Param, []driver.Value{n[terms[0].Param]}
		terms = slices.DeleteFunc(slices.Clone(terms), func(t search.Equal) bool {
			if t.Param == param {
				args = append(args, sought(t.Value))
			}
			return t.Param == param
		})
		list := strings.Repeat(", ?", len(args)-2)
		tests = append(tests, sql("EXISTS (SELECT 1 FROM term e WHERE e.param = ? AND e.hash IN (?"+list+") AND e.instant = "+at+")", args...))
	}
	return nest(tests, " OR ")
}

// sought is the digest of a value, for a statement.
func sought(value string) []byte {
	d := digestOf(value)
	return d[:]
}

// holds is the predicate that the entries have a frame.
func (n numbers) holds(param string, needle func(int64) []byte) clause {
	number, ok := n[param]
	if !ok {
		return never
	}
	return sql("instr(l.entries, ?) > 0", needle(number))
}

// contains reads all texts of the parameter once, and then only looks up.
func (n numbers) contains(t search.Contains, at string) clause {
	if t.Folded == "" {
		return n.test(search.StartsWith{Param: t.Param}, at)
	}
	number, ok := n[t.Param]
	if !ok {
		return never
	}
	return sql("+"+at+" IN (SELECT instant FROM text WHERE param = ? AND instr(CAST(folded AS BLOB), ?) > 0)", number, []byte(t.Folded))
}

func (n numbers) within(t search.Within, at string) clause {
	if t.Param == search.LastUpdated {
		from, to := newWindow(t).instants()
		return sql("+"+at+" BETWEEN ? AND ?", int64(from), int64(to))
	}
	number, ok := n[t.Param]
	if !ok {
		return never
	}
	return sql("EXISTS (SELECT 1 FROM span w WHERE w.instant = "+at+" AND w.param = ? AND w.low BETWEEN ? AND ? AND w.high BETWEEN ? AND ?)",
		number, int64(t.LowFrom), int64(t.LowTo), int64(t.HighFrom), int64(t.HighTo))
}

func (n numbers) missing(t search.Missing) clause {
	if t.Param == search.LastUpdated {
		return constant(!t.Absent)
	}
	number, ok := n[t.Param]
	if !ok {
		return constant(t.Absent)
	}
	if t.Absent {
		return sql("instr(l.entries, ?) = 0", anyFrame(number))
	}
	return sql("instr(l.entries, ?) > 0", anyFrame(number))
}

func constant(holds bool) clause {
	if holds {
		return always
	}
	return never
}

// successor is the smallest text behind all that begin with prefix, in byte order; "" when there is none.
func successor(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}
