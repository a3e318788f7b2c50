package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/fhir/rest"
	"github.com/portico-health/portico/fhir/validate"
)

// address is a path of the server that is not the FHIR face's, and a request for it.
type address struct {
	method, body string
	id           string // what stands for {id}
	status       int    // for whoever may; 0 is 200

	public bool // nobody is asked who they are
	client bool // clients authenticate themselves as OAuth 2.0 has it, not as everywhere else
}

// addresses are all that there are, by the templates of their paths.
func addresses(m *matrix) map[string][]address {
	spare := func() string {
		id, _, _ := strings.Cut(m.key(access.NewCredential{Mode: access.Live, Sites: []string{"beta"}}), ".")
		return id
	}
	_, err := m.server.access.CreateSite(m.Context(), "dormant")
	must(m.T, err)
	all := map[string][]address{
		"/healthz": {{public: true}}, "/readyz": {{public: true}}, "/metrics": {{public: true}}, // which is there, as the server listens on this machine alone
		securityPath:    {{public: true}},
		access.JWKSPath: {{public: true}},

		access.TokenPath:      {{method: "POST", body: "grant_type=client_credentials", client: true}},
		access.IntrospectPath: {{method: "POST", body: "token=x", client: true}},
		access.RevokePath:     {{method: "POST", body: "token=x", client: true}},

		access.SitesPath:                    {{}, {method: "POST", body: `{"name":"gamma"}`, status: http.StatusCreated}},
		access.SitesPath + "/{id}":          {{id: "beta"}},
		access.SitesPath + "/{id}/activate": {{method: "POST", id: "dormant"}},
		access.SitesPath + "/{id}/suspend":  {{method: "POST", id: "beta"}},
		access.KeysPath:                     {{}, {method: "POST", body: `{"mode":"live","sites":["beta"]}`, status: http.StatusCreated}},
		access.KeysPath + "/{id}":           {{id: spare()}},
		access.KeysPath + "/{id}/rotate":    {{method: "POST", id: spare()}},
		access.KeysPath + "/{id}/revoke":    {{method: "POST", id: spare()}},
	}
	for _, d := range conformance.Documents(m.promises) {
		all[d.Path] = []address{{public: true}}
	}
	return all
}

// TestAddresses asks at every path of the router that is not the FHIR face's. Public are those of which that is known, and no others; at those for administrators nobody
// else gets in.
func TestAddresses(t *testing.T) {
	m := openMatrix(t)
	clerk := m.key(access.NewCredential{Mode: access.Live, Sites: []string{"alpha"}})
	id, secret, _ := strings.Cut(m.key(access.NewCredential{Mode: access.Live, Sites: []string{"alpha"}}), ".")
	all := addresses(m)
	if diff := cmp.Diff(mounted(t, m), slices.Sorted(maps.Keys(all))); diff != "" {
		t.Errorf("the router and this test know different paths: %s", diff)
	}
	strangers := m.strangers()
	before := m.registry()
	for _, path := range slices.Sorted(maps.Keys(all)) {
		for _, a := range all[path] {
			for _, v := range strangers {
				switch {
				case a.public:
					m.knocks(path, a, v.header, http.StatusOK)
				case !a.client:
					m.knocks(path, a, v.header, v.status)
				}
			}
			switch {
			case a.public:
			case a.client:
				m.knocks(path, a, nil, http.StatusUnauthorized)
				m.knocks(path, a, map[string]string{"Authorization": basic(id, secret[:len(secret)-4]+"aaaa")}, http.StatusUnauthorized)
			default:
				m.knocks(path, a, map[string]string{"Authorization": clerk}, http.StatusForbidden)
				m.knocks(path, a, bearer(m.token(m.right, access.DefaultScope)), http.StatusForbidden)
				m.knocks(path, a, map[string]string{"Authorization": m.right, "SU-SiteId": "beta"}, http.StatusForbidden)
			}
		}
	}
	if diff := cmp.Diff(before, m.registry()); diff != "" {
		t.Errorf("who was refused changed sites or keys: %s", diff)
	}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		for _, a := range all[path] {
			right := m.right
			if a.client {
				right = basic(id, secret)
			}
			before = m.registry()
			m.knocks(path, a, map[string]string{"Authorization": right}, max(a.status, http.StatusOK))
			if changed := m.registry() != before; changed != (a.method == http.MethodPost && !a.client) {
				t.Errorf("%s %s leaves a trace: %t", path, a.method, changed)
			}
		}
	}
	if status, _, body := m.knock("/auth/nothing", address{}, nil); status != http.StatusNotFound {
		t.Errorf("a path of nobody answers %d: %s", status, body)
	}
}

