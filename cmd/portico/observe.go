package main

import (
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/rest"
)

// observation is what is seen of one request on its way out.
type observation struct {
	http.ResponseWriter
	route  string // template of the matched route, "none" without one
	status int
	bytes  int64
	wrote  bool

	client    string // id of the credential; "" where nobody was asked for it, or there was none
	partition fhir.Partition
	shares    *shares // of which the request has one of the client's; nil where it has none
}

// leave gives back what the request had while it was answered.
func (o *observation) leave() {
	if o.shares != nil {
		o.shares.give(o.client)
	}
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

// routed notes the template of the path that a request took.
func routed(r *http.Request, template string) {
	if seen, ok := r.Context().Value(observationKey{}).(*observation); ok {
		seen.route = template
	}
}

// at mounts a handler at a path, and notes that as the template.
func at(router *mux.Router, path string, h http.Handler) *mux.Route {
	return router.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		routed(r, path)
		h.ServeHTTP(w, r)
	})
}

// kind is what makes requests alike in the log and in the metrics. There are not many kinds: no part of it is the client's to invent.
type kind struct {
	method, route string
	status        int
}

// series is what is worked out once for all requests of a kind.
type series struct {
	duration prometheus.Observer
	log      slog.Handler // writes the kind into every line
}

// observer writes a line of log for each request, and counts it. It names the route, not the path or the query: these may hold
// personal data.
type observer struct {
	metrics *metrics
	log     slog.Handler

	mu   sync.RWMutex
	seen map[kind]series
}

func newObserver(m *metrics, log *slog.Logger) *observer {
	return &observer{metrics: m, log: log.Handler(), seen: map[kind]series{}}
}

// series returns that of a kind.
func (o *observer) series(k kind) series {
	o.mu.RLock()
	s, known := o.seen[k]
	o.mu.RUnlock()
	if known {
		return s
	}
	s = series{
		duration: o.metrics.duration.WithLabelValues(k.method, k.route, strconv.Itoa(k.status)),
		log:      o.log.WithAttrs([]slog.Attr{slog.String("method", k.method), slog.String("route", k.route), slog.Int("status", k.status)}),
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen[k] = s
	return s
}

// note tells of a request that was answered at a time.
func (o *observer) note(r *http.Request, seen *observation, at time.Time, took time.Duration) {
	s := o.series(kind{knownMethod(r.Method), seen.route, seen.status})
	s.duration.Observe(took.Seconds())
	if !s.log.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	line := slog.NewRecord(at, slog.LevelInfo, "request", 0) // not from where in the program it comes, which is always here
	line.AddAttrs(slog.Int64("bytes", seen.bytes), slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.String("request", rest.RequestID(r)), slog.String("trace", rest.TraceID(r)))
	if seen.partition != "" {
		line.AddAttrs(slog.String("client", seen.client), slog.String("partition", string(seen.partition)))
	}
	_ = s.log.Handle(r.Context(), line) // as of every line of log, nobody could be told
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

// knownMethod keeps invented methods from making ever new figures.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// metricsPath is where the figures are.
const metricsPath = "/metrics"

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
