package r4

import (
	_ "embed"
	"slices"
	"sync"
)

//go:embed elements.txt
var elementTable string

var typeSections = sync.OnceValue(func() map[string]section { return index(elementTable) })

var typeIndex = sync.OnceValue(func() map[string]func() *Type {
	byName := make(map[string]func() *Type, len(typeSections()))
	for name, s := range typeSections() {
		byName[name] = sync.OnceValue(func() *Type { return decodeType(name, s) })
	}
	return byName
})

// Lookup returns the definition of a resource or data type ("Patient", "HumanName", "dateTime"), or nil when R4 has
// no such type. It is decoded when first asked for and then kept; concurrent callers get the same value.
func Lookup(name string) *Type {
	if decode := typeIndex()[name]; decode != nil {
		return decode()
	}
	return nil
}

var resourceTypes = sync.OnceValue(func() []string {
	var names []string
	for name, s := range typeSections() {
		if h := s.typeHead(); h.kind == Resource && !h.abstract {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
})

// ResourceTypes returns the names of the 146 concrete resource types, sorted (R4 counts 148 with the abstract
// Resource and DomainResource, which are not among them). The caller owns the slice.
func ResourceTypes() []string { return slices.Clone(resourceTypes()) }

// IsResource tells whether name is a concrete resource type.
func IsResource(name string) bool {
	_, found := slices.BinarySearch(resourceTypes(), name)
	return found
}
