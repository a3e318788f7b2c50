package validate

import (
	"strings"
	"sync"

	"github.com/xeipuuv/gojsonschema"

	"github.com/portico-health/portico/fhir/r4"
)

// structure is an element with children, the root of a type or an inline structure, made ready for the walk.
type structure struct {
	title    string // "Patient", "Patient.contact", "HumanName"
	resource bool   // the root of a resource type: resourceType is a member
	members  map[string]*member
	ordered  []*member // in the order of the definition
	choices  []choice
	rules    []rule // of the root of a resource type; those of other structures are with the member
	schema   func() *gojsonschema.Schema
}

// member is what a JSON name of a structure stands for.
type member struct {
	name    string // without underscore: "birthDate", "deceasedBoolean"
	element *r4.Element
	typ     *r4.TypeRef
	format  *format             // of a primitive, else nil
	code    func(string) string // the form of its codes (codeform.go), or nil
	bare    bool                // a primitive that is no element but, in XML, an attribute or the xhtml: it has no underscore member
	anyType bool                // a resource of any type
	below   func() *structure   // of a complex value, or of the underscore member of a primitive; nil for anyType
	rules   []rule              // invariants of the element and of its data type
}

// choice is an element of several types, of which a resource gives one.
type choice struct {
	element *r4.Element
	members []*member
}

func newStructure(v *Validator, e *r4.Element) *structure {
	s := &structure{title: e.Path, members: make(map[string]*member)}
	if typ := r4.Lookup(e.Path); typ != nil && typ.Kind == r4.Resource {
		s.resource = true
		s.rules = rulesOf(e.Path, e.Invariants, e.Warnings)
	}
	for _, child := range e.Children {
		var c choice
		for i := range child.Types {
			m := newMember(v, child, &child.Types[i])
			s.members[m.name] = m
			s.ordered = append(s.ordered, m)
			c.members = append(c.members, m)
		}
		if child.Choice {
			c.element = child
			s.choices = append(s.choices, c)
		}
	}
	s.schema = sync.OnceValue(func() *gojsonschema.Schema { return compile(s) })
	return s
}

func newMember(v *Validator, e *r4.Element, t *r4.TypeRef) *member {
	m := &member{name: e.JSONName(t), element: e, typ: t}
	owner, _, _ := strings.Cut(e.Path, ".")
	typ := r4.Lookup(t.Code)
	switch {
	case t.Code == "Resource":
		m.anyType = true
	case typ.Kind == r4.Primitive:
		m.format = formats[t.Code]
		m.code = codeForm(e, t.Code)
		m.bare = len(e.Invariants) == 0 || t.Code == "xhtml"
		m.below = sync.OnceValue(func() *structure { return v.structure(typ.Root) })
	default:
		m.rules = rulesOf(owner, e.Invariants, e.Warnings)
		if e.Children == nil {
			m.rules = join(m.rules, rulesOf(t.Code, typ.Root.Invariants, typ.Root.Warnings))
		}
		m.below = sync.OnceValue(func() *structure { return v.structure(e.Descend(t)) })
	}
	return m
}
