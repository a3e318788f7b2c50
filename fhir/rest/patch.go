package rest

import (
	"errors"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/patch"
)

// patch: https://hl7.org/fhir/R4/http.html#patch.
func (s *server) patch(x *exchange) error {
	pre, err := s.precondition(x)
	if err != nil {
		return err
	}
	text, err := x.body(isJSONPatch, "a JSON Patch (RFC 6902) as "+conformance.JSONPatch+", in UTF-8; XML Patch and FHIRPath Patch are not")
	if errors.Is(err, fhir.UnsupportedMedia) {
		x.header().Set("Accept-Patch", conformance.JSONPatch) // RFC 5789 2.2
	}
	if err != nil {
		return err
	}
	changes, err := patch.Parse(text)
	if err != nil {
		return err
	}
	o, err := s.Engine.Patch(x.request.Context(), x.who, x.key, changes, pre)
	if err != nil {
		return err
	}
	s.written(x, o.Version, false)
	return nil
}

// isJSONPatch says whether a media type is that of a JSON Patch.
func isJSONPatch(mediaType string) bool {
	name, readable := parseMediaType(mediaType)
	return readable && name == conformance.JSONPatch
}
