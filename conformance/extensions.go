package conformance

import "github.com/portico-health/portico/fhir"

// ownStructures is what the canonical URLs of this server's own extensions begin with. What they mean is the booking's (fhir/booking).
const ownStructures = fhir.OwnURL + "StructureDefinition/"

// amounts are the durations that the extensions of booking have.
const amounts = " It is 0 to 400 days, in min, h or d of UCUM."

// bookingExtensions are those by which appointments take slots.
func bookingExtensions() []extension {
	return []extension{
		{id: "slot-appointment", name: "SlotAppointment", max: "1", typ: "Reference", target: "Appointment", contexts: []context{{"element", "Slot"}},
			means: "The Appointment that holds the Slot. The server writes it, and takes it away when the Slot is free again. A client may write it onto a Slot that nobody holds, to keep it for an Appointment that is still to be loaded."},
		{id: "hold-until", name: "HoldUntil", max: "1", typ: "instant", contexts: []context{{"element", "Appointment"}},
			means: "Until when a pending Appointment holds its slots. Then it becomes cancelled, and they free. $hold writes it, and a client may."},
		{id: "cancellation-notice", name: "CancellationNotice", max: "1", typ: "Duration", contexts: []context{{"element", "HealthcareService"}},
			means: "How long before its start an Appointment may be cancelled or moved at the latest, unless the provider is the cause." + amounts},
	}
}

// slotExtensions are those by which slots are made.
func slotExtensions() []extension {
	return []extension{
		{id: "booking-lead-time", name: "BookingLeadTime", max: "1", typ: "Duration", contexts: []context{{"element", "HealthcareService"}, {"extension", ownStructures + "working-hours"}},
			means: "How long before its start a Slot may be booked at the latest." + amounts},
		{id: "generated-slot", name: "GeneratedSlot", max: "1", typ: "boolean", contexts: []context{{"element", "Slot"}},
			means: "The Slot was made by working hours ($generate-slots), and may be deleted by the same when it is free and they do not ask for it any more. The server writes it."},
		{id: "working-hours", name: "WorkingHours", max: "1", contexts: []context{{"element", "Schedule"}}, parts: workingHours(),
			means: "When a Schedule is open, and how that time is divided into slots; $generate-slots makes them. Hours are told weekly, or as exceptions, or both."},
	}
}

// workingHours are the parts of working hours.
func workingHours() []extension {
	return []extension{
		{id: "time-zone", max: "1", typ: "code", means: "Where the clock hangs by which the hours are: an IANA name such as Europe/London, which it is where there is none."},
		{id: "slot-length", min: 1, max: "1", typ: "Duration", means: "How long a slot is, in whole minutes: 5 minutes to 1 day."},
		{id: "gap", max: "1", typ: "Duration", means: "What lies between two slots, in whole minutes: at most 1 day."},
		{id: "booking-lead-time", max: "1", profile: ownStructures + "booking-lead-time", means: "How long before its start a Slot may be booked at the latest, in whole minutes. None is made that begins sooner."},
		{id: "weekly", max: "100", means: "Hours of every week.", parts: append([]extension{
			{id: "day", min: 1, max: "7", typ: "code", codes: "http://hl7.org/fhir/ValueSet/days-of-week", means: "A day on which they begin."},
		}, bounds()...)},
		{id: "exception", max: "500", means: "Other hours on one day, or on the days of a period: one of the two stands here. Without hours it is closed. Of several for one day the last one counts.", parts: []extension{
			{id: "date", max: "1", typ: "date", means: "The day."},
			{id: "period", max: "1", typ: "Period", means: "The first day and the last one, both included."},
			{id: "hours", max: "20", means: "Hours of these days.", parts: bounds()},
		}},
	}
}

// bounds are when hours begin and end.
func bounds() []extension {
	return []extension{
		{id: "from", min: 1, max: "1", typ: "time", means: "When they begin."},
		{id: "to", min: 1, max: "1", typ: "time", means: "When they end. Where that is not behind the beginning, they end on the next day."},
	}
}

// extensionDefinitions are the StructureDefinitions of the extensions that mean something where these types are served.
func extensionDefinitions(types []string) []fhir.Resource {
	var known []extension
	if offersSlots(types) {
		known = slotExtensions()
	}
	if offersBooking(types) {
		known = append(known, bookingExtensions()...)
	}
	var all []fhir.Resource
	for _, x := range known {
		all = append(all, structureDefinition(x))
	}
	return all
}
