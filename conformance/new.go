package conformance

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// FHIRPath is where the FHIR face stands below the URL of the server.
const FHIRPath = "/fhir"

// ValidateDefinition is the canonical URL of R4's operation $validate.
const ValidateDefinition = "http://hl7.org/fhir/OperationDefinition/Resource-validate"

// The canonical URLs of this server's own operations.
const (
	ExplainDefinition  = ownOperations + "explain"
	GenerateDefinition = ownOperations + "generate-slots"

	ownOperations = fhir.OwnURL + "OperationDefinition/"
)

// JSONPatch is the media type of the patches that are read (RFC 6902).
const JSONPatch = "application/json-patch+json"

// How large a Bundle may be that is carried out at the base.
const (
	MaxBundleEntries = 1000
	MaxBundleBytes   = 50 << 20
)

// Config is what the table of promises depends on.
type Config struct {
	Release string    // the program's version
	BaseURL string    // by which clients reach the server, without FHIRPath and without a slash at its end
	Started time.Time // the date of the documents
	Types   []string  // the served resource types, as ServedTypes returns them

	Transactions bool // the store carries out several changes as one

	Search func(resourceType string) Search // what is promised of the search of a type

	SearchLimits SearchLimits
	Results      []string // the parameters that shape the result of a search

	Definitions []fhir.Resource // what the server defines itself beside its operations: SearchParameters

	Security Security

	// Unchecked returns the keys of the invariants of a type that the validator does not check.
	Unchecked func(resourceType string) []string
}

// New makes the table of promises: every type with all interactions, but only those that read for
// the types of ReadOnlyTypes, and no history of them; $validate for every type; two versions of the face; the compartments of served types.
func New(c Config) Promises {
	p := Promises{
		Software: "Portico", Release: c.Release, BaseURL: c.BaseURL + FHIRPath, Started: c.Started,
		Versions: []APIVersion{{Number: "1"}, {Number: "2", Strict: true, MatchRequired: true}},
		System:   []Interaction{Transaction, Batch, HistorySystem, SearchSystem},

		SearchLimits: c.SearchLimits, Results: c.Results, Security: c.Security,

		Operations: []Operation{{Name: "explain", Definition: ExplainDefinition, System: true}},
	}
	for _, name := range c.Types {
		t := Type{
			Name: name, Interactions: interactions(name), Limit: limits[name], Conditional: conditional(name), Unchecked: c.Unchecked(name),
			Search:     c.Search(name),
			Operations: []Operation{{Name: "validate", Definition: ValidateDefinition, Type: true, Instance: true}},
		}
		if offersBooking(c.Types) {
			t.offerBooking()
		}
		if name == "Schedule" && offersSlots(c.Types) {
			t.Operations = append(t.Operations, Operation{Name: "generate-slots", Definition: GenerateDefinition, Instance: true, Changes: true})
		}
		p.Types = append(p.Types, t)
		if r4.Compartment(name) != nil {
			p.Compartments = append(p.Compartments, name)
		}
	}
	if !c.Transactions {
		p.System = slices.DeleteFunc(p.System, func(i Interaction) bool { return i == Transaction })
	}
	if p.OffersSystem(SearchSystem) {
		p.Params = common(p.Types)
	}
	p.Types = append(p.Types, definitionTypes(c)...)
	slices.SortFunc(p.Types, func(a, b Type) int { return cmp.Compare(a.Name, b.Name) })
	return p
}

// common are the search parameters that all types have.
func common(types []Type) []Param {
	if len(types) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(types[0].Params), func(p Param) bool {
		return slices.ContainsFunc(types, func(t Type) bool {
			return !slices.ContainsFunc(t.Params, func(q Param) bool { return p.Name == q.Name && p.Definition == q.Definition })
		})
	})
}

// limits are what a client might expect of a type and does not get.
var limits = map[string]string{
	"Subscription": "Stored, and its criteria checked; nothing is delivered.",
}

func interactions(resourceType string) []Interaction {
	if slices.Contains(ReadOnlyTypes(), resourceType) {
		return []Interaction{Read, Vread, SearchType} // the server's own records never change, so that they have no history
	}
	return []Interaction{Read, Vread, Update, Patch, Delete, HistoryInstance, HistoryType, Create, SearchType}
}

// conditional are the writing interactions that take a search for an id.
func conditional(resourceType string) []Interaction {
	if slices.Contains(ReadOnlyTypes(), resourceType) {
		return nil
	}
	return []Interaction{Create, Update, Patch, Delete}
}

// ReadOnlyTypes are the types that the server alone writes. The caller owns the slice.
func ReadOnlyTypes() []string { return []string{"AuditEvent"} }

// DefaultTypes are the nineteen types of booking and care, sorted. The caller owns the slice.
func DefaultTypes() []string {
	return []string{
		"Appointment", "AppointmentResponse", "AuditEvent", "DocumentReference", "Encounter", "HealthcareService", "Location",
		"Observation", "Organization", "Patient", "Practitioner", "PractitionerRole", "Provenance", "RelatedPerson", "Schedule",
		"ServiceRequest", "Slot", "Subscription", "Task",
	}
}

// allTypes asks ServedTypes for everything.
const allTypes = "all"

// ServedTypes turns the setting of the served types into their names, sorted: the default ones for an empty list, every
// type of R4 for "all" (but Parameters, which cannot be stored: https://hl7.org/fhir/R4/parameters.html), else
// those that it names. Its error names every fault.
func ServedTypes(setting []string) ([]string, error) {
	switch {
	case len(setting) == 0:
		return DefaultTypes(), nil
	case len(setting) == 1 && setting[0] == allTypes:
		return slices.DeleteFunc(r4.ResourceTypes(), func(t string) bool { return t == "Parameters" }), nil
	}
	var names []string
	var faults []error
	for _, name := range setting {
		name = strings.TrimSpace(name)
		if err := servable(name); err != nil {
			faults = append(faults, err)
			continue
		}
		names = append(names, name)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// servable says what is wrong with a name as a served type.
func servable(name string) error {
	switch {
	case name == "Parameters":
		return errors.New(`"Parameters" cannot be served: R4 does not let it be stored`)
	case name == allTypes:
		return errors.New(`"all" stands alone, without other types`)
	case r4.IsResource(name):
		return nil
	}
	for _, t := range r4.ResourceTypes() {
		if strings.EqualFold(t, name) {
			return fmt.Errorf("%q is no resource type of R4; the name is written %s", name, t)
		}
	}
	return fmt.Errorf("%q is no resource type of R4", name)
}
