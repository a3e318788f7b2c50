package mongo

import (
	"errors"
	"math"
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// order is an order that an index has: that of a field and, where several have the same value, of ids.
type order struct {
	field  string
	index  string
	key    string // the promised key; "" for instants and ids, which everybody has, each its own
	down   bool
	lowest any // no value is below it
}

// orderOf is the order by a key, if an index has it.
func (x *searching) orderOf(k search.SortKey) *order {
	switch {
	case k.Param == search.LastUpdated:
		return &order{field: fieldInstant, index: hintNewest, down: k.Descending}
	case k.Param == search.ID:
		return &order{field: fieldID, index: hintID, down: k.Descending}
	case isPromised(k) && slices.ContainsFunc(x.keys, func(p search.SortKey) bool { return p.Param == k.Param && p.By == k.By && isPromised(p) }):
		o := &order{field: sortField(k), index: hintSort(k), key: k.Param, down: k.Descending, lowest: int64(math.MinInt64)}
		if k.By == search.ByOrder {
			o.lowest = ""
		}
		return o
	default:
		return nil
	}
}

// everybody says that everybody has a value, and nobody that of another.
func (o *order) everybody() bool { return o.key == "" }

// direction is what MongoDB calls the order.
func (o *order) direction() bson.D {
	d := bson.D{{Key: o.field, Value: 1}}
	if o.down {
		d[0].Value = -1
	}
	if !o.everybody() {
		d = append(d, bson.E{Key: fieldName, Value: 1})
	}
	return d
}

// place is where a match stands in an order.
type place struct {
	value any // int64 or string
	id    string
}

// place is that of a match; it has none if it lacks a value.
func (o *order) place(p fhir.Partition, k search.SortKey, m search.Indexed) (at place, has bool) {
	switch o.field {
	case fieldInstant:
		return place{int64(m.Instant), m.ID}, true
	case fieldID:
		return place{documentID(p, m.ID), m.ID}, true
	}
	e, has := deciding(k, m.Entries)
	switch {
	case !has:
		return at, false
	case k.By == search.ByTime && o.down:
		return place{int64(e.Ranges[0].High), m.ID}, true
	case k.By == search.ByTime:
		return place{int64(e.Ranges[0].Low), m.ID}, true
	case o.down:
		return place{e.Ordereds[0].High, m.ID}, true
	default:
		return place{e.Ordereds[0].Low, m.ID}, true
	}
}

// behind is the filter for what stands behind a place; with those that share its value (level), if they are wanted. Without a place it is for what has one,
// unless another filter is within bounds.
func (o *order) behind(p fhir.Partition, at *place, level, within bool) bson.D {
	beyond, from := "$gt", "$gte"
	if o.down {
		beyond, from = "$lt", "$lte"
	}
	bound := func(op string, v any) bson.D { return bson.D{{Key: o.field, Value: bson.D{{Key: op, Value: v}}}} }
	switch {
	case o.field == fieldID:
		return o.withinPartition(p, at, beyond)
	case at == nil && (o.everybody() || within):
		return nil
	case at == nil:
		return bound("$gte", o.lowest)
	case o.everybody():
		return bound(beyond, at.value)
	case level:
		return bound(from, at.value)
	default: // that the rest is an exception, and no alternative, keeps the order
		passed := bson.D{{Key: o.field, Value: at.value}, {Key: fieldName, Value: bson.D{{Key: "$lte", Value: at.id}}}}
		return append(bound(from, at.value), bson.E{Key: "$nor", Value: bson.A{passed}})
	}
}

// withinPartition is the range of the _ids of a partition, behind a place if there is one.
func (o *order) withinPartition(p fhir.Partition, at *place, beyond string) bson.D {
	bounds := map[string]any{"$gt": string(p) + "/", "$lt": string(p) + "0"} // '0' is what comes behind '/'
	if at != nil {
		bounds[beyond] = at.value
	}
	return bson.D{{Key: fieldID, Value: bson.D{{Key: "$gt", Value: bounds["$gt"]}, {Key: "$lt", Value: bounds["$lt"]}}}}
}

// mostFollowed is how many rows are asked for at once while an order is followed.
const mostFollowed = 2_000

// stream finds the first matches behind a place by following an order: first those that have a value, then those that have none.
func (x *searching) stream(a *quest, w way, o *order, after *search.Indexed, n int) (rows []row, err error) {
	behindValues := false
	if after != nil {
		_, has := o.place(x.partition, a.sort[0], *after)
		behindValues = !has
	}
	if !behindValues {
		if rows, err = x.follow(a, w, o, after, n); err != nil {
			return nil, err
		}
		after = nil
	}
	if len(rows) >= n || o.everybody() || w.lead != nil && w.lead.key == o.key || isHeavy(rows) {
		return rows, nil
	}
	rest, _, err := x.first(a.lacking(), after, n-len(rows))
	return append(rows, rest...), err
}

// isHeavy says whether rows are more than a page may have.
func isHeavy(rows []row) bool {
	bytes := 0
	for _, r := range rows {
		bytes += len(r.version.Body)
	}
	return bytes > storage.MaxPageBytes
}

// follow finds the first matches that have a value, behind a place. Of several ways to them each gives its first ones, all at once.
func (x *searching) follow(a *quest, w way, o *order, after *search.Indexed, n int) (rows []row, err error) {
	arms := []arm{{index: o.index, filter: x.ours()}}
	if w.lead != nil {
		arms = slices.Clone(w.lead.arms)
	}
	for i := range arms {
		if w.follows && arms[i].index == hintSort(ascending(a.sort[0])) {
			arms[i].index = o.index // that of the other end has the same resources
		}
	}
	parts, errs := make([][]row, len(arms)), make([]error, len(arms))
	var all sync.WaitGroup
	for i := range arms {
		all.Go(func() { parts[i], errs[i] = x.followOne(a, arms[i], o, after, n) })
	}
	all.Wait()
	seen := make(map[string]bool)
	for _, r := range slices.Concat(parts...) {
		if !seen[r.ID] {
			seen[r.ID] = true
			rows = append(rows, r)
		}
	}
	return ranked(a, rows, nil, n), errors.Join(errs...)
}

// followOne finds the first matches that one index has, in its order or sorted by the database. Those that share a value are sorted by the other keys here, when
// all of them have come.
func (x *searching) followOne(a *quest, by arm, o *order, after *search.Indexed, n int) (rows []row, err error) {
	k, ties := a.sort[0], len(a.sort) > 1 && !o.everybody()
	bodies := !ties && len(a.byRow) == 0
	var from *place
	if after != nil {
		at, _ := o.place(x.partition, k, *after)
		from = &at
	}
	for size, level := n, ties; ; size, level = min(2*size, max(n, mostFollowed)), false {
		part, err := x.batch(asked{
			index: by.index, filter: []bson.D{by.filter, o.behind(x.partition, from, level, has(by.filter, o.field)), a.says.filter},
			order: o.direction(), limit: size, fields: a.fields(bodies),
		}, a.toll())
		if err != nil {
			return nil, err
		}
		matches, err := x.sift(a, part)
		if err != nil {
			return nil, err
		}
		rows = append(rows, matches...)
		done := len(part) < size
		if !done {
			at, _ := o.place(x.partition, k, part[len(part)-1].Indexed)
			from = &at
		}
		if !ties {
			if done || len(rows) >= n {
				return rows, nil
			}
			continue
		}
		whole := rows
		if !done {
			whole = slices.DeleteFunc(slices.Clone(rows), func(r row) bool { at, _ := o.place(x.partition, k, r.Indexed); return at.value == from.value })
		}
		if whole = ranked(a, whole, after, n); done || len(whole) >= n {
			return whole, nil
		}
	}
}

// batch are the rows that are asked for; where they weigh more than a page may, those behind that are left out.
func (x *searching) batch(q asked, toll int) (rows []row, err error) {
	room := storage.MaxPageBytes
	err = x.rows(q, func(r row) (bool, error) {
		err = r.read()
		rows = append(rows, r)
		room -= len(r.version.Body)
		return room >= 0, err
	})
	if err != nil {
		return nil, err
	}
	return rows, x.meter.look(len(rows) * toll)
}
