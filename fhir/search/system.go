package search

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// trail is the type of the record of who did what: it would drown the rest, its instants are not those of a store, of which no two are equal, and it grows while
// it is read. So no search has it beside other types.
const trail = "AuditEvent"

// ParseSystem reads a search over resources of several types: those that _type lists, or else all that are served but AuditEvent, of which are in the
// compartment of Options where there is one. AuditEvent is searched by itself, and beside other types Invalid. The answer has a request for each type, in their order, alike in all but the query. "Only the
// parameters defined for all resources can be used" (https://hl7.org/fhir/R4/search.html#context): those that each of the types has. It sorts by
// _lastUpdated alone where there are several types. Errors are as of Parse; NotFound: a compartment that none of the types is in.
func (r *Rules) ParseSystem(pairs []Pair, opt Options) ([]Request, error) {
	s := system{rules: r, opt: opt}
	if err := s.chooseTypes(pairs); err != nil {
		return nil, err
	}
	pairs = slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return p.Name == "_type" })
	requests, err := s.parse(pairs)
	if err != nil || s.passed == nil {
		return requests, err
	}
	// What one type does not have is asked of none.
	known := slices.DeleteFunc(pairs, func(p Pair) bool { return slices.Contains(s.passed, p) })
	told := s.told
	if requests, err = s.parse(known); err != nil {
		return nil, err
	}
	for i := range requests {
		requests[i].Ignored = tell(slices.Clone(told), requests[i].Ignored...)
	}
	return requests, nil
}

// system is a search over several types.
type system struct {
	rules  *Rules
	opt    Options
	types  []string
	given  []Pair // _type, where it was given
	passed []Pair // parameters that were passed over for one of the types at least
	told   []fhir.Issue
	read   int // bytes, for all of the types
}

// chooseTypes are the types that are searched.
func (s *system) chooseTypes(pairs []Pair) error {
	var faults *fhir.Error
	for _, p := range pairs {
		if p.Name != "_type" || strings.Trim(p.Value, ", ") == "" {
			continue
		}
		if s.given != nil && s.given[0] != p {
			faults = join(faults, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "_type is given as %s and as %s: one of them can be meant.",
				fhir.Quote(s.given[0].Value), fhir.Quote(p.Value)).At("_type"))
			break
		}
		if n := 1 + strings.Count(p.Value, ","); n > MaxValues {
			return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "There are %d types in _type; at most %d are taken.", n, MaxValues).At("_type")
		}
		s.given = []Pair{p}
		for typ := range strings.SplitSeq(p.Value, ",") {
			typ = strings.TrimSpace(typ)
			switch {
			case typ == "" || slices.Contains(s.types, typ):
			case s.rules.types[typ] == nil:
				faults = join(faults, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "%s _type takes, with commas between them, %s.", noType(typ), list(s.rules.served)).At("_type"))
			default:
				s.types = append(s.types, typ)
			}
		}
	}
	if len(s.types) > 1 && slices.Contains(s.types, trail) {
		faults = join(faults, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "_type names AuditEvent beside other types. Search it by itself, as in AuditEvent?date=ge2026-01-31.").At("_type"))
	}
	if faults != nil {
		return faults
	}
	return s.defaultTypes()
}

// defaultTypes are those that are searched where _type does not say it: without the trail, unless there is nothing else.
func (s *system) defaultTypes() error {
	if s.types == nil {
		s.types = slices.DeleteFunc(slices.Clone(s.rules.served), func(typ string) bool { return typ == trail })
	}
	if len(s.types) == 0 {
		s.types = slices.Clone(s.rules.served)
	}
	if of := s.opt.Compartment; of != (fhir.Key{}) {
		within := slices.DeleteFunc(slices.Clone(s.types), func(typ string) bool { return !s.rules.InCompartment(of.Type, typ) })
		if len(within) == 0 {
			return outside(of, s.types...)
		}
		s.types = within
	}
	return nil
}

// parse reads the parameters for each of the types, and notes which of them were passed over.
func (s *system) parse(pairs []Pair) ([]Request, error) {
	s.passed, s.told, s.read = nil, nil, 0
	requests := make([]Request, 0, len(s.types))
	for _, typ := range s.types {
		p, err := s.rules.reading(typ, pairs, s.opt)
		if err != nil {
			return nil, err
		}
		p.types, p.budget.read = s.types, &s.read
		p.req.Applied = slices.Clone(s.given)
		if err := p.read(pairs); err != nil {
			return nil, err
		}
		for _, over := range p.passed {
			if !slices.Contains(s.passed, over.Pair) {
				s.passed, s.told = append(s.passed, over.Pair), tell(s.told, over.why)
			}
		}
		requests = append(requests, p.req)
	}
	return requests, nil
}
