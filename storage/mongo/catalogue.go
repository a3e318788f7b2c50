package mongo

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir/search"
)

// fresh is how old the list of types may be.
const fresh = time.Second

// catalogue knows which types have collections.
type catalogue struct {
	turn chan struct{} // of one place: who asks the database or changes it

	mu       sync.Mutex
	prepared map[string]bool // by this process
	listed   []string        // by the database
	at       time.Time       // when; by the monotonic clock
}

func newCatalogue() *catalogue {
	return &catalogue{turn: make(chan struct{}, 1), prepared: map[string]bool{}}
}

// take waits for the turn.
func (c *catalogue) take(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *catalogue) give() { <-c.turn }

func (c *catalogue) isPrepared(typ string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.prepared[typ]
}

// types are those that are known, unless the list is too old.
func (c *catalogue) types() (all []string, current bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Since(c.at) > fresh {
		return nil, false
	}
	return c.all(), true
}

// list takes what the database had at a moment.
func (c *catalogue) list(types []string, at time.Time) (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listed, c.at = types, at
	return c.all()
}

func (c *catalogue) all() []string {
	all := slices.AppendSeq(slices.Clone(c.listed), maps.Keys(c.prepared))
	slices.Sort(all)
	return slices.Compact(all)
}

// prepare makes the collections and indexes of a type, the first time that this process writes to it.
func (s *Store) prepare(ctx context.Context, typ string) error {
	return s.prepareWithin(ctx, typ, s.config.Patience)
}

func (s *Store) prepareWithin(ctx context.Context, typ string, within time.Duration) error {
	if s.config.reading {
		return unavailable().Because(errReading)
	}
	c := s.catalogue
	if c.isPrepared(typ) {
		return nil
	}
	if err := c.take(ctx); err != nil {
		return err
	}
	defer c.give()
	if c.isPrepared(typ) {
		return nil
	}
	var keys []search.SortKey
	if s.config.SortKeys != nil {
		keys = s.config.SortKeys(typ)
	}
	if err := s.ensure(ctx, typ+pastSuffix, versionIndexes(), within); err != nil {
		return err
	}
	if err := s.ensure(ctx, typ, currentIndexes(keys), within); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prepared[typ] = true
	return nil
}

// types are the types that have collections, sorted. They may be as old as a second; those that this process has prepared are among them.
func (s *Store) types(ctx context.Context) ([]string, error) {
	c := s.catalogue
	if all, current := c.types(); current {
		return all, nil
	}
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	defer c.give()
	if all, current := c.types(); current {
		return all, nil
	}
	before := time.Now()
	names, err := s.db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !hasType(name) })
	return c.list(names, before), nil
}

// hasType says whether a collection has the current versions of a type: those begin with a capital letter.
func hasType(collection string) bool {
	_, past := isPast(collection)
	return !past && collection != "" && collection[0] >= 'A' && collection[0] <= 'Z'
}
