package mongo

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// Events is storage.Store's. An event is a version, and its sequence the version's instant. The clock tells which types have anything newer.
func (s *Store) Events(ctx context.Context, after int64, limit int) (events []storage.Event, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		return s.inOrder(ctx, func(ctx context.Context) (err error) {
			events, err = s.eventsBehind(ctx, fhir.Instant(after), limit)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

func (s *Store) eventsBehind(ctx context.Context, after fhir.Instant, limit int) (events []storage.Event, err error) {
	before, last, err := s.clock.horizon(ctx)
	if err != nil || limit <= 0 {
		return nil, err
	}
	for _, t := range slices.Sorted(maps.Keys(last)) {
		if last[t] <= after {
			continue
		}
		some, err := s.eventsOf(ctx, t, after+1, before, limit)
		if err != nil {
			return nil, err
		}
		if events = oldestFirst(append(events, some...)); len(events) >= limit {
			events = events[:limit]
			before = events[limit-1].Instant // of the other types, what comes later has no room
		}
	}
	return events, nil
}

// oldestFirst sorts events. A version that was read twice, archived between, is there once.
func oldestFirst(events []storage.Event) []storage.Event {
	slices.SortFunc(events, func(a, b storage.Event) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return slices.CompactFunc(events, func(a, b storage.Event) bool { return a.Sequence == b.Sequence })
}

// eventsOf are the oldest events of a type in [from, before), limit of them at least where there are so many. The current versions are read first,
// the superseded ones no further than these.
func (s *Store) eventsOf(ctx context.Context, typ string, from, before fhir.Instant, limit int) (events []storage.Event, err error) {
	for _, in := range []*mongo.Collection{s.current(typ), s.past(typ)} {
		if from >= before {
			break
		}
		opts := options.Find().SetHint(hintFeed).SetSort(bson.D{up(fieldInstant)}).SetLimit(int64(limit)).SetBatchSize(batchOf(limit)).
			SetProjection(bson.D{{Key: fieldIndex, Value: 0}, {Key: fieldResource, Value: 0}})
		some := 0
		err := visit(ctx, in, bson.D{{Key: fieldInstant, Value: stretch(from, before)}}, opts, func(d document) (bool, error) {
			events = append(events, storage.Event{
				Sequence: int64(d.Instant), Partition: d.Partition, Key: fhir.Key{Type: typ, ID: d.Name},
				Number: d.Version, Instant: d.Instant, Method: methods[d.Method], Origin: d.Origin,
			})
			some++
			return true, nil
		})
		if err != nil {
			return nil, err
		}
		if some == limit {
			before = events[len(events)-1].Instant + 1
		}
	}
	return events, nil
}
