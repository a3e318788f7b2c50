package demo

import (
	"fmt"

	"github.com/portico-health/portico/fhir"
)

// member is one of the staff: a practitioner in one role, with one diary.
type member struct {
	person
	number   int
	craft    craft
	practice *practice
	phone    *fhir.Object
	since    string // date
}

func (w *world) member(number int, p *practice) *member {
	d := newDice(w.Seed, "practitioner", number)
	m := &member{person: newPerson(d), number: number, practice: p, craft: crafts[number%len(crafts)]}
	if m.craft.doctor {
		m.prefix = "Dr"
	}
	m.title(d)
	m.phone = landline(d, "work")
	m.since = date(w.calendar.today().AddDate(-d.between(1, 20), 0, -d.below(365)))
	return m
}

func (m *member) id() string { return numbered("practitioner", 4, m.number) }

func (m *member) roleID() string { return numbered("role", 4, m.number) }

func (m *member) scheduleID() string { return numbered("schedule", 4, m.number) }

func (m *member) reference() *fhir.Object { return reference("Practitioner", m.id(), m.display()) }

// employer is the practice, or the trust for those who do not work at the surgery.
func (m *member) employer() *fhir.Object {
	if m.craft.site == atSurgery {
		return m.practice.reference()
	}
	return m.practice.trust.reference()
}

// base is the location where patients come, or from which the visits at home are made.
func (m *member) base() *fhir.Object {
	if m.craft.site == atDiagnostics {
		return m.practice.trust.diagnosticsLocation()
	}
	return m.practice.surgeryLocation()
}

func (m *member) services() fhir.Array {
	return each(m.craft.tasks, careTask.reference)
}

func (t careTask) reference() *fhir.Object { return reference("HealthcareService", t.code, t.name) }

func (m *member) practitioner() fhir.Resource {
	registration := fmt.Sprintf(m.craft.pin, m.number/len(crafts)+1)
	return resource("Practitioner", m.id(),
		f("identifier", list(identifier("official", m.craft.register, registration))),
		f("active", true),
		f("name", list(m.name())),
		f("telecom", list(m.phone, m.mail(m.number))),
		f("gender", m.gender),
		f("qualification", list(object(f("code", concept(m.craft.degree))))),
	)
}

func (m *member) practitionerRole() fhir.Resource {
	role := concept(m.craft.title)
	if m.craft.role != "" {
		display := map[string]string{"doctor": "Doctor", "nurse": "Nurse"}[m.craft.role]
		role = concept(m.craft.title, coding(hl7+"practitioner-role", m.craft.role, display))
	}
	return resource("PractitionerRole", m.roleID(),
		f("active", true),
		f("period", period(m.since, "")),
		f("practitioner", m.reference()),
		f("organization", m.employer()),
		f("code", list(role)),
		f("specialty", m.craft.specialties()),
		f("location", list(m.base())),
		f("healthcareService", m.services()),
		f("telecom", list(m.phone)),
		f("availableTime", list(workingHours())),
	)
}

func (m *member) schedule(w *world) fhir.Resource {
	first, last := w.calendar.horizon()
	actors := list(m.reference(), reference("PractitionerRole", m.roleID(), m.craft.title), m.base())
	return resource("Schedule", m.scheduleID(),
		f("extension", list(m.craft.hours())),
		f("active", true),
		f("serviceCategory", m.craft.categories()),
		f("serviceType", m.craft.types()),
		f("specialty", m.craft.specialties()),
		f("actor", append(actors, m.services()...)),
		f("planningHorizon", period(instant(clock(first, opens)), instant(clock(last, closes)))),
		f("comment", m.craft.title+", "+m.practice.town.name),
	)
}
