package demo

import (
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// fulfilment is the Task that goes along with an appointment, in step with it as the server keeps it (booking.Fulfilment): its status follows that of the
// appointment, and what the visit brought is its output.
func (k work) fulfilment() fhir.Resource {
	var owner, note, output any
	if k.assigned {
		owner = k.member.reference()
	}
	when := k.wish
	if k.hasTime() {
		when = period(instant(k.start), instant(k.end))
	}
	if k.taskStatus == "completed" {
		note = list(object(f("time", instant(k.end)), f("text", pick(k.dice, completionNotes))))
	}
	if k.isMeasured() {
		output = list(object(
			f("type", concept("Blood pressure", bloodPressurePanel())),
			f("valueReference", k.reference("Observation", "obs", "")),
		))
	}
	return resource("Task", booking.FulfilmentKey(fhir.Key{Type: "Appointment", ID: numbered("app", 6, k.number)}).ID,
		f("basedOn", list(k.serviceRequestReference())),
		f("status", k.taskStatus),
		f("statusReason", k.statusReason()),
		f("intent", "order"),
		f("priority", "routine"),
		f("code", k.task.concept()),
		f("description", k.task.about),
		f("focus", k.reference("Appointment", "app", k.task.name)),
		f("for", k.patient.reference()),
		f("encounter", k.encounterReference()),
		f("executionPeriod", k.execution()),
		f("authoredOn", instant(k.created)),
		f("lastModified", instant(k.changed)),
		f("requester", k.patient.practice.reference()),
		f("owner", owner),
		f("reasonCode", k.reason.concept(snomed)),
		f("note", note),
		f("restriction", object(f("period", when))),
		f("output", output),
	)
}

var completionNotes = []string{
	"Done as planned.", "Done. The patient was well.", "Done; the patient asks for a letter.", "Done, advice given on what to watch for.",
	"Done. To be repeated in three months.",
}

func (k work) statusReason() *fhir.Object {
	switch k.status {
	case "cancelled":
		return concept(k.cause.display)
	case "noshow":
		return concept("Did not attend")
	default:
		return nil
	}
}

func (k work) execution() *fhir.Object {
	switch k.taskStatus {
	case "completed":
		return period(instant(k.start), instant(k.end))
	case "in-progress":
		return period(instant(k.start), "")
	default:
		return nil
	}
}
