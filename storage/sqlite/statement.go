package sqlite

import (
	"slices"
)

// stage is a part of an order: the matches that lack all keys before first and have that one. Its scans together
// meet each of them once.
type stage struct {
	first int
	scans []scan
	where []clause // that the keys before first are missing
}

// whole marks a stage that is the whole order, to be sorted.
const whole = -1

// page is the statement for the first rows of one scan of a stage, and whether it goes straight to them: it looks at no others, and gives each when it has it. One
// that does not has all of them before it gives the first.
func (x *searching) page(st stage, s scan, after *position, limit int) (statement clause, straight bool) {
	from, present := st.first, true
	if st.first == whole {
		from, present = 0, false
	}
	open, id := x.open(s), s.id
	if x.order.isTimed() {
		id = "NULL" // it breaks no tie
	}
	live := id == "l.id" || asks(s, open) || len(st.where) > 0
	behind := after != nil && (st.first == whole || after.first() == st.first)
	where := slices.Concat(s.where, s.pass, x.predicates(open, s.at, "l"), st.where)
	if behind {
		where = append(where, x.order.after(from, *after))
	}
	sorted := st.first != whole && st.first < len(x.order)-1 // those that share the first key are, by those behind it
	straight = !s.passes(open) && len(st.where) == 0 && !behind && !sorted
	with := "WITH page AS NOT MATERIALIZED" // a table in between would cost more than some rows
	if !straight {
		with = "WITH page AS MATERIALIZED"
		where = append([]clause{x.spend(s, open)}, where...)
	}
	columns := []clause{sql(with + " (SELECT " + s.at + " AS at, " + id + " AS rid")}
	found := "v.number, v.instant, v.method, v.body, p.at, v.id"
	for i, k := range x.order {
		value := k.value()
		switch {
		case i < st.first:
			value = sql("NULL")
		case k.by == byInstant:
			value = sql(s.at)
		case k.by == byID:
			value = sql(s.id)
		case i == st.first:
			value = sql(s.key)
		default:
			live = true
		}
		columns = append(columns, clause{", " + value.text + " AS " + column(i), value.args})
		found += ", p." + column(i)
	}
	return join([]clause{
		join(columns, ""), sql(" FROM "), tables(s, live), sql(" WHERE "), conjunction(where),
		sql(" ORDER BY "+x.order.by(from, present)+" LIMIT +?)", int64(limit)),
		sql(" SELECT "+found+" FROM page p CROSS JOIN version v ON v.instant = p.at AND v.partition = ? AND v.type = ?",
			string(x.scope.partition), x.scope.kind), // whatever the index says, nothing of another partition comes out
	}, ""), straight
}

// passes says whether rows of a scan may be passed over.
func (s scan) passes(open []criterion) bool { return s.loose || len(s.pass) > 0 || len(open) > 0 }

// tables are those of a scan, in the order in which they are to be read.
func tables(s scan, live bool) clause {
	if s.at == "l.instant" || !live {
		return s.first
	}
	return join([]clause{s.first, sql("live l ON l.instant = " + s.at)}, " CROSS JOIN ")
}

// open are the clauses of the search that a scan leaves to be checked.
func (x *searching) open(s scan) []criterion {
	return slices.DeleteFunc(slices.Clone(x.where), func(c criterion) bool {
		return c.equals != nil && slices.Equal(c.equals, s.follows) || c.axis.param != 0 && c.axis == s.covers || slices.Contains(s.decided, c.of)
	})
}

// asks says whether a scan needs live to tell which of its rows are matches.
func asks(s scan, open []criterion) bool {
	return !s.sure || slices.ContainsFunc(open, func(c criterion) bool { return c.live })
}

// predicates are those of clauses, for the resource whose instant is the column at, and whose row of live, where one is asked, has that name.
func (x *searching) predicates(all []criterion, at, live string) []clause {
	j, clauses := judge{x, at, live}, make([]clause, len(all))
	for i, c := range all {
		clauses[i] = j.any(c.tests)
	}
	return clauses
}

// tally is the statement that counts the rows of a scan, up to a limit; a negative one is none. Without a limit, what it counts was not looked at
// in vain.
func (x *searching) tally(s scan, limit int) clause {
	open := x.open(s)
	number, where := sql("SELECT count(*) FROM (SELECT 1 AS one FROM "), s.where
	if s.passes(open) && x.meter.on {
		where = append([]clause{x.spend(s, open)}, where...)
		if limit < 0 {
			number = sql("SELECT coalesce(sum(one), 0) FROM (SELECT regain(?, "+s.at+") AS one FROM ", x.meter.number)
		}
	}
	return join([]clause{
		number, tables(s, asks(s, open)), sql(" WHERE "),
		conjunction(slices.Concat(where, s.pass, x.predicates(open, s.at, "l"))), sql(" LIMIT +?)", int64(limit)),
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
