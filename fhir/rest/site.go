package rest

import (
	"net/http"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// OpenSite returns an Authenticate for a server without access control: everybody is the administrator of one
// site. A request may name that site, without regard to case, in SU-SiteId; any other name is Forbidden,
// whether there is such a site or not. A credential is Unauthenticated: there is none that could be right, and
// who presents one must not believe that it was checked.
func OpenSite(site string, partition fhir.Partition) func(*http.Request) (fhir.Principal, error) {
	return func(r *http.Request) (fhir.Principal, error) {
		for _, name := range []string{"Authorization", "X-Api-Key"} {
			if r.Header.Get(name) != "" {
				return fhir.Principal{}, fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "The credential is not known.").At(ofHTTP(name))
			}
		}
		if asked := r.Header.Get(headerSite); asked != "" && !strings.EqualFold(asked, site) {
			return fhir.Principal{}, fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden, "The site that SU-SiteId names is not open to you.").At(ofHTTP(headerSite))
		}
		return fhir.Principal{Partition: partition, Admin: true}, nil
	}
}
