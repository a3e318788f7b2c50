package search

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// MaxIncludeParams bounds how many _include and _revinclude a search may have.
const MaxIncludeParams = 32

// Includes are the values of _include that a search for a type takes, sorted: "Appointment:patient" for each of its reference parameters that may
// refer to a served type. Nil for a type that is not served.
func (r *Rules) Includes(typ string) []string {
	var values []string
	for _, name := range r.references(typ, "") {
		values = append(values, typ+":"+name)
	}
	return values
}

// RevIncludes are the values of _revinclude that a search for a type takes, sorted: "Appointment:patient" for each parameter of a served
// type that may refer to it. Nil for a type that is not served.
func (r *Rules) RevIncludes(typ string) []string {
	if r.types[typ] == nil {
		return nil
	}
	var values []string
	for _, source := range r.served {
		for _, name := range r.references(source, typ) {
			values = append(values, source+":"+name)
		}
	}
	return values
}

// references are the reference parameters of a type, sorted: those that may refer to target, or where that is empty to any served type.
func (r *Rules) references(typ, target string) []string {
	t := r.types[typ]
	if t == nil {
		return nil
	}
	var names []string
	for _, p := range t.params {
		if p.RefersTo(target) && len(r.targets(p)) > 0 {
			names = append(names, p.Name)
		}
	}
	return names
}

// RefersTo says whether the parameter is a reference, and one that may refer to a type; "" is any.
func (p Param) RefersTo(target string) bool {
	return p.Type == "reference" && (target == "" || p.Targets == nil || slices.Contains(p.Targets, target))
}

// include reads one _include or _revinclude (https://hl7.org/fhir/R4/search.html#revinclude): Type:parameter, Type:parameter:Target, with a star for
// every parameter of the type, or for every one of every type.
func (p *reading) include(pair Pair, name, modifier string) {
	if modifier != "" && modifier != "iterate" {
		right := ""
		if modifier == "recurse" {
			right = ", which R4 has in the place of :recurse"
		}
		p.fault(pair.Name, fhir.CodeInvalid, "%s has no modifier %s; it takes iterate%s.", name, fhir.Quote(modifier), right)
		return
	}
	if slices.Contains(p.req.Applied, pair) {
		return
	}
	if p.includes++; p.includes > MaxIncludeParams {
		if p.includes == MaxIncludeParams+1 {
			p.fault(name, fhir.CodeTooCostly, "There are more than %d _include and _revinclude; at most so many are taken.", MaxIncludeParams)
		}
		return
	}
	found, why := inclusion{rules: p.rules, of: p.types, Include: Include{Reverse: name == "_revinclude", Iterate: modifier != ""}}.read(pair.Value)
	if why != "" {
		p.unsupported(pair.Name, "%s", why)
		return
	}
	p.req.Includes = append(p.req.Includes, found...)
	p.req.Applied = append(p.req.Applied, pair)
}

// inclusion is the reading of one value of _include or _revinclude.
type inclusion struct {
	rules *Rules
	of    []string // the types of what is searched
	Include
}

// read gives what a value asks for, or says why it is not understood and what would be.
func (i inclusion) read(v string) ([]Include, string) {
	source, rest, _ := strings.Cut(v, ":")
	param, target, typed := strings.Cut(rest, ":")
	switch {
	case v == "*":
		return i.everything(), ""
	case i.rules.types[source] == nil:
		return nil, i.noSource(v, source)
	case !i.Reverse && !i.Iterate && !slices.Contains(i.of, source):
		return nil, fhir.Quote(v) + " begins with " + source + ", but the matches are of type " + list(i.of) + ": only with _include:iterate does another type refer to more."
	case typed && i.rules.types[target] == nil:
		return nil, "In " + fhir.Quote(v) + ": " + noType(target)
	}
	i.Source, i.Target = source, target
	i.Params = i.params(param)
	if i.Params == nil {
		return nil, i.noParam(v, param)
	}
	return []Include{i.Include}, ""
}

// params are the parameters that are named by one name or by the star, of those that may refer to what is asked for.
func (i inclusion) params(name string) []string {
	var fitting []string
	name = i.rules.spelt(i.Source, name)
	for _, p := range i.rules.types[i.Source].params {
		if (name == "*" || name == p.Name) && i.fits(p) {
			fitting = append(fitting, p.Name)
		}
	}
	return fitting
}

// fits says whether a parameter may refer to the target, and, where what was searched is looked for, to one of its types.
func (i inclusion) fits(p *param) bool {
	if !p.RefersTo(i.Target) || len(i.rules.targets(p)) == 0 {
		return false
	}
	if !i.Reverse || i.Iterate {
		return true
	}
	return slices.ContainsFunc(i.of, func(typ string) bool {
		return p.RefersTo(typ) && (i.Target == "" || i.Target == typ)
	})
}

// everything is what the bare star asks for: all references of the types that are searched, or to them; with :iterate those of all types. The trail of who
// did what refers to everything and would drown the rest: it comes when it is asked for by name.
func (i inclusion) everything() []Include {
	var all []Include
	for _, i.Source = range i.rules.served {
		if !i.Reverse && !i.Iterate && !slices.Contains(i.of, i.Source) || i.Reverse && i.Source == trail {
			continue
		}
		if i.Params = i.params("*"); i.Params != nil {
			all = append(all, i.Include)
		}
	}
	return all
}

func (i inclusion) noSource(v, source string) string {
	if !strings.Contains(v, ":") {
		return fhir.Quote(v) + " does not say what refers: write the type, a colon and the parameter, as in " + i.example() + "."
	}
	return "In " + fhir.Quote(v) + ": " + noType(source) + " Write as in " + i.example() + "."
}

func (i inclusion) noParam(v, param string) string {
	known := i.params("*")
	whose := " parameter of " + i.Source
	if i.Target != "" {
		whose += " that refers to " + i.Target
	} else if i.Reverse && !i.Iterate {
		whose += " that refers to " + list(i.of)
	}
	if p := i.rules.types[i.Source].byName[param]; p != nil && p.RefersTo("") && len(i.rules.targets(p)) == 0 {
		return "This server serves no type that " + param + " of " + fhir.Quote(v) + " may refer to."
	}
	if known == nil {
		return "There is no" + whose + " for " + fhir.Quote(v) + "."
	}
	return fhir.Quote(param) + " is no" + whose + ". There are " + list(known) + "."
}

// example is a value that would be right, for what is searched.
func (i inclusion) example() string {
	values := i.rules.Includes(i.of[0])
	if i.Reverse {
		values = i.rules.RevIncludes(i.of[0])
	}
	if len(values) == 0 {
		return "Appointment:patient"
	}
	return values[0]
}
