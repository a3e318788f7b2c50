package rest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

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
			return x.methodNotAllowed(offered.allowed(), s.hint(t))
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

// hint says, behind the methods that a path takes, why others are missing.
func (s *server) hint(t target) string {
	promised, _ := s.Promises.Type(t.resourceType)
	switch {
	case t.place != onType && t.place != onInstance:
		return ""
	case !promised.Offers(conformance.Create) && !promised.Offers(conformance.Update):
		return " " + t.resourceType + " is written by the server alone; clients can read and search it."
	case t.place == onType:
		return " Another method takes the id of a resource, [type]/[id]; by a search instead of an id it is not offered."
	default:
		return ""
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

// allowed lists the methods, with HEAD beside GET, sorted.
func (m methods) allowed() []string {
	names := slices.Collect(maps.Keys(m))
	if _, ok := m[http.MethodGet]; ok {
		names = append(names, http.MethodHead)
	}
	slices.Sort(names)
	return names
}

// methodNotAllowed says which methods a path takes (RFC 9110 15.5.6).
func (x *exchange) methodNotAllowed(allowed []string, hint string) error {
	names := strings.Join(allowed, ", ")
	x.header().Set("Allow", names)
	return fhir.Errorf(fhir.MethodNotAllowed, fhir.CodeNotSupported, "The method %s is not offered here; what is: %s.%s", fhir.Quote(x.request.Method), names, hint)
}
