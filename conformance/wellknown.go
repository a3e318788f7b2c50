package conformance

import "github.com/portico-health/portico/fhir"

// Where the documents of access stand: below the URL of the server, and those that are for clients of FHIR below the URL of the FHIR face, too.
const (
	// SMARTPath is that of SMART: https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known.
	SMARTPath = "/.well-known/smart-configuration"
	// OpenIDPath is that of OpenID Connect: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig.
	OpenIDPath = "/.well-known/openid-configuration"
	// OAuthPath is that of OAuth 2.0 (RFC 8414 3).
	OAuthPath = "/.well-known/oauth-authorization-server"
)

// Document is a text of JSON at a well-known path (RFC 8615).
type Document struct {
	Path   string // below the URL of the server: "/.well-known/smart-configuration"
	InFHIR bool   // it stands below the URL of the FHIR face, too
	Text   []byte
}

// Documents are all that the table of promises has at well-known paths.
func Documents(p Promises) []Document {
	documents := []Document{{Path: DiscoveryPath, Text: Discovery(p)}}
	if !p.Security.Offered() {
		return documents
	}
	return append(documents,
		Document{Path: SMARTPath, InFHIR: true, Text: fhir.AppendJSON(nil, smart(p))},
		Document{Path: OpenIDPath, InFHIR: true, Text: fhir.AppendJSON(nil, authorizationServer(p))},
		Document{Path: OAuthPath, Text: fhir.AppendJSON(nil, authorizationServer(p))},
	)
}

// smart is the metadata of SMART. It has no issuer, which is for servers with OpenID Connect alone. There is no page by which a person lets an app in, so
// there are no authorization_endpoint, management_endpoint, user_access_brand_bundle and smart_app_state_endpoint, no launch, context or sso among
// the capabilities, and no code_challenge_methods_supported, though SMART wants S256 there always: what it protects, a code from such
// a page, is never given out. Clients are registered by an administrator, not at a registration_endpoint.
func smart(p Promises) *fhir.Object {
	doc := tokenService(p)
	doc.Set("capabilities", texts(capabilities(p.Security)))
	return doc
}

// authorizationServer is the metadata of RFC 8414, also where OpenID Connect has its own: that adds what concerns persons who sign in and their
// ID tokens, of which there are none here.
//
// RFC 8414 2 wants response_types_supported always and RFC 8414 3.2 wants no empty array; clients insist on the first.
func authorizationServer(p Promises) *fhir.Object {
	doc := tokenService(p)
	doc.SetAfter("issuer", p.Security.Issuer)
	doc.Set("response_types_supported", fhir.Array{})
	return doc
}

// tokenService is what both have. Clients authenticate themselves at all of its endpoints alike.
func tokenService(p Promises) *fhir.Object {
	s := p.Security
	doc := fhir.NewObject()
	list := func(name string, values []string) {
		if len(values) > 0 {
			doc.Set(name, texts(values))
		}
	}
	if s.JWKS != "" {
		doc.Set("jwks_uri", s.JWKS)
	}
	for _, e := range []struct{ name, url string }{
		{"token_endpoint", s.TokenEndpoint}, {"introspection_endpoint", s.Introspection}, {"revocation_endpoint", s.Revocation},
	} {
		if e.url != "" {
			doc.Set(e.name, e.url)
			list(e.name+"_auth_methods_supported", s.AuthMethods)
			list(e.name+"_auth_signing_alg_values_supported", s.SigningAlgorithms)
		}
	}
	list("grant_types_supported", s.GrantTypes)
	list("scopes_supported", scopes(p.Types))
	return doc
}

// texts is a list of texts as JSON.
func texts(list []string) fhir.Array {
	array := make(fhir.Array, len(list))
	for i, text := range list {
		array[i] = text
	}
	return array
}
