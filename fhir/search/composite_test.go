package search_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

const loinc = "http://loinc.org"

// pressure is a blood pressure whose values must not be taken for each other.
const pressure = `{"resourceType":"Observation","id":"o1","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"component":[
	{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"},{"code":"sys$tolic"}]},"valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
	{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
	{"code":{"coding":[{"system":"http://example.org","code":"arm"}]},"valueCodeableConcept":{"coding":[{"system":"http://example.org","code":"left"}]}}]}`

// TestCompositeRows: both parts have to be found in the same element (https://hl7.org/fhir/R4/search.html#composite).
func TestCompositeRows(t *testing.T) {
	checkHits(t, pressure, []hit{
		{"component-code-value-quantity=http://loinc.org|8480-6$gt100", true},
		{"component-code-value-quantity=http://loinc.org|8462-4$gt100", false}, // it is the other one
		{"component-code-value-quantity=8462-4$lt100", true},
		{"component-code-value-quantity=|8480-6$gt100", false},
		{"component-code-value-quantity=http://loinc.org|8480-6$120", true},
		{"component-code-value-quantity=8480-6$120|http://unitsofmeasure.org|mm[Hg]", true},
		{"component-code-value-quantity=8480-6$120||mmHg", true},
		{"component-code-value-quantity=8480-6$ge100||mmHg", true},
		{"component-code-value-quantity=8480-6$ge100||kPa", false},
		{"component-code-value-quantity=8480-6$ne120", false},
		{"component-code-value-quantity=8462-4$ne120", true},
		{"component-code-value-quantity=8480-6$80,8462-4$80", true},
		{`component-code-value-quantity=sys\$tolic$120`, true},
		{"component-code-value-quantity=sys$120", false},
		{"code-value-quantity=http://loinc.org|85354-9$gt0", false},
		{"combo-code-value-quantity=http://loinc.org|8480-6$gt100", true},
		{"component-code-value-concept=http://example.org|arm$http://example.org|left", true},
		{"component-code-value-concept=arm$left", true},
		{"component-code-value-concept=arm$right", false},
		{"component-code-value-concept=8480-6$left", false},
		{"combo-code-value-concept=arm$left", true},
		{"combo-code-value-concept=arm$right", false},
		{"combo-code-value-quantity:missing=false", true},
		{"combo-code-value-quantity:missing=true", false},
		{"code-value-concept:missing=true", true},
		{"component-code-value-concept:missing=false", true},
	})
	checkHits(t, `{"resourceType":"Observation","id":"o","code":{"coding":[{"code":"a"}]},"valueString":"Växjö, Sweden"}`, []hit{
		{"code-value-string=a$vax", true}, {"code-value-string=a$vaxjo sweden", true}, {"code-value-string=a$sweden", false}, {"code-value-string=b$vax", false},
		{"code-value-string=a$vay", false}, {"code-value-string=a$vaxjo sweden b", false},
	})
	checkHits(t, `{"resourceType":"Observation","id":"o","code":{"coding":[{"code":"a"}]},"valuePeriod":{"start":"2026-01-10","end":"2026-02-10"}}`, []hit{
		{"code-value-date=a$2026", true}, {"code-value-date=a$2026-01", false}, {"code-value-date=a$gt2026-02-01", true}, {"code-value-date=a$lt2026-01-10", false},
		{"code-value-date=a$sa2026-01-09", true}, {"code-value-date=a$eb2026-02", false}, {"code-value-date=b$2026", false}, {"code-value-date=a$ne2026", false},
		{"code-value-date=a$ap2026-06", false}, {"code-value-date=a$ap2026-02-01", true},
	})
	checkHits(t, `{"resourceType":"Observation","id":"o","code":{"coding":[{"code":"a"}]},"valueDateTime":"1957-05-12"}`, []hit{{"code-value-date=a$lt1970", true}, {"code-value-date=a$1957-05", true}, {"code-value-date=a$gt1957-05-12", false}})
	checkHits(t, `{"resourceType":"Observation","id":"o","code":{"coding":[{"code":"a"}]},"valuePeriod":{"start":"2026-01-10"}}`, []hit{{"code-value-date=a$gt2999", true}, {"code-value-date=a$lt2026", false}, {"code-value-date=a$eb9999", false}})
	checkHits(t, `{"resourceType":"DocumentReference","id":"d","relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/1"}},{"code":"appends","target":{"reference":"DocumentReference/2"}}]}`, []hit{
		{"relationship=replaces$DocumentReference/1", true}, {"relationship=replaces$DocumentReference/2", false}, {"relationship=appends$2", true},
		{"relationship=appends$" + base + "/DocumentReference/2", true}, {"relationship=signs$1", false},
		{"relationship=http://hl7.org/fhir/document-relationship-type|replaces$1", true},
	})
}

