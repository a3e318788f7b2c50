package access

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// published are the keys that a node publishes, as a stranger reads them.
func (r *rig) published(t testing.TB, a *Access) jose.JSONWebKeySet {
	t.Helper()
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, JWKSPath, http.NoBody))
	if w.Code != http.StatusOK || w.Header().Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(w.Header().Get("Cache-Control"), "public, max-age=") {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	return decodedAs[jose.JSONWebKeySet](t, w.Body.Bytes())
}

// TestPublishedKeys verifies a token by nothing but what is published.
func TestPublishedKeys(t *testing.T) {
	r := newRig(t)
	text := r.tokenOf(t, r.bySecret("scope", "system/Patient.rs")).AccessToken
	set := r.published(t, r.Access)
	if len(set.Keys) != 1 || !set.Keys[0].IsPublic() || set.Keys[0].Use != "sig" || set.Keys[0].Algorithm != "ES256" {
		t.Fatalf("published: %+v", set)
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := token.Claims(set, &claims); err != nil { // by kid
		t.Fatal(err)
	}
	now := r.time.Now().Unix()
	for name, want := range map[string]any{
		"iss": baseURL, "aud": baseURL + "/fhir", "sub": r.id, "client_id": r.id, "scope": "system/Patient.rs",
		"iat": float64(now), "nbf": float64(now), "exp": float64(now + 300),
	} {
		if claims[name] != want {
			t.Errorf("%s: %v, want %v", name, claims[name], want)
		}
	}
	if jti, _ := claims["jti"].(string); len(jti) < 16 {
		t.Errorf("jti: %v", claims["jti"])
	}
}

// TestPublishedKeysWhileTheStoreIsDown go on as long as they are known; a node that knows none says when to come again.
func TestPublishedKeysWhileTheStoreIsDown(t *testing.T) {
	r := newRig(t)
	before := r.published(t, r.Access)
	r.records.set(true)
	r.time.forward(time.Hour)
	if after := r.published(t, r.Access); after.Keys[0].KeyID != before.Keys[0].KeyID {
		t.Error("the keys have changed")
	}
	w := httptest.NewRecorder()
	r.node().Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, JWKSPath, http.NoBody))
	checkRefusal(t, w, 503, tryLater, "Try again")
	r.records.set(false)
	r.time.forward(keysFresh)
	r.published(t, r.Access)
}

