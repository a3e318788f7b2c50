package engine

import (
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/patch"
)

// applyTo makes of the current version what a patch leaves of it. Its errors are those of patch.Patch.Apply; Invalid for a patch that
// changes type or id; Unprocessable where it would leave an untrue narrative.
func (d *draft) applyTo(current fhir.Version) error {
	before, err := stored(current)
	if err != nil {
		return err
	}
	after, err := d.Patch.Apply(before)
	if err != nil {
		return err
	}
	if err := sameIdentity(current.Key, after); err != nil {
		return err
	}
	if err := settleNarrative(before, after, d.Patch); err != nil {
		return err
	}
	d.before, d.resource = before, after
	return nil
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
	return r.Root().Without("id", "meta", "implicitRules", "language", "text")
}

// untold is what is said of a patch that cannot be carried out to whoever may not read the resource: the faults of what it would leave quote what is there.
func (d *draft) untold(err error) error {
	if err == nil || !d.blind || isFailure(err) || errors.Is(err, fhir.Forbidden) || errors.Is(err, fhir.Unavailable) {
		return err
	}
	e := fhir.AsError(err)
	return fhir.Errorf(e.Kind, e.Issues[0].Code, "The patch cannot be applied to the resource as it is, or what it leaves cannot be stored. The scope %s would let you know why.", fhir.ScopeOf(d.Key.Type, fhir.MayRead)).At(d.Key.Type)
}
