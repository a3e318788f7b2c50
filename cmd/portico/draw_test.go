package main

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// The lots of the oracle: parameters of every kind, with values that something has, or nearly.

// learn notes what a search could ask for to find a resource.
func (o *oracle) learn(typ string, x search.Indexed) {
	note := func(index, value string) {
		o.values[typ+"."+index] = append(o.values[typ+"."+index], value)
	}
	note(search.ID, x.ID)
	note(search.LastUpdated, x.Instant.String())
	for _, e := range x.Entries.Terms {
		if e.Value == "" {
			continue
		}
		note(e.Param, strings.NewReplacer(",", `\,`, "$", `\$`).Replace(e.Value))
		to, id, _ := strings.Cut(e.Value, "/")
		if l := (reference{typ, e.Param, to}); fhir.ValidID(id) && slices.Contains(o.server.Config.Resources, to) && !slices.Contains(o.links, l) && !strings.ContainsAny(e.Param, ".:") {
			o.links = append(o.links, l)
		}
	}
	for _, e := range x.Entries.Texts {
		note(e.Param, asValue(e.Folded))
		note(e.Param, asValue(e.Exact))
	}
	for _, e := range x.Entries.Ranges {
		for _, end := range []fhir.Instant{e.Low, e.High} {
			if end != fhir.Beginning && end != fhir.End {
				note(e.Param, end.String())
			}
		}
	}
	for _, e := range x.Entries.Places {
		note(e.Param, fmt.Sprintf("%.3f|%.3f|%d|km", e.Latitude, e.Longitude, 1+o.IntN(40)))
	}
}

