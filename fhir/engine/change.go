package engine

import (
	"context"
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

// Change is a write as a value: what Create, Update, Patch and Delete take, and their conditional forms.
type Change struct {
	Action Action
	Key    fhir.Key // what is written; without ID for ActCreate and where Criteria select it

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

// Write carries out one change, as the single interactions do: Create, CreateIfNone, Update, UpdateWhere, Patch, PatchWhere,
// Delete or DeleteWhere. Its errors are theirs.
func (e *Engine) Write(ctx context.Context, p fhir.Principal, c Change) (Outcome, error) {
	switch {
	case c.Action == ActCreate && c.Conditional:
		return e.CreateIfNone(ctx, p, c.Resource, c.Criteria)
	case c.Action == ActCreate:
		v, err := e.Create(ctx, p, c.Resource)
		return Outcome{Version: v, Created: err == nil, Changed: err == nil}, err
	case c.Action == ActUpdate && c.Conditional:
		return e.UpdateWhere(ctx, p, c.Key.Type, c.Criteria, c.Resource, c.Pre)
	case c.Action == ActUpdate:
		return e.Update(ctx, p, c.Key, c.Resource, c.Pre)
	case c.Action == ActPatch && c.Conditional:
		return e.PatchWhere(ctx, p, c.Key.Type, c.Criteria, c.Patch, c.Pre)
	case c.Action == ActPatch:
		return e.Patch(ctx, p, c.Key, c.Patch, c.Pre)
	case c.Action == ActDelete && c.Conditional:
		return e.DeleteWhere(ctx, p, c.Key.Type, c.Criteria, c.Pre)
	default:
		return e.Delete(ctx, p, c.Key, c.Pre)
	}
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
