package conformance

import (
	"slices"
	"strings"

	models "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/portico-health/portico/fhir"
)

// oauthURIs is the extension by which a CapabilityStatement told the endpoints of OAuth 2.0 before there were well-known documents. It is
// deprecated, and still what many clients read: https://hl7.org/fhir/smart-app-launch/1.0.0/conformance/index.html.
const oauthURIs = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"

// securityService is the code system of rest.security.service: https://terminology.hl7.org/CodeSystem-restful-security-service.html.
const securityService = "http://terminology.hl7.org/CodeSystem/restful-security-service"

// waysIn says in words how a client gets in, for which the CapabilityStatement has no element.
const waysIn = "Every request but those for public documents needs one credential. An access token comes as Authorization: Bearer TOKEN, from the token endpoint by client_credentials; " +
	"an API key as Authorization: KEY, as Authorization: Bearer KEY or as x-api-key: KEY. The site is named by SU-SiteId, or by x-practice-group-id; " +
	"it may be left out when the credential has exactly one."

// anonymously is added where no credential is needed.
const anonymously = " This is a server for development: a request without a credential is an administrator's of its one site."

// Offered says whether there is access control at all.
func (s Security) Offered() bool { return s.TokenEndpoint != "" }

// capabilityOfSecurity is rest.security; nil where there is no access control.
func capabilityOfSecurity(s Security) *models.CapabilityStatementRestSecurity {
	if !s.Offered() {
		return nil
	}
	uris := models.Extension{Url: oauthURIs}
	for _, e := range []struct{ name, uri string }{{"token", s.TokenEndpoint}, {"introspect", s.Introspection}, {"revoke", s.Revocation}} {
		if e.uri != "" {
			uris.Extension = append(uris.Extension, models.Extension{Url: e.name, ValueUri: pointer(e.uri)})
		}
	}
	var services []models.CodeableConcept
	for _, code := range []string{"SMART-on-FHIR", "OAuth"} {
		services = append(services, models.CodeableConcept{Coding: []models.Coding{{System: pointer(securityService), Code: pointer(code)}}})
	}
	description := waysIn
	if s.Anonymous {
		description += anonymously
	}
	return &models.CapabilityStatementRestSecurity{
		Extension: []models.Extension{uris}, Cors: pointer(s.CORS), Service: services, Description: pointer(description),
	}
}

// permissions are those of SMART that an interaction with a type takes (fhir.Permission). Those with all types take them for each.
var permissions = map[Interaction]fhir.Permission{
	Create: fhir.MayCreate, Read: fhir.MayRead, Vread: fhir.MayRead, HistoryInstance: fhir.MayRead, Update: fhir.MayUpdate, Patch: fhir.MayUpdate,
	Delete: fhir.MayDelete, SearchType: fhir.MaySearch, HistoryType: fhir.MaySearch,
}

// scopes lists what can be asked for: for all types, and for each, the most that there is to permit
// (https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html). A part of it can be asked for as well.
func scopes(types []Type) []string {
	var all fhir.Permission
	var each []string
	for _, t := range types {
		if t.Definitions != nil { // which everybody sees who gets in
			continue
		}
		var p fhir.Permission
		for _, i := range t.Interactions {
			p |= permissions[i]
		}
		all |= p
		each = append(each, "system/"+t.Name+"."+p.String())
	}
	var of []string
	if all != 0 {
		of = append(of, "system/*."+all.String())
	}
	if all&(fhir.MayRead|fhir.MaySearch) != 0 {
		of = append(of, "system/*.read") // of the first version of SMART, as the next
	}
	if all&(fhir.MayCreate|fhir.MayUpdate|fhir.MayDelete) != 0 {
		of = append(of, "system/*.write")
	}
	return append(of, each...)
}

// capabilities are those of SMART that are implemented: https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#capability-sets.
func capabilities(s Security) []string {
	var all []string
	if slices.Contains(s.AuthMethods, "private_key_jwt") {
		all = append(all, "client-confidential-asymmetric")
	}
	if slices.ContainsFunc(s.AuthMethods, func(m string) bool { return strings.HasPrefix(m, "client_secret_") }) {
		all = append(all, "client-confidential-symmetric")
	}
	return append(all, "permission-v1", "permission-v2")
}
