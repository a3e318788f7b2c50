package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir/access"
)

// secrets are texts that nobody may see but the one whom they were told.
type secrets map[string]string // what each is, in words

// add takes a secret, and the forms in which it travels.
func (s secrets) add(what, text string) {
	s[text] = what
	s[url.QueryEscape(text)] = what + ", in a form"
	for skip := range 3 { // as a part of what is encoded, it begins in any place of three
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", skip) + text))
		s[encoded[4:len(encoded)-4]] = what + ", in base64"
	}
}

// in tells which secrets a text shows.
func (s secrets) in(text []byte) (shown []string) {
	for secret, what := range s {
		if bytes.Contains(text, []byte(secret)) {
			shown = append(shown, what)
		}
	}
	return shown
}

// form is a request of OAuth 2.0; with an empty authorization it has none.
func (c *client) form(t *testing.T, path, authorization string, fields url.Values) answer {
	t.Helper()
	header := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Authorization": authorization}
	return (&client{base: strings.TrimSuffix(c.base, "/fhir"), http: c.http}).must(t, request{method: http.MethodPost, path: strings.TrimPrefix(path, "/"), body: fields.Encode(), header: header})
}

// token is what an answer of the token endpoint gives.
func (a answer) token(t *testing.T) string {
	t.Helper()
	var granted struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(a.body, &granted); err != nil || a.status != http.StatusOK || granted.Token == "" {
		t.Fatalf("no token but %s (%v)", a, err)
	}
	return granted.Token
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// TestSecretsStaySecret uses keys, tokens and assertions in all ways, right and wrong ones, and then looks for them where they must not be: in the log, in
// answers, in what commands print, and in the bytes of the store.
func TestSecretsStaySecret(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	o := operating{"sqlite:" + filepath.Join(dir, "portico.db")}
	o.ok(t, "site", "create", "elm")
	hidden := secrets{}
	create := func(what string, args ...string) (id, secret string) {
		t.Helper()
		text := strings.TrimSpace(o.ok(t, append([]string{"key", "create", "--site", "elm", "--mode", "test"}, args...)...))
		id, secret, _ = strings.Cut(text, ".")
		hidden.add("the secret of "+what, secret)
		return id, secret
	}
	id, former := create("a key that was rotated")
	rotated := strings.TrimSpace(o.ok(t, "key", "rotate", id))
	_, secret, _ := strings.Cut(rotated, ".")
	hidden.add("the new secret of a key", secret)
	operator, operating := create("an administrator's key", "--scope", access.AdminScope, "--scope", access.DefaultScope)
	revoked, gone := create("a revoked key")
	o.ok(t, "key", "revoke", revoked)
	_, public, _ := call(t, "key", "generate", "--out", "private.jwk")
	writeFile(t, "public.json", public)
	signs := strings.TrimSpace(o.ok(t, "key", "create", "--site", "elm", "--mode", "test", "--jwks", "public.json"))
	private, err := os.ReadFile("private.jwk")
	must(t, err)
	var jwk struct{ D string }
	must(t, json.Unmarshal(private, &jwk))
	hidden.add("a private key", jwk.D)
	wrong := strings.Repeat("Wr0ngSecret", 4)[:43]
	hidden.add("a wrong secret", wrong)

	p := serveAs(t, dir, func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--log-level", "debug") })
	c := p.client(t)
	var answers []answer
	ask := func(method, path string, header map[string]string) {
		t.Helper()
		body := ""
		if method == http.MethodPut {
			body = patientText("a", "a", "a")
		}
		a := c.must(t, request{method: method, path: path, header: header, body: body})
		answers = append(answers, a)
	}
	granted := c.form(t, access.TokenPath, basic(id, secret), url.Values{"grant_type": {"client_credentials"}}).token(t)
	hidden.add("an access token", granted)
	hidden.add("the signature of an access token", granted[strings.LastIndex(granted, ".")+1:])
	_, assertion, _ := call(t, "key", "assertion", "--client", signs, "--private-key", "private.jwk", "--audience", p.url+access.TokenPath)
	assertion = strings.TrimSpace(assertion)
	hidden.add("an assertion", assertion)
	signed := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
	other := c.form(t, access.TokenPath, "", signed).token(t)
	hidden.add("another access token", other)
	answers = append(answers, c.form(t, access.TokenPath, "", signed)) // a replay
	for _, text := range []string{id + "." + former, rotated, operator + "." + operating, revoked + "." + gone, id + "." + wrong, "live" + id[4:] + "." + wrong, granted, other, granted[:len(granted)-4] + "AAAA", assertion} {
		for _, header := range []map[string]string{{"Authorization": text}, {"Authorization": "Bearer " + text}, {"x-api-key": text}, {"Authorization": "Basic " + text}, {"Authorization": text, "x-api-key": rotated}} {
			ask(http.MethodPut, "Patient/a", header)
			ask(http.MethodGet, "Patient?_count=1", header)
			ask(http.MethodGet, "Patient/a?access_token="+url.QueryEscape(text), header)
			ask(http.MethodGet, "Patient?name="+url.QueryEscape(text), header)
		}
		id, secret, _ := strings.Cut(text, ".")
		for _, path := range []string{access.TokenPath, access.IntrospectPath, access.RevokePath} {
			fields := url.Values{"token": {granted}, "client_id": {id}, "client_secret": {secret}, "grant_type": {"client_credentials" + text}}
			answers = append(answers, c.form(t, path, "", fields), c.form(t, path, basic(id, wrong), fields))
		}
	}
	auditor := map[string]string{"Authorization": operator + "." + operating}
	ask(http.MethodGet, "AuditEvent?_count=1000", auditor)
	for _, path := range []string{access.KeysPath, access.SitesPath, "/metrics", "/nowhere/" + rotated} {
		answers = append(answers, (&client{base: p.url, http: c.http}).must(t, request{method: http.MethodGet, path: strings.TrimPrefix(path, "/"), header: auditor}))
	}
	p.stop(t)

	seen := map[string][]byte{"the log": []byte(p.errs.String())}
	for i, a := range answers {
		seen[fmt.Sprintf("answer %d", i)] = fmt.Append(nil, a.header, a)
	}
	for _, name := range files(t, dir) {
		if strings.HasPrefix(name, "portico.db") {
			text, err := os.ReadFile(name)
			must(t, err)
			seen["the file "+name] = text
		}
	}
	for _, args := range [][]string{{"key", "list"}, {"key", "list", "--output", "json"}, {"site", "list"}, {"check"}, {"config", "print"}, {"backup", "copy.db"}} {
		_, out, errs := call(t, append(args, "--store", o.store)...)
		seen["portico "+strings.Join(args, " ")] = []byte(out + errs)
	}
	for where, text := range seen {
		if shown := hidden.in(text); shown != nil {
			t.Errorf("%s shows %q: %.300s", where, shown, text)
		}
	}
	for _, text := range []string{rotated, basic(id, secret), url.QueryEscape(assertion), string(private)} {
		if hidden.in([]byte(text)) == nil {
			t.Errorf("%q would not be noticed", text)
		}
	}
	if kinds := len(hidden); kinds < 40 || !strings.Contains(p.errs.String(), `"request"`) && !strings.Contains(p.errs.String(), "msg=request") {
		t.Errorf("%d forms of secrets were looked for, and the log is %.300s", kinds, p.errs)
	}
}
