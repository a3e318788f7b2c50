package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/patch"
)

// The single interactions by name, for tests.

// Create is Write of an ActCreate.
func (e *Engine) Create(ctx context.Context, p fhir.Principal, r fhir.Resource) (fhir.Version, error) {
	o, err := e.Write(ctx, p, Change{Action: ActCreate, Resource: r})
	return o.Version, err
}

// CreateIfNone is Write of a conditional ActCreate.
func (e *Engine) CreateIfNone(ctx context.Context, p fhir.Principal, r fhir.Resource, query string) (Outcome, error) {
	return e.Write(ctx, p, Change{Action: ActCreate, Conditional: true, Criteria: query, Resource: r})
}

// Update is Write of an ActUpdate.
func (e *Engine) Update(ctx context.Context, p fhir.Principal, key fhir.Key, r fhir.Resource, pre Precondition) (Outcome, error) {
	return e.Write(ctx, p, Change{Action: ActUpdate, Key: key, Resource: r, Pre: pre})
}

// UpdateWhere is Write of a conditional ActUpdate.
func (e *Engine) UpdateWhere(ctx context.Context, p fhir.Principal, resourceType, query string, r fhir.Resource, pre Precondition) (Outcome, error) {
	return e.Write(ctx, p, Change{Action: ActUpdate, Key: fhir.Key{Type: resourceType}, Conditional: true, Criteria: query, Resource: r, Pre: pre})
}

// Patch is Write of an ActPatch.
func (e *Engine) Patch(ctx context.Context, p fhir.Principal, key fhir.Key, changes patch.Patch, pre Precondition) (Outcome, error) {
	return e.Write(ctx, p, Change{Action: ActPatch, Key: key, Patch: changes, Pre: pre})
}

// PatchWhere is Write of a conditional ActPatch.
func (e *Engine) PatchWhere(ctx context.Context, p fhir.Principal, resourceType, query string, changes patch.Patch, pre Precondition) (Outcome, error) {
	return e.Write(ctx, p, Change{Action: ActPatch, Key: fhir.Key{Type: resourceType}, Conditional: true, Criteria: query, Patch: changes, Pre: pre})
}

// Delete is Write of an ActDelete.
func (e *Engine) Delete(ctx context.Context, p fhir.Principal, key fhir.Key, pre Precondition) (Outcome, error) {
	return e.Write(ctx, p, Change{Action: ActDelete, Key: key, Pre: pre})
}

// DeleteWhere is Write of a conditional ActDelete.
func (e *Engine) DeleteWhere(ctx context.Context, p fhir.Principal, resourceType, query string, pre Precondition) (Outcome, error) {
	return e.Write(ctx, p, Change{Action: ActDelete, Key: fhir.Key{Type: resourceType}, Conditional: true, Criteria: query, Pre: pre})
}
