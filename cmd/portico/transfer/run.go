package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Options say what is copied, and where to.
type Options struct {
	From, To storage.Store // From is only read

	Rules *search.Rules // that make the index entries of the target

	Types []string // that the rules are of

	Own []string // names of records that each store has for itself: they are neither copied nor compared

	Batch    int              // versions that are copied before it is written down how far the copy is; 0: batch
	Progress io.Writer        // a line that is written again and again; nil: none
	Report   func(Difference) // is told each difference as soon as it is found
	Now      func() time.Time // nil: time.Now
}

// Run copies what From has and To has not, and compares them. The summary says what was done also where there is an error: then not all was copied, or
// compared. Conflict: the target holds something else. A source that is written to meanwhile is not the same at the end; run again, the
// copy goes on.
func Run(ctx context.Context, o Options) (Summary, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Batch == 0 {
		o.Batch = batch
	}
	c := &copier{Options: o, line: &line{w: o.Progress, now: o.Now}}
	began := o.Now()
	err := c.run(ctx)
	c.line.clear()
	c.summary.Seconds = o.Now().Sub(began).Seconds()
	return c.summary, err
}

// batch is how many versions are copied at once, where nothing else is wanted.
const batch = 500

// copier is a copy that is under way.
type copier struct {
	Options
	state   state
	line    *line
	summary Summary
}

func (c *copier) run(ctx context.Context) (err error) {
	if c.state, err = c.stateOf(ctx); err != nil {
		return err
	}
	if err := c.unforeseen(ctx); err != nil {
		return err
	}
	if err := c.state.keep(ctx, c.To.Records()); err != nil { // before anything else is there
		return err
	}
	if err := c.copyVersions(ctx); err != nil {
		return err
	}
	if err := c.copyRecords(ctx); err != nil {
		return err
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	return c.compare(ctx)
}

// unforeseen refuses a target that has versions behind the state which are not of the source's next batch: somebody else wrote them. Of that batch it may have any,
// for a store without transactions has some of them when Restore fails.
func (c *copier) unforeseen(ctx context.Context) error {
	there, err := c.To.Events(ctx, c.state.After, c.Batch+1)
	if err != nil || len(there) == 0 {
		return err
	}
	next, err := c.From.Events(ctx, c.state.After, c.Batch)
	if err != nil {
		return err
	}
	for _, e := range there {
		if !slices.ContainsFunc(next, func(o storage.Event) bool {
			return e.Instant == o.Instant && e.Partition == o.Partition && e.Key == o.Key && e.Number == o.Number
		}) {
			return foreign("since the copy was begun, somebody else has written to it")
		}
	}
	return nil
}

// A source shows its events when it knows that none comes between any more. After a server on it was killed that may take a while.
const (
	pause = time.Second
	tries = 40
)

// copyVersions copies the versions behind the state, until the source has no more, and none that it does not yet tell of.
func (c *copier) copyVersions(ctx context.Context) error {
	for range tries {
		if err := c.copyBatches(ctx); err != nil {
			return err
		}
		if more, err := c.anyNewer(ctx); err != nil || !more {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return nil // the comparison tells what is missing
}

// anyNewer says whether the source has resources that are newer than what was copied.
func (c *copier) anyNewer(ctx context.Context) (bool, error) {
	partitions, err := partitionsOf(ctx, c.From)
	if err != nil {
		return false, err
	}
	for _, p := range partitions {
		for _, typ := range c.Types {
			if newer, err := c.newer(ctx, p, typ); err != nil || newer {
				return newer, err
			}
		}
	}
	return false, nil
}

// copyBatches copies what events tell of, batch by batch.
func (c *copier) copyBatches(ctx context.Context) error {
	for {
		events, err := c.From.Events(ctx, c.state.After, c.Batch)
		if err != nil || len(events) == 0 {
			return err
		}
		versions, err := versionsOf(ctx, c.From, events)
		if err != nil {
			return err
		}
		if err := c.restore(ctx, versions); err != nil {
			return err
		}
		c.state.After, c.state.Instant = events[len(events)-1].Sequence, events[len(events)-1].Instant
		c.state.Versions += int64(len(events))
		if err := c.state.keep(ctx, c.To.Records()); err != nil {
			return err
		}
		c.summary.Copied += int64(len(events))
		c.line.show("%d versions copied, up to %s", c.state.Versions, c.state.Instant)
	}
}

// restore writes versions into the target, with the entries that the rules make of them.
func (c *copier) restore(ctx context.Context, versions []version) error {
	restored := make([]storage.Restored, len(versions))
	for i, v := range versions {
		restored[i] = storage.Restored{Partition: v.partition, Version: v.Version, Existed: v.existed, Origin: v.origin}
		if v.IsDeleted() {
			continue
		}
		entries, err := engine.Entries(c.Rules, v.Version)
		if err != nil {
			return err
		}
		restored[i].Entries = entries
	}
	return c.To.Restore(ctx, restored)
}

// copyRecords makes the records of the target those of the source, but for what says by which rules its index entries were made.
func (c *copier) copyRecords(ctx context.Context) error {
	target := c.To.Records()
	return c.eachRecord(ctx, func(from, to storage.Record) error {
		if from.Name == engine.RulesRecord || to.Name == engine.RulesRecord || sameRecord(from, to) {
			return nil
		}
		name, value := from.Name, from.Value
		if name == "" {
			name = to.Name
		}
		_, err := target.Swap(ctx, name, to.Revision, value, from.Expires)
		return err
	})
}

// eachRecord does something with every record that one of the stores has, in the order of their names. One that is missing in a store is zero there.
func (c *copier) eachRecord(ctx context.Context, do func(from, to storage.Record) error) error {
	return inStep(c.records(ctx, c.From), c.records(ctx, c.To), func(a, b storage.Record) int {
		return bytes.Compare([]byte(a.Name), []byte(b.Name))
	}, do)
}

func sameRecord(a, b storage.Record) bool {
	return a.Name == b.Name && bytes.Equal(a.Value, b.Value) && a.Expires == b.Expires
}

// settle has the target say that all its index entries were made by the rules, once that is so.
func (c *copier) settle(ctx context.Context) error {
	if c.state.Rules == mixed { // they were changed between two runs
		entriesOf := func(_ fhir.Partition, v fhir.Version) (search.Entries, error) { return engine.Entries(c.Rules, v) }
		if err := c.To.Reindex(ctx, entriesOf, func(done, total int64) { c.line.show("%d of %d resources indexed anew", done, total) }); err != nil {
			return err
		}
		c.state.Rules = c.Rules.Fingerprint()
	}
	return errors.Join(engine.Settle(ctx, c.To, c.Rules), c.state.keep(ctx, c.To.Records()))
}
