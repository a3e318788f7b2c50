package search_test

import "testing"

// The four forms of https://hl7.org/fhir/R4/search.html#token, and "Match is case sensitive unless the underlying semantics
// for the context indicate" otherwise.
func TestTokenIdentifier(t *testing.T) {
	checkHits(t, `{"resourceType":"Patient","id":"p1","identifier":[
		{"system":"https://example.org/mrn","value":"Ab|1"},{"value":"loose"},{"system":"https://example.org/none"}]}`, []hit{
		{`identifier=https://example.org/mrn|Ab\|1`, true},
		{`identifier=Ab\|1`, true},
		{`identifier=https://example.org/mrn|`, true},
		{`identifier=|Ab\|1`, false}, // it has a system
		{`identifier=https://example.org/mrn|ab\|1`, false},
		{`identifier=https://example.org/other|Ab\|1`, false},
		{`identifier=|loose`, true},
		{`identifier=loose`, true},
		{`identifier=https://example.org/mrn|loose`, false},
		{`identifier=https://example.org/none|`, true},
		{`identifier=Ab|1`, false}, // the code 1 in the system Ab
		{`identifier=x,loose`, true},
		{`identifier=x,y`, false},
		{`identifier=loose&identifier=Ab\|1`, true},
		{`identifier=loose&identifier=x`, false},
		{`identifier:not=loose`, false},
		{`identifier:not=x`, true},
		{`identifier:not=x,loose`, false},
		{`identifier:missing=false`, true},
		{`identifier:missing=true`, false},
		{`_id=p1`, true},
		{`_id=x,p1`, true},
		{`_id=P1`, false}, // "matches on _id are always case sensitive"
		{`_id:not=p1`, false},
		{`_id:missing=true`, false},
		{`_id:missing=false`, true},
	})
}

func TestTokenWithoutValue(t *testing.T) {
	checkHits(t, `{"resourceType":"Patient","id":"p1","communication":[{"language":{"text":"English"}}]}`, []hit{
		{"gender:missing=true", true},
		{"gender:missing=false", false},
		{"gender:missing=true,false", true},
		{"gender:not=male", true}, // "including patients that do not have a gender at all"
		{"gender=male", false},
		{"language:missing=true", false}, // a text cannot be asked for as a token, but it is there
		{"language:missing=false", true},
		{"language=English", false},
	})
}

// "the system is defined in the value set" for a code.
func TestTokenCode(t *testing.T) {
	checkHits(t, `{"resourceType":"Appointment","id":"a1","status":"booked","participant":[{"status":"accepted"},{"status":"declined"}],
		"serviceType":[{"coding":[{"system":"http://snomed.info/sct","code":"11429006"},{"code":"local"}]},{"text":"visit"}]}`, []hit{
		{"status=booked", true},
		{"status=http://hl7.org/fhir/appointmentstatus|booked", true},
		{"status=http://hl7.org/fhir/appointmentstatus|", true},
		{"status=http://hl7.org/fhir/slotstatus|booked", false},
		{"status=|booked", false},
		{"status=Booked", false},
		{"status=unheard-of", false}, // "an unknown code": an empty search set, no error
		{"status:not=http://hl7.org/fhir/slotstatus|booked", true},
		{"status:not=cancelled,noshow", true},
		{"status:not=cancelled,booked", false},
		{"part-status=declined", true},
		{"part-status:not=declined", false}, // "the negation applies to the set, not each individual entry"
		{"service-type=http://snomed.info/sct|11429006", true},
		{"service-type=|local", true},
		{"service-type=|11429006", false},
		{"service-type=http://snomed.info/sct|local", false},
	})
	checkHits(t, `{"resourceType":"Patient","id":"p1","active":true,"meta":{"tag":[{"system":"https://example.org/t","code":"x"}],"security":[{"code":"R"}]}}`, []hit{
		{"active=true", true},
		{"active=false", false},
		{"active:not=true", false},
		{"active:not=true,false", false},
		{"_tag=https://example.org/t|x", true},
		{"_security=R", true},
		{"_security=https://example.org/t|R", false},
	})
	checkHits(t, `{"resourceType":"Subscription","id":"s1","channel":{"type":"rest-hook","payload":"application/fhir+json"},"contact":[{"system":"email","value":"Ops@Example.org"}]}`, []hit{
		{"type=rest-hook", true},
		{"payload=application/fhir%2Bjson", true},
		{"payload=urn:ietf:bcp:13|application/fhir%2Bjson", true},
		{"contact=ops@example.org", true},
	})
}

