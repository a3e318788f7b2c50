package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/gorilla/mux"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/rest"
)

// authPath is what all paths of package access begin with.
const authPath = "/auth/"

// handler is everything that the program serves. The request log and the metrics see all of it.
func (a *App) handler(promises conformance.Promises) (http.Handler, error) {
	router, err := a.routes(promises)
	if err != nil {
		return nil, err
	}
	observer := newObserver(a.metrics, a.Log)
	noted := func(h http.Handler) http.Handler { return rest.Identify(a.Now, a.observe(observer, h)) }
	if n := a.Config.MaxConcurrent; n > 0 {
		a.shares = shares{each: quarter(n), of: map[string]int{}}
	}
	own, err := a.ownPages(dispatch(router))
	if err != nil {
		return nil, err
	}
	served := a.shared(bounded(a.Config.MaxConcurrent, a.knownHost(own)))
	return guarded(a.arrive(noted(served), noted(refusal(errClear)), noted(refusal(errDisputed)))), nil
}

// routes puts the faces and the program's own paths together.
func (a *App) routes(promises conformance.Promises) (*mux.Router, error) {
	router := mux.NewRouter()
	face := &rest.Face{Engine: a.engine, Promises: promises, Authenticate: a.authenticate, Routed: routed, Log: a.Log}
	if err := face.Routes(router); err != nil { // first, for the router tries one after the other
		return nil, err
	}
	at(router, "/healthz", http.HandlerFunc(healthy)).Methods(http.MethodGet, http.MethodHead)
	at(router, "/readyz", http.HandlerFunc(a.ready)).Methods(http.MethodGet, http.MethodHead)
	if a.Config.ownMetrics() {
		at(router, metricsPath, a.metrics.handler()).Methods(http.MethodGet, http.MethodHead)
	}
	if a.Config.SecurityContact != "" {
		at(router, securityPath, a.securityText()).Methods(http.MethodGet, http.MethodHead)
	}
	for path, handler := range a.access.Handlers() {
		at(router, path, handler)
	}
	for path, document := range face.Documents() {
		at(router, path, document)
	}
	router.NotFoundHandler, router.MethodNotAllowedHandler = http.HandlerFunc(nothing), http.HandlerFunc(wrongMethod)
	return router, nil
}

// refusal answers every request with an error.
func refusal(e *fhir.Error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { rest.Refuse(w, e) })
}

// dispatch hands requests to whom the router finds, as the router itself does, but without two copies of each that know their route: nobody
// here asks them.
func dispatch(router *mux.Router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var match mux.RouteMatch
		router.Match(r, &match) // there is always a handler: that of the route, or one of those that say that there is none
		match.Handler.ServeHTTP(w, r)
	})
}

// knownHost refuses requests for a host that is not this server's, on a server for development: where being on this machine is all that it takes to
// get in, a page of the Web could otherwise come in by a name of its own that leads to 127.0.0.1 (DNS rebinding).
func (a *App) knownHost(next http.Handler) http.Handler {
	if !a.Config.Dev {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopbackHost((&url.URL{Host: r.Host}).Hostname()) {
			writeText(w, http.StatusMisdirectedRequest, "This server is not the host that the request names. With dev it is localhost, and the loopback addresses.\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// errForeignPage is for requests by which a page of another origin would change something.
var errForeignPage = fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden,
	"A page of another origin sent the request, and a server for development asks nobody for a credential. Name the origin in cors-origin if it is a page of yours.")

// ownPages refuses what pages of others would have a server for development do, where whoever reads them is the administrator: a form or a simple request reaches
// it from every page of the Web, although the answer cannot be read there (CSRF). The origins of cors-origin may do what they like.
func (a *App) ownPages(next http.Handler) (http.Handler, error) {
	if !a.Config.Dev {
		return next, nil
	}
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(refusal(errForeignPage))
	for _, origin := range a.Config.CORSOrigins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("cors-origin: %w", err)
		}
	}
	return protection.Handler(next), nil
}

// nothing answers for paths that belong to nobody.
func nothing(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusNotFound, "There is nothing at this path. FHIR is at "+conformance.FHIRPath+", the discovery document at "+conformance.DiscoveryPath+".\n")
}

// wrongMethod answers for paths that are asked by a method that they do not take.
func wrongMethod(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) }

// healthy answers that the process lives: https://kubernetes.io/docs/concepts/workloads/pods/probes/ calls it liveness.
func healthy(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "ok\n")
}

// ready answers whether requests can be served: not while the store is out of reach, and not any more once the
// server is stopping.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	if a.stopping.Load() {
		writeText(w, http.StatusServiceUnavailable, "stopping\n")
		return
	}
	if err := a.engine.Ready(r.Context()); err != nil {
		a.Log.ErrorContext(r.Context(), "not ready", "error", err)
		writeText(w, http.StatusServiceUnavailable, "the store cannot be reached\n")
		return
	}
	writeText(w, http.StatusOK, "ready\n")
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that went away is told nothing
}

// observe has every request noted, and bounds the time that the work on an answer may take.
func (a *App) observe(o *observer, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := a.Now()
		ctx := &work{
			Context: r.Context(), end: time.Now().Add(workTimeout),
			seen: observation{ResponseWriter: w, route: "none", status: http.StatusOK},
		}
		defer ctx.stop()
		defer ctx.seen.leave()
		o.metrics.inFlight.Inc()
		defer o.metrics.inFlight.Dec()
		a.answer(next, &ctx.seen, r.WithContext(ctx))
		end := a.Now()
		o.note(r, &ctx.seen, end, end.Sub(start))
	})
}

// errFailed is what the client is told of a defect.
var errFailed = fhir.Errorf(fhir.Internal, fhir.CodeException, "The server failed to answer. X-Request-Id names this failure in its log.")

// answer has a handler answer. Where that panics, which is a defect, the answer is made here, and the log tells why; an answer that was begun breaks off.
func (a *App) answer(next http.Handler, w *observation, r *http.Request) {
	defer func() {
		cause := recover()
		switch cause {
		case nil:
			return
		case http.ErrAbortHandler: // the value that net/http asks to panic with, never wrapped
			panic(cause)
		}
		a.Log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.Any("error", cause), slog.String("stack", string(debug.Stack())),
			slog.String("method", r.Method), slog.String("request", rest.RequestID(r)))
		if w.wrote {
			panic(http.ErrAbortHandler)
		}
		w.Header().Del("Content-Encoding")
		w.Header()["Cache-Control"] = noStore
		rest.Refuse(w, errFailed)
	}()
	next.ServeHTTP(w, r)
}
