package search

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// Definition is a search parameter that R4's core does not have, as a SearchParameter tells it
// (https://hl7.org/fhir/R4/searchparameter.html).
type Definition struct {
	r4.SearchParam // Expression is the whole one, for all bases

	Bases  []string // the resource types that have the parameter
	Usage  string   // xpathUsage: "" and "normal" are served
	Source string   // where it was read, for whoever has to put it right
	about  string   // what it finds, for people; "" for what Expression selects

	read fhir.Resource // what it was read from; the zero Resource for this server's own
}

// own are the parameters that this server adds to R4's core: by them the partner faces find appointments, booking the slots of one, and
// everybody what has changed.
var own = []Definition{
	{Bases: []string{"Appointment"}, SearchParam: r4.SearchParam{
		Code: "created", Type: "date", URL: fhir.OwnURL + "SearchParameter/Appointment-created", Expression: "Appointment.created",
	}},
	{Bases: []string{"Appointment"}, SearchParam: r4.SearchParam{
		Code: "healthcare-service", Type: "reference", URL: fhir.OwnURL + "SearchParameter/Appointment-healthcare-service",
		Expression: "Appointment.participant.actor.where(resolve() is HealthcareService)", Targets: []string{"HealthcareService"},
	}},
	{Bases: []string{"Slot"}, about: "Finds the slots that an appointment holds.", SearchParam: r4.SearchParam{
		Code: "appointment", Type: "reference", URL: fhir.OwnURL + "SearchParameter/Slot-appointment",
		Expression: "Slot.extension.where(url = '" + fhir.OwnURL + "StructureDefinition/slot-appointment').value.as(Reference)", Targets: []string{"Appointment"},
	}},
	sinceDefinition,
}

// ownOf are those of them that some of the types have.
func ownOf(types []string) []Definition {
	var all []Definition
	for _, d := range own {
		if slices.ContainsFunc(d.Bases, func(base string) bool { return base == "Resource" || slices.Contains(types, base) }) {
			all = append(all, d)
		}
	}
	return all
}

// ReadDefinition takes a Definition from a SearchParameter. Whether it can be served is found out by NewRules.
func ReadDefinition(r fhir.Resource, source string) Definition {
	o := r.Root()
	d := Definition{
		read: r, Source: source, Bases: texts(o, "base"), Usage: o.Text("xpathUsage"),
		SearchParam: r4.SearchParam{
			Code: o.Text("code"), Type: o.Text("type"), URL: o.Text("url"), Expression: o.Text("expression"), Targets: texts(o, "target"),
		},
	}
	for _, c := range o.Objects("component") {
		d.Components = append(d.Components, r4.Component{Definition: c.Text("definition"), Expression: c.Text("expression")})
	}
	return d
}

// texts are the strings of an array.
func texts(o *fhir.Object, name string) []string {
	var all []string
	for _, item := range o.Array(name) {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// customTypes are the types that a configured parameter may have.
var customTypes = []string{"token", "string", "reference", "date", "number", "quantity", "uri"}

// codeForm is how a parameter may be called: a dot or a colon would be read as a chain or a modifier, and names of R4's own begin with an underscore.
var codeForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// faults are what is wrong with the definition by itself.
func (d Definition) faults() []string {
	var all []string
	add := func(bad bool, format string, args ...any) {
		if bad {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add(!codeForm.MatchString(d.Code), "code: %s is no name of a parameter: write letters, digits, - and _, at most 64, and no _ at the beginning.", fhir.Quote(d.Code))
	add(!strings.Contains(d.URL, ":"), "url: %s is no absolute URI, by which clients would know the parameter.", fhir.Quote(d.URL))
	add(!slices.Contains(customTypes, d.Type), "type: %s is not supported: write %s.", fhir.Quote(d.Type), list(customTypes))
	add(d.Expression == "", "expression: it is missing; nothing else says what is searched.")
	add(d.Usage != "" && d.Usage != "normal", "xpathUsage: %s is not supported: values are compared as they are, which is normal.", fhir.Quote(d.Usage))
	add(len(d.Bases) == 0, "base: it is missing; it names the resource types that have the parameter.")
	for _, target := range d.Targets {
		add(!r4.IsResource(target), "target: %s is no resource type of R4.", fhir.Quote(target))
	}
	return all
}

// addCustom adds the configured parameters, and tells what is wrong with all of them at once.
func (r *Rules) addCustom(custom []Definition, served []string) error {
	refusal := &fhir.Error{Kind: fhir.Invalid}
	for _, d := range custom {
		for _, fault := range r.addDefinition(d, served) {
			refusal.Issues = append(refusal.Issues, fhir.Issue{Severity: fhir.Severe, Code: fhir.CodeInvalid, Detail: fault, Path: d.Source})
		}
	}
	if len(refusal.Issues) > 0 {
		return refusal
	}
	return nil
}

// addDefinition adds a configured parameter to all its types, or returns what is wrong with it.
func (r *Rules) addDefinition(d Definition, served []string) []string {
	faults := d.faults()
	made := make(map[string]*param)
	for _, typ := range d.Bases {
		mine := d.forType(typ)
		switch clash := r.defined(typ, d.Code); {
		case r.types[typ] == nil:
			faults = append(faults, fmt.Sprintf("base: %s is no resource type that this server serves; there are %s.", fhir.Quote(typ), list(served)))
		case clash != "":
			faults = append(faults, fmt.Sprintf("code: %s has a parameter %s already, defined by %s: give this one another code.", typ, d.Code, clash))
		case len(faults) > 0: // compiling would say the same again
		case mine.Expression == "":
			faults = append(faults, fmt.Sprintf("expression: no part of %s begins with %s, which is one of the bases.", fhir.Quote(d.Expression), typ))
		default:
			p, err := r.compile(typ, mine, served)
			if err != nil {
				faults = append(faults, "expression: "+err.Error()+".")
			}
			made[typ] = p
		}
	}
	if len(faults) == 0 {
		for typ, p := range made {
			r.add(typ, p)
		}
	}
	return faults
}

// defined is the URL of what defines a parameter of a type, served or not; "" where there is none.
func (r *Rules) defined(typ, code string) string {
	if t := r.types[typ]; t != nil && t.byName[code] != nil {
		return t.byName[code].Definition
	}
	for _, p := range r4.SearchParams(typ) {
		if p.Code == code {
			return p.URL
		}
	}
	return ""
}

// forType is the definition with the parts of its expression that begin with a type's name: "Patient.name | Practitioner.name" has one
// for each.
func (d Definition) forType(typ string) r4.SearchParam {
	p := d.SearchParam
	var mine []string
	for _, part := range splitUnion(p.Expression) {
		if firstName(part) == typ {
			mine = append(mine, part)
		}
	}
	p.Expression = strings.Join(mine, " | ")
	return p
}

// firstName is the first name of an expression, behind opening parentheses.
func firstName(expression string) string {
	expression = strings.TrimLeft(expression, "( ")
	n := 0
	for n < len(expression) && isWordByte(expression[n]) {
		n++
	}
	return expression[:n]
}

// splitUnion cuts an expression at the vertical bars that are within no parentheses and no string.
func splitUnion(expression string) []string {
	var parts []string
	depth, start, quoted := 0, 0, false
	for i := range len(expression) {
		switch c := expression[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			parts = append(parts, strings.TrimSpace(expression[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(expression[start:]))
}
