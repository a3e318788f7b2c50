package rest

import "github.com/portico-health/portico/fhir/engine"

// planUpdate: https://hl7.org/fhir/R4/http.html#update, also as create; without an id #cond-update.
func (s *server) planUpdate(x *exchange) (engine.Change, error) {
	c, err := x.aim(engine.ActUpdate)
	if err != nil {
		return c, err
	}
	c.Resource, err = x.resource()
	return c, err
}
