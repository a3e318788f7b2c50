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
	by         basis
	param      int64 // 0 while no resource has the parameter, and for what the version itself answers
	descending bool
	absent     string // the index name of those that lack it, "" where entries do not tell
}

// basis is what a key goes by. The first ones stream from an index.
type basis uint8

const (
	byInstant basis = iota
	byID
	byTime
	byOrder
	byText
	byTerm
)

// basisOf is the basis of a key on entries.
var basisOf = map[search.Basis]basis{search.ByTime: byTime, search.ByOrder: byOrder, search.ByText: byText, search.ByTerm: byTerm}

// isTimed says whether instants decide the order where nothing before them does.
func (o order) isTimed() bool { return len(o) > 0 && o[len(o)-1].by == byInstant }

// newOrder lowers the keys of a query. What follows the instant or the id does not count: no two resources share one.
func newOrder(sort []search.SortKey, n numbers) order {
	if len(sort) == 0 {
		return order{{by: byInstant, descending: true}}
	}
	var o order
	for _, k := range sort {
		switch k.Param {
		case search.LastUpdated:
			return append(o, key{by: byInstant, descending: k.Descending})
		case search.ID:
			return append(o, key{by: byID, descending: k.Descending})
		default:
			o = append(o, key{basisOf[k.By], n[k.Param], k.Descending, k.Absent})
		}
	}
	return o
}

// isUnique says whether every resource has a value of the key, and none another's.
func (k key) isUnique() bool { return k.by == byInstant || k.by == byID }

// isKnown says whether any resource may have a value of the key.
func (k key) isKnown() bool { return k.isUnique() || k.param != 0 }

// axis is where the key's values stand in order; none for a key that goes by something else.
func (k key) axis() axis {
	switch k.by {
	case byTime, byOrder:
		return axis{k.param, k.by == byOrder}
	default:
		return axis{}
	}
}

// isGathered says whether no index has the order: what some key goes by stands in none as it is to be compared.
func (o order) isGathered() bool {
	return slices.ContainsFunc(o, func(k key) bool { return k.param != 0 && (k.by == byText || k.by == byTerm) })
}

// value is a key of the row l of live as SQL; NULL where the resource has none.
func (k key) value() clause {
	switch {
	case k.by == byInstant:
		return sql("l.instant")
	case k.by == byID:
		return sql("l.id")
	case k.param == 0:
		return sql("NULL")
	case k.by != byTime:
		return sql("ranking(l.entries, ?, ?, ?)", k.param, int64(k.by), k.descending)
	case k.descending:
		return sql("(SELECT max(k.high) FROM span k WHERE k.instant = l.instant AND k.param = ?)", k.param)
	default:
		return sql("(SELECT min(k.low) FROM span k WHERE k.instant = l.instant AND k.param = ?)", k.param)
	}
}

// position is a place in an order: the values of the keys there (none where there is none), and the id.
type position struct {
	Keys []value `json:"k"`
	ID   string  `json:"id"`
}

// has says whether a position may be one in the order.
func (o order) has(p position) bool {
	if len(p.Keys) != len(o) {
		return false
	}
	for i, k := range o {
		_, isText := p.Keys[i].of.(string)
		numeric := k.by == byInstant || k.by == byTime
		if p.Keys[i].isNone() && k.isUnique() || !p.Keys[i].isNone() && isText == numeric {
			return false
		}
	}
	return true
}

// column is the name of a key's column in a statement.
func column(i int) string { return "k" + strconv.Itoa(i) }

// by is the ORDER BY of the columns from the given key on. That key's own column is never NULL when present holds, and the
// plainer term then lets an index give the order.
func (o order) by(from int, present bool) string {
	var terms []string
	for i, k := range o[from:] {
		term := column(from + i)
		if k.by == byID {
			term = "rid"
		}
		if k.descending {
			term += " DESC"
		}
		if k.by == byID {
			return strings.Join(append(terms, term), ", ")
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
	beyond := " > ?"
	if from < len(o) && o[from].descending {
		beyond = " < ?"
	}
	if from == len(o) || o[from].by == byID {
		return sql("rid"+beyond, p.ID)
	}
	rest, name, at := o.after(from+1, p), column(from), p.Keys[from].of
	if at == nil {
		return clause{"(" + name + " IS NULL AND " + rest.text + ")", rest.args}
	}
	return join([]clause{
		sql("("+name+beyond+" OR "+name+" IS NULL OR ("+name+" = ? AND ", at, at), rest, sql("))"),
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

func (k key) compare(a, b value) int {
	switch {
	case a.isNone() && b.isNone():
		return 0
	case a.isNone():
		return 1
	case b.isNone():
		return -1
	case k.descending:
		return b.compare(a)
	default:
		return a.compare(b)
	}
}

// first is the first key that has a value at the position; len(Keys) when none has.
func (p position) first() int {
	if i := slices.IndexFunc(p.Keys, func(v value) bool { return !v.isNone() }); i >= 0 {
		return i
	}
	return len(p.Keys)
}
