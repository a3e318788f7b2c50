package main

import (
	"net/http"
	"strings"
	"time"

	"github.com/rs/cors"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/access"
)

// Headers of answers. They are the same slices in all of them, and not to be changed.
var (
	noSniff        = []string{"nosniff"}
	noReferrer     = []string{"no-referrer"}
	noContent      = []string{"default-src 'none'; frame-ancestors 'none'"}
	noStore        = []string{"no-store"}
	ownPages       = []string{"same-origin"}
	everybodyPages = []string{"cross-origin"}
	hsts           = []string{"max-age=31536000"} // a year
)

// guarded gives every answer the headers that keep browsers from making more of it than it is: it is no page, has nothing to load, is in no frame, and no
// cache may keep it. Who serves what is public, or a page, changes them.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"], h["Referrer-Policy"], h["Content-Security-Policy"], h["Cache-Control"] = noSniff, noReferrer, noContent, noStore
		h["Cross-Origin-Resource-Policy"] = ownPages
		if isPublic(r.URL.Path) {
			h["Cross-Origin-Resource-Policy"] = everybodyPages
		}
		next.ServeHTTP(w, r)
	})
}

// isPublic says whether everybody may see what is at a path, also pages of other origins.
func isPublic(path string) bool {
	inFHIR, ofFHIR := strings.CutPrefix(path, conformance.FHIRPath)
	return strings.HasPrefix(path, wellKnown) || path == access.JWKSPath || ofFHIR && (inFHIR == "/metadata" || strings.HasPrefix(inFHIR, wellKnown))
}

const wellKnown = "/.well-known/"

// isHealth says whether a path tells how the server is.
func isHealth(path string) bool { return path == "/healthz" || path == "/readyz" }

// shared lets pages of the configured origins read answers (https://fetch.spec.whatwg.org/#http-cors-protocol). They come with a credential of their own: cookies
// and what else a browser keeps are not asked for.
func (a *App) shared(next http.Handler) http.Handler {
	if len(a.Config.CORSOrigins) == 0 {
		return next
	}
	sharing := cors.New(cors.Options{
		AllowedOrigins: a.Config.CORSOrigins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{
			"Accept", "Authorization", "Content-Type", "HC-API-Version", "If-Match", "If-Modified-Since", "If-None-Exist", "If-None-Match",
			"If-Unmodified-Since", "Prefer", "SU-SiteId", "traceparent", "x-api-key", "x-practice-group-id", "X-Request-Id",
		},
		ExposedHeaders: []string{
			"Content-Location", "Deprecation", "ETag", "HC-API-Version", "Last-Modified", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After",
			"Sunset", "X-Request-Id",
		},
		MaxAge: int((2 * time.Hour).Seconds()), // as long as browsers keep it
	}).Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if isPublic(path) || !isBelow(path, conformance.FHIRPath) && !strings.HasPrefix(path, authPath) {
			next.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodOptions {
			routed(r, "preflight")
		}
		sharing.ServeHTTP(w, r)
	})
}

// isBelow says whether a path is a place or below it.
func isBelow(path, place string) bool {
	rest, ok := strings.CutPrefix(path, place)
	return ok && (rest == "" || rest[0] == '/')
}

// securityPath is where whoever finds a vulnerability finds whom to tell (RFC 9116).
const securityPath = wellKnown + "security.txt"

// contactLife is how long security.txt may be relied on. The RFC asks for less than a year.
const contactLife = 180 * 24 * time.Hour

// securityText serves security.txt.
func (a *App) securityText() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cache-Control", "public, max-age=86400")
		expires := a.Now().UTC().Add(contactLife).Truncate(24 * time.Hour).Format(time.RFC3339)
		_, _ = w.Write([]byte("Contact: " + a.Config.SecurityContact + "\nExpires: " + expires + "\nPreferred-Languages: en\nCanonical: " + a.Config.BaseURL + securityPath + "\n"))
	})
}
