package mongo

import (
	"reflect"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// row is a document that a search was sent. Its entries are those that were asked for.
type row struct {
	search.Indexed
	version  fhir.Version // has its body when that is read
	resource bson.Raw     // from which the body is read, where it was asked for
}

// read reads the body, if it has come.
func (r *row) read() (err error) {
	if r.resource != nil {
		r.version.Body, err = appendBody(nil, r.resource)
		r.resource = nil
	}
	return err
}

// asked is what is asked of a collection.
type asked struct {
	index  string // by which it is found
	filter []bson.D
	order  bson.D
	limit  int // rows; 0: all
	fields bson.D
}

// both is the filter that holds where all of some filters do; what several of them say is said once. What tests a field that another has tested already stands
// below "$and".
func both(filters ...bson.D) (all bson.D) {
	var more bson.A
	for _, f := range filters {
		for _, e := range f {
			same := slices.IndexFunc(all, func(o bson.E) bool { return o.Key == e.Key })
			switch {
			case same < 0:
				all = append(all, e)
			case !reflect.DeepEqual(all[same].Value, e.Value):
				more = append(more, bson.D{e})
			}
		}
	}
	if len(more) == 0 {
		return all
	}
	if i := slices.IndexFunc(all, func(e bson.E) bool { return e.Key == "$and" }); i >= 0 {
		more = append(more, bson.D{all[i]})
		all = slices.Delete(all, i, i+1)
	}
	return append(all, bson.E{Key: "$and", Value: more})
}

// mostAtOnce is how many rows the database sends at once, at most.
const mostAtOnce = 1_000

// pipeline is what is asked as stages of an aggregation: of such, other than of a find, the driver lets us bound the time that the database may take.
func (a asked) pipeline() bson.A {
	stages := bson.A{bson.D{{Key: "$match", Value: both(a.filter...)}}}
	if a.order != nil {
		stages = append(stages, bson.D{{Key: "$sort", Value: a.order}})
	}
	if a.limit > 0 {
		stages = append(stages, bson.D{{Key: "$limit", Value: a.limit}})
	}
	return append(stages, bson.D{{Key: "$project", Value: a.fields}})
}

// rows calls fn with each row that is asked for, until it wants no more.
func (x *searching) rows(a asked, fn func(row) (more bool, err error)) error {
	size := mostAtOnce
	if a.limit > 0 && a.limit <= mostAtOnce {
		size = a.limit + 1 // then the database knows that there is no other batch
	}
	cursor, err := x.aggregate(a.pipeline(), a.index, size)
	if err != nil {
		return err
	}
	defer func() { _ = cursor.Close(x.ctx) }() // that a cursor could not be closed changes nothing of what it gave
	for cursor.Next(x.ctx) {
		r, err := x.row(cursor.Current)
		if err != nil {
			return err
		}
		if more, err := fn(r); err != nil || !more {
			return err
		}
	}
	return tooLong(cursor.Err())
}

// aggregate asks the collection by an index. What takes the database more than half of the patience is too costly; what then has not answered is out of reach.
func (x *searching) aggregate(stages bson.A, index string, size int) (*mongo.Cursor, error) {
	bound := bson.M{"maxTimeMS": max(1, x.store.config.Patience.Milliseconds()/2)}
	how := options.Aggregate().SetHint(index).SetBatchSize(int32(size)).SetCustom(bound) //nolint:staticcheck // for whom it is kept, but no other option of the driver bounds an aggregation whose cursor is read under another time
	cursor, err := x.of.Aggregate(x.ctx, stages, how)
	return cursor, tooLong(err)
}

// tooLong makes of the error that a search took the database too long, or more memory than it has for sorting, the one that the search is too costly.
func tooLong(err error) error {
	const (
		maxTimeExpired = 50
		sortsTooMuch   = 292 // QueryExceededMemoryLimitNoDiskUseAllowed
	)
	if hasCode(err, []int{maxTimeExpired, sortsTooMuch}) {
		return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "The search takes the database too long. Ask for fewer, or by another parameter.").Because(err)
	}
	return err
}

