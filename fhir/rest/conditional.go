package rest

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// conditionals lists the interactions that the face can do with what a search finds instead of an id.
func (s *server) conditionals() map[conformance.Interaction]route {
	return map[conformance.Interaction]route{
		conformance.Create: {onType, http.MethodPost, s.createIfNone},
		conformance.Update: {onType, http.MethodPut, s.updateWhere},
		conformance.Delete: {onType, http.MethodDelete, s.deleteWhere},
	}
}

const headerIfNoneExist = "If-None-Exist"

// createIfNone is create, with the header If-None-Exist on the condition that nothing matches it:
// https://hl7.org/fhir/R4/http.html#ccreate.
func (s *server) createIfNone(x *exchange) error {
	conditions := x.request.Header.Values(headerIfNoneExist)
	if len(conditions) == 0 {
		return s.create(x)
	}
	query := strings.TrimSpace(conditions[0])
	name, _, _ := strings.Cut(query, "=")
	switch {
	case len(conditions) > 1:
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "There are %d headers If-None-Exist; all parameters stand in one, with & between.", len(conditions)).At(ofHTTP(headerIfNoneExist))
	case strings.Contains(name, "?"):
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "If-None-Exist holds what stands behind the question mark of a search, as in identifier=https://example.org/mrn|1, but this is %s.", fhir.Quote(query)).At(ofHTTP(headerIfNoneExist))
	}
	r, err := x.resourceToCreate()
	if err != nil {
		return err
	}
	o, err := s.Engine.CreateIfNone(x.request.Context(), x.who, r, query)
	switch {
	case err != nil:
		return ofHeader(err, headerIfNoneExist)
	case o.Created:
		s.written(x, o.Version, true)
	default:
		s.locate(x, o.Version)
		x.represent(http.StatusOK, o.Version, "matches the condition, so that nothing was created; it is in")
	}
	return nil
}

// updateWhere: https://hl7.org/fhir/R4/http.html#cond-update.
func (s *server) updateWhere(x *exchange) error {
	pre, err := s.preconditionOfMatch(x)
	if err != nil {
		return err
	}
	r, err := x.resource()
	if err != nil {
		return err
	}
	o, err := s.Engine.UpdateWhere(x.request.Context(), x.who, x.key.Type, x.criteria(), r, pre)
	if err != nil {
		return ofURL(err)
	}
	s.written(x, o.Version, o.Created)
	return nil
}

// deleteWhere deletes one resource at most: https://hl7.org/fhir/R4/http.html#cdelete.
func (s *server) deleteWhere(x *exchange) error {
	pre, err := s.preconditionOfMatch(x)
	if err != nil {
		return err
	}
	o, err := s.Engine.DeleteWhere(x.request.Context(), x.who, x.key.Type, x.criteria(), pre)
	if err != nil {
		return ofURL(err)
	}
	said := "No " + x.key.Type + " matches; nothing was to be done."
	if o.Changed {
		said = o.Version.Key.String() + " was deleted."
	}
	x.deleted(o, said)
	return nil
}

// criteria are the parameters of the URL, percent-encoded, but for those that say how the answer is to be written.
func (x *exchange) criteria() string {
	parts := strings.Split(x.request.URL.RawQuery, "&")
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool {
		name, _, _ := strings.Cut(part, "=")
		decoded, err := url.QueryUnescape(name)
		return err == nil && (decoded == "_format" || decoded == "_pretty")
	}), "&")
}

// preconditionOfMatch is precondition where the resource is not known yet: no choice can be made for it among several
// versions.
func (s *server) preconditionOfMatch(x *exchange) (engine.Precondition, error) {
	match, err := parseTags("If-Match", x.request.Header.Values("If-Match"))
	switch {
	case err != nil:
		return engine.Precondition{}, err
	case len(match.opaque) > 1:
		return engine.Precondition{}, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "Where a search selects what to write, If-Match names one version, or *.").At(ofHTTP("If-Match"))
	case len(match.opaque) == 1:
		if _, ok := versionNumber(match.opaque[0]); !ok {
			return engine.Precondition{}, mismatch("No %s has a version %s. The current one is in the ETag of a read.", x.key.Type, fhir.Quote(match.opaque[0]))
		}
	}
	return s.precondition(x)
}

// ofURL returns the error with its places marked as names of parameters where it concerns the criteria, which are in the URL.
func ofURL(err error) error {
	var criteria *engine.CriteriaError
	if errors.As(err, &criteria) {
		return ofRequest(criteria.Err)
	}
	return err
}

// ofHeader returns the error with the header as its place where it concerns the criteria, which are in that header. The
// parameter is named in words.
func ofHeader(err error, header string) error {
	var criteria *engine.CriteriaError
	var e *fhir.Error
	if !errors.As(err, &criteria) || !errors.As(criteria.Err, &e) {
		return err
	}
	marked := *e
	marked.Issues = slices.Clone(e.Issues)
	for i, issue := range marked.Issues {
		if issue.Path != "" {
			marked.Issues[i].Detail = "In " + fhir.Quote(issue.Path) + ": " + issue.Detail
		}
		marked.Issues[i].Path = ofHTTP(header)
	}
	return &marked
}
