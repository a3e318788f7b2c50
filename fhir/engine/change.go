package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/patch"
)

// Action is what a Change does.
type Action uint8

// The actions.
const (
	ActCreate Action = iota + 1
	ActUpdate
	ActPatch
	ActDelete
)

// Change is a write as a value, for Write and Transact.
type Change struct {
	Action Action
	Key    fhir.Key // what is written; without ID where Criteria select it, and for ActCreate, but where the id was given out before

	// Conditional says that Criteria count, a query as it stands in a URL: nothing may match it for ActCreate, and for the other actions
	// it selects what is written. Conditional without Criteria is a fault.
	Conditional bool
	Criteria    string

	Resource fhir.Resource // of ActCreate and ActUpdate; it is taken over
	Patch    patch.Patch   // of ActPatch
	Pre      Precondition  // not of ActCreate

	// FullURL is the name by which the resources of a transaction refer to this one, Bundle.entry.fullUrl
	// (https://hl7.org/fhir/R4/bundle.html#references); "" for none. Only Transact looks at it.
	FullURL string
}

// Precondition is what a client demands of the state that its update, patch or delete finds. The zero
// Precondition demands nothing.
type Precondition struct {
	Version  int64   // If-Match: the number of the current version; 0 asks for none
	OneOf    []int64 // If-Match with several tags: numbers, of which one is that of the current version; nil asks for none
	Exists   bool    // If-Match: *
	Absent   bool    // If-None-Match: *
	Required bool    // an existing resource is changed only with Version, OneOf or Exists: HC-API-Version 2
}

// Outcome is what a change came to.
type Outcome struct {
	Version fhir.Version // the version that is current now; without a number when there is none, and without a body where the client may not read it
	Created bool         // there was no such resource before, or a deleted one
	Changed bool         // false: there was nothing to delete, or a resource that satisfies the condition of a create
}

// ChangeError is the fault of one change of a transaction.
type ChangeError struct {
	Index int // of the change, from 0
	Err   error
}

// Error is the text of the fault.
func (e *ChangeError) Error() string { return fmt.Sprintf("change %d: %v", e.Index, e.Err) }

// Unwrap gives errors.Is and errors.As the fault itself.
func (e *ChangeError) Unwrap() error { return e.Err }

// ChangeErrors are the faults of several changes of a transaction, or several of one.
type ChangeErrors []*ChangeError

// Error is the text of all faults.
func (e ChangeErrors) Error() string { return errors.Join(e.Unwrap()...).Error() }

// Unwrap gives errors.Is and errors.As each of the faults, a *ChangeError.
func (e ChangeErrors) Unwrap() []error {
	all := make([]error, len(e))
	for i, fault := range e {
		all[i] = fault
	}
	return all
}

// write carries out one change.
func (e *Engine) write(ctx context.Context, p fhir.Principal, c Change) (Outcome, error) {
	c.FullURL = ""
	t := transaction{Engine: e, who: p, drafts: []*draft{{Change: c}}, single: true}
	outcomes, err := t.run(ctx)
	var fault *ChangeError
	switch {
	case errors.As(err, &fault):
		return Outcome{}, fault.Err
	case err != nil:
		return Outcome{}, err
	default:
		return outcomes[0], nil
	}
}
