package audit

import (
	"iter"

	"github.com/portico-health/portico/fhir"
)

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
	Patients    []string // ids of the patients whose data were shown or changed: PatientsOf. Of many several events are made
	Outcome     Outcome
	Detail      string // of what is no Success: why, as the client was told; no data of a patient
}

// The bounds of an event: it fits into a block. Texts are cut; of what concerns more patients several events are kept.
const (
	maxText     = 8 << 10 // bytes of Event.Query: a URL has no more
	maxDetail   = 1 << 10 // bytes of Event.Detail
	maxWord     = 256     // bytes of each other text
	maxPatients = 3000    // whose ids have 64 bytes at most (https://hl7.org/fhir/R4/datatypes.html#id)
)

// bound cuts the texts of an event.
func (e *Event) bound() {
	e.Query, e.Detail = cut(e.Query, maxText), cut(e.Detail, maxDetail)
	for _, word := range []*string{&e.Who.Client, &e.Who.Request, &e.Who.Address, &e.Key.Type, &e.Key.ID} {
		*word = cut(*word, maxWord)
	}
}

// parts are the event, or where it has too many patients several of them, each with some, in their order.
func (e *Event) parts() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		part, left := *e, e.Patients
		for more := true; more; more = len(left) > 0 && more {
			n := min(len(left), maxPatients)
			part.Patients, left = left[:n:n], left[n:]
			more = yield(part)
		}
	}
}

// Recorder takes events. Its error is Unavailable: the record cannot be kept now, so what it tells of must not be done.
type Recorder interface {
	Record(Event) error
}
