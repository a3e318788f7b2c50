package conformance

import "slices"

// The canonical URLs of the operations of IHE's ITI Scheduling (https://profiles.ihe.net/ITI/Scheduling/). They are defined there; this server has them as they
// are, and so has no definitions of its own.
const (
	FindDefinition = ofScheduling + "appointment-find"
	HoldDefinition = ofScheduling + "appointment-hold"
	BookDefinition = ofScheduling + "appointment-book"

	ofScheduling = "https://profiles.ihe.net/ITI/Scheduling/OperationDefinition/"
)

// scheduling are the operations by which time is found and booked.
func scheduling() []Operation {
	return []Operation{
		{Name: "find", Definition: FindDefinition, Type: true},
		{Name: "hold", Definition: HoldDefinition, Type: true, Changes: true},
		{Name: "book", Definition: BookDefinition, Type: true, Changes: true},
	}
}

// offerBooking adds to what is promised of a type what booking makes of it.
func (t *Type) offerBooking() {
	switch t.Name {
	case "Appointment":
		t.Operations = append(t.Operations, scheduling()...)
		t.Limit = "$find, $hold and $book take POST alone; $hold and $book are no part of transactions."
	case "Task":
		t.Limit = "The Task fulfilment-[id] of an Appointment that names a HealthcareService follows it: of its statuses it takes those that go with that of the Appointment."
	case "Slot":
		t.Limit = "A slot has room for one appointment. While one holds it, its status, schedule, start and end change with that alone."
	}
}

// offersBooking says whether there is all that booking takes: appointments, and slots in schedules.
func offersBooking(types []string) bool {
	return slices.Contains(types, "Appointment") && offersSlots(types)
}

// offersSlots says whether there are slots in schedules.
func offersSlots(types []string) bool {
	return slices.Contains(types, "Slot") && slices.Contains(types, "Schedule")
}
