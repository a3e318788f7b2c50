package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	structureBase  = "http://hl7.org/fhir/StructureDefinition/"
	systemTypes    = "http://hl7.org/fhirpath/System."
	fhirTypeURL    = structureBase + "structuredefinition-fhir-type"
	regexURL       = structureBase + "regex"
	simpleQuantity = structureBase + "SimpleQuantity"
	openExample    = "Extension.value[x]" // allows every data type, as others do
)

// structureDefinition is what is read of http://hl7.org/fhir/R4/structuredefinition.html.
type structureDefinition struct {
	URL          string      `json:"url"`
	Name         string      `json:"name"`
	Kind         string      `json:"kind"`
	Abstract     bool        `json:"abstract"`
	Base         string      `json:"baseDefinition"`
	Derivation   string      `json:"derivation"`
	Snapshot     elementList `json:"snapshot"`
	Differential elementList `json:"differential"`
}

type elementList struct {
	Elements []elementDefinition `json:"element"`
}

// elementDefinition is what is read of http://hl7.org/fhir/R4/elementdefinition.html.
type elementDefinition struct {
	Path             string `json:"path"`
	Min              int    `json:"min"`
	Max              string `json:"max"`
	ContentReference string `json:"contentReference"`
	Types            []struct {
		Code          string      `json:"code"`
		Profile       []string    `json:"profile"`
		TargetProfile []string    `json:"targetProfile"`
		Extension     []extension `json:"extension"`
	} `json:"type"`
	Constraints []constraint `json:"constraint"`
	IsModifier  bool         `json:"isModifier"`
	IsSummary   bool         `json:"isSummary"`
	Binding     struct {
		Strength string `json:"strength"`
		ValueSet string `json:"valueSet"`
	} `json:"binding"`
}

type extension struct {
	URL         string `json:"url"`
	ValueURL    string `json:"valueUrl"`
	ValueString string `json:"valueString"`
}

type constraint struct {
	Key        string `json:"key"`
	Severity   string `json:"severity"`
	Expression string `json:"expression"`
}

// kinds gives the table's word for StructureDefinition.kind; a logical model is no type.
var kinds = map[string]string{"primitive-type": "primitive", "complex-type": "complex", "resource": "resource"}

// types are the resource and data types; profiles of them are left out.
func (d *definitions) types() []structureDefinition {
	return slices.DeleteFunc(slices.Clone(d.structures), func(s structureDefinition) bool {
		return kinds[s.Kind] == "" || s.Derivation == "constraint"
	})
}

// elementWriter writes the elements of one type after the other, and gathers what it cannot write.
type elementWriter struct {
	*table
	open     string                       // the types of openExample
	quantity []constraint                 // what a SimpleQuantity states in addition to Quantity
	byPath   map[string]elementDefinition // of the type at hand
	faults   []error
}

func writeElements(d *definitions, t *table) error {
	w := elementWriter{table: t, quantity: d.simpleQuantityConstraints()}
	w.open = w.findOpen(d)
	w.remark("* %s", w.open)
	for _, s := range d.types() {
		w.writeType(s)
	}
	return errors.Join(w.faults...)
}

func (w *elementWriter) fault(e elementDefinition, format string, args ...any) {
	w.faults = append(w.faults, fmt.Errorf("%s: "+format, append([]any{e.Path}, args...)...))
}

// findOpen gives the list of types of the element that allows all of them.
func (w *elementWriter) findOpen(d *definitions) string {
	for _, s := range d.types() {
		for _, e := range s.Snapshot.Elements {
			if e.Path == openExample {
				return w.types(s, e)
			}
		}
	}
	return ""
}

func (w *elementWriter) writeType(s structureDefinition) {
	w.byPath = map[string]elementDefinition{}
	abstract := ""
	if s.Abstract {
		abstract = "abstract"
	}
	w.section(s.Name, kinds[s.Kind], abstract, strings.TrimPrefix(s.Base, structureBase), pattern(s))
	for _, e := range s.Snapshot.Elements {
		w.byPath[e.Path] = e
	}
	for _, e := range s.Snapshot.Elements {
		// A primitive's value is the JSON value itself, no member of an object; what is forbidden (xhtml.extension)
		// is as good as absent.
		if e.Max == "0" || (s.Kind == "primitive-type" && e.Path == s.Name+".value") {
			continue
		}
		w.writeElement(s, e)
	}
}

func (w *elementWriter) writeElement(s structureDefinition, e elementDefinition) {
	var types, required string
	if e.Path != s.Name {
		types = w.types(s, e)
	}
	if types != "" && types == w.open {
		types = "*"
	}
	if e.Binding.Strength == "required" {
		required, _, _ = strings.Cut(e.Binding.ValueSet, "|")
		if required == "" {
			w.fault(e, "a required binding without value set")
		}
	}
	flags := ""
	if e.IsSummary {
		flags += "S"
	}
	if e.IsModifier {
		flags += "M"
	}
	constraints := w.constraints(e)
	w.line(e.Path, fmt.Sprintf("%d..%s", e.Min, e.Max), types, flags, required,
		keys(constraints, "error"), keys(constraints, "warning"))
}

// types gives the types of an element in the form "boolean|Reference(Patient,Group)", or "=" and the path of a
// contentReference.
func (w *elementWriter) types(s structureDefinition, e elementDefinition) string {
	if e.ContentReference != "" {
		return "=" + strings.TrimPrefix(e.ContentReference, "#")
	}
	if len(e.Types) == 0 || (len(e.Types) > 1 && !strings.HasSuffix(e.Path, "[x]")) {
		w.fault(e, "%d types, and it is no choice", len(e.Types))
	}
	var all []string
	for _, t := range e.Types {
		code := t.Code
		if strings.HasPrefix(code, systemTypes) {
			code = fhirType(s, e.Path, t.Extension)
		}
		if targets := w.targets(e, t.TargetProfile); targets != "" {
			code += "(" + targets + ")"
		}
		all = append(all, code)
	}
	return strings.Join(all, "|")
}

// fhirType gives the FHIR type where the snapshot has a type of FHIRPath's own.
//
// Erratum: R4 says string for Resource.id, whose type is id (http://hl7.org/fhir/R4/resource.html#id), and nothing
// for Element.id, which is a string.
func fhirType(s structureDefinition, path string, extensions []extension) string {
	if s.Kind == "resource" && path == s.Name+".id" {
		return "id"
	}
	for _, x := range extensions {
		if x.URL == fhirTypeURL {
			return x.ValueURL
		}
	}
	return "string"
}

// targets gives the resource types that a reference may point at, nothing when it may be any.
func (w *elementWriter) targets(e elementDefinition, profiles []string) string {
	var names []string
	for _, p := range profiles {
		name, ok := strings.CutPrefix(p, structureBase)
		if !ok {
			w.fault(e, "target %s is no type of FHIR", p)
		}
		names = append(names, name)
	}
	if slices.Contains(names, "Resource") {
		return ""
	}
	return strings.Join(names, ",")
}

// pattern gives the regular expression of a primitive type's value.
func pattern(s structureDefinition) string {
	if s.Kind != "primitive-type" {
		return ""
	}
	for _, e := range s.Snapshot.Elements {
		if e.Path != s.Name+".value" {
			continue
		}
		for _, t := range e.Types {
			for _, x := range t.Extension {
				if x.URL == regexURL {
					return x.ValueString
				}
			}
		}
	}
	return ""
}
