package access

import (
	"context"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/portico-health/portico/fhir"
)

// holder is a credential as it is known now: with the digests of its secrets, its scopes read, and the partitions of its sites. It is shared, and not to be
// changed. A log of it has its id alone.
type holder struct {
	Credential
	secrets []heldSecret // the newest first; none for a client that signs its assertions

	scopes     fhir.Scopes
	admin      bool
	partitions map[string]fhir.Partition // by siteKey; for the mode of the credential
}

// newHolder makes a holder of a credential as it is kept.
func newHolder(k kept) (*holder, error) {
	h := &holder{Credential: k.Credential, secrets: k.Secrets, partitions: make(map[string]fhir.Partition, len(k.Sites))}
	for _, site := range k.Sites {
		h.partitions[siteKey(site)] = Partition(site, k.Mode)
	}
	var err error
	if h.scopes, h.admin, err = ParseScopes(k.Scopes); err != nil {
		return nil, fmt.Errorf("credential %s: %w", k.ID, err)
	}
	return h, nil
}

// known returns a credential, as it was half a second ago at most. NotFound; Unavailable.
func (a *Access) known(ctx context.Context, id string) (*holder, error) {
	if !validID(id) { // nothing else is worth to be remembered
		return nil, noCredential(nil)
	}
	return a.holders.get(ctx, id, a.Now())
}

// proves says in constant time whether a secret is one of the credential's, or of a former one's whose grace time has not ended. Nil proves nothing, as
// slowly.
func (h *holder) proves(secret string, now time.Time) bool {
	is, proven := digestOf(secret), 0
	if h == nil || len(h.secrets) == 0 {
		var none digest
		subtle.ConstantTimeCompare(is[:], none[:])
		return false
	}
	for i := range h.secrets {
		equal := subtle.ConstantTimeCompare(is[:], h.secrets[i].Digest[:])
		if h.secrets[i].works(now) {
			proven |= equal
		}
	}
	return proven == 1
}

// usable says why the credential does not work now, from an address: Unauthenticated where it was revoked or has expired, Forbidden for the address. It is for
// those who have proved that it is theirs.
func (h *holder) usable(now time.Time, from netip.Addr) error {
	switch state := h.State(now); {
	case state == "revoked":
		return fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "The credential was revoked.")
	case state == "expired":
		return fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "The credential has expired.")
	case !h.allows(from):
		return fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden, "The credential does not work from this address.")
	}
	return nil
}

// allows says whether the credential works from an address. That of a client is without zone, and no IPv4 address in IPv6.
func (h *holder) allows(from netip.Addr) bool {
	for _, p := range h.Allow {
		if p.Contains(from) {
			return true
		}
	}
	return len(h.Allow) == 0
}

// Format writes the id for every verb.
func (h *holder) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(h.ID)) }

// LogValue is the id.
func (h *holder) LogValue() slog.Value { return slog.StringValue(h.ID) }
