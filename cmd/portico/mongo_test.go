package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-health/portico/storage/mongo/mongotest"
)

// line is a way to a server that can be cut.
type line struct {
	net.Listener
	to string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

// newLine leads from a port of its own to a server.
func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{Listener: listener, to: to, conns: make(map[net.Conn]bool)}
	go l.accept()
	t.Cleanup(func() { _ = l.Close(); l.set(true) })
	return l
}

func (l *line) accept() {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.to)
		if err != nil || !l.join(near, far) {
			_ = near.Close()
			continue
		}
		go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
		go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
	}
}

// join takes both ends of a connection, unless the line is cut.
func (l *line) join(near, far net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		_ = far.Close()
		return false
	}
	l.conns[near], l.conns[far] = true, true
	return true
}

// set cuts the line, with all connections, or mends it.
func (l *line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	for c := range l.conns {
		_ = c.Close()
		delete(l.conns, c)
	}
}

// through is a connection string that goes through the line, for one that names a server alone.
func through(t *testing.T, uri string) (*line, string) {
	t.Helper()
	scheme, rest, _ := strings.Cut(uri, "://")
	place, path, _ := strings.Cut(rest, "/")
	before, after := "", place
	if at := strings.LastIndex(place, "@"); at >= 0 {
		before, after = place[:at+1], place[at+1:]
	}
	if scheme != "mongodb" || strings.Contains(after, ",") {
		t.Skipf("%s names several servers", mongotest.Server)
	}
	l := newLine(t, after)
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return l, scheme + "://" + before + l.Addr().String() + "/" + path + separator + "directConnection=true&timeoutMS=3000"
}

// TestMongoOutage: while the database is out of reach, requests are refused in time and the server is not ready; when it is back, so is the server.
func TestMongoOutage(t *testing.T) {
	l, uri := through(t, mongotest.URI(t))
	r := start(t, t.TempDir(), func(c *Config) { c.Store, c.Resources = uri, []string{"Patient"} })
	patient := `{"resourceType":"Patient","id":"a"}`
	if status := r.send(t, http.MethodPut, "/fhir/Patient/a", patient); status != http.StatusCreated {
		t.Fatalf("PUT answers %d: %s", status, r.log)
	}
	for range 2 {
		l.set(true)
		c := newClient(t, r.url)
		for _, q := range []request{
			{method: http.MethodPut, path: "Patient/a", body: patient}, {method: http.MethodGet, path: "Patient/a"}, {method: http.MethodGet, path: "Patient?active=true"},
			{method: http.MethodPost, path: "Patient", body: `{"resourceType":"Patient"}`, header: map[string]string{"If-None-Exist": "identifier=x"}},
		} {
			began := time.Now()
			a := c.must(t, q)
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || !a.tellsOf("transient") || strings.Contains(string(a.body), "127.0.0.1") || time.Since(began) > 20*time.Second {
				t.Errorf("%s %s within %s: %s", q.method, q.path, time.Since(began), a)
			}
		}
		if status, body := r.get(t, "/readyz"); status != http.StatusServiceUnavailable || body != "the store cannot be reached\n" {
			t.Errorf("not ready: %d %s", status, body)
		}
		if status, _ := r.get(t, "/healthz"); status != http.StatusOK {
			t.Errorf("healthy: %d", status)
		}
		l.set(false)
		if status, body := r.until(t, "/readyz"); status != http.StatusOK {
			t.Errorf("ready again: %d %s", status, body)
		}
		if a := c.must(t, request{method: http.MethodPut, path: "Patient/a", body: patient}); a.status != http.StatusOK {
			t.Errorf("PUT answers %s", a)
		}
	}
}

// TestMongoOutOfReach: a server that cannot have its database at the start says so in a line, in time, and ends.
func TestMongoOutOfReach(t *testing.T) {
	t.Chdir(t.TempDir())
	nobody := freeAddress(t)
	for _, args := range [][]string{{"serve", "--listen", freeAddress(t)}, {"check"}} {
		began := time.Now()
		code, out, errs := call(t, append(args, "--store", "mongodb://portico:s%2Fecret@"+nobody+"/portico?timeoutMS=2000")...)
		took := time.Since(began)
		if code != exitUsage || out != "" || !strings.Contains(errs, "store: mongodb://portico:xxxxx@"+nobody+"/portico?timeoutMS=2000 cannot be opened: ") ||
			!strings.Contains(errs, "refused") || strings.Contains(errs, "ecret") || strings.Count(errs, "\n") != 1 || took > 10*time.Second {
			t.Errorf("%v: exit %d within %s: %s%s", args, code, took, out, errs)
		}
	}
}

// TestMongoIsRead: a check of a database without a store says so, and makes none.
func TestMongoIsRead(t *testing.T) {
	uri := strings.Replace(mongotest.URI(t), "portico_test_", "portico_test_none_", 1)
	for range 2 {
		code, out, errs := call(t, "check", "--store", uri)
		if code != exitUsage || out != "" || !strings.Contains(errs, "there is no store in the database portico_test_") {
			t.Errorf("exit %d: %s%s", code, out, errs)
		}
	}
}
