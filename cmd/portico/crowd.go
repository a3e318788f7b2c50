package main

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/fhir/rest"
)

// errFull is for requests beyond those that can be answered at once.
var errFull = fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The server has as many requests as it can answer at once. Send it again in a while.")

// errAlone is for requests by which one credential would have more places than it may.
var errAlone = fhir.Errorf(fhir.Throttled, fhir.CodeThrottled, "The credential has as many requests under way as it may have. Send it again when one of them is answered.")

// crowd is how many requests are answered at once, and may be.
type crowd struct {
	limit  int64
	inside atomic.Int64
}

// crowds part requests by what it takes to hold a place, for whoever is slow to send a request or to read an answer holds one for long: that must keep nobody out
// who has shown more.
type crowds struct {
	data           crowd // takes a credential
	administration crowd // takes an administrator's
	signIns        crowd // whoever sends a body: it has the credential
	documents      crowd // anybody
}

// newCrowds makes those of a server that answers as many requests for data at once. The others are a quarter each.
func newCrowds(limit int) *crowds {
	c := &crowds{}
	c.data.limit = int64(limit)
	for _, small := range []*crowd{&c.administration, &c.signIns, &c.documents} {
		small.limit = int64(quarter(limit))
	}
	return c
}

// quarter is that of a limit, and 1 at least.
func quarter(limit int) int { return max(1, limit/4) }

// of is the crowd of a path; nil for those that are answered always.
func (c *crowds) of(path string) *crowd {
	switch {
	case isHealth(path):
		return nil
	case isPublic(path), path == metricsPath:
		return &c.documents
	case path == access.TokenPath, path == access.IntrospectPath, path == access.RevokePath:
		return &c.signIns
	case strings.HasPrefix(path, authPath):
		return &c.administration
	default:
		return &c.data
	}
}

// bounded keeps the requests that are answered at once within a limit, so that each of them gets its memory and its time; 0: there is none. Whoever asks how the
// server is, is told always.
func bounded(limit int, next http.Handler) http.Handler {
	if limit == 0 {
		return next
	}
	all := newCrowds(limit)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := all.of(r.URL.Path); c != nil {
			defer c.inside.Add(-1)
			if c.inside.Add(1) > c.limit {
				rest.Refuse(w, errFull)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// shares are the places of data that each credential has, a quarter of them at most: one client that is slow, or many that share a key, leave room for the others.
type shares struct {
	each int // 0: no limit
	mu   sync.Mutex
	of   map[string]int // places that are taken, by the id of the credential
}

// take takes a place for a credential, if it may have one more.
func (s *shares) take(client string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[client] >= s.each {
		return false
	}
	s.of[client]++
	return true
}

// give gives a place back.
func (s *shares) give(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[client]--; s.of[client] == 0 {
		delete(s.of, client)
	}
}
