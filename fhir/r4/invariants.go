package r4

import (
	_ "embed"
	"slices"
	"sync"
)

//go:embed invariants.txt
var invariantTable string

// Invariant is a constraint that a type states about itself or about one of its elements
// (http://hl7.org/fhir/R4/conformance-rules.html#constraints).
type Invariant struct {
	Key        string // "app-3"
	Owner      string // the type that states it: "Appointment", "Element" for ele-1, "SimpleQuantity" for sqty-1
	Severity   string // "error" or "warning"
	Expression string // FHIRPath, with the element that names the key as its focus
}

var invariants = sync.OnceValue(func() []Invariant {
	var all []Invariant
	for owner, s := range sections(invariantTable) {
		for line := range s.lines() {
			var f [3]string
			fields(line, f[:])
			all = append(all, Invariant{Key: f[0], Owner: owner, Severity: f[1], Expression: f[2]})
		}
	}
	return all
})

// Invariants returns all invariants, ordered by owner and key. The caller owns the slice.
func Invariants() []Invariant { return slices.Clone(invariants()) }

// FindInvariant returns the invariant with a key as it applies within a type, which is the first segment of
// [Element.Path]. The type matters only for "inv-1": Task, Parameters and TestReport mean three different things by
// it.
func FindInvariant(typeName, key string) (Invariant, bool) {
	var found Invariant
	for _, inv := range invariants() {
		if inv.Key != key {
			continue
		}
		if inv.Owner == typeName {
			return inv, true
		}
		found = inv
	}
	return found, found.Key != ""
}
