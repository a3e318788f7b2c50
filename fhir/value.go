package fhir

import (
	"encoding/json"
	"iter"
	"slices"
)

// A JSON value in the tree is one of:
//
//	nil, bool, string, Number, Array, *Object
//
// with strings of valid UTF-8 and no nil *Object. The tree is meant to be read by everybody and changed
// by the one who parsed or cloned it.

// Number is a JSON number in the digits in which it was written: "1.10" stays "1.10".
type Number = json.Number

// Array is a JSON array.
type Array = []any

// Member is one name and value of an Object.
type Member struct {
	Name  string
	Value any
}

// Object is a JSON object that keeps the order of its members. Names are unique.
// A FHIR object has few members, so that a scan beats a hash table.
type Object struct {
	members []Member
}

// NewObject makes an object of the given members, in that order. A name that comes
// twice keeps its first place and its last value.
func NewObject(members ...Member) *Object {
	o := &Object{members: make([]Member, 0, len(members))}
	for _, m := range members {
		o.Set(m.Name, m.Value)
	}
	return o
}

// Len is the number of members; 0 for a nil object.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.members)
}

// Get returns the value of a member, and whether there is one. A nil object has none.
func (o *Object) Get(name string) (any, bool) {
	if o == nil {
		return nil, false
	}
	for i := range o.members {
		if o.members[i].Name == name {
			return o.members[i].Value, true
		}
	}
	return nil, false
}

// Text returns the string value of a member, or "" when it is absent or no string.
func (o *Object) Text(name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}

// Object returns the object value of a member, or nil when it is absent or no object.
func (o *Object) Object(name string) *Object {
	v, _ := o.Get(name)
	child, _ := v.(*Object)
	return child
}

// Array returns the array value of a member, or nil when it is absent or no array.
func (o *Object) Array(name string) Array {
	v, _ := o.Get(name)
	a, _ := v.(Array)
	return a
}

// Objects yields the objects in the array value of a member, with their index.
func (o *Object) Objects(name string) iter.Seq2[int, *Object] {
	return func(yield func(int, *Object) bool) {
		for i, v := range o.Array(name) {
			if child, ok := v.(*Object); ok && !yield(i, child) {
				return
			}
		}
	}
}

// All yields the members in order.
func (o *Object) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if o == nil {
			return
		}
		for _, m := range o.members {
			if !yield(m.Name, m.Value) {
				return
			}
		}
	}
}

// Set replaces the value of a member in its place, or appends a new member.
func (o *Object) Set(name string, value any) {
	for i := range o.members {
		if o.members[i].Name == name {
			o.members[i].Value = value
			return
		}
	}
	o.members = append(o.members, Member{name, value})
}

// SetAfter is Set, but a new member is put behind the first of the named ones that
// exists, or at the front when none does.
func (o *Object) SetAfter(name string, value any, behind ...string) {
	if _, ok := o.Get(name); ok {
		o.Set(name, value)
		return
	}
	place := 0
	for _, b := range behind {
		if i := slices.IndexFunc(o.members, func(m Member) bool { return m.Name == b }); i >= 0 {
			place = i + 1
			break
		}
	}
	o.members = slices.Insert(o.members, place, Member{name, value})
}

// Delete removes a member if there is one. A nil object has none.
func (o *Object) Delete(name string) {
	if o == nil {
		return
	}
	o.members = slices.DeleteFunc(o.members, func(m Member) bool { return m.Name == name })
}

// Without returns an object that has the same members, with the same values, but for the named ones.
func (o *Object) Without(names ...string) *Object {
	rest := &Object{members: make([]Member, 0, o.Len())}
	for name, value := range o.All() {
		if !slices.Contains(names, name) {
			rest.members = append(rest.members, Member{name, value})
		}
	}
	return rest
}

// Clone copies a tree, so that the copy can be changed.
func Clone(v any) any {
	switch v := v.(type) {
	case *Object:
		c := &Object{members: make([]Member, len(v.members))}
		for i, m := range v.members {
			c.members[i] = Member{m.Name, Clone(m.Value)}
		}
		return c
	case Array:
		c := make(Array, len(v))
		for i := range v {
			c[i] = Clone(v[i])
		}
		return c
	default:
		return v
	}
}

// Equal compares two trees: the order of members and the digits of numbers count.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case *Object:
		b, ok := b.(*Object)
		return ok && slices.EqualFunc(a.members, b.members, func(x, y Member) bool {
			return x.Name == y.Name && Equal(x.Value, y.Value)
		})
	case Array:
		b, ok := b.(Array)
		return ok && slices.EqualFunc(a, b, Equal)
	default:
		return a == b
	}
}

// Plain returns the tree in Go's plain JSON types: map[string]any for an Object, []any,
// json.Number and so on, as JSON Schema validators expect them. The order of members
// is lost in it.
func Plain(v any) any {
	switch v := v.(type) {
	case *Object:
		m := make(map[string]any, len(v.members))
		for _, member := range v.members {
			m[member.Name] = Plain(member.Value)
		}
		return m
	case Array:
		a := make([]any, len(v))
		for i := range v {
			a[i] = Plain(v[i])
		}
		return a
	default:
		return v
	}
}
