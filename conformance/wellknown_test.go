package conformance_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	models "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/portico-health/portico/conformance"
)

// documents are those of the table, by path.
func documents(p conformance.Promises) map[string]conformance.Document {
	all := map[string]conformance.Document{}
	for _, d := range conformance.Documents(p) {
		all[d.Path] = d
	}
	return all
}

func TestDocuments(t *testing.T) {
	const how = `_auth_methods_supported":["client_secret_basic","private_key_jwt"],`
	const alg = `_auth_signing_alg_values_supported":["ES384"],`
	const service = `"jwks_uri":"https://example.org/keys","token_endpoint":"https://example.org/token","token_endpoint` + how + `"token_endpoint` + alg +
		`"introspection_endpoint":"https://example.org/introspect","introspection_endpoint` + how + `"introspection_endpoint` + alg +
		`"revocation_endpoint":"https://example.org/revoke","revocation_endpoint` + how + `"revocation_endpoint` + alg + `"grant_types_supported":["client_credentials"],` +
		`"scopes_supported":["system/*.cruds","system/*.read","system/*.write","system/AuditEvent.rs","system/Patient.cruds"],`
	const server = `{"issuer":"https://example.org",` + service + `"response_types_supported":[]}`
	p := table("Patient", "AuditEvent")
	want := map[string]conformance.Document{
		"/.well-known/discovery-document.json": {Text: conformance.Discovery(p)},
		"/.well-known/smart-configuration": {InFHIR: true, Text: []byte(
			`{` + service + `"capabilities":["client-confidential-asymmetric","client-confidential-symmetric","permission-v1","permission-v2"]}`)},
		"/.well-known/openid-configuration":       {InFHIR: true, Text: []byte(server)},
		"/.well-known/oauth-authorization-server": {Text: []byte(server)},
	}
	got := documents(p)
	if len(got) != len(want) {
		t.Errorf("%d documents", len(got))
	}
	for path, w := range want {
		if d := got[path]; d.InFHIR != w.InFHIR || string(d.Text) != string(w.Text) {
			t.Errorf("%s: %s", path, cmp.Diff(string(w.Text), string(d.Text)))
		}
	}
}

// Where there is no access control nothing says that there were.
func TestWithoutAccess(t *testing.T) {
	p := open(table("Patient"))
	if all := conformance.Documents(p); len(all) != 1 || all[0].Path != conformance.DiscoveryPath {
		t.Errorf("there are %d documents", len(all))
	}
	if text := string(capability(t, p, "1")); strings.Contains(text, `"security"`) {
		t.Errorf("the statement is %s", text)
	}
}

// What is not offered is in no document: an endpoint without a URL, the capabilities of a way in that does not exist.
func TestDocumentsHaveWhatIsPromised(t *testing.T) {
	p := table("AuditEvent")
	p.Security = conformance.Security{Issuer: "https://example.org", TokenEndpoint: "https://example.org/token", AuthMethods: []string{"client_secret_post"}}
	for path, want := range map[string][]string{
		conformance.SMARTPath:     {"token_endpoint", "token_endpoint_auth_methods_supported", "scopes_supported", "capabilities"},
		conformance.OAuthPath:     {"issuer", "token_endpoint", "token_endpoint_auth_methods_supported", "scopes_supported", "response_types_supported"},
		conformance.DiscoveryPath: {"fhir_base_endpoint", "fhir_metadata_endpoint", "fhir_batch_endpoint", "fhir_transaction_endpoint", "search_audit_event_endpoint", "search_operation_definition_endpoint", "token_endpoint", "smart_configuration_endpoint", "fhir_api_versions_supported"},
	} {
		var got map[string]any
		if err := json.Unmarshal(documents(p)[path].Text, &got); err != nil {
			t.Fatal(err)
		}
		for _, name := range want {
			if _, there := got[name]; !there {
				t.Errorf("%s lacks %s", path, name)
			}
			delete(got, name)
		}
		if len(got) > 0 {
			t.Errorf("%s has %v", path, got)
		}
	}
	var smart struct {
		Capabilities []string `json:"capabilities"`
		Scopes       []string `json:"scopes_supported"`
	}
	if err := json.Unmarshal(documents(p)[conformance.SMARTPath].Text, &smart); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"client-confidential-symmetric", "permission-v1", "permission-v2"}, smart.Capabilities); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"system/*.rs", "system/*.read", "system/AuditEvent.rs"}, smart.Scopes); diff != "" {
		t.Error(diff)
	}
}

// rest.security names every way in, and leads to the endpoints.
func TestCapabilityTellsWaysIn(t *testing.T) {
	statement, err := models.UnmarshalCapabilityStatement(capability(t, table("Patient"), "1"))
	if err != nil {
		t.Fatal(err)
	}
	security := statement.Rest[0].Security
	for _, way := range []string{"Authorization: Bearer TOKEN", "Authorization: KEY", "Authorization: Bearer KEY", "x-api-key: KEY", "SU-SiteId", "x-practice-group-id"} {
		if !strings.Contains(*security.Description, way) {
			t.Errorf("%q is not in %s", way, *security.Description)
		}
	}
	uris := map[string]string{}
	for _, e := range security.Extension[0].Extension {
		uris[e.Url] = *e.ValueUri
	}
	want := map[string]string{"token": "https://example.org/token", "introspect": "https://example.org/introspect", "revoke": "https://example.org/revoke"}
	if diff := cmp.Diff(want, uris); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(*security.Description, "without a credential") {
		t.Errorf("nobody gets in without a credential, but: %s", *security.Description)
	}
	p := table("Patient")
	p.Security.Anonymous = true
	if text := string(capability(t, p, "1")); !strings.Contains(text, "without a credential is an administrator's") {
		t.Errorf("it is not said that everybody gets in: %s", text)
	}
	if !*security.Cors {
		t.Error("pages of other origins may call, but the statement says that they may not")
	}
}