func TestCompositeRefusals(t *testing.T) {
	checkRefusals(t, []refusal{
		{"Observation", "code-value-quantity=a", "does not have two parts: write both, with a dollar sign between them"},
		{"Observation", "code-value-quantity=a$5$6", "does not have two parts"},
		{"Observation", "code-value-quantity=$5", "does not have two parts"},
		{"Observation", "code-value-quantity=a$", "does not have two parts"},
		{"Observation", "code-value-quantity=a$b", "has no number"},
		{"Observation", "code-value-date=a$tomorrow", "tomorrow"},
		{"Observation", "code-value-quantity=http://loinc.org|$5", "not a system alone"},
		{"Observation", "code-value-concept=a$http://loinc.org|", "not a system alone"},
		{"Observation", "code-value-quantity:not=a$5", "it takes missing"},
		{"Observation", "code-value-string=a$" + strings.Repeat("x", search.MaxFolded+1), "the first 256 characters of a string are compared"},
	})
}

// TestCompositeEntries pins the entries, and bounds them.
func TestCompositeEntries(t *testing.T) {
	_, x := indexed(t, mustRules(t), `{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"1$1"}]},"valueQuantity":{"value":5.4,"unit":"mg"}}`)
	var got []search.Ordered
	for _, e := range x.Entries.Ordereds {
		if search.Owner(e.Param) == "code-value-quantity" {
			got = append(got, e)
		}
	}
	var want []search.Ordered
	for _, code := range []string{`1\$1$`, loinc + `|1\$1$`} {
		want = append(want, search.Ordered{Param: "code-value-quantity", Low: code + "2a154", High: code + "2a154"}, search.Ordered{Param: "code-value-quantity|", Low: code + "|mg|2a154", High: code + "|mg|2a154"})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	var codings []string
	for i := range 1000 {
		codings = append(codings, fmt.Sprintf(`{"system":"http://example.org","code":"c%d"}`, i))
	}
	many := `{"coding":[` + strings.Join(codings, ",") + `]}`
	_, x = indexed(t, mustRules(t), `{"resourceType":"Observation","code":`+many+`,"valueCodeableConcept":`+many+`}`)
	if n := len(x.Entries.Terms); n > 20_000 {
		t.Errorf("%d terms of 2000 codings", n)
	}
}

// TestCompositeOfComposites: what is either of two others has no entries of its own.
func TestCompositeOfComposites(t *testing.T) {
	rules := mustRules(t)
	_, x := indexed(t, rules, pressure)
	for _, e := range x.Entries.Ordereds {
		if strings.HasPrefix(e.Param, "combo-code-") {
			t.Errorf("%+v", e)
		}
	}
	req, err := parse(rules, "Observation", "combo-code-value-concept=arm$left")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"code-value-concept", "component-code-value-concept"}, req.Query.Uses()["Observation"]); diff != "" {
		t.Error(diff)
	}
	const single = `{"resourceType":"Observation","id":"o1","code":{"coding":[{"code":"a"}]},"valueQuantity":{"value":1}}`
	checkHits(t, single, []hit{
		{"combo-code-value-quantity=a$1", true}, {"combo-code-value-quantity=a$2", false}, {"combo-code-value-quantity:missing=true", false}, {"combo-code-value-concept:missing=true", true},
		{"combo-code-value-concept:missing=false", false},
	})
	checkRefusals(t, []refusal{{"Observation", "combo-code-value-quantity=a", "does not have two parts"}})
}