// asValue writes a text as the value of a parameter.
func asValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`, "$", `\$`, "|", `\|`).Replace(s)
}

func one[T any](o *oracle, all []T) T { return all[o.IntN(len(all))] }

// query draws the parameters of a search.
func (o *oracle) query(typ string) url.Values {
	q := make(url.Values)
	o.kinds = nil
	for range one(o, []int{0, 1, 1, 1, 1, 1, 1, 1, 2, 3}) {
		name, value := o.criterion(typ, 2)
		q.Add(name, value)
	}
	if o.IntN(8) == 0 {
		q.Set("_filter", o.filter(typ, 2))
		o.kinds = append(o.kinds, "_filter")
	}
	if o.IntN(2) == 0 {
		q.Set("_sort", o.order(typ))
		o.kinds = append(o.kinds, "_sort")
	}
	q.Set("_count", fmt.Sprint(one(o, []int{1, 3, 7, 50, 1000})))
	if o.IntN(3) == 0 {
		q.Set("_total", one(o, []string{"none", "estimate", "accurate"}))
	}
	return q
}

// criterion draws a parameter that selects.
func (o *oracle) criterion(typ string, depth int) (name, value string) {
	if depth > 0 && o.IntN(4) == 0 {
		if name, value, ok := o.linked(typ, depth-1); ok {
			return name, value
		}
	}
	p, modifier := one(o, o.params(typ)), ""
	switch o.IntN(6) {
	case 0:
		modifier = one(o, p.Modifiers)
	case 1:
		p, modifier = o.special(typ, p)
	case 2:
		if rare := slices.DeleteFunc(o.params(typ), func(p search.Param) bool { return !slices.Contains(rareTypes, p.Type) }); len(rare) > 0 {
			p = one(o, rare)
			modifier = one(o, append(p.Modifiers, ""))
		}
	case 3:
		if i := slices.IndexFunc(valueSets, func(s valueSet) bool { return s.typ == typ }); i >= 0 {
			modifier = one(o, []string{"in", "not-in"})
			o.kinds = append(o.kinds, ":"+modifier)
			return valueSets[i].param + ":" + modifier, "http://hl7.org/fhir/ValueSet/" + valueSets[i].name
		}
	case 4:
		if links := slices.DeleteFunc(slices.Clone(o.links), func(l reference) bool { return l.from != typ }); len(links) > 0 {
			l := one(o, links)
			o.kinds = append(o.kinds, ":type")
			return l.param + ":" + l.to, one(o, o.world[l.to]).ID
		}
	}
	return o.valued(typ, p, modifier)
}

// special is a parameter with a modifier for which there are entries of their own, if there is one.
func (o *oracle) special(typ string, p search.Param) (search.Param, string) {
	modifier := ""
	for _, index := range slices.Sorted(maps.Keys(o.values)) {
		of, name, _ := strings.Cut(index, ".")
		param, m, ok := strings.Cut(name, ":")
		if of == typ && ok && slices.Contains([]string{"text", "of-type", "identifier"}, m) && !strings.Contains(param, ".") && o.IntN(3) == 0 {
			p, modifier = o.param(typ, param), m
		}
	}
	return p, modifier
}

// params are the parameters of a type, but _since, which takes its own kind of date and no order.
func (o *oracle) params(typ string) []search.Param {
	return slices.DeleteFunc(slices.Clone(o.rules.Params(typ)), func(p search.Param) bool { return p.Name == "_since" })
}

// rareTypes are the types of parameters of which few types have any.
var rareTypes = []string{"uri", "quantity", "number", "composite", "special"}

type valueSet struct{ typ, param, name string }

// valueSets are some that codes of a parameter are in, all of them or few.
var valueSets = []valueSet{
	{"Patient", "gender", "administrative-gender"}, {"Practitioner", "gender", "administrative-gender"}, {"Appointment", "status", "appointmentstatus"},
	{"Task", "status", "task-status"}, {"Slot", "status", "slotstatus"}, {"Observation", "status", "observation-status"}, {"Encounter", "status", "task-status"},
}

// param is the parameter of a type with a name.
func (o *oracle) param(typ, name string) search.Param {
	all := o.params(typ)
	return all[slices.IndexFunc(all, func(p search.Param) bool { return p.Name == name })]
}

// valued draws the values of a parameter with a modifier, or with none.
func (o *oracle) valued(typ string, p search.Param, modifier string) (name, value string) {
	o.kinds = append(o.kinds, p.Type, ":"+modifier)
	switch modifier {
	case "":
		values := []string{o.value(typ, p, p.Name)}
		for o.IntN(4) == 0 {
			values = append(values, o.value(typ, p, p.Name))
		}
		return p.Name, strings.Join(values, ",")
	case "missing":
		value = one(o, []string{"true", "false"})
	case "text", "of-type", "identifier":
		value = o.value(typ, p, p.Name+":"+modifier)
	case "above":
		value = o.value(typ, p, p.Name) + "/more"
	case "below":
		value = o.value(typ, p, p.Name)
		value = value[:max(strings.LastIndexByte(value, '/'), 1)]
	case "in", "not-in":
		value = "http://hl7.org/fhir/ValueSet/" + one(o, valueSets).name
	case "type":
		return p.Name, o.value(typ, p, p.Name)
	case "exact":
		value = one(o, append(o.values[typ+"."+p.Name], "x"))
	default:
		value = o.value(typ, p, p.Name)
	}
	return p.Name + ":" + modifier, value
}

// linked draws a parameter that looks at what a type refers to, or at what refers to it.
func (o *oracle) linked(typ string, depth int) (name, value string, ok bool) {
	links := slices.DeleteFunc(slices.Clone(o.links), func(l reference) bool { return l.from != typ && l.to != typ })
	if len(links) == 0 {
		return "", "", false
	}
	l := one(o, links)
	if l.to == typ {
		o.kinds = append(o.kinds, "_has")
		inner, value := o.criterion(l.from, depth)
		return "_has:" + l.from + ":" + l.param + ":" + inner, value, true
	}
	o.kinds = append(o.kinds, "chain")
	inner, value := o.criterion(l.to, depth)
	return l.param + one(o, []string{"", ":" + l.to}) + "." + inner, value, true
}

// value draws a value, mostly one that something has, or one near it.
func (o *oracle) value(typ string, p search.Param, index string) string {
	known := o.values[typ+"."+index]
	switch {
	case p.Type == "number":
		return one(o, prefixes) + fmt.Sprint(o.IntN(200))
	case p.Type == "quantity":
		return one(o, prefixes) + one(o, []string{"25", "60", "72", "72.0", "80", "120", "100", "7.2e1"}) + one(o, []string{"", "||mmHg", "|http://unitsofmeasure.org|mm[Hg]", "|http://unitsofmeasure.org|min", "||/min"})
	case p.Type == "composite":
		return one(o, []string{
			"http://loinc.org|8480-6$gt100", "8480-6$lt130", "8867-4$72", "http://loinc.org|8867-4$lt80||/min", "http://loinc.org|883-9$http://snomed.info/sct|112144000",
			"8867-4$2026-06-01", "8867-4$x",
		})
	case p.Type == "special":
		return one(o, append(known, "51.5|-0.1|10|km"))
	case len(known) == 0 && p.Type == "date":
		return one(o, prefixes) + "2026-06-01"
	case len(known) == 0:
		return "x"
	}
	v := one(o, known)
	switch p.Type {
	case "date":
		return o.date(v)
	case "string":
		letters := []rune(v)
		return string(letters[:min(len(letters), 1+o.IntN(6))])
	case "reference":
		if _, id, ok := strings.Cut(v, "/"); ok && o.IntN(3) == 0 && fhir.ValidID(id) {
			return id
		}
	}
	return v
}

var prefixes = []string{"", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}

// date writes an instant with less precision, behind a prefix.
func (o *oracle) date(instant string) string {
	text, _, _ := strings.Cut(instant, ".")
	text = strings.TrimSuffix(text, "Z")
	for _, length := range []int{4, 7, 10, 16, 19} {
		if len(text) >= length && o.IntN(4) == 0 {
			text = text[:length]
			break
		}
	}
	if len(text) > len("2026-01-01") {
		text += "Z"
	}
	return one(o, prefixes) + text
}

// filter draws an expression of _filter.
func (o *oracle) filter(typ string, depth int) string {
	switch {
	case depth > 0 && o.IntN(3) == 0:
		return "(" + o.filter(typ, depth-1) + ") " + one(o, []string{"and", "or"}) + " (" + o.filter(typ, depth-1) + ")"
	case depth > 0 && o.IntN(4) == 0:
		return "not (" + o.filter(typ, depth-1) + ")"
	}
	p := one(o, o.params(typ))
	for p.Type == "composite" || p.Type == "special" {
		p = one(o, o.params(typ))
	}
	v := strings.TrimLeft(o.value(typ, p, p.Name), "abcdefghijklmnopqrstuvwxyz")
	switch p.Type {
	case "string":
		return p.Name + " " + one(o, []string{"eq", "co", "sw", "ew"}) + " " + fmt.Sprintf("%q", o.value(typ, p, p.Name))
	case "date":
		return p.Name + " " + one(o, prefixes[2:]) + " " + v
	case "number", "quantity":
		number, _, _ := strings.Cut(v, "|")
		return p.Name + " " + one(o, prefixes[2:]) + " " + number
	case "token":
		return p.Name + " eq " + fmt.Sprintf("%q", o.value(typ, p, p.Name))
	default:
		return p.Name + " pr " + one(o, []string{"true", "false"})
	}
}

// order draws a _sort.
func (o *oracle) order(typ string) string {
	var keys []string
	for range one(o, []int{1, 1, 2, 3}) {
		p := one(o, o.params(typ))
		for p.Type == "composite" || p.Type == "special" {
			p = one(o, o.params(typ))
		}
		name := p.Name
		if o.IntN(2) == 0 {
			name = one(o, o.rules.SortKeys(typ))
		}
		if !slices.Contains(keys, name) && !slices.Contains(keys, "-"+name) {
			keys = append(keys, one(o, []string{"", "-"})+name)
		}
	}
	return strings.Join(keys, ",")
}
