package search

import (
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// What the modifiers of tokens look at beside codes and their systems (https://hl7.org/fhir/R4/search.html#token) are entries of their own, under
// an index name with the modifier behind it: for "code:text" the texts that stand beside a code, folded as strings are; for
// "identifier:of-type" a Term "system|code|value" for each coding of an identifier's type. :in and :not-in ask for the codes of a value set.

// Index names of what is searched with a modifier alone.
func (t *token) labelIndex() string { return t.name + ":text" }
func (t *token) typedIndex() string { return t.name + ":of-type" }

// label leaves a text that stands beside a code.
func (x *extraction) label(index, s string) {
	if s == "" || x.plain {
		return
	}
	if folded := beginning(fold(s)); folded != "" {
		x.out.Texts = append(x.out.Texts, Text{Param: index, Folded: folded})
	}
}

// display indexes the text of a Coding.
func (t *token) display() sink {
	index := t.labelIndex()
	return func(x *extraction, v any) {
		o, _ := v.(*fhir.Object)
		x.label(index, o.Text("display"))
	}
}

// displays indexes the texts of a CodeableConcept: its own and those of its codings.
func (t *token) displays() sink {
	index := t.labelIndex()
	return func(x *extraction, v any) {
		o, _ := v.(*fhir.Object)
		x.label(index, o.Text("text"))
		for _, c := range o.Objects("coding") {
			x.label(index, c.Text("display"))
		}
	}
}

// identifierType indexes what the type of an Identifier says.
func (t *token) identifierType() sink {
	labels, typed := t.labelIndex(), t.typedIndex()
	return func(x *extraction, v any) {
		o, _ := v.(*fhir.Object)
		kind := o.Object("type")
		x.label(labels, kind.Text("text"))
		for _, c := range kind.Objects("coding") {
			system, code, value := c.Text("system"), c.Text("code"), o.Text("value")
			if !x.plain && system != "" && code != "" && value != "" && len(system)+len(code)+len(value) <= maxTyped {
				x.term(typed, typedToken(system, code, value))
			}
		}
	}
}

// maxTyped bounds, in bytes, what :of-type finds: a value is repeated for each coding of its type.
const maxTyped = 1024

func typedToken(system, code, value string) string {
	return escapeToken(system) + "|" + escapeToken(code) + "|" + escapeToken(value)
}

func (t *token) modifiers() []string {
	all := []string{"not"}
	if t.concepts || t.identifiers {
		all = append(all, "text")
	}
	if t.concepts || t.open || t.codes != nil {
		all = append(all, "in", "not-in")
	}
	if t.identifiers {
		all = append(all, "of-type")
	}
	return all
}

func (t *token) lower(c criterion) (Any, *fhir.Error) {
	switch c.modifier {
	case "text":
		return (&text{name: t.labelIndex()}).lower(criterion{values: c.values, now: c.now})
	case "of-type":
		return c.each(t.ofType)
	case "in":
		return c.each(t.inValueSet)
	case "not-in":
		clause, err := c.each(t.inValueSet)
		return Any{Every{{Missing{t.name, false}}, {Not{clause}}}}, err // "whether the coding is not in": there must be a value
	}
	clause, err := c.each(t.value)
	if c.modifier == "not" {
		return Any{Not{clause}}, err
	}
	return clause, err
}

// ofType reads the value of :of-type: "All 3 parts must be present".
func (t *token) ofType(v string) ([]Test, *fhir.Error) {
	parts := splitAt(v, '|')
	if len(parts) != 3 || slices.Contains(parts, "") {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue,
			`%s does not have the three parts that :of-type takes: write the system and the code of the identifier's type, and its value, as in http://terminology.hl7.org/CodeSystem/v2-0203|MR|12345 (a bar that belongs to a part is written \|).`, fhir.Quote(v))
	}
	if len(parts[0])+len(parts[1])+len(parts[2]) > maxTyped {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeTooLong,
			"%s is too long: :of-type finds identifiers that have at most %d bytes together with system and code of their type. Ask for the value without the modifier.", fhir.Quote(v), maxTyped)
	}
	return []Test{Equal{t.typedIndex(), typedToken(parts[0], parts[1], parts[2])}}, nil
}

// inValueSet asks for each code of a value set, given by its canonical URL.
func (t *token) inValueSet(v string) ([]Test, *fhir.Error) {
	url := unescape(v)
	codings, complete := r4.Codings(url)
	if !complete {
		example := "http://hl7.org/fhir/ValueSet/appointmentstatus"
		if t.valueSet != "" {
			example = t.valueSet
		}
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported,
			"The codes of the value set %s are not known here. Known are the value sets of which a required binding of R4 lists every code, by their URL without a version, such as %s; for others give the codes themselves, with commas between them.",
			fhir.Quote(url), example)
	}
	var tests []Test
	for _, c := range codings {
		tests = append(tests, t.inSystem(c.System, c.Code)...)
	}
	return tests, nil
}

// noHierarchy is why :above and :below are not taken.
const noHierarchy = "which codes stand above or below another one is not known here; give the codes themselves, with commas between them"
