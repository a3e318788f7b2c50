package search_test

import "testing"

// https://hl7.org/fhir/R4/search.html#string
func TestStringName(t *testing.T) {
	checkHits(t, `{"resourceType":"Patient","id":"p1","name":[{"use":"official","text":"Dr Zoë O’Connor-Sæther","family":"Carreño Quiñones","given":["Evelyn  Ann","Łucja"],"prefix":["Dr"],"suffix":["MD"],"period":{"start":"2001"}}]}`, []hit{
		{"given=eve", true}, // "with \"eve\" at the start"
		{"given=EVELYN", true},
		{"given=lyn", false},
		{"given:contains=lyn", true},
		{"given:exact=Evelyn  Ann", true},
		{"given:exact=Evelyn Ann", false},
		{"given:exact=evelyn  ann", false},
		{"given=evelyn+ann", true}, // "non-significant whitespace should also be ignored"
		{"given=lucja", true},
		{"given=%C5%81u", true},
		{"given=x,luc", true},
		{"family=carreno", true}, // "searching either \"Carreno\" or \"Quinones\" should match"
		{"family=quinones", true},
		{"family=rreno", false},
		{"family:exact=Quiñones", false},
		{"family:exact=Carreño Quiñones", true},
		{"name=dr+zoe", true},
		{"name=dr.+zoe+o'connor+saether", true}, // "punctuation should also be ignored"
		{"name:contains=CONNOR", true},
		{"name=quinones", true},
		{"name=md", true},
		{"name=official", false}, // "does not cover elements such as use and period"
		{"name=2001", false},
		{"name:missing=false", true},
		{"address:missing=true", true},
		{`name=dr\, zoe`, true},
	})
}

func TestStringAddress(t *testing.T) {
	checkHits(t, `{"resourceType":"Location","id":"l1","name":"St. Mary's","alias":["The Weiße Haus"],"address":{"use":"work","line":["Flat 2","12 High Street"],"city":"Bath","postalCode":"BA1 1AA","country":"GB"}}`, []hit{
		{"address=12+high", true},
		{"address=flat", true},
		{"address=ba1", true},
		{"address=work", false},
		{"address-city=BATH", true},
		{"address-postalcode=ba1+1aa", true},
		{"address-country:exact=gb", false},
		{"name=st+marys", true},
		{"name=the+weisse", true},
		{"name=saint", false},
	})
}

// A text that is punctuation alone stays what it is, and is no prefix of everything.
func TestStringOfPunctuation(t *testing.T) {
	checkHits(t, `{"resourceType":"Patient","id":"p1","name":[{"family":"Anna","given":["-"]}]}`, []hit{
		{"given=-", true},
		{"family=-", false},
		{"family=+", true}, // white space alone is an empty parameter, which is ignored
	})
}

// (Observation.value as string) | (Observation.value as CodeableConcept).text
func TestStringOfChoice(t *testing.T) {
	for value, want := range map[string]bool{
		`"valueString":"Negative"`: true, `"valueCodeableConcept":{"text":"negative result"}`: true,
		`"valueCodeableConcept":{"coding":[{"code":"negative"}]}`: false, `"valueInteger":1`: false,
	} {
		checkHits(t, `{"resourceType":"Observation","id":"o1",`+value+`}`, []hit{{"value-string=negative", want}})
	}
}

func TestStringRefusals(t *testing.T) {
	checkRefusals(t, []refusal{
		{"Patient", "name:text=x", "it takes missing, exact and contains"},
		{"Patient", "name:Exact=x", "no modifier"},
		{"Patient", "name:exact:contains=x", "no modifier"},
	})
}
