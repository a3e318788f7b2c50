package sqlite

import (
	"database/sql/driver"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// gathered finds a page of an order that no index has: all matches are read with the values of the keys, and sorted; the page alone gets its
// bodies.
func (x *searching) gathered(p plan, want storage.PageRequest, after *position) (page storage.SearchPage, err error) {
	var all []match
	for _, st := range p.stages {
		for _, s := range st.scans {
			some, err := x.bare(s, storage.MaxGathered+1-len(all))
			if err != nil {
				return page, err
			}
			if all = append(all, some...); len(all) > storage.MaxGathered {
				return page, tooMany()
			}
		}
	}
	return x.cut(all, want, after)
}

// bare are the matches of a scan, up to a limit, with the values of their keys and without bodies.
func (x *searching) bare(s scan, limit int) (all []match, err error) {
	open := x.open(s)
	columns := []clause{sql("WITH found AS MATERIALIZED (SELECT " + s.at + ", l.id")}
	for _, k := range x.order {
		columns = append(columns, sql(", "), k.value())
	}
	where := slices.Concat(s.where, s.pass, x.predicates(open, s.at, "l"))
	if s.passes(open) {
		where = append([]clause{x.spend(s, open)}, where...)
	}
	statement := join(append(columns, sql(" FROM "), tables(s, true), sql(" WHERE "), conjunction(where), sql(" LIMIT +?) SELECT * FROM found", int64(limit))), "")
	before := x.meter.looked
	err = x.query(x.ctx, statement.text, statement.args, func(row []driver.Value) error {
		all = append(all, bareMatch(row))
		return nil
	})
	if err == nil {
		err = x.meter.look(len(all) - min(len(all), x.meter.looked-before)) // those that the statement did not count itself
	}
	return all, err
}

// bareMatch reads a row of instant, id and the keys.
func bareMatch(row []driver.Value) match {
	m := match{position: position{ID: text(row[1]), Keys: keys(row[2:])}}
	m.version.Instant = fhir.Instant(integer(row[0]))
	return m
}

func tooMany() *fhir.Error {
	return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly,
		"The search has more than %d matches to sort, and no index has them in this order; at most %d are sorted. Ask for fewer, or sort by another parameter.",
		storage.MaxGathered, storage.MaxGathered)
}
