package booking

import (
	"iter"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// stages are the statuses that a Task may have beside the status of its appointment. The first is the one that the server gives it; who does the work may say
// more precisely how far it is (https://hl7.org/fhir/R4/task.html#statemachine). There are none for a status that R4 does not know.
func (f *fulfilment) stages() []string {
	switch f.a.Status {
	case "proposed", "pending", "booked", "waitlist":
		if f.accepted() != nil {
			return []string{"accepted", "ready"}
		}
		return []string{"requested", "received", "accepted", "ready"}
	case "arrived", "checked-in":
		return []string{"in-progress", "on-hold"}
	case "fulfilled":
		return []string{"completed"}
	case "cancelled", "noshow":
		return []string{"cancelled", "rejected"}
	case "entered-in-error":
		return []string{"entered-in-error"}
	default:
		return nil
	}
}

// standing says in words how far the appointment is.
func (f *fulfilment) standing() string {
	if stages := f.stages(); len(stages) > 0 && stages[0] == "accepted" {
		return f.a.Status + ", and a practitioner has accepted"
	}
	return f.a.Status
}

// followStatus keeps a status that agrees with the appointment, and replaces another one.
func (f *fulfilment) followStatus() {
	stages := f.stages()
	if len(stages) > 0 && (!slices.Contains(stages, f.before) || f.isOverclaimed()) {
		f.setStatus(stages[0])
	}
}

// isOverclaimed says whether the Task is accepted by a practitioner who has not accepted the appointment, or does so no longer.
func (f *fulfilment) isOverclaimed() bool {
	status := f.task.Text("status")
	return (status == "accepted" || status == "ready") && f.accepted() == nil && pointsAt(f.task.Object("owner"), practitioners...)
}

// setStatus changes the status. The reason of the old one is none of the new one.
func (f *fulfilment) setStatus(status string) {
	if f.task.Text("status") != status {
		f.setText("status", status)
		f.task.Delete("statusReason")
	}
}

// practitioners are the types of those who do what is booked.
var practitioners = []string{"Practitioner", "PractitionerRole"}

// accepted is the actor of the appointment who does what is booked, and has accepted; nil for none. Of several it is the owner of the Task, where it is
// among them, else the first.
func (f *fulfilment) accepted() *fhir.Object {
	var first *fhir.Object
	for actor := range f.actors("accepted", practitioners...) {
		if samePlace(f.base, actor, f.task.Object("owner")) {
			return actor
		}
		if first == nil {
			first = actor
		}
	}
	return first
}

// actors are those of the appointment's participants that are of one of the types; and of a participation status, where one is asked for.
func (f *fulfilment) actors(status string, types ...string) iter.Seq[*fhir.Object] {
	return func(yield func(*fhir.Object) bool) {
		for _, p := range f.appointment.Objects("participant") {
			actor := p.Object("actor")
			if pointsAt(actor, types...) && (status == "" || p.Text("status") == status) && !yield(actor) {
				return
			}
		}
	}
}

// anyOf lists words: "a, b or c".
func anyOf(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
