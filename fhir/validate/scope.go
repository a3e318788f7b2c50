package validate

import "github.com/portico-health/portico/fhir"

// scope is the resource that references with "#" are about: the one that stands for itself, and in it the one in hand.
type scope struct {
	container *fhir.Object // %rootResource of FHIRPath
	resource  *fhir.Object // %resource: the container, or one that it contains
	bundled   bool         // an entry of a Bundle, whose references may be conditional

	types   map[string]string     // of the contained resources, by id; made when first asked for
	links   map[string]bool       // every id that "#id" points at
	upwards map[*fhir.Object]bool // the contained resources that point at the container, with "#"
}

func newScope(container *fhir.Object, outer *scope) *scope {
	return &scope{container: container, resource: container, bundled: outer != nil && outer.container.Text("resourceType") == "Bundle"}
}

// link takes down what a reference, a canonical or a URI points at within the resource.
func (s *scope) link(target string) {
	switch {
	case target == "" || target[0] != '#':
	case target == "#":
		if s.upwards == nil {
			s.upwards = map[*fhir.Object]bool{}
		}
		s.upwards[s.resource] = true
	default:
		if s.links == nil {
			s.links = map[string]bool{}
		}
		s.links[target[1:]] = true
	}
}

// contained gives the type of a contained resource, "" when there is none with that id. The id "" is the container itself.
func (s *scope) contained(id string) string {
	if id == "" {
		return s.container.Text("resourceType")
	}
	if s.types == nil {
		s.types = map[string]string{}
		for _, o := range s.container.Objects("contained") {
			s.types[o.Text("id")] = o.Text("resourceType")
		}
	}
	return s.types[id]
}
