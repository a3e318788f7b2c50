package search

import (
	"slices"
)

// maxSortKeys is how many sort keys of a type stream from an index.
const maxSortKeys = 8

// sortedTexts are the string parameters, by type, whose order is promised.
var sortedTexts = map[string][]string{
	"Patient":           {"family", "given"},
	"Practitioner":      {"family", "given"},
	"RelatedPerson":     {"name"},
	"Organization":      {"name"},
	"Location":          {"name"},
	"HealthcareService": {"name"},
}

// maxSorted is how many characters of a string its promised order goes by.
const maxSorted = 64

// basis is which entries _sort goes by for a type of parameters; there is no order of special ones and composites.
func basis(paramType string) (by Basis, sortable bool) {
	switch paramType {
	case "date":
		return ByTime, true
	case "number", "quantity":
		return ByOrder, true
	case "string":
		return ByText, true
	case "token", "reference", "uri":
		return ByTerm, true
	default:
		return 0, false
	}
}

// sortKey is the order by the parameter.
func (p *param) sortKey(descending bool) SortKey {
	by, _ := basis(p.Type)
	key := SortKey{Param: p.Name, Descending: descending, By: by, Absent: p.absent}
	switch t, isText := p.kind.(*text); {
	case p.Name == ID:
		key.By = ByTime // of no meaning
	case isText && t.sorted:
		key.Param, key.By = t.order(), ByOrder
	}
	return key
}

// promiseOrder chooses the parameters that are promised to stream, at most maxSortKeys: _id and _lastUpdated, dates, numbers, quantities, names.
func (t *typeRules) promiseOrder() {
	left := maxSortKeys
	promise := func(which func(p *param) bool) {
		for _, p := range t.params {
			if left > 0 && !p.Streams && which(p) {
				p.Streams = true
				if left--; p.sink != nil { // the version itself has an id and an instant
					p.absent = p.Name + absentMark
				}
			}
		}
	}
	promise(func(p *param) bool { return p.Name == ID || p.Name == LastUpdated })
	promise(func(p *param) bool { t, isText := p.kind.(*text); return isText && t.sorted })
	for _, kind := range []string{"date", "number", "quantity"} {
		promise(func(p *param) bool { return p.Sortable && p.Type == kind })
	}
}

// SortKeys are the parameters that _sort takes for a type and whose order comes from an index, however much is found, sorted: at most eight. They are
// written as they are for ascending order, behind a minus sign for descending. By the other sortable parameters (Param.Sortable) it sorts up to storage.MaxGathered matches.
func (r *Rules) SortKeys(typ string) []string {
	return r.names(typ, func(p Param) bool { return p.Streams })
}

// Streaming are the orders of SortKeys, ascending, but for those that the version itself has: what a driver keeps an index for. Each has an Absent.
func (r *Rules) Streaming(typ string) []SortKey {
	t := r.types[typ]
	if t == nil {
		return nil
	}
	var keys []SortKey
	for _, p := range t.params {
		if p.absent != "" {
			keys = append(keys, p.sortKey(false))
		}
	}
	return keys
}

// sortable are the parameters that _sort takes.
func (r *Rules) sortable(typ string) []string {
	return r.names(typ, func(p Param) bool { return p.Sortable })
}

// names are those of the parameters of a type that a condition holds for.
func (r *Rules) names(typ string, holds func(Param) bool) []string {
	var names []string
	for _, p := range r.Params(typ) {
		if holds(p) {
			names = append(names, p.Name)
		}
	}
	return names
}

// orderMark is behind the name of a parameter in the index that its promised order goes by.
const orderMark = ":sort"

func (t *text) order() string { return t.name + orderMark }

// withOrder adds what the promised order goes by: one Ordered from the smallest value to the largest.
func (t *text) withOrder(values sink) sink {
	if values == nil {
		return nil
	}
	return func(x *extraction, v any) {
		from := len(x.out.Texts)
		values(x, v)
		var low, high string
		for _, e := range x.out.Texts[from:] {
			if e.Exact == "" || e.Folded == "" {
				continue
			}
			if low == "" || e.Folded < low {
				low = e.Folded
			}
			high = max(high, e.Folded)
		}
		if low != "" {
			x.ordered(t.order(), firstCharacters(low, maxSorted), firstCharacters(high, maxSorted))
		}
	}
}

// sortsText says whether the order of a string parameter is promised.
func sortsText(typ, name string) bool { return slices.Contains(sortedTexts[typ], name) }