// row reads a document.
func (x *searching) row(raw bson.Raw) (r row, err error) {
	d, err := readDocument(raw)
	if err != nil {
		return r, err
	}
	r.ID, r.Instant, r.resource = d.Name, d.Instant, d.Resource
	d.Resource = nil
	if r.version, err = d.version(x.typ); err != nil {
		return r, err
	}
	if d.Index != nil {
		r.Entries, err = decodeEntries(d.Index)
	}
	return r, err
}

// The fields of a row: what every one has, the body, and the entries.
var (
	versionFields = bson.D{{Key: fieldID, Value: 0}, {Key: fieldName, Value: 1}, {Key: fieldVersion, Value: 1}, {Key: fieldInstant, Value: 1}, {Key: fieldMethod, Value: 1}}
	bodyFields    = bson.D{{Key: fieldResource, Value: 1}}
)

// fields are those of the rows of a quest: of their entries, what it takes to decide and to order them.
func (a *quest) fields(bodies bool) bson.D {
	f := versionFields[:len(versionFields):len(versionFields)]
	if bodies {
		f = append(f, bodyFields...)
	}
	if len(a.byRow) > 0 {
		return append(f, bson.E{Key: fieldIndex, Value: 1})
	}
	lists := make(map[string]bool)
	for _, k := range a.sort {
		if list := indexOf(k); list != "" && !lists[list] {
			f, lists[list] = append(f, bson.E{Key: list, Value: 1}), true
		}
	}
	return f
}

// indexOf is the list of entries that a key goes by; none where the version itself has what it goes by.
func indexOf(k search.SortKey) string {
	switch {
	case k.Param == search.ID || k.Param == search.LastUpdated:
		return ""
	case k.By == search.ByTime:
		return indexTime
	case k.By == search.ByOrder:
		return indexOrder
	case k.By == search.ByText:
		return indexText
	default:
		return indexTerm
	}
}

// bodies gives rows their bodies, as many as there is room for; the first row of a page has room in any case. Those that have changed or gone since they
// were chosen are told apart.
func (x *searching) bodies(rows []row, room int) (got, changed []row, err error) {
	for at, step := 0, len(rows); at < len(rows); {
		chunk := rows[at:min(at+step, len(rows))]
		there, whole, err := x.fetch(chunk, room)
		if err != nil {
			return nil, nil, err
		}
		if !whole && step > 1 { // what is heavy is fetched in smaller parts
			step = max(1, step/4)
			continue
		}
		for _, r := range chunk {
			v, same := there[r.Instant]
			if !same {
				changed = append(changed, r)
				continue
			}
			if room -= len(v.Body); room < 0 && room+len(v.Body) < storage.MaxPageBytes {
				return got, changed, nil
			}
			r.version = v
			got = append(got, r)
		}
		at += len(chunk)
	}
	return got, changed, nil
}

// fetch are the versions of rows with their bodies, by their instants. It is not whole when more bytes came than there is room for.
func (x *searching) fetch(rows []row, room int) (there map[fhir.Instant]fhir.Version, whole bool, err error) {
	there = make(map[fhir.Instant]fhir.Version, len(rows))
	var ids []string
	for _, r := range rows {
		if err := r.read(); err != nil {
			return nil, false, err
		}
		if r.version.Body != nil {
			there[r.Instant] = r.version
		} else {
			ids = append(ids, documentID(x.partition, r.ID))
		}
	}
	if ids == nil {
		return there, true, nil
	}
	whole = true
	a := asked{index: hintID, filter: []bson.D{{{Key: fieldID, Value: bson.D{{Key: "$in", Value: ids}}}}}, fields: append(versionFields[:len(versionFields):len(versionFields)], bodyFields...)}
	err = x.rows(a, func(r row) (bool, error) {
		if err := r.read(); err != nil {
			return false, err
		}
		if r.version.Body != nil {
			there[r.Instant] = r.version
		}
		room -= len(r.version.Body)
		whole = room >= 0 || len(rows) == 1
		return whole, nil
	})
	return there, whole, err
}
