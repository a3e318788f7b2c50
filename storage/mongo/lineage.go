package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// lineage is the past of one resource. The numbers of its versions have no gap and rise with their instants: what a query asks for is a stretch
// of numbers, and nothing has to be counted. The current version is read first: whatever comes to be later is not of this history, and
// everything before it has been archived.
type lineage struct {
	*Store
	partition fhir.Partition
	key       fhir.Key
	newest    entry
	from, to  int64 // the numbers that are asked for, each included; none when from is greater
}

func (s *Store) newLineage(ctx context.Context, p fhir.Partition, q storage.HistoryQuery) (*lineage, error) {
	l := &lineage{Store: s, partition: p, key: q.Key, from: 1}
	if err := l.readNewest(ctx, q.Limit > 0); err != nil {
		return nil, err
	}
	l.to = l.newest.version.Number
	if q.Since != 0 {
		first, err := l.first(ctx, q.Since)
		if err != nil {
			return nil, err
		}
		l.from = first
	}
	if q.During == (fhir.Interval{}) {
		return l, nil
	}
	return l, l.confine(ctx, q.During)
}

func (l *lineage) readNewest(ctx context.Context, whole bool) error {
	without := bson.D{{Key: fieldIndex, Value: 0}}
	if !whole {
		without = append(without, bson.E{Key: fieldResource, Value: 0})
	}
	raw, err := l.current(l.key.Type).FindOne(ctx, at(l.partition, l.key.ID), options.FindOne().SetProjection(without)).Raw()
	if isAbsent(err) {
		return notFound(l.key)
	}
	if err != nil {
		return err
	}
	d, err := readDocument(raw)
	if err == nil {
		l.newest, err = entryOf(l.key.Type, d)
	}
	return err
}

// confine leaves the versions that were current at some moment of an interval: those that came to be within it, and the last one before.
func (l *lineage) confine(ctx context.Context, during fhir.Interval) error {
	later, err := l.first(ctx, during.Low+1)
	if err != nil {
		return err
	}
	end, err := l.first(ctx, during.High)
	l.from, l.to = max(l.from, later-1), end-1
	return err
}

// probes is how many instants of versions are asked for at once.
const probes = 32

// first is the number of the first version of the lineage that came to be at an instant or later; where there is none, the one behind the last.
func (l *lineage) first(ctx context.Context, at fhir.Instant) (int64, error) {
	newest := l.newest.version
	if newest.Instant < at {
		return newest.Number + 1, nil
	}
	low, high := int64(1), newest.Number
	for low < high {
		step := (high-low-1)/probes + 1
		var some []int64
		for n := low; n < high; n += step {
			some = append(some, n)
		}
		instants, err := l.instants(ctx, some)
		if err != nil {
			return 0, err
		}
		for _, n := range some {
			if instant, ok := instants[n]; ok && instant >= at {
				high = n
				break
			}
			low = n + 1
		}
	}
	return low, nil
}

// instants are those of superseded versions, by their numbers.
func (l *lineage) instants(ctx context.Context, numbers []int64) (map[int64]fhir.Instant, error) {
	ids := make(bson.A, len(numbers))
	for i, n := range numbers {
		ids[i] = pastID(l.partition, l.key.ID, n)
	}
	instants := make(map[int64]fhir.Instant, len(numbers))
	only := bson.D{{Key: fieldVersion, Value: 1}, {Key: fieldInstant, Value: 1}}
	err := visit(ctx, l.past(l.key.Type), l.superseded(bson.E{Key: "$in", Value: ids}), options.Find().SetProjection(only), func(d document) (bool, error) {
		instants[d.Version] = d.Instant
		return true, nil
	})
	return instants, err
}

// superseded is the filter for superseded versions of the lineage. That it names partition and id sends it to the one shard that has them.
func (l *lineage) superseded(ids ...bson.E) bson.D {
	filter := at(l.partition, l.key.ID)
	filter[0].Value = bson.D(ids)
	return filter
}

func (l *lineage) page(ctx context.Context, before fhir.Instant, to *sheet) error {
	last := l.to
	if before != fhir.End {
		end, err := l.first(ctx, before)
		if err != nil {
			return err
		}
		last = min(last, end-1)
	}
	if last == l.newest.version.Number && l.from <= last {
		to.add(l.newest)
		last--
	}
	if l.from > last {
		return nil
	}
	filter := l.superseded(
		bson.E{Key: "$gte", Value: pastID(l.partition, l.key.ID, l.from)},
		bson.E{Key: "$lte", Value: pastID(l.partition, l.key.ID, last)})
	opts := options.Find().SetHint(hintID).SetSort(bson.D{down(fieldID)}).SetLimit(int64(to.limit) + 1).SetBatchSize(batchOf(to.limit + 1))
	var rows []entry
	bytes := 0
	err := visit(ctx, l.past(l.key.Type), filter, opts, func(d document) (bool, error) {
		r, err := entryOf(l.key.Type, d)
		rows = append(rows, r)
		bytes += len(r.version.Body)
		return bytes <= storage.MaxPageBytes, err
	})
	to.add(rows...)
	return err
}

func (l *lineage) count(context.Context, int) (int, error) { return int(max(0, l.to-l.from+1)), nil }
