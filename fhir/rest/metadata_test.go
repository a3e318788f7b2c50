package rest_test

import (
	"strings"
	"testing"

	"github.com/portico-health/portico/conformance"
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

func TestDiscovery(t *testing.T) {
	h := open(t)
	h.url = strings.TrimSuffix(h.url, conformance.FHIRPath)
	got, _ := h.send(t, scenario{path: conformance.DiscoveryPath})
	tag := got.header.Get("ETag")
	h.play(t, []scenario{
		{
			name: "GET", path: conformance.DiscoveryPath, status: 200, want: string(conformance.Discovery(h.face.Promises)),
			wantHeader: map[string]string{"Content-Type": "application/json", "Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"},
			paths:      map[string]string{"fhir_base_endpoint": base, "create_patient_endpoint": base + "/Patient", "create_audit_event_endpoint": "", "search_audit_event_endpoint": base + "/AuditEvent"},
		},
		{name: "HEAD", method: "HEAD", path: conformance.DiscoveryPath, status: 200, empty: true},
		{name: "known", path: conformance.DiscoveryPath, header: map[string]string{"If-None-Match": tag}, status: 304, empty: true},
		{name: "POST", method: "POST", path: conformance.DiscoveryPath, status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD"}, empty: true},
		{name: "its request has an id", path: conformance.DiscoveryPath, header: map[string]string{"X-Request-Id": "client-id"}, status: 200, wantHeader: map[string]string{"X-Request-Id": "client-id"}},
	})
}
