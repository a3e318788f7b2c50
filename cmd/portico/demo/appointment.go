package demo

import "github.com/portico-health/portico/fhir"

// causes are why appointments are cancelled, of appointment-cancellation-reason.
var causes = []named{
	{"pat", "Patient"}, {"pat-fb", "Patient: Feeling Better"}, {"pat-lt", "Patient: Lack of Transportation"},
	{"prov", "Provider"}, {"prov-pers", "Provider: Personal"}, {"oth-weath", "Other: Weather"},
}

var (
	appointmentTypes = []named{
		{"ROUTINE", "Routine appointment - default if not valued"},
		{"FOLLOWUP", "A follow up visit from a previous appointment"},
		{"CHECKUP", "A routine check-up, such as an annual physical"},
	}
	homeComments = []string{
		"Key safe beside the front door; please ring first.", "Friendly dog in the house.", "Second floor, the lift works.",
		"Hard of hearing: please knock loudly.", "Parking in the yard behind the house.",
	}
)

func (k work) appointment() fhir.Resource {
	kind := pick(k.dice, appointmentTypes)
	var home, held, comment, length, wish any
	if k.isAtHome() {
		home, comment = k.home(), pick(k.dice, homeComments)
	}
	if k.slot >= 0 {
		held = list(reference("Slot", slotID(k.slot), ""))
	}
	if k.hasTime() {
		length = number(k.minutes())
	} else {
		wish = list(k.wish)
	}
	return resource("Appointment", numbered("app", 6, k.number),
		f("contained", list(home)),
		f("status", k.status),
		f("cancelationReason", k.cancellation()),
		f("serviceCategory", k.member.craft.categories()),
		f("serviceType", list(k.task.concept())),
		f("specialty", k.member.craft.specialties()),
		f("appointmentType", coded(hl7+"v2-0276", kind.code, kind.display)),
		f("reasonCode", list(k.reason.concept(snomed))),
		f("description", k.task.name),
		f("start", instant(k.start)),
		f("end", instant(k.end)),
		f("minutesDuration", length),
		f("slot", held),
		f("created", instant(k.created)),
		f("comment", comment),
		f("patientInstruction", k.task.advice),
		f("basedOn", list(k.serviceRequestReference())),
		f("participant", k.participants()),
		f("requestedPeriod", wish),
	)
}

// home is where the visit goes. It is contained, for it is nobody's but the patient's.
func (k work) home() *fhir.Object {
	p := k.patient.home
	return object(
		f("resourceType", "Location"),
		f("id", "home"),
		f("mode", "instance"),
		f("type", list(coded(hl7+"v3-RoleCode", "PTRES", "Patient's Residence"))),
		f("address", p.address("home")),
		f("physicalType", coded(hl7+"location-physical-type", "ho", "House")),
		f("position", p.position()),
	)
}

// cancellation stands only with the statuses that app-4 allows: cancelled and noshow.
func (k work) cancellation() *fhir.Object {
	switch k.status {
	case "cancelled":
		return k.cause.concept(hl7 + "appointment-cancellation-reason")
	case "noshow":
		return concept("Did not attend", coding(hl7+"appointment-cancellation-reason", "pat", "Patient"))
	default:
		return nil
	}
}

// participants are the patient, who comes along, what is done, and, once there is a time, by whom and where.
func (k work) participants() fhir.Array {
	answer := "accepted"
	if k.status == "pending" {
		answer = "needs-action"
	}
	all := list(participant(nil, k.patient.reference(), answer))
	if k.patient.relative != nil && k.patient.age < child {
		all = append(all, participant(nil, reference("RelatedPerson", k.patient.relativeID(), k.patient.relative.display()), answer))
	}
	all = append(all, participant(nil, k.task.reference(), "accepted"))
	if k.hasTime() {
		answer = "needs-action"
		if k.assigned {
			answer = "accepted"
		}
		all = append(all, participant(primaryPerformer(), k.member.reference(), answer))
	}
	switch {
	case k.isAtHome():
		all = append(all, participant(nil, object(f("reference", "#home"), f("display", "At home")), "accepted"))
	case k.hasTime():
		all = append(all, participant(nil, k.member.base(), "accepted"))
	}
	return all
}

func participant(kind, actor *fhir.Object, answer string) *fhir.Object {
	return object(
		f("type", list(kind)),
		f("actor", actor),
		f("required", "required"),
		f("status", answer),
	)
}

// newWish is the fortnight in which the patient would like to come.
func (w *world) newWish(k work) *fhir.Object {
	first := k.created.AddDate(0, 0, newDice(w.Seed, "wish", k.number).between(14, 28))
	return period(date(first), date(first.AddDate(0, 0, 14)))
}
