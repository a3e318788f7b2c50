package access

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
)

// TestToken gets a token in every way, and uses it.
func TestToken(t *testing.T) {
	r := newRig(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(r.id)+":"+url.QueryEscape(r.secret)))
	for _, c := range []struct {
		name    string
		client  string
		form    url.Values
		headers []string
	}{
		{"client_secret_post", r.id, r.bySecret(), nil},
		{"client_secret_basic", r.id, formOf("grant_type", "client_credentials"), []string{"Authorization", basic}},
		{"Basic in lower case, with client_id and charset", r.id, formOf("grant_type", "client_credentials", "client_id", r.id),
			[]string{"Authorization", "basic" + basic[5:], "Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"}},
		{"Basic with every character encoded", r.id, formOf("grant_type", "client_credentials"),
			[]string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(encodedAll(r.id)+":"+encodedAll(r.secret)))}},
		{"private_key_jwt by ES384", r.signs, asserting(assertion(t, clientEC(), "ec", r.claims(r.signs))), nil},
		{"private_key_jwt by RS384, with client_id", r.signs, asserting(assertion(t, clientRSA(), "rsa", r.claims(r.signs)), "client_id", r.signs), nil},
		{"parameters without a value are none", r.id, r.bySecret("scope", "", "client_assertion", "", "unknown", "x"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.ask(t, r.Access, TokenPath, c.form, c.headers...)
			if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Pragma") != "no-cache" || w.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
			}
			got := decodedAs[issued](t, w.Body.Bytes())
			if got.TokenType != "bearer" || got.ExpiresIn != 300 || got.Scope != DefaultScope {
				t.Errorf("answer: %+v", got)
			}
			g, _, err := r.verified(t.Context(), got.AccessToken)
			if err != nil || g.client != c.client || g.admin || g.scopes[fhir.AnyType] != fhir.MayEverything || !g.until.Equal(r.time.Now().Add(TokenLife)) {
				t.Errorf("grant: %+v %v", g, err)
			}
			e := r.events.last()
			if e.Interaction != audit.Login || e.Outcome != audit.Success || e.Who.Client != c.client || e.Who.Partition != "demo/test" || e.Who.Request != "request-1" || e.Who.Address != "192.0.2.1" {
				t.Errorf("record: %+v", e)
			}
		})
	}
}

// encodedAll percent-encodes every byte.
func encodedAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

