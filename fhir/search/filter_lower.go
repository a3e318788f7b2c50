package search

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// filterOperators are those of https://hl7.org/fhir/R4/search_filter.html#ops, in its order.
var filterOperators = []string{"eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in", "ni", "re"}

// spellings say, for each type of parameter, and for words, how an operator of a filter is written in other searches: as a prefix of the value or as a
// modifier of the name. Those that have no such form are in filterTest.clause.
var spellings = map[string]map[string]struct{ prefix, modifier string }{
	"number":    comparing,
	"quantity":  comparing,
	"date":      comparing,
	"string":    {"eq": {}, "co": {modifier: "contains"}, "sw": {}},
	"token":     {"eq": {}, "in": {modifier: "in"}, "ni": {modifier: "not-in"}, "ss": {modifier: "below"}, "sb": {modifier: "above"}},
	"reference": {"eq": {}, "re": {}},
	"uri":       {"eq": {}},
	"composite": {"eq": {}},
	"special":   {"eq": {}},
	ofWords:     {"eq": {}},
}

// ofWords stands in for the type of _text and _content, strings in R4: of a word there is no beginning or end that is searched.
const ofWords = "words"

// compares is by which type a filter compares the parameter.
func (p *param) compares() string {
	if _, isWords := p.kind.(fullText); isWords {
		return ofWords
	}
	return p.Type
}

var comparing = map[string]struct{ prefix, modifier string }{
	"eq": {prefix: "eq"}, "ne": {prefix: "ne"}, "gt": {prefix: "gt"}, "lt": {prefix: "lt"}, "ge": {prefix: "ge"}, "le": {prefix: "le"}, "ap": {prefix: "ap"}, "sa": {prefix: "sa"}, "eb": {prefix: "eb"},
}

// filter reads a _filter.
func (p *reading) filter(pair Pair) {
	f, err := parseFilter(pair.Value)
	if err != nil {
		p.faults = join(p.faults, err.At(pair.Name))
		return
	}
	filtering := filtering{rules: p.rules, typ: p.typ, now: p.opt.Now, budget: p.budget}
	all, miss := filtering.lower(f)
	if p.take(pair, miss) {
		p.req.Query.All = append(p.req.Query.All, all...)
	}
}

// filtering makes clauses of filters.
type filtering struct {
	rules  *Rules
	typ    string
	now    fhir.Instant
	budget *budget
}

// lower makes the clauses that hold, all of them, where the filter does.
func (l filtering) lower(f filter) ([]Any, *miss) {
	switch f := f.(type) {
	case filterNot:
		all, m := l.lower(f.of)
		return []Any{{Not{oneOf(all)}}}, m
	case filterJoin:
		left, m := l.lower(f.left)
		if m != nil {
			return nil, m
		}
		right, m := l.lower(f.right)
		if f.and {
			return slices.Concat(left, right), m
		}
		return []Any{slices.Concat(oneOf(left), oneOf(right))}, m
	default:
		clause, m := l.test(f.(filterTest))
		return []Any{clause}, m
	}
}

// oneOf makes one clause of several that must all hold.
func oneOf(all []Any) Any {
	if len(all) == 1 {
		return all[0]
	}
	return Any{Every(all)}
}

// test makes the clause of one test of a filter.
func (l filtering) test(t filterTest) (Any, *miss) {
	along := links{rules: l.rules, name: t.path, values: t.value, budget: l.budget, leaf: func(typ string, p *param, _ string, _ bool) (Any, *miss) {
		clause, err := t.clause(typ, p, l.now)
		if err != nil {
			return nil, wrong(err)
		}
		return clause, nil
	}}
	clause, m := along.read(l.typ, t.path, 0)
	if m != nil {
		return nil, m.at(t.at)
	}
	return clause, nil
}

// clause says by which tests of a parameter the value is found.
func (t filterTest) clause(typ string, p *param, now fhir.Instant) (Any, *fhir.Error) {
	c := criterion{values: []string{t.escaped(p)}, now: now}
	how, spelled := spellings[p.compares()][t.op]
	switch {
	case !p.allows(typ, t.op):
		return nil, t.refusal(typ, p)
	case t.op == "pr":
		return t.present(p)
	case t.op == "eq":
		return p.equal(c)
	case spelled:
		c.modifier = how.modifier
		c.values[0] = how.prefix + c.values[0]
		return p.lower(c)
	case t.op == "ne":
		return p.unequal(c)
	case t.op == "ew":
		return lowerEach(p, c, func(s StartsWith) Test { return EndsWith(s) })
	default: // po and co of a date
		return t.overlap(p)
	}
}

// allows says whether a filter may use an operator with the parameter.
func (p *param) allows(typ, op string) bool {
	how, spelled := spellings[p.compares()][op]
	switch {
	case p.Name == Since:
		return false
	case op == "pr":
		return true
	case spelled:
		return how.modifier == "" || slices.Contains(p.takes(), how.modifier)
	case op == "ne":
		return p.hasOneValue(typ)
	case op == "ew":
		return p.compares() == "string"
	case op == "po" || op == "co":
		return p.compares() == "date"
	default:
		return false
	}
}

