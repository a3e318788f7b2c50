package main

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/portico-health/portico/fhir/engine"
)

// observation is what is seen of one request on its way out.
type observation struct {
	http.ResponseWriter
	route  string // template of the matched route, "none" without one
	status int
	bytes  int64
	wrote  bool
}

// WriteHeader notes the status.
func (o *observation) WriteHeader(status int) {
	if !o.wrote && status >= http.StatusOK {
		o.status, o.wrote = status, true
	}
	o.ResponseWriter.WriteHeader(status)
}

// Write notes the bytes.
func (o *observation) Write(b []byte) (int, error) {
	o.wrote = true
	n, err := o.ResponseWriter.Write(b)
	o.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (o *observation) Unwrap() http.ResponseWriter { return o.ResponseWriter }

type observationKey struct{}

func withObservation(ctx context.Context, o *observation) context.Context {
	return context.WithValue(ctx, observationKey{}, o)
}

// routed notes the template of the path that a request took.
func routed(r *http.Request, template string) {
	if seen, ok := r.Context().Value(observationKey{}).(*observation); ok {
		seen.route = template
	}
}

// recordRoute is routed for the paths that the router itself knows.
func recordRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if route := mux.CurrentRoute(r); route != nil {
			if template, err := route.GetPathTemplate(); err == nil {
				routed(r, template)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// metrics are the program's figures, in a registry of their own.
type metrics struct {
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(e *engine.Engine) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "portico_http_request_duration_seconds", Help: "Time to answer a request, by method, route and status.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"method", "route", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "portico_http_requests_in_flight", Help: "Requests that are being answered now.",
		}),
	}
	m.registry.MustRegister(m.duration, m.inFlight, indexLeft(e), indexUnfinished(e), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// indexLeft is how far making the index anew has come.
func indexLeft(e *engine.Engine) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "portico_index_resources_left", Help: "Resources whose index entries are still to be made anew, since base URL, resource types or search parameters have changed.",
	}, func() float64 {
		state := e.Index()
		return float64(state.Total - state.Done)
	})
}

// indexUnfinished is what cannot be searched until then.
func indexUnfinished(e *engine.Engine) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "portico_index_parameters_unfinished", Help: "Search parameters, of all types together, by which searches are refused until index entries are made anew.",
	}, func() float64 { return float64(e.Index().Parameters()) })
}

func (m *metrics) observe(method, route string, status int, took time.Duration) {
	m.duration.WithLabelValues(knownMethod(method), route, strconv.Itoa(status)).Observe(took.Seconds())
}

// knownMethod keeps invented methods from making ever new figures.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
