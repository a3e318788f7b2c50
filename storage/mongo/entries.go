package mongo

import (
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// paramMark is between a parameter and a value that stand in one string.
const paramMark = "="

// encodeEntries makes the index sub-document of entries; keys are the promised sort keys of the type. The same entries make the same bytes. It is an error that a
// text is not UTF-8, that a parameter has an equals sign, or that one which is a sort key has a dot or a NUL.
func encodeEntries(e search.Entries, keys []search.SortKey) (bson.Raw, error) {
	has := params(e)
	for _, p := range has {
		if strings.Contains(p, paramMark) {
			return nil, fmt.Errorf("mongo: the parameter %q has an equals sign", p)
		}
	}
	w := writer{dst: make([]byte, 0, 128+80*(len(e.Terms)+len(e.Texts)+len(e.Ranges)+len(e.Ordereds)+len(e.Places)))}
	w.whole(func() {
		w.entries(e)
		w.texts("has", has)
		w.orders(e, keys)
		w.texts("long", longTimes(e, keys))
	})
	return w.dst, w.err
}

// params are the parameters that have an entry, sorted.
func params(e search.Entries) []string {
	all := make([]string, 0, len(e.Terms)+len(e.Texts)+len(e.Ranges)+len(e.Ordereds)+len(e.Places))
	for _, t := range e.Terms {
		all = append(all, t.Param)
	}
	for _, t := range e.Texts {
		all = append(all, t.Param)
	}
	for _, r := range e.Ranges {
		all = append(all, r.Param)
	}
	for _, o := range e.Ordereds {
		all = append(all, o.Param)
	}
	for _, p := range e.Places {
		all = append(all, p.Param)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// entries writes the five lists.
func (w *writer) entries(e search.Entries) {
	w.list("term", len(e.Terms), func(i int, name string) {
		w.text(name, e.Terms[i].Param, paramMark, e.Terms[i].Value)
	})
	w.list("text", len(e.Texts), func(i int, name string) {
		w.document(name, func() {
			w.text("folded", e.Texts[i].Param, paramMark, e.Texts[i].Folded)
			w.text("exact", e.Texts[i].Exact)
		})
	})
	w.list("time", len(e.Ranges), func(i int, name string) {
		w.document(name, func() {
			w.text("param", e.Ranges[i].Param)
			w.interval(e.Ranges[i].Interval)
		})
	})
	w.list("order", len(e.Ordereds), func(i int, name string) {
		w.document(name, func() {
			w.text("low", e.Ordereds[i].Param, paramMark, e.Ordereds[i].Low)
			w.text("high", e.Ordereds[i].Param, paramMark, e.Ordereds[i].High)
		})
	})
	w.list("place", len(e.Places), func(i int, name string) {
		w.document(name, func() {
			w.text("param", e.Places[i].Param)
			w.double("latitude", e.Places[i].Latitude)
			w.double("longitude", e.Places[i].Longitude)
		})
	})
}

// list writes an array, unless it has no element.
func (w *writer) list(name string, n int, item func(i int, name string)) {
	if n > 0 {
		w.array(name, n, item)
	}
}

func (w *writer) texts(name string, list []string) {
	w.list(name, len(list), func(i int, name string) { w.text(name, list[i]) })
}

func (w *writer) interval(i fhir.Interval) {
	w.int64("low", int64(i.Low))
	w.int64("high", int64(i.High))
}

// orders writes what a resource is sorted by, of each promised key: from the smallest value to the largest.
func (w *writer) orders(e search.Entries, keys []search.SortKey) {
	before := len(w.dst)
	found := false
	w.document("sort", func() {
		for _, k := range keys {
			found = w.order(e, k) || found
		}
	})
	if !found {
		w.dst = w.dst[:before]
	}
}

// order writes the element of a key, if the resource has a value of it.
func (w *writer) order(e search.Entries, k search.SortKey) bool {
	if !isPromised(k) {
		return false
	}
	if w.err == nil && strings.Contains(k.Param, ".") {
		w.err = fmt.Errorf("mongo: the sort key %q has a dot", k.Param)
	}
	if k.By == search.ByTime {
		span, values, _ := times(e, k.Param)
		if values > 0 {
			w.document(k.Param, func() { w.interval(span) })
		}
		return values > 0
	}
	low, high, found := ordereds(e, k.Param)
	if found {
		w.document(k.Param, func() {
			w.text("low", low)
			w.text("high", high)
		})
	}
	return found
}

// hasField says whether a sort key goes by entries that have an order of their own.
func hasField(k search.SortKey) bool {
	return k.Param != search.ID && k.Param != search.LastUpdated && (k.By == search.ByTime || k.By == search.ByOrder)
}

// times is the span of the ranges of a parameter, how many there are, and whether one of them is longer than longTime.
func times(e search.Entries, param string) (span fhir.Interval, n int, long bool) {
	span = fhir.Interval{Low: fhir.End, High: fhir.Beginning}
	for _, r := range e.Ranges {
		if r.Param != param {
			continue
		}
		n++
		span.Low, span.High = min(span.Low, r.Low), max(span.High, r.High)
		long = long || uint64(r.High)-uint64(r.Low) > uint64(longTime) // which no end of time makes overflow
	}
	return span, n, long
}

// ordereds are the smallest low and the largest high of a parameter.
func ordereds(e search.Entries, param string) (low, high string, found bool) {
	for _, o := range e.Ordereds {
		if o.Param != param {
			continue
		}
		if !found || o.Low < low {
			low = o.Low
		}
		high, found = max(high, o.High), true
	}
	return low, high, found
}

// longTimes are the promised keys by time of which low says little of high.
func longTimes(e search.Entries, keys []search.SortKey) (long []string) {
	for _, k := range keys {
		if !isPromised(k) || k.By != search.ByTime {
			continue
		}
		if _, n, oneIsLong := times(e, k.Param); n > 1 || oneIsLong {
			long = append(long, k.Param)
		}
	}
	return long
}

// decodeEntries are the entries that encodeEntries made a sub-document of, in their order; their texts share one copy of it. An error: somebody else wrote it.
func decodeEntries(ix bson.Raw) (search.Entries, error) {
	var e search.Entries
	d := elementsOf(ix)
	d.copy = string(ix)
	for d.more() {
		switch string(d.name()) {
		case "term":
			d.within(bson.TypeArray, func(item *elements) {
				param, value := item.marked()
				e.Terms = append(e.Terms, search.Term{Param: param, Value: value})
			})
		case "text":
			d.documents(func(item *elements) { e.Texts = append(e.Texts, textIn(item)) })
		case "time":
			d.documents(func(item *elements) { e.Ranges = append(e.Ranges, rangeIn(item)) })
		case "order":
			d.documents(func(item *elements) { e.Ordereds = append(e.Ordereds, orderedIn(item)) })
		case "place":
			d.documents(func(item *elements) { e.Places = append(e.Places, placeIn(item)) })
		case "has", "sort", "long": // which say nothing that the lists do not
		default:
			d.strange()
		}
	}
	if d.err != nil {
		return search.Entries{}, fmt.Errorf("mongo: index entries: %w", d.err)
	}
	return e, nil
}

// documents walks over the documents of an array, and gives see the elements of each.
func (e *elements) documents(see func(*elements)) {
	e.within(bson.TypeArray, func(item *elements) {
		if item.expect(bson.TypeEmbeddedDocument) {
			inner := item.inside()
			see(&inner)
			item.err = inner.err
		}
	})
}

// marked is a text that begins with a parameter.
func (e *elements) marked() (param, value string) {
	param, value, found := strings.Cut(e.text(), paramMark)
	if !found && e.err == nil {
		e.err = fmt.Errorf("mongo: %q begins with no parameter", e.name())
	}
	return param, value
}

func textIn(d *elements) (t search.Text) {
	for d.more() {
		switch string(d.name()) {
		case "folded":
			t.Param, t.Folded = d.marked()
		case "exact":
			t.Exact = d.text()
		default:
			d.strange()
		}
	}
	return t
}

func rangeIn(d *elements) (r search.Range) {
	for d.more() {
		switch string(d.name()) {
		case "param":
			r.Param = d.text()
		case "low":
			r.Low = fhir.Instant(d.int64())
		case "high":
			r.High = fhir.Instant(d.int64())
		default:
			d.strange()
		}
	}
	return r
}

func orderedIn(d *elements) (o search.Ordered) {
	for d.more() {
		switch string(d.name()) {
		case "low":
			o.Param, o.Low = d.marked()
		case "high":
			_, o.High = d.marked()
		default:
			d.strange()
		}
	}
	return o
}

func placeIn(d *elements) (p search.Place) {
	for d.more() {
		switch string(d.name()) {
		case "param":
			p.Param = d.text()
		case "latitude":
			p.Latitude = d.double()
		case "longitude":
			p.Longitude = d.double()
		default:
			d.strange()
		}
	}
	return p
}
