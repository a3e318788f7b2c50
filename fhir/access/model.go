package access

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/portico-health/portico/fhir"
)

// OperatorSite is the name of the operator's own site.
const OperatorSite = "_portico"

// AdminScope lets a credential operate the server: make sites and keys, and see how searches are carried out.
const AdminScope = "portico/admin"

// Mode is which partition of a site a credential works on.
type Mode string

// The modes; they begin the text of a key.
const (
	Test Mode = "test"
	Live Mode = "live"
)

// Partition is where the data of a site is: "demo/test". Names of sites are compared without case, and so the partition has it in lower case.
func Partition(site string, m Mode) fhir.Partition {
	return fhir.Partition(siteKey(site) + "/" + string(m))
}

// Site is a tenant.
type Site struct {
	Name      string    `json:"name"` // as it was created; 2 to 32 of [A-Za-z0-9-]
	Created   time.Time `json:"created"`
	Active    bool      `json:"active"`    // its live credentials work
	Suspended bool      `json:"suspended"` // none of its credentials works
}

// Credential is an API key, which is an OAuth client too, or an OAuth client that signs its assertions (JWKS or JWKSURL), which is no key.
type Credential struct {
	ID      string         `json:"id"` // "test_" or "live_" and 22 of [0-9A-Za-z]; the client_id
	Name    string         `json:"name,omitempty"`
	Mode    Mode           `json:"mode"`
	Sites   []string       `json:"sites"`  // names, as the sites have them; one at least
	Scopes  []string       `json:"scopes"` // "system/*.cruds", AdminScope; as ParseScope writes them
	Created time.Time      `json:"created"`
	Expires time.Time      `json:"expires,omitzero"`
	Revoked time.Time      `json:"revoked,omitzero"`
	Rotated time.Time      `json:"rotated,omitzero"`
	Allow   []netip.Prefix `json:"allow,omitempty"` // addresses from which it works; none: from everywhere

	JWKS    json.RawMessage `json:"jwks,omitempty"`     // public keys of the client (RFC 7517)
	JWKSURL string          `json:"jwks_url,omitempty"` // where they are
}

// State says in a word whether a credential works at a time: "active", "expired" or "revoked".
func (c Credential) State(now time.Time) string {
	switch {
	case !c.Revoked.IsZero():
		return "revoked"
	case !c.Expires.IsZero() && !now.Before(c.Expires):
		return "expired"
	default:
		return "active"
	}
}

// NewCredential is what a credential is to be made of.
type NewCredential struct {
	Name    string          `json:"name,omitempty"`
	Mode    Mode            `json:"mode"`
	Sites   []string        `json:"sites"`
	Scopes  []string        `json:"scopes,omitempty"` // none: DefaultScope
	Expires time.Time       `json:"expires,omitzero"`
	Allow   []netip.Prefix  `json:"allow,omitempty"`
	JWKS    json.RawMessage `json:"jwks,omitempty"`
	JWKSURL string          `json:"jwks_url,omitempty"`
}

// DefaultScope is that of a credential for which none is named.
const DefaultScope = "system/*.cruds"
