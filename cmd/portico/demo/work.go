package demo

import (
	"time"

	"github.com/portico-health/portico/fhir"
)

// work is the resources of one booking: the request for it, the appointment, the visit, what was measured, and the task that
// goes along with it all.
type work struct {
	*entry
	dice *dice

	requested time.Time
	created   time.Time
	changed   time.Time // when the task came to be as it is
	reason    named
	assigned  bool // somebody has taken it on
	cause     named
	wish      *fhir.Object // a Period; nil when it has a time
}

func (w *world) work(b *entry) work {
	k := work{entry: b, dice: newDice(w.Seed, "appointment", b.number)}
	k.reason = pick(k.dice, b.task.reasons)
	known := w.calendar.now() // until when the course can have changed
	if b.hasTime() && b.start.Before(known) {
		known = b.start
	}
	k.created = k.before(known, time.Hour, 14*24*time.Hour)
	k.requested = k.before(k.created, 10*time.Minute, 2*24*time.Hour)
	switch {
	case b.status == "fulfilled":
		k.changed = b.end
	case b.hasTime() && b.when != future:
		k.changed = b.start
	default:
		k.changed = k.before(known, time.Minute, known.Sub(k.created))
	}
	k.assigned = b.hasTime() && b.status != "pending"
	if b.status == "booked" && k.isAtHome() && k.dice.oneIn(3) {
		k.assigned, b.taskStatus = false, "requested" // nobody has been sent yet
	}
	if b.status == "cancelled" {
		k.cause = pick(k.dice, causes)
	}
	if !b.hasTime() {
		k.wish = w.newWish(k)
	}
	return k
}

// before is a moment that lies between least and most before another, to the minute.
func (k work) before(t time.Time, least, most time.Duration) time.Time {
	return t.Add(-time.Duration(k.dice.between(int(least/time.Minute), int(most/time.Minute))) * time.Minute)
}

func (b *entry) hasTime() bool { return !b.start.IsZero() }

func (b *entry) isAtHome() bool { return b.member.craft.site == atHome }

func (b *entry) isMeasured() bool { return b.task.pressure && b.status == "fulfilled" }

func (k work) resources() []fhir.Resource {
	var all []fhir.Resource
	if k.task.ordered {
		all = append(all, k.serviceRequest())
	}
	all = append(all, k.appointment())
	if k.encounterStatus != "" {
		all = append(all, k.encounter())
	}
	if k.isMeasured() {
		all = append(all, k.bloodPressure())
	}
	return append(all, k.fulfilment())
}

// The resources of a booking have the same number.

func (b *entry) reference(typ, prefix, display string) *fhir.Object {
	return reference(typ, numbered(prefix, 6, b.number), display)
}

func (b *entry) serviceRequestReference() *fhir.Object {
	if !b.task.ordered {
		return nil
	}
	return b.reference("ServiceRequest", "req", b.task.name)
}

func (b *entry) encounterReference() *fhir.Object {
	if b.encounterStatus == "" {
		return nil
	}
	return b.reference("Encounter", "enc", "")
}

// serviceRequest is the order of the practice's general practitioner.
func (k work) serviceRequest() fhir.Resource {
	return resource("ServiceRequest", numbered("req", 6, k.number),
		f("status", k.requestStatus),
		f("intent", "order"),
		f("priority", "routine"),
		f("code", k.task.concept()),
		f("subject", k.patient.reference()),
		f("authoredOn", instant(k.requested)),
		f("requester", k.patient.practice.members[0].reference()),
		f("reasonCode", list(k.reason.concept(snomed))),
	)
}

func (k work) encounter() fhir.Resource {
	class := coding(hl7+"v3-ActCode", "AMB", "ambulatory")
	if k.isAtHome() {
		class = coding(hl7+"v3-ActCode", "HH", "home health")
	}
	during := period(instant(k.start), "")
	if k.encounterStatus == "finished" {
		during = period(instant(k.start), instant(k.end))
	}
	return resource("Encounter", numbered("enc", 6, k.number),
		f("status", k.encounterStatus),
		f("class", class),
		f("serviceType", k.task.concept()),
		f("subject", k.patient.reference()),
		f("basedOn", list(k.serviceRequestReference())),
		f("participant", list(object(
			f("type", list(primaryPerformer())),
			f("individual", k.member.reference()),
		))),
		f("appointment", list(k.reference("Appointment", "app", ""))),
		f("period", during),
		f("reasonCode", list(k.reason.concept(snomed))),
		f("serviceProvider", k.member.employer()),
	)
}

func primaryPerformer() *fhir.Object {
	return coded(hl7+"v3-ParticipationType", "PPRF", "primary performer")
}

// bloodPressure is a panel as the vital signs profile has it: https://hl7.org/fhir/R4/bp.html
func (k work) bloodPressure() fhir.Resource {
	systolic := 98 + k.patient.age/2 + k.dice.below(32)
	diastolic := 58 + k.patient.age/8 + k.dice.below(24)
	return resource("Observation", numbered("obs", 6, k.number),
		f("basedOn", list(k.serviceRequestReference())),
		f("status", "final"),
		f("category", list(coded(hl7+"observation-category", "vital-signs", "Vital Signs"))),
		f("code", concept("Blood pressure", bloodPressurePanel())),
		f("subject", k.patient.reference()),
		f("encounter", k.encounterReference()),
		f("effectiveDateTime", instant(k.start.Add(time.Duration(k.dice.between(2, k.minutes()-2))*time.Minute))),
		f("performer", list(k.member.reference())),
		f("component", list(
			pressure("8480-6", "Systolic blood pressure", systolic),
			pressure("8462-4", "Diastolic blood pressure", diastolic),
		)),
	)
}

func bloodPressurePanel() *fhir.Object {
	return coding(loinc, "85354-9", "Blood pressure panel with all children optional")
}

func pressure(code, name string, value int) *fhir.Object {
	return object(
		f("code", concept(name, coding(loinc, code, name))),
		f("valueQuantity", object(
			f("value", number(value)),
			f("unit", "mmHg"),
			f("system", ucum),
			f("code", "mm[Hg]"),
		)),
	)
}
