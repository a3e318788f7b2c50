package rest

import (
	"net/http"
	"strconv"

	"github.com/portico-health/portico/conformance"
)

// Discovery serves the discovery document, at conformance.DiscoveryPath of the server. It is public, also for pages
// of another origin, and no answer of FHIR.
func (f *Face) Discovery() http.Handler {
	doc := newDocument(conformance.Discovery(f.Promises))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Access-Control-Allow-Origin", "*")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		header.Set("Cache-Control", publicCache)
		header.Set("ETag", doc.etag())
		if doc.isKnownBy(r) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		header.Set("Content-Type", "application/json")
		header.Set("Content-Length", strconv.Itoa(len(doc.text)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(doc.text) // a client that went away is told nothing
		}
	})
}
