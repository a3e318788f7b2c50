package main

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// operating is a folder with a store in it that has two sites, on which commands are carried out.
type operating struct{ store string }

func operate(t *testing.T) operating {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	o := operating{anystore.Setting(t, dir)}
	for _, site := range []string{"Elm", "Oak"} {
		o.ok(t, "site", "create", site)
	}
	return o
}

// ok carries out a command that must succeed, and returns what it prints.
func (o operating) ok(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := call(t, append(args, "--store", o.store)...)
	if code != exitOK || errs != "" {
		t.Fatalf("%v: exit %d: %s%s", args, code, out, errs)
	}
	return out
}

// listed is a credential as key list tells it in JSON.
func (o operating) listed(t *testing.T, id string, args ...string) keyLine {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(o.ok(t, append([]string{"key", "list", "--output", "json"}, args...)...)))
	for decoder.More() {
		var line keyLine
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line.ID == id {
			return line
		}
	}
	return keyLine{}
}

var keyText = regexp.MustCompile(`^((?:test|live)_[0-9A-Za-z]{22})\.[0-9A-Za-z]{43}\n$`)

// idOf is the id of a key that was printed, alone.
func idOf(t *testing.T, printed string) string {
	t.Helper()
	parts := keyText.FindStringSubmatch(printed)
	if parts == nil {
		t.Fatalf("no key alone was printed but %q", printed)
	}
	return parts[1]
}

