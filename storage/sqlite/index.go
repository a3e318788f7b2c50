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
	terms   []termRow
	texts   []textRow
	spans   []spanRow
	entries []byte
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
		}
	}
	x.settle()
	return x
}

// settle puts rows in the order of their tables, each once, and classifies spans.
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
	for i, s := range x.spans {
		x.spans[i].class = spanClass(s.low, s.high)
		alone := (i == 0 || x.spans[i-1].param != s.param) && (i == len(x.spans)-1 || x.spans[i+1].param != s.param)
		if !alone {
			x.spans[i].class += crowd
		}
	}
}

// rows is how many rows the index has beside that of live.
func (x *index) rows() int { return len(x.terms) + len(x.texts) + len(x.spans) }

// OR IGNORE keeps SQLite from preparing for an insert's undoing, row by row; the rows are distinct already.
var (
	insertTerms = rows("INSERT OR IGNORE INTO term (param, hash, instant) VALUES ", "(?, ?, ?)", "", 3)
	insertTexts = rows("INSERT OR IGNORE INTO text (param, folded, instant) VALUES ", "(?, ?, ?)", "", 3)
	insertSpans = rows("INSERT OR IGNORE INTO span (instant, param, low, high, class, id) VALUES ", "(?, ?, ?, ?, ?, ?)", "", 6)
	deleteTerms = rows("DELETE FROM term WHERE (param, hash, instant) IN (VALUES ", "(?, ?, ?)", ")", 3)
	deleteTexts = rows("DELETE FROM text WHERE (param, folded, instant) IN (VALUES ", "(?, ?, ?)", ")", 3)
)

// termValues are the columns of the rows of term, one row behind the other.
func (x *index) termValues(at fhir.Instant) []driver.Value {
	values := make([]driver.Value, 0, 3*len(x.terms))
	for i := range x.terms {
		values = append(values, x.terms[i].param, x.terms[i].hash[:], int64(at))
	}
	return values
}

// insert writes the rows of a version.
func (x *index) insert(t *tx, at fhir.Instant, scope int64, id string) error {
	if err := t.exec(t.ctx, "INSERT INTO live (instant, scope, id, entries) VALUES (?, ?, ?, ?)", int64(at), scope, id, x.entries); err != nil {
		return err
	}
	var texts, spans []driver.Value
	for _, r := range x.texts {
		texts = append(texts, r.param, r.folded, int64(at))
	}
	for _, r := range x.spans {
		spans = append(spans, int64(at), r.param, int64(r.low), int64(r.high), r.class, id)
	}
	return cmp.Or(
		t.each(insertTerms, x.termValues(at)),
		t.each(insertTexts, texts),
		t.each(insertSpans, spans))
}

// remove deletes the rows of a version that is no longer to be found.
func (x *index) remove(t *tx, at fhir.Instant) error {
	var texts []driver.Value
	for _, r := range x.texts {
		texts = append(texts, r.param, r.folded, int64(at))
	}
	return cmp.Or(
		t.exec(t.ctx, "DELETE FROM live WHERE instant = ?", int64(at)),
		t.each(deleteTerms, x.termValues(at)),
		t.each(deleteTexts, texts),
		t.exec(t.ctx, "DELETE FROM span WHERE instant = ?", int64(at)))
}
