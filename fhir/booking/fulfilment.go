package booking

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// What the ids of fulfilment Tasks begin with: the second where a hash follows.
const (
	fulfilmentID   = "fulfilment-"
	fulfilmentHash = "fulfilment."
)

// FulfilmentKey is the key of the Task by which an appointment is fulfilled: its id is that of the appointment behind "fulfilment-" or, where that is longer
// than an id may be, its SHA-256 behind "fulfilment.", cut to 40 digits. No id of an appointment leads to the Task of another.
func FulfilmentKey(appointment fhir.Key) fhir.Key {
	id := fulfilmentID + appointment.ID
	if !fhir.ValidID(id) {
		sum := sha256.Sum256([]byte(appointment.ID))
		id = fulfilmentHash + hex.EncodeToString(sum[:20])
	}
	return fhir.Key{Type: "Task", ID: id}
}

// IsFulfilment says whether a key may be that of a Task by which an appointment is fulfilled.
func IsFulfilment(task fhir.Key) bool {
	return task.Type == "Task" && (strings.HasPrefix(task.ID, fulfilmentID) || strings.HasPrefix(task.ID, fulfilmentHash))
}

// Fulfilment is the Task by which an appointment is fulfilled, brought in step with it, and whether that changed anything; where it did not, it is the task that
// was given. Every appointment that names a HealthcareService has one. The key is the appointment's, and the appointment the zero Resource when it was deleted;
// the task is the one that is there, or the zero Resource. A task of another focus stays as it is.
//
// The server owns status, intent, focus, authoredOn, lastModified; code, where the appointment says what is done; restriction.period, executionPeriod.start
// and end; owner and for, where they are Practitioner, PractitionerRole and Patient of the appointment. All else stays as others left it, but for a
// statusReason, which goes with its status.
func Fulfilment(base string, key fhir.Key, appointment, task fhir.Resource, now fhir.Instant) (fhir.Resource, bool) {
	a := AppointmentOf(base, appointment)
	has := len(a.Services) > 0
	switch {
	case task.IsZero() && !has:
		return task, false
	case !task.IsZero() && !hasFocus(base, task, key):
		return task, false
	}
	f := fulfilment{base: base, a: a, appointment: appointment.Root(), task: task.Clone().Root(), before: task.Root().Text("status"), now: now}
	if task.IsZero() {
		f.task = fhir.NewObject(fhir.Member{Name: "resourceType", Value: "Task"}, fhir.Member{Name: "id", Value: FulfilmentKey(key).ID})
		f.set("focus", referenceTo(key))
		f.set("authoredOn", now.String())
	}
	if has {
		f.follow()
	} else {
		f.end()
	}
	if !task.IsZero() && fhir.Equal(f.task, task.Root()) {
		return task, false
	}
	f.setText("lastModified", notBefore(f.task.Text("authoredOn"), now))
	return fhir.NewResource(f.task), true
}

// CheckFulfilment says why a client may not write the fulfilment Task of an appointment so: its status contradicts that of the appointment, or it is no longer the
// order to fulfil it. What it lets pass, Fulfilment lets stay. Who has accepted is said in the appointment, as the status of a participant. Nothing can
// be said against the Task of an appointment that is not there, or names no HealthcareService. Its error is Unprocessable.
func CheckFulfilment(base string, appointment, task fhir.Resource) error {
	a := AppointmentOf(base, appointment)
	if len(a.Services) == 0 {
		return nil
	}
	var wrong faults
	if !hasFocus(base, task, a.Key) {
		wrong.add("Task.focus", "The Task fulfils %s: that is its focus, and stays it.", a.Key)
	}
	if intent := task.Root().Text("intent"); intent != "order" {
		wrong.add("Task.intent", "The intent of a Task that fulfils an appointment is order, not %s.", fhir.Quote(intent))
	}
	f := fulfilment{base: base, a: a, appointment: appointment.Root(), task: task.Root()}
	status := task.Root().Text("status")
	switch stages := f.stages(); {
	case !slices.Contains(stages, status):
		wrong.add("Task.status", "The Task may not be %s while %s is %s, only %s.", fhir.Quote(status), a.Key, f.standing(), anyOf(stages))
	case f.isOverclaimed():
		wrong.add("Task.status", "The Task may not be %s, for its owner has not accepted in %s: the participant's status there says who accepted.", status, a.Key)
	}
	return wrong.err()
}

func hasFocus(base string, task fhir.Resource, appointment fhir.Key) bool {
	focus, ours := keyOf(base, task.Root().Object("focus"), "Appointment")
	return ours && focus == appointment
}

// fulfilment is a Task on its way to be in step with its appointment.
type fulfilment struct {
	base        string
	a           Appointment
	appointment *fhir.Object // nil when it was deleted
	task        *fhir.Object
	before      string // status of the Task; "" for a new one
	now         fhir.Instant
}

// follow brings everything in step that the server owns.
func (f *fulfilment) follow() {
	f.followStatus()
	f.setText("intent", "order")
	f.followCode()
	f.followFor()
	f.followOwner()
	f.followRestriction()
	f.followExecution()
}

// end closes the Task of an appointment that is no more, or is no longer one of a service, unless it came to its end before.
func (f *fulfilment) end() {
	switch {
	case f.a.Status == "entered-in-error":
		f.setStatus("entered-in-error")
	case !slices.Contains([]string{"completed", "rejected", "failed", "entered-in-error"}, f.before):
		f.setStatus("cancelled")
	}
}
