package access

import (
	"net/http"

	"github.com/portico-health/portico/fhir"
)

// --- authenticate.go: the credential of a request

// Authenticate says who asks: a rest.Authenticate. It holds the limits, tells them in the headers of the answer, and records what it refuses.
func (a *Access) Authenticate(r *http.Request, answer http.Header) (fhir.Principal, error) {
	return fhir.Principal{}, nil
}

// --- token.go, assertion.go, signing.go, introspect.go: everything of OAuth

// Handler serves everything at /auth.
func (a *Access) Handler() http.Handler { return http.NotFoundHandler() }

// verified says what an access token grants. Unauthenticated where it is none of ours, expired, or was revoked.
//
//	func (a *Access) verified(ctx context.Context, token string) (grant, error)
//	type grant struct{ client, id string; scopes fhir.Scopes; admin bool; site string; until time.Time }  // site "" where the credential has several
