package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/outward"
)

const clientURL = "https://client.example.org/jwks.json"

// publisher is a client that publishes its keys.
type publisher struct {
	mu      sync.Mutex
	body    []byte
	status  int
	header  http.Header
	fault   error
	fetches int
}

func (p *publisher) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetches++
	if p.fault != nil {
		return nil, p.fault
	}
	if r.URL.String() != clientURL || r.Method != http.MethodGet || r.Header.Get("Authorization") != "" {
		return nil, fmt.Errorf("asked for %s", r.URL)
	}
	return &http.Response{StatusCode: p.status, Header: p.header, Body: io.NopCloser(strings.NewReader(string(p.body))), Request: r}, nil
}

// publish sets what is answered, and says how often somebody asked until then.
func (p *publisher) publish(status int, body []byte, cacheControl string) (fetches int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body, p.header, p.fault = status, body, http.Header{"Cache-Control": {cacheControl}}, nil
	fetches, p.fetches = p.fetches, 0
	return fetches
}

func (p *publisher) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = err
}

// newPublishing is a rig with a client that publishes clientEC as "ec".
func newPublishing(t *testing.T) (r *rig, p *publisher, client string) {
	t.Helper()
	p = &publisher{}
	p.publish(http.StatusOK, keySet(t, clientKeyEC()), "")
	r = newRig(t)
	r.outside = p
	r.limit(0)
	return r, p, r.client(t, NewCredential{JWKSURL: clientURL})
}

// tries a sign-in by a key, and returns the status and what is said.
func (r *rig) tries(t *testing.T, client string, key any, kid string) (status int, says string) {
	t.Helper()
	w := r.ask(t, r.Access, TokenPath, asserting(assertion(t, key, kid, r.claims(client))))
	return w.Code, w.Body.String()
}

func TestKeysOfAURL(t *testing.T) {
	r, p, client := newPublishing(t)
	for range 20 {
		if status, says := r.tries(t, client, clientEC(), "ec"); status != http.StatusOK {
			t.Fatal(says)
		}
	}
	if n := p.publish(http.StatusOK, p.body, ""); n != 1 {
		t.Errorf("20 sign-ins fetched the keys %d times", n)
	}
	r.time.forward(outsideLife)
	r.tries(t, client, clientEC(), "ec")
	if n := p.publish(http.StatusOK, p.body, ""); n != 1 {
		t.Errorf("keys that are old are fetched %d times", n)
	}
}

// TestNewKeyAtAURL: a client signs by a key that it has published since; an unknown kid does not make us ask all the time.
func TestNewKeyAtAURL(t *testing.T) {
	r, p, client := newPublishing(t)
	r.tries(t, client, clientEC(), "ec")
	next := mustMake(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	p.publish(http.StatusOK, keySet(t, jose.JSONWebKey{Key: next.Public(), KeyID: "next"}), "")
	if status, says := r.tries(t, client, next, "next"); status != http.StatusUnauthorized || !strings.Contains(says, "none of the client's keys") {
		t.Errorf("at once: %d %s", status, says)
	}
	r.time.forward(outsideRest)
	if status, says := r.tries(t, client, next, "next"); status != http.StatusOK {
		t.Errorf("after a while: %s", says)
	}
	if status, _ := r.tries(t, client, clientEC(), "ec"); status != http.StatusUnauthorized {
		t.Error("a key that was withdrawn works on")
	}
	for range 50 {
		r.tries(t, client, clientEC(), "chance")
	}
	if n := p.publish(http.StatusOK, p.body, ""); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// TestCacheControlOfAURL: SMART forbids to use keys for longer than it says.
func TestCacheControlOfAURL(t *testing.T) {
	for _, c := range []struct {
		directives string
		life       time.Duration
	}{
		{"", outsideLife}, {"public", outsideLife}, {"max-age=60", time.Minute}, {"public, MAX-AGE=\"60\"", time.Minute}, {"max-age=86400", outsideLife},
		{"max-age=99999999999999999999", outsideLife}, {"max-age=-1", outsideLife}, {"max-age=0", outsideRest}, {"no-store", outsideRest}, {"max-age=60, no-cache", outsideRest},
	} {
		r, p, client := newPublishing(t)
		p.publish(http.StatusOK, p.body, c.directives)
		r.tries(t, client, clientEC(), "ec")
		r.time.forward(c.life - time.Second)
		if r.tries(t, client, clientEC(), "ec"); p.publish(http.StatusOK, p.body, c.directives) != 1 {
			t.Errorf("%q: fetched before %v", c.directives, c.life)
		}
		r.time.forward(time.Second)
		if r.tries(t, client, clientEC(), "ec"); p.publish(http.StatusOK, p.body, c.directives) != 1 {
			t.Errorf("%q: not fetched after %v", c.directives, c.life)
		}
	}
}

// TestURLThatFails says what the client's operator can mend, and nothing of our network.
func TestURLThatFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		fault  error
		says   string
	}{
		{"nobody there", 0, "", errors.New("dial tcp 10.1.2.3:443: connection refused"), "it cannot be reached."},
		{"a redirect", 302, "", nil, "it answers with status 302."},
		{"nothing", 404, "", nil, "it answers with status 404."},
		{"no keys", 200, `{"keys":[]}`, nil, "no key that can be used (there is no other)"},
		{"no JSON", 200, `<html>`, nil, "no JWK Set"},
		{"of another kind", 200, `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"ec"}]}`, nil, "keys[0] is secret"},
		{"without end", 200, strings.Repeat(" ", maxKeySet+100), nil, "more than 65536 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, p, client := newPublishing(t)
			p.publish(c.status, []byte(c.body), "")
			p.fail(c.fault)
			for range 5 {
				status, says := r.tries(t, client, clientEC(), "ec")
				if status != http.StatusUnauthorized || !strings.Contains(says, fetchRefusal) || !strings.Contains(says, c.says) || strings.Contains(says, "10.1.2.3") {
					t.Errorf("%d %s", status, says)
				}
			}
			if n := p.publish(http.StatusOK, keySet(t, clientKeyEC()), ""); n != 1 {
				t.Errorf("%d fetches", n)
			}
			r.time.forward(outsideRest)
			if status, says := r.tries(t, client, clientEC(), "ec"); status != http.StatusOK {
				t.Errorf("mended: %s", says)
			}
		})
	}
}

