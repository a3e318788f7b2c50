package search_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir/search"
)

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

// TestFamilyEntries: the whole name stands in the entries once, whatever the number of its words.
func TestFamilyEntries(t *testing.T) {
	_, x := indexed(t, mustRules(t), `{"resourceType":"Patient","name":[{"family":"de la Cruz-Soto"},{"family":"Soto"}]}`)
	var got []search.Text
	for _, e := range x.Entries.Texts {
		if e.Param == "family" {
			got = append(got, e)
		}
	}
	want := []search.Text{
		{Param: "family", Folded: "de la cruz soto", Exact: "de la Cruz-Soto"}, {Param: "family", Folded: "la cruz soto"},
		{Param: "family", Folded: "cruz soto"}, {Param: "family", Folded: "soto"}, {Param: "family", Folded: "soto", Exact: "Soto"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestLongStrings: the first MaxFolded characters of a string are compared, all of it with :exact.
func TestLongStrings(t *testing.T) {
	start := strings.Repeat("Ä", search.MaxFolded-4)
	given := start + "1234behind"
	patient := `{"resourceType":"Patient","id":"p1","name":[{"given":["` + given + `"],"family":"One Two ` + given + `"}]}`
	checkHits(t, patient, []hit{
		{"given=" + start, true},
		{"given=" + start + "1234", true},
		{"given=" + start + "1235", false},
		{"given=" + start + "''''''1234", true}, // what does not count is not counted
		{"given:contains=a1234", true},
		{"given:contains=1234b", false}, // it ends behind what is compared
		{"given:contains=behind", false},
		{"given:exact=" + given, true},
		{"given:exact=" + start + "1234", false},
		{"given:exact=" + given + "x", false},
		{"family=two+" + start[:len(start)/2], true},
		{"family=" + start + "1234", true}, // each word begins a text of its own
		{"family:exact=One+Two+" + given, true},
		{"family:exact=Two+" + given, false},
		{"family:exact=" + given, false},
	})
	const reason = "the first 256 characters of a string are compared"
	checkRefusals(t, []refusal{
		{"Patient", "given=" + start + "12345", reason},
		{"Patient", "given:contains=" + start + "12345", reason},
		{"Patient", "name=" + strings.Repeat("ß", search.MaxFolded/2+1), reason}, // compared as ss
	})
}

// TestLongStringsAreIndexedInPart: a name of a megabyte does not make many.
func TestLongStringsAreIndexedInPart(t *testing.T) {
	const size = 1 << 20
	for _, word := range []string{"x", "Éire ", "- "} {
		name := strings.Repeat(word, size/len(word))
		_, x := indexed(t, mustRules(t), `{"resourceType":"Patient","id":"p1","name":[{"family":"`+name+`"}]}`)
		total := 0
		for _, e := range x.Entries.Texts {
			total += len(e.Folded) + len(e.Exact)
		}
		if total > 2*size+2*8*4*search.MaxFolded { // as family and as name: the whole once, and the folded words
			t.Errorf("%d bytes of entries for a name of %d, of %q", total, size, word)
		}
	}
}
