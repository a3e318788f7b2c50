package rest

import (
	"errors"
	"net/http"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// read: https://hl7.org/fhir/R4/http.html#read and, when the client has the version already, #cread.
func (s *server) read(x *exchange) error {
	part, err := s.subset(x)
	if err != nil {
		return err
	}
	v, err := s.engineOf(x.key.Type).Read(x.enter(), x.who, x.key)
	return s.show(x, v, part, err)
}

// subset reads _summary and _elements, which "can be used when reading a resource" too (https://hl7.org/fhir/R4/http.html#read).
func (s *server) subset(x *exchange) (engine.Subset, error) {
	query := x.request.URL.RawQuery
	if query == "" { // nearly always
		return engine.Subset{}, nil
	}
	part, err := s.engineOf(x.key.Type).SubsetOf(x.key.Type, query)
	return part, ofRequest(err)
}

// show answers with a part of a version, under the tag of the version: its body, or 304. The mark of a deletion comes with an error, and shows
// its own tag.
func (s *server) show(x *exchange, v fhir.Version, part engine.Subset, err error) error {
	if err != nil {
		if errors.Is(err, fhir.Gone) && v.Number > 0 {
			x.stamp(v)
		}
		return err
	}
	if v.Number > 0 { // what is only proposed has no version
		x.stamp(v)
		if s.notModified(x, v) {
			x.writeEmpty(http.StatusNotModified)
			return nil
		}
	}
	if v, err = part.Version(v); err != nil {
		return err
	}
	x.write(http.StatusOK, v.Body)
	return nil
}
