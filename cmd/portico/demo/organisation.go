package demo

import (
	"fmt"

	"github.com/portico-health/portico/fhir"
)

// trust is an NHS trust with a hospital and, in town, a centre for diagnostics. It employs those who work at neither surgery.
type trust struct {
	number      int
	name        string
	region      region
	phone       *fhir.Object
	hospital    place
	diagnostics place
}

func (w *world) trust(number int) trust {
	d := newDice(w.Seed, "trust", number)
	t := trust{number: number, region: regions[number%len(regions)]}
	t.name = t.region.trust + " " + trustKinds[number/len(regions)%len(trustKinds)] + " NHS Foundation Trust"
	t.phone = landline(d, "work")
	t.hospital = newPlace(d, t.region, t.region.towns[0])
	t.diagnostics = newPlace(d, t.region, t.region.towns[0])
	return t
}

func (t trust) id() string { return numbered("trust", 2, t.number) }

func (t trust) reference() *fhir.Object { return reference("Organization", t.id(), t.name) }

// code is the ODS code of the trust: three letters that begin with a Z, as none does that is in use.
func (t trust) code() string {
	return fmt.Sprintf("Z%c%c", 'A'+t.number/26%26, 'A'+t.number%26)
}

func (t trust) diagnosticsLocation() *fhir.Object {
	return reference("Location", numbered("diagnostics", 2, t.number), t.region.trust+" Diagnostic Centre")
}

func (t trust) resources() []fhir.Resource {
	hospital := numbered("hospital", 2, t.number)
	return []fhir.Resource{
		organisation(t.id(), t.name, t.code(), "NHS Trust", t.phone, t.hospital),
		location(hospital, t.region.trust+" Hospital", t.code()+"01", t.reference(), nil, coded(hl7+"v3-RoleCode", "HOSP", "Hospital"), t.phone, t.hospital),
		location(numbered("diagnostics", 2, t.number), t.region.trust+" Diagnostic Centre", t.code()+"02", t.reference(),
			reference("Location", hospital, t.region.trust+" Hospital"), coded(hl7+"v3-RoleCode", "DX", "Diagnostics or therapeutics unit"), t.phone, t.diagnostics),
	}
}

// practice is a general practice with its surgery, its people and its share of the patients.
type practice struct {
	number  int
	name    string
	trust   trust
	town    town
	phone   *fhir.Object
	surgery place
	members []*member // the first is a general practitioner
}

func (w *world) practice(number int) *practice {
	d := newDice(w.Seed, "practice", number)
	p := &practice{number: number, trust: w.trust(number / practicesOfTrust)}
	p.town = p.trust.region.towns[number%len(p.trust.region.towns)]
	p.name = practiceNames[number%len(practiceNames)] + " " + practiceKinds[(number+number/len(practiceNames))%len(practiceKinds)]
	p.phone = landline(d, "work")
	p.surgery = newPlace(d, p.trust.region, p.town)
	for i := number * len(crafts); i < min((number+1)*len(crafts), w.staff); i++ {
		p.members = append(p.members, w.member(i, p))
	}
	return p
}

func (p *practice) id() string { return numbered("practice", 4, p.number) }

// code is the ODS code: a letter and five digits, out of the series in use.
func (p *practice) code() string { return fmt.Sprintf("Z9%04d", p.number+1) }

func (p *practice) reference() *fhir.Object { return reference("Organization", p.id(), p.name) }

func (p *practice) surgeryLocation() *fhir.Object {
	return reference("Location", numbered("surgery", 4, p.number), p.name)
}

func (p *practice) resources(w *world) []fhir.Resource {
	all := []fhir.Resource{
		organisation(p.id(), p.name, p.code(), "GP practice", p.phone, p.surgery),
		location(numbered("surgery", 4, p.number), p.name, p.code()+"001", p.reference(), nil, coded(hl7+"v3-RoleCode", "PC", "Primary care clinic"), p.phone, p.surgery),
	}
	for _, m := range p.members {
		all = append(all, m.practitioner(), m.practitionerRole(), m.schedule(w))
	}
	return all
}

func organisation(id, name, code, kind string, phone *fhir.Object, at place) fhir.Resource {
	return resource("Organization", id,
		f("identifier", list(identifier("official", odsOrganisation, code))),
		f("active", true),
		f("type", list(concept(kind, coding(hl7+"organization-type", "prov", "Healthcare Provider")))),
		f("name", name),
		f("telecom", list(phone)),
		f("address", list(at.address("work"))),
	)
}

func location(id, name, siteCode string, owner, partOf, kind, phone *fhir.Object, at place) fhir.Resource {
	return resource("Location", id,
		f("identifier", list(identifier("official", odsSite, siteCode))),
		f("status", "active"),
		f("name", name),
		f("mode", "instance"),
		f("type", list(kind)),
		f("telecom", list(phone)),
		f("address", at.address("work")),
		f("physicalType", coded(hl7+"location-physical-type", "bu", "Building")),
		f("position", at.position()),
		f("managingOrganization", owner),
		f("partOf", partOf),
	)
}
