package validate_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
)

// patientOf is a Patient whose managingOrganization, an Organization and nothing else, is the given Reference.
func patientOf(reference string) string {
	return `{"resourceType":"Patient","managingOrganization":` + reference +
		`,"generalPractitioner":[{"reference":"#o"},{"reference":"#p"}],"contained":[{"resourceType":"Organization","id":"o","name":"O"},{"resourceType":"Practitioner","id":"p"}]}`
}

func TestReferencesAccepted(t *testing.T) {
	testAccepted(t, map[string]string{
		"relative":                patientOf(`{"reference":"Organization/1"}`),
		"of a version":            patientOf(`{"reference":"Organization/1/_history/2"}`),
		"absolute":                patientOf(`{"reference":"https://example.org/fhir/Organization/1"}`),
		"absolute, of a version":  patientOf(`{"reference":"https://example.org/fhir/Organization/1/_history/2"}`),
		"no FHIR server's URL":    patientOf(`{"reference":"https://example.org/organizations?id=1"}`),
		"contained":               patientOf(`{"reference":"#o"}`),
		"UUID":                    patientOf(`{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}`),
		"OID":                     patientOf(`{"reference":"urn:oid:1.2.3"}`),
		"identifier alone":        patientOf(`{"identifier":{"system":"http://example.org","value":"1"}}`),
		"display alone":           patientOf(`{"display":"St Mary's"}`),
		"type":                    patientOf(`{"type":"Organization","display":"x"}`),
		"type as canonical":       patientOf(`{"type":"http://hl7.org/fhir/StructureDefinition/Organization","display":"x"}`),
		"type of a logical model": patientOf(`{"type":"http://example.org/StructureDefinition/Thing","display":"x"}`),
		"any type":                `{"resourceType":"Task","status":"draft","intent":"order","focus":{"reference":"Basic/1"}}`,
		"conditional, in a transaction": `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"POST","url":"Patient"},
			"resource":{"resourceType":"Patient","managingOrganization":{"reference":"Organization?identifier=http://example.org|1"}}}]}`,
		"contained points at its container": `{"resourceType":"Patient","contained":[{"resourceType":"RelatedPerson","id":"r","patient":{"reference":"#"}}]}`,
	})
}

func TestReferencesRefused(t *testing.T) {
	const malformed = " is no reference: write Type/id, an absolute URL, a URN, or # and the id of a contained resource."
	for _, tt := range []struct {
		reference string
		kind      fhir.Kind
		issue     string
	}{
		{`{"reference":"Practitioner/1"}`, fhir.Unprocessable, "business-rule Patient.managingOrganization.reference: managingOrganization may not point at a Practitioner, only at Organization."},
		{`{"reference":"https://example.org/fhir/Practitioner/1/_history/2"}`, fhir.Unprocessable, "business-rule Patient.managingOrganization.reference: managingOrganization may not point at a Practitioner, only at Organization."},
		{`{"reference":"#p"}`, fhir.Unprocessable, "business-rule Patient.managingOrganization.reference: managingOrganization may not point at a Practitioner, only at Organization."},
		{`{"reference":"#x"}`, fhir.Unprocessable, "invariant Patient.managingOrganization: The reference begins with #, but no contained resource has that id (ref-1)."},
		{`{"reference":"Organisation/1"}`, fhir.Unprocessable, `business-rule Patient.managingOrganization.reference: "Organisation" is no resource type of R4.`},
		{`{"type":"Practitioner","display":"x"}`, fhir.Unprocessable, "business-rule Patient.managingOrganization.type: managingOrganization may not point at a Practitioner, only at Organization."},
		{`{"type":"Organisation","display":"x"}`, fhir.Unprocessable, `business-rule Patient.managingOrganization.type: "Organisation" is no resource type of R4.`},
		{`{"reference":"Organization/1","type":"Patient"}`, fhir.Unprocessable, "business-rule Patient.managingOrganization.type: The type is Patient, but the reference points at an Organization."},
		{`{"reference":"Appointment/1"}`, fhir.Unprocessable, "business-rule Patient.managingOrganization.reference: managingOrganization may not point at an Appointment, only at Organization."},
		{`{"reference":"1"}`, fhir.Invalid, `value Patient.managingOrganization.reference: "1"` + malformed},
		{`{"reference":"Organization/"}`, fhir.Invalid, `value Patient.managingOrganization.reference: "Organization/"` + malformed},
		{`{"reference":"Organization/1/2"}`, fhir.Invalid, `value Patient.managingOrganization.reference: "Organization/1/2"` + malformed},
		{`{"reference":"Organization/1/_history/"}`, fhir.Invalid, `value Patient.managingOrganization.reference: "Organization/1/_history/"` + malformed},
		{`{"reference":"/Organization/1"}`, fhir.Invalid, `value Patient.managingOrganization.reference: "/Organization/1"` + malformed},
		{`{"reference":"Organization?identifier=1"}`, fhir.Invalid, `value Patient.managingOrganization.reference: "Organization?identifier=1"` + malformed},
	} {
		issues, kind := check(t, patientOf(tt.reference))
		if diff := cmp.Diff([]string{tt.issue}, issues); diff != "" || !errors.Is(kind, tt.kind) {
			t.Errorf("%s: kind %v, want %v; issues (-want +got):\n%s", tt.reference, kind, tt.kind, diff)
		}
	}
}
