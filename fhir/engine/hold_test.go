package engine_test

import (
	"fmt"
	"strings"
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

// TestHoldTellsNothingOfWhatMayNotBeRead: who may only create learns of an appointment that is there only whether it is held, and who may not read it no status.
func TestHoldTellsNothingOfWhatMayNotBeRead(t *testing.T) {
	e := newCalendar(t)
	ok(holdA).carryOut(t, e)
	who := alice
	who.Scopes = fhir.Scopes{"Appointment": fhir.MayCreate}
	if again, err := e.Hold(t.Context(), who, aKey); err != nil || again.Changed || again.Rejected {
		t.Errorf("%+v, %v", again, err)
	}
	ok(cancelA).carryOut(t, e)
	_, err := e.Hold(t.Context(), who, aKey)
	wantKind(t, err, fhir.Forbidden, "Appointment.u")
	who.Scopes = fhir.Scopes{"Appointment": fhir.MayCreate | fhir.MayUpdate}
	held, err := e.Hold(t.Context(), who, aKey)
	if err != nil {
		t.Fatal(err)
	}
	booked, err := e.Book(t.Context(), who, engine.BookRequest{Reference: aKey})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []engine.Booking{held, booked} {
		if told := fmt.Sprint(b.Issues); !b.Rejected || !strings.Contains(told, "as it stands") || strings.Contains(told, "cancelled") {
			t.Error(told)
		}
	}
}
