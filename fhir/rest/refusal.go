package rest

import (
	"context"
	"net/http"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

// enter is the context for a call of the engine, which sees to the record from here on.
func (x *exchange) enter() context.Context {
	x.recorded = true
	return x.request.Context()
}

// recordRefusal has the record tell of what was refused before the engine was asked for it, once. What is refused before it is known who asks, or for that
// reason, is for Authenticate to record.
func (s *server) recordRefusal(x *exchange, err error) {
	if x.recorded || x.who.Partition == "" {
		return
	}
	x.recorded = true
	s.Engine.Refused(x.request.Context(), x.who, string(x.interaction()), x.about(), err)
}

// operation stands for whatever is no other interaction (https://hl7.org/fhir/R4/valueset-type-restful-interaction.html).
const operation conformance.Interaction = "operation"

// shown are the interactions that show what is at a place.
var shown = map[place]conformance.Interaction{
	onInstance: conformance.Read, onVersion: conformance.Vread,
	onHistory: conformance.HistoryInstance, onTypeHistory: conformance.HistoryType, onSystemHistory: conformance.HistorySystem,
	onType: conformance.SearchType, onSearch: conformance.SearchType, onBase: conformance.SearchSystem, onSystemSearch: conformance.SearchSystem,
}

// interaction is what is asked for, whether it is offered or not.
func (x *exchange) interaction() conformance.Interaction {
	switch method := x.request.Method; {
	case method == http.MethodPut:
		return conformance.Update
	case method == http.MethodPatch:
		return conformance.Patch
	case method == http.MethodDelete:
		return conformance.Delete
	case method == http.MethodPost && x.place == onType:
		return conformance.Create
	case method != http.MethodGet && method != http.MethodHead && (method != http.MethodPost || !x.place.takesForm()):
		return operation
	}
	if i, ok := shown[x.place]; ok {
		return i
	}
	switch {
	case x.place != onCompartment && x.place != onCompartmentSearch:
		return operation
	case x.about().Type == "":
		return conformance.SearchSystem
	default:
		return conformance.SearchType
	}
}

// about is the resource or type that is asked about. Of a compartment it is the type that is searched, as the engine has it.
func (x *exchange) about() fhir.Key {
	if x.place == onCompartment || x.place == onCompartmentSearch {
		return fhir.Key{Type: x.asked("").Type}
	}
	return x.key
}
