package sqlite

import (
	"bytes"
	"database/sql/driver"
	"iter"
	"strings"

	"modernc.org/sqlite"

	"github.com/portico-health/portico/fhir/search"
)

// What instr cannot decide of live.entries, functions do that statements call. They look at the frames of one parameter.

// framesOfParam yields the kinds and values of a parameter's frames, in their order.
func framesOfParam(entries []byte, param int64) iter.Seq2[byte, string] {
	needle := anyFrame(param)
	return func(yield func(byte, string) bool) {
		for {
			at := bytes.Index(entries, needle)
			if at < 0 {
				return
			}
			entries = entries[at+len(needle):]
			end := bytes.IndexByte(entries, edge)
			if end < 1 || !yield(entries[0], unescape(entries[1:end])) {
				return
			}
			entries = entries[end:]
		}
	}
}

// anyFrameOf says whether a frame of a parameter and kind has a value that satisfies.
func anyFrameOf(entries []byte, param int64, kind byte, satisfies func(string) bool) bool {
	for k, v := range framesOfParam(entries, param) {
		if k == kind && satisfies(v) {
			return true
		}
	}
	return false
}

// valuesOfTexts yields the folded texts of a parameter that are values: those whose frame of what is written, right behind, is not empty.
func valuesOfTexts(entries []byte, param int64) iter.Seq[string] {
	return func(yield func(string) bool) {
		folded := ""
		for kind, v := range framesOfParam(entries, param) {
			switch {
			case kind == foldedFrame:
				folded = v
			case kind == exactFrame && v != "" && !yield(folded):
				return
			}
		}
	}
}

// lies says whether entries have an Ordered in a window: entries, parameter, lowFrom, lowTo, highFrom, highTo.
func lies(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	w := search.Between{LowFrom: string(blob(args[2])), LowTo: string(blob(args[3])), HighFrom: string(blob(args[4])), HighTo: string(blob(args[5]))}
	return anyFrameOf(blob(args[0]), integer(args[1]), orderedFrame, func(v string) bool {
		low, high := endsOf(v)
		return w.LowFrom <= low && low < w.LowTo && w.HighFrom <= high && high < w.HighTo
	}), nil
}

// contains says whether entries have a text with such a part: entries, parameter, part.
func contains(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	part := string(blob(args[2]))
	return anyFrameOf(blob(args[0]), integer(args[1]), foldedFrame, func(folded string) bool { return strings.Contains(folded, part) }), nil
}

// ends says whether entries have a text, a value, that ends so: entries, parameter, end.
func ends(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	end := string(blob(args[2]))
	for folded := range valuesOfTexts(blob(args[0]), integer(args[1])) {
		if strings.HasSuffix(folded, end) {
			return true, nil
		}
	}
	return false, nil
}

// equals says whether entries have a text, a value, that is the same: entries, parameter, folded text.
func equals(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	sought := string(blob(args[2]))
	for folded := range valuesOfTexts(blob(args[0]), integer(args[1])) {
		if folded == sought {
			return true, nil
		}
	}
	return false, nil
}

// ranking is the smallest or largest value of a sort key that goes by what frames hold, NULL where there is none: entries, parameter, basis,
// whether it descends.
func ranking(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	var best driver.Value
	descending := integer(args[3]) != 0
	for v := range ranked(blob(args[0]), integer(args[1]), basis(integer(args[2])), descending) {
		if best == nil || descending && v > text(best) || !descending && v < text(best) {
			best = v
		}
	}
	return best, nil
}

// ranked yields the values of a parameter that a key of a basis goes by.
func ranked(entries []byte, param int64, by basis, descending bool) iter.Seq[string] {
	if by == byText {
		return valuesOfTexts(entries, param)
	}
	return func(yield func(string) bool) {
		for kind, v := range framesOfParam(entries, param) {
			switch {
			case by == byOrder && kind == orderedFrame:
				low, high := endsOf(v)
				if descending {
					low = high
				}
				v = low
			case by == byTerm && kind == termFrame && search.SortsBy(v):
			default:
				continue
			}
			if !yield(v) {
				return
			}
		}
	}
}

// between is the predicate of a window on Ordereds.
func (j judge) between(t search.Between) clause {
	param, ok := j.names[t.Param]
	if !ok {
		return never
	}
	return sql("lies("+j.live+".entries, ?, ?, ?, ?, ?)", param, []byte(t.LowFrom), []byte(t.LowTo), []byte(t.HighFrom), []byte(t.HighTo))
}

// contains is the predicate of a part of a text.
func (j judge) contains(t search.Contains) clause {
	param, ok := j.names[t.Param]
	if !ok {
		return never
	}
	return sql("contains("+j.live+".entries, ?, ?)", param, []byte(t.Folded))
}

// equals is the predicate of all of a text.
func (j judge) equals(t search.Whole) clause {
	param, ok := j.names[t.Param]
	if !ok {
		return never
	}
	return sql("equals("+j.live+".entries, ?, ?)", param, []byte(t.Folded))
}

// endsWith is the predicate of the end of a text.
func (j judge) endsWith(t search.EndsWith) clause {
	param, ok := j.names[t.Param]
	if !ok {
		return never
	}
	return sql("ends("+j.live+".entries, ?, ?)", param, []byte(t.Folded))
}

// endingArm selects the instants of texts that end so, those that are no values too.
func (x *searching) endingArm(param int64, folded string) clause {
	holds := always
	if folded != "" {
		holds = sql("substr(CAST(folded AS BLOB), ?) = ?", -int64(len(folded)), []byte(folded))
	}
	return join([]clause{sql("SELECT DISTINCT instant FROM text WHERE param = ?", param), x.meter.spend("instant"), holds}, " AND ")
}
