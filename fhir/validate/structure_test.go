package validate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
)

// TestStructureRefused: what is not R4 by structure, with its place and sentence.
func TestStructureRefused(t *testing.T) {
	testRefusals(t, fhir.Invalid, []refusal{
		{"unknown type", `{"resourceType":"Pateint"}`, []string{
			`structure resourceType: "Pateint" is no resource type of R4. Did you mean Patient?`,
		}},
		{"abstract type", `{"resourceType":"DomainResource"}`, []string{
			`structure resourceType: "DomainResource" is no resource type of R4.`,
		}},
		{"unknown element near a known one", `{"resourceType":"Patient","birthdate":"1970-01-01"}`, []string{
			`structure Patient.birthdate: "birthdate" is no element of Patient. Did you mean birthDate?`,
		}},
		{"element of R5", `{"resourceType":"Appointment","status":"proposed","participant":[{"status":"accepted","type":[{"text":"x"}]}],"cancellationReason":{"text":"x"}}`, []string{
			`structure Appointment.cancellationReason: "cancellationReason" is no element of Appointment. Did you mean cancelationReason?`,
		}},
		{"unknown element near none", `{"resourceType":"Patient","favouriteColour":"blue"}`, []string{
			`structure Patient.favouriteColour: "favouriteColour" is no element of Patient.`,
		}},
		{"unknown element that cannot stand in a path", `{"resourceType":"Patient","a b":1}`, []string{
			`structure Patient: "a b" is no element of Patient.`,
		}},
		{"unknown element of a data type", `{"resourceType":"Patient","name":[{"family":"A"},{"familly":"B"}]}`, []string{
			`structure Patient.name[1].familly: "familly" is no element of HumanName. Did you mean family?`,
		}},
		{"resourceType inside", `{"resourceType":"Patient","name":[{"resourceType":"HumanName"}]}`, []string{
			`structure Patient.name[0].resourceType: "resourceType" is no element of HumanName.`,
		}},
		{"choice without its type", `{"resourceType":"Patient","deceased":true}`, []string{
			`structure Patient.deceased: "deceased" is no element of Patient. Its type belongs to its name: deceasedBoolean or deceasedDateTime.`,
		}},
		{"choice with a type that is not allowed", `{"resourceType":"Patient","deceasedString":"yes"}`, []string{
			`structure Patient.deceasedString: "deceasedString" is no element of Patient.`,
		}},
		{"underscore before what is not primitive", `{"resourceType":"Patient","_name":[{"id":"a"}]}`, []string{
			`structure Patient._name: "_name" is no element of Patient. Only primitive values have a member with an underscore, and name is an array of objects (HumanName).`,
		}},
		{"underscore before an id, which has no extensions", `{"resourceType":"Patient","_id":{"id":"a"}}`, []string{
			`structure Patient._id: "_id" is no element of Patient. id has neither an id nor extensions.`,
		}},
		{"required element", `{"resourceType":"Slot","schedule":{"reference":"Schedule/1"},"status":"free","end":"2026-01-01T10:00:00Z"}`, []string{
			`required Slot.start: Slot must have the element start, a string (instant).`,
		}},
		{"required elements below", `{"resourceType":"Patient","link":[{"other":{"reference":"Patient/1"}}],"communication":[{"preferred":true}]}`, []string{
			`required Patient.link[0].type: Patient.link must have the element type, a string (code).`,
			`required Patient.communication[0].language: Patient.communication must have the element language, an object (CodeableConcept).`,
		}},
		{"required arrays", `{"resourceType":"Appointment","status":"proposed"}`, []string{
			`required Appointment.participant: Appointment must have the element participant, an array of objects.`,
		}},
		{"required array of a data type", `{"resourceType":"Schedule"}`, []string{
			`required Schedule.actor: Schedule must have the element actor, an array of objects (Reference).`,
		}},
		{"required array of codes", `{"resourceType":"CapabilityStatement","status":"draft","date":"2026","kind":"requirements","fhirVersion":"4.0.1","description":"x"}`, []string{
			`required CapabilityStatement.format: CapabilityStatement must have the element format, an array of strings (code).`,
		}},
		{"required choice", `{"resourceType":"AuditEvent","type":{"code":"x"},"recorded":"2026-01-01T10:00:00Z","agent":[{"requestor":true}],"source":{"observer":{"display":"x"}},"entity":[{"detail":[{"type":"x"}]}]}`, []string{
			`required AuditEvent.entity[0].detail[0].value: AuditEvent.entity.detail must have the element value in one of its types: valueString or valueBase64Binary.`,
		}},
		{"two choices", `{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2020-01-01"}`, []string{
			`structure Patient.deceased: Patient gives deceased in several types, as deceasedBoolean and as deceasedDateTime. Only one of them may stand.`,
		}},
		{"two choices, one by its extensions alone", `{"resourceType":"Patient","deceasedBoolean":true,"_deceasedDateTime":{"extension":[{"url":"http://example.org/x","valueCode":"x"}]}}`, []string{
			`structure Patient.deceased: Patient gives deceased in several types, as deceasedBoolean and as deceasedDateTime. Only one of them may stand.`,
		}},
		{"two values of an extension", `{"resourceType":"Patient","extension":[{"url":"http://example.org/x","valueString":"a","valueCode":"a"}]}`, []string{
			`structure Patient.extension[0].value: Extension gives value in several types, as valueString and as valueCode. Only one of them may stand.`,
		}},
		{"object where an array belongs", `{"resourceType":"Patient","name":{"family":"A"}}`, []string{
			`structure Patient.name: name may occur several times and must be an array, also for one value, but it is an object.`,
		}},
		{"array where one value belongs", `{"resourceType":"Patient","birthDate":["1970-01-01"]}`, []string{
			`structure Patient.birthDate: birthDate occurs at most once and is no array; it must be a string (date).`,
		}},
		{"wrong JSON types", `{"resourceType":"Patient","active":"true","gender":1,"multipleBirthInteger":"2","maritalStatus":"M","contact":[{"name":"A"}]}`, []string{
			`structure Patient.active: active must be a boolean, but it is the string "true".`,
			`structure Patient.gender: gender must be a string (code), but it is the number 1.`,
			`structure Patient.multipleBirth: multipleBirthInteger must be a number (integer), but it is the string "2".`,
			`structure Patient.maritalStatus: maritalStatus must be an object (CodeableConcept), but it is the string "M".`,
			`structure Patient.contact[0].name: name must be an object (HumanName), but it is the string "A".`,
		}},
		{"wrong JSON types inside arrays", `{"resourceType":"Patient","name":[{"given":["A",5,true]},7,null]}`, []string{
			`structure Patient.name[1]: name[1] must be an object (HumanName), but it is the number 7.`,
			`structure Patient.name[2]: name[2] must be an object (HumanName), but it is null.`,
			`structure Patient.name[0].given[1]: given[1] must be a string, but it is the number 5.`,
			`structure Patient.name[0].given[2]: given[2] must be a string, but it is the boolean true.`,
		}},
		{"array in an array", `{"resourceType":"Patient","name":[[{"family":"A"}]]}`, []string{
			`structure Patient.name[0]: name[0] must be an object (HumanName), but it is an array.`,
		}},
		{"null", `{"resourceType":"Patient","active":null,"name":null,"maritalStatus":null}`, []string{
			`structure Patient.active: active is null. Leave a member out that has no value.`,
			`structure Patient.name: name is null. Leave a member out that has no value.`,
			`structure Patient.maritalStatus: maritalStatus is null. Leave a member out that has no value.`,
		}},
		{"empty", `{"resourceType":"Patient","name":[],"maritalStatus":{},"address":[{"city":"","line":[]}],"_gender":{}}`, []string{
			`structure Patient.name: name is an empty array. Leave a member out that has no value.`,
			`structure Patient.maritalStatus: The object is empty. Leave a member out that has no value.`,
			`value Patient.address[0].city: The string is empty. Leave a member out that has no value.`,
			`structure Patient.address[0].line: line is an empty array. Leave a member out that has no value.`,
			`structure Patient.gender: The object is empty. Leave a member out that has no value.`,
		}},
		{"code outside of a required binding", `{"resourceType":"Patient","gender":"femal","name":[{"use":"x"}],"link":[{"other":{"reference":"Patient/1"},"type":"qqqq"}]}`, []string{
			`code-invalid Patient.gender: "femal" is no code of http://hl7.org/fhir/ValueSet/administrative-gender. Did you mean female? It may be male, female, other or unknown.`,
			`code-invalid Patient.name[0].use: "x" is no code of http://hl7.org/fhir/ValueSet/name-use. It may be usual, official, temp, nickname, anonymous, old or maiden.`,
			`code-invalid Patient.link[0].type: "qqqq" is no code of http://hl7.org/fhir/ValueSet/link-type. It may be replaced-by, replaces, refer or seealso.`,
		}},
		{"nine codes", `{"resourceType":"Encounter","status":"q","class":{"code":"AMB"}}`, []string{
			`code-invalid Encounter.status: "q" is no code of http://hl7.org/fhir/ValueSet/encounter-status. It may be planned, arrived, triaged, in-progress, onleave, finished, cancelled, entered-in-error or unknown.`,
		}},
		{"146 codes", `{"resourceType":"CompartmentDefinition","url":"http://example.org","name":"X","status":"draft","code":"Patient","search":true,"resource":[{"code":"q"}]}`, []string{
			`code-invalid CompartmentDefinition.resource[0].code: "q" is no code of http://hl7.org/fhir/ValueSet/resource-types. It may be Account, ActivityDefinition, AdverseEvent, AllergyIntolerance, Appointment, AppointmentResponse, AuditEvent, Basic, Binary, BiologicallyDerivedProduct and 138 more.`,
		}},
		{"required binding of a CodeableConcept", `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"http://example.org","code":"activ"}]}}`, []string{
			`code-invalid Condition.clinicalStatus: There is no coding of http://hl7.org/fhir/ValueSet/condition-clinical, whose system is http://terminology.hl7.org/CodeSystem/condition-clinical. Did you mean active? It may be active, recurrence, relapse, inactive, remission or resolved.`,
		}},
		{"contained resource of an unknown type", `{"resourceType":"Patient","contained":[{"resourceType":"Foo"},{"active":true},{"resourceType":7}]}`, []string{
			`structure Patient.contained[0].resourceType: "Foo" is no resource type of R4.`,
			`required Patient.contained[1].resourceType: The resource does not say what it is: the member "resourceType" is missing.`,
			`structure Patient.contained[2].resourceType: The member "resourceType" must be the name of a resource type, but it is the number 7.`,
			`invariant Patient.contained[0]: A contained resource must have an id, so that the resource around it can refer to it, as in #a (dom-3).`,
			`invariant Patient.contained[1]: A contained resource must have an id, so that the resource around it can refer to it, as in #a (dom-3).`,
			`invariant Patient.contained[2]: A contained resource must have an id, so that the resource around it can refer to it, as in #a (dom-3).`,
		}},
		{"inside a contained resource", `{"resourceType":"Patient","managingOrganization":{"reference":"#o"},"contained":[{"resourceType":"Organization","id":"o","nome":"X","name":"Y"}]}`, []string{
			`structure Patient.contained[0].nome: "nome" is no element of Organization. Did you mean name?`,
		}},
		{"inside an entry of a Bundle", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","name":[{"family":1}]}}]}`, []string{
			`structure Bundle.entry[0].resource.name[0].family: family must be a string, but it is the number 1.`,
		}},
		{"below a content reference", `{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group","item":[{"linkid":"2","linkId":"2","type":"display"}]}]}`, []string{
			`structure Questionnaire.item[0].item[0].linkid: "linkid" is no element of Questionnaire.item.item. Did you mean linkId?`,
		}},
	})
}