// TestURLThatFailsForAWhile: keys that are not old go on, also when somebody names an unknown kid meanwhile.
func TestURLThatFailsForAWhile(t *testing.T) {
	r, p, client := newPublishing(t)
	r.tries(t, client, clientEC(), "ec")
	p.fail(errors.New("down"))
	r.time.forward(outsideRest)
	if status, says := r.tries(t, client, clientEC(), "chance"); status != http.StatusUnauthorized || !strings.Contains(says, "cannot be reached") {
		t.Errorf("an unknown kid: %d %s", status, says)
	}
	if status, says := r.tries(t, client, clientEC(), "ec"); status != http.StatusOK {
		t.Errorf("a known one: %s", says)
	}
	r.time.forward(outsideLife)
	if status, _ := r.tries(t, client, clientEC(), "ec"); status != http.StatusUnauthorized {
		t.Error("old keys are used")
	}
}

// TestURLInside has a client whose keys are said to be on this machine: the guard of package outward refuses, and the client learns nothing else.
func TestURLInside(t *testing.T) {
	reached := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(server.Close)
	r := newRig(t)
	r.outside = outward.Client(5*time.Second, false).Transport
	client := r.client(t, NewCredential{JWKSURL: server.URL + "/jwks.json"})
	if status, says := r.tries(t, client, clientEC(), "ec"); status != http.StatusUnauthorized || !strings.Contains(says, "it cannot be reached.") || reached {
		t.Errorf("%d %s", status, says)
	}
}

// TestKeysOfURLsAreBounded remembers no more than so many.
func TestKeysOfURLsAreBounded(t *testing.T) {
	r := newRig(t)
	for i := range 2 * mostOutside {
		r.Access.outside.at(fmt.Sprintf("https://client%d.example.org", i))
	}
	if n := len(r.Access.outside.byURL); n > mostOutside {
		t.Errorf("%d URLs are remembered", n)
	}
}

// TestKeysWhileAURLIsAsked: an unknown kid has the URL asked, and whoever signs by a key that is known goes on meanwhile. Those who name unknown ones wait for one
// answer together, or as long as their requests may take.
func TestKeysWhileAURLIsAsked(t *testing.T) {
	r, p, client := newPublishing(t)
	r.tries(t, client, clientEC(), "ec")
	next := mustMake(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	p.publish(http.StatusOK, keySet(t, clientKeyEC(), jose.JSONWebKey{Key: next.Public(), KeyID: "next"}), "")
	r.time.forward(outsideRest)
	asked, answer := make(chan struct{}), make(chan struct{})
	r.outside = roundTripper(func(q *http.Request) (*http.Response, error) {
		close(asked) // once: twice would panic
		<-answer
		return p.RoundTrip(q)
	})
	var waiting sync.WaitGroup
	wait := func() {
		waiting.Go(func() {
			if _, found, err := r.Access.outside.find(t.Context(), clientURL, "next"); !found || err != nil {
				t.Errorf("the new key: %v, %v", found, err)
			}
		})
	}
	wait()
	<-asked
	for range 3 {
		wait()
	}
	if status, says := r.tries(t, client, clientEC(), "ec"); status != http.StatusOK {
		t.Errorf("a key that is known: %d %s", status, says)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := r.Access.outside.find(gone, clientURL, "next"); !errors.Is(err, fhir.Unavailable) {
		t.Errorf("who does not wait: %v", err)
	}
	close(answer)
	waiting.Wait()
}

// TestRegisteredJKU: an assertion may point to where the keys of its client are, as they are registered, and nowhere else.
func TestRegisteredJKU(t *testing.T) {
	r, _, client := newPublishing(t)
	for jku, want := range map[any]int{clientURL: http.StatusOK, clientURL + "?": http.StatusUnauthorized, 1: http.StatusUnauthorized} {
		header := map[jose.HeaderKey]any{"kid": "ec", "typ": "JWT", "jku": jku}
		if w := r.ask(t, r.Access, TokenPath, asserting(signed(t, jose.ES384, clientEC(), header, r.claims(client)))); w.Code != want {
			t.Errorf("%v: %d %s", jku, w.Code, w.Body)
		}
	}
}