// TestCompositesOfAllTypes: every composite of two parts finds what it is made for.
func TestCompositesOfAllTypes(t *testing.T) {
	rules, err := newRules("ValueSet", "Group")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		resource, query string
		want            bool
	}{
		{`{"resourceType":"ValueSet","useContext":[{"code":{"code":"focus"},"valueCodeableConcept":{"coding":[{"code":"x"}]}}]}`, "context-type-value=focus$x", true},
		{`{"resourceType":"Group","characteristic":[{"code":{"coding":[{"code":"sex"}]},"valueCodeableConcept":{"coding":[{"code":"f"}]}},{"code":{"coding":[{"code":"smokes"}]},"valueBoolean":true}]}`, "characteristic-value=smokes$true", true},
		{`{"resourceType":"Group","characteristic":[{"code":{"coding":[{"code":"sex"}]},"valueCodeableConcept":{"coding":[{"code":"f"}]}},{"code":{"coding":[{"code":"smokes"}]},"valueBoolean":true}]}`, "characteristic-value=sex$true", false},
	} {
		if got := found(t, rules, tt.resource, tt.query); got != tt.want {
			t.Errorf("?%s finds %v", tt.query, got)
		}
	}
}

// TestCompositeIsBothParts: a composite of the values of one element finds what its parts find.
func TestCompositeIsBothParts(t *testing.T) {
	rules := mustRules(t)
	moment := rapid.SampledFrom([]string{"2019", "2020", "2020-01", "2020-02-28", "2020-01-01T00:00:00Z", "2021"})
	rapid.Check(t, func(t *rapid.T) {
		code, otherCode := anyText(t, "code"), anyText(t, "other code")
		system := rapid.SampledFrom([]string{"", loinc, "a|b", "a$b"}).Draw(t, "system")
		var member, name, plain string
		var value, given any
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			member, name, plain = "valueQuantity", "code-value-quantity", "value-quantity"
			value = object("value", fhir.Number(decimals.Draw(t, "value")), "unit", anyText(t, "unit"))
			given = rapid.SampledFrom([]string{"", "gt", "le", "ne", "ap", "sa"}).Draw(t, "prefix") + decimals.Draw(t, "given") + rapid.SampledFrom([]string{"", "||a", "||b"}).Draw(t, "given unit")
		case 1:
			member, name, plain = "valueString", "code-value-string", "value-string"
			value, given = anyText(t, "value"), escapes.Replace(anyText(t, "given"))
		default:
			member, name, plain = "valueDateTime", "code-value-date", "value-date"
			value = moment.Draw(t, "value")
			given = rapid.SampledFrom([]string{"", "gt", "le", "ne", "ap", "sa", "eb"}).Draw(t, "prefix") + moment.Draw(t, "given")
		}
		r := fhir.NewResource(object("resourceType", "Observation", "id", "o", "code", object("coding", fhir.Array{object("system", system, "code", code)}), member, value))
		for _, first := range []string{escapes.Replace(code), escapes.Replace(otherCode), escapes.Replace(system) + "|" + escapes.Replace(code), loinc + "|" + escapes.Replace(code)} {
			both := finds(t, rules, r, "code", first) && finds(t, rules, r, plain, given.(string))
			for _, composite := range []string{name, strings.Replace(name, "code-", "combo-code-", 1)} {
				if composite != name && member != "valueQuantity" {
					continue
				}
				if got := finds(t, rules, r, composite, first+"$"+given.(string)); got != both {
					t.Fatalf("%s=%s$%s finds %v, its parts %v, in %v|%q %v", composite, first, given, got, both, system, code, value)
				}
			}
		}
	})
}
