package search_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir/search"
)

// "The search parameter is processed as a string that searches text associated with the code/value - either CodeableConcept.text, Coding.display, or
// Identifier.type.text" (https://hl7.org/fhir/R4/search.html#token).
func TestTokenText(t *testing.T) {
	checkHits(t, `{"resourceType":"Observation","id":"o1","code":{"text":"Body-weight, measured","coding":[{"system":"http://loinc.org","code":"29463-7","display":"Körpergewicht"},{"code":"x"}]},
		"category":[{"coding":[{"code":"vital-signs","display":"Vital Signs"}]},{"text":"O'Hara's list"}],"identifier":[{"value":"1","type":{"text":"Accession number","coding":[{"display":"not this"}]}}],
		"meta":{"tag":[{"code":"t","display":"Night shift"}]}}`, []hit{
		{"code:text=body weight", true}, // as strings: without case, accents and punctuation
		{"code:text=BODY-WEIGHT,%20x", true},
		{"code:text=measured", false}, // from the beginning
		{"code:text=korper", true},
		{"code:text=29463-7", false},
		{"code=body weight", false},
		{"code:text=pulse,korpergewicht", true},
		{"code:text=pulse", false},
		{"category:text=vital", true},
		{"category:text=oharas", true},
		{"identifier:text=accession", true},
		{"identifier:text=not this", false},
		{"identifier:text=1", false},
		{"_tag:text=night", true},
		{"value-concept:text=x", false},
		{"code:missing=false", true},
	})
	long := strings.Repeat("long ", 100)
	rules := mustRules(t)
	if !found(t, rules, `{"resourceType":"Observation","id":"o1","code":{"text":"`+long+`"}}`, "code:text="+long[:200]) {
		t.Error("the beginning of a long text does not find it")
	}
}

// TestTokenTextAlone: the texts beside a code are no values of it.
func TestTokenTextAlone(t *testing.T) {
	rules := mustRules(t)
	_, x := indexed(t, rules, `{"resourceType":"Observation","id":"o1","code":{"coding":[{"system":"s","code":"c","display":"A Name"},{"display":"a name"},{"display":" . "}]}}`)
	want := []search.Text{{Param: "code:text", Folded: "a name"}, {Param: "code:text", Folded: "."}}
	if got := x.Entries.Texts; !slices.Equal(slices.DeleteFunc(got, func(e search.Text) bool { return search.Owner(e.Param) != "code" }), want) {
		t.Errorf("%+v", got)
	}
}

// ":of-type: the search parameter has the format system|code|value, where the system and code refer to a Identifier.type.coding.system and .code".
func TestTokenOfType(t *testing.T) {
	const mr = "http://terminology.hl7.org/CodeSystem/v2-0203|MR|"
	checkHits(t, `{"resourceType":"Patient","id":"p1","identifier":[
		{"system":"https://example.org/mrn","value":"446|053","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"},{"system":"https://example.org/t","code":"local"},{"code":"bare"}]}},
		{"value":"7","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"SB"}]}},{"value":"8"},{"type":{"coding":[{"system":"s","code":"c"}]}}]}`, []hit{
		{"identifier:of-type=" + mr + `446\|053`, true},
		{"identifier:of-type=" + mr + "7", false}, // the value of another type
		{"identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|SB|7", true},
		{`identifier:of-type=https://example.org/t|local|446\|053`, true},
		{"identifier:of-type=" + mr + `x,https://example.org/t|local|446\|053`, true},
		{"identifier:of-type=" + mr + "446", false},
		{`identifier=446\|053`, true},
		{"identifier=7", true},
	})
	checkRefusals(t, []refusal{
		{"Patient", "identifier:of-type=MR|446053", "does not have the three parts that :of-type takes: write the system and the code"},
		{"Patient", "identifier:of-type=446053", "three parts"},
		{"Patient", "identifier:of-type=|MR|446053", "three parts"},
		{"Patient", "identifier:of-type=" + mr, "three parts"},
		{"Patient", "identifier:of-type=" + mr + "1|2", `a bar that belongs to a part is written \|`},
		{"Patient", "gender:of-type=a|b|c", "it takes missing, not, in and not-in"},
	})
}

// ":not: resources that do not contain a match"; :not-in is to :in what :not is to a code, but for resources without a value: "tests whether the coding is not
// in the specified value set". ":in: a URI that identifies a value set, and the search parameter tests whether the coding is in the specified value set".
func TestTokenInValueSet(t *testing.T) {
	const status, gender = "http://hl7.org/fhir/ValueSet/appointmentstatus", "http://hl7.org/fhir/ValueSet/administrative-gender"
	checkHits(t, `{"resourceType":"Appointment","id":"a1","status":"booked","serviceType":[{"coding":[{"system":"http://hl7.org/fhir/administrative-gender","code":"other"}]},{"coding":[{"code":"male"}]}]}`, []hit{
		{"status:in=" + status, true},
		{"status:in=" + gender, false},
		{"status:in=" + gender + "," + status, true},
		{"status:not-in=" + status, false},
		{"status:not-in=" + gender, true},
		{"status:not-in=" + gender + "," + status, false},
		{"service-type:in=" + gender, true},
		{"service-type:in=" + status, false},
		{"service-type:not-in=" + gender, false},
		{"specialty:in=" + gender, false},
		{"specialty:not-in=" + gender, false}, // there is no value
	})
	// Of several codings of one concept, too, none may be in the set; a concept of text alone is a value that is not in it.
	checkHits(t, `{"resourceType":"Appointment","id":"a1","status":"booked","specialty":[{"text":"other"}],
		"serviceType":[{"coding":[{"code":"x"},{"system":"http://hl7.org/fhir/administrative-gender","code":"other"}]}]}`, []hit{
		{"service-type:not-in=" + gender, false},
		{"service-type:not-in=" + status, true},
		{"specialty:in=" + gender, false},
		{"specialty:not-in=" + gender, true},
	})
	checkHits(t, `{"resourceType":"Appointment","id":"a1","status":"booked","serviceType":[{"coding":[{"code":"male"}]}]}`, []hit{
		{"service-type:in=" + gender, false}, // the code of no system
		{"service-type:not-in=" + gender, true},
	})
	checkRefusals(t, []refusal{
		{"Appointment", "status:in=http://example.org/ValueSet/mine", `The codes of the value set "http://example.org/ValueSet/mine" are not known here.`},
		{"Appointment", "status:in=http://example.org/ValueSet/mine", "such as " + status},
		{"Appointment", "service-type:not-in=ValueSet/1", "give the codes themselves"},
		{"Appointment", "status:in=" + status + "|4.0.1", "by their URL without a version"},
		{"Patient", "language:in=http://hl7.org/fhir/ValueSet/all-languages", "are not known here"}, // R4 cannot list it
		{"Patient", "active:in=" + gender, "it takes missing and not"},
		{"Patient", "phone:in=" + gender, "it takes missing and not"},
		{"Patient", "identifier:in=" + gender, "it takes missing, not, text and of-type"},
	})
}

// No code system's hierarchy is known here.
func TestTokenAboveBelow(t *testing.T) {
	checkRefusals(t, []refusal{
		{"Observation", "code:below=http://snomed.info/sct|1", "The modifier :below of code is not supported: which codes stand above or below another one is not known here"},
		{"Observation", "code:above=1", "give the codes themselves, with commas between them. It takes missing, not, text, in and not-in."},
	})
}
