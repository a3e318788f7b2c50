package main

import (
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/rest"
)

// errFull is for requests beyond those that can be answered at once.
var errFull = fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The server has as many requests as it can answer at once. Send it again in a while.")

// crowd is how many requests are answered at once, and may be.
type crowd struct {
	limit  int64
	inside atomic.Int64
}

// bounded keeps the requests that are answered at once within a limit, so that each of them gets its memory and its time; 0: there is none. Whoever asks how the
// server is, is told always. Those who sign in have a quarter as many places, which are theirs alone: they send a body before they have shown who
// they are, and whoever is slow with it must not keep those out who have.
func bounded(limit int, next http.Handler) http.Handler {
	if limit == 0 {
		return next
	}
	all, signingIn := &crowd{limit: int64(limit)}, &crowd{limit: int64(max(1, limit/4))}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := all
		switch path := r.URL.Path; {
		case isHealth(path):
			next.ServeHTTP(w, r)
			return
		case strings.HasPrefix(path, authPath):
			c = signingIn
		}
		defer c.inside.Add(-1)
		if c.inside.Add(1) > c.limit {
			rest.Refuse(w, errFull)
			return
		}
		next.ServeHTTP(w, r)
	})
}
