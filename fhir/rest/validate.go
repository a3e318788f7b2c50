package rest

import (
	"net/http"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// validate is the operation $validate: https://hl7.org/fhir/R4/resource-operation-validate.html. The body is the
// resource, or Parameters with it; mode and profile may stand in the URL too. Whatever is found, the operation itself
// succeeded: the status is 200. A body that is no JSON is no resource, and a fault of the request.
func (s *server) validate(x *exchange) error {
	req, err := x.validateRequest()
	if err != nil {
		return err
	}
	issues, err := s.Engine.Validate(x.enter(), x.who, req)
	if err != nil {
		return ofRequest(err)
	}
	if len(issues) == 0 {
		issues = []fhir.Issue{{Severity: fhir.Information, Code: fhir.CodeInformational, Detail: "Nothing is wrong with it."}}
	}
	x.write(http.StatusOK, outcome(issues))
	return nil
}

// validateRequest reads what is to be validated.
func (x *exchange) validateRequest() (engine.ValidateRequest, error) {
	params := x.parameters()
	in := validateInput{mode: params.Get("mode"), profiles: params["profile"]}
	if x.part != nil || x.request.ContentLength != 0 {
		r, err := x.parse(maxBody)
		if err == nil {
			err = in.read(r)
		}
		if err != nil {
			return engine.ValidateRequest{}, err
		}
	}
	for _, profile := range in.profiles {
		if profile != "http://hl7.org/fhir/StructureDefinition/"+x.key.Type {
			return engine.ValidateRequest{}, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "Profiles are not validated; the definition of R4 is. Leave the profile %s out.", fhir.Quote(profile)).At(ofHTTP("profile"))
		}
	}
	return engine.ValidateRequest{Type: x.key.Type, ID: x.key.ID, Mode: in.mode, Resource: in.resource}, nil
}

// validateInput are the parameters of the operation.
type validateInput struct {
	resource fhir.Resource
	mode     string
	profiles []string
}

// read reads the body, the zero Resource for none.
func (in *validateInput) read(r fhir.Resource) error {
	if r.Type() != "Parameters" {
		in.resource = r
		return nil
	}
	for _, p := range r.Root().Objects("parameter") {
		switch name := p.Text("name"); name {
		case "resource":
			in.resource = fhir.NewResource(p.Object("resource"))
		case "mode":
			in.mode = p.Text("valueCode")
		case "profile":
			in.profiles = append(in.profiles, p.Text("valueUri")+p.Text("valueCanonical"))
		default:
			return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "$validate has no parameter %s; it has resource, mode and profile.", fhir.Quote(name)).At("Parameters.parameter")
		}
	}
	return nil
}
