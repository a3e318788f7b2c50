package rest

import (
	"errors"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/patch"
)

// planPatch: https://hl7.org/fhir/R4/http.html#patch, also without an id.
func (s *server) planPatch(x *exchange) (engine.Change, error) {
	c, err := x.aim(engine.ActPatch)
	if err != nil {
		return c, err
	}
	text, err := x.body(maxBody, isJSONPatch, "a JSON Patch (RFC 6902) as "+conformance.JSONPatch+", in UTF-8; XML Patch and FHIRPath Patch are not")
	if errors.Is(err, fhir.UnsupportedMedia) {
		x.header().Set("Accept-Patch", conformance.JSONPatch) // RFC 5789 2.2
	}
	if err != nil {
		return c, err
	}
	c.Patch, err = patch.Parse(text)
	return c, err
}

// isJSONPatch says whether a media type is that of a JSON Patch.
func isJSONPatch(mediaType string) bool {
	name, readable := parseMediaType(mediaType)
	return readable && name == conformance.JSONPatch
}
