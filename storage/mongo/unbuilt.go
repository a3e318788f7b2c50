package mongo

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

var errUnbuilt = errors.New("mongo: not built yet")


// ---- transaction.go

// transact carries out several operations in one transaction.
func (s *Store) transact(ctx context.Context, p fhir.Partition, changes []change) ([]storage.Result, error) {
	return nil, errUnbuilt
}

func (s *Store) inTransaction(ctx context.Context, fn func(ctx context.Context) error) error {
	return errUnbuilt
}
