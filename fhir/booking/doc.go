// Package booking knows the rules by which time is booked: which appointments take a slot, how a Slot says who has it, what a service demands of who books
// or cancels, how the fulfilment Task follows its Appointment, and which slots come of working hours. It is pure: resources and times go in, resources and
// refusals come out. What is in the store, and how a booking gets there whole, is the engine's (fhir/engine: book.go, steps.go); DESIGN.md tells both.
//
// Slots have room for one (https://hl7.org/fhir/R4/slot.html). Appointments that are pending, booked, arrived or checked-in take theirs; all others take none.
package booking
