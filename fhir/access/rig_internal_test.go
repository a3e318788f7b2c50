package access

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

const baseURL = "https://portico.example.org"

// rig is a node with a site and credentials of each kind, on a store and a clock that other nodes may share.
type rig struct {
	*Access
	time    *hands
	records *outages
	events  *events
	outside http.RoundTripper

	id, secret string // of a key with DefaultScope
	signs      string // a client with clientEC ("ec") and clientRSA ("rsa")
}

// hands are those of a clock.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func newHands() *hands { return &hands{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) forward(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// events are those that were recorded.
type events struct {
	mu   sync.Mutex
	all  []audit.Event
	full bool // no more are taken
}

func (e *events) Record(event audit.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.full {
		return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The record is full.")
	}
	e.all = append(e.all, event)
	return nil
}

func (e *events) Settle(context.Context, fhir.Partition) error { return nil }

// last is the event that was recorded last.
func (e *events) last() audit.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.all) == 0 {
		return audit.Event{}
	}
	return e.all[len(e.all)-1]
}

// outages are records that are out of reach at times.
type outages struct {
	storage.Records
	mu   sync.Mutex
	down bool
}

func (o *outages) set(down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = down
}

func (o *outages) fault() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The database at 10.1.2.3 is out of reach.")
	}
	return nil
}

func (o *outages) Get(ctx context.Context, name string) (storage.Record, error) {
	if err := o.fault(); err != nil {
		return storage.Record{}, err
	}
	return o.Records.Get(ctx, name)
}

func (o *outages) Swap(ctx context.Context, name string, old int64, value []byte, expires fhir.Instant) (storage.Record, error) {
	if err := o.fault(); err != nil {
		return storage.Record{}, err
	}
	return o.Records.Swap(ctx, name, old, value, expires)
}

// newRig makes a rig with a site "demo".
func newRig(t testing.TB) *rig {
	t.Helper()
	rules, err := search.NewRules(search.Config{Types: []string{"Patient"}, BaseURL: baseURL + "/fhir"})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{time: newHands(), events: &events{}}
	r.records = &outages{Records: anystore.Open(t, rules, r.time.Now).Records()}
	r.furnish(t)
	return r
}

// furnish makes what every rig has.
func (r *rig) furnish(t testing.TB) {
	t.Helper()
	r.Access = r.node()
	if _, err := r.CreateSite(t.Context(), "demo"); err != nil {
		t.Fatal(err)
	}
	r.id, r.secret = r.key(t, NewCredential{})
	r.signs = r.client(t, NewCredential{JWKS: keySet(t,
		clientKeyEC(), jose.JSONWebKey{Key: clientRSA().Public(), KeyID: "rsa", Algorithm: "RS384"})})
}

// node makes another node of the same store and time.
func (r *rig) node() *Access {
	return New(Config{
		Records: r.records, Now: r.time.Now, Log: slog.New(slog.DiscardHandler), Audit: r.events, Limits: DefaultLimits, BaseURL: baseURL,
		Outside: &http.Client{Transport: roundTripper(func(q *http.Request) (*http.Response, error) { return r.outside.RoundTrip(q) })},
	})
}

// limit sets what may be asked for in a minute; 0: anything.
func (r *rig) limit(n int) {
	r.signIns, r.refusals, r.requests = newLimiter(n, time.Minute), newLimiter(n, time.Minute), newLimiter(n, time.Minute)
}

// roundTripper is a http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// client makes a credential of the site demo in test mode, unless it says otherwise.
func (r *rig) client(t testing.TB, n NewCredential) string {
	t.Helper()
	id, _ := r.key(t, n)
	return id
}

func (r *rig) key(t testing.TB, n NewCredential) (id, secret string) {
	t.Helper()
	if n.Mode == "" {
		n.Mode = Test
	}
	if n.Sites == nil {
		n.Sites = []string{"demo"}
	}
	c, key, err := r.CreateCredential(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ = strings.Cut(key, ".")
	return c.ID, secret
}

// ask posts a form.
func (r *rig) ask(t testing.TB, a *Access, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, baseURL+path, strings.NewReader(form.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("X-Request-Id", "request-1")
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, q)
	return w
}

// bySecret are the parameters of a request for a token by the rig's key.
func (r *rig) bySecret(more ...string) url.Values {
	return formOf(append([]string{"grant_type", "client_credentials", "client_id", r.id, "client_secret", r.secret}, more...)...)
}

func formOf(pairs ...string) url.Values {
	f := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	return f
}

// tokenOf gets a token, or ends the test.
func (r *rig) tokenOf(t testing.TB, form url.Values) issued {
	t.Helper()
	w := r.ask(t, r.Access, TokenPath, form)
	if w.Code != http.StatusOK {
		t.Fatalf("no token: %d %s", w.Code, w.Body)
	}
	return decodedAs[issued](t, w.Body.Bytes())
}

func decodedAs[T any](t testing.TB, text []byte) (value T) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

// signed is a JWT.
func signed(t testing.TB, algorithm jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any, claims any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: header}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// claims are those of a good assertion of a client, with another jti each time.
func (r *rig) claims(client string) map[string]any {
	return map[string]any{
		"iss": client, "sub": client, "aud": baseURL + TokenPath, "exp": r.time.Now().Add(4 * time.Minute).Unix(), "jti": fhir.NewID(r.time.Now()),
	}
}

// assertion is signed by a client's key: an RSA key by RS384, others by ES384.
func assertion(t testing.TB, key any, kid string, claims map[string]any) string {
	t.Helper()
	algorithm := jose.ES384
	if _, isRSA := key.(*rsa.PrivateKey); isRSA {
		algorithm = jose.RS384
	}
	return signed(t, algorithm, key, map[jose.HeaderKey]any{"kid": kid, "typ": "JWT"}, claims)
}

// asserting are the parameters of a request for a token by an assertion.
func asserting(text string, more ...string) url.Values {
	return formOf(append([]string{"grant_type", "client_credentials", "client_assertion_type", assertionType, "client_assertion", text}, more...)...)
}

func mustPrefixes(texts ...string) (prefixes []netip.Prefix) {
	for _, text := range texts {
		prefixes = append(prefixes, netip.MustParsePrefix(text))
	}
	return prefixes
}
