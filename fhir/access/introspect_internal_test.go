package access

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
)

func TestIntrospect(t *testing.T) {
	r := newRig(t)
	now := r.time.Now()
	own := r.tokenOf(t, r.bySecret("scope", "system/Patient.rs")).AccessToken
	other := r.tokenOf(t, asserting(assertion(t, clientEC(), "ec", r.claims(r.signs)))).AccessToken
	adminID, adminSecret := r.key(t, NewCredential{Sites: []string{OperatorSite}, Scopes: []string{AdminScope}})
	byAdmin := func(token string) introspection {
		return decodedAs[introspection](t, r.ask(t, r.Access, IntrospectPath, formOf("client_id", adminID, "client_secret", adminSecret, "token", token)).Body.Bytes())
	}
	g, _, err := r.verified(t.Context(), own)
	if err != nil {
		t.Fatal(err)
	}
	want := introspection{
		Active: true, Scope: "system/Patient.rs", ClientID: r.id, TokenType: "bearer", Expires: now.Add(TokenLife).Unix(), Issued: now.Unix(),
		Subject: r.id, Audience: baseURL + "/fhir", Issuer: baseURL, ID: g.id,
	}
	ask := func(token string) introspection {
		w := r.ask(t, r.Access, IntrospectPath, r.bySecret("token", token, "token_type_hint", "access_token"))
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		return decodedAs[introspection](t, w.Body.Bytes())
	}
	if diff := cmp.Diff(want, ask(own)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, byAdmin(own)); diff != "" {
		t.Errorf("by an administrator: %s", diff)
	}
	if got := byAdmin(other); !got.Active || got.ClientID != r.signs {
		t.Errorf("of another, by an administrator: %+v", got)
	}
	for name, token := range map[string]string{"of another client": other, "none": "x", "a key": r.id + "." + r.secret, "altered": own[:len(own)-4] + "AAAA"} {
		if diff := cmp.Diff(introspection{}, ask(token)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if w := r.ask(t, r.Access, IntrospectPath, asserting(assertion(t, clientEC(), "ec", r.claims(r.signs)), "token", other)); !decodedAs[introspection](t, w.Body.Bytes()).Active {
		t.Errorf("by an assertion: %s", w.Body)
	}
	r.time.forward(TokenLife)
	if diff := cmp.Diff(introspection{}, ask(own)); diff != "" {
		t.Errorf("expired: %s", diff)
	}
}

func TestRevoke(t *testing.T) {
	r := newRig(t)
	own := r.tokenOf(t, r.bySecret()).AccessToken
	second := r.tokenOf(t, r.bySecret()).AccessToken
	other := r.tokenOf(t, asserting(assertion(t, clientEC(), "ec", r.claims(r.signs)))).AccessToken
	works := func(token string) bool {
		_, _, err := r.verified(t.Context(), token)
		return err == nil
	}
	g, _, err := r.verified(t.Context(), own)
	if err != nil {
		t.Fatal(err)
	}
	r.events.all = nil
	for _, token := range []string{own, own, other, "x", r.id + "." + r.secret} { // RFC 7009 2.2: none of these is an error
		if w := r.ask(t, r.Access, RevokePath, r.bySecret("token", token)); w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if works(own) {
		t.Error("it works on")
	}
	want := []audit.Event{{
		Who:         fhir.Principal{Partition: "demo/test", Client: r.id, Request: "request-1", Address: "192.0.2.1"},
		Interaction: audit.Operation, Detail: "revoke token " + g.id + " of " + r.id,
	}}
	if diff := cmp.Diff(want, r.events.all); diff != "" {
		t.Errorf("the record: %s", diff)
	}
	if !works(other) || !works(second) {
		t.Error("another token was revoked")
	}
	adminID, adminSecret := r.key(t, NewCredential{Sites: []string{OperatorSite}, Scopes: []string{AdminScope}})
	if r.ask(t, r.Access, RevokePath, formOf("client_id", adminID, "client_secret", adminSecret, "token", other)); works(other) {
		t.Error("an administrator could not revoke it")
	}
	r.time.forward(TokenLife + time.Hour)
	if records, err := r.records.Scan(t.Context(), revokedRecords, "", 10); err != nil || len(records) != 0 {
		t.Errorf("%d records are kept for ever: %v", len(records), err)
	}
}

// TestIntrospectRefused: both endpoints take clients as the token endpoint does, and record those that they refuse, alone.
func TestIntrospectRefused(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{IntrospectPath, RevokePath} {
		checkRefusal(t, r.ask(t, r.Access, path, r.bySecret()), 400, invalidRequest, "token is missing")
		checkRefusal(t, r.ask(t, r.Access, path, formOf("token", "x")), 401, invalidClient, "does not authenticate")
		r.events.all = nil
		r.ask(t, r.Access, path, r.bySecret("token", "x"))
		if len(r.events.all) != 0 {
			t.Errorf("%s is recorded as a sign-in: %+v", path, r.events.all)
		}
		checkRefusal(t, r.ask(t, r.Access, path, formOf("token", "x", "client_id", r.id, "client_secret", "wrong")), 401, invalidClient, "client_secret is wrong")
		if e := r.events.last(); e.Outcome != audit.Refused || e.Who.Client != r.id || e.Who.Partition != "demo/test" {
			t.Errorf("record: %+v", e)
		}
	}
}

// TestSignInLimits: of a client, and of an address that does not know a secret. What is beyond is not recorded, and costs no other client anything that was there lately.
func TestSignInLimits(t *testing.T) {
	r := newRig(t)
	r.limit(10)
	id, secret := r.key(t, NewCredential{})
	other := formOf("grant_type", "client_credentials", "client_id", id, "client_secret", secret)
	r.tokenOf(t, other)
	wrong := r.bySecret()
	wrong.Set("client_secret", "wrong")
	tooMany := func(name string, form map[string][]string) {
		t.Helper()
		before := len(r.events.all)
		w := r.ask(t, r.Access, TokenPath, form)
		checkRefusal(t, w, 429, tryLater, "Retry-After")
		if w.Header().Get("Retry-After") == "" || w.Header().Get("RateLimit-Policy") == "" || len(r.events.all) != before {
			t.Errorf("%s: %v, %d recorded", name, w.Header(), len(r.events.all)-before)
		}
	}
	for range 10 {
		if w := r.ask(t, r.Access, TokenPath, wrong); w.Code != http.StatusUnauthorized {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	tooMany("refusals", wrong)
	for range 10 {
		r.tokenOf(t, r.bySecret())
	}
	tooMany("sign-ins", r.bySecret())
	r.tokenOf(t, other)
	r.time.forward(time.Minute)
	r.tokenOf(t, r.bySecret())
	if w := r.ask(t, r.Access, TokenPath, wrong); w.Code != http.StatusUnauthorized {
		t.Errorf("after a minute: %d", w.Code)
	}
}

// TestThrottledAssertion: what is refused for the limit of its client is not used up by that, nor kept: it is good again when Retry-After says so.
func TestThrottledAssertion(t *testing.T) {
	r := newRig(t)
	r.limit(1)
	r.tokenOf(t, asserting(assertion(t, clientEC(), "ec", r.claims(r.signs))))
	text := assertion(t, clientEC(), "ec", r.claims(r.signs))
	for range 5 {
		w := r.ask(t, r.Access, TokenPath, asserting(text))
		checkRefusal(t, w, 429, tryLater, "Retry-After")
		if w.Header().Get("Retry-After") == "" {
			t.Errorf("the answer has %v", w.Header())
		}
	}
	if records, err := r.records.Scan(t.Context(), jtiRecords, "", 10); err != nil || len(records) != 1 {
		t.Errorf("%d records of assertions (%v), one was used", len(records), err)
	}
	r.time.forward(time.Minute)
	r.tokenOf(t, asserting(text))
	checkRefusal(t, r.ask(t, r.Access, IntrospectPath, asserting(text, "token", "x")), 401, invalidClient, "used already")
}

// TestSignInOfNobody: who claims to be a client that there is not is recorded as that, as on the other faces, but only what has the form of an id.
func TestSignInOfNobody(t *testing.T) {
	r := newRig(t)
	const nobody = "test_0000000000000000000000"
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"by a secret":     {formOf("client_id", nobody, "client_secret", "x"), nobody},
		"by an assertion": {asserting(assertion(t, clientEC(), "ec", r.claims(nobody))), nobody},
		"of no form":      {formOf("client_id", "robert'); drop", "client_secret", "x"), ""},
	} {
		checkRefusal(t, r.ask(t, r.Access, TokenPath, c.form), 401, invalidClient, "")
		if e := r.events.last(); e.Who.Client != c.want || e.Who.Partition != audit.NoSite || e.Outcome != audit.Refused {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
