package rest

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/klauspost/compress/gzhttp"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// Face is the FHIR face. Every field but Routed is needed. Its requests come through Identify.
type Face struct {
	Engine   *engine.Engine
	Promises conformance.Promises

	// Authenticate is not asked for what is public.
	Authenticate Authenticate

	// Routed, unless it is nil, is told of every request that comes which path it took, as a template: "/fhir/{type}/{id}".
	Routed func(r *http.Request, template string)

	Log *slog.Logger
}

// Authenticate says who asks. It may set headers of the answer: how much more may be asked, or which credential is wanted
// (WWW-Authenticate). Its error is Unauthenticated, Forbidden, Throttled, Unavailable or Invalid.
type Authenticate func(r *http.Request, answer http.Header) (fhir.Principal, error)

// Routes mounts the face at conformance.FHIRPath and below, as the promises say. The router is set to tell segments apart before they are
// decoded, and not to redirect paths that are not clean: a redirected POST would become a GET. The error names a
// promise that the face cannot keep.
func (f *Face) Routes(router *mux.Router) error {
	s := &server{Face: f, decoding: newDecoding(maxDecoding), definitions: f.ownDefinitions(), documents: f.wellKnown()}
	if err := s.compile(); err != nil {
		return err
	}
	h, err := compressed(s)
	if err != nil {
		return err
	}
	router.UseEncodedPath().SkipClean(true).MatcherFunc(ofFace).Handler(h)
	return nil
}

// compressed answers with compression who accepts an encoding. The ETag stays as it is: in FHIR it names the version of a
// resource, not a form of its bytes. The length of a compressed answer is blurred against BREACH.
func compressed(h http.Handler) (http.Handler, error) {
	compress, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.RandomJitter(32, 0, false))
	if err != nil {
		return nil, err
	}
	packed := compress(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Accept-Encoding"]) == 0 {
			h.ServeHTTP(w, r)
			return
		}
		packed.ServeHTTP(w, r)
	}), nil
}

// server is a Face with what is worked out of its promises.
type server struct {
	*Face
	routes   map[target]methods
	metadata map[string]document // by number of the API version
	decoding *decoding
	troubles troubles

	documents map[string]document // at well-known paths below the base, by template

	definitions *engine.Engine // of this server's own
}

// target is what a path names, but for the id.
type target struct {
	place        place
	resourceType string // "" on the places of the whole system
	operation    string // "validate", on the places of operations
}

// handler answers one exchange, or returns the error to answer with.
type handler func(*exchange) error

// action is how an interaction is done: it is answered by a handler or, where it writes, planned as a change.
type action struct {
	answer handler
	plan   planner
	alone  bool // it changes what is stored, and can be no part of a transaction
}

// methods are the actions of a target by HTTP method. GET serves HEAD too.
type methods map[string]action

// compile turns the promises into routes and documents.
func (s *server) compile() error {
	s.routes = map[target]methods{}
	s.add(target{place: onMetadata}, http.MethodGet, action{answer: s.capabilities})
	system := s.system()
	for _, i := range s.Promises.System {
		served, ok := system[i]
		if !ok {
			return fmt.Errorf("fhir/rest: %s is promised for the whole system, but there is no handler for it", i)
		}
		for _, r := range served {
			s.add(target{place: r.place}, r.method, r.action)
		}
	}
	for _, name := range s.Promises.Compartments {
		s.add(target{place: onCompartment, resourceType: name}, http.MethodGet, action{answer: s.search})
		s.add(target{place: onCompartmentSearch, resourceType: name}, http.MethodPost, action{answer: s.search})
	}
	for _, o := range s.Promises.Operations {
		h, ok := s.operations()[o.Name]
		if !ok {
			return fmt.Errorf("fhir/rest: $%s is promised for the whole system, but there is no handler for it", o.Name)
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			s.add(target{place: onSystemOperation, operation: o.Name}, method, action{answer: h})
		}
	}
	for _, t := range s.Promises.Types {
		if err := s.compileType(t); err != nil {
			return err
		}
	}
	return s.describe()
}

