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

// What tests look for together comes as a list (listed). One of the texts of the parameter has to stand to one of the list as the function says:
// entries, parameter, list.

// begins says whether entries have a text that begins with one of some.
func begins(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	return anyFrameOf(blob(args[0]), integer(args[1]), foldedFrame, anyListed(args[2], strings.HasPrefix)), nil
}

// written says whether entries have a text that is written as one of some.
func written(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	return anyFrameOf(blob(args[0]), integer(args[1]), exactFrame, anyListed(args[2], same)), nil
}

// contains says whether entries have a text that one of some is a part of.
func contains(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	return anyFrameOf(blob(args[0]), integer(args[1]), foldedFrame, anyListed(args[2], strings.Contains)), nil
}

// ends says whether entries have a text, a value, that ends with one of some.
func ends(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	return anyOf(valuesOfTexts(blob(args[0]), integer(args[1])), anyListed(args[2], strings.HasSuffix)), nil
}

// equals says whether entries have a text, a value, that is one of some.
func equals(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	return anyOf(valuesOfTexts(blob(args[0]), integer(args[1])), anyListed(args[2], same)), nil
}

func same(a, b string) bool { return a == b }

// anyListed says of a text whether it stands to one of a list as is says.
func anyListed(list driver.Value, is func(text, listed string) bool) func(string) bool {
	return func(text string) bool {
		for one := range each(blob(list)) {
			if is(text, string(one)) {
				return true
			}
		}
		return false
	}
}

func anyOf(texts iter.Seq[string], is func(string) bool) bool {
	for t := range texts {
		if is(t) {
			return true
		}
	}
	return false
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

// endingArm selects the instants of texts that end so, those that are no values too.
func (x *searching) endingArm(param int64, folded string) clause {
	holds := always
	if folded != "" {
		holds = sql("substr(CAST(folded AS BLOB), ?) = ?", -int64(len(folded)), []byte(folded))
	}
	return join([]clause{sql("SELECT DISTINCT instant FROM text WHERE param = ?", param), x.meter.spend("instant", 1), holds}, " AND ")
}
