package search

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// MaxLinks bounds how many references a parameter may go along, in chains and _has together.
const MaxLinks = 4

// miss is why a parameter is not understood.
type miss struct {
	*fhir.Error
	unknown bool // a name is not known: it is passed over where the search is lenient
}

func unknown(format string, args ...any) *miss {
	return &miss{fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, format, args...), true}
}

// at says at which character of a filter the miss is.
func (m *miss) at(place int) *miss {
	for i := range m.Issues {
		m.Issues[i].Detail = fmt.Sprintf("At character %d of the filter: %s", place, m.Issues[i].Detail)
	}
	return m
}

func wrong(err *fhir.Error) *miss { return &miss{err, false} }

// links reads the name of a parameter along its links to the parameter at its end: "patient.name", "subject:Patient.identifier",
// "_has:Observation:patient:code" and what is made of them.
type links struct {
	rules  *Rules
	name   string // the whole, for what is said of a part
	values string // text that is read with each name
	budget *budget

	// leaf makes the clause of the parameter at the end.
	leaf func(typ string, p *param, modifier string, hasModifier bool) (Any, *miss)
}

// isLinked says whether a parameter asks of other resources than those that are searched.
func isLinked(name string) bool {
	base, _, _ := strings.Cut(name, ":")
	return base == "_has" || strings.Contains(name, ".")
}

// read makes the clause of a name for resources of a type, that many links away from what is searched.
func (l links) read(typ, name string, away int) (Any, *miss) {
	if m := l.budget.name(l.name, name, l.values); m != nil {
		return nil, m
	}
	if base, rest, _ := strings.Cut(name, ":"); base == "_has" {
		return l.has(typ, rest, away)
	}
	if link, rest, chained := strings.Cut(name, "."); chained {
		return l.chain(typ, link, rest, away)
	}
	base, modifier, hasModifier := strings.Cut(name, ":")
	p := l.rules.types[typ].byName[base]
	if p == nil {
		return nil, unknown("%s", l.unknownName(typ, base))
	}
	clause, m := l.leaf(typ, p, modifier, hasModifier)
	if m != nil {
		return nil, m
	}
	return clause, l.budget.charge(countTests([]Any{clause}), p.advice(modifier))
}

// chain reads what stands behind a reference. Where the type of what it points at is not said, all served types are meant that it may be of, that have
// the parameter and whose values can be read so: R4 has a client say the type where more than one is possible
// (https://hl7.org/fhir/R4/search.html#chaining), and here its search finds what it would find with each of them.
func (l links) chain(typ, link, rest string, away int) (Any, *miss) {
	name, target, typed := strings.Cut(link, ":")
	p := l.rules.types[typ].byName[l.rules.spelt(typ, name)]
	switch {
	case p == nil:
		return nil, unknown("%s", l.unknownName(typ, name))
	case !p.RefersTo(""):
		return nil, unknown("%sThe parameter %s of %s is no reference: nothing can be chained to it.", l.within(), name, typ)
	case typed && !p.RefersTo(target):
		return nil, wrong(fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "%sThe parameter %s of %s does not refer to %s; it refers to %s.",
			l.within(), name, typ, fhir.Quote(target), list(p.Targets)))
	case away == MaxLinks:
		return nil, l.tooFar()
	}
	targets := l.rules.targets(p)
	if typed {
		if !slices.Contains(targets, target) {
			return nil, unknown("%s%s", l.within(), noType(target))
		}
		targets = []string{target}
	}
	return l.each(p, targets, rest, away)
}

// targets are the served types that a reference may point at. They may be shared and must not be changed.
func (r *Rules) targets(p *param) []string {
	if p.Targets == nil {
		return r.served
	}
	var types []string
	for _, typ := range r.served {
		if p.RefersTo(typ) {
			types = append(types, typ)
		}
	}
	return types
}

