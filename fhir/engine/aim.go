package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/storage"
)

// decide aims a change at what is in the store now. Criteria pass over what the same transaction deletes, but for those of deletes: these come
// first (https://hl7.org/fhir/R4/http.html#trules), and are decided on what the transaction finds. Its errors are the faults of the change.
func (e *Engine) decide(ctx context.Context, p fhir.Principal, d *draft, deleted keys) error {
	switch {
	case d.Action == ActCreate && d.Conditional:
		return e.aimCreate(ctx, p, d, deleted)
	case d.Action == ActCreate && d.named:
		return e.aimNamed(ctx, p, d)
	case d.Action == ActCreate:
		d.aim = aim{target: d.own, condition: storage.Condition{Absent: true}, next: 1, method: fhir.Created}
		return nil
	case d.Action == ActUpdate && d.Conditional:
		return e.aimUpdate(ctx, p, d, deleted)
	case d.Action == ActPatch:
		return e.aimPatch(ctx, p, d, deleted)
	case d.Action == ActDelete && d.Conditional:
		return e.aimDelete(ctx, p, d)
	default:
		return e.aimKey(ctx, p, d)
	}
}

// aimAt aims a change at a version that was found: it is carried out on just that one, so that nobody can come between.
func aimAt(v fhir.Version) aim {
	return aim{target: v.Key, found: v, condition: storage.Condition{Version: v.Number}, next: v.Number + 1, method: fhir.Updated}
}

// aimCreate finds what keeps a conditional create from creating.
func (e *Engine) aimCreate(ctx context.Context, p fhir.Principal, d *draft, deleted keys) error {
	match, err := e.only(ctx, p, d.criteria, deleted)
	if match.Number > 0 {
		d.aim = aimAt(match)
		d.idle, d.next = true, match.Number
		return err
	}
	d.aim = aim{target: d.own, condition: storage.Condition{Absent: true, NoMatch: &d.criteria}, next: 1, method: fhir.Created}
	return err
}

// aimKey chooses the condition of an update or delete of a resource by its key. What is demanded of the state that it finds is decided
// on the version that is current. An Appointment, a Slot or a Schedule is always changed from a version that was read: what is taken and released,
// and who takes part, is the difference.
// So is the Task of an appointment, so that it is held to the appointment that is there, and that it was the fulfilment of.
func (e *Engine) aimKey(ctx context.Context, p fhir.Principal, d *draft) error {
	d.aim = aim{target: d.Key, method: fhir.Updated}
	if d.Pre.isNone() && !d.pinned && !slices.Contains([]string{"Appointment", "Slot", "Schedule"}, d.Key.Type) && !booking.IsFulfilment(d.Key) {
		return nil
	}
	current, exists, err := e.current(ctx, p, d.Key)
	switch {
	case err != nil:
		return err
	case exists:
		d.aim = aimAt(current)
		return d.Pre.holds(current)
	default:
		d.condition.Absent, d.next = true, current.Number+1
		return d.Pre.holdsForAbsent(d.Key)
	}
}

// aimNamed aims a create under a given id. That it is taken is decided on what is there, for no other write will make it free.
func (e *Engine) aimNamed(ctx context.Context, p fhir.Principal, d *draft) error {
	current, exists, err := e.current(ctx, p, d.own)
	if err == nil && exists {
		err = fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s exists already.", d.own)
	}
	d.aim = aim{target: d.own, condition: storage.Condition{Absent: true}, next: current.Number + 1, method: fhir.Created}
	return err
}

// aimUpdate finds what a conditional update updates. That its own id is taken is looked up before what matches: a resource of this id
// that comes to be in between is found by one of the two, or by the write.
func (e *Engine) aimUpdate(ctx context.Context, p fhir.Principal, d *draft, deleted keys) error {
	var own fhir.Version
	taken := false
	if d.named {
		var err error
		if own, taken, err = e.current(ctx, p, d.own); err != nil {
			return err
		}
	}
	match, err := e.only(ctx, p, d.criteria, deleted)
	switch {
	case err != nil:
		return err
	case match.Number > 0 && d.named && match.Key != d.own:
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The resource that matches has the id %s, but the one in the body has the id %s. Leave the id out, or give that of the match.", fhir.Quote(match.Key.ID), fhir.Quote(d.own.ID)).At(d.own.Type + ".id")
	case match.Number > 0:
		d.aim = aimAt(match)
		d.resource.SetID(match.Key.ID)
		return d.Pre.holds(match)
	case taken:
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Nothing matches, so that the resource would be created, but its id is taken: %s exists and does not match. Leave the id out for a new one.", d.own).At(d.own.Type + ".id")
	}
	d.aim = aim{target: d.own, condition: storage.Condition{Absent: true, NoMatch: &d.criteria}, next: own.Number + 1, method: fhir.Created}
	if d.named { // an update as create
		d.method = fhir.Updated
	}
	d.resource.SetID(d.own.ID)
	return d.Pre.holdsForNone(d.own.Type)
}

