package mongo

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

var errUnbuilt = errors.New("mongo: not built yet")

// ---- clock.go

// clock gives instants that strictly increase over all processes of a store, and knows up to where all that were given are decided.
type clock struct{}

// newClock is the clock of a store whose database is set.
func newClock(s *Store) *clock { return &clock{} }

// take gives n instants, first, first+1, ..., for versions of these types. The caller writes them and then calls done, whatever came of it.
func (c *clock) take(ctx context.Context, n int, types ...string) (first fhir.Instant, done func(), err error) {
	return 0, nil, errUnbuilt
}

// horizon is the instant before which every version that will ever come to be can be read; last are the newest instants that were given, by type.
func (c *clock) horizon(ctx context.Context) (before fhir.Instant, last map[string]fhir.Instant, err error) {
	return 0, nil, errUnbuilt
}

func (c *clock) close(ctx context.Context) error { return nil }

// ---- read.go, commit.go, claim.go, transaction.go

// Read is storage.Store's.
func (s *Store) Read(ctx context.Context, p fhir.Partition, key fhir.Key) (fhir.Version, error) {
	return fhir.Version{}, errUnbuilt
}

// ReadVersion is storage.Store's.
func (s *Store) ReadVersion(ctx context.Context, p fhir.Partition, key fhir.Key, number int64) (fhir.Version, error) {
	return fhir.Version{}, errUnbuilt
}

// Commit is storage.Store's.
func (s *Store) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	return nil, errUnbuilt
}

// ---- history.go, events.go

// History is storage.Store's.
func (s *Store) History(ctx context.Context, p fhir.Partition, q storage.HistoryQuery) (storage.HistoryPage, error) {
	return storage.HistoryPage{}, errUnbuilt
}

// Events is storage.Store's.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]storage.Event, error) {
	return nil, errUnbuilt
}

// ---- search.go and beside it

// Search is storage.Store's.
func (s *Store) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	return storage.SearchPage{}, errUnbuilt
}

// Explain is storage.Store's.
func (s *Store) Explain(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.Plan, error) {
	return storage.Plan{}, errUnbuilt
}

// matches says whether any current resource of the partition satisfies the query (a NoMatch), reading from the primary.
func (s *Store) matches(ctx context.Context, p fhir.Partition, q search.Query) (bool, error) {
	return false, errUnbuilt
}

// ---- reindex.go, check.go

// Reindex is storage.Store's.
func (s *Store) Reindex(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error), progress func(done, total int64)) error {
	return errUnbuilt
}

// Check is storage.Store's.
func (s *Store) Check(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error), report func(storage.Fault)) (storage.Checked, error) {
	return storage.Checked{}, errUnbuilt
}
