package sqlite

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
const cursorForm = 2

// cursor is the JSON form of SearchPage.Next.
type cursor struct {
	Form  int    `json:"v"`
	Query string `json:"q"` // identity of partition and query
	position
}

func sealCursor(s scope, q search.Query, at position) ([]byte, error) {
	return json.Marshal(cursor{Form: cursorForm, Query: identity(s, q), position: at})
}

// openCursor reads a cursor of a query. Invalid for one that is none, or of another query or partition.
func openCursor(text []byte, s scope, q search.Query) (position, error) {
	var c cursor
	err := json.Unmarshal(text, &c)
	if err == nil && (c.Form != cursorForm || c.Query != identity(s, q)) {
		err = fmt.Errorf("form %d of query %q", c.Form, c.Query)
	}
	if err != nil {
		return position{}, badCursor(err)
	}
	return c.position, nil
}

func badCursor(cause error) *fhir.Error {
	return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The cursor is none of this search. Take the one that came with its page before.").Because(cause)
}

// identity is the same for the same query in the same partition, and for no other. How entries tell who lacks a key changes neither the matches nor
// their order, and is left out.
func identity(s scope, q search.Query) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q", s.partition, s.kind)
	for _, a := range q.All {
		b.WriteString(" & ")
		writeAny(&b, a)
	}
	for _, k := range q.Sort {
		fmt.Fprintf(&b, " sort %q %d %t", k.Param, k.By, k.Descending)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:12])
}

func writeAny(b *strings.Builder, a search.Any) {
	b.WriteByte('(')
	for _, t := range a {
		if not, ok := t.(search.Not); ok {
			b.WriteString("not ")
			writeAny(b, not.Any)
			continue
		}
		fmt.Fprintf(b, "%T%q", t, fmt.Sprintf("%#v", t))
	}
	b.WriteByte(')')
}
