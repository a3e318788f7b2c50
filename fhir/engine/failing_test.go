package engine_test

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// failing is a store that is out of reach.
type failing struct{ storage.Store }

func (failing) Read(context.Context, fhir.Partition, fhir.Key) (fhir.Version, error) {
	return fhir.Version{}, fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store is out of reach.")
}

func (failing) Commit(context.Context, fhir.Partition, []storage.Op) ([]storage.Result, error) {
	return nil, fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store is out of reach.")
}
