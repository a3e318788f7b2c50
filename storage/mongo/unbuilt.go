package mongo

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

var errUnbuilt = errors.New("mongo: not built yet")


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
// ---- transaction.go

// transact carries out several operations in one transaction.
func (s *Store) transact(ctx context.Context, p fhir.Partition, changes []change) ([]storage.Result, error) {
	return nil, errUnbuilt
}

func (s *Store) inTransaction(ctx context.Context, fn func(ctx context.Context) error) error {
	return errUnbuilt
}
