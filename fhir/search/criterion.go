package search

import (
	"fmt"
	"slices"

	"github.com/portico-health/portico/fhir"
)

// criterion is one parameter that selects, with all its values, one of which must be found.
type criterion struct {
	modifier string
	values   []string // none is empty; the escapes of R4 are still in them
	now      fhir.Instant
}

// each reads the values one by one, and collects their tests and faults: no more than are too many.
func (c criterion) each(read func(string) ([]Test, *fhir.Error)) (Any, *fhir.Error) {
	var clause Any
	var faults *fhir.Error
	made := 0
	for _, v := range c.values {
		if made > MaxTests || faults != nil && len(faults.Issues) > maxIssues {
			break
		}
		tests, err := read(v)
		if err != nil {
			faults = join(faults, err)
		}
		clause = append(clause, tests...)
		made += countTests([]Any{tests})
	}
	return clause, faults
}

// criterion reads a parameter that selects.
func (p *reading) criterion(pair Pair) {
	if p.writes && (isLinked(pair.Name) || pair.Name == "_filter") {
		p.fault(pair.Name, fhir.CodeNotSupported,
			"Whether this selects a resource is decided within a write, on that resource alone: parameters that look at others (chains, _has), and _filter, have no place here.")
		return
	}
	if pair.Name == "_filter" {
		p.filter(pair)
		return
	}
	values, err := splitValues(pair.Value)
	along := links{rules: p.rules, name: pair.Name, values: pair.Value, budget: p.budget, leaf: func(_ string, param *param, modifier string, hasModifier bool) (Any, *miss) {
		if err != nil {
			return nil, wrong(err)
		}
		return param.criterion(criterion{modifier, values, p.opt.Now}, hasModifier)
	}}
	clause, miss := along.read(p.typ, pair.Name, 0)
	if (len(values) > 0 || miss != nil) && p.take(pair, miss) {
		p.req.Query.All = append(p.req.Query.All, clause)
	}
}

// take notes that a parameter is applied, or why it is not.
func (p *reading) take(pair Pair, m *miss) bool {
	switch {
	case m == nil:
		p.req.Applied = append(p.req.Applied, pair)
	case m.unknown:
		p.unsupported(pair.Name, "%s", m.Issues[0].Detail)
		p.passed = append(p.passed, passed{pair, warning(m.At(pair.Name))})
	default:
		p.faults = join(p.faults, m.At(pair.Name))
	}
	return m == nil
}

// criterion makes the clause of the parameter.
func (p *param) criterion(c criterion, hasModifier bool) (Any, *miss) {
	if hasModifier && !slices.Contains(p.takes(), c.modifier) {
		return nil, wrong(fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "%s", p.refusal(c.modifier)))
	}
	clause, err := p.lower(c)
	if err != nil {
		return nil, wrong(err)
	}
	return clause, nil
}

// takes are the modifiers of a parameter.
func (p *param) takes() []string { return append([]string{"missing"}, p.kind.modifiers()...) }

// unbuilt are modifiers that R4 has for a type of parameter and that are not taken, with what would be right.
var unbuilt = map[string]map[string]string{
	"token":     {"above": noHierarchy, "below": noHierarchy},
	"reference": {"above": noAncestry, "below": noAncestry},
	"canonical": {"above": noVersions, "below": noVersions},
}

// refusal says why a modifier is not taken.
func (p *param) refusal(modifier string) string {
	of := p.Type
	if r, ok := p.kind.(*reference); ok && r.url && !r.logical {
		of = "canonical"
	}
	if why := unbuilt[of][modifier]; why != "" {
		return fmt.Sprintf("The modifier :%s of %s is not supported: %s. It takes %s.", modifier, p.Name, why, list(p.takes()))
	}
	return fmt.Sprintf("The parameter %s has no modifier %s; it takes %s.", p.Name, fhir.Quote(modifier), list(p.takes()))
}

func (p *param) lower(c criterion) (Any, *fhir.Error) {
	if c.modifier == "missing" {
		return c.each(p.missing)
	}
	return p.kind.lower(c)
}

// missing reads a value of :missing (https://hl7.org/fhir/R4/search.html#modifiers).
func (p *param) missing(v string) ([]Test, *fhir.Error) {
	always := p.sink == nil || p.kind.always()
	u, isUnion := p.kind.(*union)
	switch {
	case v != "true" && v != "false":
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no value of the modifier :missing: write true or false.", fhir.Quote(v))
	case isUnion:
		return u.missing(v == "true"), nil
	case !always && v == "true":
		return p.isMissing(), nil
	case !always:
		return []Test{Missing{p.Name, false}}, nil
	case v == "true":
		return nil, nil
	default:
		return []Test{Not{}}, nil
	}
}
