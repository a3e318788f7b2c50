package rest

import (
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// engineOf is the engine that has the resources of a type; "" is all types that are stored.
func (s *server) engineOf(resourceType string) *engine.Engine {
	if t, _ := s.Promises.Type(resourceType); t.Definitions != nil {
		return s.definitions
	}
	return s.Engine
}

// ownDefinitions is the engine of the types whose resources are definitions of the server's own.
func (f *Face) ownDefinitions() *engine.Engine {
	var all []fhir.Resource
	for _, t := range f.Promises.Types {
		all = append(all, t.Definitions...)
	}
	return f.Engine.OfDefinitions(all, f.Promises.Started)
}
