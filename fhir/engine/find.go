package engine

import (
	"github.com/portico-health/portico/fhir"
)

// Proposals is what $find answers: proposed Appointments, which can be read under their ids until they expire.
type Proposals struct {
	Appointments []fhir.Version // proposed, soonest first; their Number is 0, for they are not stored
	Total        int            // appointments that were determined, those that Count left out among them; MaxDetermined at most, and then Issues say that there are more
	Issues       []fhir.Issue   // what there is to say about it, all of it information or warnings: that there are more than were determined
}

// The bounds of $find.
const (
	DefaultProposals = 50    // what comes where no Count is asked for
	MaxDetermined    = 1_000 // proposals that are looked for at most: nobody chooses from more
	MaxFindDays      = 400   // that are looked at, from the start of the period or from now, whichever is later
	MaxFindValues    = 100   // of one parameter, and of each element of a timing
)

// FindRequest is what $find is asked (https://profiles.ihe.net/ITI/Scheduling/OperationDefinition/appointment-find), a field for each parameter. Fields that
// are nil or zero ask for nothing. Of several actors of one kind any will do, and the first is preferred; of each kind one has to take part.
type FindRequest struct {
	From, To fhir.Instant // start and end, 1..1: the appointment begins at From or later, and ends at To at the latest. What is behind MaxFindDays is not looked at

	Specialties   []string    // specialty: "system|code", "code" of any system, "|code" of none, as a token is searched
	VisitTypes    []string    // visit-type, in the same form: Slot.serviceType
	Practitioners []Reference // practitioner: a Practitioner or PractitionerRole, literal or by identifier
	Organizations []Reference // organization: provides the service, manages the location or employs the practitioner. Literal or by identifier
	Locations     []Reference // location-reference
	LocationTexts []string    // location-string: as a string search over Location.address; it is of one kind with Locations

	Patients    []Reference     // patient-reference; they take part
	NewPatients []fhir.Resource // patient-resource: Patients that the server may not have; they take part, contained in the proposals
	Reasons     []string        // reason: "system|code" or "code"; becomes reasonCode
	Referral    Reference       // referral-identifier, as a logical Reference: of a ServiceRequest, on which the proposals are based; zero for none
	Insurances  []Reference     // insurance-reference: a Coverage or InsurancePlan, literal or by identifier; becomes supportingInformation
	Timing      *fhir.Object    // timing, as it came; nil for none. What is understood of it is told in timing.go

	Count     int  // _count: so many proposals at most, 1 to MaxDetermined; 0: DefaultProposals
	TotalOnly bool // _count=0
}

// Reference points at a resource, literally or logically (https://hl7.org/fhir/R4/references.html).
type Reference struct {
	Key           fhir.Key // of this server; where it is logical the type alone, if it tells one
	System, Value string   // of the identifier; System may be ""
}

// IsZero says whether it points at nothing.
func (r Reference) IsZero() bool { return r == Reference{} }

// isLogical says whether it points by an identifier.
func (r Reference) isLogical() bool { return r.Value != "" }
