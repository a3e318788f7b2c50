package engine_test

import (
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// A create under an id that was given out before makes the resource once, and again when it was deleted.
func TestCreateUnderAnIDThatWasGivenOut(t *testing.T) {
	e := newEngineOf(t, "Appointment", "Patient")
	create := func() (engine.Outcome, error) {
		return e.Write(t.Context(), alice, engine.Change{Action: engine.ActCreate, Key: aKey, Resource: pendingAppointment("")})
	}
	o, err := create()
	if err != nil || o.Version.Key != aKey || o.Version.Number != 1 || o.Version.Method != fhir.Created || !o.Created {
		t.Fatalf("%+v, %v", o, err)
	}
	_, err = create()
	wantKind(t, err, fhir.Conflict, "exists already")
	if _, err := e.Write(t.Context(), alice, engine.Change{Action: engine.ActDelete, Key: aKey}); err != nil {
		t.Fatal(err)
	}
	if o, err = create(); err != nil || o.Version.Number != 3 || !o.Created {
		t.Errorf("%+v, %v", o, err)
	}
}

// A face that hands over what is no Appointment is told so, and not a NotFound or a panic.
func TestOnlyAppointmentsAreHeldAndBooked(t *testing.T) {
	e := newEngineOf(t, "Appointment", "Patient")
	_, err := e.Hold(t.Context(), alice, pKey)
	wantKind(t, err, fhir.Invalid, "not a resource of type")
	_, err = e.Book(t.Context(), alice, engine.BookRequest{Resource: newPatient()})
	wantKind(t, err, fhir.Invalid, "not a resource of type")
	_, err = newEngineOf(t, "Patient").Hold(t.Context(), alice, aKey)
	wantKind(t, err, fhir.NotFound, "not served")
}
