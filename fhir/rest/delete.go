package rest

import (
	"net/http"

	"github.com/portico-health/portico/fhir/engine"
)

// planDelete: https://hl7.org/fhir/R4/http.html#delete; without an id #cdelete, of one resource at most.
func (s *server) planDelete(x *exchange) (engine.Change, error) { return x.aim(engine.ActDelete) }

// deleted answers a delete, in the form that the client prefers.
func (x *exchange) deleted(c engine.Change, o engine.Outcome) {
	if o.Version.Number > 0 {
		x.stamp(o.Version)
	}
	switch x.prefer.returns {
	case "minimal":
		x.applied("return", x.prefer.returns)
		x.writeEmpty(http.StatusNoContent)
		return
	case "OperationOutcome": // what is answered anyway; a representation there is none
		x.applied("return", x.prefer.returns)
	}
	said := o.Version.Key.String() + " was deleted."
	switch {
	case o.Changed:
	case c.Conditional:
		said = "No " + c.Key.Type + " matches; nothing was to be done."
	default:
		said = "There is no " + c.Key.String() + ", or it was deleted before; nothing was to be done."
	}
	x.tell(http.StatusOK, informed(said))
}
