package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portico-health/portico/conformance"
)

// discarded is an answer that nobody reads: its status, its headers and the number of its bytes.
type discarded struct {
	header http.Header
	status int
	bytes  int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(b []byte) (int, error) { d.bytes += len(b); return len(b), nil }
func (d *discarded) WriteHeader(status int)      { d.status = status }

// BenchmarkHandler shows what a request costs between net/http and the store, without connections: everything that the program
// does in its handlers, its line of log and its metrics included.
func BenchmarkHandler(b *testing.B) {
	server := startLogging(b, b.TempDir(), nil, io.Discard)
	patients := fill(b, server, 20)["Patient"]
	ask := func(path string) *http.Request {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, conformance.FHIRPath+path, nil)
		r.Host = "localhost"
		r.Header.Set("Accept", "application/fhir+json")
		r.Header.Set("Authorization", server.key)
		return r
	}
	zipped := ask(readPath(patients[0]))
	zipped.Header.Set("Accept-Encoding", "gzip")
	for _, w := range []struct {
		name string
		r    *http.Request
	}{
		{"read", ask(readPath(patients[0]))},
		{"vread", ask(versionPath(patients[0]))},
		{"read-gzip", zipped},
		{"search-one", ask(strings.TrimPrefix(identifierPath(patients[0]), conformance.FHIRPath))},
		{"not-found", ask("/Patient/nobody")},
		{"metadata", ask("/metadata")},
	} {
		b.Run(w.name, func(b *testing.B) {
			b.ReportAllocs()
			answer := &discarded{header: http.Header{}}
			start := cpuTime()
			for b.Loop() {
				w.r.Header.Del("X-Request-Id") // which the server gives
				clear(answer.header)
				answer.status, answer.bytes = http.StatusOK, 0
				server.server.Handler.ServeHTTP(answer, w.r)
			}
			b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op") // collecting garbage included, other programs not
			if answer.bytes == 0 {
				b.Errorf("status %d without a body", answer.status)
			}
		})
	}
}