// aimPatch finds what a patch is applied to, and applies it. That there is nothing goes before any precondition.
func (e *Engine) aimPatch(ctx context.Context, p fhir.Principal, d *draft, deleted keys) (err error) {
	var current fhir.Version
	if d.Conditional {
		current, err = e.only(ctx, p, d.criteria, deleted)
		if err == nil && current.Number == 0 {
			err = fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "No %s matches the condition; there is nothing to patch.", d.Key.Type)
		}
	} else {
		current, err = e.readCurrent(ctx, p, d.Key)
	}
	if err != nil {
		return err
	}
	d.aim = aimAt(current)
	if err := d.Pre.holds(current); err != nil {
		return err
	}
	return d.untold(d.applyTo(current))
}

// aimDelete finds what a conditional delete deletes. None is no fault.
func (e *Engine) aimDelete(ctx context.Context, p fhir.Principal, d *draft) error {
	match, err := e.only(ctx, p, d.criteria, nil)
	switch {
	case err != nil:
		return err
	case match.Number == 0:
		d.aim = aim{condition: storage.Condition{NoMatch: &d.criteria}, idle: true}
		return d.Pre.holdsForNone(d.Key.Type)
	default:
		d.aim = aimAt(match)
		return d.Pre.holds(match)
	}
}

// current returns the newest version under a key, and whether it is a resource: not the mark of a deletion, nor none at all.
func (e *Engine) current(ctx context.Context, p fhir.Principal, key fhir.Key) (v fhir.Version, exists bool, err error) {
	v, err = e.Store.Read(ctx, p.Partition, key)
	if errors.Is(err, fhir.NotFound) {
		return fhir.Version{}, false, nil
	}
	return v, err == nil && !v.IsDeleted(), err
}

// isNone says whether nothing is demanded.
func (pre Precondition) isNone() bool {
	return pre.Version == 0 && pre.OneOf == nil && !pre.Exists && !pre.Absent && !pre.Required
}

// names lists the versions of OneOf.
func (pre Precondition) names() string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(pre.OneOf), "[]"), " ", ", ")
}

// holds says what a precondition misses in a resource that exists. Its errors are PreconditionFailed and PreconditionRequired.
func (pre Precondition) holds(current fhir.Version) error {
	switch {
	case pre.Absent:
		return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s exists, in version %d, but the request demands that it does not (If-None-Match: *).", current.Key, current.Number)
	case pre.Version > 0 && pre.Version != current.Number:
		return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s should be in version %d, but it is in version %d.", current.Key, pre.Version, current.Number)
	case pre.OneOf != nil && !slices.Contains(pre.OneOf, current.Number):
		return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s should be in one of the versions %s, but it is in version %d.", current.Key, pre.names(), current.Number)
	case pre.Required && pre.Version == 0 && pre.OneOf == nil && !pre.Exists:
		return fhir.Errorf(fhir.PreconditionRequired, fhir.CodeRequired, "%s exists. Say which version you change, with the header If-Match: %s for the current one.", current.Key, current.ETag())
	default:
		return nil
	}
}

// holdsForAbsent says what a precondition misses where there is no resource under the key. Its error is PreconditionFailed.
func (pre Precondition) holdsForAbsent(key fhir.Key) error {
	switch {
	case pre.Version > 0:
		return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s should be in version %d, but there is no such resource.", key, pre.Version)
	case pre.OneOf != nil:
		return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s should be in one of the versions %s, but there is no such resource.", key, pre.names())
	case pre.Exists:
		return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s does not exist, but the request demands that it does (If-Match: *).", key)
	default:
		return nil
	}
}

// holdsForNone says what a precondition misses where nothing matches. Its error is PreconditionFailed.
func (pre Precondition) holdsForNone(resourceType string) error {
	if !pre.Exists && pre.Version == 0 && pre.OneOf == nil {
		return nil
	}
	return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "No %s matches the condition, but the request demands that one does (If-Match).", resourceType)
}
