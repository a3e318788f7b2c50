package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/storage"
)

// TestVerifiedRefuses what is no access token of this server, or not any more: RFC 9068 4, and attacks on JWTs (RFC 8725).
func TestVerifiedRefuses(t *testing.T) {
	r := newRig(t)
	good := r.tokenOf(t, r.bySecret()).AccessToken
	parts := strings.Split(good, ".")
	key := r.keys.keys[0].Key
	own, ownPublic := key.Key.(*ecdsa.PrivateKey), key.Public().Key
	publicText, _ := x509.MarshalPKIXPublicKey(ownPublic)
	foreign := mustMake(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	now := r.time.Now()
	with := func(pairs ...any) map[string]any {
		claims := map[string]any{
			"iss": baseURL, "sub": r.id, "client_id": r.id, "aud": baseURL + "/fhir", "scope": "system/*.rs", "jti": fhir.NewID(now),
			"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(TokenLife).Unix(),
		}
		for i := 0; i < len(pairs); i += 2 {
			claims[pairs[i].(string)] = pairs[i+1]
		}
		return claims
	}
	head := func(pairs ...any) map[jose.HeaderKey]any {
		header := map[jose.HeaderKey]any{"kid": key.KeyID, "typ": "at+jwt"}
		for i := 0; i < len(pairs); i += 2 {
			header[jose.HeaderKey(pairs[i].(string))] = pairs[i+1]
		}
		return header
	}
	ours := func(claims map[string]any) string { return signed(t, jose.ES256, own, head(), claims) }
	if _, _, err := r.verified(t.Context(), ours(with())); err != nil {
		t.Fatalf("what the others differ from: %v", err)
	}
	header := func(alg string) string {
		return raw(`{"alg":"`+alg+`","kid":"`+key.KeyID+`","typ":"at+jwt"}`, with()) + "."
	}
	for _, c := range []struct{ name, text, says string }{
		{"nothing", "", "none of this server"},
		{"what is no JWT", "a.b.c", "none of this server"},
		{"without signature", parts[0] + "." + parts[1] + ".", "altered"},
		{"altered claims", parts[0] + "." + strings.Split(raw("{}", with("scope", "portico/admin")), ".")[1] + "." + parts[2], "altered"},
		{"altered signature", parts[0] + "." + parts[1] + "." + parts[2][:10] + "AAAA" + parts[2][14:], "altered"},
		{"a zero signature", parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), "altered"},
		{"alg none", header("none"), "none of this server"},
		{"alg NONE", header("NONE"), "none of this server"},
		{"HS256 with the public key as secret", signed(t, jose.HS256, publicText, head(), with()), "none of this server"},
		{"RS384", signed(t, jose.RS384, clientRSA(), head(), with()), "none of this server"},
		{"a foreign key", signed(t, jose.ES256, foreign, head(), with()), "altered"},
		{"a foreign key of its own name", signed(t, jose.ES256, foreign, head("kid", "mine"), with()), "no key of this server"},
		{"a foreign key in the header", signedWithJWK256(t, foreign, with()), "no key of this server"},
		{"a foreign key at jku", signed(t, jose.ES256, foreign, head("jku", "https://evil.example.org"), with()), "altered"},
		{"no kid", signed(t, jose.ES256, own, map[jose.HeaderKey]any{"typ": "at+jwt"}, with()), "no key of this server"},
		{"no typ", signed(t, jose.ES256, own, map[jose.HeaderKey]any{"kid": key.KeyID}, with()), "something else"},
		{"typ JWT", signed(t, jose.ES256, own, head("typ", "JWT"), with()), "something else"},
		{"an assertion", assertion(t, clientEC(), "ec", r.claims(r.signs)), "none of this server"},
		{"another issuer", ours(with("iss", "https://other.example.org")), "another issuer"},
		{"another audience", ours(with("aud", "https://other.example.org/fhir")), "another server"},
		{"the token endpoint as audience", ours(with("aud", baseURL+TokenPath)), "another server"},
		{"no audience", ours(with("aud", []string{})), "another server"},
		{"expired", ours(with("exp", now.Unix())), "expired"},
		{"expired long ago", ours(with("exp", 0, "iat", 0, "nbf", 0)), "expired"},
		{"not valid yet", ours(with("nbf", now.Add(clockSkew+time.Second).Unix())), "not valid yet"},
		{"made in the future", ours(with("iat", now.Add(clockSkew+time.Second).Unix())), "not valid yet"},
		{"no exp", ours(with("exp", nil)), "lacks"},
		{"no iat", ours(with("iat", nil)), "lacks"},
		{"no jti", ours(with("jti", "")), "lacks"},
		{"no subject", ours(with("sub", "", "client_id", "")), "lacks"},
		{"a subject that is not the client", ours(with("sub", r.signs)), "lacks"},
		{"a scope that is none", ours(with("scope", "everything")), "lacks"},
		{"claims that are no claims", ours(map[string]any{"exp": "soon"}), "altered"},
		{"no such credential", ours(with("sub", "test_0000000000000000000000", "client_id", "test_0000000000000000000000")), "not there any more"},
		{"a long one", ours(with("x", strings.Repeat("x", maxToken))), "too long"},
	} {
		for range 2 { // what was refused is not remembered as good
			_, _, err := r.verified(t.Context(), c.text)
			if !errors.Is(err, fhir.Unauthenticated) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want %q", c.name, err, c.says)
			}
		}
	}
}

