package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/audit"
)

// BenchmarkAudit shows what it costs that everything is recorded: the CPU time of reads and small searches by a server that records all, against one that records
// nothing, in turns. What is recorded is written and counted before the turn ends, garbage is collected, and other programs are not in it.
func BenchmarkAudit(b *testing.B) {
	servers := make(map[audit.Mode]*running)
	var patients []*http.Request
	var searches []*http.Request
	for _, mode := range []audit.Mode{audit.Off, audit.All} {
		s := startLogging(b, b.TempDir(), func(c *Config) { c.Audit = mode }, io.Discard)
		servers[mode] = s
		filled := fill(b, s, 100)["Patient"]
		if mode == audit.Off {
			for _, p := range filled {
				patients = append(patients, asking(b, conformance.FHIRPath+readPath(p)))
				searches = append(searches, asking(b, conformance.FHIRPath+strings.TrimPrefix(identifierPath(p), conformance.FHIRPath)))
			}
		}
	}
	for _, w := range []struct {
		name     string
		requests []*http.Request
	}{{"read", patients}, {"search", searches}} {
		b.Run(w.name, func(b *testing.B) {
			spent := make(map[audit.Mode]time.Duration)
			for b.Loop() {
				for mode, s := range servers {
					spent[mode] += turnOf(b, s, w.requests)
				}
			}
			for mode, s := range spent {
				b.ReportMetric(float64(s)/float64(b.N*askings*len(w.requests)), string(mode)+"-cpu-ns/op")
			}
			b.ReportMetric(100*(float64(spent[audit.All])/float64(spent[audit.Off])-1), "percent-more")
		})
	}
}

// askings is how often each request is made in a turn. Together they take about half a second, after which the record is written.
const askings = 100

// turnOf makes requests, and returns the CPU time of the process meanwhile.
func turnOf(b *testing.B, s *running, requests []*http.Request) time.Duration {
	answer := &discarded{header: http.Header{}}
	start := cpuTime()
	for range askings {
		for _, r := range requests {
			r.Header.Del("X-Request-Id") // which the server gives
			r.Header.Set("Authorization", s.key)
			clear(answer.header)
			answer.status, answer.bytes = http.StatusOK, 0
			s.server.Handler.ServeHTTP(answer, r)
			if answer.status != http.StatusOK || answer.bytes == 0 {
				b.Fatalf("%s: status %d", r.URL, answer.status)
			}
		}
	}
	if err := s.trail.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	return cpuTime() - start
}

func asking(b *testing.B, path string) *http.Request {
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
	r.Host = "localhost"
	r.Header.Set("Accept", "application/fhir+json")
	return r
}
