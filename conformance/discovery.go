package conformance

import (
	"strings"

	"github.com/portico-health/portico/fhir"
)

// DiscoveryPath is where the discovery document stands below the URL of the server (RFC 8615).
const DiscoveryPath = "/.well-known/discovery-document.json"

// Discovery is the discovery document as JSON text: one flat object of absolute URLs without templates, so that a
// client that knows a name needs no other knowledge. It lists what there is, nothing else.
func Discovery(p Promises) []byte {
	doc := fhir.NewObject()
	doc.Set("fhir_base_endpoint", p.BaseURL)
	doc.Set("fhir_metadata_endpoint", p.BaseURL+"/metadata")
	for _, i := range []Interaction{Batch, Transaction} {
		if p.OffersSystem(i) {
			doc.Set("fhir_"+string(i)+"_endpoint", p.BaseURL)
		}
	}
	for _, t := range p.Types {
		if t.Offers(Create) {
			doc.Set("create_"+snakeCase(t.Name)+"_endpoint", p.BaseURL+"/"+t.Name)
		}
		if t.Offers(SearchType) {
			doc.Set("search_"+snakeCase(t.Name)+"_endpoint", p.BaseURL+"/"+t.Name)
		}
	}
	if s := p.Security; s.Offered() {
		for _, e := range []struct{ name, url string }{
			{"token_endpoint", s.TokenEndpoint}, {"jwks_endpoint", s.JWKS}, {"introspection_endpoint", s.Introspection}, {"revocation_endpoint", s.Revocation},
			{"smart_configuration_endpoint", p.BaseURL + SMARTPath},
		} {
			if e.url != "" {
				doc.Set(e.name, e.url)
			}
		}
	}
	doc.Set("fhir_api_versions_supported", texts(p.VersionNumbers()))
	return fhir.AppendJSON(nil, doc)
}

// snakeCase writes HealthcareService as healthcare_service.
func snakeCase(name string) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && 'A' <= c && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}