func TestStructureAccepted(t *testing.T) {
	testAccepted(t, map[string]string{
		"the least":                 `{"resourceType":"Patient"}`,
		"resourceType comes last":   `{"active":true,"resourceType":"Patient"}`,
		"required by extensions":    `{"resourceType":"Slot","schedule":{"reference":"Schedule/1"},"status":"free","start":"2026-01-01T09:00:00Z","_end":{"extension":[{"url":"http://example.org/absent","valueCode":"unknown"}]}}`,
		"open binding":              `{"resourceType":"Patient","photo":[{"contentType":"x/y"}]}`,
		"contained and its pointer": `{"resourceType":"Patient","managingOrganization":{"reference":"#o"},"contained":[{"resourceType":"Organization","id":"o","name":"Y"}]}`,
		"required CodeableConcept":  `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"http://example.org","code":"a"},{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`,
		"extension in extension":    `{"resourceType":"Patient","extension":[{"url":"http://example.org/x","extension":[{"url":"y","valuePeriod":{"start":"2020"}}]}]}`,
		"Parameters":                `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":{"resourceType":"Patient"}},{"name":"n","valueInteger":1}]}`,
	})
}

// TestBothKinds: a fault of structure beside a broken invariant makes the refusal one of structure.
func TestBothKinds(t *testing.T) {
	issues, kind := check(t, `{"resourceType":"Organization","nome":"X"}`)
	if !errors.Is(kind, fhir.Invalid) || len(issues) != 2 {
		t.Errorf("kind %v, issues %q", kind, issues)
	}
	issues, kind = check(t, `{"resourceType":"Organization","active":true}`)
	if !errors.Is(kind, fhir.Unprocessable) || len(issues) != 1 {
		t.Errorf("kind %v, issues %q", kind, issues)
	}
}

