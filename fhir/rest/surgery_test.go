package rest_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// Where the rows of the tables come from, in our own words. GP Connect is written for STU3; what of it holds for R4 is here. BaRS is the NHS Booking and Referral
// Standard (https://simplifier.net/guide/nhsbookingandreferralstandard), and R4 https://hl7.org/fhir/R4/ with http.html, search.html, slot.html, appointment.html.
const (
	gpSearch = "GP Connect, search for free slots" // https://developer.nhs.uk/apis/gpconnect/appointments_use_case_search_for_free_slots.html
	gpBook   = "GP Connect, book an appointment"   // …/appointments_use_case_book_an_appointment.html
	gpAmend  = "GP Connect, amend an appointment"  // …/appointments_use_case_amend_an_appointment.html
	gpCancel = "GP Connect, cancel an appointment" // …/appointments_use_case_cancel_an_appointment.html
	gpRead   = "GP Connect, retrieve a patient's appointments"
	bars     = "BaRS"
	r4       = "R4"
	ours     = "Portico" // fhir/booking/DESIGN.md
)

// surgery is what can be booked: Dr Ash has three adjacent quarters of an hour on Monday, 2 March 2026, and one after a pause; nurse Begum has some today, after noon and
// before it, and her service wants to know of cancellations a day, and of bookings two hours before. In summer time, Dr Ash is there on Monday, 30 March.
var surgery = [][2]string{
	{"Organization/trust", `"name":"The trust"`},
	{"Organization/practice", `"name":"The practice"`},
	{"Location/surgery", `"name":"Elm Street","managingOrganization":{"reference":"Organization/practice"}`},
	{"Location/clinic", `"name":"The clinic","managingOrganization":{"reference":"Organization/trust"}`},
	{"HealthcareService/gp", `"name":"GP consultation","identifier":[{"system":"https://fhir.nhs.uk/Id/dos-service-id","value":"2000099999"}],
		"providedBy":{"reference":"Organization/practice"},"location":[{"reference":"Location/surgery"}]`},
	{"HealthcareService/nurse", `"extension":[` + hours("cancellation-notice", 24) + "," + hours("booking-lead-time", 2) + `],
		"name":"Wound care","providedBy":{"reference":"Organization/trust"},"location":[{"reference":"Location/clinic"}]`},
	{"Practitioner/ash", `"identifier":[{"system":"https://fhir.nhs.uk/Id/sds-user-id","value":"111"}],"name":[{"family":"Ash"}]`},
	{"Practitioner/begum", `"identifier":[{"system":"https://fhir.nhs.uk/Id/sds-user-id","value":"222"}],"name":[{"family":"Begum"}]`},
	{"PractitionerRole/ash-gp", `"practitioner":{"reference":"Practitioner/ash"}`},
	{"Patient/pat", `"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9992287144"}],"name":[{"family":"Haddad"}]`},
	{"Patient/sam", `"name":[{"family":"Singh"}]`},
	{"Schedule/ash", schedule("Practitioner/ash", "PractitionerRole/ash-gp", "Location/surgery", "HealthcareService/gp")},
	{"Schedule/begum", schedule("Practitioner/begum", "Location/clinic", "HealthcareService/nurse")},
	{"Slot/m1", freeSlot("ash", "2026-03-02T09:00:00Z", "2026-03-02T09:15:00Z")},
	{"Slot/m2", freeSlot("ash", "2026-03-02T09:15:00Z", "2026-03-02T09:30:00Z")},
	{"Slot/m3", freeSlot("ash", "2026-03-02T09:30:00Z", "2026-03-02T09:45:00Z")},
	{"Slot/m5", freeSlot("ash", "2026-03-02T10:00:00Z", "2026-03-02T10:15:00Z")},
	{"Slot/n1", freeSlot("begum", "2026-03-02T15:00:00Z", "2026-03-02T15:15:00Z")},
	{"Slot/past", freeSlot("ash", "2026-03-01T11:00:00Z", "2026-03-01T11:15:00Z")},
	{"Slot/soon", freeSlot("begum", "2026-03-01T13:00:00Z", "2026-03-01T13:15:00Z")},
	{"Slot/today", freeSlot("begum", "2026-03-01T16:00:00Z", "2026-03-01T16:15:00Z")},
	{"Slot/tea", strings.Replace(freeSlot("ash", "2026-03-02T11:00:00Z", "2026-03-02T11:15:00Z"), `"free"`, `"busy-unavailable"`, 1)},
	{"Slot/summer", freeSlot("ash", "2026-03-30T09:00:00+01:00", "2026-03-30T09:15:00+01:00")},
}