func signedWithJWK256(t *testing.T, key *ecdsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("at+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestVerifiedUntilTheEnd, to the second, on a node that remembers the token and on one that does not.
func TestVerifiedUntilTheEnd(t *testing.T) {
	r := newRig(t)
	text := r.tokenOf(t, r.bySecret()).AccessToken
	r.time.forward(TokenLife - time.Nanosecond)
	if _, _, err := r.verified(t.Context(), text); err != nil {
		t.Error(err)
	}
	r.time.forward(time.Nanosecond)
	for _, a := range []*Access{r.Access, r.node()} {
		if _, _, err := a.verified(t.Context(), text); !errors.Is(err, fhir.Unauthenticated) {
			t.Errorf("beyond its end: %v", err)
		}
	}
}

// TestRevocationHoldsWithinASecond, of a token and of its credential, on every node, also on those that remember the token.
func TestRevocationHoldsWithinASecond(t *testing.T) {
	for _, c := range []struct {
		name   string
		revoke func(r *rig, token string)
	}{
		{"the token", func(r *rig, token string) { r.ask(t, r.Access, RevokePath, r.bySecret("token", token)) }},
		{"the credential", func(r *rig, _ string) { _, _ = r.RevokeCredential(t.Context(), r.id) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			nodes := []*Access{r.Access, r.node(), r.node()}
			text, other := r.tokenOf(t, r.bySecret()).AccessToken, r.tokenOf(t, asserting(assertion(t, clientEC(), "ec", r.claims(r.signs)))).AccessToken
			for _, a := range nodes {
				if _, _, err := a.verified(t.Context(), text); err != nil {
					t.Fatal(err)
				}
			}
			c.revoke(r, text)
			if _, _, err := r.verified(t.Context(), text); !errors.Is(err, fhir.Unauthenticated) {
				t.Errorf("on the same node it does not hold at once: %v", err)
			}
			r.time.forward(time.Second)
			for i, a := range nodes {
				if _, _, err := a.verified(t.Context(), text); !errors.Is(err, fhir.Unauthenticated) {
					t.Errorf("node %d: %v", i, err)
				}
				if _, _, err := a.verified(t.Context(), other); err != nil {
					t.Errorf("node %d: another token: %v", i, err)
				}
			}
		})
	}
}

// TestVerifiedWhileTheStoreIsDown: what cannot be looked up is not let through, and not refused as if it were wrong.
func TestVerifiedWhileTheStoreIsDown(t *testing.T) {
	r := newRig(t)
	text := r.tokenOf(t, r.bySecret()).AccessToken
	if _, _, err := r.verified(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	r.records.set(true)
	if _, _, err := r.verified(t.Context(), text); err != nil {
		t.Errorf("within the half second: %v", err)
	}
	r.time.forward(time.Second)
	for _, a := range []*Access{r.Access, r.node()} {
		if _, _, err := a.verified(t.Context(), text); !errors.Is(err, fhir.Unavailable) {
			t.Errorf("verified: %v", err)
		}
	}
}

// TestVerifiedTokensAreBounded, and those in use stay.
func TestVerifiedTokensAreBounded(t *testing.T) {
	v, used := &verifiedTokens{}, digestOf("used")
	v.put(used, grant{id: "used"})
	for i := range 5 * mostTokens {
		v.put(digestOf(string(rune('a'+i%26))+time.Duration(i).String()), grant{})
		if _, ok := v.get(used); i%1000 == 0 && !ok {
			t.Fatalf("forgotten after %d", i)
		}
	}
	if n := len(v.young) + len(v.old); n > 2*mostTokens {
		t.Errorf("%d tokens are remembered", n)
	}
}

// TestVerifiedByManyAtOnce is for the race detector.
func TestVerifiedByManyAtOnce(t *testing.T) {
	r := newRig(t)
	text := r.tokenOf(t, r.bySecret()).AccessToken
	node := r.node()
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			for range 20 {
				if _, _, err := node.verified(t.Context(), text); err != nil {
					t.Error(err)
				}
				r.time.forward(50 * time.Millisecond)
			}
		})
	}
	group.Wait()
}