// TestManyFaults: a resource made of faults is not told more of them than anybody reads.
func TestManyFaults(t *testing.T) {
	for name, resource := range map[string]string{
		"unknown elements": `{"resourceType":"Patient"` + numbered(`,"x%d":1`) + `}`,
		"faulty items":     `{"resourceType":"Patient","name":[1` + numbered(`,%d`) + `]}`,
		"empty objects":    `{"resourceType":"Patient","name":[{}` + strings.Repeat(`,{}`, 3000) + `]}`,
		"missing elements": `{"resourceType":"Patient","link":[{"id":"a"}` + strings.Repeat(`,{"id":"a"}`, 3000) + `]}`,
		"bad values":       `{"resourceType":"Patient","name":[{"given":[""` + strings.Repeat(`,""`, 3000) + `]}]}`,
	} {
		err := shared.Check(parse(t, resource))
		var e *fhir.Error
		if !errors.As(err, &e) || len(e.Issues) != 101 {
			t.Errorf("%s: %d issues, want 101", name, len(fhir.AsError(err).Issues))
			continue
		}
		if last := e.Issues[100]; last.Severity != fhir.Information {
			t.Errorf("%s: the last issue is %v, no word on the rest", name, last)
		}
	}
}

func numbered(format string) string {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestNothing(t *testing.T) {
	if err := shared.Check(fhir.Resource{}); !errors.Is(err, fhir.Invalid) {
		t.Errorf("Check of no resource: %v", err)
	}
	if err := shared.Check(fhir.NewResource(fhir.NewObject())); !errors.Is(err, fhir.Invalid) {
		t.Errorf("Check of an empty resource: %v", err)
	}
}

// TestReport: the other view has the same faults, and warnings.
func TestReport(t *testing.T) {
	issues := shared.Report(parse(t, `{"resourceType":"Patient","gender":"x"}`))
	if len(issues) != 2 || issues[0].Severity != fhir.Severe || issues[1].Severity != fhir.Warning {
		t.Fatalf("issues %v, want an error and a warning", issues)
	}
	want := "Patient: The resource has no narrative; one is recommended, for people to read (dom-6)."
	if got := issues[1].Path + ": " + issues[1].Detail; got != want {
		t.Errorf("warning %q, want %q", got, want)
	}
	if issues := shared.Report(parse(t, `{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">A</div>"}}`)); len(issues) != 0 {
		t.Errorf("issues %v, want none", issues)
	}
}
