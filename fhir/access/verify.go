package access

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-health/portico/fhir"
)

const (
	maxToken   = 16 << 10 // bytes of an access token
	mostTokens = 1 << 13  // verified ones in a generation of the memory, of which there are two
)

// revokedRecords name the tokens that were revoked; their jti follows.
const revokedRecords = "access/revoked/"

// grant is what an access token permits.
type grant struct {
	client string // id of the credential
	signed string // kid of the key
	id     string // of the token: jti
	scope  string // as it was granted
	scopes fhir.Scopes
	admin  bool
	issued time.Time
	until  time.Time // it expires
}

// verified says what an access token grants, and to whom: one that this server signed, that has not expired, and was not revoked, nor its credential. Unauthenticated; Unavailable. With an
// error, the grant says whose token it was, where that is proven all the same.
func (a *Access) verified(ctx context.Context, token string) (grant, *holder, error) {
	return a.verifiedFrom(ctx, token, netip.Addr{})
}

// verifiedFrom is verified for who presents a token from an address: the signature of one that was not shown lately is looked at if mayLookUp permits it.
func (a *Access) verifiedFrom(ctx context.Context, token string, from netip.Addr) (grant, *holder, error) {
	key := digestOf(token)
	g, found := a.tokens.get(key)
	if !found {
		if from.IsValid() && !a.mayLookUp(from, a.Now()) {
			return grant{}, nil, wrongCredential()
		}
		var err error
		if g, err = a.readToken(ctx, token); err != nil {
			return grant{}, nil, err
		}
	} else if key, err := a.keys.find(ctx, g.signed); err != nil {
		return g, nil, err
	} else if key == nil {
		return g, nil, badToken("The key that signed the access token was retired. Get another one.")
	}
	now := a.Now()
	if !now.Before(g.until) {
		return g, nil, badToken("The access token has expired. Get another one.")
	}
	if !found {
		a.tokens.put(key, g)
	}
	if _, err := a.revoked.get(ctx, g.id, now); err == nil {
		return g, nil, badToken("The access token was revoked.")
	} else if !errors.Is(err, fhir.NotFound) {
		return g, nil, err
	}
	h, err := a.known(ctx, g.client)
	switch {
	case errors.Is(err, fhir.NotFound):
		return g, nil, badToken("The credential of the access token is not there any more.")
	case err != nil:
		return g, nil, err
	case h.State(now) != "active":
		return g, nil, badToken("The credential of the access token was revoked, or has expired.")
	}
	return g, h, nil
}

// badToken is the error for a token that grants nothing.
func badToken(detail string) *fhir.Error {
	return fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "%s", detail)
}

// readToken verifies the text of a token as RFC 9068 4 says; whether it has expired is left to verified.
func (a *Access) readToken(ctx context.Context, text string) (grant, error) {
	if len(text) > maxToken {
		return grant{}, badToken("The access token is too long for one of this server.")
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{signingAlgorithm})
	if err != nil {
		return grant{}, badToken("The access token is none of this server.").Because(err)
	}
	header := token.Headers[0]
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != tokenType {
		return grant{}, badToken("This is a token for something else, no access token.")
	}
	key, err := a.keys.find(ctx, header.KeyID)
	if err != nil {
		return grant{}, err
	}
	if key == nil {
		return grant{}, badToken("The access token is signed by no key of this server.")
	}
	var c tokenClaims
	if err := token.Claims(key, &c); err != nil {
		return grant{}, badToken("The access token was altered: its signature is wrong.").Because(err)
	}
	g, err := a.granted(c)
	g.signed = header.KeyID
	return g, err
}

// granted reads the claims of a token whose signature is ours.
func (a *Access) granted(c tokenClaims) (grant, error) {
	scopes, admin, err := ParseScopes(strings.Fields(c.Scope))
	now := a.Now()
	switch {
	case c.Issuer != a.config.BaseURL:
		return grant{}, badToken("The access token is of another issuer (iss).")
	case !c.Audience.Contains(a.config.BaseURL + audiencePath):
		return grant{}, badToken("The access token is for another server (aud).")
	case c.Expiry == nil || c.IssuedAt == nil || c.ID == "" || c.Subject == "" || c.Subject != c.ClientID || err != nil:
		return grant{}, badToken("The access token lacks what one of this server has.")
	case c.IssuedAt.Time().After(now.Add(clockSkew)) || c.NotBefore.Time().After(now.Add(clockSkew)):
		return grant{}, badToken("The access token is not valid yet.")
	}
	return grant{
		client: c.ClientID, id: c.ID, scope: c.Scope, scopes: scopes, admin: admin, issued: c.IssuedAt.Time(), until: c.Expiry.Time(),
	}, nil
}

// readRevoked finds out whether a token was revoked: then there is a record.
func (a *Access) readRevoked(ctx context.Context, jti string) (struct{}, error) {
	_, err := a.Records.Get(ctx, revokedRecords+jti)
	return struct{}{}, err
}

// verifiedTokens remembers what was verified, by the digest of the text, in two generations: when the younger is full it becomes the older, and that is forgotten.
type verifiedTokens struct {
	mu         sync.Mutex
	young, old map[digest]grant
}

func (v *verifiedTokens) get(key digest) (grant, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	g, ok := v.young[key]
	if ok {
		return g, true
	}
	if g, ok = v.old[key]; ok {
		v.add(key, g)
	}
	return g, ok
}

func (v *verifiedTokens) put(key digest, g grant) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(key, g)
}

func (v *verifiedTokens) add(key digest, g grant) {
	if v.young == nil || len(v.young) >= mostTokens {
		v.young, v.old = make(map[digest]grant), v.young
	}
	v.young[key] = g
}
