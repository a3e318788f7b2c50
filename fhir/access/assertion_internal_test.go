package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestAssertionRefused: https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html, and attacks on JWTs (RFC 8725).
func TestAssertionRefused(t *testing.T) {
	r := newRig(t)
	foreign := mustMake(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	other := r.client(t, NewCredential{JWKS: keySet(t, jose.JSONWebKey{Key: foreign.Public(), KeyID: "ec"})})
	gone := r.client(t, NewCredential{JWKS: keySet(t, jose.JSONWebKey{Key: foreign.Public(), KeyID: "ec"})})
	if _, err := r.RevokeCredential(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	now := r.time.Now()
	with := func(pairs ...any) map[string]any {
		claims := r.claims(r.signs)
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] == nil {
				delete(claims, pairs[i].(string))
				continue
			}
			claims[pairs[i].(string)] = pairs[i+1]
		}
		return claims
	}
	ec := func(claims map[string]any) string { return assertion(t, clientEC(), "ec", claims) }
	header := func(pairs map[jose.HeaderKey]any) string {
		all := map[jose.HeaderKey]any{"kid": "ec", "typ": "JWT"}
		maps.Copy(all, pairs)
		return signed(t, jose.ES384, clientEC(), all, with())
	}
	publicText, _ := x509.MarshalPKIXPublicKey(clientRSA().Public())
	good := strings.Split(ec(with()), ".")
	for _, c := range []struct{ name, text, says string }{
		{"no JWT", "x", "no JWT"},
		{"alg none", raw(`{"alg":"none","kid":"ec","typ":"JWT"}`, with()) + ".", "RS384 or ES384"},
		{"alg None", raw(`{"alg":"None","kid":"ec","typ":"JWT"}`, with()) + ".", "RS384 or ES384"},
		{"no alg", raw(`{"kid":"ec","typ":"JWT"}`, with()) + "." + good[2], "RS384 or ES384"},
		{"HS256 with the public key as secret", signed(t, jose.HS256, publicText, map[jose.HeaderKey]any{"kid": "rsa", "typ": "JWT"}, with()), "RS384 or ES384"},
		{"HS384 with the public key as secret", signed(t, jose.HS384, append(publicText, publicText...), map[jose.HeaderKey]any{"kid": "rsa", "typ": "JWT"}, with()), "RS384 or ES384"},
		{"RS256", signed(t, jose.RS256, clientRSA(), map[jose.HeaderKey]any{"kid": "rsa", "typ": "JWT"}, with()), "RS384 or ES384"},
		{"PS384", signed(t, jose.PS384, clientRSA(), map[jose.HeaderKey]any{"kid": "rsa", "typ": "JWT"}, with()), "RS384 or ES384"},
		{"RS384 where kid is an EC key", signed(t, jose.RS384, clientRSA(), map[jose.HeaderKey]any{"kid": "ec", "typ": "JWT"}, with()), "must be ES384"},
		{"a foreign key", assertion(t, foreign, "ec", with()), "signature"},
		{"a foreign key in the header", signedWithJWK(t, foreign, with()), "kid"},
		{"a foreign key at jku", signed(t, jose.ES384, foreign, map[jose.HeaderKey]any{"kid": "ec", "typ": "JWT", "jku": "https://evil.example.org/jwks"}, with()), "jku"},
		{"a jku that is not registered", header(map[jose.HeaderKey]any{"jku": "https://client.example.org/jwks"}), "jku"},
		{"an unknown kid", assertion(t, clientEC(), "none", with()), "none of the client's keys"},
		{"no kid", signed(t, jose.ES384, clientEC(), map[jose.HeaderKey]any{"typ": "JWT"}, with()), "no kid"},
		{"typ of an access token", header(map[jose.HeaderKey]any{"typ": "at+jwt"}), "typ"},
		{"typ that is no text", header(map[jose.HeaderKey]any{"typ": 1}), "typ"},
		{"a critical header", raw(`{"alg":"ES384","kid":"ec","typ":"JWT","crit":["new"],"new":1}`, with()) + "." + good[2], "kid names"},
		{"altered claims", good[0] + "." + strings.Split(raw("{}", with("exp", now.Add(time.Minute).Unix())), ".")[1] + "." + good[2], "signature"},
		{"altered signature", good[0] + "." + good[1] + "." + strings.Repeat("A", len(good[2])), "signature"},
		{"no signature", good[0] + "." + good[1] + ".", "signature"},
		{"JSON serialization", `{"payload":"` + good[1] + `","protected":"` + good[0] + `","signature":"` + good[2] + `"}`, "no JWT"},
		{"another client's", assertion(t, clientEC(), "ec", with("iss", other, "sub", other)), "signature"},
		{"a client of a secret", ec(with("iss", r.id, "sub", r.id)), "no client"},
		{"no such client", ec(with("iss", "test_0000000000000000000000", "sub", "test_0000000000000000000000")), "no client"},
		{"iss that is no client", ec(with("iss", strings.Repeat("x", 5000))), "no client"},
		{"no iss", ec(with("iss", nil)), "no client"},
		{"iss that is no text", ec(with("iss", 1)), "cannot be read"},
		{"a revoked client", assertion(t, foreign, "ec", func() map[string]any { return r.claims(gone) }()), "revoked"},
		{"another sub", ec(with("sub", other)), "sub must be iss"},
		{"no sub", ec(with("sub", nil)), "sub must be iss"},
		{"another aud", ec(with("aud", "https://other.example.org/auth/token")), "aud must be " + baseURL + TokenPath},
		{"the issuer as aud", ec(with("aud", baseURL)), "aud must be"},
		{"more than one aud", ec(with("aud", []string{baseURL + TokenPath, "https://other.example.org"})), "aud must be"},
		{"no aud", ec(with("aud", nil)), "aud must be"},
		{"no exp", ec(with("exp", nil)), "exp is missing"},
		{"exp in text", ec(with("exp", "soon")), "cannot be read"},
		{"expired", ec(with("exp", now.Add(-assertionSkew).Unix())), "exp is over"},
		{"exp far ahead", ec(with("exp", now.Add(assertionLife+assertionSkew+time.Second).Unix())), "five minutes ahead"},
		{"exp in milliseconds", ec(with("exp", now.UnixMilli())), "five minutes ahead"},
		{"exp beyond all time", ec(with("exp", 1e300)), "cannot be read"},
		{"not valid yet", ec(with("nbf", now.Add(assertionSkew+time.Second).Unix())), "nbf is to come"},
		{"made in the future", ec(with("iat", now.Add(assertionSkew+time.Second).Unix())), "iat is to come"},
		{"no jti", ec(with("jti", nil)), "jti is missing"},
		{"a long jti", ec(with("jti", strings.Repeat("x", maxJTI+1))), "jti has more"},
		{"several faults", ec(with("jti", nil, "sub", nil, "aud", nil, "exp", nil)), "sub must be iss, the client_id; aud must be " + baseURL + TokenPath + " alone; jti is missing; exp is missing"},
		{"a long one", ec(with("x", strings.Repeat("x", maxAssertion))), "16384 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.limit(0)
			checkRefusal(t, r.ask(t, r.Access, TokenPath, asserting(c.text)), 401, invalidClient, c.says)
		})
	}
	checkRefusal(t, r.ask(t, r.Access, TokenPath, asserting(ec(with()), "client_id", other)), 400, invalidRequest, "client_id is not the iss")
	wrongType := asserting(ec(with()))
	wrongType.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
	checkRefusal(t, r.ask(t, r.Access, TokenPath, wrongType), 400, invalidRequest, "client_assertion_type must be")
	wrongType.Del("client_assertion_type")
	checkRefusal(t, r.ask(t, r.Access, TokenPath, wrongType), 400, invalidRequest, "client_assertion_type must be")
	checkRefusal(t, r.ask(t, r.Access, TokenPath, asserting("")), 400, invalidRequest, "client_assertion is missing")
}

