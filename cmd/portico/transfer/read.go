package transfer

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// page is how many versions, events or records are read at once.
const page = 500

// version is a version with what its store says of it beside.
type version struct {
	fhir.Version
	partition fhir.Partition
	existed   bool
	origin    string // as its event told it; a history does not tell it
}

// between yields the versions of a partition that came to be from one instant to another, both included, the newest first.
func between(ctx context.Context, s storage.Store, p fhir.Partition, from, to fhir.Instant) iter.Seq2[version, error] {
	return func(yield func(version, error) bool) {
		q := storage.HistoryQuery{Since: from, Before: to + 1, Limit: page}
		for {
			found, err := s.History(ctx, p, q)
			if err != nil {
				yield(version{}, err)
				return
			}
			for i, v := range found.Versions {
				if !yield(version{Version: v, partition: p, existed: found.Existed[i]}, nil) {
					return
				}
				q.Before = v.Instant
			}
			if !found.More {
				return
			}
		}
	}
}

// versionsOf are the versions that events tell of, the oldest first. The events follow each other.
func versionsOf(ctx context.Context, s storage.Store, events []storage.Event) ([]version, error) {
	var partitions []fhir.Partition
	for _, e := range events {
		if !slices.Contains(partitions, e.Partition) {
			partitions = append(partitions, e.Partition)
		}
	}
	var all []version
	for _, p := range partitions {
		for v, err := range between(ctx, s, p, events[0].Instant, events[len(events)-1].Instant) {
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b version) int { return int(a.Instant - b.Instant) })
	told := func(v version, e storage.Event) bool {
		return v.partition == e.Partition && v.Key == e.Key && v.Number == e.Number && v.Instant == e.Instant
	}
	if !slices.EqualFunc(all, events, told) {
		return nil, fmt.Errorf("the events of the source from %s to %s are not those of its histories; portico check tells what is wrong with it", events[0].Instant, events[len(events)-1].Instant)
	}
	for i, e := range events {
		all[i].origin = e.Origin
	}
	return all, nil
}

// partitionsOf are the partitions of the events of a store, sorted.
func partitionsOf(ctx context.Context, s storage.Store) ([]fhir.Partition, error) {
	var all []fhir.Partition
	for e, err := range eventsOf(ctx, s) {
		if err != nil {
			return nil, err
		}
		if i, there := slices.BinarySearch(all, e.Partition); !there {
			all = slices.Insert(all, i, e.Partition)
		}
	}
	return all, nil
}

// eventsOf yields all events of a store, in their order.
func eventsOf(ctx context.Context, s storage.Store) iter.Seq2[storage.Event, error] {
	return func(yield func(storage.Event, error) bool) {
		for after := int64(0); ; {
			events, err := s.Events(ctx, after, page)
			if err != nil {
				yield(storage.Event{}, err)
				return
			}
			for _, e := range events {
				if after = e.Sequence; !yield(e, nil) {
					return
				}
			}
			if len(events) < page {
				return
			}
		}
	}
}

// records yields the records of a store but for Options.Own, sorted by their names.
func (c *copier) records(ctx context.Context, s storage.Store) iter.Seq2[storage.Record, error] {
	own := func(name string) bool { return name == stateRecord || slices.Contains(c.Own, name) }
	return func(yield func(storage.Record, error) bool) {
		for after := ""; ; {
			found, err := s.Records().Scan(ctx, "", after, page)
			if err != nil {
				yield(storage.Record{}, err)
				return
			}
			for _, r := range found {
				if after = r.Name; !own(after) && !yield(r, nil) {
					return
				}
			}
			if len(found) < page {
				return
			}
		}
	}
}
