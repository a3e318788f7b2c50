package outward

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const patience = 5 * time.Second

// TestClientRefusesLoopback asks for a server of this machine in every spelling of its address that some resolver understands.
func TestClientRefusesLoopback(t *testing.T) {
	var reached atomic.Int32
	for _, plain := range []bool{true, false} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
		server.Config.ConnState = func(net.Conn, http.ConnState) { reached.Add(1) }
		if plain {
			server.Start()
		} else {
			server.StartTLS()
		}
		t.Cleanup(server.Close)
		_, port, err := net.SplitHostPort(server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{
			"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0177.0.0.1", "127.000.000.001", "localhost", "0.0.0.0", "0",
			"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "169.254.169.254", "[fe80::1]",
		} {
			scheme := "https://"
			if plain {
				scheme = "http://"
			}
			answer, err := Client(patience, false).Do(request(t, scheme+host+":"+port+"/"))
			if err == nil {
				_ = answer.Body.Close()
				t.Errorf("%s%s was reached", scheme, host)
			}
			if _, parses := netip.ParseAddr(strings.Trim(host, "[]")); parses == nil && !errors.Is(err, ErrRefused) {
				t.Errorf("%s%s: %v", scheme, host, err)
			}
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d connections came through", n)
	}
}

// TestClientAfterRebinding has a name that is public when it is looked at first, and this machine when it is connected to.
func TestClientAfterRebinding(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	names := flipping(t)
	first, err := names.LookupNetIP(t.Context(), "ip4", "keys.example.org")
	if err != nil {
		t.Fatal(err)
	}
	if !Public(first[0]) {
		t.Fatalf("the name is %v at first", first)
	}
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	answer, err := client(&net.Dialer{Resolver: names}, patience, false).Do(request(t, "https://keys.example.org:"+port))
	if err == nil {
		_ = answer.Body.Close()
	}
	if !errors.Is(err, ErrRefused) {
		t.Errorf("reached: %v", err)
	}
}

// flipping resolves every name to a public address, the first time, and to 127.0.0.1 from then on.
func flipping(t *testing.T) *net.Resolver {
	t.Helper()
	server, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		var asked int
		buffer := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return // the test ended
			}
			answer, isA := answerA(buffer[:n], asked > 0)
			if isA {
				asked++
			}
			_, _ = server.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// answerA answers a question of RFC 1035 4.1: an A record for A, nothing for other types.
func answerA(question []byte, loopback bool) (answer []byte, isA bool) {
	end := 12 + bytes.IndexByte(question[12:], 0) + 1 + 4 // header, name, type and class
	answer = bytes.Clone(question[:end])
	binary.BigEndian.PutUint16(answer[2:], 0x8180)      // an answer without error
	clear(answer[6:12])                                 // no records, not those of the question either
	if binary.BigEndian.Uint16(question[end-4:]) != 1 { // not A
		return answer, false
	}
	answer[7] = 1
	answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4) // the name of the question, A, IN, 0 s, four bytes
	if loopback {
		return append(answer, 127, 0, 0, 1), true
	}
	return append(answer, 93, 184, 215, 14), true
}

func TestClientTakesHTTPSAlone(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	for _, address := range []string{server.URL, "file:///etc/hostname", "ftp://example.org/", "gopher://127.0.0.1:70/"} {
		r := request(t, address)
		body := &closed{}
		r.Method, r.Body = http.MethodPost, body
		answer, err := Client(patience, false).Do(r)
		if err == nil {
			_ = answer.Body.Close()
		}
		if !errors.Is(err, ErrRefused) || !body.is {
			t.Errorf("%s: %v; body closed %v", address, err, body.is)
		}
	}
}

// TestClientWithoutProxy looks at the transport: the environment is read once in a process, and never for loopback.
func TestClientWithoutProxy(t *testing.T) {
	for _, allowPrivate := range []bool{false, true} {
		if Client(patience, allowPrivate).Transport.(schemes).next.Proxy != nil {
			t.Error("a proxy would connect where the guard does not look")
		}
	}
}

// TestClientAllowed is the client of a closed network: the same but for the addresses.
func TestClientAllowed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/header":
			w.Header().Set("X-Long", strings.Repeat("x", maxHeader))
		}
	}))
	t.Cleanup(server.Close)
	answer, err := Client(patience, true).Do(request(t, server.URL+"/moved"))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusFound {
		t.Errorf("a redirect was followed: %s", answer.Status)
	}
	if answer, err = Client(patience, true).Do(request(t, server.URL+"/header")); err == nil {
		_ = answer.Body.Close()
		t.Error("a header without end was read")
	}
}

func TestClientGivesUp(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	answer, err := Client(50*time.Millisecond, true).Do(request(t, server.URL))
	if err == nil {
		_ = answer.Body.Close()
	}
	var late *url.Error
	if !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("waited: %v", err)
	}
}

func request(t *testing.T, address string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// closed is a body that knows whether it was closed.
type closed struct{ is bool }

func (c *closed) Read([]byte) (int, error) { return 0, io.EOF }

func (c *closed) Close() error {
	c.is = true
	return nil
}
