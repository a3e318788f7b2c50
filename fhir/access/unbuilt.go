package access

import (
	"context"
	"net/http"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// --- registry.go, site.go, credential.go: sites and credentials in the records. The command line uses the Registry alone.

// Registry keeps sites and credentials.
type Registry struct {
	Records storage.Records
	Now     func() time.Time
}

// CreateSite makes a site. Invalid for a name that is none, Conflict for one that is taken (without case).
func (r Registry) CreateSite(ctx context.Context, name string) (Site, error) { return Site{}, nil }

// Sites lists all sites but the operator's, by name.
func (r Registry) Sites(ctx context.Context) ([]Site, error) { return nil, nil }

// ActivateSite lets the live credentials of a site work, and ends a suspension. NotFound.
func (r Registry) ActivateSite(ctx context.Context, name string) (Site, error) { return Site{}, nil }

// SuspendSite stops all credentials of a site. NotFound.
func (r Registry) SuspendSite(ctx context.Context, name string) (Site, error) { return Site{}, nil }

// CreateCredential makes a credential. The key is its whole text, which is told only now; "" for a client that signs its assertions.
// Invalid says everything that is wrong at once: sites that are not there, scopes, both JWKS and JWKSURL, keys that cannot be used, an end in the past.
func (r Registry) CreateCredential(ctx context.Context, n NewCredential) (c Credential, key string, err error) {
	return c, "", nil
}

// Credentials lists those of a site, or all for "", by time of creation.
func (r Registry) Credentials(ctx context.Context, site string) ([]Credential, error) {
	return nil, nil
}

// Credential returns one. NotFound.
func (r Registry) Credential(ctx context.Context, id string) (Credential, error) {
	return Credential{}, nil
}

// RotateCredential gives a credential a new secret; the old one works for the grace time on. NotFound; Unprocessable for one that is revoked, or has no secret.
func (r Registry) RotateCredential(ctx context.Context, id string, grace time.Duration) (c Credential, key string, err error) {
	return c, "", nil
}

// RevokeCredential ends a credential for ever, and the tokens that it got. NotFound.
func (r Registry) RevokeCredential(ctx context.Context, id string) (Credential, error) {
	return Credential{}, nil
}

// siteKey is the name of a site as it is compared and kept.
func siteKey(name string) string { return name }

// --- scope.go

// ParseScopes reads SMART scopes of the first and second version, "system/*.read", "system/Patient.rs", and AdminScope. Invalid names each that is none, or that
// cannot be given: user/ and patient/ scopes, and a restriction by a search ("?…").
func ParseScopes(scopes []string) (_ fhir.Scopes, admin bool, err error) { return nil, false, nil }

// --- authenticate.go, known.go: the credential of a request, the memory of credentials

// New makes an Access.
func New(ctx context.Context, c Config) (*Access, error) { return &Access{Config: c}, nil }

// Authenticate says who asks: a rest.Authenticate. It holds the limits, tells them in the headers of the answer, and records what it refuses.
func (a *Access) Authenticate(r *http.Request, answer http.Header) (fhir.Principal, error) {
	return fhir.Principal{}, nil
}

// holder is a credential as it is known now: with the hashes of its secrets, its scopes read, and the sites that it may use.
// usable says why it does not work now (expired, revoked), from an address.
//
//	func (a *Access) known(ctx context.Context, id string) (*holder, error)          // NotFound
//	func (h *holder) proves(secret string, now time.Time) bool                       // in constant time
//	func (h *holder) usable(now time.Time, from netip.Addr) error                    // Unauthenticated; Forbidden for the address

// --- token.go, assertion.go, signing.go, introspect.go: everything of OAuth

// Handler serves everything at /auth.
func (a *Access) Handler() http.Handler { return http.NotFoundHandler() }

// verified says what an access token grants. Unauthenticated where it is none of ours, expired, or was revoked.
//
//	func (a *Access) verified(ctx context.Context, token string) (grant, error)
//	type grant struct{ client, id string; scopes fhir.Scopes; admin bool; site string; until time.Time }  // site "" where the credential has several

// --- admin.go: sites and keys by REST, for administrators
//
//	func (a *Access) administer() http.Handler                                       // SitesPath, KeysPath and below
