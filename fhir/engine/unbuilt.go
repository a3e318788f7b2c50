package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
)

// What is here is not built yet. Who builds it takes it out; the file is gone at the end.

// propose carries out $find. Nothing is stored but what is needed to resolve the ids.
func (e *Engine) propose(ctx context.Context, p fhir.Principal, req FindRequest) (Proposals, error) {
	return Proposals{}, e.mayPropose(p, req)
}

// proposal is a proposed Appointment that propose handed out under an id, as it is now: proposed. NotFound where there is none, or it expired.
func (e *Engine) proposal(ctx context.Context, p fhir.Partition, key fhir.Key) (fhir.Resource, error) {
	return fhir.Resource{}, fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no %s.", key)
}
