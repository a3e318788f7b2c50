package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// guards are the headers of answers that keep browsers from making more of them than they are.
var guards = []string{"Cache-Control", "Content-Security-Policy", "Cross-Origin-Resource-Policy", "Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options"}

// TestGuards of every kind of route, of errors too.
func TestGuards(t *testing.T) {
	r, client := startTLS(t, func(c *Config) { c.SecurityContact = "mailto:security@example.org" })
	private := []string{"no-store", "default-src 'none'; frame-ancestors 'none'", "same-origin", "no-referrer", "max-age=31536000", "nosniff"}
	public := func(cache string) []string {
		p := slices.Clone(private)
		p[0], p[2] = cache, "cross-origin"
		return p
	}
	for route, want := range map[string][]string{
		"GET /fhir/metadata":                            public("public, max-age=300"),
		"OPTIONS /fhir/metadata":                        public("no-store"),
		"GET /.well-known/discovery-document.json":      public("public, max-age=300"),
		"GET /.well-known/security.txt":                 public("public, max-age=86400"),
		"GET /.well-known/nothing":                      public("no-store"),
		"GET /fhir/Patient":                             private,
		"GET /auth/jwks.json":                           public("public, max-age=3600"),
		"POST /auth/token":                              private,
		"GET /auth/keys":                                private,
		"GET /fhir/Patient/a":                           private,
		"GET /fhir/Patient/a/_history":                  private,
		"POST /fhir/Patient":                            private,
		"DELETE /fhir/Patient/a":                        private,
		"GET /fhir/Nothing":                             private,
		"GET /fhir/Patient?" + strings.Repeat("x", 9e3): private,
		"GET /auth/nothing":                             private,
		"GET /healthz":                                  private,
		"GET /readyz":                                   private,
		"GET /metrics":                                  private,
		"GET /nowhere":                                  private,
		"PUT /healthz":                                  private,
	} {
		method, path, _ := strings.Cut(route, " ")
		answer, _ := ask(t, client, method, r.url+path, nil)
		var got []string
		for _, name := range guards {
			got = append(got, answer.Header.Get(name))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.60s: %s (-want +got):\n%s", route, answer.Status, diff)
		}
	}
}

const page = "https://app.example.org"