// TestTokenRefused has every error of RFC 6749 5.2 that can be provoked.
func TestTokenRefused(t *testing.T) {
	r := newRig(t)
	basic := func(text string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(text))}
	}
	grant := formOf("grant_type", "client_credentials")
	revoked, revokedSecret := r.key(t, NewCredential{})
	if _, err := r.RevokeCredential(t.Context(), revoked); err != nil {
		t.Fatal(err)
	}
	expired, expiredSecret := r.key(t, NewCredential{Expires: r.time.Now().Add(time.Minute)})
	r.time.forward(time.Minute)
	fenced, fencedSecret := r.key(t, NewCredential{Allow: mustPrefixes("203.0.113.0/24")})
	narrow, narrowSecret := r.key(t, NewCredential{Scopes: []string{"system/Patient.rs"}})
	withSecret := func(id, secret string, more ...string) url.Values {
		return formOf(append([]string{"grant_type", "client_credentials", "client_id", id, "client_secret", secret}, more...)...)
	}
	for _, c := range []struct {
		name    string
		form    url.Values
		headers []string
		status  int
		code    string
		says    string
	}{
		{"no grant_type", formOf("client_id", r.id, "client_secret", r.secret), nil, 400, invalidRequest, "grant_type is missing"},
		{"another grant_type", formOf("grant_type", "password", "client_id", r.id, "client_secret", r.secret), nil, 400, unsupportedType, "client_credentials"},
		{"no client", grant, nil, 401, invalidClient, "does not authenticate"},
		{"client_id alone", formOf("grant_type", "client_credentials", "client_id", r.id), nil, 401, invalidClient, "does not authenticate"},
		{"client_secret alone", formOf("grant_type", "client_credentials", "client_secret", r.secret), nil, 401, invalidClient, "no such client"},
		{"a wrong secret", withSecret(r.id, r.secret[1:]+"x"), nil, 401, invalidClient, "client_secret is wrong"},
		{"the whole key as secret", withSecret(r.id, r.id+"."+r.secret), nil, 401, invalidClient, "before the dot"},
		{"no such client", withSecret("test_0000000000000000000000", r.secret), nil, 401, invalidClient, "no such client"},
		{"what is no client", withSecret("../"+strings.Repeat("x", 3000), r.secret), nil, 401, invalidClient, "no such client"},
		{"a client without secret", withSecret(r.signs, ""), nil, 401, invalidClient, "does not authenticate"},
		{"a client with keys by a secret", withSecret(r.signs, "x"), nil, 401, invalidClient, "no such client"},
		{"a revoked one", withSecret(revoked, revokedSecret), nil, 401, invalidClient, "revoked"},
		{"an expired one", withSecret(expired, expiredSecret), nil, 401, invalidClient, "expired"},
		{"from elsewhere", withSecret(fenced, fencedSecret), nil, 401, invalidClient, "address"},
		{"Basic and a secret", r.bySecret(), basic(r.id + ":" + r.secret), 400, invalidRequest, "more than one way"},
		{"Basic and an assertion", asserting("x"), basic(r.id + ":" + r.secret), 400, invalidRequest, "more than one way"},
		{"a secret and an assertion", r.bySecret("client_assertion", "x"), nil, 400, invalidRequest, "more than one way"},
		{"Basic of another client", formOf("grant_type", "client_credentials", "client_id", narrow), basic(r.id + ":" + r.secret), 400, invalidRequest, "client_id"},
		{"Basic with a wrong secret", grant, basic(r.id + ":wrong"), 401, invalidClient, "client_secret is wrong"},
		{"Basic without colon", grant, basic(r.id), 401, invalidClient, "client_id:client_secret"},
		{"Basic with a bad escape", grant, basic(r.id + ":%zz"), 401, invalidClient, "percent-encoded"},
		{"Basic that is not base64", grant, []string{"Authorization", "Basic %%%"}, 401, invalidClient, "base64"},
		{"a key as Bearer", grant, []string{"Authorization", "Bearer " + r.id + "." + r.secret}, 401, invalidClient, "must be Basic"},
		{"a bare key", grant, []string{"Authorization", r.id + "." + r.secret}, 401, invalidClient, "must be Basic"},
		{"a parameter twice", r.bySecret("scope", "system/*.r", "scope", "system/*.r"), nil, 400, invalidRequest, "scope is there more than once"},
		{"an unknown parameter twice", r.bySecret(`"x\`, "1", `"x\`, "2"), nil, 400, invalidRequest, "'x? is there"},
		{"JSON", grant, []string{"Content-Type", "application/json"}, 400, invalidRequest, "x-www-form-urlencoded"},
		{"no media type", grant, []string{"Content-Type", ""}, 400, invalidRequest, "x-www-form-urlencoded"},
		{"a long body", r.bySecret("x", strings.Repeat("x", maxPosted)), nil, 413, invalidRequest, "65536 bytes"},
		{"a scope that is none", r.bySecret("scope", "everything"), nil, 400, invalidScope, "is none"},
		{"a scope of an app", r.bySecret("scope", "system/*.rs patient/*.read"), nil, 400, invalidScope, "act for themselves"},
		{"a restricted scope", r.bySecret("scope", "system/Patient.rs?gender=male"), nil, 400, invalidScope, "restriction"},
		{"a scope that the client has not", withSecret(narrow, narrowSecret, "scope", "system/Task.rs system/Patient.cud portico/admin"), nil, 400, invalidScope, "It has: system/Patient.rs."},
		{"many scopes", r.bySecret("scope", strings.Repeat("system/*.r ", maxScopes+1)), nil, 400, invalidScope, "too many"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.ask(t, r.Access, TokenPath, c.form, c.headers...)
			checkRefusal(t, w, c.status, c.code, c.says)
			for _, secret := range []string{r.secret, revokedSecret, fencedSecret} {
				if strings.Contains(w.Body.String(), secret) || strings.Contains(r.events.last().Detail, secret) {
					t.Errorf("a secret is told: %s", w.Body)
				}
			}
			if c.code == invalidClient || c.code == invalidScope {
				if e := r.events.last(); e.Interaction != audit.Login || e.Outcome != audit.Refused || !strings.Contains(e.Detail, c.says) {
					t.Errorf("record: %+v", e)
				}
			}
		})
	}
}

