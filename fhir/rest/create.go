package rest

import (
	"net/http"
	"strconv"

	"github.com/portico-health/portico/fhir"
)

// create: https://hl7.org/fhir/R4/http.html#create.
func (s *server) create(x *exchange) error {
	if field(x.request.Header, "If-None-Exist") != "" {
		return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "Conditional create is not offered: a create with If-None-Exist would make the resource, whether it exists or not, and is refused therefore.").At(ofHTTP("If-None-Exist"))
	}
	r, err := x.resource()
	if err != nil {
		return err
	}
	if r.Type() != x.key.Type {
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The URL is for %s, but the resource is of type %s.", x.key.Type, fhir.Quote(r.Type())).At("resourceType")
	}
	v, err := s.Engine.Create(x.request.Context(), x.who, r)
	if err != nil {
		return err
	}
	s.written(x, v, true)
	return nil
}

// written answers a create or an update, in the form that the client prefers
// (https://hl7.org/fhir/R4/http.html#ops).
func (s *server) written(x *exchange, v fhir.Version, created bool) {
	x.stamp(v)
	status, what := http.StatusOK, "updated"
	if created {
		status, what = http.StatusCreated, "created"
		x.header().Set("Location", s.Promises.BaseURL+"/"+v.Key.String()+"/_history/"+strconv.FormatInt(v.Number, 10))
	}
	x.applied("return", x.prefer.returns)
	switch x.prefer.returns {
	case "minimal":
		x.writeEmpty(status)
	case "OperationOutcome":
		x.write(status, informed(v.Key.String()+" was "+what+", as version "+strconv.FormatInt(v.Number, 10)+"."))
	default:
		x.write(status, v.Body)
	}
}