// knocks sends a request for an address, and looks what comes of it.
func (m *matrix) knocks(path string, a address, header map[string]string, want int) {
	m.Helper()
	status, challenge, body := m.knock(path, a, header)
	if status != want || (challenge != "") != (want == http.StatusUnauthorized) {
		m.Errorf("%s %s answers %d with the challenge %q, want %d: %s", path, a.method, status, challenge, want, body)
	}
	if want >= 300 && (strings.Contains(body, "beta") || a.id != "" && strings.Contains(body, a.id)) {
		m.Errorf("%s tells whom it refuses: %s", path, body)
	}
}

// registry is all that is known of sites and keys.
func (m *matrix) registry() string {
	m.Helper()
	sites, err := m.server.access.Sites(m.Context())
	must(m.T, err)
	keys, err := m.server.access.Credentials(m.Context(), "")
	must(m.T, err)
	text, err := json.MarshalIndent([]any{sites, keys}, "", " ")
	must(m.T, err)
	return string(text)
}

// knock sends a request for an address.
func (m *matrix) knock(path string, a address, header map[string]string) (status int, challenge, body string) {
	m.Helper()
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(m.Context(), method, m.server.url+strings.ReplaceAll(path, "{id}", a.id), strings.NewReader(a.body))
	must(m.T, err)
	switch {
	case strings.HasPrefix(a.body, "{"):
		request.Header.Set("Content-Type", "application/json")
	case a.body != "":
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := m.client.Do(request)
	must(m.T, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(m.T, err)
	return response.StatusCode, response.Header.Get("WWW-Authenticate"), string(text)
}

// mounted are the paths of the router, but for the one route that is all of the FHIR face.
func mounted(t *testing.T, m *matrix) (paths []string) {
	t.Helper()
	router, err := m.server.routes(m.promises)
	must(t, err)
	faces := 0
	must(t, router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		if err != nil {
			faces++
			return nil
		}
		paths = append(paths, template)
		return nil
	}))
	if faces != 1 {
		t.Errorf("%d routes have no path", faces)
	}
	slices.Sort(paths)
	return paths
}

// TestAdvertisedURLs: whatever URL a document tells is answered, and what it says of access is what access does.
func TestAdvertisedURLs(t *testing.T) {
	m := openMatrix(t)
	seen := map[string]bool{}
	for _, d := range conformance.Documents(m.promises) {
		_, _, body := m.knock(d.Path, address{}, nil)
		var members map[string]any
		must(t, json.Unmarshal([]byte(body), &members))
		for name, value := range members {
			text, _ := value.(string)
			if path, ok := strings.CutPrefix(text, m.server.Config.BaseURL); ok && path != "" && !seen[path] {
				seen[path] = true
				if status, _, body := m.knock(path, address{}, map[string]string{"Authorization": m.right}); status != http.StatusOK && status != http.StatusMethodNotAllowed {
					t.Errorf("%s has %s, %s, which answers %d: %s", d.Path, name, text, status, body)
				}
			}
		}
		for name, want := range map[string][]string{
			"grant_types_supported": access.GrantTypes, "token_endpoint_auth_methods_supported": access.AuthMethods,
			"token_endpoint_auth_signing_alg_values_supported": access.SigningAlgorithms,
		} {
			if value, there := members[name]; there || d.Path != conformance.DiscoveryPath {
				got := []string{}
				for _, v := range value.([]any) {
					got = append(got, v.(string))
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: %s: %s", d.Path, name, diff)
				}
			}
		}
	}
	for _, path := range []string{access.TokenPath, access.JWKSPath, access.IntrospectPath, access.RevokePath, conformance.FHIRPath + conformance.SMARTPath} {
		if !seen[path] {
			t.Errorf("no document tells of %s", path)
		}
	}
}

// TestAdvertisedScopes: a credential can be given every scope that is advertised, and a token asked for with it.
func TestAdvertisedScopes(t *testing.T) {
	m := openMatrix(t)
	_, _, body := m.knock(conformance.SMARTPath, address{}, nil)
	var smart struct {
		Scopes []string `json:"scopes_supported"`
	}
	must(t, json.Unmarshal([]byte(body), &smart))
	if len(smart.Scopes) < len(conformance.DefaultTypes()) {
		t.Fatalf("the scopes are %v", smart.Scopes)
	}
	key := m.key(access.NewCredential{Mode: access.Test, Sites: []string{"alpha"}, Scopes: smart.Scopes})
	id, secret, _ := strings.Cut(key, ".")
	for _, scope := range smart.Scopes {
		asked := address{method: "POST", body: url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}.Encode()}
		if status, _, body := m.knock(access.TokenPath, asked, map[string]string{"Authorization": basic(id, secret)}); status != http.StatusOK {
			t.Errorf("%s is advertised, but: %d %s", scope, status, body)
		}
	}
}

// promisesOf is the table of promises of a server.
func promisesOf(a *App) conformance.Promises {
	return rest.Promises(a.engine, conformance.Config{Unchecked: validate.Unchecked, BaseURL: a.Config.BaseURL, Security: a.Config.security()})
}
