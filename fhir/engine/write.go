package engine

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// Precondition is what a client demands of the state that its update or delete finds. The zero
// Precondition demands nothing.
type Precondition struct {
	Version  int64 // If-Match: the number of the current version; 0 asks for none
	Exists   bool  // If-Match: *
	Absent   bool  // If-None-Match: *
	Required bool  // an existing resource is changed only with Version or Exists: HC-API-Version 2
}

// Outcome is what a write came to.
type Outcome struct {
	Version fhir.Version // the version that is current now; without a number when there is none
	Created bool         // there was no such resource before, or a deleted one
	Changed bool         // false: there was nothing to delete
}

// maxEntries bounds the index entries of a resource: all writes wait while they are stored.
const maxEntries = 10_000

// attempts bounds how often a write is decided anew because another one came between.
const attempts = 5

// Create stores a new resource under an id that the server gives; an id that the resource brings is
// ignored (https://hl7.org/fhir/R4/http.html#create). The resource is taken over. Its errors are Invalid,
// Unprocessable, NotFound and MethodNotAllowed for types that are not served or not written.
func (e *Engine) Create(ctx context.Context, p fhir.Principal, r fhir.Resource) (fhir.Version, error) {
	if err := e.writes(r.Type()); err != nil {
		return fhir.Version{}, err
	}
	r.SetID(e.NewID(e.Now()))
	op, err := e.prepare(r)
	if err != nil {
		return fhir.Version{}, err
	}
	op.Condition.Absent, op.Method = true, fhir.Created
	result, err := e.commit(ctx, p, op)
	return result.Version, err
}

// Update stores a resource under the key, as a new version or, where there is none, as a new
// resource (https://hl7.org/fhir/R4/http.html#update). The resource is taken over. Its errors are those of Create;
// Invalid when the resource's own id or type is not the key's; PreconditionFailed, PreconditionRequired.
func (e *Engine) Update(ctx context.Context, p fhir.Principal, key fhir.Key, r fhir.Resource, pre Precondition) (Outcome, error) {
	if err := e.writes(key.Type); err != nil {
		return Outcome{}, err
	}
	if err := sameKey(key, r); err != nil {
		return Outcome{}, err
	}
	op, err := e.prepare(r)
	if err != nil {
		return Outcome{}, err
	}
	op.Method = fhir.Updated
	return e.change(ctx, p, op, pre)
}

// Delete marks a resource as deleted (https://hl7.org/fhir/R4/http.html#delete). What is not there, or is deleted
// already, is no error and no change. Its errors are NotFound and MethodNotAllowed for types,
// PreconditionFailed and PreconditionRequired.
func (e *Engine) Delete(ctx context.Context, p fhir.Principal, key fhir.Key, pre Precondition) (Outcome, error) {
	if err := e.writes(key.Type); err != nil {
		return Outcome{}, err
	}
	return e.change(ctx, p, storage.Op{Key: key}, pre)
}

// prepare does everything for a write that needs no store: checks, UTC, business rules, index entries.
func (e *Engine) prepare(r fhir.Resource) (storage.Op, error) {
	if err := e.Validator.Check(r); err != nil {
		return storage.Op{}, err
	}
	if err := e.checkRules(r); err != nil {
		return storage.Op{}, err
	}
	entries := e.Rules.Extract(r)
	if n := len(entries.Terms) + len(entries.Texts) + len(entries.Ranges); n > maxEntries {
		return storage.Op{}, fhir.Errorf(fhir.Unprocessable, fhir.CodeTooCostly, "The resource has %d values that searches look at; at most %d are indexed.", n, maxEntries).At(r.Type())
	}
	return storage.Op{Key: r.Key(), Resource: r, Entries: entries}, nil
}

// change commits an update or delete under the client's precondition. A precondition that asks for
// more than storage's conditions know is decided on the version that is current, and the write is
// then bound to just that version, so that nobody can come between.
func (e *Engine) change(ctx context.Context, p fhir.Principal, op storage.Op, pre Precondition) (Outcome, error) {
	for attempt := 1; ; attempt++ {
		condition, bound, err := e.decide(ctx, p, op.Key, pre)
		if err != nil {
			return Outcome{}, err
		}
		op.Condition = condition
		result, err := e.commit(ctx, p, op)
		lost := bound && (errors.Is(err, fhir.PreconditionFailed) || errors.Is(err, fhir.Conflict))
		if lost && attempt < attempts {
			continue
		}
		if err != nil {
			return Outcome{}, err
		}
		return Outcome{Version: result.Version, Created: !result.Existed, Changed: result.Changed}, nil
	}
}

// decide turns a precondition into a condition. It is bound when it rests on what was read just now rather
// than on the client's own words.
func (e *Engine) decide(ctx context.Context, p fhir.Principal, key fhir.Key, pre Precondition) (c storage.Condition, bound bool, err error) {
	if pre.Version > 0 {
		return storage.Condition{Version: pre.Version}, false, nil
	}
	if !pre.Exists && !pre.Absent && !pre.Required {
		return storage.Condition{}, false, nil
	}
	current, err := e.Store.Read(ctx, p.Partition, key)
	switch {
	case err != nil && !errors.Is(err, fhir.NotFound):
		return c, false, err
	case err == nil && !current.IsDeleted():
		return storage.Condition{Version: current.Number}, true, pre.holds(current)
	case pre.Exists:
		return c, false, fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s does not exist, but the request demands that it does (If-Match: *).", key)
	default:
		return storage.Condition{Absent: true}, true, nil
	}
}

// holds says what a precondition misses in a resource that exists. Its errors are PreconditionFailed and PreconditionRequired.
func (pre Precondition) holds(current fhir.Version) error {
	switch {
	case pre.Absent:
		return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s exists, in version %d, but the request demands that it does not (If-None-Match: *).", current.Key, current.Number)
	case pre.Version > 0 && pre.Version != current.Number:
		return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s should be in version %d, but it is in version %d.", current.Key, pre.Version, current.Number)
	case pre.Required && pre.Version == 0 && !pre.Exists:
		return fhir.Errorf(fhir.PreconditionRequired, fhir.CodeRequired, "%s exists. Say which version you change, with the header If-Match: %s for the current one.", current.Key, current.ETag())
	default:
		return nil
	}
}

func (e *Engine) commit(ctx context.Context, p fhir.Principal, op storage.Op) (storage.Result, error) {
	results, err := e.Store.Commit(ctx, p.Partition, []storage.Op{op})
	if err != nil {
		return storage.Result{}, err
	}
	return results[0], nil
}

// sameKey refuses a body that contradicts the URL: R4 demands that an update's resource has the
// id of the URL.
func sameKey(key fhir.Key, r fhir.Resource) error {
	switch {
	case !fhir.ValidID(key.ID):
		return fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no id: an id is 1 to 64 of the characters A-Z a-z 0-9 - and .", fhir.Quote(key.ID))
	case r.Type() != key.Type:
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The URL is for %s, but the resource is of type %s.", key.Type, fhir.Quote(r.Type())).At("resourceType")
	case r.ID() == "":
		return fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "An update's resource must have the id of the URL, %s.", fhir.Quote(key.ID)).At(key.Type + ".id")
	case r.ID() != key.ID:
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The URL names the id %s, but the resource has the id %s.", fhir.Quote(key.ID), fhir.Quote(r.ID())).At(key.Type + ".id")
	default:
		return nil
	}
}
