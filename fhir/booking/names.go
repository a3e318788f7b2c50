package booking

import "github.com/portico-health/portico/fhir"

// The extensions of this project. Their values are in the docstrings, as type and unit.
const (
	// HolderURL stands in a Slot that is taken: the Appointment that has it (valueReference). The server writes it. The id of the extension is the attempt that took it.
	HolderURL = fhir.OwnURL + "StructureDefinition/slot-appointment"

	// HoldUntilURL stands in a pending Appointment: until when its slots are held (valueInstant). Then it lapses: it becomes cancelled, and its slots free.
	HoldUntilURL = fhir.OwnURL + "StructureDefinition/hold-until"

	// NoticeURL stands in a HealthcareService: how long before its start an appointment may be cancelled or moved at the latest (valueDuration, in min, h or d).
	NoticeURL = fhir.OwnURL + "StructureDefinition/cancellation-notice"

	// LeadTimeURL stands in a HealthcareService or in working hours: how long before its start a slot may be booked at the latest (valueDuration, in min, h or d).
	LeadTimeURL = fhir.OwnURL + "StructureDefinition/booking-lead-time"

	// WorkingHoursURL stands in a Schedule: the rules by which its slots are made. See Hours.
	WorkingHoursURL = fhir.OwnURL + "StructureDefinition/working-hours"

	// GeneratedURL stands in a Slot that was made by working hours, and may be made anew (valueBoolean, true).
	GeneratedURL = fhir.OwnURL + "StructureDefinition/generated-slot"
)
