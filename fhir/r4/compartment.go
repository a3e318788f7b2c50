package r4

import (
	_ "embed"
	"sync"
)

//go:embed compartments.txt
var compartmentTable string

var compartments = sync.OnceValue(func() map[string]map[string][]string {
	all := make(map[string]map[string][]string)
	for name, s := range sections(compartmentTable) {
		members := make(map[string][]string)
		for line := range s.lines() {
			var f [2]string
			fields(line, f[:])
			members[f[0]] = list(f[1])
		}
		all[name] = members
	}
	return all
})

// Compartment returns which resource types are in a compartment (Patient, Encounter, RelatedPerson, Practitioner,
// Device) and by which of their search parameters: a resource is in the compartment of Patient/1 when one of the
// parameters points at Patient/1 (http://hl7.org/fhir/R4/compartmentdefinition.html). Types that are never in it are
// left out. So is the pseudo parameter "{def}", which says that Patient/1 itself is in its own compartment. Nil when
// there is no such compartment. The map is shared and must not be changed.
func Compartment(name string) map[string][]string { return compartments()[name] }
