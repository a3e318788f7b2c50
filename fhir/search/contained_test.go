package search_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir/search"
)

// TestChainsSeeContained: a chain finds by what a reference points at within the same resource, on any way through contained and other
// resources.
func TestChainsSeeContained(t *testing.T) {
	rules := mustRules(t)
	w := worldOf(t, rules, append(clinic,
		`{"resourceType":"Appointment","id":"c1","status":"booked","contained":[
			{"resourceType":"Patient","id":"p","name":[{"family":"Cara"}],"gender":"female","birthDate":"1999-01-01","generalPractitioner":[{"reference":"Practitioner/joe"},{"reference":"#d"}],
				"managingOrganization":{"reference":"#o"}},
			{"resourceType":"Practitioner","id":"d","name":[{"family":"Dee"}]},
			{"resourceType":"Organization","id":"o","name":"Own"},
			{"resourceType":"Practitioner","id":"unused","name":[{"family":"Unused"}]}],
			"participant":[{"actor":{"reference":"#p"}}]}`,
		`{"resourceType":"Appointment","id":"c2","status":"booked","contained":[{"resourceType":"Patient","id":"p","gender":"male"}],"participant":[{"actor":{"reference":"#p"}}]}`,
		`{"resourceType":"Appointment","id":"c3","status":"booked","participant":[{"actor":{"reference":"#p"}},{"actor":{"display":"somebody"}}]}`,
	)...)
	checkFinds(t, rules, w, []find{
		{"Appointment", "patient.name=cara", "c1"},
		{"Appointment", "actor:Patient.name:exact=Cara", "c1"},
		{"Appointment", "actor.name:contains=ar", "c1"},
		{"Appointment", "actor:Practitioner.name=dee", ""}, // it is not the Appointment that refers to her
		{"Appointment", "actor.name=unused", ""},
		{"Appointment", "patient.birthdate=lt2000", "a1 c1"},
		{"Appointment", "patient.gender=male", "a2 c2"},
		{"Appointment", "patient.gender:not=male", "a1 c1"},
		{"Appointment", "patient.birthdate:missing=true", "c2"},
		{"Appointment", "patient.birthdate:missing=false", "a1 a2 c1"},
		{"Appointment", "patient.family:missing=true", "c2"},
		{"Appointment", "patient.name:missing=true", "c2"},
		{"Appointment", "patient.general-practitioner.name=joe", "a1 a2 c1"},
		{"Appointment", "patient.general-practitioner.name=dee", "c1"},
		{"Appointment", "patient.general-practitioner:Practitioner.gender:missing=true", "c1"},
		{"Appointment", "patient.organization.name=own", "c1"},
		{"Appointment", "patient.organization.name:missing=false", "a1 c1"},
		{"Appointment", "patient.general-practitioner=Practitioner/joe", "a1 a2 c1"},
		{"Appointment", "patient._id=p", ""},
		{"Appointment", "patient._id:not=ann", "a2 c1 c2"},
		{"Appointment", "patient._lastUpdated=gt2000", "a1 a2"},
		{"Appointment", "patient._has:Observation:patient:status=final", "a1 a2"},
		{"Patient", "_has:Appointment:actor:patient.name=cara", ""}, // nobody else refers to what is contained
	})
}

// TestContainedEntriesAreBounded: resources that refer to each other in a circle, and many of them, come to an end.
func TestContainedEntriesAreBounded(t *testing.T) {
	circle := `{"resourceType":"Patient","id":"r","contained":[{"resourceType":"Organization","id":"a","name":"A","partOf":{"reference":"#b"}},{"resourceType":"Organization","id":"b","name":"B","partOf":{"reference":"#a"}}],
		"managingOrganization":{"reference":"#a"}}`
	rules := mustRules(t)
	w := worldOf(t, rules, circle)
	checkFinds(t, rules, w, []find{
		{"Patient", "organization.name=a", "r"}, {"Patient", "organization.partof.name=b", "r"}, {"Patient", "organization.partof.partof.name=a", "r"},
		{"Patient", "organization.partof.partof.partof.name=b", ""}, {"Patient", "organization.name=b", ""},
	})
	var contained, links []string
	for i := range 500 {
		contained = append(contained, fmt.Sprintf(`{"resourceType":"Practitioner","id":"d%d","name":[{"family":"D%d"}]}`, i, i))
		links = append(links, fmt.Sprintf(`{"reference":"#d%d"},{"reference":"#d%d"}`, i, i))
	}
	big := fmt.Sprintf(`{"resourceType":"Patient","id":"big","contained":[%s],"generalPractitioner":[%s]}`, strings.Join(contained, ","), strings.Join(links, ","))
	_, x := indexed(t, rules, big)
	ids := 0
	for _, e := range x.Entries.Terms {
		if e.Param == "general-practitioner.Practitioner._id" {
			ids++
		}
	}
	if ids != 64 || len(x.Entries.Texts) == 0 {
		t.Errorf("%d contained resources are followed", ids)
	}
	seen := map[search.Text]bool{}
	for _, e := range x.Entries.Texts {
		if seen[e] {
			t.Errorf("%+v comes twice", e)
		}
		seen[e] = true
	}
}

// TestContainedIsReadOnce: a contained resource costs no more for each of the names that lead to it, nor for each of its references to itself.
func TestContainedIsReadOnce(t *testing.T) {
	rules := mustRules(t)
	allocated := func(references int) uint64 {
		actors := strings.TrimSuffix(strings.Repeat(`{"actor":{"reference":"#h"}},`, references), ",")
		r := mustResource(t, fmt.Sprintf(`{"resourceType":"Appointment","id":"a","supportingInformation":[{"reference":"#h"}],"contained":[
			{"resourceType":"Appointment","id":"h","participant":[%s],"slot":[{"reference":"#h"}],"basedOn":[{"reference":"#h"}],"supportingInformation":[{"reference":"#h"}]}]}`, actors))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rules.Extract(r)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	few, many := allocated(1), allocated(20_000)
	if each := (many - min(few, many)) / 20_000; each > 1_000 {
		t.Errorf("%d bytes are allocated for each of 20 000 references, %d for one", each, few)
	}
}