// compileType makes the routes of a type. An interaction by a search takes the place of the plain one on the same route, and does both.
func (s *server) compileType(t conformance.Type) error {
	interactions, conditionals, operations := s.interactions(), s.conditionals(), s.operations()
	for _, i := range t.Interactions {
		served, ok := interactions[i]
		if !ok {
			return fmt.Errorf("fhir/rest: %s is promised for %s, but there is no handler for it", i, t.Name)
		}
		for _, r := range served {
			s.add(target{place: r.place, resourceType: t.Name}, r.method, r.action)
		}
	}
	for _, i := range t.Conditional {
		r, ok := conditionals[i]
		if !ok {
			return fmt.Errorf("fhir/rest: %s by a search is promised for %s, but there is no handler for it", i, t.Name)
		}
		s.add(target{place: r.place, resourceType: t.Name}, r.method, r.action)
	}
	for _, o := range t.Operations {
		h, ok := operations[o.Name]
		if !ok {
			return fmt.Errorf("fhir/rest: $%s is promised for %s, but there is no handler for it", o.Name, t.Name)
		}
		if o.Type {
			s.add(target{onTypeOperation, t.Name, o.Name}, http.MethodPost, action{answer: h, alone: o.Changes})
		}
		if o.Instance {
			s.add(target{onInstanceOperation, t.Name, o.Name}, http.MethodPost, action{answer: h, alone: o.Changes})
		}
	}
	return nil
}

func (s *server) add(t target, method string, a action) {
	if s.routes[t] == nil {
		s.routes[t] = methods{}
	}
	s.routes[t][method] = a
}

// route is where and by which method an interaction is asked for.
type route struct {
	place  place
	method string
	action action
}

// interactions lists what the face can do with a type: https://hl7.org/fhir/R4/http.html#summary.
func (s *server) interactions() map[conformance.Interaction][]route {
	return map[conformance.Interaction][]route{
		conformance.Read:            {{onInstance, http.MethodGet, action{answer: s.read}}},
		conformance.Vread:           {{onVersion, http.MethodGet, action{answer: s.vread}}},
		conformance.Update:          {{onInstance, http.MethodPut, action{plan: s.planUpdate}}},
		conformance.Patch:           {{onInstance, http.MethodPatch, action{plan: s.planPatch}}},
		conformance.Delete:          {{onInstance, http.MethodDelete, action{plan: s.planDelete}}},
		conformance.HistoryInstance: {{onHistory, http.MethodGet, action{answer: s.history}}},
		conformance.HistoryType:     {{onTypeHistory, http.MethodGet, action{answer: s.history}}},
		conformance.Create:          {{onType, http.MethodPost, action{plan: s.planCreate}}},
		conformance.SearchType:      {{onType, http.MethodGet, action{answer: s.search}}, {onSearch, http.MethodPost, action{answer: s.search}}},
	}
}

// conditionals lists what the face can do with what a search finds instead of an id.
func (s *server) conditionals() map[conformance.Interaction]route {
	return map[conformance.Interaction]route{
		conformance.Create: {onType, http.MethodPost, action{plan: s.planCreateIfNone}},
		conformance.Update: {onType, http.MethodPut, action{plan: s.planUpdate}},
		conformance.Patch:  {onType, http.MethodPatch, action{plan: s.planPatch}},
		conformance.Delete: {onType, http.MethodDelete, action{plan: s.planDelete}},
	}
}

// system lists what the face can do with all types at once.
func (s *server) system() map[conformance.Interaction][]route {
	return map[conformance.Interaction][]route{
		conformance.Batch:         {{onBase, http.MethodPost, action{answer: s.bundle}}},
		conformance.Transaction:   {{onBase, http.MethodPost, action{answer: s.bundle}}},
		conformance.HistorySystem: {{onSystemHistory, http.MethodGet, action{answer: s.history}}},
		conformance.SearchSystem:  {{onBase, http.MethodGet, action{answer: s.search}}, {onSystemSearch, http.MethodPost, action{answer: s.search}}},
	}
}

// operations lists the operations that the face can do, by name.
func (s *server) operations() map[string]handler {
	return map[string]handler{"validate": s.validate, "explain": s.explain, "find": s.finds, "hold": s.hold, "book": s.book, "generate-slots": s.generate}
}
