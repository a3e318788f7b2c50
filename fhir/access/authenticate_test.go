package access_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/fhir/audit"
)

const foreignKey = "test_AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB" // of the right form; nobody's

func TestAKeyLetsInInEveryStyle(t *testing.T) {
	g := newGate(t, nil)
	c, key := g.key(access.NewCredential{})
	want := fhir.Principal{
		Partition: "demo/test", Scopes: fhir.Unlimited(), Client: c.ID, Request: "request-0001", Address: "192.0.2.1",
	}
	for name, headers := range map[string][]string{
		"bare":                  {"Authorization: " + key},
		"bearer":                {"Authorization: Bearer " + key},
		"bearer, other case":    {"Authorization: bEARER  " + key},
		"x-api-key":             {"x-api-key: " + key},
		"the same twice":        {"Authorization: Bearer " + key, "x-api-key: " + key},
		"two equal lines":       {"Authorization: " + key, "Authorization: Bearer " + key},
		"joined by a proxy":     {"Authorization: " + key + ", Bearer " + key},
		"an empty one beside":   {"Authorization: ", "x-api-key: " + key},
		"with its site":         {"Authorization: " + key, "SU-SiteId: demo"},
		"with its site by case": {"Authorization: " + key, "SU-SiteId: DEMO", "x-practice-group-id: Demo"},
		"with its group":        {"Authorization: " + key, "x-practice-group-id: demo"},
	} {
		t.Run(name, func(t *testing.T) {
			who, answer, err := g.ask(append(headers, "X-Request-Id: request-0001")...)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, who); d != "" {
				t.Error(d)
			}
			if len(answer) != 0 {
				t.Errorf("the answer has headers: %v", answer)
			}
		})
	}
	if events := g.trail.take(); len(events) != 0 {
		t.Errorf("a key that lets in was recorded as a sign-in: %v", events)
	}
}

func TestNobodyElseGetsIn(t *testing.T) {
	g := newGate(t, nil)
	c, key := g.key(access.NewCredential{})
	_, other := g.key(access.NewCredential{})
	const plain, invalid = `Bearer realm="portico"`, `Bearer realm="portico", error="invalid_token"`
	for _, s := range []struct {
		name      string
		headers   []string
		kind      fhir.Kind
		says      string
		challenge string
		client    string // as it is recorded
	}{
		{"none", nil, fhir.Unauthenticated, "has no credential", plain, ""},
		{"an empty one", []string{"Authorization: ,", "x-api-key: "}, fhir.Unauthenticated, "has no credential", plain, ""},
		{"nobody's", []string{"Authorization: " + foreignKey}, fhir.Unauthenticated, "not known", invalid, foreignKey[:27]},
		{"a wrong secret", []string{"Authorization: " + c.ID + foreignKey[27:]}, fhir.Unauthenticated, "not known", invalid, c.ID},
		{"the id alone", []string{"x-api-key: " + c.ID}, fhir.Unauthenticated, "not known", invalid, ""},
		{"an empty secret", []string{"x-api-key: " + c.ID + "."}, fhir.Unauthenticated, "not known", invalid, ""},
		{"one character more", []string{"x-api-key: " + key + "A"}, fhir.Unauthenticated, "not known", invalid, ""},
		{"another mode", []string{"x-api-key: live" + key[4:]}, fhir.Unauthenticated, "not known", invalid, "live" + c.ID[4:]},
		{"another case", []string{"x-api-key: TEST" + key[4:]}, fhir.Unauthenticated, "not known", invalid, ""},
		{"the secret of another", []string{"x-api-key: " + c.ID + other[27:]}, fhir.Unauthenticated, "not known", invalid, c.ID},
		{"no key", []string{"x-api-key: open sesame"}, fhir.Unauthenticated, "not known", invalid, ""},
		{"Bearer alone", []string{"Authorization: Bearer"}, fhir.Unauthenticated, "not known", invalid, ""},
		{"no token", []string{"Authorization: Bearer e30.e30.AAAA"}, fhir.Unauthenticated, "", invalid, ""},
		{"a token as a key", []string{"x-api-key: e30.e30.AAAA"}, fhir.Unauthenticated, "not known", invalid, ""},
		{"Basic", []string{"Authorization: Basic " + key}, fhir.Unauthenticated, "Basic is for /auth/token", plain, ""},
		{"Digest", []string{`Authorization: Digest username="a", realm="b"`}, fhir.Unauthenticated, "not taken here", plain, ""},
		{"two", []string{"Authorization: " + key, "x-api-key: " + other}, fhir.Invalid, "two different credentials", "", ""},
		{"two in one line", []string{"Authorization: " + key + ", " + other}, fhir.Invalid, "two different credentials", "", ""},
		{"two lines", []string{"x-api-key: " + key, "x-api-key: " + other}, fhir.Invalid, "two different credentials", "", ""},
		{"Basic beside a key", []string{"Authorization: Basic YTpi", "x-api-key: " + key}, fhir.Invalid, "two different credentials", "", ""},
	} {
		t.Run(s.name, func(t *testing.T) {
			who, answer, err := g.ask(s.headers...)
			refused(t, err, s.kind, s.says)
			if d := cmp.Diff(fhir.Principal{}, who); d != "" {
				t.Errorf("who was refused is somebody: %s", d)
			}
			if got := answer.Get("WWW-Authenticate"); got != s.challenge {
				t.Errorf("WWW-Authenticate: %s, not %s", got, s.challenge)
			}
			events := g.trail.take()
			if len(events) != 1 {
				t.Fatalf("recorded were %d events", len(events))
			}
			e := events[0]
			if e.Who.Client != s.client || e.Interaction != audit.Login || e.Outcome != audit.Refused || e.Detail == "" || e.Who.Address != "192.0.2.1" {
				t.Errorf("recorded was %+v", e)
			}
			if want := fhir.Partition("demo/test"); (e.Who.Partition == want) != (s.client == c.ID) || e.Who.Partition != want && e.Who.Partition != audit.NoSite {
				t.Errorf("recorded at %s", e.Who.Partition)
			}
		})
	}
}

