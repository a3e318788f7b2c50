package search_test

import (
	"strings"
	"testing"
)

// https://hl7.org/fhir/R4/search.html#reference
func TestReferenceForms(t *testing.T) {
	forms := []string{"Patient/23", base + "/Patient/23", "Patient/23/_history/4", base + "/Patient/23/_history/4"}
	for _, form := range forms {
		checkHits(t, `{"resourceType":"Observation","id":"o1","subject":{"reference":"`+form+`"}}`, []hit{
			{"subject=Patient/23", true},
			{"subject=" + base + "/Patient/23", true}, // "a relative reference resolving to the same value as a specified absolute URL"
			{"subject=23", true},
			{"subject:Patient=23", true},
			{"subject:Patient=Patient/23", true},
			{"subject:Patient=" + base + "/Patient/23", true},
			{"subject:Group=23", false},
			{"patient=23", true},
			{"patient=Patient/23", true},
			{"patient=Patient/23,Patient/24", true},
			{"subject=Group/23", false},
			{"subject=2", false},
			{"subject=https://other.example.org/fhir/Patient/23", false},
			{"subject:missing=false", true},
			{"performer:missing=true", true},
		})
	}
	checkHits(t, `{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/23/_history/4"}}`, []hit{
		{"subject=Patient/23/_history/4", true}, {"subject=Patient/23/_history/5", false},
	})
}

func TestReferenceElsewhere(t *testing.T) {
	checkHits(t, `{"resourceType":"Observation","id":"o1","subject":{"reference":"https://other.example.org/fhir/Patient/23"}}`, []hit{
		{"subject=https://other.example.org/fhir/Patient/23", true},
		{"patient=https://other.example.org/fhir/Patient/23", true}, // its text says that it is a Patient
		{"subject=Patient/23", false},
		{"subject=23", false},
	})
	checkHits(t, `{"resourceType":"Observation","id":"o1","subject":{"reference":"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7","type":"Patient"}}`, []hit{
		{"subject=urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", true},
		{"patient=urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", true},
		{"patient:missing=false", true},
	})
	checkHits(t, `{"resourceType":"Observation","id":"o1","subject":{"reference":"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"}}`, []hit{
		{"subject=urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", true},
		{"patient:missing=true", true}, // nothing says that it is a Patient
	})
}

// What is inside the resource, or no reference at all, is there and cannot be asked for by a reference.
func TestReferenceWithoutTarget(t *testing.T) {
	for _, subject := range []string{`{"reference":"#p"}`, `{"type":"Patient","identifier":{"value":"1"}}`, `{"type":"Patient","display":"Ann"}`} {
		checkHits(t, `{"resourceType":"Observation","id":"o1","contained":[{"resourceType":"Device","id":"d"},{"resourceType":"Patient","id":"p"}],"subject":`+subject+`}`, []hit{
			{"subject:missing=false", true},
			{"patient:missing=false", true},
			{"subject=p", false},
		})
	}
	checkHits(t, `{"resourceType":"Observation","id":"o1","contained":[{"resourceType":"Device","id":"d"}],"subject":{"reference":"#d"}}`, []hit{
		{"subject:missing=false", true}, {"patient:missing=true", true},
	})
	checkHits(t, `{"resourceType":"Observation","id":"o1","subject":{"reference":"#unknown"}}`, []hit{{"patient:missing=true", true}})
	checkHits(t, `{"resourceType":"Provenance","id":"p1","target":[{"reference":"#"}]}`, []hit{{"target:missing=false", true}, {"patient:missing=true", true}})
}

// :identifier looks at Reference.identifier: "the search value works as a token search". What a literal reference points at is not asked.
func TestReferenceIdentifier(t *testing.T) {
	checkHits(t, `{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/23","identifier":{"system":"https://example.org/mrn","value":"A|1"}},
		"performer":[{"type":"Practitioner","identifier":{"value":"7"}},{"identifier":{"system":"https://example.org/none"}}]}`, []hit{
		{`subject:identifier=https://example.org/mrn|A\|1`, true},
		{`subject:identifier=A\|1`, true},
		{"subject:identifier=https://example.org/mrn|", true},
		{`subject:identifier=|A\|1`, false},
		{"subject:identifier=https://example.org/mrn|A", false},
		{"subject:identifier=23", false},
		{`subject=A\|1`, false},
		{"subject=23", true},
		{"patient:identifier=https://example.org/mrn|", true},
		{"performer:identifier=|7", true},
		{"performer:identifier=x,7", true},
		{"performer:identifier=https://example.org/none|", true},
		{"performer:identifier=8", false},
		{"encounter:identifier=7", false},
		{"performer:missing=false", true},
	})
}