// TestCORS: pages of the configured origins may call, also when their call is refused; others may not, but for what is public.
func TestCORS(t *testing.T) {
	r := start(t, t.TempDir(), func(c *Config) { c.CORSOrigins = []string{page, "http://localhost:3000"} })
	preflight := func(origin, method, headers string) http.Header {
		return http.Header{"Origin": {origin}, "Access-Control-Request-Method": {method}, "Access-Control-Request-Headers": {headers}}
	}
	from := func(origin string) http.Header { return http.Header{"Origin": {origin}} }
	const every = "accept,authorization,content-type,hc-api-version,if-match,if-modified-since,if-none-exist,if-none-match,if-unmodified-since,prefer,su-siteid,traceparent,x-api-key,x-practice-group-id,x-request-id"
	const varies = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	for name, c := range map[string]struct {
		method, path string
		header       http.Header
		status       int    // 0: any
		origin       string // Access-Control-Allow-Origin
		vary         string // what Vary begins with
	}{
		"preflight":                      {"OPTIONS", "/fhir/Patient/a", preflight(page, "PATCH", every), 204, page, varies},
		"preflight of the base":          {"OPTIONS", "/fhir", preflight(page, "POST", "authorization"), 204, page, varies},
		"preflight of another page":      {"OPTIONS", "/fhir/Patient", preflight("https://evil.example", "GET", "authorization"), 204, "", varies},
		"preflight of a page's likeness": {"OPTIONS", "/fhir/Patient", preflight(page+".evil.example", "GET", "authorization"), 204, "", varies},
		"preflight of no page":           {"OPTIONS", "/fhir/Patient", preflight("null", "GET", "authorization"), 204, "", varies},
		"preflight of another header":    {"OPTIONS", "/fhir/Patient", preflight(page, "GET", "cookie"), 204, "", varies},
		"preflight of another method":    {"OPTIONS", "/fhir/Patient", preflight(page, "TRACE", "authorization"), 204, "", varies},
		"preflight of a token":           {"OPTIONS", "/auth/token", preflight(page, "POST", "authorization,content-type"), 204, page, varies},
		"a call":                         {"GET", "/fhir/Patient", from(page), 0, page, "Origin, Authorization, "},
		"a call of the other page":       {"GET", "/fhir/Patient", from("http://localhost:3000"), 0, "http://localhost:3000", "Origin, Authorization, "},
		"a call that is refused":         {"GET", "/fhir/Patient?_count=-1", from(page), 0, page, "Origin, Authorization, "},
		"a call of another page":         {"GET", "/fhir/Patient", from("https://evil.example"), 0, "", "Origin, Authorization, "},
		"a call of no page":              {"GET", "/fhir/Patient", nil, 0, "", "Origin, Authorization, "},
		"metadata":                       {"GET", "/fhir/metadata", from("https://evil.example"), 200, "*", "Authorization, "},
		"preflight of metadata":          {"OPTIONS", "/fhir/metadata", preflight("https://evil.example", "GET", "accept"), 204, "*", "Authorization, "},
		"discovery":                      {"GET", "/.well-known/discovery-document.json", from("https://evil.example"), 200, "*", ""},
		"keys of tokens":                 {"GET", "/auth/jwks.json", from("https://evil.example"), 200, "*", ""},
		"health":                         {"GET", "/healthz", from(page), 200, "", ""},
		"what begins alike":              {"OPTIONS", "/fhirish", preflight(page, "GET", "authorization"), 404, "", ""},
	} {
		answer, _ := ask(t, http.DefaultClient, c.method, r.url+c.path, c.header)
		h := answer.Header
		if c.status != 0 && answer.StatusCode != c.status || h.Get("Access-Control-Allow-Origin") != c.origin || !strings.HasPrefix(strings.Join(h["Vary"], ", "), c.vary) {
			t.Errorf("%s: %s, %v", name, answer.Status, h)
		}
		if h.Get("Access-Control-Allow-Credentials") != "" || h.Get("X-Request-Id") == "" {
			t.Errorf("%s: %v", name, h)
		}
		if c.origin == page && c.method == "GET" {
			const readable = "Content-Location, Deprecation, Etag, Hc-Api-Version, Last-Modified, Link, Location, Ratelimit, Ratelimit-Policy, Retry-After, Sunset, X-Request-Id"
			if got := h.Get("Access-Control-Expose-Headers"); got != readable {
				t.Errorf("%s: a page may read %s", name, got)
			}
		}
		if c.origin == page && c.method == "OPTIONS" && h.Get("Access-Control-Max-Age") != "7200" {
			t.Errorf("%s: %v", name, h)
		}
	}
	if _, body := r.get(t, "/fhir/metadata"); !strings.Contains(body, `"cors":true`) {
		t.Error("the CapabilityStatement does not say that pages may call")
	}
	closed := start(t, t.TempDir(), nil)
	if answer, _ := ask(t, http.DefaultClient, "GET", closed.url+"/fhir/Patient", from(page)); answer.Header.Get("Access-Control-Allow-Origin") != "" || strings.Contains(answer.Header.Get("Vary"), "Origin") {
		t.Errorf("without origins: %v", answer.Header)
	}
	open := start(t, t.TempDir(), func(c *Config) { c.CORSOrigins = []string{"*"} })
	if answer, _ := ask(t, http.DefaultClient, "GET", open.url+"/fhir/Patient", from(page)); answer.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("for all origins: %v", answer.Header)
	}
}

