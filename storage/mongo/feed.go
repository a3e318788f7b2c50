package mongo

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// feed is the past of some types of a partition, below the clock's horizon. Of each type it reads the current versions first and the superseded ones behind
// them, so that what is archived meanwhile is not missed. Types are asked one after the other, that with the newest version first, and each only for
// what is newer than the page's last row so far: a type that has nothing to give is not asked at all.
type feed struct {
	*Store
	partition fhir.Partition
	types     []string
	last      map[string]fhir.Instant // the newest instants that were given
	zones     []zone
}

// zone is a stretch of instants, [low, high), in which the versions of a history are found in the same way.
type zone struct {
	low, high fhir.Instant
	sources   []source // in the order in which they are to be read
}

// source is where documents tell of versions by one of their two instants.
type source struct {
	past   bool   // the superseded versions; else the current ones
	by     string // fieldInstant: the document is the version; fieldPrevious: it is the one behind it
	beside bson.D // the rest of the filter
}

func (s *Store) newFeed(ctx context.Context, p fhir.Partition, q storage.HistoryQuery) (*feed, error) {
	before, last, err := s.clock.horizon(ctx)
	if err != nil {
		return nil, err
	}
	f := &feed{Store: s, partition: p, last: last, zones: zonesOf(q, before)}
	for _, t := range slices.Sorted(maps.Keys(last)) {
		if t == q.Key.Type || q.Key.Type == "" && (q.Types == nil || slices.Contains(q.Types, t)) {
			f.types = append(f.types, t)
		}
	}
	slices.SortStableFunc(f.types, func(a, b string) int { return cmp.Compare(last[b], last[a]) })
	return f, nil
}

func (f *feed) page(ctx context.Context, before fhir.Instant, to *sheet) error {
	for _, t := range f.types {
		for _, z := range f.zones {
			z.low, z.high = max(z.low, to.floor()), min(z.high, before, f.last[t]+1)
			if z.low >= z.high {
				continue
			}
			rows, _, err := f.chunk(ctx, t, z, to.limit+1, true)
			if err == nil {
				rows, err = f.fill(ctx, t, rows[:min(len(rows), to.limit+1)])
			}
			if err != nil {
				return err
			}
			to.add(rows...)
		}
	}
	return nil
}

// countRows is how many instants are read at once to be counted. They are read and not counted by the database, because a copy of a current version that a
// dead process left, or a version that is archived between two counts, would be counted twice.
const countRows = 5000

func (f *feed) count(ctx context.Context, upTo int) (total int, err error) {
	for _, t := range f.types {
		for _, z := range f.zones {
			for z.high = min(z.high, f.last[t]+1); z.low < z.high; {
				some := countRows
				if upTo >= 0 {
					some = min(some, upTo-total+1)
				}
				rows, floor, err := f.chunk(ctx, t, z, some, false)
				if err != nil {
					return 0, err
				}
				if total += len(rows); upTo >= 0 && total > upTo {
					return total, nil
				}
				z.high = floor
			}
		}
	}
	return total, nil
}

// chunk reads the newest versions of a zone: n of them at least, unless there are not so many or they are large, and all from floor on.
// Each source is read as far down as those before it, and no further.
func (f *feed) chunk(ctx context.Context, typ string, z zone, n int, whole bool) (rows []entry, floor fhir.Instant, err error) {
	floor = z.low
	for _, src := range z.sources {
		var some []entry
		if some, floor, err = f.read(ctx, typ, src, floor, z.high, n, whole); err != nil {
			return nil, 0, err
		}
		rows = append(rows, some...)
	}
	rows = slices.DeleteFunc(rows, func(r entry) bool { return r.version.Instant < floor })
	return lastFirst(rows), floor, nil
}

