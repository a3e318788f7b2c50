package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/rest"
)

func TestMetadata(t *testing.T) {
	h := open(t)
	public := map[string]string{
		"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300", "Content-Type": "application/fhir+json; charset=utf-8", "HC-API-Version": "1",
		"Vary": "Authorization, SU-SiteId, HC-API-Version, Accept, Accept-Encoding",
	}
	got, text := h.send(t, scenario{path: "/metadata"})
	checkValid(t, text)
	want, err := conformance.Capability(h.face.Promises, h.face.Promises.Versions[0])
	must(t, err)
	tag := got.header.Get("ETag")
	if !strings.HasPrefix(tag, `W/"`) {
		t.Errorf("ETag %s", tag)
	}
	h.play(t, []scenario{
		{name: "version 1", path: "/metadata", status: 200, wantHeader: public, want: string(want)},
		{name: "version 2", path: "/metadata", header: map[string]string{"HC-API-Version": "2"}, status: 200, wantHeader: map[string]string{"HC-API-Version": "2"}, contains: []string{"versioned-update"}},
		{name: "HEAD", method: "HEAD", path: "/metadata", status: 200, wantHeader: public, empty: true},
		{name: "known", path: "/metadata", header: map[string]string{"If-None-Match": tag}, status: 304, wantHeader: map[string]string{"ETag": tag}, empty: true},
		{name: "known in another version", path: "/metadata", header: map[string]string{"If-None-Match": tag, "HC-API-Version": "2"}, status: 200},
		{name: "mode=full", path: "/metadata?mode=full", status: 200},
		{name: "mode without a value", path: "/metadata?mode=", status: 200},
		{name: "mode=normative", path: "/metadata?mode=normative", status: 400, paths: map[string]string{"issue[0].code": "not-supported"}},
		{name: "mode=foo", path: "/metadata?mode=foo", status: 400, paths: map[string]string{
			"issue[0].details.text": `There is no CapabilityStatement of the mode "foo" here; leave mode out, or say full.`, "issue[0].location": `["http.mode"]`,
		}},
		{name: "two modes", path: "/metadata?mode=full&mode=terminology", status: 400},
		{name: "mode=terminology", path: "/metadata?mode=terminology", status: 400, wantHeader: map[string]string{"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}},
		{name: "POST", method: "POST", path: "/metadata", body: "{}", status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD"}},
		{name: "preflight", method: "OPTIONS", path: "/metadata", header: map[string]string{"Origin": "https://example.org", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "hc-api-version"}, status: 204,
			wantHeader: map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, HEAD", "Access-Control-Allow-Headers": "Accept, HC-API-Version, If-None-Match, X-Request-Id"}, empty: true},
		{name: "data has no CORS", path: "/Patient", header: map[string]string{"Origin": "https://example.org"}, status: 200, wantHeader: map[string]string{"Access-Control-Allow-Origin": ""}},
		{name: "no preflight for data", method: "OPTIONS", path: "/Patient", header: map[string]string{"Origin": "https://example.org"}, status: 405, wantHeader: map[string]string{"Access-Control-Allow-Origin": ""}},
	})
}

// The documents at well-known paths, below the server and below the base: public, cacheable, for pages of any origin, JSON whatever is asked for.
func TestDocuments(t *testing.T) {
	var counted int
	h := open(t, func(f *rest.Face) {
		f.Authenticate = func(*http.Request, http.Header) (fhir.Principal, error) {
			counted++
			return fhir.Principal{}, fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "nobody gets in")
		}
	})
	server := h
	server.url = strings.TrimSuffix(h.url, conformance.FHIRPath)
	documents := conformance.Documents(h.face.Promises)
	if len(documents) != 4 {
		t.Fatalf("%d documents", len(documents))
	}
	for _, d := range documents {
		server.servesDocument(t, d)
		if d.InFHIR {
			h.servesDocument(t, d)
		}
	}
	h.play(t, []scenario{
		{name: "a document that is the server's alone", path: conformance.OAuthPath, status: 401},
		{name: "one that is not there", path: "/.well-known/other", status: 401},
	})
	if counted != 2 {
		t.Errorf("%d requests were asked who they are", counted)
	}
	server.play(t, []scenario{{name: "discovery", path: conformance.DiscoveryPath, status: 200, paths: map[string]string{
		"fhir_base_endpoint": base, "create_patient_endpoint": base + "/Patient", "create_audit_event_endpoint": "", "search_audit_event_endpoint": base + "/AuditEvent",
	}}})
}

func (h house) servesDocument(t *testing.T, d conformance.Document) {
	t.Helper()
	got, _ := h.send(t, scenario{path: d.Path})
	h.play(t, []scenario{
		{
			name: "GET", path: d.Path, header: map[string]string{"Accept": "text/html"}, status: 200, want: string(d.Text),
			wantHeader: map[string]string{"Content-Type": "application/json", "Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"},
		},
		{name: "HEAD", method: "HEAD", path: d.Path, status: 200, empty: true},
		{name: "known", path: d.Path, header: map[string]string{"If-None-Match": got.header.Get("ETag")}, status: 304, empty: true},
		{name: "preflight", method: "OPTIONS", path: d.Path, header: map[string]string{"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}, status: 204,
			wantHeader: map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, HEAD"}, empty: true},
		{name: "POST", method: "POST", path: d.Path, status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD, OPTIONS"}, empty: true},
		{name: "its request has an id", path: d.Path, header: map[string]string{"X-Request-Id": "client-id"}, status: 200, wantHeader: map[string]string{"X-Request-Id": "client-id"}},
	})
}

// Where there is no access control there are no documents of it, below the base neither.
func TestDocumentsWithoutAccess(t *testing.T) {
	h := open(t, func(f *rest.Face) { f.Promises.Security = conformance.Security{} })
	h.play(t, []scenario{{name: "smart-configuration", path: conformance.SMARTPath, status: 404, paths: map[string]string{"resourceType": "OperationOutcome"}}})
}