// TestForeignPagesDoNothing: of a server for development everybody is the administrator, but no page of another origin, unless it is a configured one
// (https://fetch.spec.whatwg.org/#http-cors-protocol sends forms and simple requests without asking).
func TestForeignPagesDoNothing(t *testing.T) {
	const trusted = "http://localhost:3000"
	dev := start(t, t.TempDir(), func(c *Config) { c.Dev, c.Resources, c.CORSOrigins = true, []string{"Location"}, []string{trusted} })
	closed := start(t, t.TempDir(), nil)
	const suspend, release, evil = "/auth/sites/demo/suspend", "/auth/sites/demo/activate", "https://evil.example"
	for name, c := range map[string]struct {
		method, path string
		header       http.Header
		status       int
	}{
		"a page elsewhere":           {"POST", suspend, http.Header{"Origin": {evil}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		"an old browser":             {"POST", suspend, http.Header{"Origin": {evil}}, 403},
		"no origin":                  {"POST", suspend, http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		"another port":               {"POST", suspend, http.Header{"Origin": {"http://localhost:4000"}, "Sec-Fetch-Site": {"same-site"}}, 403},
		"FHIR":                       {"POST", "/fhir/Location/_search", http.Header{"Origin": {evil}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		"FHIR, deleted":              {"DELETE", "/fhir/Location/none", http.Header{"Origin": {evil}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		"a page that is trusted":     {"POST", release, http.Header{"Origin": {trusted}, "Sec-Fetch-Site": {"same-site"}}, 200},
		"no page":                    {"POST", release, nil, 200},
		"a page of the server's own": {"POST", release, http.Header{"Origin": {dev.url}, "Sec-Fetch-Site": {"same-origin"}}, 200},
		"what changes nothing":       {"GET", "/fhir/Location", http.Header{"Origin": {evil}, "Sec-Fetch-Site": {"cross-site"}}, 200},
	} {
		answer, body := ask(t, http.DefaultClient, c.method, dev.url+c.path, c.header)
		if answer.StatusCode != c.status || c.status == 403 && !strings.HasPrefix(body, `{"resourceType":"OperationOutcome"`) {
			t.Errorf("%s: %s %s", name, answer.Status, body)
		}
	}
	foreign := http.Header{"Origin": {evil}, "Sec-Fetch-Site": {"cross-site"}, "Authorization": {closed.key}}
	if answer, body := ask(t, http.DefaultClient, "POST", closed.url+release, foreign); answer.StatusCode != 200 {
		t.Errorf("where a credential is needed, a page that has one: %s %s", answer.Status, body)
	}
}

// TestSecurityText: https://www.rfc-editor.org/rfc/rfc9116.
func TestSecurityText(t *testing.T) {
	r := start(t, t.TempDir(), func(c *Config) { c.SecurityContact = "mailto:security@example.org" })
	answer, body := ask(t, http.DefaultClient, http.MethodGet, r.url+"/.well-known/security.txt", nil)
	var expires string
	for line := range strings.Lines(body) {
		if text, ok := strings.CutPrefix(line, "Expires: "); ok {
			expires = strings.TrimSpace(text)
		}
	}
	until, err := time.Parse(time.RFC3339, expires)
	if left := time.Until(until); err != nil || left < 30*24*time.Hour || left > 365*24*time.Hour {
		t.Errorf("it expires at %q: %v", expires, err)
	}
	want := fmt.Sprintf("Contact: mailto:security@example.org\nExpires: %s\nPreferred-Languages: en\nCanonical: http://portico.example.org/.well-known/security.txt\n", expires)
	if body != want || answer.Header.Get("Content-Type") != "text/plain; charset=utf-8" || answer.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%v\n%s", answer.Header, body)
	}
	without := start(t, t.TempDir(), nil)
	if status, _ := without.get(t, "/.well-known/security.txt"); status != http.StatusNotFound {
		t.Errorf("without a contact: %d", status)
	}
}
