package mongo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// cursorForm is the form of cursors that this program makes and reads.
const cursorForm = 1

// cursor is the JSON form of SearchPage.Next.
type cursor struct {
	Form  int             `json:"v"`
	Query string          `json:"q"` // identity of partition and query
	At    *search.Indexed `json:"at"`
}

// sealCursor makes the cursor that continues behind a match.
func sealCursor(p fhir.Partition, q search.Query, at search.Indexed) ([]byte, error) {
	at = reduced(q, at)
	return json.Marshal(cursor{Form: cursorForm, Query: identity(p, q), At: &at})
}

// openCursor reads a cursor of a query: the match behind which it continues. Invalid for one that is none, or of another query or partition.
func openCursor(text []byte, p fhir.Partition, q search.Query) (*search.Indexed, error) {
	var c cursor
	err := json.Unmarshal(text, &c)
	if err == nil && (c.Form != cursorForm || c.Query != identity(p, q) || c.At == nil) {
		err = fmt.Errorf("form %d of query %q", c.Form, c.Query)
	}
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The cursor is none of this search. Take the one that came with its page before.").Because(err)
	}
	return c.At, nil
}

// reduced is a match with those of its entries alone that give it its place in an order: search.Compare tells the same of both.
func reduced(q search.Query, x search.Indexed) search.Indexed {
	least := search.Indexed{ID: x.ID, Instant: x.Instant}
	for _, k := range q.Sort {
		if e, has := deciding(k, x.Entries); has {
			least.Entries = together(least.Entries, e)
		}
	}
	return least
}

// deciding is the entry, alone, that a key goes by.
func deciding(k search.SortKey, e search.Entries) (first search.Entries, has bool) {
	q := search.Query{Sort: []search.SortKey{k}}
	for one := range alone(k, e) {
		if !has || search.Compare(q, search.Indexed{Entries: one}, search.Indexed{Entries: first}) < 0 {
			first, has = one, true
		}
	}
	return first, has
}

// alone yields those entries that a key may go by, each alone.
func alone(k search.SortKey, e search.Entries) func(yield func(search.Entries) bool) {
	return func(yield func(search.Entries) bool) {
		switch k.By {
		case search.ByTime:
			for _, r := range e.Ranges {
				if r.Param == k.Param && !yield(search.Entries{Ranges: []search.Range{r}}) {
					return
				}
			}
		case search.ByOrder:
			for _, o := range e.Ordereds {
				if o.Param == k.Param && !yield(search.Entries{Ordereds: []search.Ordered{o}}) {
					return
				}
			}
		case search.ByText:
			for _, t := range e.Texts {
				if t.Exact == "" {
					continue
				}
				t.Exact = "." // that there is one is all that counts
				if t.Param == k.Param && !yield(search.Entries{Texts: []search.Text{t}}) {
					return
				}
			}
		case search.ByTerm:
			for _, t := range e.Terms {
				if t.Param == k.Param && search.SortsBy(t.Value) && !yield(search.Entries{Terms: []search.Term{t}}) {
					return
				}
			}
		}
	}
}

// together are the entries of both.
func together(a, b search.Entries) search.Entries {
	a.Terms, a.Texts = append(a.Terms, b.Terms...), append(a.Texts, b.Texts...)
	a.Ranges, a.Ordereds = append(a.Ranges, b.Ranges...), append(a.Ordereds, b.Ordereds...)
	return a
}

// identity is the same for the same query in the same partition, and for no other. How entries tell who lacks a key changes neither the matches nor
// their order, and is left out.
func identity(p fhir.Partition, q search.Query) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q", p, q.Type)
	for _, a := range q.All {
		fmt.Fprintf(&b, " & %#v", a)
	}
	for _, k := range q.Sort {
		fmt.Fprintf(&b, " sort %q %d %t", k.Param, k.By, k.Descending)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:12])
}
