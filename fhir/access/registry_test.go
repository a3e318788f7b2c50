package access_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/access"
)

func TestSites(t *testing.T) {
	g := newGate(t, nil)
	ctx := t.Context()
	r := g.elsewhere()
	for _, name := range []string{"ZZ", "a-1", strings.Repeat("x", 32), "--"} {
		s, err := r.CreateSite(ctx, name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(access.Site{Name: name, Created: g.clock.now()}, s); d != "" {
			t.Error(d)
		}
	}
	for _, name := range []string{"", "a", strings.Repeat("x", 33), "a b", "a_b", "ä-ä", "a/b", "a.b", "a\nb", "\u212Aelvin", "_other"} {
		_, err := r.CreateSite(ctx, name)
		refused(t, err, fhir.Invalid, "cannot be the name of a site")
	}
	for _, name := range []string{"zz", "Demo", "_portico", "_PORTICO"} {
		_, err := r.CreateSite(ctx, name)
		refused(t, err, fhir.Conflict, "name: ")
	}
	sites, err := r.Sites(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range sites {
		names = append(names, s.Name)
	}
	if d := cmp.Diff([]string{"--", "a-1", "demo", strings.Repeat("x", 32), "ZZ"}, names); d != "" {
		t.Error(d)
	}
	for _, change := range []struct {
		do                func() (access.Site, error)
		active, suspended bool
	}{
		{func() (access.Site, error) { return r.SuspendSite(ctx, "zz") }, false, true},
		{func() (access.Site, error) { return r.ActivateSite(ctx, "Zz") }, true, false},
		{func() (access.Site, error) { return r.SuspendSite(ctx, "ZZ") }, true, true},
		{func() (access.Site, error) { return r.Site(ctx, "zZ") }, true, true},
	} {
		s, err := change.do()
		if err != nil || s.Active != change.active || s.Suspended != change.suspended || s.Name != "ZZ" {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if s, err := r.Site(ctx, "_Portico"); err != nil || s.Name != access.OperatorSite || !s.Active {
		t.Errorf("the operator's site is %+v: %v", s, err)
	}
	if s, err := r.ActivateSite(ctx, "_portico"); err != nil || !s.Active {
		t.Error(err)
	}
	_, err = r.SuspendSite(ctx, "_portico")
	refused(t, err, fhir.Unprocessable, "cannot be suspended")
	for _, do := range []func(name string) error{
		func(name string) error { _, err := r.SuspendSite(ctx, name); return err },
		func(name string) error { _, err := r.ActivateSite(ctx, name); return err },
		func(name string) error { _, err := r.Site(ctx, name); return err },
	} {
		refused(t, do("nowhere"), fhir.NotFound, "no site")
		refused(t, do("no/where"), fhir.NotFound, "no site")
	}
}

func TestAKeyIsOfItsForm(t *testing.T) {
	g := newGate(t, nil)
	form := regexp.MustCompile(`^(test|live)_[0-9A-Za-z]{22}\.[0-9A-Za-z]{43}$`)
	seen := map[string]bool{}
	used := map[rune]int{}
	for range 50 {
		for _, mode := range []access.Mode{access.Test, access.Live} {
			c, key := g.key(access.NewCredential{Mode: mode})
			if !form.MatchString(key) || !strings.HasPrefix(key, string(mode)+"_") || key[:27] != c.ID || seen[c.ID] || seen[key[28:]] {
				t.Errorf("%s is no key", key)
			}
			seen[c.ID], seen[key[28:]] = true, true
			for _, character := range key[5:27] + key[28:] {
				used[character]++
			}
		}
	}
	if len(used) != 62 { // of 6500 characters: that one is missing by chance is less likely than 1e-43
		t.Errorf("the keys have %d characters of 62", len(used))
	}
}

func TestCreateCredential(t *testing.T) {
	g := newGate(t, func(c *access.Config) {
		c.IsType = func(name string) bool { return name == "Patient" || name == "Slot" }
	})
	g.site("Second")
	end := g.clock.now().Add(time.Hour)
	c, key, err := g.CreateCredential(t.Context(), access.NewCredential{
		Name: "Ä practice", Mode: access.Live, Sites: []string{"SECOND", "demo", "second", "_portico"}, Expires: end.In(time.FixedZone("", 3600)),
		Scopes: []string{"system/Slot.read", "portico/admin", "system/Patient.s", "system/Patient.c"}, Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.77/24")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := access.Credential{
		ID: key[:27], Name: "Ä practice", Mode: access.Live, Sites: []string{"Second", "demo", "_portico"}, Created: g.clock.now(), Expires: end,
		Scopes: []string{"system/Patient.cs", "system/Slot.rs", "portico/admin"}, Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	}
	same := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if d := cmp.Diff(want, c, same); d != "" {
		t.Error(d)
	}
	kept, err := g.elsewhere().Credential(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, kept, same); d != "" {
		t.Error(d)
	}
	if c, _ := g.key(access.NewCredential{}); !slices.Equal(c.Scopes, []string{access.DefaultScope}) {
		t.Errorf("without scopes it has %q", c.Scopes)
	}
}

func TestEverythingThatIsWrongWithACredentialIsToldAtOnce(t *testing.T) {
	g := newGate(t, func(c *access.Config) { c.IsType = func(name string) bool { return name == "Patient" } })
	_, key, err := g.CreateCredential(t.Context(), access.NewCredential{
		Name: strings.Repeat("x", 201), Mode: "prod", Sites: []string{"demo", "nowhere", "a/b"}, Scopes: []string{"system/Patient.r", "openid"},
		Expires: g.clock.now(), Allow: []netip.Prefix{{}, netip.MustParsePrefix("::ffff:192.0.2.0/120")},
		JWKS: json.RawMessage(`{"keys":[]}`), JWKSURL: "http://keys.example.org/jwks.json",
	})
	refused(t, err, fhir.Invalid, "")
	if key != "" {
		t.Error("there is a key all the same")
	}
	var paths []string
	for _, i := range fhir.AsError(err).Issues {
		paths = append(paths, i.Path)
	}
	slices.Sort(paths)
	if d := cmp.Diff([]string{"allow[0]", "allow[1]", "expires", "jwks", "jwks_url", "jwks_url", "mode", "name", "scopes[1]", "sites[1]", "sites[2]"}, paths); d != "" {
		t.Error(d)
	}
	many := func(s string) []string { return slices.Repeat([]string{s}, 501) }
	for _, s := range []struct {
		change func(*access.NewCredential)
		says   string
	}{
		{func(n *access.NewCredential) { n.Mode = "" }, `mode: "" is no mode`},
		{func(n *access.NewCredential) {
			n.Expires = time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600))
		}, "expires: The end is after the year 9999"},
		{func(n *access.NewCredential) { n.Sites = nil }, "sites: A credential is for one site at least."},
		{func(n *access.NewCredential) { n.Sites = many("demo") }, "sites: A credential is for 500 sites at most."},
		{func(n *access.NewCredential) { n.Scopes = many("system/*.r") }, "scopes: A credential has 200 scopes at most."},
		{func(n *access.NewCredential) { n.Scopes = []string{"system/Pateint.r"} }, `scopes[0]: The scope "system/Pateint.r" names no resource type of R4.`},
		{func(n *access.NewCredential) { n.Allow = make([]netip.Prefix, 201) }, "allow: A credential has 200 ranges of addresses at most."},
		{func(n *access.NewCredential) { n.JWKSURL = "https://user:pass@keys.example.org/" }, "jwks_url: "},
		{func(n *access.NewCredential) { n.JWKSURL = "https:///jwks" }, "jwks_url: "},
		{func(n *access.NewCredential) { n.JWKSURL = "https://keys.example.org/#a" }, "jwks_url: "},
		{func(n *access.NewCredential) { n.JWKSURL = "keys" }, "jwks_url: "},
		{func(n *access.NewCredential) { n.JWKSURL = "https://keys.example.org/" + strings.Repeat("x", 2000) }, "jwks_url: "},
		{func(n *access.NewCredential) {
			n.JWKS = json.RawMessage(`{"keys":[{"kty":"oct","kid":"1","k":"AAAA"}]}`)
		}, "jwks: "},
		{func(n *access.NewCredential) { n.JWKS = json.RawMessage(`[]`) }, "jwks: "},
	} {
		n := access.NewCredential{Mode: access.Test, Sites: []string{"demo"}}
		s.change(&n)
		_, _, err := g.CreateCredential(t.Context(), n)
		refused(t, err, fhir.Invalid, s.says)
		if len(fhir.AsError(err).Issues) != 1 {
			t.Errorf("more is wrong: %v", err)
		}
	}
	if list, err := g.Credentials(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("made was %v, %v", list, err)
	}
	g.records.down.Store(true)
	_, _, err = g.CreateCredential(t.Context(), access.NewCredential{Mode: access.Test, Sites: []string{"demo"}})
	refused(t, err, fhir.Unavailable, "")
}

func TestAClientThatSignsHasNoSecret(t *testing.T) {
	g := newGate(t, nil)
	c, key := g.key(access.NewCredential{JWKSURL: "https://keys.example.org/jwks.json", JWKS: json.RawMessage("null")})
	if key != "" || c.JWKSURL == "" || c.JWKS != nil {
		t.Errorf("made was %+v with the key %s", c, key)
	}
	_, _, err := g.ask("x-api-key: " + c.ID + foreignKey[27:])
	refused(t, err, fhir.Unauthenticated, "not known")
	_, _, err = g.RotateCredential(t.Context(), c.ID, 0)
	refused(t, err, fhir.Unprocessable, "no secret")

	pair, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := func(key any) json.RawMessage {
		text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key, KeyID: "1", Algorithm: "ES384", Use: "sig"}}})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if c, key := g.key(access.NewCredential{JWKS: set(pair.Public())}); key != "" || c.JWKS == nil {
		t.Errorf("made was %+v with the key %s", c, key)
	}
	_, _, err = g.CreateCredential(t.Context(), access.NewCredential{Mode: access.Test, Sites: []string{"demo"}, JWKS: set(pair)})
	refused(t, err, fhir.Invalid, "is secret: only the public part belongs here")
	scalar, fault := pair.Bytes()
	if fault != nil {
		t.Fatal(fault)
	}
	if strings.Contains(err.Error(), base64.RawURLEncoding.EncodeToString(scalar)) {
		t.Error("the refusal tells the private key")
	}
}

