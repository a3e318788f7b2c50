package main

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// standing is a clock that goes on only when it is told to.
type standing struct{ at atomic.Int64 }

func (c *standing) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *standing) advance(d time.Duration) { c.at.Add(int64(d)) }

// startLimited runs a server by the settings of a command line, on a clock that stands.
func startLimited(t *testing.T, args ...string) (*running, *standing) {
	t.Helper()
	t.Chdir(t.TempDir())
	config, err := loadConfig(settings(t, append(args, "--store", anystore.Setting(t, t.TempDir()), "--resources", "Location")...), none)
	must(t, err)
	config.Listen = "127.0.0.1:0"
	key := keyFor(t, config.Store)
	clock := &standing{}
	clock.at.Store(time.Now().UnixNano())
	r := startAt(t, config, io.Discard, clock.now)
	r.key = key
	keys.hand(r.Address(), key)
	return r, clock
}

// TestConfiguredRate: of a steady demand, five times what may be, as much is let through as is configured, within 5 % in every second. Another credential has a rate of its
// own, and who waits as Retry-After says gets in.
func TestConfiguredRate(t *testing.T) {
	const rate, demand, seconds = 40, 200, 3
	r, clock := startLimited(t, "--rate-limit", "40")
	admitted := make([]int, seconds)
	var refused reply
	var refusal string
	for i := range demand * seconds {
		answer, body := ask(t, http.DefaultClient, http.MethodGet, r.url+"/fhir/Location", nil)
		switch answer.StatusCode {
		case http.StatusOK:
			admitted[i/demand]++
		case http.StatusTooManyRequests:
			refused, refusal = answer, body
		default:
			t.Fatalf("request %d: %s %s", i, answer.Status, body)
		}
		clock.advance(time.Second / demand)
	}
	for i, n := range admitted {
		if n < rate*95/100 || n > rate*105/100 {
			t.Errorf("in second %d %d requests are let through, want %d", i, n, rate)
		}
	}
	got := []string{refused.Header.Get("Retry-After"), refused.Header.Get("RateLimit-Policy"), refused.Header.Get("RateLimit")}
	if diff := cmp.Diff([]string{"1", `"requests";q=40;w=1`, `"requests";r=0;t=1`}, got); diff != "" {
		t.Errorf("a refusal has (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(refusal, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"throttled"`) {
		t.Errorf("a refusal says %s", refusal)
	}
	_, other, err := r.access.CreateCredential(t.Context(), access.NewCredential{Mode: access.Test, Sites: []string{testSite}})
	must(t, err)
	if answer, _ := ask(t, http.DefaultClient, http.MethodGet, r.url+"/fhir/Location", http.Header{"Authorization": {other}}); answer.StatusCode != http.StatusOK {
		t.Errorf("meanwhile another credential: %s", answer.Status)
	}
	clock.advance(time.Second)
	if status, body := r.get(t, "/fhir/Location"); status != http.StatusOK {
		t.Errorf("after what Retry-After says: %d %s", status, body)
	}
}

// TestConfiguredSignIns: tokens have a limit of their own, of each minute.
func TestConfiguredSignIns(t *testing.T) {
	r, clock := startLimited(t, "--token-rate-limit", "6")
	id, secret, _ := strings.Cut(r.key, ".")
	signIn := func() (int, http.Header, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/auth/token", strings.NewReader("grant_type=client_credentials"))
		must(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth(id, secret)
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, response.Header, string(body)
	}
	for i := range 6 {
		if status, _, body := signIn(); status != http.StatusOK {
			t.Fatalf("sign-in %d: %d %s", i, status, body)
		}
		clock.advance(time.Second)
	}
	if status, header, body := signIn(); status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !strings.Contains(body, "temporarily_unavailable") {
		t.Errorf("beyond: %d, %v, %s", status, header, body)
	}
	if status, body := r.get(t, "/fhir/Location"); status != http.StatusOK {
		t.Errorf("requests for data: %d %s", status, body)
	}
	clock.advance(time.Minute)
	if status, _, body := signIn(); status != http.StatusOK {
		t.Errorf("a minute later: %d %s", status, body)
	}
}
