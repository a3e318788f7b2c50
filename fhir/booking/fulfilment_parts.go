package booking

import (
	"slices"

	"github.com/portico-health/portico/fhir"
)

// taskElements are the elements of a Task in R4's order, as far as they stand before one that the server owns
// (https://hl7.org/fhir/R4/task.html#resource).
var taskElements = []string{
	"resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension", "identifier", "instantiatesCanonical",
	"instantiatesUri", "basedOn", "groupIdentifier", "partOf", "status", "statusReason", "businessStatus", "intent", "priority", "code", "description", "focus",
	"for", "encounter", "executionPeriod", "authoredOn", "lastModified", "requester", "performerType", "owner", "location", "reasonCode", "reasonReference",
	"insurance", "note", "relevantHistory", "restriction",
}

// set puts an element of the Task into its place.
func (f *fulfilment) set(name string, value any) {
	behind := slices.Clone(taskElements[:slices.Index(taskElements, name)])
	slices.Reverse(behind)
	f.task.SetAfter(name, value, behind...)
}

// setText puts a primitive element of the Task into its place. What stood beside another value goes with it.
func (f *fulfilment) setText(name, value string) {
	if f.task.Text(name) != value {
		f.set(name, value)
		f.task.Delete("_" + name)
	}
}

// followCode says what is done: the first service type of the appointment, or else what it calls the service.
func (f *fulfilment) followCode() {
	for _, concept := range f.appointment.Objects("serviceType") {
		f.set("code", fhir.Clone(concept))
		return
	}
	for actor := range f.actors("", "HealthcareService") {
		if display := actor.Text("display"); display != "" {
			f.set("code", fhir.NewObject(fhir.Member{Name: "text", Value: display}))
			return
		}
	}
}

// followFor says for whom it is done: the first patient.
func (f *fulfilment) followFor() {
	for actor := range f.actors("", "Patient") {
		f.point("for", actor)
		return
	}
	if pointsAt(f.task.Object("for"), "Patient") {
		f.task.Delete("for")
	}
}

// followOwner says who does it: who accepted. The owner of a Task that goes back to be requested has not. One that stays requested may have an owner who is asked.
func (f *fulfilment) followOwner() {
	accepted, back := f.accepted(), f.before != "requested" && f.task.Text("status") == "requested"
	switch {
	case accepted != nil:
		f.point("owner", accepted)
	case back && pointsAt(f.task.Object("owner"), practitioners...):
		f.task.Delete("owner")
	}
}

// point makes an element a Reference to an actor. One that points there already stays as it is.
func (f *fulfilment) point(name string, actor *fhir.Object) {
	if there := f.task.Object(name); there == nil || !samePlace(f.base, there, actor) {
		f.set(name, fhir.Clone(actor.Without("id")))
	}
}

// followRestriction says when it is to be done: the time of the appointment, or else the first that was asked for.
func (f *fulfilment) followRestriction() {
	var period *fhir.Object
	if f.a.Span != (Span{}) {
		period = fhir.NewObject(fhir.Member{Name: "start", Value: f.appointment.Text("start")}, fhir.Member{Name: "end", Value: f.appointment.Text("end")})
	} else {
		for _, asked := range f.appointment.Objects("requestedPeriod") {
			period = fhir.Clone(asked.Without("id")).(*fhir.Object)
			break
		}
	}
	f.part("restriction", "period", period)
}

// followExecution says when it is done: from the arrival on until it was fulfilled. A Task that goes back is not done yet. For one that is made afterwards, these
// are the times of the appointment.
func (f *fulfilment) followExecution() {
	begun, ended := f.now, f.now
	if f.before == "" && f.a.Span != (Span{}) {
		begun, ended = min(f.now, f.a.Start), min(f.now, f.a.End)
	}
	period := fhir.NewObject()
	if there := f.task.Object("executionPeriod"); there != nil {
		period = there
	}
	switch status := f.task.Text("status"); status {
	case "requested", "received", "accepted", "ready":
		if status != f.before {
			wipe(period, "start")
			wipe(period, "end")
		}
	case "in-progress", "on-hold":
		wipe(period, "end")
		if period.Text("start") == "" {
			wipe(period, "start")
			period.SetAfter("start", begun.String(), "extension", "id")
		}
	case "completed":
		if period.Text("end") == "" {
			wipe(period, "end")
			period.Set("end", notBefore(period.Text("start"), ended))
		}
	}
	if isEmpty(period) {
		f.task.Delete("executionPeriod")
		return
	}
	f.set("executionPeriod", period)
}

// part sets an element within an element of the Task, or takes it out, and with it what would be empty.
func (f *fulfilment) part(name, within string, value *fhir.Object) {
	whole := f.task.Object(name)
	switch {
	case value != nil && whole == nil:
		f.set(name, fhir.NewObject(fhir.Member{Name: within, Value: value}))
	case value != nil:
		whole.SetAfter(within, value, "repetitions", "modifierExtension", "extension", "id")
	default:
		whole.Delete(within)
		if isEmpty(whole) {
			f.task.Delete(name)
		}
	}
}

// isEmpty says whether an element is none by R4: it has an id at most (https://hl7.org/fhir/R4/element.html, ele-1).
func isEmpty(o *fhir.Object) bool { return o.Without("id").Len() == 0 }

// wipe takes a primitive element out, and what stands beside it.
func wipe(o *fhir.Object, name string) {
	o.Delete(name)
	o.Delete("_" + name)
}

// notBefore is an instant as a dateTime, or one that is written already and later: so that no end comes before its start.
func notBefore(written string, i fhir.Instant) string {
	if d, err := fhir.ParseDateTime(written); err == nil && d.Interval().Low > i {
		return written
	}
	return i.String()
}