func TestCredentialsAreListed(t *testing.T) {
	g := newGate(t, nil)
	g.site("Second")
	var ids []string
	for i := range 250 { // more than are read at once
		n := access.NewCredential{}
		if i%2 == 1 {
			n.Sites = []string{"second"}
		}
		c, _ := g.key(n)
		ids = append(ids, c.ID)
		g.clock.advance(time.Second)
	}
	list := func(site string) (got []string) {
		t.Helper()
		l, err := g.Credentials(t.Context(), site)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range l {
			got = append(got, c.ID)
		}
		return got
	}
	if d := cmp.Diff(ids, list("")); d != "" {
		t.Error(d)
	}
	if got := list("SECOND"); len(got) != 125 || got[0] != ids[1] || got[124] != ids[249] {
		t.Errorf("%d of a site, from %s", len(got), got[0])
	}
	if got := list("nowhere"); len(got) != 0 {
		t.Error(got)
	}
}

func TestWhatCannotBeDoneToACredential(t *testing.T) {
	g := newGate(t, nil)
	ctx := t.Context()
	for _, id := range []string{"", "test_AAAAAAAAAAAAAAAAAAAAAA", "no id", "test_AAAAAAAAAAAAAAAAAAAA/A"} {
		_, err := g.Credential(ctx, id)
		refused(t, err, fhir.NotFound, "no credential")
		_, _, err = g.RotateCredential(ctx, id, 0)
		refused(t, err, fhir.NotFound, "no credential")
		_, err = g.RevokeCredential(ctx, id)
		refused(t, err, fhir.NotFound, "no credential")
	}
	c, _ := g.key(access.NewCredential{Expires: g.clock.now().Add(time.Minute)})
	_, _, err := g.RotateCredential(ctx, c.ID, -1)
	refused(t, err, fhir.Invalid, "grace: ")
	_, _, err = g.RotateCredential(ctx, c.ID, 365*24*time.Hour+1)
	refused(t, err, fhir.Invalid, "a year")
	g.clock.advance(time.Minute)
	_, _, err = g.RotateCredential(ctx, c.ID, 0)
	refused(t, err, fhir.Unprocessable, "expired")
	first, err := g.RevokeCredential(ctx, c.ID)
	if err != nil || !first.Revoked.Equal(g.clock.now()) || first.State(g.clock.now()) != "revoked" {
		t.Errorf("%+v, %v", first, err)
	}
	g.clock.advance(time.Minute)
	second, err := g.RevokeCredential(ctx, c.ID)
	if err != nil || !second.Revoked.Equal(first.Revoked) {
		t.Errorf("revoked again at %s: %v", second.Revoked, err)
	}
	_, _, err = g.RotateCredential(ctx, c.ID, 0)
	refused(t, err, fhir.Unprocessable, "revoked")
}