// freeSlot is a Slot that is free, of a Schedule.
func freeSlot(schedule, start, end string) string {
	return fmt.Sprintf(`"schedule":{"reference":"Schedule/%s"},"status":"free","start":%q,"end":%q`, schedule, start, end)
}

// hours is an extension of a service, with so many of them.
func hours(name string, hours int) string {
	return fmt.Sprintf(`{"url":"https://github.com/portico-health/portico/fhir/StructureDefinition/%s","valueDuration":{"value":%d,"unit":"h","system":"http://unitsofmeasure.org","code":"h"}}`, name, hours)
}

func openSurgery(t *testing.T) house {
	t.Helper()
	h := open(t)
	h.store(t, surgery...)
	return h
}

// appointment is one of Patient/pat, as a client would send it: with its status, the slots with commas between, and whatever else.
func appointment(status, slots, start, end string, more ...string) string {
	var list []string
	for slot := range strings.SplitSeq(slots, ",") {
		list = append(list, `{"reference":"Slot/`+slot+`"}`)
	}
	parts := []string{
		`"resourceType":"Appointment"`, fmt.Sprintf(`"status":%q`, status), fmt.Sprintf(`"slot":[%s]`, strings.Join(list, ",")),
		fmt.Sprintf(`"start":%q,"end":%q`, start, end),
		`"participant":[{"actor":{"reference":"Patient/pat"},"status":"accepted"},{"actor":{"reference":"HealthcareService/` + serviceOf(slots) + `"},"status":"accepted"}]`,
	}
	return "{" + strings.Join(append(parts, more...), ",") + "}"
}

// serviceOf is the service that the slots are of.
func serviceOf(slots string) string {
	switch slots {
	case "n1", "soon", "today":
		return "nurse"
	default:
		return "gp"
	}
}

// row is a scenario, and where it comes from.
type row struct {
	from string
	scenario
	keep string // a name for the id of what was created, which later rows write in braces: "{first}"
}

var location = regexp.MustCompile(`/([^/]+)/_history/`)

// tell plays rows one after the other, and stops where one is not answered with the status that those behind it rest on.
func (h house) tell(t *testing.T, rows []row) {
	t.Helper()
	kept := map[string]string{}
	fill := func(text string) string {
		for name, id := range kept {
			text = strings.ReplaceAll(text, "{"+name+"}", id)
		}
		return text
	}
	for _, r := range rows {
		went := t.Run(r.from+": "+r.name, func(t *testing.T) {
			sc := r.scenario
			sc.path, sc.body, sc.want = fill(sc.path), fill(sc.body), fill(sc.want)
			for i := range sc.contains {
				sc.contains[i] = fill(sc.contains[i])
			}
			for path, want := range sc.paths {
				sc.paths[path] = fill(want)
			}
			got, body := h.send(t, sc)
			sc.check(t, got, body)
			if r.keep != "" {
				found := location.FindStringSubmatch(got.header.Get("Location"))
				if found == nil {
					t.Fatalf("no id in the Location %q", got.header.Get("Location"))
				}
				kept[r.keep] = found[1]
			}
		})
		if !went && r.keep != "" {
			t.Fatalf("without %q the story does not go on", r.keep)
		}
	}
}
