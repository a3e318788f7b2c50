package engine

import (
	"errors"

	"github.com/portico-health/portico/fhir"
)

// ValidateRequest asks whether a resource could be stored
// (https://hl7.org/fhir/R4/resource-operation-validate.html).
type ValidateRequest struct {
	Type     string        // of the URL
	ID       string        // of the URL; "" on the type level
	Mode     string        // "", create, update or delete
	Resource fhir.Resource // the zero Resource for mode delete
}

// validate returns everything that a write of the resource would be refused for, and warnings.
func (e *Engine) validate(p fhir.Principal, req ValidateRequest) ([]fhir.Issue, error) {
	if err := e.knows(p, req.Type); err != nil {
		return nil, err
	}
	switch req.Mode {
	case "", "create", "update":
	case "delete":
		return issuesOf(e.writes(req.Type)), nil
	default:
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "The mode %s is not known: it is create, update or delete.", fhir.Quote(req.Mode)).At("mode")
	}
	if req.Resource.IsZero() {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "There is no resource to validate.").At("resource")
	}
	issues := e.Validator.Report(req.Resource)
	if req.Resource.Type() != req.Type {
		issues = append(issues, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The URL is for %s, but the resource is of type %s.", req.Type, fhir.Quote(req.Resource.Type())).At("resourceType").Issues...)
	} else if req.Mode == "update" && req.ID != "" {
		issues = append(issues, issuesOf(sameKey(fhir.Key{Type: req.Type, ID: req.ID}, req.Resource))...)
	}
	if req.Mode == "update" {
		issues = append(issues, issuesOf(refuseSubset(req.Resource))...)
	}
	return append(issues, issuesOf(e.checkRules(req.Resource))...), nil
}

// issuesOf returns the issues of an error; none for nil.
func issuesOf(err error) []fhir.Issue {
	var e *fhir.Error
	if errors.As(err, &e) {
		return e.Issues
	}
	return nil
}
