package sqlite

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// order is what a search sorts by. Ties of all keys are broken by the id.
type order []key

// key is one key of an order.
type key struct {
	instant    bool  // by the instant of the version, rather than by a parameter
	param      int64 // 0 while no resource has the parameter
	descending bool
}

// newOrder lowers the keys of a query. What follows the instant does not count: no two versions share one.
func newOrder(sort []search.SortKey, n numbers) order {
	if len(sort) == 0 {
		return order{{instant: true, descending: true}}
	}
	var o order
	for _, k := range sort {
		if k.Param == search.LastUpdated {
			return append(o, key{instant: true, descending: k.Descending})
		}
		o = append(o, key{param: n[k.Param], descending: k.Descending})
	}
	return o
}

// value is a key of the row l of live as SQL; NULL where the resource has none.
func (k key) value() clause {
	switch {
	case k.instant:
		return sql("l.instant")
	case k.param == 0:
		return sql("NULL")
	case k.descending:
		return sql("(SELECT max(k.high) FROM span k WHERE k.instant = l.instant AND k.param = ?)", k.param)
	default:
		return sql("(SELECT min(k.low) FROM span k WHERE k.instant = l.instant AND k.param = ?)", k.param)
	}
}

// position is a place in an order: the values of the keys there (nil where there is none), and the id.
type position struct {
	Keys []*int64 `json:"k"`
	ID   string   `json:"id"`
}

// column is the name of a key's column in a statement.
func column(i int) string { return "k" + strconv.Itoa(i) }

// by is the ORDER BY of the columns from the given key on. That key's own column is never NULL when present holds, and the
// plainer term then lets an index give the order.
func (o order) by(from int, present bool) string {
	var terms []string
	for i, k := range o[from:] {
		term := column(from + i)
		if k.descending {
			term += " DESC"
		}
		if i > 0 || !present {
			term += " NULLS LAST"
		}
		terms = append(terms, term)
	}
	return strings.Join(append(terms, "rid"), ", ")
}

// after is the predicate, on the columns from the given key on, of what comes behind a position.
func (o order) after(from int, p position) clause {
	if from == len(o) {
		return sql("rid > ?", p.ID)
	}
	rest, name := o.after(from+1, p), column(from)
	if p.Keys[from] == nil {
		return clause{"(" + name + " IS NULL AND " + rest.text + ")", rest.args}
	}
	beyond := " > ?"
	if o[from].descending {
		beyond = " < ?"
	}
	return join([]clause{
		sql("("+name+beyond+" OR "+name+" IS NULL OR ("+name+" = ? AND ", *p.Keys[from], *p.Keys[from]), rest, sql("))"),
	}, "")
}

// match is one row that a search found.
type match struct {
	position
	version fhir.Version
}

// compare says which of two matches comes first.
func (o order) compare(a, b match) int {
	for i, k := range o {
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

// first is the first key that has a value at the position; len(Keys) when none has.
func (p position) first() int {
	if i := slices.IndexFunc(p.Keys, func(v *int64) bool { return v != nil }); i >= 0 {
		return i
	}
	return len(p.Keys)
}