// Of many rotations at once each gives a key; that of the last one works, and so do four before it in their grace time, and no other.
func TestRotationsAtOnce(t *testing.T) {
	g := newGate(t, nil)
	c, first := g.key(access.NewCredential{})
	keys := make([]string, 64)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			r := g.Registry
			if i%2 == 0 {
				r = g.elsewhere()
			}
			var err error
			if _, keys[i], err = r.RotateCredential(t.Context(), c.ID, time.Hour); err != nil {
				t.Error(err)
			}
			_, _, _ = g.ask("x-api-key: " + first) // beside it; by now it may work or not
		})
	}
	all.Wait()
	g.clock.advance(time.Second)
	works := 0
	for _, key := range append(keys, first) {
		if _, _, err := g.ask("x-api-key: " + key); err == nil {
			works++
		}
	}
	if works != 5 {
		t.Errorf("%d keys work", works)
	}
	g.clock.advance(time.Hour)
	works = 0
	for _, key := range append(keys, first) {
		if _, _, err := g.ask("x-api-key: " + key); err == nil {
			works++
		}
	}
	if works != 1 {
		t.Errorf("%d keys work after the grace time", works)
	}
}

// A revocation wins over everything that goes on beside it.
func TestRevocationsAtOnce(t *testing.T) {
	g := newGate(t, nil)
	c, key := g.key(access.NewCredential{})
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			if i%2 == 0 {
				if _, err := g.RevokeCredential(t.Context(), c.ID); err != nil {
					t.Error(err)
				}
				if _, _, err := g.ask("x-api-key: " + key); !errors.Is(err, fhir.Unauthenticated) {
					t.Errorf("after the revocation: %v", err)
				}
				return
			}
			if _, _, err := g.RotateCredential(t.Context(), c.ID, time.Hour); err != nil && !errors.Is(err, fhir.Unprocessable) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if c, err := g.Credential(t.Context(), c.ID); err != nil || c.State(g.clock.now()) != "revoked" {
		t.Errorf("%+v, %v", c, err)
	}
}

// One site of a name comes to be, however many make it.
func TestSitesAtOnce(t *testing.T) {
	g := newGate(t, nil)
	var made, taken int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			_, err := g.CreateSite(t.Context(), []string{"same", "SAME"}[i%2])
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case errors.Is(err, fhir.Conflict):
				taken++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made != 1 || taken != 31 {
		t.Errorf("%d made it, for %d it was taken", made, taken)
	}
}