// checkRefusal looks at an answer as RFC 6749 5.2 has it.
func checkRefusal(t *testing.T, w *httptest.ResponseRecorder, status int, code, says string) {
	t.Helper()
	var got struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != status || got.Error != code || !strings.Contains(got.Description, says) {
		t.Errorf("%d %s, want %d %s %q", w.Code, w.Body, status, code, says)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("the refusal may be stored")
	}
	if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (status == 401) || challenge != "" && !strings.HasPrefix(challenge, "Basic ") {
		t.Errorf("WWW-Authenticate: %q", challenge)
	}
}

func TestTokenMethods(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{TokenPath, IntrospectPath, RevokePath, JWKSPath} {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodHead, http.MethodPost} {
			want := map[bool]string{false: "POST", true: "GET, HEAD"}[path == JWKSPath]
			if strings.Contains(want, method) {
				continue
			}
			w := httptest.NewRecorder()
			r.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != want {
				t.Errorf("%s %s: %d %v", method, path, w.Code, w.Header())
			}
		}
	}
	for _, path := range []string{"/auth", "/auth/", "/auth/other", TokenPath + "/"} {
		if w := r.ask(t, r.Access, path, r.bySecret()); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestTokenInURL: RFC 6749 2.3.1 forbids credentials in the URL.
func TestTokenInURL(t *testing.T) {
	r := newRig(t)
	checkRefusal(t, r.ask(t, r.Access, TokenPath+"?"+r.bySecret().Encode(), r.bySecret()), 400, invalidRequest, "in the body")
}

// TestTokenWhileTheStoreIsDown tells nothing of the store, and that it is worth to try again.
func TestTokenWhileTheStoreIsDown(t *testing.T) {
	r := newRig(t)
	token := r.tokenOf(t, r.bySecret()).AccessToken
	r.time.forward(2 * time.Second) // what is remembered is old by then
	r.records.set(true)
	for _, c := range []struct {
		path string
		form url.Values
	}{
		{TokenPath, r.bySecret()}, {TokenPath, asserting(assertion(t, clientEC(), "ec", r.claims(r.signs)))},
		{IntrospectPath, r.bySecret("token", token)}, {RevokePath, r.bySecret("token", token)},
	} {
		w := r.ask(t, r.Access, c.path, c.form)
		checkRefusal(t, w, 503, tryLater, "Try again")
		if w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "10.1.2.3") {
			t.Errorf("%s: %v %s", c.path, w.Header(), w.Body)
		}
	}
	r.records.set(false)
	r.tokenOf(t, r.bySecret())
	r.events.full = true
	checkRefusal(t, r.ask(t, r.Access, TokenPath, r.bySecret()), 503, tryLater, "Try again")
}

// TestTokenOfASite: a client gets one while one of its sites is open to it.
func TestTokenOfASite(t *testing.T) {
	r := newRig(t)
	if _, err := r.CreateSite(t.Context(), "Two"); err != nil {
		t.Fatal(err)
	}
	both := []string{"demo", "two"}
	tried, live := r.client(t, NewCredential{Sites: both, JWKS: keySet(t, clientKeyEC())}), r.client(t, NewCredential{Sites: both, Mode: Live, JWKS: keySet(t, clientKeyEC())})
	must := func(_ Site, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(says string, client string) {
		t.Helper()
		w := r.ask(t, r.Access, TokenPath, asserting(assertion(t, clientEC(), "ec", r.claims(client))))
		if says == "" && w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		} else if says != "" {
			checkRefusal(t, w, 401, invalidClient, says)
		}
	}
	check("", tried)
	check("not activated", live)
	must(r.ActivateSite(t.Context(), "two"))
	check("", live)
	must(r.SuspendSite(t.Context(), "demo"))
	check("", tried)
	check("", live)
	must(r.SuspendSite(t.Context(), "two"))
	check("not open", tried)
	check("not open", live)
	must(r.ActivateSite(t.Context(), "demo"))
	check("", tried)
}

func TestTokenEndsWithItsCredential(t *testing.T) {
	r := newRig(t)
	id, secret := r.key(t, NewCredential{Expires: r.time.Now().Add(90 * time.Second)})
	got := r.tokenOf(t, formOf("grant_type", "client_credentials", "client_id", id, "client_secret", secret))
	if got.ExpiresIn != 90 {
		t.Errorf("expires in %d s", got.ExpiresIn)
	}
}

