package sqlite

import (
	"math"
	"math/bits"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// window bounds both ends of a span, each bound included.
type window struct{ lowFrom, lowTo, highFrom, highTo fhir.Instant }

var everywhere = window{fhir.Beginning, fhir.End, fhir.Beginning, fhir.End}

func newWindow(w search.Within) window { return window{w.LowFrom, w.LowTo, w.HighFrom, w.HighTo} }

// and is where both windows are.
func (w window) and(v window) window {
	return window{max(w.lowFrom, v.lowFrom), min(w.lowTo, v.lowTo), max(w.highFrom, v.highFrom), min(w.highTo, v.highTo)}
}

// hull is the smallest window that has all of some windows in it.
func hull(all []window) window {
	h := all[0]
	for _, w := range all[1:] {
		h = window{min(h.lowFrom, w.lowFrom), max(h.lowTo, w.lowTo), min(h.highFrom, w.highFrom), max(h.highTo, w.highTo)}
	}
	return h
}

// on is the predicate that the span of a row is in the window.
func (w window) on(row string) clause {
	return sql(row+".low BETWEEN ? AND ? AND "+row+".high BETWEEN ? AND ?", int64(w.lowFrom), int64(w.lowTo), int64(w.highFrom), int64(w.highTo))
}

// crowd is added to the class of a span that is not the only one of its parameter in the resource.
const crowd = 100

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
	if class > 63 {
		return w
	}
	least, most := int64(0), int64(0)
	if class > 0 {
		least = 1 << (class - 1)
		most = least - 1 + least
	}
	return w.and(window{
		lowFrom: minus(w.highFrom, most), lowTo: minus(w.highTo, least),
		highFrom: plus(w.lowFrom, least), highTo: plus(w.lowTo, most),
	})
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

// instants are the bounds that a window on [instant, instant+1µs) puts on the instant.
func (w window) instants() (from, to fhir.Instant) {
	if w.highTo == fhir.Beginning {
		return fhir.End, fhir.Beginning
	}
	from, to = w.lowFrom, min(w.lowTo, w.highTo-1)
	if w.highFrom != fhir.Beginning {
		from = max(from, w.highFrom-1)
	}
	return from, to
}
