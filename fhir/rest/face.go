package rest

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/klauspost/compress/gzhttp"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// Face is the FHIR face. Every field is needed.
type Face struct {
	Engine   *engine.Engine
	Promises conformance.Promises

	// Authenticate says who asks. Its error is Unauthenticated, Forbidden or Invalid. It is not asked for
	// what is public.
	Authenticate func(*http.Request) (fhir.Principal, error)

	Log *slog.Logger
	Now func() time.Time
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
	mount := func(path string, h http.Handler) { router.Handle(conformance.FHIRPath+path, compress(h)) }
	mount("/metadata", s.public(s.capabilities))
	mount("/{type}", s.private(s.dispatch(onType)))
	mount("/{type}/_search", s.private(s.dispatch(onSearch)))
	mount("/{type}/{operation:(?:[$]|%24)[^/]*}", s.private(s.dispatch(onTypeOperation)))
	mount("/{type}/{id}", s.private(s.dispatch(onInstance)))
	mount("/{type}/{id}/_history", s.private(s.dispatch(onHistory)))
	mount("/{type}/{id}/_history/{version}", s.private(s.dispatch(onVersion)))
	mount("/{type}/{id}/{operation:(?:[$]|%24)[^/]*}", s.private(s.dispatch(onInstanceOperation)))
	mount("", s.private(noRoute))
	router.PathPrefix(conformance.FHIRPath + "/").Handler(compress(s.private(noRoute)))
	return nil
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
	interactions, operations := s.interactions(), s.operations()
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
	for _, o := range s.Promises.System {
		return fmt.Errorf("fhir/rest: $%s is promised for the base, but there is no handler for it", o.Name)
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

// dispatch finds the handler of a path of a kind.
func (s *server) dispatch(p place) handler {
	return func(x *exchange) error {
		vars := mux.Vars(x.request)
		x.key = fhir.Key{Type: decodeSegment(vars["type"]), ID: decodeSegment(vars["id"])}
		x.vid = decodeSegment(vars["version"])
		t := target{p, x.key.Type, strings.TrimPrefix(decodeSegment(vars["operation"]), "$")}
		offered, ok := s.routes[t]
		if !ok {
			return s.notOffered(t)
		}
		method := x.request.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		h, ok := offered[method]
		if !ok {
			return x.methodNotAllowed(t, offered)
		}
		if err := s.checkID(x.key, p, method); err != nil {
			return err
		}
		if p == onSearch { // the form may say how the answer is to be written
			return h(x)
		}
		var err error
		if x.form, err = negotiate(x.request); err != nil {
			return err
		}
		return h(x)
	}
}

// decodeSegment decodes a segment of a path. What cannot be decoded, which the server's reader of requests does not let
// pass, stays as it is and matches nothing.
func decodeSegment(s string) string {
	if decoded, err := url.PathUnescape(s); err == nil {
		return decoded
	}
	return s
}

// checkID refuses what cannot be an id: there is no such resource. An update would make it, and is told by the engine.
func (s *server) checkID(key fhir.Key, p place, method string) error {
	switch {
	case p == onType || p == onSearch || p == onTypeOperation || method == http.MethodPut || fhir.ValidID(key.ID):
		return nil
	case strings.HasPrefix(key.ID, "_"): // [type]/_history and what else R4 may name so
		return s.notOffered(target{resourceType: key.Type})
	}
	return fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no %s/%s: an id is 1 to 64 of the characters A-Z a-z 0-9 - and .", key.Type, fhir.Quote(key.ID))
}

// notOffered says what of a path is not promised: the type, the interaction or the operation.
func (s *server) notOffered(t target) error {
	if _, served := s.Promises.Type(t.resourceType); !served {
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "The resource type %s is not served here. The CapabilityStatement at %s/metadata lists those that are.", fhir.Quote(t.resourceType), s.Promises.BaseURL)
	}
	what := "This interaction"
	if t.operation != "" {
		what = "The operation " + fhir.Quote("$"+t.operation)
	}
	return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "%s is not offered for %s. The CapabilityStatement at %s/metadata lists what is.", what, t.resourceType, s.Promises.BaseURL)
}

// noRoute answers for paths that mean nothing here.
func noRoute(*exchange) error {
	return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "There is nothing at this path. The paths are [type], [type]/[id] and those below, without a slash at their end; interactions with the whole system, such as a batch, are not offered.")
}

// methodNotAllowed says which methods a path takes (RFC 9110 15.5.6).
func (x *exchange) methodNotAllowed(t target, offered methods) error {
	allowed := slices.Collect(maps.Keys(offered))
	if _, ok := offered[http.MethodGet]; ok {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	x.header().Set("Allow", strings.Join(allowed, ", "))
	hint := ""
	if t.place == onType {
		hint = " A resource is changed and deleted by its id, [type]/[id]; by a search instead of an id is not offered."
	}
	return fhir.Errorf(fhir.MethodNotAllowed, fhir.CodeNotSupported, "%s is not offered here, but %s.%s", fhir.Quote(x.request.Method), strings.Join(allowed, ", "), hint)
}
