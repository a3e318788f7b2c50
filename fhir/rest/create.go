package rest

import (
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

const headerIfNoneExist = "If-None-Exist"

// planCreate: https://hl7.org/fhir/R4/http.html#create.
func (s *server) planCreate(x *exchange) (engine.Change, error) {
	if len(x.request.Header.Values(headerIfNoneExist)) > 0 {
		return engine.Change{}, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "Conditional create is not offered: a create with If-None-Exist would make the resource, whether it exists or not, and is refused therefore.").At(ofHTTP(headerIfNoneExist))
	}
	r, err := x.resourceToCreate()
	return engine.Change{Action: engine.ActCreate, Key: x.key, Resource: r}, err
}

// planCreateIfNone is planCreate, with the header If-None-Exist on the condition that nothing matches it:
// https://hl7.org/fhir/R4/http.html#ccreate.
func (s *server) planCreateIfNone(x *exchange) (engine.Change, error) {
	conditions := x.request.Header.Values(headerIfNoneExist)
	if len(conditions) == 0 {
		return s.planCreate(x)
	}
	query := strings.TrimPrefix(strings.TrimSpace(conditions[0]), x.key.Type+"?") // some write the whole search, as R4's own example of XDS does
	name, _, _ := strings.Cut(query, "=")
	switch {
	case len(conditions) > 1:
		return engine.Change{}, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "There are %d headers If-None-Exist; all parameters stand in one, with & between.", len(conditions)).At(ofHTTP(headerIfNoneExist))
	case strings.Contains(name, "?"):
		return engine.Change{}, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "If-None-Exist holds what stands behind the question mark of a search, as in identifier=https://example.org/mrn|1, but this is %s.", fhir.Quote(query)).At(ofHTTP(headerIfNoneExist))
	}
	r, err := x.resourceToCreate()
	return engine.Change{Action: engine.ActCreate, Key: x.key, Conditional: true, Criteria: query, Resource: r}, err
}

// resourceToCreate reads the resource in the body, which must be of the URL's type. Errors as of resource. A condition on the version is refused: it
// belongs to an update (https://hl7.org/fhir/R4/http.html#concurrency), and ignored it would promise what is not held.
func (x *exchange) resourceToCreate() (fhir.Resource, error) {
	if err := x.selectsNothing("What a create depends on stands in the header " + headerIfNoneExist); err != nil {
		return fhir.Resource{}, err
	}
	if err := x.matchesNothing("A create has no version to match: %s is for what is there already. Leave it out, or update the resource by PUT to [type]/[id]."); err != nil {
		return fhir.Resource{}, err
	}
	r, err := x.resource()
	if err == nil && r.Type() != x.key.Type {
		err = fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The URL is for %s, but the resource is of type %s.", x.key.Type, fhir.Quote(r.Type())).At("resourceType")
	}
	return r, err
}

// matchesNothing refuses a condition on the version, where there is none that it could be held against.
func (x *exchange) matchesNothing(format string) error {
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if len(x.request.Header[name]) > 0 {
			return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, format, name).At(ofHTTP(name))
		}
	}
	return nil
}
