package r4

import "strings"

// Kind tells the three families of FHIR types apart.
type Kind uint8

// The kinds of [Type]. The zero Kind is none of them.
const (
	Primitive Kind = iota + 1 // a JSON string, number or boolean: "date", "code", "xhtml"
	Complex                   // a data type that is a JSON object: "HumanName", "Extension"
	Resource                  // a resource: "Patient"
)

// String gives the kind in lower case: "primitive", "complex", "resource".
func (k Kind) String() string {
	switch k {
	case Primitive:
		return "primitive"
	case Complex:
		return "complex"
	case Resource:
		return "resource"
	}
	return "unknown"
}

// Type is the definition of one resource or data type. It is shared between all callers and must not be changed.
type Type struct {
	Name     string // "Patient", "HumanName", "dateTime"
	Kind     Kind
	Abstract bool   // Resource, DomainResource, Element, BackboneElement
	Base     string // the type that it specialises: "DomainResource", "Quantity", "string"; "" for Resource and Element

	// Pattern is the regular expression (to be matched against the whole text) that R4 prints for a primitive
	// type, as valid RE2; "" for other types and for the primitives without one (xhtml). It says nothing
	// of real calendar days, of ranges of integers or of lengths.
	Pattern string

	// Root is the element of the type itself: its children and its invariants, inherited ones among them.
	// The root of a primitive type has the children id and extension alone: what its underscore member may hold.
	Root *Element
}

// Element is one element of a type, as in the snapshot of its StructureDefinition
// (http://hl7.org/fhir/R4/elementdefinition.html). It is shared and must not be changed.
type Element struct {
	// Name is the JSON name without the suffix of a choice: "deceased".
	Name string

	// Path is the path of the definition: "Patient.contact.name", "Patient.deceased[x]". Below an element that takes
	// its content from another one (contentReference) the paths are those of the other one: the children of
	// Questionnaire.item.item are Questionnaire.item.linkId and so on.
	Path string

	Min int // least number of values
	Max int // greatest number of values, -1 = no limit; a JSON array is meant where it is not 1 (see [Element.Repeats])

	// Types are the allowed types; more than one only where Choice is set. An inline structure has the one type
	// BackboneElement or Element. The root of a type has none.
	Types []TypeRef

	// Choice says that the JSON name is Name and the type's code with a capital first letter (value[x]).
	Choice bool

	// Children are the elements of an inline structure or of the root of a type, in the order of the definition. Nil
	// where the type has to be looked up, see [Element.Descend].
	Children []*Element

	// Required is the canonical URL, without version, of the value set of a required binding; "" when there is no
	// binding or a weaker one. See [Codes] and [Codings].
	Required string

	// Invariants are the keys of the constraints of severity error ("app-3", "ele-1"), in the order of the snapshot,
	// inherited ones among them. Those of the target of a contentReference are added, and sqty-1 where the type is a
	// SimpleQuantity. What the root of the element's data type states (qty-3 for a Quantity) has to hold too and is
	// not repeated here, but for ele-1 and ext-1. See [FindInvariant].
	Invariants []string

	Warnings []string // the keys of the constraints of severity warning ("dom-6")
	Summary  bool     // part of _summary=true (isSummary)
	Modifier bool     // changes the meaning of the rest (isModifier)

	members map[string]member // by JSON name; shared by all elements with the same Children
}

type member struct {
	element *Element
	typ     *TypeRef
}

// TypeRef is a type that an element may have.
type TypeRef struct {
	// Code is the name of the type, for [Lookup]: "string", "Reference", "BackboneElement", "Resource" (any resource
	// inline).
	Code string

	// Targets are the resource types that a Reference or canonical may point at; empty means any.
	Targets []string
}

// Repeats tells whether the element is a JSON array.
func (e *Element) Repeats() bool { return e.Max != 1 }

// Child finds the element and the type that a JSON member name stands for, among the children of e: "birthDate" is
// birthDate of type date, "deceasedBoolean" is deceased of type boolean. The underscore of "_birthDate" is cut off by
// the caller; "resourceType" is no element. Both are nil when the name is not known or e has no Children. It
// allocates nothing.
func (e *Element) Child(jsonName string) (*Element, *TypeRef) {
	m := e.members[jsonName]
	return m.element, m.typ
}

// Descend gives the element that knows the children of a value of e that has the type t (one of e.Types, as
// [Element.Child] returns it): e itself where the structure is inline, the root of the data type otherwise. It is nil
// for primitive types (whose underscore member is described by Lookup(t.Code).Root) and where any resource may stand
// (contained, Bundle.entry.resource): there the resourceType decides.
func (e *Element) Descend(t *TypeRef) *Element {
	if e.Children != nil {
		return e
	}
	if typ := Lookup(t.Code); typ != nil && typ.Kind == Complex {
		return typ.Root
	}
	return nil
}

// adopt gives e its children and makes the table for Child.
func (e *Element) adopt(children []*Element) {
	size := 0
	for _, c := range children {
		size += len(c.Types)
	}
	e.Children = children
	e.members = make(map[string]member, size)
	for _, c := range children {
		for i := range c.Types {
			e.members[c.JSONName(&c.Types[i])] = member{c, &c.Types[i]}
		}
	}
}

// JSONName is the name of the JSON member that holds a value of the type t (one of e.Types): "birthDate" and, of a choice,
// "deceasedBoolean" (https://hl7.org/fhir/R4/formats.html#choice).
func (e *Element) JSONName(t *TypeRef) string {
	if !e.Choice {
		return e.Name
	}
	return e.Name + strings.ToUpper(t.Code[:1]) + t.Code[1:]
}
