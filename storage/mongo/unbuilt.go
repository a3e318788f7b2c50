package mongo

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

var errUnbuilt = errors.New("mongo: not built yet")

// ---- restore.go

// Restore is storage.Store's.
func (s *Store) Restore(ctx context.Context, versions []storage.Restored) error { return errUnbuilt }

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

// ---- transaction.go

// transact carries out several operations in one transaction.
func (s *Store) transact(ctx context.Context, p fhir.Partition, changes []change) ([]storage.Result, error) {
	return nil, errUnbuilt
}
