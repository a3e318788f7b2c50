package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// writeCertificate makes a certificate for this machine, by a name, and writes it and its key to files.
func writeCertificate(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", secret)
	return certFile, keyFile
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startTLS runs a server with a certificate, and returns a client that trusts it and has its key.
func startTLS(t *testing.T, change func(*Config)) (*running, *http.Client) {
	t.Helper()
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, "portico")
	r := start(t, dir, func(c *Config) {
		c.TLSCert, c.TLSKey, c.BaseURL, c.MaxConcurrent = cert, key, "https://portico.example.org", defaultMaxConcurrent
		if change != nil {
			change(c)
		}
	})
	r.url = "https://" + r.Address()
	trusted := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	if err != nil || !trusted.AppendCertsFromPEM(text) {
		t.Fatal("the certificate cannot be read", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return r, &http.Client{Transport: keyed{transport}}
}

// reply is an answer but for its body.
type reply struct {
	StatusCode    int
	Status, Proto string
	Header        http.Header
}

// ask sends a request and returns the answer and its body.
func ask(t *testing.T, client *http.Client, method, url string, header http.Header) (reply, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Status, response.Proto, response.Header}, string(body)
}

// TestTLS: HTTP/2, the versions of TLS from 1.2 on, and HSTS on every answer.
func TestTLS(t *testing.T) {
	r, client := startTLS(t, nil)
	for _, path := range []string{"/healthz", "/fhir/metadata", "/fhir/Nothing", "/nowhere", "/.well-known/discovery-document.json"} {
		answer, _ := ask(t, client, http.MethodGet, r.url+path, nil)
		if answer.Proto != "HTTP/2.0" {
			t.Errorf("%s is answered by %s", path, answer.Proto)
		}
		if got := answer.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
			t.Errorf("%s: Strict-Transport-Security: %s", path, got)
		}
	}
	var end float64
	_, figures := ask(t, client, http.MethodGet, r.url+metricsPath, nil)
	for line := range strings.Lines(figures) {
		_, _ = fmt.Sscanf(line, "portico_tls_certificate_end_seconds %g", &end)
	}
	if left := end - float64(time.Now().Unix()); left < 3000 || left > 3600 {
		t.Errorf("the certificate ends in %.0f s, say the metrics", left)
	}
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		dialer := &tls.Dialer{Config: &tls.Config{MinVersion: version, MaxVersion: version, InsecureSkipVerify: true}}
		c, err := dialer.DialContext(t.Context(), "tcp", r.Address())
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
	if r.end(t); strings.Contains(r.log.String(), "handshake error") {
		t.Error("a client without a common version is a warning in the log")
	}
}

// TestPlainOnTLS: who speaks plain HTTP where TLS is spoken reads in JSON what would be right, and keeps nobody else waiting.
func TestPlainOnTLS(t *testing.T) {
	r, client := startTLS(t, nil)
	silent, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.Address()+"/fhir/Patient", strings.NewReader(strings.Repeat("x", 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(method, err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			t.Fatal(method, err)
		}
		if answer.StatusCode != http.StatusBadRequest || answer.Proto != "HTTP/1.1" || !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/fhir+json") {
			t.Errorf("%s: %s, %v", method, answer.Status, answer.Header)
		}
		var outcome struct {
			ResourceType string
			Issue        []struct{ Details struct{ Text string } }
		}
		if method == http.MethodHead {
			if len(body) > 0 {
				t.Errorf("HEAD has the body %s", body)
			}
		} else if err := json.Unmarshal(body, &outcome); err != nil || outcome.ResourceType != "OperationOutcome" || !strings.Contains(outcome.Issue[0].Details.Text, "https://") {
			t.Errorf("%s: %v, %s", method, err, body)
		}
	}
	if answer, _ := ask(t, client, http.MethodGet, r.url+"/healthz", nil); answer.StatusCode != http.StatusOK {
		t.Errorf("TLS answers %s", answer.Status)
	}
}

// TestFrontNeverWaits: a connection is handed on before its client has said anything, and one that never stops talking in the clear is cut off.
func TestFrontNeverWaits(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	client, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	server, err := front{l}.Accept() // nothing was sent yet
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		_, _ = io.WriteString(client, "PUT / HTTP/1.1\r\n")
		noise := bytes.Repeat([]byte("x"), 64<<10)
		for err := error(nil); err == nil; {
			_, err = client.Write(noise)
		}
	}()
	if n, err := server.Read(make([]byte, 576)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d bytes, %v", n, err)
	}
	_ = server.Close()
	status, err := bufio.NewReader(client).ReadString('\n')
	if err == nil && !strings.HasPrefix(status, "HTTP/1.1 400") { // the answer may be lost on the way to who does not listen
		t.Errorf("it is told %s", status)
	}
}

// TestCertificateIsReadAgain when its files change, and stays what it was while they do not fit together.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, "old")
	newCert, newKey := writeCertificate(t, dir, "new")
	log := &lockedBuffer{}
	var clock atomic.Int64
	now := func() time.Time { return time.Unix(clock.Add(int64(lookInterval/time.Second)), 0) }
	c, err := newCertificate(cert, key, now, newLog(log, Config{LogLevel: "info", LogFormat: "text"}))
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		from, to string // file to put in the place of another; "" for none
		want     string
		says     int // lines of log until then
	}{
		{"", "", "old", 0},
		{newCert, cert, "old", 1}, // its key is not there yet
		{"", "", "old", 1},
		{newKey, key, "new", 2},
		{"", "", "new", 2},
		{os.DevNull, key, "new", 3},
		{"", key, "new", 4},
		{newKey, key, "new", 5},
	} {
		switch {
		case step.from != "":
			text, err := os.ReadFile(step.from)
			must(t, err)
			must(t, os.WriteFile(step.to+".part", text, 0o600))
			must(t, os.Rename(step.to+".part", step.to))
		case step.to != "":
			must(t, os.Remove(step.to))
		}
		pair, err := c.get(nil)
		if err != nil || pair.Leaf.Subject.CommonName != step.want {
			t.Errorf("step %d: %v, %v, want %s", i, pair.Leaf.Subject, err, step.want)
		}
		if n := strings.Count(log.String(), "\n"); n != step.says {
			t.Errorf("step %d: the log has %d lines, want %d: %s", i, n, step.says, log)
		}
	}
}

// TestNewCertificateIsServed to the next client, without a restart.
func TestNewCertificateIsServed(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, "old")
	var late atomic.Int64
	log := &lockedBuffer{}
	r := startLogging(t, dir, func(c *Config) { c.TLSCert, c.TLSKey, c.BaseURL = cert, key, "https://portico.example.org" }, log, func(a *App) {
		own, err := newCertificate(cert, key, func() time.Time { return time.Now().Add(time.Duration(late.Load())) }, a.Log)
		must(t, err)
		a.server.TLSConfig = own.config()
	})
	served := func() string {
		t.Helper()
		dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c, err := dialer.DialContext(ctx, "tcp", r.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		return c.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := served(); got != "old" {
		t.Fatalf("the certificate is that of %s", got)
	}
	newCert, newKey := writeCertificate(t, dir, "new")
	must(t, os.Rename(newCert, cert))
	must(t, os.Rename(newKey, key))
	late.Store(int64(lookInterval))
	if got := served(); got != "new" {
		t.Errorf("after it was replaced the certificate is that of %s", got)
	}
}
