package main

import (
	"path"
	"slices"
	"strings"
)

// compartmentDefinition is what is read of http://hl7.org/fhir/R4/compartmentdefinition.html.
type compartmentDefinition struct {
	URL      string `json:"url"`
	Code     string `json:"code"`
	Resource []struct {
		Code  string   `json:"code"`
		Param []string `json:"param"`
	} `json:"resource"`
}

// self is the parameter that stands for the resource that the compartment is of.
const self = "{def}"

func writeCompartments(d *definitions, t *table) error {
	for _, c := range d.compartments {
		if !strings.EqualFold(path.Base(c.URL), c.Code) {
			continue // the example of a definition
		}
		t.section(c.Code)
		for _, r := range c.Resource {
			params := slices.DeleteFunc(slices.Clone(r.Param), func(p string) bool { return p == self })
			if len(params) > 0 {
				t.line(r.Code, strings.Join(params, ","))
			}
		}
	}
	return nil
}
