package conformance

import "github.com/portico-health/portico/fhir"

// generateOperation is the OperationDefinition of $generate-slots.
func generateOperation() fhir.Resource {
	return operationDefinition(definition{
		code: "generate-slots", name: "GenerateSlots", title: "Make the free slots of a Schedule by its working hours",
		description: "The working hours are an extension of the Schedule. The operation may be done again when they have changed: slots that it made before, that are free and that the hours do not ask for any more are deleted; " +
			"slots that are taken, and those that a client wrote, stay as they are, and none is made that overlaps with them. Slots that begin before now, or before the lead time is over, are not touched.",
		changes:     true,
		instancesOf: []string{"Schedule"},
		in: []operand{
			{"start", "dateTime", 1, "1", "Slots are made that begin then or later: an instant, or a day in the time zone of the working hours.", nil},
			{"end", "dateTime", 1, "1", "Slots are made that begin before it: an instant, or a day in that time zone, which is the last one.", nil},
		},
		out: []operand{
			{"created", "integer", 1, "1", "Slots that were made.", nil},
			{"kept", "integer", 1, "1", "Slots that the hours ask for and that were there already, whatever their status.", nil},
			{"removed", "integer", 1, "1", "Slots that were generated before, were free, and are deleted.", nil},
			{"left", "integer", 1, "1", "Times for which the hours ask and that have no slot of their own, for another slot takes some of them.", nil},
		},
	})
}
