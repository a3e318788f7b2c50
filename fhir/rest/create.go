package rest

import (
	"net/http"
	"strconv"

	"github.com/portico-health/portico/fhir"
)

// create: https://hl7.org/fhir/R4/http.html#create.
func (s *server) create(x *exchange) error {
	if len(x.request.Header.Values(headerIfNoneExist)) > 0 {
		return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "Conditional create is not offered: a create with If-None-Exist would make the resource, whether it exists or not, and is refused therefore.").At(ofHTTP(headerIfNoneExist))
	}
	r, err := x.resourceToCreate()
	if err != nil {
		return err
	}
	v, err := s.Engine.Create(x.request.Context(), x.who, r)
	if err != nil {
		return err
	}
	s.written(x, v, true)
	return nil
}

// resourceToCreate reads the resource in the body, which must be of the URL's type. Errors as of resource.
func (x *exchange) resourceToCreate() (fhir.Resource, error) {
	r, err := x.resource()
	if err == nil && r.Type() != x.key.Type {
		err = fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The URL is for %s, but the resource is of type %s.", x.key.Type, fhir.Quote(r.Type())).At("resourceType")
	}
	return r, err
}

// written answers a create or an update.
func (s *server) written(x *exchange, v fhir.Version, created bool) {
	if created {
		s.locate(x, v)
		x.represent(http.StatusCreated, v, "was created, as")
		return
	}
	x.represent(http.StatusOK, v, "was updated, as")
}

// locate says where a version is.
func (s *server) locate(x *exchange, v fhir.Version) {
	x.header().Set("Location", s.Promises.BaseURL+"/"+v.Key.String()+"/_history/"+strconv.FormatInt(v.Number, 10))
}

// represent answers a write with the version that is current now, in the form that the client prefers
// (https://hl7.org/fhir/R4/http.html#ops). In words: the resource, what became of it, its version.
func (x *exchange) represent(status int, v fhir.Version, became string) {
	x.stamp(v)
	x.applied("return", x.prefer.returns)
	switch x.prefer.returns {
	case "minimal":
		x.writeEmpty(status)
	case "OperationOutcome":
		x.write(status, informed(v.Key.String()+" "+became+" version "+strconv.FormatInt(v.Number, 10)+"."))
	default:
		x.write(status, v.Body)
	}
}
