package demo

import (
	"time"

	"github.com/portico-health/portico/fhir"
)

// patient is one of a practice, and what the planning of visits has to know of one.
type patient struct {
	person
	number   int
	nhs      string
	age      int // today; of the dead: what it would be
	born     time.Time
	died     time.Time // zero for the living
	home     place
	telecom  fhir.Array
	practice *practice
	relative *relative // of children and of some of the old; else nil
	visits   []span    // that take place, or took
}

// span is the time of a visit.
type span struct{ start, end time.Time }

// relative is the one whom to ask about a patient.
type relative struct {
	person
	born    time.Time
	kind    named // of v3-RoleCode
	telecom fhir.Array
}

const (
	child         = 16 // younger ones come with a parent
	deadOf        = 25 // one in so many patients has died
	deadUndatedOf = 100
)

// patients are those of a practice. The share of each of its staff is equal.
func (w *world) patients(p *practice) []*patient {
	from, _ := w.share(w.Patients, p.members[0].number)
	_, to := w.share(w.Patients, p.members[len(p.members)-1].number)
	all := make([]*patient, 0, to-from)
	for i := from; i < to; i++ {
		all = append(all, w.patient(i, p))
	}
	return all
}

func (w *world) patient(number int, p *practice) *patient {
	d := newDice(w.Seed, "patient", number)
	today := w.calendar.today()
	pat := &patient{person: newPerson(d), number: number, nhs: w.numbers.next(), practice: p, age: newAge(d)}
	switch d.below(150) {
	case 0:
		pat.gender = "other"
	case 1:
		pat.gender = "unknown"
	}
	if number%deadOf == deadOf-1 {
		pat.age = d.between(70, 97)
		pat.died = today.AddDate(0, 0, -d.between(20, 700))
	}
	pat.born = birthday(d, today, pat.age)
	if pat.age >= 18 {
		if d.oneIn(60) {
			pat.prefix = "Dr"
		}
		pat.title(d)
	}
	pat.home = newPlace(d, p.trust.region, p.town)
	pat.telecom = list(mobile(d), pat.mail(number))
	if d.oneIn(3) {
		pat.telecom = append(pat.telecom, landline(d, "home"))
	}
	if pat.age < child || (pat.age >= 80 && d.oneIn(3)) {
		pat.relative = pat.newRelative(d, today)
	}
	return pat
}

// newRelative is a parent of a child, or a grown child of somebody old.
func (p *patient) newRelative(d *dice, today time.Time) *relative {
	r := &relative{person: newPerson(d)}
	r.family = p.family
	age, kind := p.age-d.between(20, 38), map[string]named{"female": {"DAUC", "daughter"}, "male": {"SONC", "son"}}
	if p.age < child {
		age, kind = p.age+d.between(20, 38), map[string]named{"female": {"MTH", "mother"}, "male": {"FTH", "father"}}
	}
	r.kind = kind[r.gender]
	r.born = birthday(d, today, age)
	r.title(d)
	r.telecom = list(mobile(d), r.mail(p.number))
	return r
}

func (p *patient) id() string { return numbered("pat", 6, p.number) }

func (p *patient) relativeID() string { return numbered("rel", 6, p.number) }

func (p *patient) reference() *fhir.Object { return reference("Patient", p.id(), p.display()) }

// isFree says whether no visit of the patient overlaps.
func (p *patient) isFree(s span) bool {
	for _, v := range p.visits {
		if v.start.Before(s.end) && s.start.Before(v.end) {
			return false
		}
	}
	return true
}

func patientResources(patients []*patient) []fhir.Resource {
	var all []fhir.Resource
	for _, p := range patients {
		all = append(all, p.resource())
		if p.relative != nil {
			all = append(all, p.relatedPerson())
		}
	}
	return all
}

func (p *patient) resource() fhir.Resource {
	members := []fhir.Member{
		f("identifier", list(p.nhsIdentifier())),
		f("active", p.died.IsZero()),
		f("name", list(p.name())),
		f("telecom", p.telecom),
		f("gender", p.gender),
		f("birthDate", date(p.born)),
	}
	switch {
	case p.died.IsZero():
	case p.number%deadUndatedOf == deadUndatedOf-1:
		members = append(members, f("deceasedBoolean", true))
	default:
		members = append(members, f("deceasedDateTime", date(p.died)))
	}
	return resource("Patient", p.id(), append(members,
		f("address", list(p.home.address("home"))),
		f("generalPractitioner", list(p.practice.members[0].reference())),
		f("managingOrganization", p.practice.reference()),
	)...)
}

// nhsIdentifier says of the number that it was traced, as UK Core has it:
// https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus
func (p *patient) nhsIdentifier() *fhir.Object {
	const base = "https://fhir.hl7.org.uk/"
	verified := object(
		f("url", base+"StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"),
		f("valueCodeableConcept", coded(base+"CodeSystem/UKCore-NHSNumberVerificationStatusEngland", "01", "Number present and verified")),
	)
	return object(
		f("extension", list(verified)),
		f("use", "official"),
		f("system", nhsNumberSystem),
		f("value", p.nhs),
	)
}

func (p *patient) relatedPerson() fhir.Resource {
	r := p.relative
	return resource("RelatedPerson", p.relativeID(),
		f("active", true),
		f("patient", p.reference()),
		f("relationship", list(r.kind.concept(hl7+"v3-RoleCode"))),
		f("name", list(r.name())),
		f("telecom", r.telecom),
		f("gender", r.gender),
		f("birthDate", date(r.born)),
		f("address", list(p.home.address("home"))),
	)
}