// read reads the newest versions that a source has in [low, high), n at most, and says from where on it has read all. Without their bodies
// nothing but their instants is read.
func (f *feed) read(ctx context.Context, typ string, src source, low, high fhir.Instant, n int, whole bool) (rows []entry, floor fhir.Instant, err error) {
	floor = low
	if low >= high {
		return nil, floor, nil
	}
	in := f.current(typ)
	if src.past {
		in = f.past(typ)
	}
	filter := append(bson.D{{Key: fieldPartition, Value: f.partition}, {Key: src.by, Value: stretch(low, high)}}, src.beside...)
	opts := options.Find().SetSort(bson.D{down(src.by)}).SetLimit(int64(n)).SetBatchSize(batchOf(n)).SetHint(src.hint()).SetProjection(src.projection(whole))
	bytes := 0
	err = visit(ctx, in, filter, opts, func(d document) (bool, error) {
		r, err := src.entry(typ, d)
		if err != nil {
			return false, err
		}
		rows = append(rows, r)
		if bytes += len(r.version.Body); len(rows) < n && bytes <= storage.MaxPageBytes {
			return true, nil
		}
		floor = r.version.Instant
		return false, nil
	})
	return rows, floor, err
}

// hint is the index that has the order of the source.
func (src source) hint() string {
	if src.by == fieldPrevious {
		return hintPrevious
	}
	return hintNewest
}

// projection is what is read of a source's documents.
func (src source) projection(whole bool) bson.D {
	switch {
	case !whole:
		return bson.D{{Key: fieldID, Value: 0}, {Key: src.by, Value: 1}}
	case src.by == fieldPrevious:
		return bson.D{{Key: fieldName, Value: 1}, {Key: fieldVersion, Value: 1}, {Key: fieldPrevious, Value: 1}}
	default:
		return bson.D{{Key: fieldIndex, Value: 0}}
	}
}

// entry is the version that a document of the source tells of.
func (src source) entry(typ string, d document) (entry, error) {
	if src.by == fieldInstant {
		return entryOf(typ, d)
	}
	return entry{version: fhir.Version{Key: fhir.Key{Type: typ, ID: d.Name}, Number: d.Version - 1, Instant: d.Previous}, hollow: true}, nil
}

// firstFill is how many hollow rows are read at first: their bodies may be large.
const firstFill = 8

// fill reads what hollow rows lack, which are superseded versions, until there is more than a page takes; what is behind that is left out.
func (f *feed) fill(ctx context.Context, typ string, rows []entry) ([]entry, error) {
	bytes, from := 0, 0
	for some := firstFill; from < len(rows) && bytes <= storage.MaxPageBytes; some *= 2 {
		group := rows[from:min(from+some, len(rows))]
		if err := f.fillGroup(ctx, typ, group); err != nil {
			return nil, err
		}
		for _, r := range group {
			bytes += len(r.version.Body)
		}
		from += len(group)
	}
	return slices.DeleteFunc(rows[:from], func(r entry) bool { return r.hollow }), nil
}

func (f *feed) fillGroup(ctx context.Context, typ string, group []entry) error {
	places := make(map[string]int, len(group)) // of the hollow rows, by the _id of their documents
	for i, r := range group {
		if r.hollow {
			places[pastID(f.partition, r.version.Key.ID, r.version.Number)] = i
		}
	}
	if len(places) == 0 {
		return nil
	}
	filter := bson.D{{Key: fieldID, Value: bson.D{{Key: "$in", Value: slices.Collect(maps.Keys(places))}}}, {Key: fieldPartition, Value: f.partition}}
	return visit(ctx, f.past(typ), filter, options.Find().SetHint(hintID), func(d document) (bool, error) {
		r, err := entryOf(typ, d)
		group[places[d.ID]] = r
		return true, err
	})
}

// stretch is the filter for instants in [low, high).
func stretch(low, high fhir.Instant) bson.D {
	return bson.D{{Key: "$gte", Value: low}, {Key: "$lt", Value: high}}
}

// batchOf is the size of a cursor's batch that is to have n documents: one more, so that the server knows at once that it is the last.
func batchOf(n int) int32 { return int32(min(n, countRows) + 1) }
