package engine

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/patch"
	"github.com/portico-health/portico/storage"
)

// Patch changes the current version of a resource (https://hl7.org/fhir/R4/http.html#patch); what becomes of it is stored
// as an update would be, and only as the next version of the one that was read. Where the client names no version, another write
// that comes between is no error: the patch is applied to what that left. Its errors are those of patch.Patch.Apply and of Update;
// NotFound and Gone, which go before any precondition; Invalid for a patch that changes type or id; Unprocessable where it would leave an untrue
// narrative; Conflict when other writes came between again and again.
func (e *Engine) Patch(ctx context.Context, p fhir.Principal, key fhir.Key, changes patch.Patch, pre Precondition) (Outcome, error) {
	if err := e.writes(key.Type); err != nil {
		return Outcome{}, err
	}
	return e.aimed(ctx, p, func() (*storage.Op, error) {
		current, err := e.Read(ctx, p, key)
		if err != nil {
			return nil, err
		}
		return e.patched(current, changes, pre)
	})
}

// PatchWhere patches the one resource of a type that matches the criteria, a query as it stands in a URL, in the version that
// matched (https://hl7.org/fhir/R4/http.html#patch). Its errors are those of Patch; NotFound where none matches; a CriteriaError;
// PreconditionFailed where several match.
func (e *Engine) PatchWhere(ctx context.Context, p fhir.Principal, resourceType, query string, changes patch.Patch, pre Precondition) (Outcome, error) {
	if err := e.writes(resourceType); err != nil {
		return Outcome{}, err
	}
	criteria, err := e.criteria(resourceType, query)
	if err != nil {
		return Outcome{}, err
	}
	return e.aimed(ctx, p, func() (*storage.Op, error) {
		match, err := e.only(ctx, p, criteria)
		switch {
		case err != nil:
			return nil, err
		case match.Number == 0:
			return nil, fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "No %s matches the condition; there is nothing to patch.", resourceType)
		}
		return e.patched(match, changes, pre)
	})
}

// patched applies a patch to the current version and prepares the write of the next one.
func (e *Engine) patched(current fhir.Version, changes patch.Patch, pre Precondition) (*storage.Op, error) {
	if err := pre.holds(current); err != nil {
		return nil, err
	}
	before, err := fhir.ParseResource(current.Body)
	if err != nil {
		return nil, fhir.AsError(errors.New("the stored " + current.Key.String() + " is no JSON")) // what is wrong in it may be personal
	}
	after, err := changes.Apply(before)
	if err != nil {
		return nil, err
	}
	if err := sameIdentity(current.Key, after); err != nil {
		return nil, err
	}
	if err := settleNarrative(before, after, changes); err != nil {
		return nil, err
	}
	op, err := e.prepare(after)
	op.Condition.Version, op.Method = current.Number, fhir.Updated
	return &op, err
}

// sameIdentity refuses a patch that makes another resource of one.
func sameIdentity(key fhir.Key, after fhir.Resource) error {
	switch {
	case after.Type() != key.Type:
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "A patch cannot change the type of a resource, from %s to %s.", key.Type, fhir.Quote(after.Type())).At("resourceType")
	case after.ID() != key.ID:
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "A patch cannot change or remove the id of a resource, which is %s.", fhir.Quote(key.ID)).At(key.Type + ".id")
	default:
		return nil
	}
}

// settleNarrative keeps a patch from leaving a narrative that is no longer true: "the server SHALL ensure that the
// narrative in a resource is not clinically unsafe after the PATCH operation is performed"
// (https://hl7.org/fhir/R4/http.html#patch). One that was generated from the data is taken out; one that says more than
// the data is the client's to settle, in the same patch.
func settleNarrative(before, after fhir.Resource, changes patch.Patch) error {
	if changes.Touches("text") || fhir.Equal(told(before), told(after)) {
		return nil
	}
	switch after.Root().Object("text").Text("status") {
	case "generated", "extensions":
		after.Root().Delete("text")
	case "additional":
		return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "The narrative says more than the data (its status is additional), and may no longer be true when these change. Replace or remove /text in the same patch.").At(after.Type() + ".text")
	}
	return nil
}

// told is what a narrative tells of: the resource without what is about the record.
func told(r fhir.Resource) *fhir.Object {
	data := fhir.NewObject()
	for name, value := range r.Root().All() {
		switch name {
		case "id", "meta", "implicitRules", "language", "text":
		default:
			data.Set(name, value)
		}
	}
	return data
}
