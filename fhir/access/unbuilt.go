package access

import (
	"context"
	"net/http"
	"time"

	"github.com/portico-health/portico/fhir"
)

// --- token.go, assertion.go, signing.go, introspect.go: everything of OAuth

// Handler serves everything at /auth.
func (a *Access) Handler() http.Handler { return http.NotFoundHandler() }

// verified says what an access token grants. Unauthenticated where it is none of ours, expired, or was revoked.
func (a *Access) verified(_ context.Context, _ string) (grant, error) {
	return grant{}, fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "The access token is not known.")
}

// grant is what an access token grants.
type grant struct {
	client, id string
	scopes     fhir.Scopes
	admin      bool
	site       string // "" where the credential has several
	until      time.Time
}
