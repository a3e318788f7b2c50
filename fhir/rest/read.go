package rest

import (
	"errors"
	"net/http"

	"github.com/portico-health/portico/fhir"
)

// read: https://hl7.org/fhir/R4/http.html#read and, when the client has the version already, #cread.
func (s *server) read(x *exchange) error {
	v, err := s.Engine.Read(x.request.Context(), x.who, x.key)
	return s.show(x, v, err)
}

// show answers with a version: its body, or 304. The mark of a deletion comes with an error, and shows its own tag.
func (s *server) show(x *exchange, v fhir.Version, err error) error {
	if err != nil {
		if errors.Is(err, fhir.Gone) && v.Number > 0 {
			x.stamp(v)
		}
		return err
	}
	x.stamp(v)
	if s.notModified(x, v) {
		x.writeEmpty(http.StatusNotModified)
		return nil
	}
	x.write(http.StatusOK, v.Body)
	return nil
}
