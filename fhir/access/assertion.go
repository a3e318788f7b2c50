package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-health/portico/fhir"
)

const (
	assertionLife = 5 * time.Minute  // the exp of an assertion is no further ahead, says SMART
	assertionSkew = 30 * time.Second // by which the clock of a client may be wrong
	maxAssertion  = 16 << 10         // bytes
	maxJTI        = 256              // bytes
)

// jtiRecords name the assertions that were used; a hash of client and jti follows.
const jtiRecords = "access/jti/"

// assertionAlgorithms are SigningAlgorithms. Parsing takes no other: neither none, nor a MAC whose secret would be a public key.
var assertionAlgorithms = []jose.SignatureAlgorithm{jose.RS384, jose.ES384}

// assertingClient is the client that proves itself by an assertion
// (https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html, RFC 7523 3). The key is that of the registered ones that the header names by kid;
// keys in the header itself, or where it points (jwk, x5c, x5u), are not looked at, and a jku is that of the registration or a fault.
//
// An assertion counts once, so it is kept for later where the client is beyond its limit, with an error that is a throttled.
func (a *Access) assertingClient(ctx context.Context, p *posted, limit *limiter) (*holder, error) {
	text := p.form["client_assertion"]
	switch {
	case p.form["client_assertion_type"] != assertionType:
		return nil, refuse(invalidRequest, "client_assertion_type must be "+assertionType+".")
	case text == "":
		return nil, refuse(invalidRequest, "The parameter client_assertion is missing.")
	}
	assertion, claims, err := parseAssertion(text)
	if err != nil {
		return nil, err
	}
	if id, ok := p.form["client_id"]; ok && id != claims.Issuer {
		return nil, refuse(invalidRequest, "client_id is not the iss of the assertion.")
	}
	h, err := a.claimed(ctx, p, claims.Issuer)
	if err != nil {
		return nil, err
	}
	if h == nil || len(h.JWKS) == 0 && h.JWKSURL == "" {
		return h, refuse(invalidClient, "The iss of the assertion is no client that is registered here with keys.")
	}
	key, err := a.clientKey(ctx, h, assertion.Headers[0])
	if err != nil {
		return h, err
	}
	if !a.mayLookUp(p.from, a.Now()) || assertion.Claims(key, &claims) != nil {
		return h, refuse(invalidClient, "The signature of the assertion is not by the key that its kid names.")
	}
	if faults := a.assertionFaults(claims); len(faults) > 0 {
		return h, refuse(invalidClient, "The assertion is refused: "+strings.Join(faults, "; ")+".")
	}
	if err := a.mayUse(ctx, h, p); err != nil {
		return h, err
	}
	if left := limit.peek(h.ID, a.Now()); !left.ok {
		return h, throttled{left}
	}
	return h, a.useOnce(ctx, claims)
}

// parseAssertion reads an assertion, and what it claims without proof.
func parseAssertion(text string) (*jwt.JSONWebToken, jwt.Claims, error) {
	var claims jwt.Claims
	if len(text) > maxAssertion {
		return nil, claims, refuse(invalidClient, fmt.Sprintf("The assertion has more than %d bytes.", maxAssertion))
	}
	assertion, err := jwt.ParseSigned(text, assertionAlgorithms)
	if err != nil {
		return nil, claims, refuse(invalidClient, "The assertion is no JWT that is signed by RS384 or ES384.")
	}
	typ, typed := assertion.Headers[0].ExtraHeaders[jose.HeaderType]
	name, _ := typ.(string)
	if typed && !strings.EqualFold(name, "JWT") && !strings.EqualFold(name, "client-authentication+jwt") {
		return nil, claims, refuse(invalidClient, "The typ of the assertion must be JWT: another one is a token for something else.")
	}
	if assertion.UnsafeClaimsWithoutVerification(&claims) != nil {
		return nil, claims, refuse(invalidClient, "The claims of the assertion cannot be read: iss, sub and jti are texts, exp a number of seconds.")
	}
	return assertion, claims, nil
}

// clientKey is the public key that an assertion says it is signed by.
func (a *Access) clientKey(ctx context.Context, h *holder, header jose.Header) (any, error) {
	if header.KeyID == "" {
		return nil, refuse(invalidClient, "The assertion has no kid in its header, which says by which of the client's keys it is signed.")
	}
	if jku, pointed := header.ExtraHeaders["jku"]; pointed && (h.JWKSURL == "" || jku != h.JWKSURL) {
		return nil, refuse(invalidClient, "The jku of the assertion is not the URL that is registered for the client's keys; leave it out.")
	}
	var key jose.JSONWebKey
	var found bool
	if h.JWKSURL != "" {
		var err error
		if key, found, err = a.outside.find(ctx, h.JWKSURL, header.KeyID); err != nil {
			return nil, err
		}
	} else {
		keys, _ := readKeySet(h.JWKS)
		key, found = keyNamed(keys, header.KeyID)
	}
	if !found {
		return nil, refuse(invalidClient, "The kid of the assertion names none of the client's keys that can be used here.")
	}
	if algorithm := algorithmOf(key); header.Algorithm != string(algorithm) {
		return nil, refuse(invalidClient, "With the key that kid names, the alg of the assertion must be "+string(algorithm)+".")
	}
	return key.Key, nil
}

// assertionFaults says what is wrong with the claims of an assertion whose signature is right.
func (a *Access) assertionFaults(c jwt.Claims) (faults []string) {
	now, endpoint := a.Now(), a.config.BaseURL+TokenPath
	for _, f := range []struct {
		holds bool
		what  string
	}{
		{c.Subject == c.Issuer, "sub must be iss, the client_id"},
		{len(c.Audience) == 1 && c.Audience[0] == endpoint, "aud must be " + endpoint + " alone"},
		{c.ID != "", "jti is missing"},
		{len(c.ID) <= maxJTI, fmt.Sprintf("jti has more than %d bytes", maxJTI)},
		{c.Expiry != nil, "exp is missing"},
		{c.Expiry == nil || now.Before(c.Expiry.Time().Add(assertionSkew)), "exp is over; compare the clocks"},
		{c.Expiry == nil || !c.Expiry.Time().After(now.Add(assertionLife+assertionSkew)), "exp is more than five minutes ahead"},
		{c.NotBefore == nil || !c.NotBefore.Time().After(now.Add(assertionSkew)), "nbf is to come; compare the clocks"},
		{c.IssuedAt == nil || !c.IssuedAt.Time().After(now.Add(assertionSkew)), "iat is to come; compare the clocks"},
	} {
		if !f.holds {
			faults = append(faults, f.what)
		}
	}
	return faults
}

// useOnce refuses an assertion that was used already, at whichever node: of many at once, one is taken.
func (a *Access) useOnce(ctx context.Context, c jwt.Claims) error {
	hash := sha256.Sum256([]byte(c.Issuer + "\x00" + c.ID))
	end := fhir.InstantOf(c.Expiry.Time().Add(assertionSkew + clockSkew))
	_, err := a.Records.Swap(ctx, jtiRecords+hex.EncodeToString(hash[:]), 0, []byte{1}, end)
	if errors.Is(err, fhir.Conflict) {
		return refuse(invalidClient, "The assertion was used already: each needs a jti of its own.")
	}
	return err
}