func TestScopes(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ has, asked, granted string }{
		{"system/*.cruds", "", "system/*.cruds"},
		{"system/*.cruds", "system/*.read", "system/*.read"},
		{"system/*.cruds", "system/Patient.rs system/Task.cruds", "system/Patient.rs system/Task.cruds"},
		{"system/*.cruds", "system/Patient.rs  system/Patient.rs", "system/Patient.rs"},
		{"system/*.cruds", "system/Patient.rs portico/admin", "system/Patient.rs"},
		{"system/*.cruds portico/admin", "portico/admin", "portico/admin"},
		{"system/*.cruds portico/admin", "", "system/*.cruds portico/admin"},
		{"system/*.rs", "system/*.cruds", "system/*.rs"},
		{"system/*.rs", "system/Patient.*", "system/Patient.rs"},
		{"system/*.rs", "system/Patient.write system/Task.read", "system/Task.read"},
		{"system/Patient.rs system/Task.cruds", "system/*.read", "system/Patient.rs system/Task.rs"},
		{"system/*.r system/Patient.s", "system/*.rs", "system/*.r system/Patient.s"},
		{"system/Patient.rs", "system/Patient.cruds system/*.cruds", "system/Patient.rs"},
	} {
		id, secret := r.key(t, NewCredential{Scopes: strings.Fields(c.has)})
		got := r.tokenOf(t, formOf("grant_type", "client_credentials", "client_id", id, "client_secret", secret, "scope", c.asked))
		if got.Scope != c.granted {
			t.Errorf("%s asked for %q: %q, want %q", c.has, c.asked, got.Scope, c.granted)
		}
		g, _, err := r.verified(t.Context(), got.AccessToken)
		if want, admin, _ := ParseScopes(strings.Fields(c.granted)); err != nil || fmt.Sprint(g.scopes) != fmt.Sprint(want) || g.admin != admin {
			t.Errorf("%s asked for %q: %+v %v", c.has, c.asked, g, err)
		}
	}
}

// TestIntersect: what both permit, and nothing else, of any type.
func TestIntersect(t *testing.T) {
	types := []string{fhir.AnyType, "Patient", "Task", "Slot"}
	rapid.Check(t, func(t *rapid.T) {
		scopes := rapid.MapOf(rapid.SampledFrom(types[:3]), rapid.Custom(func(t *rapid.T) fhir.Permission {
			return fhir.Permission(rapid.IntRange(0, int(fhir.MayEverything)).Draw(t, "permission"))
		}))
		a, b := fhir.Scopes(scopes.Draw(t, "a")), fhir.Scopes(scopes.Draw(t, "b"))
		both := intersect(a, b)
		for _, of := range types[1:] {
			for p := range fhir.MayEverything + 1 {
				if both.Permit(of, p) != (a.Permit(of, p) && b.Permit(of, p)) {
					t.Fatalf("%v of %s: %v", p, of, both)
				}
			}
		}
		if again, _, _ := ParseScopes(WriteScopes(both, false)); !maps.Equal(a, b) && fmt.Sprint(again) != fmt.Sprint(both) {
			t.Fatalf("%v is not in the shortest form", both)
		}
	})
}

// TestWhateverIsPosted: nothing that a stranger sends is a failure of the server, and nothing of it gets a token.
func TestWhateverIsPosted(t *testing.T) {
	r := newRig(t)
	r.limit(0)
	known := []string{
		"", "x", "Basic", "Basic ", "Basic " + base64.StdEncoding.EncodeToString([]byte(r.id+":x")), "Bearer x", "client_credentials", assertionType, r.id, "\x00\xff", "%", "é",
		assertion(t, clientEC(), "ec", map[string]any{"iss": r.signs}), raw(`{"alg":"none"}`, nil) + ".", "system/*.cruds", "system/Patient.rs?x",
	}
	text := rapid.OneOf(rapid.SampledFrom(known), rapid.String(), rapid.StringMatching(`[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}`))
	names := rapid.SampledFrom([]string{
		"grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", "token", "token_type_hint", "x", "",
	})
	rapid.Check(t, func(q *rapid.T) {
		body := rapid.OneOf(text, rapid.Map(rapid.MapOf(names, text), func(values map[string]string) string {
			f := url.Values{}
			for name, value := range values {
				f.Set(name, value)
			}
			return f.Encode()
		})).Draw(q, "body")
		path := rapid.SampledFrom([]string{TokenPath, IntrospectPath, RevokePath}).Draw(q, "path")
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		request.Header.Set("Content-Type", rapid.OneOf(rapid.Just(formType), text).Draw(q, "media"))
		if header := text.Draw(q, "authorization"); header != "" {
			request.Header.Set("Authorization", header)
		}
		w := httptest.NewRecorder()
		r.Handler().ServeHTTP(w, request)
		if w.Code < 400 || w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			q.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
