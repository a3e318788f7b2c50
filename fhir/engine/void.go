package engine

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/storage"
)

// A conditional create is refused where a resource matches, and might not be a moment later: a refusal that is not for ever, so that a helper who was stopped could
// still create the appointment when its slots have long been somebody else's. The number of the version that it was to make is therefore used up, by a mark of a
// deletion, before they are released. For that something must be created that can be deleted: it is found by no search, and tells nothing.

// voidOf is what stands in the place of an appointment that is never written.
func voidOf(key fhir.Key) fhir.Resource {
	return fhir.NewResource(fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: key.Type}, fhir.Member{Name: "id", Value: key.ID}, fhir.Member{Name: "status", Value: "entered-in-error"},
		fhir.Member{Name: "participant", Value: fhir.Array{fhir.NewObject(fhir.Member{Name: "status", Value: "declined"})}},
	))
}

// makeVoid uses up the number of the appointment's version, unless somebody did, and returns the version that has it.
func (s *steps) makeVoid(ctx context.Context) (fhir.Version, error) {
	key, next := s.main.Key, s.main.Condition.Next
	result, err := s.commitOne(ctx, storage.Op{
		Key: key, Resource: voidOf(key), Condition: storage.Condition{Absent: true, Next: next}, Method: fhir.Created, Origin: audit.OriginOf(s.client, audit.Create),
	})
	if errors.Is(err, fhir.PreconditionFailed) || errors.Is(err, fhir.Conflict) {
		return s.Store.ReadVersion(ctx, s.client.Partition, key, next)
	}
	return result.Version, err
}

// buryVoid deletes the version that made an appointment void, if this is one, unless somebody did.
func (s *steps) buryVoid(ctx context.Context, v fhir.Version) error {
	if !s.conditional || !writes(storage.Op{Resource: voidOf(v.Key)}, v) {
		return nil
	}
	_, err := s.commitOne(ctx, storage.Op{Key: v.Key, Condition: storage.Condition{Version: v.Number}, Origin: audit.OriginOf(s.client, audit.Delete)})
	if isRefusal(err) {
		return nil
	}
	return err
}
