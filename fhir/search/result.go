package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// resultNames are the parameters that shape the result (https://hl7.org/fhir/R4/search.html#return), and those of every
// interaction, which the faces read (https://hl7.org/fhir/R4/http.html#parameters).
var resultNames = []string{"_count", "_sort", "_total", "_summary", "_elements", "_include", "_revinclude", "_contained", "_containedType", "_format", "_pretty"}

// ResultParams are the parameters that shape the result of a search, as far as they may be other than their default.
func ResultParams() []string {
	return slices.DeleteFunc(slices.Clone(resultNames), func(name string) bool { return strings.HasPrefix(name, "_contained") })
}

func isResult(name string) bool { return slices.Contains(resultNames, name) }

// result reads a parameter that shapes the result.
func (p *reading) result(pair Pair) {
	name, modifier, hasModifier := strings.Cut(pair.Name, ":")
	if name == "_include" || name == "_revinclude" {
		p.include(pair, name, modifier)
		return
	}
	if hasModifier {
		p.fault(pair.Name, fhir.CodeInvalid, "%s takes no modifier, but it has %s.", name, fhir.Quote(modifier))
		return
	}
	if before, again := p.results[name]; again {
		if before != pair.Value && name != "_format" && name != "_pretty" {
			p.fault(name, fhir.CodeInvalid, "%s is given as %s and as %s: one of them can be meant.", name, fhir.Quote(before), fhir.Quote(pair.Value))
		}
		return
	}
	p.results[name] = pair.Value
	switch name {
	case "_count":
		p.count(pair.Value)
	case "_sort":
		if p.sortsAlike(pair.Value) {
			p.sort(pair.Value)
		}
	case "_total":
		p.total(pair.Value)
	case "_summary":
		p.summary(pair.Value)
	case "_elements":
		p.elements(pair.Value)
	case "_contained":
		p.contained(pair.Value)
	case "_containedType":
		p.containedType(pair.Value)
	}
}

func (p *reading) apply(name, value string) {
	p.req.Applied = append(p.req.Applied, Pair{name, value})
}

// count reads _count. What is asked for beyond MaxCount is cut to it, and the self link tells.
func (p *reading) count(v string) {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil && strings.Trim(v, "0123456789") != "" {
		p.fault("_count", fhir.CodeValue, "%s is not a number of rows: write a whole number from 0 to %d.", fhir.Quote(v), MaxCount)
		return
	}
	n = min(n, MaxCount)
	if p.results["_summary"] != "count" {
		p.req.Count = int(n)
	}
	p.req.CountGiven = true
	p.apply("_count", strconv.FormatUint(n, 10))
}

// total reads _total.
func (p *reading) total(v string) {
	switch t := Total(v); t {
	case TotalNone, TotalEstimate, TotalAccurate:
		p.req.Total = t
		p.apply("_total", v)
	default:
		p.fault("_total", fhir.CodeValue, "%s is no value of _total: write none, estimate or accurate.", fhir.Quote(v))
	}
}

// summary reads _summary (https://hl7.org/fhir/R4/search.html#summary).
func (p *reading) summary(v string) {
	switch v {
	case "count":
		p.req.Count, p.req.CountGiven = 0, true
	case "true", "text", "data":
		p.req.Summary = Summary(v)
	case "false":
	default:
		p.fault("_summary", fhir.CodeValue, "%s is no value of _summary: write true, text, data, count or false.", fhir.Quote(v))
		return
	}
	p.apply("_summary", v)
}

// elements reads _elements: names of elements at the root of the types that are searched (https://hl7.org/fhir/R4/search.html#elements). A
// choice is named without its type, with or without the brackets, "deceased" or "deceased[x]", or as JSON names one of its types, "deceasedDateTime",
// which means all of them.
func (p *reading) elements(v string) {
	if n := 1 + strings.Count(v, ","); n > MaxValues {
		p.fault("_elements", fhir.CodeTooCostly, "There are %d names in _elements; at most %d are taken.", n, MaxValues)
		return
	}
	var kept []string
	for written := range strings.SplitSeq(v, ",") {
		written = strings.TrimSpace(written)
		names := p.elementsNamed(strings.TrimSuffix(written, "[x]"))
		if names == nil && written != "" {
			p.unsupported("_elements", "%s has no element %s at its root. _elements takes such names, with commas between them, as in id,meta,text.", list(p.types), fhir.Quote(written))
		}
		for _, name := range names {
			if !slices.Contains(kept, name) {
				kept = append(kept, name)
			}
		}
	}
	if kept != nil {
		p.req.Elements = kept
		p.apply("_elements", strings.Join(kept, ","))
	}
}