// TestKeyCreate: what the flags say is what the credential is, and its secret is shown by nothing else.
func TestKeyCreate(t *testing.T) {
	o := operate(t)
	printed := o.ok(t, "key", "create", "--site", "elm", "--site", "OAK", "--mode", "test", "--scope", "system/Patient.read", "--scope", "system/Slot.rs,system/Task.c", "--expires", "2099-01-31",
		"--allow", "192.0.2.7", "--allow", "2001:db8::/32", "--name", "the front desk")
	id := idOf(t, printed)
	line := o.listed(t, id)
	got, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	line.Credential.Created = time.Time{}
	want := keyLine{State: "active", Credential: access.Credential{
		ID: id, Name: "the front desk", Mode: access.Test, Sites: []string{"Elm", "Oak"}, Scopes: []string{"system/Patient.rs", "system/Slot.rs", "system/Task.c"},
		Expires: time.Date(2099, 1, 31, 0, 0, 0, 0, time.UTC), Allow: line.Allow,
	}}
	if text, _ := json.Marshal(line); string(text) != jsonOf(t, want) || len(line.Allow) != 2 || line.Allow[0].String() != "192.0.2.7/32" {
		t.Errorf("the credential is %s, want %s", got, jsonOf(t, want))
	}
	_, secret, _ := strings.Cut(strings.TrimSpace(printed), ".")
	table := o.ok(t, "key", "list", "--site", "oak")
	if !strings.Contains(table, id) || !strings.Contains(table, "the front desk") || !strings.Contains(table, "2099-01-31T00:00:00Z") || strings.Contains(table, secret) || strings.Contains(string(got), secret) {
		t.Errorf("the list is\n%s%s", table, got)
	}
	before := time.Now()
	soon := o.listed(t, idOf(t, o.ok(t, "key", "create", "--site", "elm", "--mode", "test", "--expires", "90d"))).Expires
	if soon.Before(before.Add(90*day)) || soon.After(time.Now().Add(90*day)) {
		t.Errorf("it expires %s", soon)
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestKeyLife: a key is rotated and revoked, and what cannot be done is told with the exit code of a refusal.
func TestKeyLife(t *testing.T) {
	o := operate(t)
	first := o.ok(t, "key", "create", "--site", "elm", "--mode", "test")
	id := idOf(t, first)
	second := o.ok(t, "key", "rotate", id, "--grace", "1h")
	if idOf(t, second) != id || first == second {
		t.Errorf("rotated, %s became %s", first, second)
	}
	if line := o.listed(t, id); line.Rotated.IsZero() || line.State != "active" {
		t.Errorf("rotated, it is %+v", line)
	}
	if said := o.ok(t, "key", "revoke", strings.TrimSpace(second)); said != id+" is revoked.\n" {
		t.Errorf("revoked: %s", said)
	}
	if line := o.listed(t, id); line.State != "revoked" {
		t.Errorf("revoked, it is %+v", line)
	}
	for name, c := range map[string]struct {
		args  []string
		code  int
		words []string
	}{
		"rotate what is revoked": {[]string{"key", "rotate", id}, exitRefused, []string{"The credential is revoked"}},
		"rotate nothing":         {[]string{"key", "rotate", "nothing"}, exitRefused, []string{"There is no credential of this id"}},
		"revoke nothing":         {[]string{"key", "revoke", "nothing"}, exitRefused, []string{"There is no credential of this id"}},
		"negative grace":         {[]string{"key", "rotate", id, "--grace", "-1h"}, exitUsage, []string{"--grace"}},
		"no flags":               {[]string{"key", "create"}, exitUsage, []string{"--site: ", "--mode: "}},
		"faults of flags": {
			[]string{"key", "create", "--site", "elm", "--mode", "both", "--expires", "soon", "--allow", "here", "--jwks", "none.json"}, exitUsage,
			[]string{`--mode: "both" is not test or live`, `--expires: "soon" is no`, `--allow: "here" is no`, "--jwks: none.json: no such file"},
		},
		"faults of what is wanted": {
			[]string{"key", "create", "--site", "elm", "--site", "ash", "--mode", "test", "--scope", "system/Pateint.rs", "--expires", "2001-01-01"}, exitRefused,
			[]string{"There is no site", "system/Pateint.rs", "not in the future"},
		},
		"list of nobody": {[]string{"key", "list", "--site", "nobody"}, exitRefused, []string{"There is no site"}},
		"no list":        {[]string{"key", "list", "--output", "xml"}, exitUsage, []string{"is not text or json"}},
	} {
		code, out, errs := call(t, append(c.args, "--store", o.store)...)
		if code != c.code || out != "" {
			t.Errorf("%s: exit %d: %s%s", name, code, out, errs)
		}
		for _, word := range c.words {
			if !strings.Contains(errs, word) {
				t.Errorf("%s: it does not say %q: %s", name, word, errs)
			}
		}
	}
}

// TestLiveKeyTellsWhatIsMissing: a live key of a site that is not active is made, and what it lacks is told beside it.
func TestLiveKeyTellsWhatIsMissing(t *testing.T) {
	o := operate(t)
	o.ok(t, "site", "activate", "oak")
	code, out, errs := call(t, "key", "create", "--site", "elm", "--site", "oak", "--mode", "live", "--store", o.store)
	if id := idOf(t, out); code != exitOK || !strings.HasPrefix(id, "live_") || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "portico site activate Elm") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestKeyOfASuspendedSite: that it does not work is told beside it, whatever its mode.
func TestKeyOfASuspendedSite(t *testing.T) {
	o := operate(t)
	o.ok(t, "site", "activate", "elm")
	o.ok(t, "site", "suspend", "elm")
	for _, mode := range []string{"test", "live"} {
		code, out, errs := call(t, "key", "create", "--site", "elm", "--mode", mode, "--store", o.store)
		if idOf(t, out); code != exitOK || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "suspended") || !strings.Contains(errs, "portico site activate Elm") {
			t.Errorf("%s: exit %d: %s", mode, code, errs)
		}
	}
}

// desked is a server in a process of its own, beside which commands are carried out, and a key of it.
type desked struct {
	operating
	*process
	key string
}

func besideAServer(t *testing.T) desked {
	t.Helper()
	dir := t.TempDir()
	p := serve(t, dir)
	o := operating{anystore.Setting(t, dir)}
	return desked{o, p, strings.TrimSpace(o.ok(t, "key", "create", "--site", testSite, "--mode", "test"))}
}

// token gets one for the key.
func (b desked) token(t *testing.T) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+access.TokenPath, strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		t.Fatal(err)
	}
	id, secret, _ := strings.Cut(b.key, ".")
	r.SetBasicAuth(id, secret)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var token struct {
		Text string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&token); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("no token: %d, %v", response.StatusCode, err)
	}
	return token.Text
}

