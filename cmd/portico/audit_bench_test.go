package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/audit"
)

// askings is how often each request is made in a turn of BenchmarkAudit, behind which the record is written: a turn is about half a second.
const askings = 100

// BenchmarkAudit shows what it costs that everything is recorded: the CPU time of reads, and of searches for one patient, by a server that records all, against
// one that records nothing, in turns; over a connection, and (handler) between net/http and the store alone. What is recorded is written before the turn ends.
// Collecting garbage counts, other programs do not.
func BenchmarkAudit(b *testing.B) {
	servers := make(map[audit.Mode]*running)
	var reads, searches []string
	for _, mode := range []audit.Mode{audit.Off, audit.All} {
		servers[mode] = startLogging(b, b.TempDir(), func(c *Config) { c.Audit = mode }, io.Discard)
		for _, p := range fill(b, servers[mode], 100)["Patient"] {
			if mode == audit.Off { // the others are the same
				reads = append(reads, conformance.FHIRPath+readPath(p))
				searches = append(searches, conformance.FHIRPath+strings.TrimPrefix(identifierPath(p), conformance.FHIRPath))
			}
		}
	}
	for _, w := range []struct {
		name  string
		paths []string
		by    func(*testing.B, *running) func(path string) error
	}{{"read", reads, overWire}, {"search", searches, overWire}, {"handler-read", reads, toHandler}, {"handler-search", searches, toHandler}} {
		b.Run(w.name, func(b *testing.B) {
			ask, spent := make(map[audit.Mode]func(string) error), make(map[audit.Mode]time.Duration)
			for mode, s := range servers {
				ask[mode] = w.by(b, s)
			}
			for b.Loop() {
				for mode, s := range servers {
					spent[mode] += askAll(b, s, w.paths, ask[mode])
				}
			}
			for mode, took := range spent {
				b.ReportMetric(float64(took)/float64(b.N*askings*len(w.paths)), string(mode)+"-cpu-ns/op")
			}
			b.ReportMetric(100*(float64(spent[audit.All])/float64(spent[audit.Off])-1), "percent-more")
		})
	}
}

// askAll makes requests, and returns the CPU time of the process meanwhile.
func askAll(b *testing.B, s *running, paths []string, ask func(path string) error) time.Duration {
	start := cpuTime()
	for range askings {
		for _, path := range paths {
			if err := ask(path); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := s.trail.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	return cpuTime() - start
}

// overWire asks over a connection that is kept.
func overWire(b *testing.B, s *running) func(path string) error {
	w, err := dialWire(s.Address())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = w.conn.Close() })
	requests := make(map[string][]byte)
	return func(path string) error {
		request := requests[path]
		if request == nil {
			request = wireRequest(http.MethodGet, path, "")
			requests[path] = request
		}
		status, err := w.send(request)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s: status %d", path, status)
		}
		return err
	}
}

// toHandler asks without a connection.
func toHandler(b *testing.B, s *running) func(path string) error {
	answer := &discarded{header: http.Header{}}
	requests := make(map[string]*http.Request)
	return func(path string) error {
		r := requests[path]
		if r == nil {
			r = httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
			r.Host = "localhost"
			r.Header.Set("Accept", "application/fhir+json")
			r.Header.Set("Authorization", s.key)
			requests[path] = r
		}
		r.Header.Del("X-Request-Id") // which the server gives
		clear(answer.header)
		answer.status, answer.bytes = http.StatusOK, 0
		s.server.Handler.ServeHTTP(answer, r)
		if answer.status != http.StatusOK || answer.bytes == 0 {
			return fmt.Errorf("%s: status %d", path, answer.status)
		}
		return nil
	}
}
