package rest

import (
	"errors"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// aim reads what an update, patch or delete is about: the id that the path names or, without one, the criteria that select a
// resource; and its precondition.
func (x *exchange) aim(a engine.Action) (engine.Change, error) {
	c := engine.Change{Action: a, Key: x.key}
	var err error
	if x.key.ID != "" {
		if err := x.selectsNothing("The id says which resource is written"); err != nil {
			return c, err
		}
		c.Pre, err = x.precondition()
		return c, err
	}
	c.Conditional, c.Criteria = true, x.criteria()
	c.Pre, err = x.preconditionOfMatch()
	return c, err
}

// criteria are the parameters of the URL, percent-encoded, but for those that say how the answer is to be written.
func (x *exchange) criteria() string {
	parts := strings.Split(x.request.URL.RawQuery, "&")
	return strings.Join(slices.DeleteFunc(parts, ofFormat), "&")
}

// selectsNothing refuses parameters where nothing is selected by them: passed over, a condition that somebody means would not hold.
func (x *exchange) selectsNothing(because string) error {
	query := strings.Trim(x.criteria(), "&")
	if query == "" {
		return nil
	}
	name, _, _ := strings.Cut(query, "=")
	return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "%s. The URL takes no parameters but _format and _pretty here, but has %s.", because, fhir.Quote(name)).At(ofHTTP(name))
}

// preconditionOfMatch is precondition where the resource is not known yet: no choice can be made for it among several
// versions.
func (x *exchange) preconditionOfMatch() (engine.Precondition, error) {
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
	return x.precondition()
}

// ofCriteria returns the error of a change with its places marked where they are names of parameters: those of the criteria, which are
// in the URL or, for a create, in a header.
func ofCriteria(c engine.Change, err error) error {
	var criteria *engine.CriteriaError
	switch {
	case !errors.As(err, &criteria):
		return err
	case c.Action == engine.ActCreate:
		return within(ofHTTP(headerIfNoneExist), criteria.Err)
	default:
		return ofRequest(criteria.Err)
	}
}

// within returns the error with one place for all its issues. Where each was is told in words.
func within(place string, err error) error {
	var e *fhir.Error
	if !errors.As(err, &e) {
		return err
	}
	marked := *e
	marked.Issues = slices.Clone(e.Issues)
	for i, issue := range marked.Issues {
		if issue.Path != "" {
			marked.Issues[i].Detail = "In " + fhir.Quote(issue.Path) + ": " + issue.Detail
		}
		marked.Issues[i].Path = place
	}
	return &marked
}