// answers is the status that a search is answered with.
func (b desked) answers(t *testing.T, credential string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/fhir/Patient?_count=1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// ends carries out a command of another process, after which credentials that got in must not any more, a second later.
func (b desked) ends(t *testing.T, credentials []string, args ...string) {
	t.Helper()
	for _, credential := range credentials {
		if status := b.answers(t, credential); status != http.StatusOK {
			t.Fatalf("before %v, it is answered %d", args, status)
		}
	}
	if out, err := command(t.Context(), append(args, "--store", b.store)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
	done := time.Now()
	for _, credential := range credentials {
		for b.answers(t, credential) != http.StatusUnauthorized {
			if time.Since(done) > time.Second {
				t.Fatalf("after %v, it works for more than a second", args)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// TestRevokeBesideAServer: what a command of another process ends does not get in a second later: tokens whose signing key is retired, and a key with its tokens.
func TestRevokeBesideAServer(t *testing.T) {
	b := besideAServer(t)
	b.ends(t, []string{b.token(t)}, "key", "retire-signing")
	b.ends(t, []string{b.key, b.token(t)}, "key", "revoke", b.key)
}

// TestClientThatSigns: a key pair is made, its public half is a client's, and an assertion is what the private half signs.
func TestClientThatSigns(t *testing.T) {
	for _, algorithm := range access.SigningAlgorithms {
		t.Run(algorithm, func(t *testing.T) {
			o := operate(t)
			code, public, errs := call(t, "key", "generate", "--out", "private.jwk", "--alg", algorithm)
			if info, err := os.Stat("private.jwk"); code != exitOK || err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("exit %d, %v: %s", code, err, errs)
			}
			writeFile(t, "public.json", public)
			id := strings.TrimSpace(o.ok(t, "key", "create", "--site", "elm", "--mode", "test", "--jwks", "public.json"))
			if line := o.listed(t, id); line.ID == "" || len(line.JWKS) == 0 {
				t.Errorf("%s is %+v", id, line)
			}
			const audience = "http://127.0.0.1:8080/auth/token"
			code, text, errs := call(t, "key", "assertion", "--client", id, "--private-key", "private.jwk", "--audience", audience)
			if code != exitOK {
				t.Fatalf("exit %d: %s", code, errs)
			}
			var keys jose.JSONWebKeySet
			if err := json.Unmarshal([]byte(public), &keys); err != nil || len(keys.Keys) != 1 || !keys.Keys[0].IsPublic() {
				t.Fatalf("the public keys are %s (%v)", public, err)
			}
			signed, err := jwt.ParseSigned(strings.TrimSpace(text), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
			if err != nil {
				t.Fatal(err)
			}
			var claims jwt.Claims
			if err := signed.Claims(keys, &claims); err != nil {
				t.Fatal(err)
			}
			expected := jwt.Expected{Issuer: id, Subject: id, AnyAudience: jwt.Audience{audience}, Time: time.Now()}
			if err := claims.Validate(expected); err != nil || claims.ID == "" || time.Until(claims.Expiry.Time()) > 5*time.Minute {
				t.Errorf("the claims are %+v: %v", claims, err)
			}
			if head := signed.Headers[0]; head.KeyID != keys.Keys[0].KeyID || head.ExtraHeaders["typ"] != "JWT" {
				t.Errorf("the header is %+v", head)
			}
			if code, _, errs := call(t, "key", "generate", "--out", "private.jwk"); code != exitUsage || !strings.Contains(errs, "private.jwk: file exists") {
				t.Errorf("a second time: exit %d: %s", code, errs)
			}
		})
	}
}

// TestNoAssertion: what keeps from signing is told, and nothing of a file that is no key.
func TestNoAssertion(t *testing.T) {
	t.Chdir(t.TempDir())
	call(t, "key", "generate", "--out", "private.jwk")
	_, public, _ := call(t, "key", "generate", "--out", "other.jwk")
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(public), &keys); err != nil {
		t.Fatal(err)
	}
	writeFile(t, "public.jwk", jsonOf(t, keys.Keys[0]))
	writeFile(t, "letter", "secret words")
	writeFile(t, "shared.jwk", `{"kty":"oct","k":"c2VjcmV0IHdvcmRz"}`)
	for _, args := range [][]string{
		{"assertion"}, {"assertion", "--client", "x", "--private-key", "none", "--audience", "y"}, {"assertion", "--client", "x", "--private-key", "letter", "--audience", "y"},
		{"assertion", "--client", "x", "--private-key", "public.jwk", "--audience", "y"}, {"assertion", "--client", "x", "--private-key", "shared.jwk", "--audience", "y"},
		{"generate"}, {"generate", "--out", "x", "--alg", "none"}, {"generate", "--out", "no/folder"},
	} {
		code, out, errs := call(t, append([]string{"key"}, args...)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, "--") || strings.Contains(errs, "secret") || strings.Contains(errs, "c2Vj") {
			t.Errorf("%v: exit %d: %s%s", args, code, out, errs)
		}
	}
}

// TestCommandsAreRecorded: what a command line does to sites and keys, and what was refused to it, is in the trail of the operator's site.
func TestCommandsAreRecorded(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	r := start(t, dir, nil)
	o := operating{anystore.Setting(t, dir)}
	o.ok(t, "site", "create", "Ash")
	id := idOf(t, o.ok(t, "key", "create", "--site", "ash", "--mode", "test"))
	o.ok(t, "key", "rotate", id)
	o.ok(t, "key", "revoke", id)
	call(t, "site", "suspend", "nobody", "--store", o.store)
	admin := strings.TrimSpace(o.ok(t, "key", "create", "--site", access.OperatorSite, "--mode", "live", "--scope", "system/AuditEvent.rs"))
	c := newClient(t, r.url)
	trail := string(c.must(t, request{method: http.MethodGet, path: "AuditEvent?_count=100&altid=command%20line", header: map[string]string{"Authorization": admin}}).body)
	for _, told := range []string{"create site Ash", "create key " + id, "rotate key " + id, "revoke key " + id, "suspend site: There is no site"} {
		if strings.Count(trail, told) != 1 {
			t.Errorf("the trail does not tell once of %s: %s", told, trail)
		}
	}
	if a := c.must(t, request{method: http.MethodGet, path: "AuditEvent?altid=command%20line"}); strings.Contains(string(a.body), id) {
		t.Errorf("another site sees %s", a)
	}
}

// TestKilledServerRemembersItsAdministrators: what an administrator was answered is on record, also when the server is killed right then.
func TestKilledServerRemembersItsAdministrators(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, dir)
	admin := strings.TrimSpace(operating{anystore.Setting(t, dir)}.ok(t, "key", "create", "--site", access.OperatorSite, "--mode", "live",
		"--scope", access.AdminScope, "--scope", "system/AuditEvent.rs"))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+access.SitesPath, strings.NewReader(`{"name": "ash"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", admin)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if err := p.Process.Kill(); err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("%d, %v", response.StatusCode, err)
	}
	_ = p.Wait()
	c := newClient(t, serve(t, dir).url)
	trail := c.must(t, request{method: http.MethodGet, path: "AuditEvent?type=rest", header: map[string]string{"Authorization": admin}})
	if !strings.Contains(string(trail.body), "create site ash") {
		t.Errorf("the record is %s", trail)
	}
}
