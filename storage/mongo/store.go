package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Config says where the store is.
type Config struct {
	// URI is a mongodb:// or mongodb+srv:// connection string (https://www.mongodb.com/docs/manual/reference/connection-string/) whose path names the
	// database. What it says of time-outs, pool and concerns goes before the defaults of this package.
	URI string

	// SortKeys are the promised orders of a type, ascending: those whose Absent is not empty stream from indexes of their own. nil: none.
	SortKeys func(resourceType string) []search.SortKey

	Types    []string         // whose collections and indexes Open makes; those of other types are made with their first write
	Now      func() time.Time // nil: time.Now
	Patience time.Duration    // of one call of the database, the choice of a server included; 0: patience

	// Note is told in a sentence what Open finds in the database that Portico did not make, and leaves alone. nil: nobody is.
	Note func(string)

	reading bool                  // nothing is written: OpenToRead
	handful int                   // candidates; 0: handful
	enough  int                   // candidates; 0: enough
	monitor *event.CommandMonitor // sees each command; nil: nobody does
	step    func(step)            // is called behind each step of a write; nil: nothing is. For tests that die there
}

// step is a step of the write path, in its order.
type step string

// The steps of a write. Behind each of them a process may die. The version is archived while the instant is taken: behind stepTimed it may be there or not.
const (
	stepRead     step = "read"     // the current version was read
	stepClaimed  step = "claimed"  // the condition that nothing matches was claimed
	stepTimed    step = "timed"    // the instant was taken
	stepArchived step = "archived" // the version that is to be superseded was copied
	stepWritten  step = "written"  // the current version was set
	stepReleased step = "released" // the claim was given back
)

// Store is a storage.Store in a MongoDB database.
type Store struct {
	config     Config
	client     *mongo.Client
	db         *mongo.Database
	deployment deployment
	clock      *clock
	catalogue  *catalogue
	claims     *claims
	writers    turns // of one resource
	now        func() time.Time

	revision atomic.Int64 // the last that this process gave to a record
	swaps    atomic.Int64 // of records

	closing sync.RWMutex // held for reading while a call begins
	closed  bool
	calls   sync.WaitGroup
}

var _ storage.Store = (*Store)(nil)

// current is the collection of a type's current versions.
func (s *Store) current(typ string) *mongo.Collection { return s.db.Collection(typ) }

// past is the collection of a type's superseded versions.
func (s *Store) past(typ string) *mongo.Collection { return s.db.Collection(typ + pastSuffix) }

// Transactions says whether the deployment has transactions of several documents: replica sets and sharded clusters of MongoDB do.
func (s *Store) Transactions() bool { return s.deployment.transactions }

// Records is the store's other half, in the same database.
func (s *Store) Records() storage.Records { return records{s} }

// enter begins a call, unless the store is closed. The caller calls leave when it succeeded.
func (s *Store) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return classify(ctx, ctx.Err())
	}
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return unavailable().Because(errClosed)
	}
	s.calls.Add(1)
	return nil
}

var errClosed = errors.New("mongo: the store is closed")

func (s *Store) leave() { s.calls.Done() }

// call runs fn as one call of the store. No call of the database in it takes longer than Config.Patience. What fn returns is classified.
func (s *Store) call(ctx context.Context, fn func(ctx context.Context) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return classify(ctx, fn(s.patient(ctx)))
}

// note tells what was found.
func (s *Store) note(format string, args ...any) {
	if s.config.Note != nil {
		s.config.Note(fmt.Sprintf(format, args...))
	}
}

// passed says that a step of a write was done.
func (s *Store) passed(st step) {
	if s.config.step != nil {
		s.config.step(st)
	}
}

// Close waits for the calls that are under way and closes every connection.
func (s *Store) Close() error {
	s.closing.Lock()
	if s.closed {
		s.closing.Unlock()
		return nil
	}
	s.closed = true
	s.closing.Unlock()
	s.calls.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Patience)
	defer cancel()
	return classify(ctx, errors.Join(s.clock.close(ctx), s.client.Disconnect(ctx)))
}

// notFound is the error for a key without any version, or without that one.
func notFound(key fhir.Key) *fhir.Error {
	return fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no %s.", key)
}