// "When using the patient search parameter, there is no need to specify :Patient".
func TestReferenceByType(t *testing.T) {
	checkHits(t, `{"resourceType":"Appointment","id":"a1","participant":[{"actor":{"reference":"Patient/1"}},{"actor":{"reference":"Practitioner/2"}},{"actor":{"reference":"Location/3"}}]}`, []hit{
		{"patient=1", true},
		{"patient=2", false},
		{"practitioner=2", true},
		{"location=Location/3", true},
		{"actor=1", true},
		{"actor=3", true},
		{"actor:Location=3", true},
		{"actor:Patient=3", false},
		{"patient=Practitioner/2", false},
	})
	checkHits(t, `{"resourceType":"Task","id":"t1","focus":{"reference":"ServiceRequest/1"}}`, []hit{
		{"focus=1", true}, // may be of any type: of every type that is served
		{"focus:ServiceRequest=1", true},
		{"focus:Task=1", false},
	})
}

// "version specific references" of canonical: a search without the version finds both.
func TestReferenceCanonical(t *testing.T) {
	checkHits(t, `{"resourceType":"PlanDefinition","id":"p1","library":["https://example.org/Library/a|1.0","https://example.org/Library/b"],
		"relatedArtifact":[{"type":"depends-on","resource":"https://example.org/Library/c"},{"type":"successor","resource":"https://example.org/Library/d"}]}`, []hit{
		{"depends-on=https://example.org/Library/a", true},
		{"depends-on=https://example.org/Library/a|1.0", true},
		{`depends-on=https://example.org/Library/a\|1.0`, true},
		{"depends-on=https://example.org/Library/a|2.0", false},
		{"depends-on=https://example.org/Library/b", true},
		{"depends-on=https://example.org/Library/c", true},
		{"depends-on=https://example.org/Library/d", false},
		{"successor=https://example.org/Library/d", true},
	})
}

// "one resource is directly nested within another - see the Bundle search parameters".
func TestReferenceNested(t *testing.T) {
	checkHits(t, `{"resourceType":"Bundle","id":"b1","type":"document","entry":[{"resource":{"resourceType":"Composition","id":"c"}},{"resource":{"resourceType":"Patient","id":"p"}}]}`, []hit{
		{"composition=Composition/c", true},
		{"composition=c", true},
		{"composition=p", false}, // Bundle.entry[0].resource
		{"message=c", false},
	})
	checkHits(t, `{"resourceType":"Bundle","id":"b1","type":"document","entry":[{"resource":{"resourceType":"Composition"}}]}`, []hit{{"composition:missing=false", true}})
}

func TestReferenceRefusals(t *testing.T) {
	checkRefusals(t, []refusal{
		{"Observation", "subject:Patient=Group/1", "is no Patient of this server"},
		{"Observation", "subject:Patient=https://other.example.org/Patient/1", "is no Patient of this server"},
		{"Observation", "subject:Slot=1", "it takes missing, identifier, Group, Device, Patient and Location"},
		{"ServiceRequest", "instantiates-canonical:below=http://example.org/plan|1", "The modifier :below of instantiates-canonical is not supported: versions of a canonical URL are not compared"},
		{"Observation", "subject:below=1", "The modifier :below of subject is not supported: what is part of what is not followed here"},
		{"Observation", "subject:identifier=|", "has nothing on either side of the vertical bar"},
		{"Observation", "subject:identifier=a|b|c", "has several vertical bars"},
		{"PlanDefinition", "depends-on:text=x", "no modifier"},
		{"Observation", "subject:patient=1", "no modifier"},
	})
}

// What a resource refers to is told as it is written, but for the base: a reference to one version is not one to the current version too.
func TestPointers(t *testing.T) {
	rules := mustRules(t)
	r := mustResource(t, `{"resourceType":"Provenance","id":"a","target":[{"reference":"Patient/1/_history/2"},{"reference":"Patient/1"},{"reference":"`+base+`/Patient/2"},
		{"reference":"Patient/1/_history/2"},{"reference":"`+base+`/Patient/3/_history/4"},{"reference":"#x"},{"display":"nameless"},{"reference":"https://other.example.org/fhir/Patient/5"}],
		"agent":[{"who":{"reference":"Practitioner/6"}}]}`)
	for params, want := range map[string]string{
		"target":       "Patient/1/_history/2 Patient/1 Patient/2 Patient/3/_history/4 https://other.example.org/fhir/Patient/5",
		"agent":        "Practitioner/6",
		"agent target": "Practitioner/6 Patient/1/_history/2 Patient/1 Patient/2 Patient/3/_history/4 https://other.example.org/fhir/Patient/5",
		"nothing":      "",
	} {
		if got := strings.Join(rules.Pointers(r, strings.Fields(params)), " "); got != want {
			t.Errorf("%s: got %s, want %s", params, got, want)
		}
	}
}
