package search_test

import (
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// patient2KB is a Patient of 2 KB with everything that a booking system fills in.
const patient2KB = `{"resourceType":"Patient","id":"p-001","meta":{"versionId":"3","lastUpdated":"2026-03-01T10:00:00.000000Z","tag":[{"system":"https://example.org/tags","code":"imported"}]},` +
	`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Mrs Ángela O'Connor, born 12 May 1957</p></div>"},` +
	`"extension":[{"url":"https://example.org/StructureDefinition/ethnic-category","valueCodeableConcept":{"coding":[{"system":"https://example.org/ethnicity","code":"A","display":"British"}]}}],` +
	`"identifier":[{"use":"official","system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"},{"use":"secondary","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"https://example.org/mrn","value":"RA4-112233"}],` +
	`"active":true,"name":[{"use":"official","text":"Mrs Ángela O'Connor","family":"O'Connor","given":["Ángela","Mary"],"prefix":["Mrs"]},{"use":"maiden","family":"García López","given":["Ángela"]}],` +
	`"telecom":[{"system":"phone","value":"01632 960123","use":"home"},{"system":"phone","value":"07700 900456","use":"mobile","rank":1},{"system":"email","value":"angela@example.org","use":"home"}],` +
	`"gender":"female","birthDate":"1957-05-12","deceasedBoolean":false,` +
	`"address":[{"use":"home","type":"both","text":"Flat 2, 12 High Street, Bath BA1 1AA","line":["Flat 2","12 High Street"],"city":"Bath","district":"Somerset","postalCode":"BA1 1AA","country":"GB","period":{"start":"2011-04-01"}}],` +
	`"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Married"}]},` +
	`"contact":[{"relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0131","code":"N"}]}],"name":{"family":"O'Connor","given":["Peter"]},"telecom":[{"system":"phone","value":"07700 900457"}]}],` +
	`"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"en-GB"}],"text":"English"},"preferred":true}],` +
	`"generalPractitioner":[{"reference":"Practitioner/gp-7","display":"Dr A. Example"}],"managingOrganization":{"reference":"Organization/org-1","display":"Example Surgery"}}`

func BenchmarkExtractPatient2KB(b *testing.B) {
	rules := mustRules(b)
	r := mustResource(b, patient2KB)
	b.ReportAllocs()
	for b.Loop() {
		rules.Extract(r)
	}
}

// BenchmarkFloorPatient2KB is the floor: each value of the same tree is visited once, and as many entries with as long
// texts as Extract makes are allocated.
func BenchmarkFloorPatient2KB(b *testing.B) {
	r := mustResource(b, patient2KB)
	made := mustRules(b).Extract(r)
	b.ReportAllocs()
	for b.Loop() {
		if visit(r.Root()) == 0 {
			b.Fatal("nothing was visited")
		}
		if n := copyEntries(made); n == 0 {
			b.Fatal("nothing was copied")
		}
	}
}

func visit(v any) int {
	n := 1
	switch v := v.(type) {
	case *fhir.Object:
		for _, child := range v.All() {
			n += visit(child)
		}
	case fhir.Array:
		for _, child := range v {
			n += visit(child)
		}
	}
	return n
}

func BenchmarkNewRulesOfAllTypes(b *testing.B) {
	for b.Loop() {
		if _, err := newRules(r4.ResourceTypes()...); err != nil {
			b.Fatal(err)
		}
	}
}