// What is not known, and what has another secret, cannot be told apart.
func TestRefusalsDoNotTellWhatThereIs(t *testing.T) {
	g := newGate(t, nil)
	c, _ := g.key(access.NewCredential{})
	_, first, unknown := g.ask("x-api-key: " + foreignKey)
	_, second, wrong := g.ask("x-api-key: " + c.ID + foreignKey[27:])
	if d := cmp.Diff(unknown.Error(), wrong.Error()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(first, second); d != "" {
		t.Error(d)
	}
}

func TestACredentialDoesNotBelongIntoTheURL(t *testing.T) {
	g := newGate(t, nil)
	_, key := g.key(access.NewCredential{})
	for _, query := range []string{
		"access_token=abc", "name=a&access_token=abc", "access_token", "Access_Token=abc", "access%5ftoken=abc", "api_key=a", "apikey=a", "API-KEY=a",
		"x-api-key=a", "authorization=a", "client_secret=a", "key=" + key, "name=" + key, "name=" + strings.Replace(key, "_", "%5F", 1), "&&x=1&apikey",
	} {
		t.Run(query, func(t *testing.T) {
			_, err := g.Authenticate(request("/fhir/Patient?"+query, "Authorization: "+key), http.Header{})
			refused(t, err, fhir.Invalid, "does not belong into the URL")
			if strings.Contains(err.Error(), key) {
				t.Error("the error tells the key")
			}
		})
	}
	for _, query := range []string{"", "name=access_token", "_count=5&identifier=test_abc", "a=%zz", "=", "keys=a"} {
		if _, err := g.Authenticate(request("/fhir/Patient?"+query, "Authorization: "+key), http.Header{}); err != nil {
			t.Errorf("?%s: %v", query, err)
		}
	}
}

func TestTheSiteIsOneOfTheCredential(t *testing.T) {
	g := newGate(t, nil)
	ctx := t.Context()
	for _, name := range []string{"Surgery-1", "surgery-2", "elsewhere", "closed"} {
		g.site(name)
	}
	if _, err := g.CreateSite(ctx, "fresh"); err != nil {
		t.Fatal(err)
	}
	_, one := g.key(access.NewCredential{})
	_, three := g.key(access.NewCredential{Sites: []string{"surgery-1", "SURGERY-2", "closed"}})
	_, fresh := g.key(access.NewCredential{Sites: []string{"fresh"}})
	_, freshLive := g.key(access.NewCredential{Sites: []string{"fresh"}, Mode: access.Live})
	_, live := g.key(access.NewCredential{Mode: access.Live})
	_, closed := g.key(access.NewCredential{Sites: []string{"closed"}})
	_, operator := g.key(access.NewCredential{Sites: []string{"_PORTICO"}, Mode: access.Live, Scopes: []string{access.AdminScope}})
	if _, err := g.SuspendSite(ctx, "closed"); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		name    string
		key     string
		headers []string
		in      fhir.Partition // "" where it is refused
		kind    fhir.Kind
		says    string
		at      fhir.Partition // of the record of the refusal
	}{
		{"none of one", one, nil, "demo/test", 0, "", ""},
		{"live", live, nil, "demo/live", 0, "", ""},
		{"an empty header", one, []string{"SU-SiteId: "}, "demo/test", 0, "", ""},
		{"none of several", three, nil, "", fhir.Invalid, "for several sites: Surgery-1, surgery-2, closed.", audit.NoSite},
		{"one of several", three, []string{"SU-SiteId: SURGERY-1"}, "surgery-1/test", 0, "", ""},
		{"another of several", three, []string{"x-practice-group-id: surgery-2"}, "surgery-2/test", 0, "", ""},
		{"another's", one, []string{"SU-SiteId: elsewhere"}, "", fhir.Forbidden, "The site is not open to you.", audit.NoSite},
		{"nobody's", one, []string{"SU-SiteId: nowhere"}, "", fhir.Forbidden, "The site is not open to you.", audit.NoSite},
		{"the operator's", one, []string{"SU-SiteId: _portico"}, "", fhir.Forbidden, "The site is not open to you.", audit.NoSite},
		{"suspended", three, []string{"SU-SiteId: closed"}, "", fhir.Forbidden, "The site is not open to you.", "closed/test"},
		{"suspended, the only one", closed, nil, "", fhir.Forbidden, "The site is not open to you.", "closed/test"},
		{"both, differing", three, []string{"SU-SiteId: surgery-1", "x-practice-group-id: surgery-2"}, "", fhir.Invalid, "different sites", audit.NoSite},
		{"two in a line", three, []string{"SU-SiteId: surgery-1, surgery-2"}, "", fhir.Invalid, "more than one site", audit.NoSite},
		{"two lines", three, []string{"x-practice-group-id: surgery-1", "x-practice-group-id: surgery-1"}, "", fhir.Invalid, "x-practice-group-id names more than one site", audit.NoSite},
		{"test, not active", fresh, nil, "fresh/test", 0, "", ""},
		{"live, not active", freshLive, nil, "", fhir.Forbidden, "not activated yet", "fresh/live"},
		{"operator", operator, nil, "_portico/live", 0, "", ""},
	} {
		t.Run(s.name, func(t *testing.T) {
			g.trail.take()
			who, answer, err := g.ask(append(s.headers, "Authorization: "+s.key)...)
			if s.in != "" {
				if err != nil || who.Partition != s.in {
					t.Fatalf("in %q: %v", who.Partition, err)
				}
				return
			}
			refused(t, err, s.kind, s.says)
			if answer.Get("WWW-Authenticate") != "" {
				t.Error("who has proved who they are is asked for another credential")
			}
			if events := g.trail.take(); len(events) != 1 || events[0].Who.Partition != s.at || events[0].Who.Client != s.key[:27] {
				t.Errorf("recorded was %+v", events)
			}
		})
	}
	if who, _, err := g.ask("x-api-key: " + operator); err != nil || !who.Admin || who.Needs("Patient", fhir.MayRead) == nil {
		t.Errorf("the administrator is %+v: %v", who, err)
	}
	if _, err := g.ActivateSite(ctx, "FRESH"); err != nil {
		t.Fatal(err)
	}
	if who, _, err := g.ask("x-api-key: " + freshLive); err != nil || who.Partition != "fresh/live" {
		t.Errorf("after the activation: %s, %v", who.Partition, err)
	}
}

