package fhir

import "strings"

// Resource is a FHIR resource as the JSON tree that the client sent, or that a codec built.
// The zero Resource is none.
type Resource struct {
	root *Object
}

// NewResource wraps a tree. It does not check it: fhir/validate does.
func NewResource(root *Object) Resource { return Resource{root} }

// IsZero says whether there is no resource.
func (r Resource) IsZero() bool { return r.root == nil }

// Root is the tree of the resource.
func (r Resource) Root() *Object { return r.root }

// Type is the value of resourceType, or "".
func (r Resource) Type() string { return r.root.Text("resourceType") }

// ID is the logical id, or "".
func (r Resource) ID() string { return r.root.Text("id") }

// Key is type and id.
func (r Resource) Key() Key { return Key{Type: r.Type(), ID: r.ID()} }

// SetID puts the id in its place, or behind resourceType.
func (r Resource) SetID(id string) { r.root.SetAfter("id", id, "resourceType") }

// Clone copies the resource, so that the copy can be changed.
func (r Resource) Clone() Resource {
	if r.IsZero() {
		return r
	}
	return Resource{Clone(r.root).(*Object)}
}

// ParseResource decodes one resource of JSON text, with the faults that ParseJSON reports,
// and refuses what is no JSON object or names no resourceType.
// See https://hl7.org/fhir/R4/json.html#resources.
func ParseResource(text []byte) (Resource, error) {
	v, err := ParseJSON(text)
	if err != nil {
		return Resource{}, err
	}
	root, ok := v.(*Object)
	if !ok {
		return Resource{}, Errorf(Invalid, CodeStructure, "A resource is a JSON object, but this is %s.", Describe(v))
	}
	name, ok := root.Get("resourceType")
	if !ok {
		return Resource{}, Errorf(Invalid, CodeRequired, `The resource does not say what it is: the member "resourceType" is missing.`).At("resourceType")
	}
	if s, ok := name.(string); !ok || s == "" {
		return Resource{}, Errorf(Invalid, CodeStructure, `The member "resourceType" must be the name of a resource type, but it is %s.`, Describe(name)).At("resourceType")
	}
	return Resource{root}, nil
}

// Describe names a JSON value in words that fit into an error: "an array", "the number 5".
func Describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		if v {
			return "the boolean true"
		}
		return "the boolean false"
	case string:
		if v == "" {
			return "an empty string"
		}
		return "the string " + Quote(v)
	case Number:
		return "the number " + clip(v.String())
	case Array:
		return "an array"
	case *Object:
		return "an object"
	default:
		return "no JSON value"
	}
}

// Quote puts a client's text between quotation marks for an error, cut to a readable length, with
// control characters escaped and what is no UTF-8 replaced: an answer is JSON whatever it quotes.
func Quote(s string) string { return string(AppendString(nil, strings.ToValidUTF8(clip(s), "\uFFFD"))) }

// clip shortens text to sixty characters.
func clip(s string) string {
	const most = 60
	characters := 0
	for i := range s {
		if characters == most {
			return s[:i] + "…"
		}
		characters++
	}
	return s
}
