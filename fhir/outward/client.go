package outward

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrRefused is the cause of every error of a Client that its guard made: the address is not public, or the URL is not https.
var ErrRefused = errors.New("refused by the guard of outward connections")

// maxHeader bounds the header of an answer, in bytes. Its body is bounded by who reads it.
const maxHeader = 32 << 10

// Client returns a client that connects to public addresses alone: the guard looks at the very address of each connection, after names were
// resolved. It follows no redirects, uses no proxy, takes https alone (http too with allowPrivate, which lets everything
// be reached: for tests and for a closed network), and gives up after a timeout.
func Client(timeout time.Duration, allowPrivate bool) *http.Client {
	return client(&net.Dialer{Timeout: timeout}, timeout, allowPrivate)
}

// client is a Client that dials, and resolves names, as the dialer does.
func client(dialer *net.Dialer, timeout time.Duration, allowPrivate bool) *http.Client {
	if !allowPrivate {
		dialer.Control = guard
	}
	transport := &http.Transport{
		Proxy:                  nil, // one that the environment names would connect where the guard does not look
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeader,
		TLSHandshakeTimeout:    timeout,
		IdleConnTimeout:        time.Minute,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    2,
	}
	return &http.Client{
		Transport:     schemes{next: transport, plain: allowPrivate},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       timeout,
	}
}

// schemes lets https alone pass, and http where plain is set.
type schemes struct {
	next  *http.Transport
	plain bool
}

// RoundTrip refuses other schemes. The body of what it refuses is closed, as a RoundTripper must.
func (s schemes) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" || s.plain && r.URL.Scheme == "http" {
		return s.next.RoundTrip(r)
	}
	if r.Body != nil {
		_ = r.Body.Close() // nothing was read of it
	}
	return nil, fmt.Errorf("%w: the URL must begin with https://", ErrRefused)
}

// CloseIdleConnections closes what http.Client.CloseIdleConnections asks for.
func (s schemes) CloseIdleConnections() { s.next.CloseIdleConnections() }

// guard is a net.Dialer.Control: it is asked before each connection, with the address that is connected to.
func guard(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !Public(to.Addr()) {
		return fmt.Errorf("%w: the address is not a public one", ErrRefused)
	}
	return nil
}
