package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// lookInterval is how often the files of a certificate are looked at, at most.
const lookInterval = 2 * time.Second

// certificate is that of the server, in two files. It is read again when they have changed: when the old one runs out, nobody has to stop the server.
type certificate struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger

	pair atomic.Pointer[tls.Certificate]

	mu     sync.Mutex
	looked time.Time
	files  [2]os.FileInfo // as they were when the pair was read
	fault  string         // why they cannot be read, as it was told last
}

// newCertificate reads the certificate.
func newCertificate(certFile, keyFile string, now func() time.Time, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, now: now, log: log, looked: now()}
	return c, c.read()
}

// end is when the certificate runs out, for alarms before it does.
func (c *certificate) end() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "portico_tls_certificate_end_seconds", Help: "When the certificate that is served runs out, in seconds since 1970.",
	}, func() float64 { return float64(c.pair.Load().Leaf.NotAfter.Unix()) })
}

// config is what a server of TLS needs. What Go holds to be secure is: https://pkg.go.dev/crypto/tls#Config.
func (c *certificate) config() *tls.Config {
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}
}

// get returns the certificate for a handshake. One handshake in a while looks at the files, and the others do not wait for it.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.mu.TryLock() {
		defer c.mu.Unlock()
		if now := c.now(); now.Sub(c.looked).Abs() >= lookInterval {
			c.looked = now
			c.look()
		}
	}
	return c.pair.Load(), nil
}

// look reads the files if they have changed. The certificate stays what it was as long as they do not fit together.
func (c *certificate) look() {
	files, err := c.stat()
	if err == nil && sameFile(files[0], c.files[0]) && sameFile(files[1], c.files[1]) {
		return
	}
	if err == nil {
		err = c.read()
	}
	switch {
	case err == nil:
		c.fault = ""
		c.log.Info("the certificate was read again", "until", c.pair.Load().Leaf.NotAfter)
	case err.Error() != c.fault:
		c.fault = err.Error()
		c.log.Error("the certificate has changed, but cannot be used; the old one is served", "error", err)
	}
}

func (c *certificate) stat() (files [2]os.FileInfo, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if files[i], err = os.Stat(name); err != nil {
			return files, err
		}
	}
	return files, nil
}

// read takes the pair as it is in the files, and how these look before: what changes meanwhile is read the next time.
func (c *certificate) read() error {
	files, err := c.stat()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.pair.Store(&pair)
	c.files = files
	return nil
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// front listens where clients speak TLS, and answers those that speak plain HTTP in a way that they can read.
type front struct{ net.Listener }

// Accept does not wait for what the client says.
func (f front) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &frontConn{Conn: c}, nil
}

// frontConn looks at the first byte of a connection.
type frontConn struct {
	net.Conn
	begun bool
}

// Read is net.Conn's. TLS begins with a handshake record, of type 22; HTTP with the letters of a method.
func (c *frontConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.begun || n == 0 {
		return n, err
	}
	c.begun = true
	if p[0] < 'A' || p[0] > 'Z' {
		return n, err
	}
	c.refuse(bytes.HasPrefix(p[:n], []byte("HEAD ")))
	return 0, io.EOF
}

const (
	// lingerTime is how long a refused client may take to read the answer, and lingerBytes what it may say meanwhile: a connection that is
	// closed with bytes unread takes the answer with it (RFC 9112, 9.6).
	lingerTime  = 2 * time.Second
	lingerBytes = 256 << 10

	plainRefusal = `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden","details":{"text":"This is a port for https. ` +
		`The request came unencrypted: everything in it, also a credential, could be read on its way. Use a URL that begins with https://."}}]}`
)

// refuse answers a request in the clear.
func (c *frontConn) refuse(head bool) {
	answer := "HTTP/1.1 400 Bad Request\r\nContent-Type: application/fhir+json; charset=utf-8\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n" +
		"Content-Length: " + strconv.Itoa(len(plainRefusal)) + "\r\nConnection: close\r\n\r\n"
	if !head {
		answer += plainRefusal
	}
	_ = c.SetDeadline(time.Now().Add(lingerTime)) // fails for a connection that is gone, as do the others
	if _, err := io.WriteString(c.Conn, answer); err != nil {
		return
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
}

// serverLog takes what net/http has to say. That a handshake failed says nothing of the server: the whole Internet tries its ports.
type serverLog struct{ log *slog.Logger }

// Write is io.Writer's; each call is a line.
func (s serverLog) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	if bytes.Contains(line, []byte("TLS handshake error")) {
		s.log.Debug(text)
	} else {
		s.log.Warn(text)
	}
	return len(line), nil
}
