package sqlite

import (
	"database/sql/driver"
	"encoding/binary"
	"iter"
	"strings"

	"github.com/portico-health/portico/fhir/search"
)

// kind is what tests that are decided together, by one look at a resource, have in common.
type kind struct {
	of    string // a table, or the function that decides of the entries
	param string
}

// alone is the kind of a test that is decided by itself.
var alone kind

// kindOf is the kind of a test.
func kindOf(t search.Test) kind {
	switch t := t.(type) {
	case search.Equal:
		if !isID(t) {
			return kind{"term", t.Param}
		}
	case search.StartsWith:
		return kind{"begins", t.Param}
	case search.Exactly:
		return kind{"written", t.Param}
	case search.Contains:
		return kind{"contains", t.Param}
	case search.EndsWith:
		return kind{"ends", t.Param}
	case search.Whole:
		return kind{"equals", t.Param}
	}
	return alone
}

// looksOf are the tests of a clause, those of each look together.
func looksOf(a search.Any) (looks [][]search.Test) {
	at := make(map[kind]int)
	for _, t := range a {
		k := kindOf(t)
		if i, known := at[k]; known && k != alone {
			looks[i] = append(looks[i], t)
			continue
		}
		at[k] = len(looks)
		looks = append(looks, []search.Test{t})
	}
	return looks
}

// look is the predicate that one of the tests of a look holds.
func (j judge) look(tests []search.Test) clause {
	k := kindOf(tests[0])
	number, known := j.names[k.param]
	switch {
	case k == alone:
		return j.test(tests[0])
	case !known:
		return never
	case k.of == "term":
		return j.hasOne(number, tests)
	}
	if needle, ok := frameOf(tests[0], number); ok && len(tests) == 1 {
		return sql("instr("+j.live+".entries, ?) > 0", needle)
	}
	return sql(k.of+"("+j.live+".entries, ?, ?)", number, listed(tests))
}

// hasOne is the predicate that a resource has one of some terms of a parameter.
func (j judge) hasOne(param int64, terms []search.Test) clause {
	args := []driver.Value{param}
	for _, t := range terms {
		args = append(args, sought(textOf(t)))
	}
	list := strings.Repeat(", ?", len(terms)-1)
	return sql("EXISTS (SELECT 1 FROM term e WHERE e.param = ? AND e.hash IN (?"+list+") AND e.instant = "+j.at+")", args...)
}

// frameOf is the needle that finds by itself what a test looks for.
func frameOf(t search.Test, param int64) (needle []byte, ok bool) {
	switch t := t.(type) {
	case search.StartsWith:
		return openFrame(param, foldedFrame, t.Folded), true
	case search.Exactly:
		return wholeFrame(param, exactFrame, t.Exact), true
	default:
		return nil, false
	}
}

// textOf is the value, or the text, that a test looks for together with others.
func textOf(t search.Test) string {
	switch t := t.(type) {
	case search.Equal:
		return t.Value
	case search.StartsWith:
		return t.Folded
	case search.Exactly:
		return t.Exact
	case search.Contains:
		return t.Folded
	case search.EndsWith:
		return t.Folded
	case search.Whole:
		return t.Folded
	default:
		return ""
	}
}

// listed are the texts of tests as one value of a statement: each behind its length.
func listed(tests []search.Test) (list []byte) {
	for _, t := range tests {
		text := textOf(t)
		list = append(binary.AppendUvarint(list, uint64(len(text))), text...)
	}
	return list
}

// each yields the texts of a list.
func each(list []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(list) > 0 {
			n, width := binary.Uvarint(list)
			end := width + int(n)
			if !yield(list[width:end]) {
				return
			}
			list = list[end:]
		}
	}
}
