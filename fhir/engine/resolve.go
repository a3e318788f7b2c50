package engine

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// conditionalReference is a reference by what a search finds, "Patient?identifier=12345"
// (https://hl7.org/fhir/R4/http.html#trules, "Conditional References").
type conditionalReference struct {
	text     string
	criteria search.Query

	found fhir.Key    // without ID while it is not decided
	guard storage.Op  // holds found in the version that was read; zero where the transaction writes it
	fault *fhir.Error // why it names nothing, or several; nil when it does not
}

// maxConditional bounds the searches that a transaction asks for.
const maxConditional = 1000

func (c *conditionalReference) key() fhir.Key {
	if c.found.ID == "" {
		return undecided(c.criteria.Type)
	}
	return c.found
}

// conditionalReference reads a reference; equal ones are one. Its errors are Invalid, at the place of the reference; what comes with them
// stands in for a right one, so that the reference is not found fault with once more.
func (t *transaction) conditionalReference(resourceType, query string, p linkPlace) (*conditionalReference, error) {
	if known := t.queries[p.text]; known != nil {
		return known, nil
	}
	c := &conditionalReference{text: p.text, criteria: search.Query{Type: resourceType}}
	if len(t.queries) >= maxConditional {
		return c, fhir.Errorf(fhir.Invalid, fhir.CodeTooCostly, "The transaction has more than %d different conditional references.", maxConditional).At(p.expression())
	}
	if err := t.serves(resourceType); err != nil {
		return c, inReference(err, p)
	}
	criteria, err := t.criteria(t.who, resourceType, query)
	if err != nil {
		return c, inReference(err, p)
	}
	c.criteria = criteria
	t.queries[p.text] = c
	return c, nil
}

// inReference is a fault of the criteria in a reference, told at its place.
func inReference(err error, p linkPlace) error {
	var e *fhir.Error
	if !errors.As(err, &e) || isFailure(err) {
		return err
	}
	told := &fhir.Error{Kind: fhir.Invalid}
	if e.Kind == fhir.Unavailable || e.Kind == fhir.Forbidden {
		told.Kind, told.Err = e.Kind, e.Err
	}
	for _, issue := range e.Issues {
		if issue.Path != "" {
			issue.Detail = "In " + fhir.Quote(issue.Path) + ": " + issue.Detail
		}
		issue.Detail = "The conditional reference " + fhir.Quote(p.text) + " cannot be followed. " + issue.Detail
		issue.Path = p.expression()
		told.Issues = append(told.Issues, issue)
	}
	return told
}

// resolve finds what the conditional references name: exactly one resource, as the transaction leaves the store. Resources that it writes are
// looked at as they are about to be written, but for their own conditional references; the others are searched for. What is found is held by a guard.
func (t *transaction) resolve(ctx context.Context) error {
	if len(t.queries) == 0 {
		return nil
	}
	touched := keys{}
	for _, d := range t.drafts {
		if !d.idle && d.target.ID != "" {
			touched[d.target] = true
		}
	}
	for _, text := range slices.Sorted(maps.Keys(t.queries)) {
		if err := t.find(ctx, t.queries[text], touched); err != nil {
			return err
		}
	}
	return t.each(unresolved)
}

// unresolved tells which references of a change name nothing, or several.
func unresolved(d *draft) error {
	faults := &fhir.Error{Kind: fhir.PreconditionFailed}
	for _, l := range d.links {
		if c := l.pieces[0].query; c != nil && c.fault != nil {
			issue := c.fault.Issues[0]
			issue.Path = l.place.expression()
			faults.Issues = append(faults.Issues, issue)
		}
	}
	if len(faults.Issues) == 0 {
		return nil
	}
	return faults
}

// find decides one conditional reference.
func (t *transaction) find(ctx context.Context, c *conditionalReference, touched keys) error {
	var found []fhir.Key
	for d := range t.written.that(c.criteria) {
		found = append(found, d.target)
	}
	stored, err := t.matches(ctx, t.who, c.criteria, touched)
	if err != nil {
		return err
	}
	c.guard = storage.Op{}
	for _, v := range stored {
		found = append(found, v.Key)
		c.guard = storage.Op{Key: v.Key, Condition: storage.Condition{Version: v.Number}, Guard: true}
	}
	c.fault = nil
	switch len(found) {
	case 0:
		c.fault = fhir.Errorf(fhir.PreconditionFailed, fhir.CodeNotFound, "No %s matches the conditional reference %s; exactly one must.", c.criteria.Type, fhir.Quote(c.text))
	case 1:
		c.found = found[0]
	default:
		c.fault = fhir.Errorf(fhir.PreconditionFailed, fhir.CodeMultipleMatches, "Several resources of type %s match the conditional reference %s; exactly one must.", c.criteria.Type, fhir.Quote(c.text))
	}
	return nil
}
