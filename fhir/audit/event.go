package audit

import "github.com/portico-health/portico/fhir"

// NoSite is the partition of what was refused before it was known whose site it concerns: the operator's own.
const NoSite = fhir.Partition("_portico/live")

// Interaction is what was done: a code of https://hl7.org/fhir/R4/valueset-type-restful-interaction.html, or Login.
type Interaction string

// The interactions that are recorded.
const (
	Read            Interaction = "read"
	Vread           Interaction = "vread"
	HistoryInstance Interaction = "history-instance"
	HistoryType     Interaction = "history-type"
	HistorySystem   Interaction = "history-system"
	SearchType      Interaction = "search-type"
	SearchSystem    Interaction = "search-system"
	Create          Interaction = "create"
	Update          Interaction = "update"
	Patch           Interaction = "patch"
	Delete          Interaction = "delete"
	Operation       Interaction = "operation"
	Login           Interaction = "login" // a sign-in: a request for a token, or a credential that was refused
)

// allInteractions are those above.
var allInteractions = []Interaction{
	Read, Vread, HistoryInstance, HistoryType, HistorySystem, SearchType, SearchSystem, Create, Update, Patch, Delete, Operation, Login,
}

// Outcome says how it ended: a code of https://hl7.org/fhir/R4/valueset-audit-event-outcome.html.
type Outcome uint8

// The outcomes.
const (
	Success Outcome = 0
	Refused Outcome = 4 // not allowed, not there, or not valid
	Failed  Outcome = 8 // a failure of the server
)

// OutcomeOf is that of an error; nil is Success.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Success
	}
	switch fhir.AsError(err).Kind {
	case fhir.Internal, fhir.Unavailable:
		return Failed
	default:
		return Refused
	}
}

// Event is one thing that somebody did, or tried to do.
type Event struct {
	Instant     fhir.Instant // when; Record sets it where it is 0
	Who         fhir.Principal
	Interaction Interaction
	Key         fhir.Key // the resource; without ID the type; zero for all types
	Number      int64    // its version; 0 where none was seen or made
	Query       string   // of a search, percent-encoded, as it was understood
	Patients    []string // ids of the patients whose data were shown or changed: PatientsOf
	Outcome     Outcome
	Detail      string // of what is no Success: why, as the client was told; no data of a patient
}

// Recorder takes events. Its error is Unavailable: the record cannot be kept now, so what it tells of must not be done.
type Recorder interface {
	Record(Event) error
}
