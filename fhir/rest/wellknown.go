package rest

import (
	"net/http"
	"strconv"

	"github.com/portico-health/portico/conformance"
)

// Documents serves the documents at well-known paths: by path below the URL of the server. They are public, also for pages of another origin, and no answers of
// FHIR. Those that are for clients of FHIR stand below the base as well, where Routes mounts them.
func (f *Face) Documents() map[string]http.Handler {
	handlers := map[string]http.Handler{}
	for _, d := range conformance.Documents(f.Promises) {
		handlers[d.Path] = newDocument(d.Text)
	}
	return handlers
}

// wellKnown are the documents below the base, by the template of their path.
func (f *Face) wellKnown() map[string]document {
	documents := map[string]document{}
	for _, d := range conformance.Documents(f.Promises) {
		if d.InFHIR {
			documents[conformance.FHIRPath+d.Path] = newDocument(d.Text)
		}
	}
	return documents
}

// ServeHTTP answers with the document, as JSON whatever Accept says: https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#response.
func (d document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Expose-Headers", "ETag, X-Request-Id")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		preflight(header, "Accept, If-None-Match, X-Request-Id")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		header.Set("Allow", "GET, HEAD, OPTIONS")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	header.Set("Cache-Control", publicCache)
	header.Set("ETag", d.etag())
	if d.isKnownBy(r) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(d.text)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(d.text) // a client that went away is told nothing
	}
}

// preflight tells a page of another origin that it may read what is public, and which headers it may send for that
// (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
func preflight(header http.Header, headers string) {
	header.Set("Access-Control-Allow-Methods", "GET, HEAD")
	header.Set("Access-Control-Allow-Headers", headers)
	header.Set("Access-Control-Max-Age", "86400")
}
