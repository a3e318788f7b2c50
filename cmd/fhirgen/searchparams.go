package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// searchParameter is what is read of http://hl7.org/fhir/R4/searchparameter.html.
type searchParameter struct {
	URL          string   `json:"url"`
	Version      string   `json:"version"`
	Code         string   `json:"code"`
	Type         string   `json:"type"`
	Experimental bool     `json:"experimental"`
	Base         []string `json:"base"`
	Expression   string   `json:"expression"`
	Target       []string `json:"target"`
	Component    []struct {
		Definition string `json:"definition"`
		Expression string `json:"expression"`
	} `json:"component"`
}

// isCore tells whether the parameter is in the registry of R4 (http://hl7.org/fhir/R4/searchparameter-registry.html):
// the examples and those for extensions are marked experimental; _filter, a language of its own, has not the version
// of the specification.
func (p searchParameter) isCore() bool { return !p.Experimental && p.Version == packageVersion }

func writeSearchParams(d *definitions, t *table) error {
	resources := d.concreteResources()
	byType := map[string][]searchParameter{}
	for _, p := range d.parameters {
		for _, base := range p.Base {
			if p.isCore() {
				byType[base] = append(byType[base], p)
			}
		}
	}
	var faults []error
	for _, s := range d.types() {
		params := byType[s.Name]
		if len(params) == 0 {
			continue
		}
		slices.SortFunc(params, func(a, b searchParameter) int { return cmp.Compare(a.Code, b.Code) })
		t.section(s.Name)
		for i, p := range params {
			if i > 0 && p.Code == params[i-1].Code {
				faults = append(faults, fmt.Errorf("%s: two parameters %s", s.Name, p.Code))
			}
			expression, err := p.expressionFor(s.Name)
			faults = append(faults, err)
			fields := []string{p.Code, p.Type, p.URL, expression, targets(p.Target, resources)}
			for _, c := range p.Component {
				fields = append(fields, c.Definition, c.Expression)
			}
			t.line(fields...)
		}
	}
	return errors.Join(faults...)
}

// concreteResources are the names of the resource types that are not abstract.
func (d *definitions) concreteResources() []string {
	var names []string
	for _, s := range d.types() {
		if s.Kind == "resource" && !s.Abstract {
			names = append(names, s.Name)
		}
	}
	return names
}

// targets lists the resource types that a parameter may point at, nothing when it may be any. Parameters, which is
// never stored and so never pointed at, is not in the lists that mean any.
func targets(names, resources []string) string {
	for _, r := range resources {
		if r != "Parameters" && !slices.Contains(names, r) {
			return strings.Join(names, ",")
		}
	}
	return ""
}

// expressionFor gives the parts of the expression that begin with a type's name.
//
// Erratum: InsurancePlan-name is "name | alias", relative to the type; the name is put before such parts.
func (p searchParameter) expressionFor(typeName string) (string, error) {
	if p.Expression == "" {
		return "", nil
	}
	var mine []string
	for _, part := range splitUnion(p.Expression) {
		switch first := firstName(part); {
		case first == typeName:
			mine = append(mine, part)
		case first == part && first[0] >= 'a' && first[0] <= 'z':
			mine = append(mine, typeName+"."+part)
		}
	}
	if len(mine) == 0 {
		return "", fmt.Errorf("%s: no part of %q applies to %s", p.URL, p.Expression, typeName)
	}
	return strings.Join(mine, " | "), nil
}

// firstName gives the first identifier of an expression, behind opening parentheses.
func firstName(expression string) string {
	expression = strings.TrimLeft(expression, "( ")
	end := strings.IndexFunc(expression, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	})
	if end < 0 {
		return expression
	}
	return expression[:end]
}

// splitUnion cuts an expression at the "|" that are within no parentheses and no string.
func splitUnion(expression string) []string {
	var parts []string
	depth, start, quoted := 0, 0, false
	for i, r := range expression {
		switch {
		case r == '\'':
			quoted = !quoted
		case quoted:
		case r == '(' || r == '[':
			depth++
		case r == ')' || r == ']':
			depth--
		case r == '|' && depth == 0:
			parts = append(parts, strings.TrimSpace(expression[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(expression[start:]))
}
