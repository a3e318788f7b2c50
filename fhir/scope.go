package fhir

import "strings"

// Permission is what a client may do with the resources of a type: a set of the letters of SMART's second version
// (https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources).
type Permission uint8

// The permissions.
const (
	MayCreate Permission = 1 << iota // c: create
	MayRead                          // r: read, vread, the history of a resource
	MayUpdate                        // u: update, also one that creates, and patch
	MayDelete                        // d: delete
	MaySearch                        // s: search, and the history of a type or of all types

	MayEverything = MayCreate | MayRead | MayUpdate | MayDelete | MaySearch
)

// permissionLetters are those of SMART, in the order in which they are written.
const permissionLetters = "cruds"

// String writes the letters: "rs".
func (p Permission) String() string {
	var b strings.Builder
	for i := range len(permissionLetters) {
		if p&(1<<i) != 0 {
			b.WriteByte(permissionLetters[i])
		}
	}
	return b.String()
}

// ParsePermission reads letters as String writes them, and in any other order. Of a text with another letter nothing is known.
func ParsePermission(letters string) (p Permission, known bool) {
	for i := range len(letters) {
		at := strings.IndexByte(permissionLetters, letters[i])
		if at < 0 {
			return 0, false
		}
		p |= 1 << at
	}
	return p, true
}

// AnyType stands for all resource types in Scopes.
const AnyType = "*"

// Scopes are what a client may do, by resource type; nil is nothing. They are shared, and not to be changed.
type Scopes map[string]Permission

// Unlimited are scopes that permit everything with all types.
func Unlimited() Scopes { return Scopes{AnyType: MayEverything} }

// Of are the permissions for a type.
func (s Scopes) Of(resourceType string) Permission { return s[AnyType] | s[resourceType] }

// Permit says whether all of some permissions are given for a type.
func (s Scopes) Permit(resourceType string, wanted Permission) bool {
	return s.Of(resourceType)&wanted == wanted
}

// MissingScope is the cause of a Forbidden error that another scope would have avoided: its text is that scope, "system/Patient.r".
type MissingScope string

// ScopeOf is the scope that gives permissions for a type: "system/Patient.rs".
func ScopeOf(resourceType string, wanted Permission) MissingScope {
	return MissingScope("system/" + resourceType + "." + wanted.String())
}

// Error is the scope.
func (m MissingScope) Error() string { return string(m) }

// Needs refuses what the scopes of a client do not permit. Its error is Forbidden, caused by a MissingScope.
func (p Principal) Needs(resourceType string, wanted Permission) error {
	if p.Scopes.Permit(resourceType, wanted) {
		return nil
	}
	missing := ScopeOf(resourceType, wanted)
	return Errorf(Forbidden, CodeForbidden, "The credential does not permit this; it takes the scope %s.", missing).Because(missing)
}
