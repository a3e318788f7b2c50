package engine

import (
	"time"

	"github.com/portico-health/portico/fhir"
)

// Time is a stretch of free time that Availability found: adjacent slots of one schedule, as many as the length asks for.
type Time struct {
	Slots    []fhir.Version
	Schedule fhir.Version
	Start    fhir.Instant
	End      fhir.Instant
}

// Wanted says which free time somebody looks for. Fields that are nil or zero ask for nothing; of several values in one field any suffices.
type Wanted struct {
	From, To   fhir.Instant  // it begins then or later, and before To; both are needed
	EndBy      fhir.Instant  // it ends then at the latest; 0: whenever
	Length     time.Duration // adjacent slots together are at least so long; 0: one slot of any length
	Services   []fhir.Key    // HealthcareServices
	Actors     [][]fhir.Key  // actors of the Schedule: any of each list. Of times that begin together those of an actor that stands further ahead in the first list come first
	PostalArea string        // of a Location of the schedule, or one that its service covers: see search.InPostalArea
	Codes      []string      // of the slot's serviceType, as a token is searched: "system|code", "code" of any system, "|code" of none
	Specialty  []string      // of its specialty, in the same way

	Suits func(start, end fhir.Instant) bool // whether such a time will do; nil: any does. It is the same for all pages

	After []byte // where the page before ended
	Limit int    // times; 1 at least
}
