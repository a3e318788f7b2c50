package sqlite

import (
	"database/sql/driver"
	"strconv"

	"github.com/portico-health/portico/fhir/search"
)

// A chain leads from a resource to those that it refers to, or that refer to it: its other side is a selection of some type. It is carried
// out in one of two ways. When one of the selection's clauses has few resources, the other side comes first, and what it is linked to is found
// by one look for each of them. Otherwise the chain is a predicate of the row that a search has come to.

// selection is a search for the other side of a chain, of which nothing but its members is asked.
func (x *searching) selection(s search.Selection) *searching {
	in := scope{x.scope.partition, s.Type}
	other := x.store.searching(x.ctx, x.conn, in, search.Query{Type: s.Type, All: s.All}, x.world, unbounded)
	other.depth = x.depth + 1
	return other
}

// alias is the name of a table of the other side in statements: chains go through the same tables on both.
func (x *searching) alias(table string) string { return table + strconv.Itoa(x.depth) }

// latest is the instant of the newest version of the resource that has the id in a column, which is in live unless it is deleted.
func (x *searching) latest(id string) clause {
	return sql("(SELECT v.instant FROM version v INDEXED BY version_key WHERE v.partition = ? AND v.type = ? AND v.id = "+id+" ORDER BY v.number DESC LIMIT 1)",
		string(x.scope.partition), x.scope.kind)
}

// selects is the predicate that the row of live belongs to the selection.
func (x *searching) selects(open []criterion, live string) clause {
	at := live + ".instant"
	return conjunction(append(x.predicates(open, at, live), x.bounds.on(at)))
}

// refers is the predicate that the resource refers to one of a selection.
func (j judge) refers(t search.Refers) clause {
	to := j.selection(t.To)
	param, known := j.names[t.Param]
	if !known || len(to.names) == 0 {
		return never
	}
	id, live := to.alias("j")+".value", to.alias("l")
	return join([]clause{
		sql("EXISTS (SELECT 1 FROM json_each(targets("+j.live+".entries, ?, ?)) "+to.alias("j")+" CROSS JOIN live "+live+" ON "+live+".instant = ", param, to.scope.kind+"/"),
		to.latest(id), sql(" WHERE "), conjunction([]clause{j.meter.spend(id, toll(to.where)), to.selects(to.where, live)}), sql(")"),
	}, "")
}

// referredBy is the predicate that one of a selection refers to the resource.
func (j judge) referredBy(t search.ReferredBy) clause {
	from := j.selection(t.From)
	param, known := from.names[t.Param]
	if !known {
		return never
	}
	at, live := from.alias("e")+".instant", from.alias("l")
	return join([]clause{
		sql("EXISTS (SELECT 1 FROM term "+from.alias("e")+" CROSS JOIN live "+live+" ON "+live+".instant = "+at+
			" WHERE "+from.alias("e")+".param = ? AND "+from.alias("e")+".hash = digest(? || "+j.live+".id) AND ", param, j.scope.kind+"/"),
		conjunction([]clause{j.meter.spend(at, toll(from.where)), from.selects(from.where, live)}), sql(")"),
	}, "")
}

// referring are the resources that refer by a parameter to one of a selection, if they are to be found from there.
func (x *searching) referring(t search.Refers) (arms []clause, ok bool, err error) {
	to := x.selection(t.To)
	param, known := x.names[t.Param]
	if !known || len(to.names) == 0 {
		return nil, true, nil
	}
	members, ok, err := to.members()
	if err != nil || !ok {
		return nil, false, err
	}
	return x.linked(join([]clause{
		sql("SELECT DISTINCT e.instant AS instant FROM "), members.first, sql(" CROSS JOIN term e ON e.param = ? AND e.hash = digest(? || m.id) WHERE ", param, to.scope.kind+"/"),
		conjunction(append(members.where, x.meter.spend("e.instant", 1))),
	}, ""))
}

// referred are the resources that one of a selection refers to by a parameter, if they are to be found from there.
func (x *searching) referred(t search.ReferredBy) (arms []clause, ok bool, err error) {
	from := x.selection(t.From)
	param, known := from.names[t.Param]
	if !known {
		return nil, true, nil
	}
	members, ok, err := from.members()
	if err != nil || !ok {
		return nil, false, err
	}
	return x.linked(join([]clause{
		sql("SELECT DISTINCT l.instant AS instant FROM "), members.first,
		sql(" CROSS JOIN json_each(targets(m.entries, ?, ?)) j CROSS JOIN live l ON l.instant = ", param, x.scope.kind+"/"), x.latest("j.value"), sql(" WHERE "),
		conjunction(append(members.where, x.meter.spend("j.value", 1))),
	}, ""))
}

// members go through those of a selection, whose rows of live are m, if one of its clauses has few resources.
func (x *searching) members() (s scan, ok bool, err error) {
	all, err := x.candidates()
	if err != nil {
		return scan{}, false, err
	}
	_, best, err := x.weigh(all)
	switch {
	case err != nil || best == nil || best.size >= x.store.enough:
		return scan{}, false, err
	case len(best.arms) == 0: // it cannot hold
		best.arms = []clause{sql("SELECT NULL AS instant WHERE FALSE")}
	}
	s = x.set(best)
	s.first = join([]clause{s.first, sql("live m ON m.instant = d.instant")}, " CROSS JOIN ")
	open := x.open(s)
	s.where = append(s.where, x.meter.spend("d.instant", toll(open)), x.selects(open, "m"))
	return s, true, nil
}

// narrowest are the arms of that of some clauses, all of which have to hold, which has the fewest resources. Not ok says that no index answers any
// of them.
func (x *searching) narrowest(every search.Every) (arms []clause, ok bool, err error) {
	part := x.selection(search.Selection{Type: x.scope.kind, All: every})
	all, err := part.candidates()
	if err != nil {
		return nil, false, err
	}
	_, best, err := part.weigh(all)
	if err != nil || best == nil {
		return nil, false, err
	}
	return best.arms, true, nil
}

// linked is the list of the instants that a statement selects, if they are few.
func (x *searching) linked(statement clause) (arms []clause, ok bool, err error) {
	var list []byte
	n := 0
	gathered := join([]clause{sql("WITH linked AS MATERIALIZED ("), statement, sql(" LIMIT +?) SELECT instant FROM linked", int64(x.store.enough))}, "")
	err = x.query(x.ctx, gathered.text, gathered.args, func(row []driver.Value) error {
		n++
		list = strconv.AppendInt(append(list, ','), integer(row[0]), 10)
		return nil
	})
	switch {
	case err != nil || n >= x.store.enough:
		return nil, false, err
	case n == 0:
		return nil, true, nil
	}
	list[0] = '['
	return []clause{sql("SELECT value AS instant FROM json_each(?)", string(append(list, ']')))}, true, nil
}
