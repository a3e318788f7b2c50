package search

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// A token is a code or an identifier, often within the system that gives it its meaning
// (https://hl7.org/fhir/R4/search.html#token). Its Terms are the texts of all the searches that find it, each in one spelling, with the escapes of
// R4: "male", "http://example.org/sys|male", "http://example.org/sys|" and, where the value has no system, "|male".
//
// Case counts ("Match is case sensitive unless the underlying semantics for the context indicate that the token should be
// interpreted case-insensitively"): a code system that does not care is not known here, and a condition that decides what is
// written must not take one identifier for another. R4 itself excepts elements of type string, and leaves ContactPoint to
// the server: there case does not count, and of a telephone number only the digits do.
//
// A code with a required binding has one Term, the bare code: its system follows from the code, and is
// compared when the search is read. A condition such as Patient.deceased leaves a Term only where it is true.
type token struct {
	name string

	// What values of the resource may be searched, as compiling the expression has found.
	coded    bool        // with a system of their own
	concepts bool        // Coding, CodeableConcept: codes with a system of their own
	codes    []r4.Coding // of a required binding
	valueSet string      // that it names
	boolean  bool        // true or false, without a system
	open     bool        // a code whose binding R4 does not list: any system is taken for the right one
	bare     bool        // id, uri: neither system nor case folding
	folded   bool        // string
	contact  bool        // ContactPoint
	computed bool        // a condition: a boolean that leaves an entry only where it is true

	identifiers bool // Identifier: values that may have a type beside their system
}

func (t *token) stamp() string { return "token 2" }

func (t *token) index(at place) sink {
	switch at.code() {
	case "Coding":
		t.concepts = true
		return both(t.within("code"), t.display())
	case "Identifier":
		t.identifiers = true
		return both(t.within("value"), t.identifierType())
	case "CodeableConcept":
		t.coded, t.concepts = true, true
		return both(t.concept, t.displays())
	case "ContactPoint":
		t.contact = true
		return t.plain(func(v any) string {
			o, _ := v.(*fhir.Object)
			return foldContact(o.Text("value"))
		})
	case "boolean":
		t.boolean = true
		t.computed = t.computed || at.isComputed()
		return t.truth
	case "code":
		return t.code(at)
	case "string", "markdown":
		t.folded = true
		return t.plain(func(v any) string { return foldCase(asWritten(v)) })
	case "id", "uri", "url", "canonical", "oid", "uuid":
		t.bare = true
		return t.plain(asWritten)
	}
	return nil
}

// plain indexes values that have no system.
func (t *token) plain(text func(any) string) sink {
	return func(x *extraction, v any) { x.term(t.name, escapeToken(text(v))) }
}

func asWritten(v any) string {
	s, _ := v.(string)
	return s
}

func (t *token) truth(x *extraction, v any) {
	switch v {
	case true:
		x.term(t.name, "true")
	case false:
		x.term(t.name, "false")
	}
}

// within indexes an object that has a system, and a code or value in it.
func (t *token) within(code string) sink {
	t.coded = true
	return func(x *extraction, v any) {
		o, _ := v.(*fhir.Object)
		if !t.pair(x, o.Text("system"), o.Text(code)) {
			x.nameless(t.name)
		}
	}
}

// code indexes a code: where its system follows from a binding, a search compares it.
func (t *token) code(at place) sink {
	codings, complete := r4.Codings(at.elem.Required)
	switch {
	case complete:
		t.codes, t.valueSet = append(t.codes, codings...), at.elem.Required
	case at.elem.Required != "":
		t.open = true
	default:
		t.bare = true
	}
	return t.plain(asWritten)
}

func (t *token) concept(x *extraction, v any) {
	o, _ := v.(*fhir.Object)
	found := false
	for _, c := range o.Objects("coding") {
		if t.pair(x, c.Text("system"), c.Text("code")) {
			found = true
		}
	}
	if !found {
		x.nameless(t.name)
	}
}

// pair leaves the Terms of a code in a system, and says whether there are any.
func (t *token) pair(x *extraction, system, code string) bool {
	system, code = escapeToken(system), escapeToken(code)
	switch {
	case code != "" && system != "":
		both := system + "|" + code
		x.term(t.name, code)
		x.term(t.name, both)
		x.term(t.name, both[:len(system)+1])
	case code != "":
		x.term(t.name, code)
		x.term(t.name, "|"+code)
	case system != "":
		x.term(t.name, system+"|")
	}
	return code != "" || system != ""
}

