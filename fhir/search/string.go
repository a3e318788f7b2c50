package search

import (
	"strings"

	"github.com/portico-health/portico/fhir"
)

// A text is searched by its beginning, folded; as a whole with :exact, anywhere with :contains
// (https://hl7.org/fhir/R4/search.html#string). Of a HumanName or an Address every part of type string is a text of its own, and so
// is the rest of a family name from each of its words on: "servers should search the parts of a family name independently".
type text struct {
	name string
}

// familyWords bounds the parts of a family name that can be searched independently.
const familyWords = 8

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
		x.out.Texts = append(x.out.Texts, Text{t.name, fold(s), s})
	}
}

func (t *text) family(x *extraction, v any) {
	s, _ := v.(string)
	if s == "" {
		return
	}
	rest := fold(s)
	for range familyWords {
		x.out.Texts = append(x.out.Texts, Text{t.name, rest, s})
		var more bool
		if _, rest, more = strings.Cut(rest, " "); !more {
			return
		}
	}
}

func (t *text) always() bool { return false }

func (t *text) modifiers() []string { return []string{"exact", "contains"} }

func (t *text) lower(c criterion) (Any, *fhir.Error) {
	return c.each(func(v string) ([]Test, *fhir.Error) {
		v = unescape(v)
		switch c.modifier {
		case "exact":
			return []Test{Exactly{t.name, v}}, nil
		case "contains":
			return []Test{Contains{t.name, fold(v)}}, nil
		default:
			return []Test{StartsWith{t.name, fold(v)}}, nil
		}
	})
}
