package booking

import "github.com/portico-health/portico/fhir"

// What is here is not built yet. Who builds it takes it out; the file is gone at the end.

// FulfilmentKey is the key of the Task by which an appointment is fulfilled.
func FulfilmentKey(appointment fhir.Key) fhir.Key { return fhir.Key{} }

// Fulfilment is the Task of an appointment that names a HealthcareService, brought in step with it, and whether that changed anything. The task is the one that is
// there, or the zero Resource; a task of another focus stays as it is. The appointment is the zero Resource when it was deleted.
func Fulfilment(base string, key fhir.Key, appointment, task fhir.Resource, now fhir.Instant) (fhir.Resource, bool) {
	return task, false
}

// CheckFulfilment says why a client may not write the fulfilment Task of an appointment so: its status contradicts that of the appointment. Its error is Unprocessable.
func CheckFulfilment(base string, appointment, task fhir.Resource) error { return nil }
