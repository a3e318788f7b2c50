package demo

import (
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// careTask is an entry of the catalogue: something that can be booked. Its code is the id of the HealthcareService.
type careTask struct {
	code     string
	name     string
	about    string
	advice   string // what the patient should know before
	from, to int    // ages of those it is for
	service  named  // of service-type
	snomed   named
	reasons  []named // of SNOMED CT, why it is booked
	notice   int     // hours before the start, until which one may cancel
	lead     int     // hours before the start, until which one may book
	ordered  bool    // needs a ServiceRequest
	pressure bool    // blood pressure is taken
}

// named is a code with its display; the code is "" where only words are sure.
type named struct{ code, display string }

// craft is a kind of practitioner, with all that follows from it.
type craft struct {
	title    string
	role     string // code of practitioner-role, or ""
	register string // system of the registration number
	pin      string // format of the registration number, of one number
	degree   string
	doctor   bool
	minutes  int // length of a visit
	site     site
	category named // of service-category
	special  named // of SNOMED CT, the specialty
	tasks    []careTask
}

// site says where a craft is practised.
type site uint8

const (
	atSurgery site = iota
	atDiagnostics
	atHome
)

const everAge = 130

var (
	generalPractice = named{"394814009", "General practice"}

	hypertension = named{"38341003", "Hypertensive disorder"}
	diabetes     = named{"44054006", "Type 2 diabetes mellitus"}
	chestPain    = named{"29857009", "Chest pain"}
	palpitations = named{"80313002", "Palpitations"}
	backPain     = named{"279039007", "Low back pain"}
	cough        = named{"49727002", "Cough"}
	headache     = named{"25064002", "Headache"}
	tiredness    = named{"", "Tired all the time"}
)

// crafts are the people of a practice, in the order in which they are hired. The first task of each is for every age that the
// craft sees.
var crafts = []craft{
	{
		title: "General practitioner", role: "doctor", register: "https://fhir.hl7.org.uk/Id/gmc-number", pin: "9%06d", degree: "MB ChB", doctor: true,
		minutes: 15, site: atSurgery, category: named{"17", "General Practice"}, special: generalPractice,
		tasks: []careTask{
			{code: "gp-consultation", name: "GP consultation", about: "Face-to-face consultation with a general practitioner.",
				to: everAge, service: named{"124", "General Practice"}, reasons: []named{cough, headache, tiredness, backPain}},
			{code: "medication-review", name: "Medication review", about: "Review of regular medicines with a general practitioner.",
				advice: "Please bring all medicines that you take, also those bought without a prescription.",
				from:   18, to: everAge, service: named{"537", "Medication Reviews"}, reasons: []named{hypertension, diabetes}, pressure: true},
		},
	},
	{
		title: "Practice nurse", role: "nurse", register: "https://fhir.hl7.org.uk/Id/nmc-number", pin: "99Z%04dE", degree: "BSc (Hons) Nursing",
		minutes: 20, site: atSurgery, category: named{"17", "General Practice"}, special: generalPractice,
		tasks: []careTask{
			{code: "vaccination", name: "Vaccination", about: "Immunisation of the national schedule or for the season.",
				advice: "Please wear a sleeve that rolls up.", to: everAge, service: named{"57", "Immunization"},
				snomed:  named{"33879002", "Administration of vaccine to produce active immunity"},
				reasons: []named{{"", "Due by the national schedule"}, {"", "Seasonal influenza"}}},
			{code: "blood-pressure-check", name: "Blood pressure check", about: "Measurement of blood pressure and pulse.",
				from: 18, to: everAge, service: named{"59", "Nursing"}, snomed: named{"46973005", "Blood pressure taking"},
				reasons: []named{hypertension}, pressure: true},
			{code: "blood-test", name: "Blood test", about: "Venous blood sample at the surgery.", advice: "Please drink enough water before.",
				from: 5, to: everAge, service: named{"161", "Pathology - Haematology"}, snomed: named{"396550006", "Blood test"},
				reasons: []named{diabetes, tiredness, hypertension}, ordered: true},
			{code: "health-check", name: "NHS Health Check", about: "Check of heart and circulation every five years, for people of 40 to 74.",
				from: 40, to: 74, service: named{"252", "Assessment"}, reasons: []named{{"", "Invited by age"}}, pressure: true},
		},
	},
	{
		title: "Community nurse", role: "nurse", register: "https://fhir.hl7.org.uk/Id/nmc-number", pin: "98Z%04dE", degree: "BSc (Hons) Nursing",
		minutes: 60, site: atHome, category: named{"7", "Community Health Care"}, special: named{"394581000", "Community medicine"},
		tasks: []careTask{
			{code: "wound-care-home", name: "Wound care at home", about: "Assessment and dressing of a wound at the patient's home.",
				to: everAge, service: named{"473", "Wound Management"}, snomed: named{"225358003", "Wound care"},
				lead: 4, reasons: []named{{"", "Leg ulcer"}, {"", "Wound after surgery"}}},
			{code: "blood-test-home", name: "Blood test at home", about: "Venous blood sample at the patient's home.", advice: "Please drink enough water before.",
				from: 18, to: everAge, service: named{"161", "Pathology - Haematology"}, snomed: named{"396550006", "Blood test"},
				notice: 24, lead: 12, reasons: []named{diabetes, tiredness}, ordered: true},
			{code: "blood-pressure-check-home", name: "Blood pressure check at home", about: "Measurement of blood pressure and pulse at the patient's home.",
				from: 60, to: everAge, service: named{"358", "Home Nursing"}, snomed: named{"46973005", "Blood pressure taking"},
				reasons: []named{hypertension}, pressure: true},
		},
	},
	{
		title: "Clinical physiologist", register: "https://fhir.hl7.org.uk/Id/hcpc-number", pin: "CS99%04d", degree: "BSc (Hons) Healthcare Science",
		minutes: 30, site: atDiagnostics, category: named{"27", "Specialist Medical"}, special: named{"394579002", "Cardiology"},
		tasks: []careTask{
			{code: "ecg", name: "ECG", about: "Electrocardiogram of twelve leads at rest.", advice: "Please use no body lotion on the day.",
				to: everAge, service: named{"165", "Cardiology"}, snomed: named{"29303009", "Electrocardiographic procedure"},
				notice: 24, reasons: []named{palpitations, chestPain}, ordered: true},
			{code: "blood-pressure-monitoring", name: "24-hour blood pressure monitoring", about: "Fitting of a monitor that is worn for a day and a night.",
				from: 18, to: everAge, service: named{"165", "Cardiology"}, notice: 48, lead: 24, reasons: []named{hypertension}, ordered: true, pressure: true},
		},
	},
	{
		title: "Physiotherapist", register: "https://fhir.hl7.org.uk/Id/hcpc-number", pin: "PH99%04d", degree: "BSc (Hons) Physiotherapy",
		minutes: 30, site: atSurgery, category: named{"34", "Allied Health"}, special: named{"394602003", "Rehabilitation"},
		tasks: []careTask{
			{code: "physiotherapy-assessment", name: "Physiotherapy assessment", about: "First assessment of joints, back or muscles.",
				advice: "Please wear clothes in which you can move.", to: everAge, service: named{"65", "Physiotherapy"},
				notice: 24, reasons: []named{backPain, {"", "Shoulder pain"}, {"", "Knee pain"}}},
			{code: "falls-assessment", name: "Falls assessment", about: "Assessment of balance, strength and home for people who have fallen.",
				from: 65, to: everAge, service: named{"593", "Falls Prevention"}, reasons: []named{{"", "Fall at home"}}},
		},
	},
}

// concept is the task as code of a service, of a slot or of work.
func (t careTask) concept() *fhir.Object {
	codings := []*fhir.Object{coding(careTaskSystem, t.code, t.name), coding(hl7+"service-type", t.service.code, t.service.display)}
	if t.snomed.code != "" {
		codings = append(codings, coding(snomed, t.snomed.code, t.snomed.display))
	}
	return concept(t.name, codings...)
}

func (n named) concept(system string) *fhir.Object {
	if n.code == "" {
		return concept(n.display)
	}
	return concept(n.display, coding(system, n.code, n.display))
}

func (c craft) categories() fhir.Array  { return list(c.category.concept(hl7 + "service-category")) }
func (c craft) specialties() fhir.Array { return list(c.special.concept(snomed)) }
func (c craft) types() fhir.Array       { return each(c.tasks, careTask.concept) }

// healthcareService is the entry of the catalogue. All are offered by the first trust.
func healthcareService(c craft, t careTask, trust *fhir.Object, phone *fhir.Object) fhir.Resource {
	return resource("HealthcareService", t.code,
		f("extension", list(rule(booking.NoticeURL, t.notice), rule(booking.LeadTimeURL, t.lead))),
		f("active", true),
		f("providedBy", trust),
		f("category", c.categories()),
		f("type", list(t.concept())),
		f("specialty", c.specialties()),
		f("name", t.name),
		f("comment", t.about),
		f("extraDetails", t.advice),
		f("telecom", list(phone)),
		f("eligibility", t.eligibility()),
		f("appointmentRequired", true),
		f("availableTime", list(workingHours())),
	)
}

// rule is an extension with a number of hours, or nil for none.
func rule(url string, hours int) *fhir.Object {
	if hours == 0 {
		return nil
	}
	return object(
		f("url", url),
		f("valueDuration", object(f("value", number(hours)), f("unit", "hours"), f("system", ucum), f("code", "h"))),
	)
}

func (t careTask) eligibility() fhir.Array {
	switch {
	case t.from == 0:
		return nil
	case t.to == everAge:
		return list(object(f("comment", "Aged "+number(t.from).String()+" and over")))
	default:
		return list(object(f("comment", "Aged "+number(t.from).String()+" to "+number(t.to).String())))
	}
}

func workingHours() *fhir.Object {
	return object(
		f("daysOfWeek", list("mon", "tue", "wed", "thu", "fri")),
		f("availableStartTime", "09:00:00"),
		f("availableEndTime", "17:00:00"),
	)
}
