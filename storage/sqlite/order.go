package sqlite

import (
	"cmp"
	"database/sql/driver"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// key is one key of an order, as SQL.
type key struct {
	param      int64  // 0 for the instant, and for a parameter that no resource has yet
	value      clause // of the row l of live; NULL where there is none
	descending bool
}

// order is what a search sorts by: its keys and, where they leave ties, the id.
type order struct {
	keys []key
	byID bool
}

// newOrder lowers the keys of a query. Nothing behind the instant counts: no two versions share one.
func newOrder(sort []search.SortKey, n numbers) order {
	if len(sort) == 0 {
		sort = []search.SortKey{{Param: search.LastUpdated, Descending: true}}
	}
	var o order
	for _, k := range sort {
		if k.Param == search.LastUpdated {
			o.keys = append(o.keys, key{value: sql("l.instant"), descending: k.Descending})
			return o
		}
		o.keys = append(o.keys, newKey(n[k.Param], k.Descending))
	}
	o.byID = true
	return o
}

func newKey(param int64, descending bool) key {
	switch {
	case param == 0:
		return key{value: sql("NULL"), descending: descending}
	case descending:
		return key{param, sql("(SELECT max(k.high) FROM span k WHERE k.instant = l.instant AND k.param = ?)", param), true}
	default:
		return key{param, sql("(SELECT min(k.low) FROM span k WHERE k.instant = l.instant AND k.param = ?)", param), false}
	}
}

// position is a place in an order: the values of the keys there (nil where there is none), and the id.
type position struct {
	Keys []*int64 `json:"k"`
	ID   string   `json:"id,omitempty"`
}

// columns selects the keys' values as k0, k1 and so on.
func (o order) columns() clause {
	columns := make([]clause, len(o.keys))
	for i, k := range o.keys {
		columns[i] = clause{", " + k.value.text + " AS " + column(i), k.value.args}
	}
	return join(columns, "")
}

func column(i int) string { return "k" + strconv.Itoa(i) }

// by is the ORDER BY of the columns.
func (o order) by() string {
	terms := make([]string, 0, len(o.keys)+1)
	for i, k := range o.keys {
		if k.descending {
			terms = append(terms, column(i)+" DESC NULLS LAST")
		} else {
			terms = append(terms, column(i)+" NULLS LAST")
		}
	}
	if o.byID {
		terms = append(terms, "id")
	}
	return strings.Join(terms, ", ")
}

// after is the predicate, on the columns, of what comes behind a position.
func (o order) after(p position) clause {
	return o.afterKey(0, p)
}

func (o order) afterKey(i int, p position) clause {
	if i == len(o.keys) {
		if o.byID {
			return sql("id > ?", p.ID)
		}
		return never
	}
	rest, name := o.afterKey(i+1, p), column(i)
	if p.Keys[i] == nil {
		return clause{"(" + name + " IS NULL AND " + rest.text + ")", rest.args}
	}
	beyond := " > ?"
	if o.keys[i].descending {
		beyond = " < ?"
	}
	args := append([]driver.Value{*p.Keys[i], *p.Keys[i]}, rest.args...)
	return clause{"(" + name + beyond + " OR " + name + " IS NULL OR (" + name + " = ? AND " + rest.text + "))", args}
}

// match is one row that a search found.
type match struct {
	position
	version fhir.Version
}

// compare says which of two matches comes first.
func (o order) compare(a, b match) int {
	for i, k := range o.keys {
		if c := k.compare(a.Keys[i], b.Keys[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.ID, b.ID)
}

func (k key) compare(a, b *int64) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	case k.descending:
		return cmp.Compare(*b, *a)
	default:
		return cmp.Compare(*a, *b)
	}
}
