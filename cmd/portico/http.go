package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/rest"
)

// handler puts the faces and the program's own paths together. The request log and the metrics see everything.
func (a *App) handler(promises conformance.Promises) (http.Handler, error) {
	metrics := newMetrics(a.engine)
	router := mux.NewRouter()
	router.Use(recordRoute)
	face := &rest.Face{Engine: a.engine, Promises: promises, Authenticate: rest.OpenSite(demoSite, demoPartition), Routed: routed, Log: a.Log}
	if err := face.Routes(router); err != nil { // first, for the router tries one after the other
		return nil, err
	}
	router.HandleFunc("/healthz", healthy).Methods(http.MethodGet, http.MethodHead)
	router.HandleFunc("/readyz", a.ready).Methods(http.MethodGet, http.MethodHead)
	router.Handle("/metrics", metrics.handler()).Methods(http.MethodGet, http.MethodHead)
	router.Handle(conformance.DiscoveryPath, face.Discovery())
	router.NotFoundHandler = http.HandlerFunc(nothing)
	return rest.Identify(a.Now, a.observe(metrics, a.knownHost(router))), nil
}

// knownHost refuses requests for a host that is not this server's. As long as being on this machine is all that it takes to
// get in, a page of the Web could otherwise come in by a name of its own that leads to 127.0.0.1 (DNS rebinding).
func (a *App) knownHost(next http.Handler) http.Handler {
	public := ""
	if u, err := url.Parse(a.Config.BaseURL); err == nil {
		public = u.Hostname()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		if !loopbackHost(host) && !strings.EqualFold(host, public) {
			writeText(w, http.StatusMisdirectedRequest, "This server is not the host that the request names. Set base-url to the URL by which clients reach it.\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// nothing answers for paths that belong to nobody.
func nothing(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusNotFound, "There is nothing at this path. FHIR is at "+conformance.FHIRPath+", the discovery document at "+conformance.DiscoveryPath+".\n")
}

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
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that went away is told nothing
}

// observe writes one line of log for each request, and counts it. It names the route, not the path or the query: these may hold
// personal data. It also bounds the time that the work on an answer may take.
func (a *App) observe(m *metrics, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := a.Now()
		seen := &observation{ResponseWriter: w, route: "none", status: http.StatusOK}
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		ctx, cancel := context.WithTimeout(withObservation(r.Context(), seen), workTimeout)
		defer cancel()
		next.ServeHTTP(seen, r.WithContext(ctx))
		took := a.Now().Sub(start)
		m.observe(r.Method, seen.route, seen.status, took)
		a.logRequest(r.Context(), start.Add(took),
			slog.String("method", knownMethod(r.Method)), slog.String("route", seen.route), slog.Int("status", seen.status),
			slog.Int64("bytes", seen.bytes), slog.Float64("ms", float64(took.Microseconds())/1000),
			slog.String("request", rest.RequestID(r)), slog.String("trace", rest.TraceID(r)))
	})
}

// logRequest writes a line of log without looking for the place in the program that asks for it, which is always this one.
func (a *App) logRequest(ctx context.Context, at time.Time, attributes ...slog.Attr) {
	h := a.Log.Handler()
	if !h.Enabled(ctx, slog.LevelInfo) {
		return
	}
	line := slog.NewRecord(at, slog.LevelInfo, "request", 0)
	line.AddAttrs(attributes...)
	_ = h.Handle(ctx, line) // as of every line of log, nobody could be told
}
