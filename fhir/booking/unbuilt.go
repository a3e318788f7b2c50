package booking

import (
	"time"

	"github.com/portico-health/portico/fhir"
)

// What is here is not built yet. Who builds it takes it out; the file is gone at the end.

// Span is a time, the end excluded.
type Span struct{ Start, End fhir.Instant }

// Appointment is what booking looks at in an Appointment.
type Appointment struct {
	Key       fhir.Key
	Status    string
	Span                   // zero where it has no time
	Slots     []fhir.Key   // those of this server, in the order in which it names them
	Services  []fhir.Key   // HealthcareServices that take part
	HoldUntil fhir.Instant // 0: none
}

// AppointmentOf reads an Appointment; the zero one of the zero Resource. References may be absolute, below the base URL.
func AppointmentOf(base string, r fhir.Resource) Appointment { return Appointment{} }

// IsLive says whether the appointment takes its slots: it is pending, booked, arrived or checked-in.
func (a Appointment) IsLive() bool { return false }

// IsLapsed says whether the appointment is pending, and its hold has ended.
func (a Appointment) IsLapsed(now fhir.Instant) bool { return false }

// Slot is what booking looks at in a Slot.
type Slot struct {
	Key    fhir.Key
	Status string
	Span
	Schedule fhir.Key
	Holder   fhir.Key // the appointment that it names; zero for none
	Attempt  string   // which attempt of a booking in steps took it; "" for none
}

// SlotOf reads a Slot.
func SlotOf(base string, r fhir.Resource) Slot { return Slot{} }

// Take is a copy of a Slot that an appointment holds, with a status of "busy", "busy-tentative" or "busy-unavailable".
func Take(slot fhir.Resource, status string, by fhir.Key, attempt string) fhir.Resource { return slot }

// Release is a copy of a Slot that nobody holds: it is free, and names nobody.
func Release(slot fhir.Resource) fhir.Resource { return slot }

// CheckFit says what is wrong with the slots that an appointment names, in its order: each stands once, all are of one Schedule and adjacent, and begin and end
// with the appointment. Its error is Unprocessable, with everything that is wrong.
func CheckFit(a Appointment, slots []Slot) error { return nil }

// Policy is what a service demands of who books it. The zero Policy demands nothing.
type Policy struct {
	Notice time.Duration // before the start, of a cancellation or a move
	Lead   time.Duration // before the start, of a booking
}

// PolicyOf reads the policy of a HealthcareService. Its error is Unprocessable, for values that are no such durations.
func PolicyOf(service fhir.Resource) (Policy, error) { return Policy{}, nil }

// Strictest demands what any of them does.
func Strictest(all ...Policy) Policy { return Policy{} }

// CheckBook says why slots that are newly taken may not be booked now: they began already, or the lead time is too short. Arrived and checked-in appointments tell
// what was, and are not late. Its error is Unprocessable.
func CheckBook(a Appointment, newly []Slot, p Policy, now fhir.Instant) error { return nil }

// CheckLeave says why an appointment may not leave its slots now, by being cancelled, deleted (after is zero) or moved: the notice is too short. One that becomes
// fulfilled or noshow may, and so may one of which the provider is the cause. Its error is Unprocessable.
func CheckLeave(before, after fhir.Resource, p Policy, now fhir.Instant) error { return nil }

// FulfilmentKey is the key of the Task by which an appointment is fulfilled.
func FulfilmentKey(appointment fhir.Key) fhir.Key { return fhir.Key{} }

// Fulfilment is the Task of an appointment that names a HealthcareService, brought in step with it, and whether that changed anything. The task is the one that is
// there, or the zero Resource; a task of another focus stays as it is. The appointment is the zero Resource when it was deleted.
func Fulfilment(base string, key fhir.Key, appointment, task fhir.Resource, now fhir.Instant) (fhir.Resource, bool) {
	return task, false
}

// CheckFulfilment says why a client may not write the fulfilment Task of an appointment so: its status contradicts that of the appointment. Its error is Unprocessable.
func CheckFulfilment(base string, appointment, task fhir.Resource) error { return nil }
