package transfer

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Difference is something in which the two stores are not the same. It names the place, and holds nothing of what a body says.
type Difference struct {
	Partition fhir.Partition // this and what follows is zero as far as the difference is of no version
	Key       fhir.Key
	Number    int64
	Detail    string // a sentence
}

// String is the place and what differs there.
func (d Difference) String() string {
	return storage.Fault{Partition: d.Partition, Key: d.Key, Number: d.Number, Detail: d.Detail}.String()
}

// differ tells of a difference.
func (c *copier) differ(d Difference) {
	c.summary.Differences++
	if c.Report != nil {
		c.Report(d)
	}
}

// compare holds everything of both stores against each other, as far as the source was copied.
func (c *copier) compare(ctx context.Context) error {
	from, err := partitionsOf(ctx, c.From)
	if err != nil {
		return err
	}
	to, err := partitionsOf(ctx, c.To)
	if err != nil {
		return err
	}
	all := slices.Concat(from, to)
	slices.Sort(all)
	for _, p := range slices.Compact(all) {
		if err := c.comparePartition(ctx, p); err != nil {
			return err
		}
	}
	if err := c.compareOrigins(ctx); err != nil {
		return err
	}
	return c.compareRecords(ctx)
}

// compareOrigins compares who made the versions that both stores have, as far as the source was copied. That one is missing is told already.
func (c *copier) compareOrigins(ctx context.Context) error {
	inOrder := func(a, b storage.Event) int { return cmp.Compare(a.Instant, b.Instant) }
	return inStep(c.copiedEvents(ctx, c.From), c.copiedEvents(ctx, c.To), inOrder, func(from, to storage.Event) error {
		c.line.show("origins compared, up to %s", max(from.Instant, to.Instant))
		if from.Number == 0 || to.Number == 0 || from.Origin == to.Origin {
			return nil
		}
		c.differ(Difference{Partition: to.Partition, Key: to.Key, Number: to.Number, Detail: "It is not the same in the target: who made it differs."})
		c.summary.differs(to.Partition, to.Key.Type)
		return nil
	})
}

// copiedEvents yields the events of a store up to the newest version that was copied.
func (c *copier) copiedEvents(ctx context.Context, s storage.Store) iter.Seq2[storage.Event, error] {
	return func(yield func(storage.Event, error) bool) {
		for e, err := range eventsOf(ctx, s) {
			if err == nil && e.Instant > c.state.Instant || !yield(e, err) {
				return
			}
		}
	}
}

// comparePartition compares the versions of a partition, and then what is found of them.
func (c *copier) comparePartition(ctx context.Context, p fhir.Partition) error {
	types := make(map[string]*tally)
	newestFirst := func(a, b version) int { return cmp.Compare(b.Instant, a.Instant) }
	err := inStep(between(ctx, c.From, p, 0, c.state.Instant), between(ctx, c.To, p, 0, c.state.Instant), newestFirst, func(from, to version) error {
		typ := cmp.Or(from.Key.Type, to.Key.Type)
		if types[typ] == nil {
			types[typ] = newTally(p, typ)
		}
		c.line.show("%d versions compared", c.summary.Versions)
		return c.compareVersion(types[typ], from, to)
	})
	for _, typ := range slices.Sorted(maps.Keys(types)) {
		t := types[typ]
		if err == nil {
			err = c.compareFound(ctx, t)
		}
		c.summary.add(t)
	}
	return err
}

// compareVersion compares a version of the source with one of the target. One that is missing is zero.
func (c *copier) compareVersion(t *tally, from, to version) error {
	differ := func(v version, detail string) {
		t.Differences++
		c.differ(Difference{Partition: v.partition, Key: v.Key, Number: v.Number, Detail: detail})
	}
	here, err := t.from.add(from)
	if err != nil {
		return err
	}
	there, err := t.to.add(to)
	switch {
	case err != nil:
		return err
	case there == nil:
		differ(from, "It is not in the target.")
	case here == nil:
		differ(to, "It is in the target alone.")
	case !bytes.Equal(here, there):
		differ(to, "It is not the same in the target: "+otherwise(from, to)+" differ.")
	}
	return nil
}

// otherwise says what differs between two versions of one instant.
func otherwise(a, b version) string {
	switch {
	case a.Key != b.Key || a.Number != b.Number:
		return "type, id or number at that instant"
	case a.Method != b.Method || a.existed != b.existed:
		return "method, or what it says of the version before,"
	default:
		return "the bodies"
	}
}

// compareFound holds what searches find of a type in both stores against the histories: as many resources, and in the source none that is newer than the copy.
func (c *copier) compareFound(ctx context.Context, t *tally) error {
	differ := func(detail string) {
		t.Differences++
		c.differ(Difference{Partition: t.Partition, Key: fhir.Key{Type: t.Type}, Detail: detail})
	}
	newer, err := c.newer(ctx, t.Partition, t.Type)
	if err != nil {
		return err
	}
	if newer {
		differ("The source has been written to since it was copied. Run the copy again: it goes on from here.")
	} else if found, err := total(ctx, c.From, t); err != nil {
		return err
	} else if found != t.from.resources {
		differ("What is found in the source is not what its histories say: it was written to since it was copied (run the copy again), or there is a fault in it (portico check tells).")
	}
	found, err := total(ctx, c.To, t)
	if err == nil && found != t.to.resources {
		differ("What is found in the target is not what its histories say; portico check tells what is wrong.")
	}
	return err
}

// total is how many resources of a type a search finds.
func total(ctx context.Context, s storage.Store, t *tally) (int64, error) {
	found, err := s.Search(ctx, t.Partition, search.Query{Type: t.Type}, storage.PageRequest{CountUpTo: -1})
	return int64(found.Total), err
}

// newer says whether the source has a resource of a type that is newer than what was copied.
func (c *copier) newer(ctx context.Context, p fhir.Partition, typ string) (bool, error) {
	found, err := c.From.Search(ctx, p, search.Query{Type: typ, Sort: []search.SortKey{{Param: search.LastUpdated, Descending: true}}}, storage.PageRequest{Limit: 1})
	return err == nil && len(found.Versions) > 0 && found.Versions[0].Instant > c.state.Instant, err
}

// compareRecords compares the records, but for those that each store has for itself.
func (c *copier) compareRecords(ctx context.Context) error {
	return c.eachRecord(ctx, func(from, to storage.Record) error {
		c.summary.Records++
		if name := cmp.Or(from.Name, to.Name); name != engine.RulesRecord && !sameRecord(from, to) {
			c.differ(Difference{Detail: "The record " + name + " is not the same."})
		}
		return nil
	})
}