// TestRotation goes through a year on two nodes. Whoever fetched the published keys an hour ago, as their Cache-Control permits, verifies every
// token; every token is verified by both nodes until it expires; keys change at their age, and there are never many.
func TestRotation(t *testing.T) {
	r := newRig(t)
	nodes := []*Access{r.Access, r.node()}
	id, secret := r.key(t, NewCredential{})
	var signedBy []string
	const step = 7 * time.Hour
	for at := range int(365 * 24 * time.Hour / step) {
		r.time.forward(step - time.Hour)
		cached := r.published(t, nodes[(at+1)%2])
		if len(cached.Keys) > 2 {
			t.Fatalf("step %d: %d keys", at, len(cached.Keys))
		}
		r.time.forward(time.Hour)
		node := nodes[at%2]
		h, err := node.known(t.Context(), id)
		if err != nil || !h.proves(secret, r.time.Now()) {
			t.Fatal(err)
		}
		got, err := node.issue(t.Context(), h, DefaultScope)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.ParseSigned(got.AccessToken, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		if err := token.Claims(cached, &jwt.Claims{}); err != nil {
			t.Fatalf("step %d: the keys of an hour ago do not verify: %v", at, err)
		}
		if kid := token.Headers[0].KeyID; len(signedBy) == 0 || signedBy[len(signedBy)-1] != kid {
			signedBy = append(signedBy, kid)
		}
		r.time.forward(TokenLife - time.Second)
		for n := range nodes {
			if _, _, err := nodes[n].verified(t.Context(), got.AccessToken); err != nil {
				t.Fatalf("step %d, node %d: %v", at, n, err)
			}
		}
		r.time.forward(time.Second - TokenLife)
	}
	if n := len(signedBy); n != 13 { // 365 days by 30
		t.Errorf("%d keys in a year", n)
	}
}

// TestKeyAfterALongRest: nobody asked for a token for months, and so nobody published the next key in time. The old one signs until somebody can know the new one.
func TestKeyAfterALongRest(t *testing.T) {
	r := newRig(t)
	old := r.published(t, r.Access)
	r.time.forward(200 * 24 * time.Hour)
	kid := func() string {
		token, err := jwt.ParseSigned(r.tokenOf(t, r.bySecret()).AccessToken, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		return token.Headers[0].KeyID
	}
	if kid() != old.Keys[0].KeyID {
		t.Error("a key signs that nobody could know")
	}
	if n := len(r.published(t, r.Access).Keys); n != 2 {
		t.Errorf("%d keys are published", n)
	}
	r.time.forward(keyAhead + time.Second)
	if kid() == old.Keys[0].KeyID {
		t.Error("the old key signs on")
	}
	r.time.forward(TokenLife + keyAfter + time.Minute)
	if set := r.published(t, r.Access); len(set.Keys) != 1 || set.Keys[0].KeyID == old.Keys[0].KeyID {
		t.Errorf("published: %d keys", len(set.Keys))
	}
}

// TestFirstKeyOfManyNodes: all nodes begin at once, and agree on one key.
func TestFirstKeyOfManyNodes(t *testing.T) {
	r := newRig(t)
	nodes, kids := make([]*Access, 16), make([]string, 16)
	for i := range nodes {
		nodes[i] = r.node()
	}
	var group sync.WaitGroup
	for i, node := range nodes {
		group.Go(func() { kids[i] = r.published(t, node).Keys[0].KeyID })
	}
	group.Wait()
	for _, kid := range kids {
		if kid != kids[0] {
			t.Fatalf("keys: %q", kids)
		}
	}
}

// TestUnknownKey is signed by a key that another node made since: it is looked for once, not for every token that names a key by chance.
func TestUnknownKey(t *testing.T) {
	r := newRig(t)
	r.tokenOf(t, r.bySecret())
	if _, err := r.keys.find(t.Context(), "none"); err != nil {
		t.Fatal(err)
	}
	other, err := newSigningKey(r.time.Now())
	if err != nil {
		t.Fatal(err)
	}
	record, err := r.records.Get(t.Context(), SigningRecord)
	if err != nil {
		t.Fatal(err)
	}
	value, err := json.Marshal(append(decodedAs[[]signingKey](t, record.Value), other))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.records.Swap(t.Context(), SigningRecord, record.Revision, value, 0); err != nil {
		t.Fatal(err)
	}
	if key, err := r.keys.find(t.Context(), other.Key.KeyID); err != nil || key != nil {
		t.Errorf("the record was read again at once: %v", err)
	}
	r.time.forward(keysFresh)
	if key, err := r.keys.find(t.Context(), other.Key.KeyID); err != nil || key == nil {
		t.Errorf("the key is not found: %v", err)
	}
}

// TestSigningRecordThatIsNone is a failure of the server, not of a client, and overwrites nothing.
func TestSigningRecordThatIsNone(t *testing.T) {
	r := newRig(t)
	if _, err := r.records.Swap(t.Context(), SigningRecord, 0, []byte(`"strange"`), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.keys.published(t.Context()); err == nil || errors.Is(err, fhir.Unavailable) {
		t.Errorf("published: %v", err)
	}
	checkRefusal(t, r.ask(t, r.Access, TokenPath, r.bySecret()), 500, serverError, "log")
	var record storage.Record
	if record, _ = r.records.Get(t.Context(), SigningRecord); string(record.Value) != `"strange"` {
		t.Errorf("record: %s", record.Value)
	}
}

// TestTokenAcrossRotation is signed in the last second of a key. A node that has just begun, and whoever fetches the keys now, verifies it until it expires.
func TestTokenAcrossRotation(t *testing.T) {
	r := newRig(t)
	first := r.published(t, r.Access).Keys[0].KeyID
	r.time.forward(keyLife - keyAhead)
	if n := len(r.published(t, r.Access).Keys); n != 2 {
		t.Fatalf("%d keys are published a day ahead", n)
	}
	r.time.forward(keyAhead - time.Second)
	text := r.tokenOf(t, r.bySecret()).AccessToken
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if token.Headers[0].KeyID != first {
		t.Error("the next key signs too early")
	}
	r.time.forward(TokenLife - time.Second)
	node := r.node()
	if _, _, err := node.verified(t.Context(), text); err != nil {
		t.Error(err)
	}
	if err := token.Claims(r.published(t, node), &jwt.Claims{}); err != nil {
		t.Error(err)
	}
	r.time.forward(keyAfter + time.Second)
	if n := len(r.published(t, r.node()).Keys); n != 2 {
		t.Errorf("%d keys are published before the end", n)
	}
	r.time.forward(2 * time.Second)
	if n := len(r.published(t, r.node()).Keys); n != 1 {
		t.Errorf("%d keys are published after the end", n)
	}
}

// TestRetiredKeys: tokens that they signed end within a second on every node, also those that were shown before, and another key signs and is published.
func TestRetiredKeys(t *testing.T) {
	r := newRig(t)
	nodes := []*Access{r.Access, r.node()}
	old := r.tokenOf(t, r.bySecret()).AccessToken
	before := r.published(t, r.Access).Keys[0].KeyID
	for _, node := range nodes {
		if _, _, err := node.verified(t.Context(), old); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.RetireSigningKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.time.forward(time.Second)
	fresh := r.tokenOf(t, r.bySecret()).AccessToken
	for n, node := range nodes {
		if _, _, err := node.verified(t.Context(), old); !errors.Is(err, fhir.Unauthenticated) {
			t.Errorf("node %d, an old token: %v", n, err)
		}
		if _, _, err := node.verified(t.Context(), fresh); err != nil {
			t.Errorf("node %d, a new token: %v", n, err)
		}
		if keys := r.published(t, node).Keys; len(keys) != 1 || keys[0].KeyID == before {
			t.Errorf("node %d publishes %d keys, %s was retired", n, len(keys), before)
		}
	}
	empty := newRig(t)
	if err := empty.RetireSigningKeys(t.Context()); err != nil {
		t.Errorf("where there is none: %v", err)
	}
}