// TestTokenLetsIn goes through Authenticate, as every face does.
func TestTokenLetsIn(t *testing.T) {
	r := newRig(t)
	text := r.tokenOf(t, r.bySecret("scope", "system/Patient.rs")).AccessToken
	q := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/fhir/Patient", http.NoBody)
	q.Header.Set("Authorization", "Bearer "+text)
	who, err := r.Authenticate(q, http.Header{})
	if err != nil || who.Client != r.id || who.Partition != "demo/test" || who.Needs("Patient", fhir.MaySearch) != nil || who.Needs("Patient", fhir.MayUpdate) == nil {
		t.Errorf("principal: %+v %v", who, err)
	}
	answer := http.Header{}
	q.Header.Set("Authorization", "Bearer "+text[:len(text)-4]+"AAAA")
	if _, err := r.Authenticate(q, answer); !errors.Is(err, fhir.Unauthenticated) || !strings.Contains(answer.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("an altered one: %v %v", err, answer)
	}
}

// FuzzToken: whatever is shown as a token, nothing fails but the token. What is taken is the one that is good, perhaps in
// another spelling of its base64.
func FuzzToken(f *testing.F) {
	r := &rig{time: newHands(), events: &events{}}
	r.records = &outages{Records: &inMemory{now: r.time.Now, byName: map[string]storage.Record{}}}
	r.furnish(f)
	r.limit(0)
	good := r.tokenOf(f, r.bySecret()).AccessToken
	g, err := r.readToken(f.Context(), good)
	if err != nil {
		f.Fatal(err)
	}
	show := func(t testing.TB, text string) {
		if got, _, err := r.verified(t.Context(), text); err != nil && !errors.Is(err, fhir.Unauthenticated) || err == nil && got.id != g.id {
			t.Errorf("%q: %+v %v", text, got, err)
		}
		if _, _, err := parseAssertion(text); err != nil && !errors.As(err, new(refusal)) {
			t.Errorf("%q as assertion: %v", text, err)
		}
	}
	parts := strings.Split(good, ".")
	for _, text := range []string{
		good, parts[0] + "." + parts[1] + ".", strings.Join(parts, ".\n"), raw(`{"alg":"none"}`, map[string]any{"exp": 1}) + ".",
		raw(`{"alg":"ES256","typ":"at+jwt","kid":null}`, map[string]any{"exp": -1e300}) + ".AAAA", assertion(f, clientEC(), "ec", r.claims(r.signs)), "a.b.c",
	} {
		show(f, text)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { show(t, text) })
}