// refusal says why an operator is not allowed.
func (t filterTest) refusal(typ string, p *param) *fhir.Error {
	switch _, spelled := spellings[p.compares()]["ne"]; {
	case p.Name == Since:
		return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "_since is for searches, which follow changes; in a filter write _lastUpdated ge with the instant.")
	case t.op == "ne" && !spelled:
		return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported,
			"The operator ne is not supported for %s, which is not known to have one value at most. Write not (%s eq …) for those that have none that is equal.", p.Name, t.path)
	}
	allowed := slices.DeleteFunc(slices.Clone(filterOperators), func(op string) bool { return !p.allows(typ, op) })
	return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "The operator %s is not supported for %s, a parameter of type %s; it takes %s.", t.op, p.Name, p.Type, list(allowed))
}

// systems are the short names that a filter may use for code systems (https://hl7.org/fhir/R4/search_filter.html#ops).
var systems = map[string]string{
	"loinc": "http://loinc.org", "snomed": "http://snomed.info/sct", "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm", "ucum": "http://unitsofmeasure.org",
}

// escaped is the value as other searches write it: in tokens and the like a filter has the same escapes, in a string a backslash is itself.
func (t filterTest) escaped(p *param) string {
	switch p.Type {
	case "string":
		return strings.ReplaceAll(t.value, `\`, `\\`)
	case "token":
		if name, code, ok := strings.Cut(t.value, "|"); ok && systems[name] != "" {
			return systems[name] + "|" + code
		}
	case "quantity":
		if number, unit, ok := strings.Cut(t.value, "|"); ok {
			if name, code, ok := strings.Cut(unit, "|"); ok && systems[name] != "" {
				return number + "|" + systems[name] + "|" + code
			}
		}
	}
	return t.value
}

// equal holds where a value of a parameter is the same.
func (p *param) equal(c criterion) (Any, *fhir.Error) {
	if p.compares() == "string" {
		return lowerEach(p, c, func(s StartsWith) Test { return Every{{s}, {Whole(s)}} })
	}
	return p.lower(c)
}

// present is pr, which asks whether there is any value.
func (t filterTest) present(p *param) (Any, *fhir.Error) {
	absent := map[string]string{"true": "false", "false": "true"}[t.value]
	if absent == "" {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no value of the operator pr: write true or false.", fhir.Quote(t.value))
	}
	return p.lower(criterion{modifier: "missing", values: []string{absent}})
}

// overlap is po and co of a date: a stretch of time of the resource has something in common with that of the value, or all of it within.
func (t filterTest) overlap(p *param) (Any, *fhir.Error) {
	d, err := fhir.ParseDateTime(RepairPlus(t.value))
	if err != nil {
		return nil, fhir.AsError(err)
	}
	s := d.Interval()
	if t.op == "co" {
		return Any{Within{Param: p.Name, LowFrom: fhir.Beginning, LowTo: s.Low, HighFrom: s.High, HighTo: fhir.End}}, nil
	}
	return Any{Within{Param: p.Name, LowFrom: fhir.Beginning, LowTo: s.High - 1, HighFrom: s.Low + 1, HighTo: fhir.End}}, nil
}

// lowerEach lowers a string as a search for its beginning, and makes another test of that.
func lowerEach(p *param, c criterion, other func(StartsWith) Test) (Any, *fhir.Error) {
	clause, err := p.lower(c)
	for i, t := range clause {
		if s, ok := t.(StartsWith); ok {
			clause[i] = other(s)
		}
	}
	return clause, err
}

// unequal holds where the one value of a parameter is another.
func (p *param) unequal(c criterion) (Any, *fhir.Error) {
	equal, err := p.equal(c)
	if p.sink == nil || p.kind.always() {
		return Any{Not{equal}}, err
	}
	return Any{Every{{Missing{p.Name, false}}, {Not{equal}}}}, err
}

// undivided are the types whose values are compared as one, not by parts.
var undivided = []string{"boolean", "canonical", "code", "Coding", "ContactPoint", "id", "Identifier", "markdown", "Reference", "string", "uri", "url"}

// hasOneValue says whether each resource is known to have one value of the parameter at most, compared as one: that of a condition, or at the end of a
// path along elements that do not repeat.
func (p *param) hasOneValue(typ string) bool {
	if p.kind.always() {
		return true
	}
	e, err := parseExpression(p.expression)
	if err != nil {
		return false
	}
	elem := unrepeated(typ, e)
	return elem != nil && len(elem.Types) == 1 && slices.Contains(undivided, elem.Types[0].Code)
}

// unrepeated is the element that an expression leads to along elements none of which repeats; nil where it is no such path.
func unrepeated(typ string, e expr) *r4.Element {
	path, ok := e.(pathExpr)
	if !ok {
		return nil
	}
	if path.from == nil {
		return r4.Lookup(typ).Root // of the type itself or of what it specialises: "Resource.id"
	}
	parent := unrepeated(typ, path.from)
	switch {
	case parent == nil:
		return nil
	case len(parent.Types) == 1:
		parent = parent.Descend(&parent.Types[0])
	}
	if parent == nil {
		return nil
	}
	for _, child := range parent.Children {
		if child.Name == path.name && child.Max == 1 {
			return child
		}
	}
	return nil
}
