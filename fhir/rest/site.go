package rest

import (
	"net/http"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// OpenSite returns an Authenticate for a server without access control: everybody is the administrator of one
// site. A request may name that site, without regard to case, in SU-SiteId; any other name is Forbidden,
// whether there is such a site or not. Several names, in one line or more, are Invalid. A credential is Unauthenticated: there is none that could be right, and
// who presents one must not believe that it was checked.
func OpenSite(site string, partition fhir.Partition) Authenticate {
	return func(r *http.Request, _ http.Header) (fhir.Principal, error) {
		for _, name := range [...]string{"Authorization", "X-Api-Key"} {
			if strings.Trim(field(r.Header, name), ", ") != "" {
				return fhir.Principal{}, fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "The credential is not known.").At(ofHTTP(name))
			}
		}
		asked := field(r.Header, headerSite)
		switch {
		case strings.Contains(asked, ","):
			return fhir.Principal{}, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "SU-SiteId names more than one site: %s. A request concerns one; write its name, once.", fhir.Quote(asked)).At(ofHTTP("SU-SiteId"))
		case asked != "" && !strings.EqualFold(asked, site):
			return fhir.Principal{}, fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden, "The site that SU-SiteId names is not open to you.").At(ofHTTP("SU-SiteId"))
		}
		return fhir.Principal{Partition: partition, Scopes: fhir.Unlimited(), Admin: true}, nil
	}
}