// Patient.deceased.exists() and Patient.deceased != false
func TestTokenDeceased(t *testing.T) {
	for element, dead := range map[string]bool{
		``: false, `,"deceasedBoolean":false`: false, `,"deceasedBoolean":true`: true, `,"deceasedDateTime":"2020-01-01"`: true,
	} {
		checkHits(t, `{"resourceType":"Patient","id":"p1"`+element+`}`, []hit{
			{"deceased=true", dead},
			{"deceased=false", !dead},
			{"deceased=true,false", true},
			{"deceased:not=true", !dead},
			{"deceased:not=false", dead},
			{"deceased:missing=true", false},
			{"deceased:missing=false", true},
		})
	}
}

// "At the discretion of the server, token searches on ContactPoint may use special handling, such as ignoring punctuation".
func TestTokenContact(t *testing.T) {
	checkHits(t, `{"resourceType":"Patient","id":"p1","telecom":[{"system":"phone","value":"+44 (0)1632 960-123"},{"system":"email","value":"Ann.Example@example.org"},{"use":"home"}]}`, []hit{
		{"phone=441632960123", true},
		{"phone=%2B441632960123", true},
		{"phone=+44+1632+960123", true}, // the plus sign has become a space
		{"phone=tel:%2B44-1632-960123", true},
		{"phone=960123", false},
		{"phone=ann.example@example.org", false},
		{"email=ANN.EXAMPLE@example.org", true},
		{"email=annexample@example.org", false},
		{"telecom=ann.example@example.org", true},
		{"telecom=441632960123", true},
	})
}

// "If the underlying data type is string then the search is not case sensitive."
func TestTokenString(t *testing.T) {
	checkHits(t, `{"resourceType":"AuditEvent","id":"e1","agent":[{"altId":"Wile.E.Coyote"}]}`, []hit{
		{"altid=wile.e.coyote", true},
		{"altid=WILE.E.COYOTE", true},
		{"altid=wile", false},
	})
}

func TestTokenRefusals(t *testing.T) {
	checkRefusals(t, []refusal{
		{"Patient", "telecom=phone|01632960123", "no system"}, // "the presence of the pipe symbol SHALL NOT be used"
		{"Patient", "phone=phone|x", "no system"},
		{"Patient", "telecom=|01632960123", "no system"},
		{"Patient", "_id=x|y", "no system"},
		{"Patient", "_id=|", "no system"},
		{"Patient", "active=|true", "is no value of active: write true or false, without a system."},
		{"Patient", "active=http://hl7.org/fhir/special-values|true", "write true or false, without a system"},
		{"Patient", "active=TRUE", "write true or false"},
		{"Patient", "active:not=1", "write true or false"},
		{"Patient", "active=|", "write true or false"},
		{"Patient", "deceased=|true", "is no value of deceased: write true or false"},
		{"Patient", "deceased=http://hl7.org/fhir/special-values|", "write true or false"},
		{"Patient", "deceased=perhaps", "write true or false"},
		{"Patient", "identifier=|", "has nothing on either side of the vertical bar: write system|value"},
		{"Patient", "identifier=x,+|+", "has nothing on either side"},
		{"Patient", "gender=|", "has nothing on either side"},
		{"Patient", "identifier=||", "has several vertical bars"},
		{"Patient", "identifier=https://example.org/mrn|a|b", `a bar that belongs to either is written \|`},
		{"Patient", "gender:text=male", "it takes missing, not, in and not-in"},
		{"Patient", "active:text=true", "it takes missing and not"},
		{"Patient", "gender:=male", "no modifier"},
		{"Patient", "gender:missing=maybe", "write true or false"},
		{"Patient", `identifier=EXAMPLE\user`, "a backslash stands before what needs none"},
		{"Patient", `identifier=end\`, "a backslash"},
	})
}