// token gets an access token by a key.
func (g *gate) token(key, scope string) string {
	g.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {key[:27]}, "client_secret": {key[28:]}}
	if scope != "" {
		form.Set("scope", scope)
	}
	r := httptest.NewRequest(http.MethodPost, access.TokenPath, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, r)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Token == "" {
		g.t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	g.trail.take()
	return answer.Token
}

// An access token lets in as the key did that it was given for, with its own scopes, and ends with it.
func TestATokenLetsIn(t *testing.T) {
	g := newGate(t, nil)
	g.site("second")
	c, key := g.key(access.NewCredential{Sites: []string{"demo", "second"}, Mode: access.Live, Scopes: []string{"system/*.cruds", access.AdminScope}})
	_, other := g.key(access.NewCredential{})
	token := g.token(key, "system/Patient.rs")
	want := fhir.Principal{Partition: "second/live", Scopes: fhir.Scopes{"Patient": fhir.MayRead | fhir.MaySearch}, Client: c.ID, Address: "192.0.2.1"}
	for _, headers := range [][]string{{"Authorization: Bearer " + token}, {"Authorization: bearer " + token, "x-api-key: " + token}} {
		who, _, err := g.ask(append(headers, "SU-SiteId: Second")...)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, who); d != "" {
			t.Error(d)
		}
	}
	altered := []byte(token)
	if c := &altered[len(token)-10]; *c == 'A' {
		*c = 'B'
	} else {
		*c = 'A' // not any character: a comma would part two credentials
	}
	for name, s := range map[string]struct {
		headers []string
		kind    fhir.Kind
		says    string
		at      fhir.Partition
	}{
		"bare":            {[]string{"Authorization: " + token}, fhir.Unauthenticated, "not known", audit.NoSite},
		"as a key":        {[]string{"x-api-key: " + token}, fhir.Unauthenticated, "not known", audit.NoSite},
		"beside its key":  {[]string{"Authorization: Bearer " + token, "x-api-key: " + key}, fhir.Invalid, "two different credentials", audit.NoSite},
		"altered":         {[]string{"Authorization: Bearer " + string(altered)}, fhir.Unauthenticated, "", audit.NoSite},
		"no site":         {[]string{"Authorization: Bearer " + token}, fhir.Invalid, "for several sites", audit.NoSite},
		"another's site":  {[]string{"Authorization: Bearer " + token, "SU-SiteId: elsewhere"}, fhir.Forbidden, "not open to you", audit.NoSite},
		"key of somebody": {[]string{"Authorization: Bearer " + other, "SU-SiteId: second"}, fhir.Forbidden, "not open to you", audit.NoSite},
		"beside another":  {[]string{"Authorization: Bearer " + token + "," + token + "x"}, fhir.Invalid, "two different credentials", audit.NoSite},
	} {
		t.Run(name, func(t *testing.T) {
			g.trail.take()
			_, _, err := g.ask(s.headers...)
			refused(t, err, s.kind, s.says)
			if events := g.trail.take(); len(events) != 1 || events[0].Who.Partition != s.at {
				t.Errorf("recorded was %+v", events)
			}
		})
	}
	g.clock.advance(access.TokenLife)
	_, _, err := g.ask("Authorization: Bearer "+token, "SU-SiteId: second")
	refused(t, err, fhir.Unauthenticated, "expired")
	if events := g.trail.take(); len(events) != 1 || events[0].Who.Partition != "second/live" || events[0].Who.Client != c.ID {
		t.Errorf("recorded was %+v", events)
	}
	late := g.token(key, "")
	if who, _, err := g.ask("Authorization: Bearer "+late, "SU-SiteId: demo"); err != nil || !who.Admin || who.Scopes["*"] != fhir.MayEverything {
		t.Errorf("%+v, %v", who, err)
	}
	if _, err := g.RevokeCredential(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = g.ask("Authorization: Bearer "+late, "SU-SiteId: demo")
	refused(t, err, fhir.Unauthenticated, "revoked")
	if events := g.trail.take(); len(events) != 1 || events[0].Who.Partition != "demo/live" || events[0].Who.Client != c.ID {
		t.Errorf("recorded was %+v", events)
	}
}

