package sqlite

import (
	"cmp"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir/search"
)

// orderedRow is a row of the table ordered.
type orderedRow struct {
	param     int64
	class     int64
	low, high string
}

// The class of an Ordered, bits of one number. Rows of different classes stand apart in the indexes, so that those that rank their resource are
// followed past the others, and that of points one window bounds both ends.
const (
	stretched = 1 // low and high differ
	crowded   = 2 // it is not the only one of its parameter in the resource
	lowest    = 4 // of a crowd it ranks the resource where the order ascends
	highest   = 8 // and this one where it descends
)

// rankBit is the bit of the row of a crowd that ranks the resource.
func rankBit(descending bool) int64 {
	if descending {
		return highest
	}
	return lowest
}

// settleOrdereds puts rows in an order, each once, and classifies them.
func settleOrdereds(rows []orderedRow) []orderedRow {
	slices.SortFunc(rows, func(a, b orderedRow) int {
		return cmp.Or(cmp.Compare(a.param, b.param), cmp.Compare(a.low, b.low), cmp.Compare(a.high, b.high))
	})
	rows = slices.Compact(rows)
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && rows[to].param == rows[from].param {
			to++
		}
		classify := rows[from:to]
		from = to
		for i := range classify {
			classify[i].class = 0
			if classify[i].low != classify[i].high {
				classify[i].class = stretched
			}
			if len(classify) > 1 {
				classify[i].class |= crowded
			}
		}
		if len(classify) > 1 {
			last := slices.MaxFunc(classify, func(a, b orderedRow) int { return cmp.Or(cmp.Compare(a.high, b.high), cmp.Compare(a.low, b.low)) })
			classify[slices.Index(classify, last)].class |= highest
			classify[0].class |= lowest
		}
	}
	return rows
}

// between stands between the ends of a stretch in a frame. UTF-8 does not have it.
const between = "\xff"

// orderedText is the value of the frame of an Ordered.
func orderedText(o search.Ordered) string {
	if o.Low == o.High {
		return o.Low
	}
	return o.Low + between + o.High
}

// endsOf are the ends that the value of a frame tells of.
func endsOf(framed string) (low, high string) {
	low, high, isStretch := strings.Cut(framed, between)
	if !isStretch {
		return low, low
	}
	return low, high
}
