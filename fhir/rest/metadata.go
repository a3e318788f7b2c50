package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

// publicCache lets everybody keep what is public for five minutes.
const publicCache = "public, max-age=300"

// document is a text that is made once, when the routes are.
type document struct {
	text []byte
	tag  string // within the quotation marks of its entity tag
}

func newDocument(text []byte) document {
	sum := sha256.Sum256(text)
	return document{text: text, tag: base64.RawURLEncoding.EncodeToString(sum[:12])}
}

func (d document) etag() string { return `W/"` + d.tag + `"` }

// describe makes the CapabilityStatement of every version of the API.
func (s *server) describe() error {
	s.metadata = map[string]document{}
	for _, v := range s.Promises.Versions {
		text, err := conformance.Capability(s.Promises, v)
		if err != nil {
			return fmt.Errorf("fhir/rest: %w", err)
		}
		s.metadata[v.Number] = newDocument(text)
	}
	return nil
}

// capabilities: https://hl7.org/fhir/R4/http.html#capabilities. Of the modes of R4 there is full alone: normative would be the
// normative parts of the statement, terminology another resource.
func (s *server) capabilities(x *exchange) error {
	for _, mode := range x.parameters()["mode"] {
		if mode != "" && mode != "full" {
			return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "There is no CapabilityStatement of the mode %s here; leave mode out, or say full.", fhir.Quote(mode)).At(ofHTTP("mode"))
		}
	}
	doc := s.metadata[x.version.Number]
	x.header().Set("Cache-Control", publicCache)
	x.header().Set("ETag", doc.etag())
	if doc.isKnownBy(x.request) {
		x.writeEmpty(http.StatusNotModified)
		return nil
	}
	x.write(http.StatusOK, doc.text)
	return nil
}

// isKnownBy says whether the client has the document already.
func (d document) isKnownBy(r *http.Request) bool {
	t, err := parseTags("If-None-Match", r.Header.Values("If-None-Match"))
	return err == nil && (t.any || slices.Contains(t.opaque, d.tag))
}
