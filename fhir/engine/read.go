package engine

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
)

// readCurrent returns the current version of a resource.
func (e *Engine) readCurrent(ctx context.Context, p fhir.Principal, key fhir.Key) (fhir.Version, error) {
	v, err := e.Store.Read(ctx, p.Partition, key)
	return present(v, err, key)
}

// readOrProposed returns the current version of a resource. Of an Appointment that is not stored it is the one that $find proposed, if it did.
func (e *Engine) readOrProposed(ctx context.Context, p fhir.Principal, key fhir.Key) (fhir.Version, error) {
	v, err := e.readCurrent(ctx, p, key)
	if key.Type != appointmentType || !errors.Is(err, fhir.NotFound) {
		return v, err
	}
	r, err := e.proposal(ctx, p.Partition, key)
	if err != nil {
		return fhir.Version{}, err
	}
	return fhir.Version{Key: key, Body: fhir.AppendJSON(nil, r.Root())}, nil
}

// readVersion returns one version of a resource, current or superseded.
func (e *Engine) readVersion(ctx context.Context, p fhir.Principal, key fhir.Key, number int64) (fhir.Version, error) {
	v, err := e.Store.ReadVersion(ctx, p.Partition, key, number)
	if errors.Is(err, fhir.NotFound) {
		err = e.noVersion(ctx, p, key, number)
	}
	return present(v, err, key)
}

// noVersion is the error for a version that is not there. It says which is the newest, unless the resource is not there either.
func (e *Engine) noVersion(ctx context.Context, p fhir.Principal, key fhir.Key, number int64) error {
	newest, err := e.Store.Read(ctx, p.Partition, key)
	switch {
	case err != nil:
		return err
	case newest.IsDeleted():
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "%s has no version %d; the newest is %d, by which it was deleted.", key, number, newest.Number)
	default:
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "%s has no version %d; the current one is %d.", key, number, newest.Number)
	}
}

// present turns the mark of a deletion into Gone. The version comes with the error, for its ETag.
func present(v fhir.Version, err error, key fhir.Key) (fhir.Version, error) {
	if err != nil {
		return fhir.Version{}, err
	}
	if v.IsDeleted() {
		return v, fhir.Errorf(fhir.Gone, fhir.CodeDeleted, "%s was deleted at %s; its earlier versions are in its history.", key, v.Instant)
	}
	return v, nil
}
