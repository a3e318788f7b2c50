package rest_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestSlotSearch asks for free slots as the clients of the NHS do.
func TestSlotSearch(t *testing.T) {
	h := openSurgery(t)
	const monday = "status=free&start=ge2026-03-02T00:00:00Z&start=le2026-03-02T23:59:59Z"
	for _, c := range []struct{ from, path, want string }{
		// The period is that of the starts. R4 has no parameter for the end of a slot.
		{bars, "status=free&start=ge2026-03-02T09:00:00+00:00&start=le2026-03-02T09:30:00+00:00", "m1 m2 m3"},
		{bars, "status=free&start=ge2026-03-02T09:00:00.000Z&start=le2026-03-02T09:29:59.999Z", "m1 m2"},
		{gpSearch, "status=free&start=ge2026-03-02&start=le2026-03-02", "m1 m2 m3 m5 n1"},
		{gpSearch, "status=free&start=ge2026-03-02T09:15:00&start=le2026-03-02T10:00:00", "m2 m3 m5"},
		{gpSearch, "status=free&start=ge2026-03-01", "past soon today m1 m2 m3 m5 n1 summer"}, // also what is past can be found
		{gpSearch, "start=ge2026-03-02&start=le2026-03-02", "m1 m2 m3 m5 tea n1"},             // every status, where none is asked for
		{gpSearch, "status=busy-unavailable&start=ge2026-03-02", "tea"},
		{r4, "status=free&start=2026-03-02", "m1 m2 m3 m5 n1"},
		{r4, "status=free&start=gt2026-03-02T09:15:00Z&start=lt2026-03-02T10:00:00Z", "m3"},
		{r4, "status=free&start=sa2026-03-02", "summer"},
		{r4, "status=free,busy-unavailable&start=ge2026-03-02T10:00:00Z&start=le2026-03-02T12:00:00Z", "m5 tea"},
		{ours, "status=free&start=ge2026-01-01&start=le2027-01-01", "past soon today m1 m2 m3 m5 n1 summer"}, // a year is no longer than a fortnight

		// Offsets are of one time line: nine o'clock in London is eight o'clock in UTC in summer, and nine in winter.
		{bars, "status=free&start=ge2026-03-30T09:00:00%2B01:00&start=le2026-03-30T09:00:00%2B01:00", "summer"},
		{bars, "status=free&start=ge2026-03-30T08:00:00Z&start=lt2026-03-30T08:15:00Z", "summer"},
		{bars, "status=free&start=ge2026-03-30T09:00:00Z", ""},
		{bars, "status=free&start=ge2026-03-02T10:15:00%2B01:00&start=le2026-03-02T10:15:00%2B01:00", "m2"},

		// By the actors of the schedule.
		{bars, monday + "&schedule.actor:HealthcareService=gp", "m1 m2 m3 m5"},
		{bars, monday + "&schedule.actor:HealthcareService=nurse", "n1"},
		{bars, monday + "&schedule.actor:HealthcareService=HealthcareService/nurse", "n1"},
		{bars, monday + "&Schedule.actor:HealthcareService=nurse", "n1"}, // as BaRS spells it
		{bars, monday + "&Schedule.actor:HealthcareService.identifier=2000099999", "m1 m2 m3 m5"},
		{bars, monday + "&schedule.actor=HealthcareService/gp,HealthcareService/nurse", "m1 m2 m3 m5 n1"},
		{bars, monday + "&schedule.actor:HealthcareService=nobody", ""},
		{bars, monday + "&schedule.actor:HealthcareService.identifier=https://fhir.nhs.uk/Id/dos-service-id|2000099999", "m1 m2 m3 m5"},
		{r4, monday + "&schedule.actor:Practitioner.identifier=https://fhir.nhs.uk/Id/sds-user-id|222", "n1"},
		{r4, monday + "&schedule.actor:Practitioner.name=begum", "n1"},
		{r4, monday + "&schedule.actor:Location=surgery", "m1 m2 m3 m5"},
		{r4, monday + "&schedule.actor:Location.name=clinic&schedule.actor:Location.organization=trust", ""}, // "The clinic" begins otherwise
		{r4, monday + "&schedule.actor:Location.name=the&schedule.actor:Location.organization=trust", "n1"},
		{r4, monday + "&schedule.actor:HealthcareService.organization=practice", "m1 m2 m3 m5"},
		{r4, monday + "&schedule.actor:HealthcareService.location=clinic", "n1"},
		{r4, monday + "&schedule=Schedule/begum", "n1"},
		{r4, monday + "&schedule.actor:Practitioner=ash&schedule.actor:Location=surgery", "m1 m2 m3 m5"},
	} {
		t.Run(c.from+": "+c.path, func(t *testing.T) {
			got, body := h.send(t, scenario{path: "/Slot?_sort=start&" + strings.ReplaceAll(c.path, "|", "%7C")})
			if got.status != http.StatusOK {
				t.Fatalf("%d: %s", got.status, body)
			}
			if found := strings.ReplaceAll(entries(t, body), "Slot/", ""); found != c.want {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}

// TestSlotSearchRefusals: what a server cannot answer truly is told, by version 1 of the API in the answer, and by version 2 in its place.
func TestSlotSearchRefusals(t *testing.T) {
	h := openSurgery(t)
	second := map[string]string{"HC-API-Version": "2"}
	h.tell(t, []row{
		{from: gpSearch, scenario: scenario{name: "STU3's :recurse", path: "/Slot?status=free&_include=Slot:schedule&_include:recurse=Schedule:actor:Practitioner", status: 400,
			paths: map[string]string{"issue[0].code": "invalid"}, contains: []string{"iterate"}}},
		{from: gpSearch, scenario: scenario{name: "a search filter that nobody knows is no error", path: "/Slot?status=free&start=ge2026-03-30&searchFilter=https://example.org/type%7Curgent-care", status: 200,
			paths: map[string]string{"total": "1", "entry[1].search.mode": "outcome", "entry[1].resource.issue[0].code": "not-supported", "entry[1].resource.issue[0].severity": "warning"}}},
		{from: gpSearch, scenario: scenario{name: "the same of version 2", header: second, path: "/Slot?status=free&searchFilter=https://example.org/type%7Curgent-care", status: 400,
			paths: map[string]string{"issue[0].code": "not-supported"}}},
		{from: gpSearch, scenario: scenario{name: "the end is no parameter of R4", header: second, path: "/Slot?status=free&start=ge2026-03-02&end=le2026-03-03", status: 400, contains: []string{"start"}}},
		{from: gpSearch, scenario: scenario{name: "a status that a slot cannot have is one that no slot has", path: "/Slot?status=open", status: 200, paths: map[string]string{"total": "0"}}},
		{from: gpSearch, scenario: scenario{name: "no free slots: no resources", path: "/Slot?status=free&start=ge2026-04-01&start=le2026-04-14&_include=Slot:schedule", status: 200,
			paths: map[string]string{"total": "0", "entry[#]": ""}}},
		{from: bars, scenario: scenario{name: "a time that is none", path: "/Slot?status=free&start=ge2026-03-02T25:00:00Z", status: 400, paths: map[string]string{"issue[0].code": "value"}}},
		{from: bars, scenario: scenario{name: "an actor of another kind", path: "/Slot?schedule.actor:Organization=trust", status: 400, paths: map[string]string{"issue[0].code": "invalid"}}},
	})
}

// TestSlotSearchPages goes through the free slots page by page, as they are included and sorted, while somebody takes one from a page that is yet to come.
func TestSlotSearchPages(t *testing.T) {
	h := openSurgery(t)
	next := "/Slot?status=free&start=ge2026-03-02&start=le2026-03-02&_sort=start&_count=2&_include=Slot:schedule"
	var pages []string
	for next != "" && len(pages) < 5 {
		got, body := h.send(t, scenario{path: next})
		if got.status != http.StatusOK {
			t.Fatalf("%d: %s", got.status, body)
		}
		pages = append(pages, entries(t, body))
		next = ""
		tree := parse(t, body)
		for i := range 3 {
			if link := "link[" + string(rune('0'+i)) + "]."; at(tree, link+"relation") == "next" {
				next = strings.TrimPrefix(at(tree, link+"url"), base)
			}
		}
		if len(pages) == 1 {
			h.store(t, [2]string{"Slot/m3", strings.Replace(freeSlot("ash", "2026-03-02T09:30:00Z", "2026-03-02T09:45:00Z"), `"free"`, `"busy"`, 1)})
		}
	}
	want := []string{"Slot/m1 Slot/m2 +Schedule/ash", "Slot/m5 Slot/n1 +Schedule/ash +Schedule/begum"}
	if strings.Join(pages, "; ") != strings.Join(want, "; ") {
		t.Errorf("pages %q, want %q", pages, want)
	}
}

// TestSlotSearchIncludes asks for what a client needs to show the slots: the schedule, who and where, and the organisations behind them. GP Connect's :recurse
// is of STU3; R4 calls it :iterate (https://hl7.org/fhir/R4/search.html#include).
func TestSlotSearchIncludes(t *testing.T) {
	h := openSurgery(t)
	const ash = "/Slot?status=free&start=ge2026-03-02T09:00:00Z&start=le2026-03-02T09:15:00Z&_sort=start&_include=Slot:schedule"
	for _, c := range []struct{ from, path, want string }{
		{gpSearch, "", "+Schedule/ash"},
		{gpSearch, "&_include:iterate=Schedule:actor:Practitioner", "+Schedule/ash +Practitioner/ash"},
		{gpSearch, "&_include:iterate=Schedule:actor:Location&_include:iterate=Location:organization", "+Schedule/ash +Location/surgery +Organization/practice"},
		{gpSearch, "&_include:iterate=Schedule:actor:Practitioner&_include:iterate=Schedule:actor:Location&_include:iterate=Location:organization",
			"+Schedule/ash +Practitioner/ash +Location/surgery +Organization/practice"},
		{bars, "&_include:iterate=Schedule:actor:Practitioner&_include:iterate=Schedule:actor:PractitionerRole&_include:iterate=Schedule:actor:HealthcareService",
			"+Schedule/ash +Practitioner/ash +PractitionerRole/ash-gp +HealthcareService/gp"},
		{bars, "&_include:iterate=Schedule:actor:HealthcareService&_include:iterate=HealthcareService:organization&_include:iterate=HealthcareService:location",
			"+Schedule/ash +HealthcareService/gp +Organization/practice +Location/surgery"},
		{bars, "&_include:iterate=Schedule:actor:HealthcareService&_include:iterate=HealthcareService:location:Location", "+Schedule/ash +HealthcareService/gp +Location/surgery"},
		{gpSearch, "&_include:iterate=Schedule:actor:Location&_include:iterate=Location:managingOrganization", "+Schedule/ash +Location/surgery +Organization/practice"},
		{bars, "&_include:iterate=Schedule:actor:HealthcareService&_include:iterate=HealthcareService:providedBy:Organization", "+Schedule/ash +HealthcareService/gp +Organization/practice"},
		{bars, "&_include:iterate=Schedule:actor", "+Schedule/ash +Practitioner/ash +PractitionerRole/ash-gp +Location/surgery +HealthcareService/gp"},
	} {
		t.Run(c.from+": "+c.path, func(t *testing.T) {
			got, body := h.send(t, scenario{path: ash + c.path})
			if got.status != http.StatusOK {
				t.Fatalf("%d: %s", got.status, body)
			}
			if found := entries(t, body); found != "Slot/m1 Slot/m2 "+c.want {
				t.Errorf("found %q, want Slot/m1 Slot/m2 %q", found, c.want)
			}
			if total := at(parse(t, body), "total"); total != "2" { // what comes with the matches is not counted
				t.Errorf("total %s", total)
			}
		})
	}
}
