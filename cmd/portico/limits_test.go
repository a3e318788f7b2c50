package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir/access"
)

// startAlone runs a server that asks nobody who they are, of one type.
func startAlone(t *testing.T, opened ...func(*App)) *running {
	t.Helper()
	return startLogging(t, t.TempDir(), func(c *Config) { c.Dev, c.Resources = true, []string{"Location"} }, io.Discard, opened...)
}

// TestRequestsAtOnce: beyond the limit requests are refused, but for those that ask how the server is; when one is answered, there is room for another. Data,
// public documents, signing in and administration take no places of one another.
func TestRequestsAtOnce(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(bounded(8, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "slow" {
			entered <- struct{}{}
			<-leave
		}
	})))
	defer server.Close()
	answers := func(path string, want int) {
		t.Helper()
		answer, body := ask(t, http.DefaultClient, http.MethodGet, server.URL+path, nil)
		if answer.StatusCode != want {
			t.Errorf("%s: %s", path, answer.Status)
		}
		if want == 503 && (answer.Header.Get("Retry-After") != "1" || !strings.HasPrefix(body, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"transient"`)) {
			t.Errorf("%s: %v, %s", path, answer.Header, body)
		}
	}
	fill := func(path string, places int) (empty func()) {
		t.Helper()
		answered := make(chan int)
		for range places {
			go func() {
				response, err := http.Get(server.URL + path + "?slow")
				if err != nil {
					answered <- 0
					return
				}
				_ = response.Body.Close()
				answered <- response.StatusCode
			}()
			<-entered
		}
		return func() {
			for range places {
				leave <- struct{}{}
				if status := <-answered; status != http.StatusOK {
					t.Errorf("what came in time is answered %d", status)
				}
			}
		}
	}
	crowds := []struct {
		places int
		paths  []string
	}{
		{2, []string{"/auth/token", "/auth/introspect", "/auth/revoke"}},
		{2, []string{"/auth/jwks.json", "/fhir/metadata", "/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration", "/metrics"}},
		{2, []string{"/auth/keys/a/revoke", "/auth/keys", "/auth/sites/demo/suspend"}},
		{8, []string{"/fhir/Patient", "/fhir", "/fhir/metadata2", "/nowhere"}},
	}
	for i, full := range crowds {
		empty := fill(full.paths[0], full.places)
		for j, other := range crowds {
			for _, path := range other.paths {
				answers(path, map[bool]int{true: 503, false: 200}[i == j])
			}
		}
		answers("/healthz", 200)
		answers("/readyz", 200)
		empty()
		answers(full.paths[0], 200)
	}
}

// TestSlowReaders: whoever reads public documents slowly holds their places, and none of those who have a credential.
func TestSlowReaders(t *testing.T) {
	const places = 8
	r := start(t, t.TempDir(), func(c *Config) { c.MaxConcurrent = places })
	for range 2 * places {
		c := dial(t, r)
		go func() { // of more answers than buffers hold nobody reads a byte
			_, _ = io.WriteString(c, strings.Repeat("GET /fhir/metadata HTTP/1.1\r\nHost: localhost\r\n\r\n", 2000))
		}()
	}
	full := func() bool {
		status, _ := r.get(t, "/fhir/metadata")
		return status == http.StatusServiceUnavailable
	}
	for tries := 0; !full(); tries++ {
		if tries == 10_000 {
			t.Fatal("slow readers hold no places")
		}
	}
	for _, path := range []string{"/fhir/Patient", "/auth/sites"} {
		if status, body := r.get(t, path); status != http.StatusOK {
			t.Errorf("meanwhile %s answers %d %s", path, status, body)
		}
	}
	answer, _ := ask(t, http.DefaultClient, http.MethodPost, r.url+"/auth/token", nil)
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("meanwhile a sign-in without a body answers %s", answer.Status)
	}
}

// TestOneCredentialLeavesRoom: beyond a quarter of the places it is refused, others get in, and it too as soon as one of its requests is over.
func TestOneCredentialLeavesRoom(t *testing.T) {
	r := start(t, t.TempDir(), func(c *Config) { c.MaxConcurrent = 8 })
	_, busy, err := r.access.CreateCredential(t.Context(), access.NewCredential{Mode: access.Test, Sites: []string{testSite}})
	must(t, err)
	var slow []net.Conn
	for range 2 {
		c := dial(t, r)
		slow = append(slow, c)
		_, err := fmt.Fprintf(c, "POST /fhir/Location HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\nContent-Type: application/fhir+json\r\nContent-Length: 1000\r\n\r\n{", busy)
		must(t, err)
	}
	busily := func() (reply, string) {
		return ask(t, http.DefaultClient, http.MethodGet, r.url+"/fhir/Location", http.Header{"Authorization": {busy}})
	}
	await := func(status int) (answer reply, body string) {
		for range 10_000 {
			if answer, body = busily(); answer.StatusCode == status {
				return answer, body
			}
		}
		t.Fatalf("it is answered %s, want %d", answer.Status, status)
		return answer, body
	}
	answer, body := await(http.StatusTooManyRequests)
	if answer.Header.Get("Retry-After") != "1" || !strings.HasPrefix(body, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"throttled"`) {
		t.Errorf("%v, %s", answer.Header, body)
	}
	if status, body := r.get(t, "/fhir/Location"); status != http.StatusOK {
		t.Errorf("others are answered %d %s", status, body)
	}
	must(t, slow[0].Close())
	await(http.StatusOK)
	must(t, slow[1].Close())
	r.end(t)
	if len(r.shares.of) != 0 {
		t.Errorf("in the end there are under way %v", r.shares.of)
	}
}

// TestSizes of requests: header, URL and body.
func TestSizes(t *testing.T) {
	r := startAlone(t)
	post := func(size int) string {
		body := `{"resourceType":"Location"` + strings.Repeat(" ", size) + "}"
		return fmt.Sprintf("POST /fhir/Location HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	get := func(query, header int) string {
		return fmt.Sprintf("GET /fhir/Location?_id=%s HTTP/1.1\r\nHost: localhost\r\nX-Filler: %s\r\n\r\n", strings.Repeat("x", query), strings.Repeat("x", header))
	}
	for name, c := range map[string]struct {
		request string
		want    int
	}{
		"a header of 30 KiB": {get(1, 30<<10), 200},
		"a header of 40 KiB": {get(1, 40<<10), 431},
		"a URL of 8000":      {get(8000, 1), 200},
		"a URL of 8300":      {get(8300, 1), 414},
		"a body of 5 MiB":    {post(5<<20 - 100), 201},
		"a body beyond":      {post(5 << 20), 413},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := dial(t, r)
			go func() { _, _ = io.WriteString(c2, c.request) }() // the server may not read all of it
			answer, err := http.ReadResponse(bufio.NewReader(c2), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != c.want {
				t.Errorf("%s", answer.Status)
			}
		})
	}
}

func dial(t *testing.T, r *running) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSlowClients are cut off, whatever they are slow with, and others are answered meanwhile.
func TestSlowClients(t *testing.T) {
	const soon = time.Second
	r := startLogging(t, t.TempDir(), func(c *Config) { c.Dev, c.Resources, c.MaxConcurrent = true, []string{"Location"}, 8 }, io.Discard, func(a *App) {
		a.server.ReadHeaderTimeout, a.server.ReadTimeout, a.server.IdleTimeout = soon, 2*soon, 3*soon
	})
	for name, begin := range map[string]string{
		"nothing":          "",
		"half a header":    "GET /fhir/Location HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
		"half a body":      "POST /fhir/Location HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\nContent-Length: 1000\r\n\r\n{\"resourceType\":",
		"half a chunk":     "POST /fhir/Location HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"resour",
		"after the answer": "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, r)
			if _, err := io.WriteString(c, begin); err != nil {
				t.Fatal(err)
			}
			if status, _ := r.get(t, "/fhir/Location"); status != http.StatusOK {
				t.Errorf("others are answered %d", status)
			}
			stop, dripped := make(chan struct{}), make(chan struct{})
			go func() { // a byte now and then keeps no request alive
				defer close(dripped)
				for err := error(nil); err == nil && strings.HasPrefix(name, "half"); {
					select {
					case <-stop:
						return
					case <-time.After(soon / 8):
						_, err = c.Write([]byte("x"))
					}
				}
			}()
			answer, err := io.ReadAll(c)
			close(stop)
			<-dripped
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // of the connection itself
				t.Fatal("it is not cut off")
			}
			if strings.Contains(name, "body") || strings.Contains(name, "chunk") {
				if !strings.HasPrefix(string(answer), "HTTP/1.1 4") || !strings.Contains(string(answer), "OperationOutcome") {
					t.Errorf("it is answered %s", answer)
				}
			}
		})
	}
}

// TestFiguresApart are on an address of their own, and there alone, until the server stops.
func TestFiguresApart(t *testing.T) {
	r := start(t, t.TempDir(), func(c *Config) { c.MetricsListen = "127.0.0.1:0" })
	figures := "http://" + r.figures.listener.Addr().String()
	if status, _ := r.get(t, metricsPath); status != http.StatusNotFound {
		t.Errorf("with everything else: %d", status)
	}
	answer, body := ask(t, http.DefaultClient, http.MethodGet, figures+metricsPath, nil)
	if answer.StatusCode != http.StatusOK || !strings.Contains(body, "portico_http_requests_in_flight") || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s, %v, %s", answer.Status, answer.Header, body)
	}
	for _, path := range []string{"/fhir/metadata", "/healthz", "/"} {
		if answer, _ := ask(t, http.DefaultClient, http.MethodGet, figures+path, nil); answer.StatusCode != http.StatusNotFound {
			t.Errorf("with the metrics: %s %s", path, answer.Status)
		}
	}
	r.end(t)
	if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(figures, "http://")); err == nil {
		_ = c.Close()
		t.Error("the metrics are there when the server has stopped")
	}
}
