package sqlite

import (
	"slices"
	"strconv"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// scan is a way through one index, or through a set that several indexes give together, which meets each match of its search
// exactly once.
type scan struct {
	first clause   // the table that it goes through; all others are looked up for each of its rows
	where []clause // what is scanned of it
	at    string   // the instant, as the first table has it
	id    string   // the id, as the first table has it
	key   string   // the value of the stage's first key, as the first table has it; "" when live has to tell

	follows []search.Equal // the terms of the clause that the scan follows
}

// bounds are the instants that a scan is confined to, each included.
type bounds struct{ from, to fhir.Instant }

var unbounded = bounds{fhir.Beginning, fhir.End}

// on is the predicate of the bounds for a column.
func (b bounds) on(at string) clause {
	if b == unbounded {
		return always
	}
	return sql(at+" BETWEEN ? AND ?", int64(b.from), int64(b.to))
}

// listing goes through all resources of the type, by instant.
func (x *searching) listing(b bounds) scan {
	return scan{
		first: sql("live l INDEXED BY live_scope"),
		where: []clause{sql("l.scope = ?", x.names[""]), b.on("l.instant")},
		at:    "l.instant", id: "l.id", key: "l.instant",
	}
}

// roll goes through all resources of the type, by id.
func (x *searching) roll() scan {
	return scan{
		first: sql("version v INDEXED BY version_key"),
		where: []clause{sql("v.partition = ? AND v.type = ?", string(x.scope.partition), x.scope.kind), x.bounds.on("v.instant")},
		at:    "v.instant", id: "v.id",
	}
}

// holders go through the resources that have one of several terms, by instant: each those that do not have one of the
// terms before.
func (x *searching) holders(equals []search.Equal, b bounds) []scan {
	var scans []scan
	var before search.Any
	for _, e := range equals {
		s := scan{
			first: sql("term t"),
			at:    "t.instant", id: "l.id", key: "t.instant",
			where:   []clause{sql("t.param = ? AND t.hash = ?", x.names[e.Param], x.store.hash(e.Value)), b.on("t.instant"), x.names.test(e)},
			follows: equals,
		}
		if len(before) > 0 {
			s.where = append(s.where, x.names.test(search.Not{Any: before}))
		}
		scans, before = append(scans, s), append(before, e)
	}
	return scans
}

// ranked goes through the resources that have a range of a key's parameter, of one class, by the key's value.
func (x *searching) ranked(k key, class int64, w window) scan {
	s := scan{at: "s.instant", id: "s.id", key: "s.low"}
	index, rival := "span_low", "(o.low, o.high) < (s.low, s.high)"
	if k.descending {
		s.key, index, rival = "s.high", "span_high", "(o.high, o.low) > (s.high, s.low)"
	}
	s.first = sql("span s INDEXED BY " + index)
	s.where = []clause{
		sql("s.param = ? AND s.class = ? AND s.low BETWEEN ? AND ? AND s.high BETWEEN ? AND ?",
			k.param, class, int64(w.lowFrom), int64(w.lowTo), int64(w.highFrom), int64(w.highTo)),
		x.bounds.on("s.instant"),
	}
	if class >= crowd {
		s.where = append(s.where, sql("NOT EXISTS (SELECT 1 FROM span o WHERE o.instant = s.instant AND o.param = s.param AND "+rival+")"))
	}
	return s
}

// union joins selections of instants, many of them in groups: SQLite refuses more than 500 side by side.
func union(arms []clause) clause {
	if len(arms) <= mostJoined {
		return join(arms, " UNION ")
	}
	var groups []clause
	for group := range slices.Chunk(arms, mostJoined) {
		groups = append(groups, join([]clause{sql("SELECT instant FROM ("), join(group, " UNION "), sql(")")}, ""))
	}
	return union(groups)
}

// set goes through what several arms have together, in no order.
func (x *searching) set(arms []clause) scan {
	return scan{
		first: join([]clause{sql("("), union(arms), sql(") d")}, ""),
		where: []clause{x.bounds.on("d.instant")},
		at:    "d.instant", id: "l.id",
	}
}

// stage is a part of an order: the matches that lack all keys before first and have that one. Its scans together
// meet each of them once.
type stage struct {
	first int
	scans []scan
	where []clause // that the keys before first are missing
}

// whole marks a stage that is the whole order, to be sorted.
const whole = -1

// page is the statement for the first rows of one scan of a stage.
func (x *searching) page(st stage, s scan, after *position, limit int) clause {
	from, present := st.first, true
	if st.first == whole {
		from, present = 0, false
	}
	where := append(x.conditions(s), st.where...)
	if after != nil && (st.first == whole || after.first() == st.first) {
		where = append(where, x.order.after(from, *after))
	}
	columns := []clause{sql("WITH page AS MATERIALIZED (SELECT " + s.at + " AS at, " + s.id + " AS rid")}
	for i, k := range x.order {
		value := k.value()
		switch {
		case i < st.first:
			value = sql("NULL")
		case k.instant:
			value = sql(s.at)
		case i == st.first:
			value = sql(s.key)
		}
		columns = append(columns, clause{", " + value.text + " AS " + column(i), value.args})
	}
	return join([]clause{
		join(columns, ""), sql(" FROM "), x.tables(s), sql(" WHERE "), conjunction(where),
		sql(" ORDER BY "+x.order.by(from, present)+" LIMIT +?)", int64(limit)),
		sql(" SELECT v.number, v.instant, v.method, v.body, p.* FROM page p CROSS JOIN version v ON v.instant = p.at AND v.partition = ? AND v.type = ?",
			string(x.scope.partition), x.scope.kind), // whatever the index says, nothing of another partition comes out
	}, "")
}

// mostProbed is how many clauses may become a table of a scan. SQLite joins 64 at most.
const mostProbed = 32

// tables are those of a scan, in the order in which they are to be read. Where the first is not live, the index of terms is asked
// for single terms before live is: the scan passes over rows in vain at a third of the price.
func (x *searching) tables(s scan) clause {
	all := []clause{s.first}
	if s.at != "l.instant" {
		for i, c := range x.where[:min(len(x.where), mostProbed)] {
			if len(c.equals) == 1 && !slices.Equal(c.equals, s.follows) {
				e := "e" + strconv.Itoa(i)
				all = append(all, sql("term "+e+" ON "+e+".param = ? AND "+e+".hash = ? AND "+e+".instant = "+s.at,
					x.names[c.equals[0].Param], x.store.hash(c.equals[0].Value)))
			}
		}
		all = append(all, sql("live l ON l.instant = "+s.at))
	}
	return join(all, " CROSS JOIN ")
}

// conditions are those of a scan and of the whole search, less the clause that the scan follows.
func (x *searching) conditions(s scan) []clause {
	all := slices.Clone(s.where)
	for _, c := range x.where {
		if c.equals == nil || !slices.Equal(c.equals, s.follows) {
			all = append(all, c.clause)
		}
	}
	return all
}

// tally is the statement that counts the rows of a scan, up to a limit; a negative one is none.
func (x *searching) tally(s scan, limit int) clause {
	return join([]clause{
		sql("SELECT count(*) FROM (SELECT 1 FROM "), x.tables(s), sql(" WHERE "),
		conjunction(x.conditions(s)), sql(" LIMIT +?)", int64(limit)),
	}, "")
}

// conjunction is the predicate that all clauses hold.
func conjunction(all []clause) clause {
	var rest []clause
	for _, c := range all {
		if c.text != always.text {
			rest = append(rest, c)
		}
	}
	if len(rest) == 0 {
		return always
	}
	return nest(rest, " AND ")
}