// raw is header and claims of a JWT, not signed.
func raw(header string, claims map[string]any) string {
	text, _ := json.Marshal(claims)
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(text)
}

// signedWithJWK has the key that verifies it in its own header.
func signedWithJWK(t *testing.T, key *ecdsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: key}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(claims)
	signature, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signature.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// TestAssertionTaken has what is unusual, and right.
func TestAssertionTaken(t *testing.T) {
	r := newRig(t)
	now := r.time.Now()
	for _, c := range []struct {
		name   string
		header map[jose.HeaderKey]any
		claims map[string]any
	}{
		{"no typ", map[jose.HeaderKey]any{"kid": "ec"}, nil},
		{"typ in lower case", map[jose.HeaderKey]any{"kid": "ec", "typ": "jwt"}, nil},
		{"the typ of RFC 7523bis", map[jose.HeaderKey]any{"kid": "ec", "typ": "client-authentication+jwt"}, nil},
		{"aud as array", nil, map[string]any{"aud": []string{baseURL + TokenPath}}},
		{"just before the end, with skew", nil, map[string]any{"exp": now.Add(-assertionSkew + time.Second).Unix()}},
		{"just before five minutes, with skew", nil, map[string]any{"exp": now.Add(assertionLife + assertionSkew).Unix()}},
		{"a fraction of a second", nil, map[string]any{"exp": float64(now.Unix()) + 60.5}},
		{"iat and nbf within the skew", nil, map[string]any{"iat": now.Add(assertionSkew).Unix(), "nbf": now.Add(assertionSkew).Unix()}},
		{"claims of its own", nil, map[string]any{"extensions": map[string]any{"hl7-b2b": 1}}},
	} {
		claims := r.claims(r.signs)
		maps.Copy(claims, c.claims)
		if c.header == nil {
			c.header = map[jose.HeaderKey]any{"kid": "ec", "typ": "JWT"}
		}
		if w := r.ask(t, r.Access, TokenPath, asserting(signed(t, jose.ES384, clientEC(), c.header, claims))); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}

// TestAssertionReplayed: one assertion, many times at once, at several nodes: one gets a token. Later nobody does, as long as it would be valid; another client may
// use the same jti.
func TestAssertionReplayed(t *testing.T) {
	r := newRig(t)
	nodes := []*Access{r.Access, r.node(), r.node()}
	claims := r.claims(r.signs)
	text := assertion(t, clientEC(), "ec", claims)
	var taken atomic.Int32
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			w := r.ask(t, nodes[i%len(nodes)], TokenPath, asserting(text))
			switch {
			case w.Code == http.StatusOK:
				taken.Add(1)
			case w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "used already"):
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	group.Wait()
	if n := taken.Load(); n != 1 {
		t.Errorf("%d of 64 got a token", n)
	}
	r.time.forward(4*time.Minute + assertionSkew - time.Second)
	checkRefusal(t, r.ask(t, nodes[1], TokenPath, asserting(text)), 401, invalidClient, "used already")
	twin := r.client(t, NewCredential{JWKS: keySet(t, clientKeyEC())})
	theirs := r.claims(twin)
	theirs["jti"] = claims["jti"]
	r.tokenOf(t, asserting(assertion(t, clientEC(), "ec", theirs)))
	r.time.forward(2 * time.Hour)
	records, err := r.records.Scan(t.Context(), jtiRecords, "", 10)
	if err != nil || len(records) != 0 {
		t.Errorf("%d records of assertions are kept for ever: %v", len(records), err)
	}
}