func BenchmarkVerified(b *testing.B) {
	r := newRig(b)
	text := r.tokenOf(b, r.bySecret()).AccessToken
	b.Run("from memory", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := r.verified(b.Context(), text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("the signature", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.readToken(b.Context(), text); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	r := newRig(b)
	r.limit(0)
	b.Run("the token", func(b *testing.B) {
		h, err := r.known(b.Context(), r.id)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := r.issue(b.Context(), h, DefaultScope); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by a secret", func(b *testing.B) {
		for b.Loop() {
			r.tokenOf(b, r.bySecret())
		}
	})
}

// TestTokensBesideThoseWhoTry: from an address that was refused too often few signatures are looked at, and those that were shown lately need none.
func TestTokensBesideThoseWhoTry(t *testing.T) {
	r := newRig(t)
	show := func(text string) int {
		q := httptest.NewRequestWithContext(t.Context(), http.MethodGet, baseURL+"/fhir/Patient", http.NoBody)
		q.Header.Set("Authorization", "Bearer "+text)
		_, err := r.Authenticate(q, http.Header{})
		switch {
		case err == nil:
			return http.StatusOK
		case errors.Is(err, fhir.Throttled):
			return http.StatusTooManyRequests
		case errors.Is(err, fhir.Unauthenticated):
			return http.StatusUnauthorized
		}
		t.Fatal(err)
		return 0
	}
	known, first, second := r.tokenOf(t, r.bySecret()).AccessToken, r.tokenOf(t, r.bySecret()).AccessToken, r.tokenOf(t, r.bySecret()).AccessToken
	if status := show(known); status != http.StatusOK {
		t.Fatal(status)
	}
	for range DefaultLimits.Refusals {
		if status := show("a.b.c"); status != http.StatusUnauthorized {
			t.Fatal(status)
		}
	}
	if status := show(first); status != http.StatusOK {
		t.Errorf("one that is not known: %d", status)
	}
	for range 2 * lookUpsBeyond {
		if status := show("a.b.c"); status != http.StatusTooManyRequests {
			t.Fatal(status)
		}
	}
	if status := show(known); status != http.StatusOK {
		t.Errorf("one that was shown lately: %d", status)
	}
	if status := show(second); status != http.StatusTooManyRequests {
		t.Errorf("one that is not known, beyond: %d", status)
	}
	checkRefusal(t, r.ask(t, r.Access, TokenPath, asserting(assertion(t, clientEC(), "ec", r.claims(r.signs)))), 429, tryLater, "")
	if w := r.ask(t, r.Access, IntrospectPath, r.bySecret("token", second)); !decodedAs[introspection](t, w.Body.Bytes()).Active {
		t.Errorf("to a client that has proved itself, it is %s", w.Body)
	}
	r.time.forward(time.Second)
	if status := show(second); status != http.StatusOK {
		t.Errorf("a second later: %d", status)
	}
	r.tokenOf(t, asserting(assertion(t, clientEC(), "ec", r.claims(r.signs))))
}

// TestRecordOfStrangers does not grow faster for many addresses, and what is left out is told by number; what a client is refused is recorded all the same.
func TestRecordOfStrangers(t *testing.T) {
	r := newRig(t)
	refuse := func(i int, key string) {
		q := httptest.NewRequestWithContext(t.Context(), http.MethodGet, baseURL+"/fhir/Patient", http.NoBody)
		q.RemoteAddr = fmt.Sprintf("192.0.%d.%d:1", i/256, i%256)
		q.Header.Set("X-Api-Key", key)
		q.Header.Set("SU-SiteId", "elsewhere")
		if _, err := r.Authenticate(q, http.Header{}); err == nil {
			t.Fatal("it was let in")
		}
	}
	for i := range refusalsRecorded + 7 {
		refuse(i, "x")
	}
	if n := len(r.events.all); n != refusalsRecorded {
		t.Errorf("%d refusals are recorded", n)
	}
	refuse(0, r.id+"."+r.secret)
	if e := r.events.last(); e.Who.Client != r.id {
		t.Errorf("of a client is recorded: %+v", e)
	}
	r.time.forward(time.Second)
	refuse(0, "x")
	refuse(1, "x")
	events := r.events.all[len(r.events.all)-3:]
	if e := events[0]; !strings.HasPrefix(e.Detail, "7 more refusals") || e.Who.Partition != audit.NoSite || e.Who.Address != "" || e.Outcome != audit.Refused {
		t.Errorf("of those beyond is recorded: %+v", e)
	}
	if events[1].Who.Address != "192.0.0.0" || events[2].Who.Address != "192.0.0.1" {
		t.Errorf("after them: %+v", events[1:])
	}
}

// TestTokenIsNeverMoreThanItsCredential, whatever was granted when it was made.
func TestTokenIsNeverMoreThanItsCredential(t *testing.T) {
	r := newRig(t)
	id, _ := r.key(t, NewCredential{Scopes: []string{"system/Patient.rs", "system/Task.cud"}})
	h, err := r.known(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	token, err := r.issue(t.Context(), h, "system/*.r system/Task.cruds "+AdminScope)
	if err != nil {
		t.Fatal(err)
	}
	q := httptest.NewRequestWithContext(t.Context(), http.MethodGet, baseURL+"/fhir/Patient", http.NoBody)
	q.Header.Set("Authorization", "Bearer "+token.AccessToken)
	who, err := r.Authenticate(q, http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(WriteScopes(who.Scopes, who.Admin), " "); got != "system/Patient.r system/Task.cud" {
		t.Errorf("it may %s", got)
	}
}
