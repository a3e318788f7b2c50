package sqlite

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"database/sql/driver"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// index is what the index tables hold of one version. It is made before the writer takes the
// version, and made again of live.entries when the version is superseded.
type index struct {
	terms    []termRow
	texts    []textRow
	spans    []spanRow
	ordereds []orderedRow
	places   []placeRow
	entries  []byte
}

type termRow struct {
	param int64
	hash  digest
}

type textRow struct {
	param  int64
	folded string
}

type spanRow struct {
	param     int64
	low, high fhir.Instant
	class     int64
}

// digest stands for the value of a term: the first 128 bits of its SHA-256. Two values that share one take 2^64 attempts to
// be found, so that equal digests are equal values.
type digest [16]byte

func digestOf(value string) digest {
	sum := sha256.Sum256([]byte(value))
	return digest(sum[:])
}

// params are the parameters that entries speak of, and "", the type itself.
func params(e search.Entries) []string {
	names := []string{""}
	for _, t := range e.Terms {
		names = append(names, t.Param)
	}
	for _, t := range e.Texts {
		names = append(names, t.Param)
	}
	for _, r := range e.Ranges {
		names = append(names, r.Param)
	}
	for _, o := range e.Ordereds {
		names = append(names, o.Param)
	}
	for _, p := range e.Places {
		names = append(names, p.Param)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// newIndex makes the rows of a version's entries.
func newIndex(e search.Entries, n numbers, hash func(string) digest) index {
	var x index
	var f frames
	for _, t := range e.Terms {
		param := n[t.Param]
		x.terms = append(x.terms, termRow{param, hash(t.Value)})
		f.add(param, termFrame, t.Value)
	}
	for _, t := range e.Texts {
		param := n[t.Param]
		x.texts = append(x.texts, textRow{param, t.Folded})
		f.add(param, foldedFrame, t.Folded)
		f.add(param, exactFrame, t.Exact)
	}
	for _, r := range e.Ranges {
		param := n[r.Param]
		x.spans = append(x.spans, spanRow{param: param, low: r.Low, high: r.High})
		f.add(param, spanFrame, "")
	}
	for _, o := range e.Ordereds {
		x.ordereds = append(x.ordereds, orderedRow{param: n[o.Param], low: o.Low, high: o.High})
		f.add(n[o.Param], orderedFrame, orderedText(o))
	}
	for _, p := range e.Places {
		x.places = append(x.places, placeRow{n[p.Param], p.Point})
		f.add(n[p.Param], placeFrame, placeText(p.Point))
	}
	x.entries = f.bytes()
	x.settle()
	return x
}

// oldIndex tells of the rows that were made of live.entries; spans are found by their instant.
func oldIndex(entries []byte, hash func(string) digest) index {
	var x index
	for f := range readFrames(entries) {
		switch f.kind {
		case termFrame:
			x.terms = append(x.terms, termRow{f.param, hash(f.value)})
		case foldedFrame:
			x.texts = append(x.texts, textRow{f.param, f.value})
		case orderedFrame:
			low, high := endsOf(f.value)
			x.ordereds = append(x.ordereds, orderedRow{param: f.param, low: low, high: high})
		case placeFrame:
			if p, ok := pointOf(f.value); ok {
				x.places = append(x.places, placeRow{f.param, p})
			}
		}
	}
	x.settle()
	return x
}

// settle puts rows in the order of their tables, each once, and classifies what stands by its class.
func (x *index) settle() {
	slices.SortFunc(x.terms, func(a, b termRow) int {
		return cmp.Or(cmp.Compare(a.param, b.param), bytes.Compare(a.hash[:], b.hash[:]))
	})
	x.terms = slices.Compact(x.terms)
	slices.SortFunc(x.texts, func(a, b textRow) int {
		return cmp.Or(cmp.Compare(a.param, b.param), cmp.Compare(a.folded, b.folded))
	})
	x.texts = slices.Compact(x.texts)
	slices.SortFunc(x.spans, func(a, b spanRow) int {
		return cmp.Or(cmp.Compare(a.param, b.param), cmp.Compare(a.low, b.low), cmp.Compare(a.high, b.high))
	})
	x.spans = slices.Compact(x.spans)
	x.ordereds, x.places = settleOrdereds(x.ordereds), settlePlaces(x.places)
	for i, s := range x.spans {
		x.spans[i].class = spanClass(s.low, s.high)
		alone := (i == 0 || x.spans[i-1].param != s.param) && (i == len(x.spans)-1 || x.spans[i+1].param != s.param)
		if !alone {
			x.spans[i].class += crowd
		}
	}
}

// rows is how many rows the index has beside that of live.
func (x *index) rows() int {
	return len(x.terms) + len(x.texts) + len(x.spans) + len(x.ordereds) + len(x.places)
}

// OR IGNORE keeps SQLite from preparing for an insert's undoing, row by row; the rows are distinct already.
var (
	insertTerms    = rows("INSERT OR IGNORE INTO term (param, hash, instant) VALUES ", "(?, ?, ?)", "", 3)
	insertTexts    = rows("INSERT OR IGNORE INTO text (param, folded, instant) VALUES ", "(?, ?, ?)", "", 3)
	insertSpans    = rows("INSERT OR IGNORE INTO span (instant, param, low, high, class, id) VALUES ", "(?, ?, ?, ?, ?, ?)", "", 6)
	insertOrdereds = rows("INSERT OR IGNORE INTO ordered (param, class, low, id, high, instant) VALUES ", "(?, ?, ?, ?, ?, ?)", "", 6)
	insertPlaces   = rows("INSERT OR IGNORE INTO place (param, latitude, longitude, instant) VALUES ", "(?, ?, ?, ?)", "", 4)
	deleteTerms    = rows("DELETE FROM term WHERE (param, hash, instant) IN (VALUES ", "(?, ?, ?)", ")", 3)
	deleteTexts    = rows("DELETE FROM text WHERE (param, folded, instant) IN (VALUES ", "(?, ?, ?)", ")", 3)
	deleteOrdereds = rows("DELETE FROM ordered INDEXED BY "+orderedLow+" WHERE (param, class, low, id, high, instant) IN (VALUES ", "(?, ?, ?, ?, ?, ?)", ")", 6)
	deletePlaces   = rows("DELETE FROM place WHERE (param, latitude, longitude, instant) IN (VALUES ", "(?, ?, ?, ?)", ")", 4)
)

// termValues are the columns of the rows of term, one row behind the other.
func (x *index) termValues(at fhir.Instant) []driver.Value {
	values := make([]driver.Value, 0, 3*len(x.terms))
	for i := range x.terms {
		values = append(values, x.terms[i].param, x.terms[i].hash[:], int64(at))
	}
	return values
}

// textValues, spanValues, orderedValues and placeValues are those of the other tables.

func (x *index) textValues(at fhir.Instant) (values []driver.Value) {
	for _, r := range x.texts {
		values = append(values, r.param, r.folded, int64(at))
	}
	return values
}

func (x *index) spanValues(at fhir.Instant, id string) (values []driver.Value) {
	for _, r := range x.spans {
		values = append(values, int64(at), r.param, int64(r.low), int64(r.high), r.class, id)
	}
	return values
}

func (x *index) orderedValues(at fhir.Instant, id string) (values []driver.Value) {
	for _, r := range x.ordereds {
		values = append(values, r.param, r.class, r.low, id, r.high, int64(at))
	}
	return values
}

func (x *index) placeValues(at fhir.Instant) (values []driver.Value) {
	for _, r := range x.places {
		values = append(values, r.param, r.Latitude, r.Longitude, int64(at))
	}
	return values
}

// insert writes the rows of a version.
func (x *index) insert(t *tx, at fhir.Instant, scope int64, id string) error {
	if err := t.exec(t.ctx, "INSERT INTO live (instant, scope, id, entries) VALUES (?, ?, ?, ?)", int64(at), scope, id, x.entries); err != nil {
		return err
	}
	return t.eachOf(
		batch{insertTerms, x.termValues(at)}, batch{insertTexts, x.textValues(at)}, batch{insertSpans, x.spanValues(at, id)},
		batch{insertOrdereds, x.orderedValues(at, id)}, batch{insertPlaces, x.placeValues(at)})
}

// remove deletes the rows of a version that is no longer to be found.
func (x *index) remove(t *tx, at fhir.Instant, id string) error {
	for _, statement := range []string{"DELETE FROM live WHERE instant = ?", "DELETE FROM span WHERE instant = ?"} {
		if err := t.exec(t.ctx, statement, int64(at)); err != nil {
			return err
		}
	}
	return t.eachOf(
		batch{deleteTerms, x.termValues(at)}, batch{deleteTexts, x.textValues(at)},
		batch{deleteOrdereds, x.orderedValues(at, id)}, batch{deletePlaces, x.placeValues(at)})
}
