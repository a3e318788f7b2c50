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

// judge writes the predicates of tests on a resource of a type, which a statement has come to.
type judge struct {
	*searching
	at   string // the column that has its instant
	live string // the name of its row of live in the statement, which is there if a test asks live
}

// any is the predicate of a clause of a query: that one of its tests holds for the resource.
func (j judge) any(a search.Any) clause {
	if len(a) == 0 {
		return never
	}
	var all []clause
	for _, tests := range looksOf(a) {
		all = append(all, j.look(tests))
	}
	return nest(all, " OR ")
}

// every is the predicate that all clauses hold.
func (j judge) every(all []search.Any) clause {
	clauses := make([]clause, len(all))
	for i, a := range all {
		clauses[i] = j.any(a)
	}
	return conjunction(clauses)
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
	seen := make(map[search.Equal]bool)
	for _, t := range a {
		e, ok := t.(search.Equal)
		if !ok || e.Param == search.ID || n[e.Param] == 0 {
			return nil
		}
		if !seen[e] {
			equals, seen[e] = append(equals, e), true
		}
	}
	return equals
}

// anyTest says whether one of the tests that a clause is made of, however deep it stands, is such a one; Not and Every are none themselves.
func anyTest(a search.Any, is func(search.Test) bool) bool {
	return slices.ContainsFunc(a, func(t search.Test) bool {
		switch t := t.(type) {
		case search.Not:
			return anyTest(t.Any, is)
		case search.Every:
			return slices.ContainsFunc(t, func(a search.Any) bool { return anyTest(a, is) })
		default:
			return is(t)
		}
	})
}

// asksLive says whether a row of live has to be there to decide a clause.
func asksLive(a search.Any) bool {
	return anyTest(a, func(t search.Test) bool {
		switch t.(type) {
		case search.Equal:
			return isID(t)
		case search.Within:
			return false
		default:
			return true
		}
	})
}

// test is the exact predicate of a test.
func (j judge) test(t search.Test) clause {
	switch t := t.(type) {
	case search.Equal:
		return sql(j.live+".id = ?", t.Value) // a term has its look
	case search.Within:
		return j.within(t)
	case search.Between:
		return j.between(t)
	case search.Near:
		return j.near(t)
	case search.Missing:
		return j.missing(t)
	case search.Not:
		inner := j.any(t.Any)
		return clause{"NOT (" + inner.text + ")", inner.args}
	case search.Every:
		return j.every(t)
	case search.Refers:
		return j.refers(t)
	case search.ReferredBy:
		return j.referredBy(t)
	default:
		return never
	}
}

// sought is the digest of a value, for a statement.
func sought(value string) []byte {
	d := digestOf(value)
	return d[:]
}

func (j judge) within(t search.Within) clause {
	if t.Param == search.LastUpdated {
		from, to := t.Instants()
		return sql("+"+j.at+" BETWEEN ? AND ?", int64(from), int64(to))
	}
	number, ok := j.names[t.Param]
	if !ok {
		return never
	}
	return sql("EXISTS (SELECT 1 FROM span w WHERE w.instant = "+j.at+" AND w.param = ? AND w.low BETWEEN ? AND ? AND w.high BETWEEN ? AND ?)",
		number, int64(t.LowFrom), int64(t.LowTo), int64(t.HighFrom), int64(t.HighTo))
}

func (j judge) missing(t search.Missing) clause {
	if t.Param == search.LastUpdated {
		return constant(!t.Absent)
	}
	number, ok := j.names[t.Param]
	if !ok {
		return constant(t.Absent)
	}
	if t.Absent {
		return sql("instr("+j.live+".entries, ?) = 0", anyFrame(number))
	}
	return sql("instr("+j.live+".entries, ?) > 0", anyFrame(number))
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
