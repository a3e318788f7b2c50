package sqlite

import (
	"math"
	"math/bits"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// window bounds both ends of a stretch of values. Bounds that are instants are included, of bounds that are texts the lower ones alone.
type window struct{ lowFrom, lowTo, highFrom, highTo value }

// The windows that leave everything open.
var (
	everyTime  = newWindow(search.Within{LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End})
	everyOrder = newTextWindow(search.Between{LowFrom: search.First, LowTo: search.Last, HighFrom: search.First, HighTo: search.Last})
)

func newWindow(w search.Within) window {
	return window{numberValue(w.LowFrom), numberValue(w.LowTo), numberValue(w.HighFrom), numberValue(w.HighTo)}
}

func newTextWindow(b search.Between) window {
	return window{textValue(b.LowFrom), textValue(b.LowTo), textValue(b.HighFrom), textValue(b.HighTo)}
}

// and is where both windows are.
func (w window) and(v window) window {
	return window{greater(w.lowFrom, v.lowFrom), lesser(w.lowTo, v.lowTo), greater(w.highFrom, v.highFrom), lesser(w.highTo, v.highTo)}
}

// hull is the smallest window that has all of some windows in it.
func hull(all []window) window {
	h := all[0]
	for _, w := range all[1:] {
		h = window{lesser(h.lowFrom, w.lowFrom), greater(h.lowTo, w.lowTo), lesser(h.highFrom, w.highFrom), greater(h.highTo, w.highTo)}
	}
	return h
}

// on is the predicate that the stretch of a row is in the window.
func (w window) on(row string) clause {
	upTo := " <= ?"
	if _, ofTexts := w.lowTo.of.(string); ofTexts {
		upTo = " < ?"
	}
	return sql(row+".low >= ? AND "+row+".low"+upTo+" AND "+row+".high >= ? AND "+row+".high"+upTo,
		w.lowFrom.of, w.lowTo.of, w.highFrom.of, w.highTo.of)
}

// ends says whether nothing can be behind a value in an order by a key.
func (k key) ends(at value) bool {
	switch {
	case k.by != byTime:
		return false
	case k.descending:
		return instantOf(at) == fhir.Beginning
	default:
		return instantOf(at) == fhir.End
	}
}

// past is the part of a window that an order by a key has behind a value, where there can be any.
func (w window) past(k key, at value) window {
	s, ofTexts := at.of.(string)
	switch {
	case ofTexts && k.descending:
		w.highTo = lesser(w.highTo, at)
	case ofTexts:
		w.lowFrom = greater(w.lowFrom, textValue(s+"\x00"))
	case k.descending:
		w.highTo = lesser(w.highTo, numberValue(minus(instantOf(at), 1)))
	default:
		w.lowFrom = greater(w.lowFrom, numberValue(plus(instantOf(at), 1)))
	}
	return w
}

func instantOf(v value) fhir.Instant { return fhir.Instant(integer(v.of)) }

// crowd is added to the class of a span that is not the only one of its parameter in the resource.
const crowd = 100

// magnitudes is the last class whose spans have about one length.
const magnitudes = 63

// spanClass is the magnitude of a span's length: class n > 0 is of 2^(n-1) to 2^n - 1 microseconds, 0 is of none.
// Within a class the one end of a span tells nearly where the other is, so that a window on both ends is a
// short stretch of an index that is ordered by one. Class 64 also takes what ends before it begins.
func spanClass(low, high fhir.Instant) int64 {
	return int64(bits.Len64(uint64(high) - uint64(low)))
}

// within narrows a window to where spans of a class can be in it.
func (w window) within(class int64) window {
	if class >= crowd {
		class -= crowd
	}
	if class > magnitudes {
		return w
	}
	least, most := int64(0), int64(0)
	if class > 0 {
		least = 1 << (class - 1)
		most = least - 1 + least
	}
	return w.and(newWindow(search.Within{
		LowFrom: minus(instantOf(w.highFrom), most), LowTo: minus(instantOf(w.highTo), least),
		HighFrom: plus(instantOf(w.lowFrom), least), HighTo: plus(instantOf(w.lowTo), most),
	}))
}

// plus and minus move an instant by n >= 0, and stop at the ends of time.

func plus(at fhir.Instant, n int64) fhir.Instant {
	if int64(at) > math.MaxInt64-n {
		return fhir.End
	}
	return at + fhir.Instant(n)
}

func minus(at fhir.Instant, n int64) fhir.Instant {
	if int64(at) < math.MinInt64+n {
		return fhir.Beginning
	}
	return at - fhir.Instant(n)
}

// tighter is the end, low or high, whose index has a window in the shorter stretch, as far as that can be told: the low one, unless it alone is open.
func (w window) tighter() string {
	if low, high := w.bounded(); high && !low {
		return "high"
	}
	return "low"
}

// isBoth says whether a window bounds both ends.
func (w window) isBoth() bool {
	low, high := w.bounded()
	return low && high
}

// bounded says which ends a window does not leave open.
func (w window) bounded() (low, high bool) {
	open := everyTime
	if _, ofTexts := w.lowTo.of.(string); ofTexts {
		open = everyOrder
	}
	return w.lowFrom != open.lowFrom || w.lowTo != open.lowTo, w.highFrom != open.highFrom || w.highTo != open.highTo
}