// value says by which tests one value is found.
func (t *token) value(v string) ([]Test, *fhir.Error) {
	system, code, bars := splitToken(v)
	if fault := t.malformed(system, code, bars); fault != "" {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s %s", fhir.Quote(v), fault)
	}
	switch {
	case t.computed:
		return t.condition(code), nil
	case bars == 0:
		return t.inAnySystem(code), nil
	default:
		return t.inSystem(system, code), nil
	}
}

// inSystem compares a code with its system.
func (t *token) inSystem(system, code string) []Test {
	if t.coded {
		return []Test{Equal{t.name, escapeToken(system) + "|" + escapeToken(code)}}
	}
	return t.implied(system, code)
}

// malformed says what is wrong with a value and what would be right, or "". "For token parameters on elements of type ContactPoint,
// uri, or boolean, the presence of the pipe symbol SHALL NOT be used".
func (t *token) malformed(system, code string, bars int) string {
	hasSystems := t.coded || t.open || t.codes != nil
	isBoolean := t.boolean && !hasSystems
	switch {
	case isBoolean && (bars > 0 || code != "true" && code != "false"):
		return "is no value of " + t.name + ": write true or false, without a system."
	case bars > 0 && !hasSystems:
		return "has a vertical bar, but the values of " + t.name + ` have no system: write the value alone (a bar that belongs to it is written \|).`
	case bars > 1:
		return `has several vertical bars, but only one stands between system and value: a bar that belongs to either is written \|.`
	case bars > 0 && strings.TrimSpace(system+code) == "":
		return "has nothing on either side of the vertical bar: write system|value, system| for every value of a system, or |value for one without a system."
	default:
		return ""
	}
}

// inAnySystem compares the code alone, in each way in which the parameter's values are compared.
func (t *token) inAnySystem(code string) []Test {
	var spellings []string
	if t.coded || t.open || t.bare || t.boolean || t.codes != nil {
		spellings = append(spellings, code)
	}
	if t.folded {
		spellings = append(spellings, foldCase(code))
	}
	if t.contact {
		spellings = append(spellings, foldContact(code))
	}
	var tests []Test
	for _, s := range slices.Compact(spellings) {
		tests = append(tests, Equal{t.name, escapeToken(s)})
	}
	return tests
}

// implied compares the system of a search with that which the binding gives to a code.
func (t *token) implied(system, code string) []Test {
	if t.open && system != "" && code != "" {
		return []Test{Equal{t.name, escapeToken(code)}}
	}
	var tests []Test
	for _, c := range t.codes {
		if c.System == system && (c.Code == code || code == "") {
			tests = append(tests, Equal{t.name, escapeToken(c.Code)})
		}
	}
	return tests
}

// condition asks for the value of a condition, which leaves an entry only where it is true.
func (t *token) condition(code string) []Test {
	yes := Equal{t.name, "true"}
	if code == "true" {
		return []Test{yes}
	}
	return []Test{Not{Any{yes}}}
}

func (t *token) always() bool { return t.computed }

// foldCase makes case count for nothing.
func foldCase(s string) string { return strings.ToLower(s) }

// foldContact is how the value of a ContactPoint is compared: a telephone number by its digits, anything else without
// case and with single spaces.
func foldContact(s string) string {
	if digits, ok := dialled(s); ok {
		return digits
	}
	return strings.Join(strings.Fields(foldCase(s)), " ")
}

// dialled gives the digits of a telephone number, without the zero in parentheses that is not dialled behind a country
// code ("+44 (0)1632 960123"), and says whether it is one.
func dialled(s string) (string, bool) {
	number := strings.TrimPrefix(strings.TrimSpace(s), "tel:")
	if strings.HasPrefix(number, "+") {
		number = strings.Replace(number, "(0)", "", 1)
	}
	digits := make([]byte, 0, len(number))
	for i := range len(number) {
		c := number[i]
		switch {
		case c >= '0' && c <= '9':
			digits = append(digits, c)
		case strings.IndexByte("+ ().-/", c) < 0:
			return "", false
		}
	}
	const shortest = 3 // "999"
	return string(digits), len(digits) >= shortest
}
