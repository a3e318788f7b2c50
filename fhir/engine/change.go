package engine

import (
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

// ChangeError is the fault of one change of a transaction.
type ChangeError struct {
	Index int // of the change, from 0
	Err   error
}

// Error is the text of the fault.
func (e *ChangeError) Error() string { return fmt.Sprintf("change %d: %v", e.Index, e.Err) }

// Unwrap gives errors.Is and errors.As the fault itself.
func (e *ChangeError) Unwrap() error { return e.Err }
