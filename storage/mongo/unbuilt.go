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

// world is what chains lead to.
type world struct {
	ctx       context.Context
	store     *Store
	partition fhir.Partition
	meter     *meter
}

// ground makes terms and ids of the chains that lead to few.
func (w world) ground(all []search.Any, typ string) (grounded []search.Any, left bool, err error) {
	return all, false, nil
}

// groundFor makes terms and ids of all chains, as far as they concern a batch.
func (w world) groundFor(all []search.Any, typ string, batch []search.Indexed) ([]search.Any, error) {
	return all, nil
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
