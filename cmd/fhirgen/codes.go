package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// valueSet is what is read of http://hl7.org/fhir/R4/valueset.html.
type valueSet struct {
	URL     string `json:"url"`
	Compose struct {
		Include []include `json:"include"`
		Exclude []include `json:"exclude"`
	} `json:"compose"`
}

type include struct {
	System   string     `json:"system"`
	Concept  []concept  `json:"concept"`
	Filter   []struct{} `json:"filter"`
	ValueSet []string   `json:"valueSet"`
}

// codeSystem is what is read of http://hl7.org/fhir/R4/codesystem.html.
type codeSystem struct {
	URL     string    `json:"url"`
	Content string    `json:"content"`
	Concept []concept `json:"concept"`
}

type concept struct {
	Code     string    `json:"code"`
	Concept  []concept `json:"concept"`
	Property []struct {
		Code    string `json:"code"`
		Boolean bool   `json:"valueBoolean"`
	} `json:"property"`
}

func writeCodes(d *definitions, t *table) error {
	var faults []error
	for _, url := range d.requiredValueSets() {
		systems, complete, err := d.expand(url)
		if err != nil {
			faults = append(faults, err)
		}
		state := "open"
		if complete {
			state = "complete"
		}
		t.section(url, state)
		for _, s := range systems {
			t.line(s...)
		}
	}
	return errors.Join(faults...)
}

// requiredValueSets are the value sets that a type requires, by canonical URL without version, sorted.
func (d *definitions) requiredValueSets() []string {
	found := map[string]bool{}
	for _, s := range d.types() {
		for _, e := range s.Snapshot.Elements {
			if e.Binding.Strength == "required" {
				url, _, _ := strings.Cut(e.Binding.ValueSet, "|")
				found[url] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// expand lists the codes of a value set, for each included system a line: the system, then its codes. It is not
// complete where the value set or a code system is not in the package.
func (d *definitions) expand(url string) (systems [][]string, complete bool, err error) {
	v, found := d.valueSets[url]
	if !found {
		return nil, false, nil
	}
	if len(v.Compose.Exclude) > 0 {
		return nil, false, fmt.Errorf("%s: exclude is not understood", url)
	}
	complete = true
	for _, in := range v.Compose.Include {
		if len(in.Filter) > 0 || len(in.ValueSet) > 0 {
			return nil, false, fmt.Errorf("%s: filter and valueSet are not understood", url)
		}
		codes := appendCodes(nil, in.Concept)
		if len(in.Concept) == 0 {
			system := d.codeSystems[in.System]
			codes = appendCodes(nil, system.Concept)
			complete = complete && system.Content == "complete"
		}
		if len(codes) > 0 {
			systems = append(systems, append([]string{in.System}, codes...))
		}
	}
	return systems, complete, nil
}

// appendCodes adds the codes of a tree of concepts in their order. An abstract concept stands for the ones below it
// and is not used itself (http://hl7.org/fhir/R4/codesystem-concept-properties.html, notSelectable), as "question" in
// the types of a Questionnaire's items.
func appendCodes(codes []string, concepts []concept) []string {
	for _, c := range concepts {
		if !c.isAbstract() {
			codes = append(codes, c.Code)
		}
		codes = appendCodes(codes, c.Concept)
	}
	return codes
}

func (c concept) isAbstract() bool {
	for _, p := range c.Property {
		if p.Code == "notSelectable" && p.Boolean {
			return true
		}
	}
	return false
}
