package rest

import "net/http"

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
	if o.Version.Number > 0 {
		x.stamp(o.Version)
	}
	switch x.prefer.returns {
	case "minimal":
		x.applied("return", x.prefer.returns)
		x.writeEmpty(http.StatusNoContent)
		return nil
	case "OperationOutcome": // what is answered anyway; a representation there is none
		x.applied("return", x.prefer.returns)
	}
	said := x.key.String() + " was deleted."
	if !o.Changed {
		said = "There is no " + x.key.String() + ", or it was deleted before; nothing was to be done."
	}
	x.write(http.StatusOK, informed(said))
	return nil
}
