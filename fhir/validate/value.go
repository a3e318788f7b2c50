package validate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// primitive checks the value of a primitive element and its sibling, the underscore member with ids and extensions
// (https://hl7.org/fhir/R4/json.html#primitive). Either may be nil: absent, or of a JSON type that has been refused.
func (w *walk) primitive(m *member, o *fhir.Object, value, sibling any) {
	if !m.element.Repeats() {
		if utc, changed := w.value(m, value); changed {
			o.Set(m.name, utc)
		}
		w.sibling(m, value != nil, sibling)
		return
	}
	values, _ := value.(fhir.Array)
	siblings, _ := sibling.(fhir.Array)
	if len(values) > 0 && len(siblings) > 0 && len(values) != len(siblings) {
		w.fault(fhir.CodeStructure, m.name+" and _"+m.name+" must be equally long, with null where one has nothing to say, but they have "+
			strconv.Itoa(len(values))+" and "+strconv.Itoa(len(siblings))+" entries.")
	}
	for i := range max(len(values), len(siblings)) {
		if w.report.full() {
			return
		}
		w.item(i)
		v, s := at(values, i), at(siblings, i)
		if v == nil && s == nil {
			if i >= len(values) && len(values) > 0 {
				break // told already: the two are not equally long
			}
			w.fault(fhir.CodeStructure, "There is neither a value nor an extension: null may stand in "+m.name+" only where _"+m.name+" has an object at the same place.")
			continue
		}
		if utc, changed := w.value(m, v); changed {
			values[i] = utc
		}
		w.sibling(m, v != nil, s)
	}
}

func at(items fhir.Array, i int) any {
	if i < len(items) {
		return items[i]
	}
	return nil
}

// sibling checks what the underscore member holds for one value.
func (w *walk) sibling(m *member, hasValue bool, sibling any) {
	o, ok := sibling.(*fhir.Object)
	if !ok {
		return
	}
	w.object(m.below(), o)
	if _, hasID := o.Get("id"); !hasValue && hasID && o.Len() == 1 {
		w.fault(fhir.CodeInvariant, "There is an id but neither a value nor an extension (ele-1).")
	}
}

// value checks one value of a primitive type. It returns the value in UTC and true when that is another text.
func (w *walk) value(m *member, v any) (utc string, changed bool) {
	switch v := v.(type) {
	case string:
		if m.format.json == "string" {
			utc = w.text(m, v)
			return utc, utc != v
		}
	case fhir.Number:
		if m.format.json == "number" && m.format.text != nil {
			if wrong := m.format.text(v.String()); wrong != "" {
				w.fault(fhir.CodeValue, "The number "+clip(v.String())+" "+wrong+".")
			}
		}
	}
	return "", false
}

// text checks one string and returns it, an instant in UTC.
func (w *walk) text(m *member, s string) string {
	switch {
	case s == "":
		w.fault(fhir.CodeValue, "The string is empty. Leave a member out that has no value.")
	case m.format.instant != nil:
		return w.instant(m, s)
	case m.typ.Code == "xhtml":
		w.narrative(s)
	default:
		if wrong := m.format.text(s); wrong != "" {
			w.fault(fhir.CodeValue, fhir.Quote(s)+" "+wrong+".")
		} else {
			w.code(m, s)
		}
		if m.format.link {
			w.scope.link(s)
		}
	}
	return s
}

// code holds a code against a required binding where R4 can list the codes, else against the form that its codes have.
func (w *walk) code(m *member, s string) {
	if m.code != nil {
		if wrong := m.code(s); wrong != "" {
			w.fault(fhir.CodeCodeInvalid, fhir.Quote(s)+" "+wrong+".")
		}
		return
	}
	if m.element.Required == "" {
		return
	}
	codes, complete := r4.Codes(m.element.Required)
	if complete && !slices.Contains(codes, s) {
		w.fault(fhir.CodeCodeInvalid, fhir.Quote(s)+" is no code of "+m.element.Required+". "+advice(s, codes))
	}
}

// coded holds a Coding, or the codings of a CodeableConcept, against a required binding: one of them must be of the value set
// (https://hl7.org/fhir/R4/terminologies.html#required).
func (w *walk) coded(m *member, o *fhir.Object) {
	codings, complete := r4.Codings(m.element.Required)
	if !complete {
		return
	}
	given := []*fhir.Object{o}
	if m.typ.Code == "CodeableConcept" {
		given = nil
		for _, coding := range o.Objects("coding") {
			given = append(given, coding)
		}
	}
	written := ""
	for _, c := range given {
		coding := r4.Coding{System: c.Text("system"), Code: c.Text("code")}
		if slices.Contains(codings, coding) {
			return
		}
		written = coding.Code
	}
	codes, _ := r4.Codes(m.element.Required)
	w.fault(fhir.CodeCodeInvalid, "There is no coding of "+m.element.Required+", whose system is "+codings[0].System+". "+advice(written, codes))
}

// advice names the code that was probably meant, and the codes that there are.
func advice(written string, codes []string) string {
	list := "It may be " + alternatives(codes) + "."
	if near := nearest(written, codes); near != "" {
		return "Did you mean " + near + "? " + list
	}
	return list
}

// clip shortens a long number for a sentence.
func clip(s string) string { return strings.Trim(fhir.Quote(s), `"`) }
