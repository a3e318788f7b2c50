package rest

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

// dispatch answers for what the path names.
func (s *server) dispatch(x *exchange) error {
	if x.place == nowhere {
		return s.noRoute()
	}
	a, err := s.find(x)
	if err != nil {
		return err
	}
	return s.do(x, a)
}

// do carries an action out.
func (s *server) do(x *exchange, a action) error {
	if a.plan == nil {
		return a.answer(x)
	}
	c, err := a.plan(x)
	if err != nil {
		return err
	}
	o, err := s.Engine.Write(x.enter(), x.who, c)
	if err != nil {
		return ofCriteria(c, err)
	}
	s.answer(x, c, o)
	return nil
}

// find finds the action that a request asks for at its address, and reads how the answer is to be written.
func (s *server) find(x *exchange) (action, error) {
	p, t := x.place, target{x.place, x.key.Type, x.operation}
	offered, ok := s.routes[t]
	if !ok {
		return action{}, s.notOffered(t)
	}
	method := x.request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	a, ok := offered[method]
	if !ok {
		return action{}, x.methodNotAllowed(offered.allowed(), s.hint(t))
	}
	if err := s.checkID(x.key, p, method); err != nil {
		return action{}, err
	}
	if p.takesForm() { // the form may say how the answer is to be written
		return a, nil
	}
	var err error
	x.form, err = negotiate(x.request, x.strict())
	return a, err
}

// hint says, behind the methods that a path takes, why others are missing.
func (s *server) hint(t target) string {
	promised, _ := s.Promises.Type(t.resourceType)
	switch {
	case t.place == onTypeOperation || t.place == onInstanceOperation:
		return " The parameters of an operation on a type or a resource stand in the body, in Parameters."
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

// checkID refuses what cannot be an id: there is no such resource. An update would make it, and is told by the engine.
func (s *server) checkID(key fhir.Key, p place, method string) error {
	switch {
	case p.ofSystem() || p.ofType() || method == http.MethodPut || fhir.ValidID(key.ID):
		return nil
	case strings.HasPrefix(key.ID, "_"): // what R4 may name so
		return s.notOffered(target{place: p, resourceType: key.Type})
	}
	return fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no %s/%s: an id is 1 to 64 of the characters A-Z a-z 0-9 - and .", key.Type, fhir.Quote(key.ID))
}

// notOffered says what of a path is not promised: the type, the interaction or the operation.
func (s *server) notOffered(t target) error {
	const see = "The CapabilityStatement at %s/metadata lists what is."
	_, served := s.Promises.Type(t.resourceType)
	switch {
	case t.place == onSystemOperation:
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "The operation %s is not offered for the whole system. "+see, fhir.Quote("$"+t.operation), s.Promises.BaseURL)
	case t.place.ofSystem():
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "This interaction with all types at once is not offered. "+see, s.Promises.BaseURL)
	case !served:
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "The resource type %s is not served here. The CapabilityStatement at %s/metadata lists those that are.", fhir.Quote(t.resourceType), s.Promises.BaseURL)
	case t.place == onCompartment || t.place == onCompartmentSearch:
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "There is no compartment of %s. Those that can be searched are of: %s.", t.resourceType, strings.Join(s.Promises.Compartments, ", "))
	case t.operation != "":
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "The operation %s is not offered for %s. "+see, fhir.Quote("$"+t.operation), t.resourceType, s.Promises.BaseURL)
	default:
		return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "This interaction is not offered for %s. "+see, t.resourceType, s.Promises.BaseURL)
	}
}

// noRoute answers for paths that mean nothing here.
func (s *server) noRoute() error {
	return fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "There is nothing at this path. The paths are [type], [type]/[id] and those below, without a slash at their end, and those of the whole system that the CapabilityStatement at %s/metadata lists.", s.Promises.BaseURL)
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
