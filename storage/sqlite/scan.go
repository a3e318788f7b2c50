package sqlite

import (
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// scan is a way through one index, or through a set that several indexes give together, which meets each match of its search
// exactly once.
type scan struct {
	first   clause   // the table that it goes through; all others are looked up for each of its rows
	where   []clause // what is scanned of it
	pass    []clause // what else a row has to satisfy
	windows []window // those that pass compares a row with
	loose   bool     // rows may be passed over by what is scanned
	at      string   // the instant, as the first table has it
	id      string   // the id, as the first table has it
	key     string   // the value of the stage's first key, as the first table has it; "" when live has to tell

	sure    bool           // every row is a match but for the clauses that are not covered; live has nothing to add
	follows []search.Equal // the terms of a clause that every row satisfies
	covers  axis           // whose windows every row satisfies; none for no such
	decided []int          // clauses of the query that every row satisfies
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
		at:    "v.instant", id: "v.id", key: "v.id",
		loose: true,
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
			where:   []clause{sql("t.param = ? AND t.hash = ?", x.names[e.Param], sought(e.Value)), b.on("t.instant")},
			sure:    true,
			follows: equals,
		}
		if len(before) > 0 {
			s.pass = append(s.pass, judge{x, s.at, "l"}.test(search.Not{Any: before}))
		}
		scans, before = append(scans, s), append(before, e)
	}
	return scans
}

// rank goes through the resources that have a row of a class on an axis, by its value. Of a crowd the
// row that ranks the resource may be another one than is in the window.
func (x *searching) rank(of axis, class int64, descending bool, w window) scan {
	end := "low"
	if descending {
		end = "high"
	}
	s := scan{at: "s.instant", id: "s.id", key: "s." + end, sure: true, first: sql(of.table(end))}
	s.where = []clause{sql("s.param = ? AND s.class = ?", of.param, class), w.on("s"), x.bounds.on("s.instant")}
	low, high := w.bounded()
	s.loose = x.bounds != unbounded || of.straggles(class) && (descending && low || !descending && high) // of the end that does not order them
	if of.alone(class) {
		s.covers = of
		for _, c := range x.where {
			if c.axis == of && len(c.windows) > 1 {
				s.pass, s.windows = append(s.pass, c.within("s")), append(s.windows, c.windows...)
			}
		}
	} else {
		s.pass = append(s.pass, of.rivalry(descending))
	}
	return s
}

// within is the predicate that the span of a row is in one of the windows.
func (c criterion) within(row string) clause {
	each := make([]clause, len(c.windows))
	for i, w := range c.windows {
		each[i] = w.on(row)
	}
	return nest(each, " OR ")
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

// set goes through what the arms of a candidate have together, in no order.
func (x *searching) set(c *candidate) scan {
	s := scan{
		first: join([]clause{sql("("), union(c.arms), sql(") d")}, ""),
		where: []clause{x.bounds.on("d.instant")},
		at:    "d.instant", id: "l.id",
	}
	if c.exact {
		s.decided, s.sure = []int{c.of}, c.sure
	}
	return s
}
