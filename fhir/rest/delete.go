package rest

import (
	"net/http"

	"github.com/portico-health/portico/fhir/engine"
)

// delete: https://hl7.org/fhir/R4/http.html#delete.
func (s *server) delete(x *exchange) error {
	pre, err := s.precondition(x)
	if err != nil {
		return err
	}
	o, err := s.Engine.Delete(x.request.Context(), x.who, x.key, pre)
	if err != nil {
		return err
	}
	said := x.key.String() + " was deleted."
	if !o.Changed {
		said = "There is no " + x.key.String() + ", or it was deleted before; nothing was to be done."
	}
	x.deleted(o, said)
	return nil
}

// deleted answers a delete, in the form that the client prefers.
func (x *exchange) deleted(o engine.Outcome, said string) {
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
	x.write(http.StatusOK, informed(said))
}