// elementsNamed are the elements at the roots of the types that are searched which a name means, by their names.
func (p *reading) elementsNamed(name string) (names []string) {
	for _, typ := range p.types {
		root := r4.Lookup(typ).Root
		if slices.ContainsFunc(root.Children, func(e *r4.Element) bool { return e.Name == name }) {
			names = append(names, name)
		} else if e, _ := root.Child(name); e != nil {
			names = append(names, e.Name)
		}
	}
	return names
}

// sortsAlike refuses a _sort that several types do not have in common.
func (p *reading) sortsAlike(v string) bool {
	if len(p.types) == 1 || strings.Trim(strings.TrimPrefix(v, "-"), ",") == LastUpdated {
		return true
	}
	p.fault("_sort", fhir.CodeInvalid, "A search of several types sorts by %s or -%s alone, not by %s.", LastUpdated, LastUpdated, fhir.Quote(v))
	return false
}

// contained reads _contained (https://hl7.org/fhir/R4/search.html#contained): only its default is served.
func (p *reading) contained(v string) {
	if v != "false" {
		p.fault("_contained", fhir.CodeNotSupported,
			"%s is not supported as a value of _contained, only false: what is contained comes with its container, and chained parameters see it.", fhir.Quote(v))
		return
	}
	p.apply("_contained", v)
}

// containedType reads _containedType, as far as it asks for what is the default: resources with what they contain.
func (p *reading) containedType(v string) {
	if v != "container" {
		p.fault("_containedType", fhir.CodeNotSupported,
			"%s is not supported as a value of _containedType, only container: what is contained comes with its container.", fhir.Quote(v))
		return
	}
	p.apply("_containedType", v)
}

// together refuses result parameters that have no meaning beside each other. "The _include and _revinclude parameters cannot be mixed with
// _summary=text" (https://hl7.org/fhir/R4/search.html#summary).
func (p *reading) together() {
	if p.req.Summary == SummaryText && p.req.Includes != nil {
		p.fault("_summary", fhir.CodeInvalid, "_summary=text cannot be asked for together with _include or _revinclude: leave one of them out.")
	}
	if p.req.Summary != "" && p.req.Elements != nil {
		p.fault("_summary", fhir.CodeInvalid, "_summary=%s and _elements each say which elements are asked for: one of them can be meant.", p.req.Summary)
	}
}

// sort reads _sort: names in the order of their weight, each behind a minus sign for descending order.
func (p *reading) sort(v string) {
	if n := 1 + strings.Count(v, ","); n > MaxSort {
		p.fault("_sort", fhir.CodeTooCostly, "There are %d names in _sort; at most %d are taken.", n, MaxSort)
		return
	}
	var kept []string
	for key := range strings.SplitSeq(v, ",") {
		name, descending := strings.CutPrefix(key, "-")
		param := p.rules.types[p.typ].byName[name]
		switch {
		case key == "":
		case param == nil:
			p.unsupported("_sort", "%s has no search parameter %s to sort by. It sorts by %s.", p.typ, fhir.Quote(name), list(p.rules.sortable(p.typ)))
		case !param.Sortable:
			p.fault("_sort", fhir.CodeInvalid, "There is no order of %s. %s sorts by %s.", name, p.typ, list(p.rules.sortable(p.typ)))
		case slices.ContainsFunc(p.req.Query.Sort, func(k SortKey) bool { return Owner(k.Param) == name }):
			p.fault("_sort", fhir.CodeInvalid, "%s comes twice in _sort.", name)
		default:
			p.req.Query.Sort = append(p.req.Query.Sort, param.sortKey(descending))
			kept = append(kept, key)
		}
	}
	if kept != nil {
		p.apply("_sort", strings.Join(kept, ","))
	}
}
