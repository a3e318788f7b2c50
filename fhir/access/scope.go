package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// versionOne are the permissions of SMART's first version, as its second one reads them
// (https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources).
var versionOne = map[string]fhir.Permission{
	"read":  fhir.MayRead | fhir.MaySearch,
	"write": fhir.MayCreate | fhir.MayUpdate | fhir.MayDelete,
	"*":     fhir.MayEverything,
}

// ParseScopes reads SMART scopes of the first and second version, "system/*.read", "system/Patient.rs", and AdminScope. Invalid names each that is none, or that
// cannot be given: user/ and patient/ scopes, and a restriction by a search ("?…").
func ParseScopes(scopes []string) (given fhir.Scopes, admin bool, err error) {
	var faults []fhir.Issue
	for i, scope := range scopes {
		if scope == AdminScope {
			admin = true
			continue
		}
		resourceType, may, fault := parseScope(scope)
		if fault != "" {
			faults = append(faults, fhir.Issue{Severity: fhir.Severe, Code: fhir.CodeValue, Path: fmt.Sprintf("scopes[%d]", i), Detail: "The scope " + fhir.Quote(scope) + " " + fault})
			continue
		}
		if given == nil {
			given = fhir.Scopes{}
		}
		given[resourceType] |= may
	}
	if faults != nil {
		return nil, false, &fhir.Error{Kind: fhir.Invalid, Issues: faults}
	}
	return given, admin, nil
}

// parseScope reads one scope. The fault goes on with a sentence that names it.
func parseScope(scope string) (resourceType string, may fhir.Permission, fault string) {
	const form = "is none: scopes are system/TYPE.LETTERS, as in system/Patient.rs or system/*.cruds, and " + AdminScope + "."
	context, rest, _ := strings.Cut(scope, "/")
	switch {
	case context == "user" || context == "patient":
		return "", 0, "cannot be given: clients of this server act for themselves, not for a person. Its scopes begin with system/."
	case context == "launch" || slices.Contains([]string{"openid", "fhirUser", "profile", "offline_access", "online_access"}, scope):
		return "", 0, "cannot be given: nobody signs in to an app here. Scopes are as in system/Patient.rs."
	case context != "system":
		return "", 0, form
	}
	rest, _, restricted := strings.Cut(rest, "?")
	if restricted {
		return "", 0, "has a restriction by a search, which is not supported. Ask for the whole type, as in system/" + rest + "."
	}
	resourceType, letters, found := strings.Cut(rest, ".")
	switch {
	case !found || letters == "":
		return "", 0, form
	case resourceType != fhir.AnyType && !typeName(resourceType):
		return "", 0, "names no resource type, as Patient, nor all of them by *."
	}
	may, known := versionOne[letters]
	if !known {
		may, fault = parseLetters(letters)
	}
	return resourceType, may, fault
}

// parseLetters reads the permissions of SMART's second version: some of the letters of cruds, in that order.
func parseLetters(letters string) (may fhir.Permission, fault string) {
	may, known := fhir.ParsePermission(letters)
	switch {
	case !known:
		return 0, "has permissions that there are not: they are letters of cruds, or the words read, write and *."
	case may.String() != letters:
		return 0, "has its letters out of order or twice; they are written " + may.String() + "."
	}
	return may, ""
}

// typeName says whether a name could be that of a resource type.
func typeName(name string) bool {
	if name == "" || len(name) > 64 || name[0] < 'A' || name[0] > 'Z' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// WriteScopes writes scopes in the form of SMART's second version, the shortest list that ParseScopes reads as the same: that of all types first, the others by
// name, AdminScope last.
func WriteScopes(given fhir.Scopes, admin bool) []string {
	var list []string
	forAll := given[fhir.AnyType]
	for _, resourceType := range slices.Sorted(maps.Keys(given)) { // * is before all letters
		may := given[resourceType]
		if resourceType != fhir.AnyType {
			may &^= forAll
		}
		if may != 0 {
			list = append(list, "system/"+resourceType+"."+may.String())
		}
	}
	if admin {
		list = append(list, AdminScope)
	}
	return list
}
