package validate

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// walk is one way through a resource. It goes down with the definition beside the value: each object is held against the
// schema of its structure, each primitive value against the form of its type, and what is below comes before the
// invariants of what holds it. A value of the wrong JSON type has been refused by the schema and is passed over.
type walk struct {
	validator *Validator
	warnings  bool
	envelope  bool // resources in the entries of a Bundle are passed over
	report    report
	path      []step
	scope     *scope
	signed    bool           // below a Signature
	shape     map[string]any // what the schema sees of the object in hand
}

// resourceStructure finds the structure that resourceType names, and reports a fault when there is none.
func (w *walk) resourceStructure(o *fhir.Object) *structure {
	v, _ := o.Get("resourceType")
	name, isText := v.(string)
	switch {
	case v == nil || name == "" && isText:
		w.faultAt("resourceType", fhir.CodeRequired, `The resource does not say what it is: the member "resourceType" is missing.`)
	case !isText:
		w.faultAt("resourceType", fhir.CodeStructure, `The member "resourceType" must be the name of a resource type, but it is `+fhir.Describe(v)+".")
	case !r4.IsResource(name):
		detail := fhir.Quote(name) + " is no resource type of R4."
		if near := nearest(name, r4.ResourceTypes()); near != "" {
			detail += " Did you mean " + near + "?"
		}
		w.faultAt("resourceType", fhir.CodeStructure, detail)
	default:
		return w.validator.structure(r4.Lookup(name).Root)
	}
	return nil
}

// resource checks a resource that stands for itself: the root, or one in a Bundle or in Parameters.
func (w *walk) resource(s *structure, o *fhir.Object) {
	outer := w.scope
	w.scope = newScope(o, outer)
	w.object(s, o)
	w.obey(s.rules, o)
	w.contained(o)
	w.scope = outer
}

// nested checks a resource inside another one.
func (w *walk) nested(m *member, o *fhir.Object) {
	s := w.resourceStructure(o)
	if s == nil {
		return
	}
	if m.element.Name != "contained" {
		w.resource(s, o)
		return
	}
	if w.scope.resource != w.scope.container { // against dom-2, which the container tells
		return
	}
	w.scope.resource = o
	w.object(s, o)
	w.obey(s.rules, o)
	w.scope.resource = w.scope.container
}

// object checks an object and everything below it.
func (w *walk) object(s *structure, o *fhir.Object) {
	if o.Len() == 0 {
		w.fault(fhir.CodeStructure, "The object is empty. Leave a member out that has no value.")
		return
	}
	verdict := w.judge(s, o)
	if verdict != nil {
		w.missing(s, o, verdict)
	}
	for name, value := range o.All() {
		if w.report.full() {
			return
		}
		m := s.member(name)
		if verdict != nil {
			if reason, refused := verdict.refused[name]; refused {
				w.explain(s, m, name, value, reason)
			}
		}
		if m != nil {
			w.member(m, o, name, value)
		}
	}
	for _, c := range s.choices {
		w.choice(s, c, o)
	}
}

// member finds what a name stands for: nil when it is unknown, or resourceType.
func (s *structure) member(name string) *member {
	if plain, underscore := strings.CutPrefix(name, "_"); underscore {
		if m := s.members[plain]; m != nil && m.hasSibling() {
			return m
		}
		return nil
	}
	return s.members[name]
}

// missing reports the required members that the schema missed. A primitive without a value but with extensions is there.
func (w *walk) missing(s *structure, o *fhir.Object, v *verdict) {
	for _, m := range s.ordered {
		if !v.missing[m.name] || (m.hasSibling() && has(o, m.name)) {
			continue
		}
		w.faultAt(m.element.Name, fhir.CodeRequired, s.title+" must have the element "+m.name+", "+m.describe()+".")
	}
}

// choice sees to it that of an element of several types one is given, and that one is given when it must.
func (w *walk) choice(s *structure, c choice, o *fhir.Object) {
	var given []string
	for name := range o.All() {
		if m := s.member(name); m != nil && m.element == c.element && !slices.Contains(given, m.name) {
			given = append(given, m.name)
		}
	}
	switch {
	case len(given) > 1:
		w.faultAt(c.element.Name, fhir.CodeStructure, s.title+" gives "+c.element.Name+" in several types, as "+strings.Join(given, " and as ")+". Only one of them may stand.")
	case len(given) == 0 && c.element.Min > 0:
		w.faultAt(c.element.Name, fhir.CodeRequired, s.title+" must have the element "+c.element.Name+" in one of its types: "+alternatives(c.names())+".")
	}
}

func (w *walk) member(m *member, o *fhir.Object, name string, value any) {
	w.enter(m.element.Name)
	defer w.leave()
	switch {
	case m.format != nil && name == m.name:
		sibling, _ := o.Get("_" + name)
		w.primitive(m, o, value, sibling)
	case m.format != nil:
		if _, both := o.Get(m.name); !both {
			w.primitive(m, o, nil, value)
		}
	case m.element.Repeats():
		items, _ := value.(fhir.Array)
		for i, item := range items {
			if w.report.full() {
				return
			}
			w.item(i)
			w.complex(m, item)
		}
	default:
		w.complex(m, value)
	}
}

// complex checks a value that is an object.
func (w *walk) complex(m *member, value any) {
	o, ok := value.(*fhir.Object)
	if !ok {
		return
	}
	if m.anyType {
		if !w.envelope {
			w.nested(m, o)
		}
		return
	}
	outer := w.signed
	w.signed = outer || m.typ.Code == "Signature"
	w.object(m.below(), o)
	w.signed = outer
	if o.Len() == 0 {
		return
	}
	w.obey(m.rules, o)
	switch m.typ.Code {
	case "Reference":
		w.reference(m, o)
	case "CodeableConcept", "Coding":
		if m.element.Required != "" {
			w.coded(m, o)
		}
		w.language(o)
	}
}
