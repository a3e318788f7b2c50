package search

import (
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// reading is a search on its way from pairs to a request.
type reading struct {
	rules    *Rules
	typ      string
	types    []string // all that are searched, the same parameters for each
	opt      Options
	req      Request
	results  map[string]string // the parameters that shape the result, as they were first given
	includes int               // how many of them there are
	writes   bool              // it selects what to write
	passed   []passed          // parameters that select, and were passed over
	faults   *fhir.Error
	budget   *budget
}

// passed is a parameter that was passed over, and what is told of it.
type passed struct {
	Pair
	why fhir.Issue
}

// Parse reads a search for resources of a type. Invalid, with the first faults and the parameter's name as their place:
// what cannot be understood; TooCostly: more than MaxClauses, MaxValues, MaxTests or MaxLinks; NotFound: a type that is not served, or not in the compartment
// of Options.
// "Empty parameters are not an error - they are just ignored" (https://hl7.org/fhir/R4/search.html#errors).
func (r *Rules) Parse(typ string, pairs []Pair, opt Options) (Request, error) {
	p, err := r.reading(typ, pairs, opt)
	if err != nil {
		return Request{}, err
	}
	if err := p.read(pairs); err != nil {
		return Request{}, err
	}
	return p.req, nil
}

// read reads all parameters.
func (p *reading) read(pairs []Pair) error {
	for _, pair := range pairs {
		name, _, _ := strings.Cut(pair.Name, ":")
		switch {
		case p.budget.over:
		case pair.Value == "":
		case isResult(name):
			p.result(pair)
		default:
			p.criterion(pair)
		}
	}
	p.together()
	if err := p.compartment(); err != nil {
		return err
	}
	return p.refusal()
}

// Criteria reads what selects the resource to write (If-None-Exist, conditional update and delete, Subscription criteria):
// always strict, with at least one parameter that selects, none empty, and none that shapes a result. Errors as of Parse.
func (r *Rules) Criteria(typ string, pairs []Pair, now fhir.Instant) (Query, error) {
	p, err := r.reading(typ, pairs, Options{Strict: true, Now: now})
	if err != nil {
		return Query{}, err
	}
	p.writes = true
	if len(pairs) == 0 {
		p.fault("", fhir.CodeRequired, "There is no search parameter: what selects the resource to write must not select every %s.", typ)
	}
	for _, pair := range pairs {
		name, _, _ := strings.Cut(pair.Name, ":")
		switch {
		case p.budget.over:
		case strings.Trim(pair.Value, ", ") == "":
			p.fault(pair.Name, fhir.CodeRequired, "The parameter has no value: what selects the resource to write must say what it selects by.")
		case name == Since:
			p.fault(pair.Name, fhir.CodeInvalid, "_since is for searches, which follow changes; here write _lastUpdated=ge with the instant.")
		case isResult(name):
			p.fault(pair.Name, fhir.CodeInvalid, "%s shapes the result of a search; here only parameters that select a resource have a meaning.", name)
		default:
			p.criterion(pair)
		}
	}
	if err := p.refusal(); err != nil {
		return Query{}, err
	}
	return p.req.Query, nil
}

func (r *Rules) reading(typ string, pairs []Pair, opt Options) (*reading, error) {
	if r.types[typ] == nil {
		return nil, fhir.Errorf(fhir.NotFound, fhir.CodeNotSupported, "%s", noType(typ))
	}
	clauses, values := 0, 0
	for _, p := range pairs {
		if name, _, _ := strings.Cut(p.Name, ":"); !isResult(name) {
			clauses++
			values += 1 + strings.Count(p.Value, ",")
		}
	}
	if clauses > MaxClauses || values > MaxValues {
		return nil, fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly,
			"The search has %d parameters with %d values; at most %d and %d are taken. Ask in several searches.", clauses, values, MaxClauses, MaxValues)
	}
	return &reading{
		rules: r, typ: typ, types: []string{typ}, opt: opt,
		req:     Request{Query: Query{Type: typ}, Count: DefaultCount},
		results: make(map[string]string), budget: newBudget(),
	}, nil
}

// noType says of a type that is not served whether R4 has it.
func noType(typ string) string {
	if r4.IsResource(typ) {
		return "This server stores no resources of type " + typ + "."
	}
	return "R4 has no resource type " + fhir.Quote(typ) + "."
}

// refusal is the error that the search is answered with, or nil.
func (p *reading) refusal() error {
	if p.faults != nil {
		return p.faults
	}
	tests := countTests(p.req.Query.All)
	if tests > MaxTests { // with those that put others together
		return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "The search comes to %d comparisons; at most %d are made. %s", tests, MaxTests, sayFewer)
	}
	return nil
}

func (p *reading) fault(name string, code fhir.IssueCode, format string, args ...any) {
	p.faults = join(p.faults, fhir.Errorf(fhir.Invalid, code, format, args...).At(name))
}

// unsupported refuses or passes over what this server does not know, as the search is read. "Servers SHOULD ignore unknown or
// unsupported parameters", and "Prefer: handling=strict: Client requests that the server return an error".
func (p *reading) unsupported(name, format string, args ...any) {
	e := fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, format, args...).At(name)
	if p.opt.Strict {
		p.faults = join(p.faults, e)
		return
	}
	p.req.Ignored = tell(p.req.Ignored, warning(e))
}

// warning tells what was wrong where it was ignored.
func warning(e *fhir.Error) fhir.Issue {
	issue := e.Issues[0]
	issue.Severity, issue.Detail = fhir.Warning, "This was ignored. "+issue.Detail
	return issue
}

// list writes names as in "a, b and c".
func list(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