// each reads the rest of a chain for each type that it may lead to, and puts together what is understood of them.
func (l links) each(p *param, targets []string, rest string, away int) (Any, *miss) {
	var clause Any
	var misses []*miss
	for _, to := range targets {
		inner, m := l.read(to, rest, away+1)
		if m != nil {
			if m.Kind == fhir.TooCostly {
				return nil, m
			}
			misses = append(misses, m)
			continue
		}
		if len(inner) > 0 {
			contained := ofContained(p.Name, to, inner)
			if m := l.budget.charge(1+countTests([]Any{contained}), l.advice(len(targets))); m != nil {
				return nil, m
			}
			clause = append(clause, Refers{p.Name, Selection{to, []Any{inner}}})
			clause = append(clause, contained...)
		}
	}
	if len(misses) < len(targets) {
		return clause, nil
	}
	return nil, l.none(p, targets, rest, misses)
}

// advice is how a chain that may lead to a number of types comes to fewer tests.
func (l links) advice(types int) string {
	if types > 1 {
		return sayType
	}
	return sayFewer
}

// none says why a chain is understood for no type that it may lead to.
func (l links) none(p *param, targets []string, rest string, misses []*miss) *miss {
	for _, m := range misses {
		if !m.unknown || len(misses) == 1 {
			return m
		}
	}
	if len(targets) == 0 {
		return unknown("%sThis server serves no type that %s may refer to.", l.within(), p.Name)
	}
	return unknown("%sNone of the types that %s may refer to, %s, has a search parameter %s.", l.within(), p.Name, list(targets), fhir.Quote(rest))
}

// has reads a parameter that says of resources which refer to what is searched, Type:reference:parameter
// (https://hl7.org/fhir/R4/search.html#has).
func (l links) has(typ, rest string, away int) (Any, *miss) {
	const right = "Write _has, the type that refers, its reference parameter and what it is searched by, as in _has:Observation:patient:code."
	parts := strings.SplitN(rest, ":", 3)
	if len(parts) < 3 || slices.Contains(parts, "") {
		return nil, wrong(fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "%s_has has not all of its parts. "+right, l.within()))
	}
	source, name := parts[0], parts[1]
	if l.rules.types[source] == nil {
		return nil, unknown("%s%s "+right, l.within(), noType(source))
	}
	p := l.rules.types[source].byName[name]
	if p == nil || !p.RefersTo(typ) {
		why := l.within() + "The type " + source + " has no parameter " + fhir.Quote(name) + " that refers to " + typ + "."
		if known := l.rules.references(source, typ); known != nil {
			why += " There are " + list(known) + "."
		}
		return nil, unknown("%s", why)
	}
	if away == MaxLinks {
		return nil, l.tooFar()
	}
	inner, m := l.read(source, parts[2], away+1)
	if m != nil || len(inner) == 0 {
		return nil, m
	}
	return Any{ReferredBy{name, Selection{source, []Any{inner}}}}, l.budget.charge(1, sayFewer)
}

func (l links) tooFar() *miss {
	return wrong(fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "%s goes along more than %d references; at most so many are followed.", fhir.Quote(l.name), MaxLinks))
}

// within begins a sentence about a part of a longer name.
func (l links) within() string {
	if !isLinked(l.name) {
		return ""
	}
	return "In " + fhir.Quote(l.name) + ": "
}

// unknownName says why a parameter of a type is not understood, and lists those that are.
func (l links) unknownName(typ, name string) string {
	why := typ + " has no search parameter " + fhir.Quote(name) + "."
	if slices.ContainsFunc(r4.SearchParams(typ), func(d r4.SearchParam) bool { return d.Code == name }) {
		why = "The search parameter " + name + " of " + typ + " is not supported by this server."
	}
	params := l.rules.types[typ].params
	known := make([]string, len(params))
	for i, p := range params {
		known[i] = p.Name
	}
	why = l.within() + why + " There are " + list(known)
	if !isLinked(l.name) {
		return why + "; results are shaped by " + list(resultNames) + "."
	}
	return why + "."
}
