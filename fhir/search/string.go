package search

import (
	"strings"

	"github.com/portico-health/portico/fhir"
)

// A text is searched by its beginning, folded; as a whole with :exact, anywhere with :contains
// (https://hl7.org/fhir/R4/search.html#string). Of a HumanName or an Address every part of type string is a text of its own, and so
// is the rest of a family name from each of its words on: "servers should search the parts of a family name independently".
// Strings may have a megabyte: MaxFolded characters of each are compared, and :contains finds nothing behind them. A longer
// beginning or part is refused, since it would be compared with less than it asks for; :exact compares all.
type text struct {
	name   string
	sorted bool // its order is promised
}

// familyWords bounds the parts of a family name that can be searched independently.
const familyWords = 8

func (t *text) stamp() string {
	if t.sorted {
		return "string 1 sorted 1"
	}
	return "string 1"
}

func (t *text) index(at place) sink {
	switch at.code() {
	case "string", "markdown":
		if at.elem.Path == "HumanName.family" {
			return func(x *extraction, v any) { t.family(x, v) }
		}
		return func(x *extraction, v any) { t.whole(x, v) }
	case "HumanName":
		return t.parts("text", "family", "given", "prefix", "suffix")
	case "Address":
		return t.parts("text", "line", "city", "district", "state", "postalCode", "country")
	}
	return nil
}

// parts indexes members of an object, each of which is a string or an array of strings.
func (t *text) parts(names ...string) sink {
	return func(x *extraction, v any) {
		o, _ := v.(*fhir.Object)
		for _, name := range names {
			switch v, _ := o.Get(name); v := v.(type) {
			case string:
				if name == "family" {
					t.family(x, v)
					continue
				}
				t.whole(x, v)
			case fhir.Array:
				for _, item := range v {
					t.whole(x, item)
				}
			}
		}
	}
}

func (t *text) whole(x *extraction, v any) {
	if s, ok := v.(string); ok && s != "" {
		x.out.Texts = append(x.out.Texts, Text{t.name, beginning(fold(s)), s})
	}
}

func (t *text) family(x *extraction, v any) {
	s, _ := v.(string)
	if s == "" {
		return
	}
	rest, exact := fold(s), s
	for range familyWords {
		x.out.Texts = append(x.out.Texts, Text{t.name, beginning(rest), exact})
		exact = "" // a part is not the value
		var more bool
		if _, rest, more = strings.Cut(rest, " "); !more {
			return
		}
	}
}

// beginning is what is compared of a folded text: its first MaxFolded characters.
func beginning(folded string) string { return firstCharacters(folded, MaxFolded) }

func firstCharacters(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func (t *text) always() bool { return false }

func (t *text) modifiers() []string { return []string{"exact", "contains"} }

func (t *text) lower(c criterion) (Any, *fhir.Error) {
	return c.each(func(v string) ([]Test, *fhir.Error) {
		v = unescape(v)
		if c.modifier == "exact" {
			return []Test{t.exactly(v)}, nil
		}
		folded := fold(v)
		switch {
		case len(folded) > len(beginning(folded)):
			return nil, fhir.Errorf(fhir.Invalid, fhir.CodeTooLong,
				"%s is too long: the first %d characters of a string are compared. Give at most as many, or all of the string with :exact.", fhir.Quote(v), MaxFolded)
		case c.modifier == "contains":
			return []Test{Contains{t.name, folded}}, nil
		default:
			return []Test{StartsWith{t.name, folded}}, nil
		}
	})
}

// exactly finds a value as it is written. What is written alike is compared alike: a driver may look where the folded form is.
func (t *text) exactly(v string) Test {
	folded := beginning(fold(v))
	if folded == "" {
		return Exactly{t.name, v}
	}
	return Every{{StartsWith{t.name, folded}}, {Exactly{t.name, v}}}
}