// Only who has the secret is told why it does not work.
func TestCredentialsEnd(t *testing.T) {
	g := newGate(t, nil)
	ctx := t.Context()
	c, key := g.key(access.NewCredential{Expires: g.clock.now().Add(time.Hour)})
	if _, _, err := g.ask("x-api-key: " + key); err != nil {
		t.Fatal(err)
	}
	g.clock.advance(time.Hour)
	_, answer, err := g.ask("x-api-key: " + key)
	refused(t, err, fhir.Unauthenticated, "has expired")
	if answer.Get("WWW-Authenticate") != `Bearer realm="portico", error="invalid_token"` {
		t.Error(answer)
	}
	_, _, err = g.ask("x-api-key: " + c.ID + foreignKey[27:])
	refused(t, err, fhir.Unauthenticated, "not known")

	c, key = g.key(access.NewCredential{})
	if _, _, err := g.ask("x-api-key: " + key); err != nil {
		t.Fatal(err)
	}
	if _, err := g.RevokeCredential(ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = g.ask("x-api-key: " + key) // at once
	refused(t, err, fhir.Unauthenticated, "was revoked")
	_, _, err = g.ask("x-api-key: " + c.ID + foreignKey[27:])
	refused(t, err, fhir.Unauthenticated, "not known")
}

func TestRotationHasAGraceTime(t *testing.T) {
	g := newGate(t, nil)
	c, first := g.key(access.NewCredential{})
	works := func(key string, want bool) {
		t.Helper()
		if _, _, err := g.ask("x-api-key: " + key); (err == nil) != want {
			t.Errorf("%v", err)
		}
	}
	rotate := func(grace time.Duration) string {
		t.Helper()
		rotated, key, err := g.RotateCredential(t.Context(), c.ID, grace)
		if err != nil {
			t.Fatal(err)
		}
		if rotated.ID != c.ID || rotated.Rotated.IsZero() || key[:27] != c.ID+"." && !strings.HasPrefix(key, c.ID+".") {
			t.Errorf("rotated to %+v", rotated)
		}
		return key
	}
	works(first, true)
	second := rotate(time.Hour)
	works(first, true)
	works(second, true)
	g.clock.advance(59 * time.Minute)
	works(first, true)
	third := rotate(time.Hour) // does not prolong the first
	works(first, true)
	g.clock.advance(time.Minute)
	works(first, false)
	works(second, true)
	works(third, true)
	fourth := rotate(0) // and at once
	works(second, false)
	works(third, false)
	works(fourth, true)
}

// A secret that another process made works at once: whoever rotates a key by the command line, and uses what it prints, must not be told that it is wrong.
func TestRotatedElsewhere(t *testing.T) {
	g := newGate(t, nil)
	c, first := g.key(access.NewCredential{})
	if _, _, err := g.ask("x-api-key: " + first); err != nil {
		t.Fatal(err)
	}
	_, second, err := g.elsewhere().RotateCredential(t.Context(), c.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.ask("x-api-key: " + second); err != nil {
		t.Errorf("the new secret: %v", err)
	}
	_, _, err = g.ask("x-api-key: " + first)
	refused(t, err, fhir.Unauthenticated, "not known")
}

func TestAddressesThatAreAllowed(t *testing.T) {
	g := newGate(t, nil)
	_, key := g.key(access.NewCredential{Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.128/25"), netip.MustParsePrefix("2001:db8::/32")}})
	for address, want := range map[string]string{ // and how it is recorded; "" where it is refused
		"192.0.2.129:5000":            "192.0.2.129",
		"[::ffff:192.0.2.200]:5000":   "192.0.2.200",
		"[2001:db8::1]:5000":          "2001:db8::1",
		"[2001:db8::1%eth0]:5000":     "2001:db8::1",
		"192.0.2.1:5000":              "",
		"[2001:db9::1]:5000":          "",
		"@":                           "",
		"192.0.2.129":                 "",
		"[::ffff:192.0.2.1%eth0]:123": "",
	} {
		r := request("/fhir/Patient", "x-api-key: "+key)
		r.RemoteAddr = address
		who, err := g.Authenticate(r, http.Header{})
		if want == "" {
			refused(t, err, fhir.Forbidden, "from this address")
			continue
		}
		if err != nil || who.Address != want {
			t.Errorf("%s is %q: %v", address, who.Address, err)
		}
	}
}

// What another process has changed holds within a second, and nobody is let in on older knowledge when the store is out of reach.
func TestWhatOthersChangeHolds(t *testing.T) {
	g := newGate(t, nil)
	ctx := t.Context()
	c, key := g.key(access.NewCredential{})
	ask := func() error {
		_, _, err := g.ask("x-api-key: " + key)
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]struct {
		do, undo func() error
		kind     fhir.Kind
	}{
		"suspension": {
			func() error { _, err := g.elsewhere().SuspendSite(ctx, "demo"); return err },
			func() error { _, err := g.elsewhere().ActivateSite(ctx, "demo"); return err }, fhir.Forbidden,
		},
		"outage": {
			func() error { g.records.down.Store(true); return nil },
			func() error { g.records.down.Store(false); return nil }, fhir.Unavailable,
		},
	} {
		if err := change.do(); err != nil {
			t.Fatal(err)
		}
		g.clock.advance(500 * time.Millisecond)
		if err := ask(); !errors.Is(err, change.kind) {
			t.Errorf("%s: %v", name, err)
		}
		if err := change.undo(); err != nil {
			t.Fatal(err)
		}
		g.clock.advance(500 * time.Millisecond)
		if err := ask(); err != nil {
			t.Errorf("after the %s: %v", name, err)
		}
	}
	if _, err := g.elsewhere().RevokeCredential(ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	g.clock.advance(500 * time.Millisecond)
	if err := ask(); !errors.Is(err, fhir.Unauthenticated) {
		t.Error(err)
	}
}

func TestTheStoreIsAskedTwiceASecondAtMost(t *testing.T) {
	g := newGate(t, nil)
	_, key := g.key(access.NewCredential{})
	before := g.records.gets.Load()
	for range 1000 {
		if _, _, err := g.ask("x-api-key: " + key); err != nil {
			t.Fatal(err)
		}
		if _, _, err := g.ask("x-api-key: " + foreignKey); err == nil {
			t.Fatal("nobody's key lets in")
		}
		g.clock.advance(time.Millisecond)
	}
	if read := g.records.gets.Load() - before; read != 2*3 { // twice: the credential, its site, and the one that there is not
		t.Errorf("%d reads in a second", read)
	}
}

func TestFailuresAreNotRefusals(t *testing.T) {
	g := newGate(t, nil)
	_, key := g.key(access.NewCredential{})
	g.records.down.Store(true)
	_, answer, err := g.ask("x-api-key: " + key)
	refused(t, err, fhir.Unavailable, "")
	if len(answer) != 0 || len(g.trail.take()) != 0 {
		t.Errorf("the answer has %v", answer)
	}
	g.records.down.Store(false)
	if _, _, err := g.ask("x-api-key: " + key); err != nil {
		t.Errorf("the failure is remembered: %v", err)
	}
	g.trail.err = fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The record cannot be kept now.")
	_, _, err = g.ask()
	refused(t, err, fhir.Unavailable, "cannot be kept")
}

func TestAnonymous(t *testing.T) {
	g := newGate(t, func(c *access.Config) {
		c.Anonymous = &fhir.Principal{Partition: "demo/test", Scopes: fhir.Unlimited(), Admin: true}
		c.AnonymousSite = "demo"
		c.Limits = access.Limits{Requests: 1, SignIns: 1, Refusals: 1}
	})
	want := fhir.Principal{Partition: "demo/test", Scopes: fhir.Unlimited(), Admin: true, Request: "request-0001", Address: "192.0.2.1"}
	for range 5 { // without limits
		who, answer, err := g.ask("X-Request-Id: request-0001", "SU-SiteId: Demo")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, who); d != "" || len(answer) != 0 {
			t.Error(d, answer)
		}
		_, _, err = g.ask("SU-SiteId: elsewhere")
		refused(t, err, fhir.Forbidden, "not open to you")
		_, _, err = g.ask("SU-SiteId: demo, demo")
		refused(t, err, fhir.Invalid, "more than one site")
	}
	_, _, err := g.ask("x-api-key: " + foreignKey)
	refused(t, err, fhir.Unauthenticated, "not known")
	_, _, err = g.ask("x-api-key: " + foreignKey)
	refused(t, err, fhir.Throttled, "Too many")
}

func TestACredentialHasItsLimit(t *testing.T) {
	g := newGate(t, func(c *access.Config) { c.Limits = access.Limits{Requests: 5} })
	_, key := g.key(access.NewCredential{})
	_, other := g.key(access.NewCredential{})
	for range 5 {
		_, answer, err := g.ask("x-api-key: " + key)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Get("RateLimit") == "" || answer.Get("RateLimit-Policy") == "" || answer.Get("Retry-After") != "" {
			t.Errorf("the answer has %v", answer)
		}
	}
	_, answer, err := g.ask("x-api-key: " + key)
	refused(t, err, fhir.Throttled, "5 requests a second")
	if answer.Get("Retry-After") == "" || answer.Get("WWW-Authenticate") != "" {
		t.Errorf("the answer has %v", answer)
	}
	if len(g.trail.take()) != 0 {
		t.Error("what is throttled is recorded one by one")
	}
	if _, _, err := g.ask("x-api-key: " + other); err != nil {
		t.Errorf("another credential: %v", err)
	}
	_, _, err = g.ask("x-api-key: " + key[:27] + foreignKey[27:]) // a wrong secret takes nothing of the limit, nor is it held by it
	refused(t, err, fhir.Unauthenticated, "not known")
	g.clock.advance(2 * time.Second)
	if _, _, err := g.ask("x-api-key: " + key); err != nil {
		t.Error(err)
	}
}

// Who tries keys is stopped, and costs the store little from then on; who has a right one at the same address goes on.
func TestAnAddressHasItsLimitOfRefusals(t *testing.T) {
	g := newGate(t, func(c *access.Config) { c.Limits = access.Limits{Refusals: 10} })
	_, key := g.key(access.NewCredential{})
	try := func(address string, i int) error {
		r := request("/fhir/Patient", fmt.Sprintf("x-api-key: test_%022d.%043d", i, i))
		r.RemoteAddr = address
		_, err := g.Authenticate(r, http.Header{})
		return err
	}
	if _, _, err := g.ask("x-api-key: " + key); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		refused(t, try("192.0.2.1:1", i), fhir.Unauthenticated, "not known")
	}
	reads := g.records.gets.Load()
	for i := range 100 {
		refused(t, try("192.0.2.1:2", 10+i), fhir.Throttled, "Too many")
	}
	if more := g.records.gets.Load() - reads; more > 50 { // of 100
		t.Errorf("the store was asked %d times", more)
	}
	if events := g.trail.take(); len(events) != 10 {
		t.Errorf("recorded were %d events", len(events))
	}
	g.clock.advance(time.Second) // so that it is read again
	if _, _, err := g.ask("x-api-key: " + key); err != nil {
		t.Errorf("a right one from the same address: %v", err)
	}
	refused(t, try("192.0.2.2:1", 1), fhir.Unauthenticated, "not known")
	for i := range 10 { // addresses of one network of IPv6 are one
		refused(t, try(fmt.Sprintf("[2001:db8::%x]:1", i), i), fhir.Unauthenticated, "not known")
	}
	refused(t, try("[2001:db8::ffff]:1", 1), fhir.Throttled, "Too many")
	refused(t, try("[2001:db8:0:1::1]:1", 1), fhir.Unauthenticated, "not known")
}

// Who shares an address with those who try keys gets in with a key that this node does not know yet: after a start that is everybody.
func TestAnUnknownKeyBesideThoseWhoTry(t *testing.T) {
	g := newGate(t, func(c *access.Config) { c.Limits = access.Limits{Refusals: 10} })
	_, first := g.key(access.NewCredential{})
	_, second := g.key(access.NewCredential{})
	tried := 0
	try := func(times int) {
		for range times {
			tried++
			_, _, _ = g.ask(fmt.Sprintf("x-api-key: test_%022d.%043d", tried, tried))
		}
	}
	try(30) // of which 20 are beyond the limit
	if _, _, err := g.ask("x-api-key: " + first); err != nil {
		t.Errorf("a right key: %v", err)
	}
	before := g.records.gets.Load()
	try(1000)
	if more := g.records.gets.Load() - before; more > 50 {
		t.Errorf("the store was asked %d times", more)
	}
	_, answer, err := g.ask("x-api-key: " + second)
	refused(t, err, fhir.Throttled, "Too many")
	if answer.Get("Retry-After") == "" {
		t.Errorf("the answer has %v", answer)
	}
	g.clock.advance(time.Second)
	if _, _, err := g.ask("x-api-key: " + second); err != nil {
		t.Errorf("a right key, a second later: %v", err)
	}
}
