package rest

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
	"github.com/klauspost/compress/gzhttp"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// Face is the FHIR face. Every field is needed. Its requests come through Identify.
type Face struct {
	Engine   *engine.Engine
	Promises conformance.Promises

	// Authenticate says who asks. Its error is Unauthenticated, Forbidden or Invalid. It is not asked for
	// what is public.
	Authenticate func(*http.Request) (fhir.Principal, error)

	Log *slog.Logger
}

// Routes mounts the face below conformance.FHIRPath, as the promises say. The router is set to tell segments apart before they are
// decoded, and not to redirect paths that are not clean: a redirected POST would become a GET. The error names a
// promise that the face cannot keep.
func (f *Face) Routes(router *mux.Router) error {
	s := &server{Face: f}
	if err := s.compile(); err != nil {
		return err
	}
	compress, err := newCompress()
	if err != nil {
		return err
	}
	router.UseEncodedPath().SkipClean(true)
	mount := func(path string, h http.Handler) *mux.Route {
		return router.Handle(conformance.FHIRPath+path, compress(h))
	}
	mount("/metadata", s.public(s.capabilities))
	mount("/{type}", s.private(s.dispatch(onType)))
	mount("/{type}/_search", s.private(s.dispatch(onSearch)))
	mount("/{type}/{operation}", s.private(s.dispatch(onTypeOperation))).MatcherFunc(namesOperation)
	mount("/{type}/{id}", s.private(s.dispatch(onInstance)))
	mount("/{type}/{id}/_history", s.private(s.dispatch(onHistory)))
	mount("/{type}/{id}/_history/{version}", s.private(s.dispatch(onVersion)))
	mount("/{type}/{id}/{operation}", s.private(s.dispatch(onInstanceOperation))).MatcherFunc(namesOperation)
	mount("", s.private(noRoute))
	router.PathPrefix(conformance.FHIRPath + "/").Handler(compress(s.private(noRoute)))
	return nil
}

// namesOperation says whether the last segment of a path begins with a dollar sign, encoded or not.
func namesOperation(r *http.Request, _ *mux.RouteMatch) bool {
	path := r.URL.EscapedPath()
	last := path[strings.LastIndexByte(path, '/')+1:]
	return strings.HasPrefix(last, "$") || strings.HasPrefix(last, "%24")
}

// newCompress makes the middleware that compresses answers. The ETag stays as it is: in FHIR it names the version of a
// resource, not a form of its bytes. The length of an answer is blurred against BREACH.
func newCompress() (func(http.Handler) http.HandlerFunc, error) {
	return gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.RandomJitter(32, 0, false))
}

// server is a Face with what is worked out of its promises.
type server struct {
	*Face
	routes   map[target]methods
	metadata map[string]document // by number of the API version
}

// place is a kind of path.
type place int

const (
	onType              place = iota // [type]
	onSearch                         // [type]/_search
	onTypeOperation                  // [type]/$[name]
	onInstance                       // [type]/[id]
	onHistory                        // [type]/[id]/_history
	onVersion                        // [type]/[id]/_history/[vid]
	onInstanceOperation              // [type]/[id]/$[name]
)

// target is what a path names, but for the id.
type target struct {
	place        place
	resourceType string
	operation    string // "validate", on the places of operations
}

// handler answers one exchange, or returns the error to answer with.
type handler func(*exchange) error

// methods are the handlers of a target by HTTP method. GET serves HEAD too.
type methods map[string]handler

// compile turns the promises into routes and documents.
func (s *server) compile() error {
	s.routes = map[target]methods{}
	interactions, conditionals, operations := s.interactions(), s.conditionals(), s.operations()
	for _, t := range s.Promises.Types {
		for _, i := range t.Interactions {
			served, ok := interactions[i]
			if !ok {
				return fmt.Errorf("fhir/rest: %s is promised for %s, but there is no handler for it", i, t.Name)
			}
			for _, r := range served {
				s.add(target{place: r.place, resourceType: t.Name}, r.method, r.handler)
			}
		}
		for _, i := range t.Conditional {
			r, ok := conditionals[i]
			if !ok {
				return fmt.Errorf("fhir/rest: %s by a search is promised for %s, but there is no handler for it", i, t.Name)
			}
			s.add(target{place: r.place, resourceType: t.Name}, r.method, r.handler)
		}
		for _, o := range t.Operations {
			h, ok := operations[o.Name]
			if !ok {
				return fmt.Errorf("fhir/rest: $%s is promised for %s, but there is no handler for it", o.Name, t.Name)
			}
			if o.Type {
				s.add(target{onTypeOperation, t.Name, o.Name}, http.MethodPost, h)
			}
			if o.Instance {
				s.add(target{onInstanceOperation, t.Name, o.Name}, http.MethodPost, h)
			}
		}
	}
	return s.describe()
}

func (s *server) add(t target, method string, h handler) {
	if s.routes[t] == nil {
		s.routes[t] = methods{}
	}
	s.routes[t][method] = h
}

// route is where and by which method an interaction is asked for.
type route struct {
	place   place
	method  string
	handler handler
}

// interactions lists what the face can do: https://hl7.org/fhir/R4/http.html#summary.
func (s *server) interactions() map[conformance.Interaction][]route {
	return map[conformance.Interaction][]route{
		conformance.Read:            {{onInstance, http.MethodGet, s.read}},
		conformance.Vread:           {{onVersion, http.MethodGet, s.vread}},
		conformance.Update:          {{onInstance, http.MethodPut, s.update}},
		conformance.Patch:           {{onInstance, http.MethodPatch, s.patch}},
		conformance.Delete:          {{onInstance, http.MethodDelete, s.delete}},
		conformance.HistoryInstance: {{onHistory, http.MethodGet, s.history}},
		conformance.Create:          {{onType, http.MethodPost, s.create}},
		conformance.SearchType:      {{onType, http.MethodGet, s.search}, {onSearch, http.MethodPost, s.search}},
	}
}

// operations lists the operations that the face can do, by name.
func (s *server) operations() map[string]handler {
	return map[string]handler{"validate": s.validate}
}
