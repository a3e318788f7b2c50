package rest

import "github.com/portico-health/portico/fhir"

// vread: https://hl7.org/fhir/R4/http.html#vread.
func (s *server) vread(x *exchange) error {
	number, ok := versionNumber(x.vid)
	if !ok {
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "%s has no version %s: versions are counted 1, 2, 3.", x.key, fhir.Quote(x.vid))
	}
	part, err := s.subset(x)
	if err != nil {
		return err
	}
	v, err := s.Engine.ReadVersion(x.enter(), x.who, x.key, number)
	return s.show(x, v, part, err)
}
