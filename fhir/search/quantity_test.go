package search_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

func measurement(members string) string {
	return `{"resourceType":"Observation","id":"o1","valueQuantity":{` + members + `}}`
}

const milligram = `"unit":"milligram","system":"http://unitsofmeasure.org","code":"mg"`

// TestQuantityRows is the table of https://hl7.org/fhir/R4/search.html#quantity.
func TestQuantityRows(t *testing.T) {
	checkHits(t, measurement(`"value":5.4,`+milligram), []hit{
		{"value-quantity=5.4|http://unitsofmeasure.org|mg", true},
		{"value-quantity=5.4|http://unitsofmeasure.org|g", false},
		{"value-quantity=5.4|http://unitsofmeasure.org|milligram", false}, // system and code, not the text
		{"value-quantity=5.4|https://example.org|mg", false},
		{"value-quantity=5.4||mg", true}, // "the unit - either the code (code) or the stated human unit (unit)"
		{"value-quantity=5.4||milligram", true},
		{"value-quantity=5.4||MG", false},
		{"value-quantity=5.4", true}, // "irrespective of the unit"
		{"value-quantity=5.4||", true},
		{"value-quantity=5.36", false},
		{"value-quantity=5", true}, // "the precision of the quantity"
		{"value-quantity=le5.4|http://unitsofmeasure.org|mg", true},
		{"value-quantity=lt5.4|http://unitsofmeasure.org|mg", false},
		{"value-quantity=gt5.3|http://unitsofmeasure.org|mg", true},
		{"value-quantity=gt5.3|http://unitsofmeasure.org|g", false},
		{"value-quantity=sa5.3||mg", true},
		{"value-quantity=eb5.5||mg", true},
		{"value-quantity=ne5.4||mg", false},
		{"value-quantity=ne5.5||mg", true},
		{"value-quantity=ne5.5||g", false}, // a comparison needs a value
		{"value-quantity=ap5.0|http://unitsofmeasure.org|mg", true},
		{"value-quantity=ap4.8|http://unitsofmeasure.org|mg", false},
		{"value-quantity=1||mg,5.4||mg", true},
		{"combo-value-quantity=5.4||mg", true},
		{"component-value-quantity=5.4||mg", false},
		{"value-quantity:missing=false", true},
		{"component-value-quantity:missing=true", true},
	})
	checkHits(t, measurement(`"value":0.0054,"system":"http://unitsofmeasure.org","code":"g"`), []hit{
		{"value-quantity=5.40e-3|http://unitsofmeasure.org|g", true},
		{"value-quantity=5.41e-3|http://unitsofmeasure.org|g", false},
	})
}

// TestQuantityUnits: a bar that belongs to a unit is escaped, and no unit is taken for the beginning of another.
func TestQuantityUnits(t *testing.T) {
	checkHits(t, measurement(`"value":1,"system":"a|b","code":"c\\d"`), []hit{
		{`value-quantity=1|a\|b|c\\d`, true}, {`value-quantity=1||c\\d`, true}, {`value-quantity=1|a|c`, false}, {`value-quantity=gt0||c`, false},
	})
	checkHits(t, measurement(`"value":1,"unit":"m"`), []hit{{"value-quantity=ge0||m", true}, {"value-quantity=ge0||", true}, {"value-quantity=ge0||m2", false}, {"value-quantity=ge0|m|m", false}})
	checkHits(t, measurement(`"value":1,"unit":"`+strings.Repeat("m", 1<<20)+`"`), []hit{{"value-quantity=1", true}})
}

// TestQuantityComparator: a quantity with a comparator is all that it may be (https://hl7.org/fhir/R4/datatypes.html#Quantity).
func TestQuantityComparator(t *testing.T) {
	for comparator, hits := range map[string]string{
		"<":  "lt5 lt-9 le5 eb5 !gt5 !ge5 gt4.99 !sa-9 ne5 !5 ap5 !ap6",
		"<=": "lt5 le5 !eb5 !gt5 ge5 gt4.99 eb5.01 ne5",
		">=": "gt5 gt9 ge5 !sa5 !lt5 le5 lt5.01 sa4.99",
		">":  "gt5 gt9 ge5 sa5 !lt5 !le5 lt5.01 sa4.99 !eb1e9",
	} {
		for query := range strings.FieldsSeq(hits) {
			bare, not := strings.CutPrefix(query, "!")
			for _, unit := range []string{"", "||mg", "|http://unitsofmeasure.org|mg"} {
				checkHits(t, measurement(`"value":5,"comparator":"`+comparator+`",`+milligram), []hit{{"value-quantity=" + bare + unit, !not}})
			}
		}
	}
	checkHits(t, measurement(`"value":-5.5,"comparator":"<"`), []hit{{"value-quantity=ge-5.5", false}, {"value-quantity=gt-5.50001", true}, {"value-quantity=eb-5.5", true}})
	checkHits(t, measurement(`"value":0,"comparator":"<"`), []hit{{"value-quantity=ge0", false}, {"value-quantity=gt-1e-9", true}, {"value-quantity=eb0", true}})
	checkHits(t, measurement(`"value":1,"comparator":"<"`), []hit{{"value-quantity=ge1", false}, {"value-quantity=gt0.99999", true}, {"value-quantity=eb1", true}})
	checkHits(t, measurement(`"value":0,"comparator":">"`), []hit{{"value-quantity=le0", false}, {"value-quantity=lt1e-9", true}, {"value-quantity=sa0", true}})
}

func TestQuantityTypes(t *testing.T) {
	checkHits(t, `{"resourceType":"Encounter","id":"e","length":{"value":30,"unit":"min","system":"http://unitsofmeasure.org","code":"min"}}`, []hit{ // a Duration
		{"length=30||min", true}, {"length=gt1|http://unitsofmeasure.org|h", false}, {"length=gt1", true},
	})
	checkHits(t, `{"resourceType":"Observation","id":"o","valueSampledData":{"origin":{"value":5},"period":1,"dimensions":1}}`, []hit{
		{"value-quantity=5", false}, {"value-quantity:missing=true", false},
	})
	checkHits(t, `{"resourceType":"PlanDefinition","id":"p","useContext":[{"code":{"code":"age"},"valueRange":{"low":{"value":18,"unit":"years"},"high":{"value":65,"unit":"years"}}}]}`, []hit{
		{"context-quantity=gt60||years", true}, {"context-quantity=gt65||years", false}, {"context-quantity=gt60||months", false}, {"context-type-quantity=age$gt60||years", true},
	})
	rules, err := newRules("Invoice")
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]bool{"totalnet=9.99": true, "totalnet=9.99||EUR": true, "totalnet=9.99|urn:iso:std:iso:4217|EUR": true, "totalnet=9.99||GBP": false} { // https://hl7.org/fhir/R4/datatypes.html#Money
		if got := found(t, rules, `{"resourceType":"Invoice","id":"i","totalNet":{"value":9.99,"currency":"EUR"}}`, query); got != want {
			t.Errorf("?%s finds %v", query, got)
		}
	}
}

func TestQuantityRefusals(t *testing.T) {
	checkRefusals(t, []refusal{
		{"Observation", "value-quantity=gtmg", "has no number"},
		{"Observation", "value-quantity=|http://unitsofmeasure.org|mg", "has no number"},
		{"Observation", "value-quantity=5.4|mg", "(5.4||mg)"},
		{"Observation", "value-quantity=5.4|http://unitsofmeasure.org|", "(5.4|http://unitsofmeasure.org|mg)"},
		{"Observation", "value-quantity=5.4|a|b|c", "is no quantity"},
		{"Observation", "value-quantity=xx5||mg", `the prefix "xx", which is not known`},
		{"Observation", "value-quantity:above=5", "it takes missing"},
	})
}

// TestQuantityEntries pins the entries: the number alone, and behind each way to ask for its unit.
func TestQuantityEntries(t *testing.T) {
	_, x := indexed(t, mustRules(t), `{"resourceType":"Encounter","length":{"value":30,`+milligram+`}}`)
	const plain = "2a23"
	want := []search.Ordered{{Param: "length", Low: plain, High: plain}}
	for _, unit := range []string{"http://unitsofmeasure.org|mg|", "|mg|", "|milligram|"} {
		want = append(want, search.Ordered{Param: "length|", Low: unit + plain, High: unit + plain})
	}
	if diff := cmp.Diff(want, x.Entries.Ordereds); diff != "" {
		t.Error(diff)
	}
}

// TestQuantityIsFound: by each form of its unit, whatever characters it has, and by no form of another.
func TestQuantityIsFound(t *testing.T) {
	rules := mustRules(t)
	rapid.Check(t, func(t *rapid.T) {
		system, code, unit, other := anyText(t, "system"), anyText(t, "code"), anyText(t, "unit"), anyText(t, "other")
		value, bound := decimals.Draw(t, "value"), decimals.Draw(t, "bound")
		r := fhir.NewResource(object("resourceType", "Encounter", "id", "e", "length", object("value", fhir.Number(value), "system", system, "code", code, "unit", unit)))
		for scope, want := range map[string]bool{
			"":                           true,
			"||":                         true,
			"||" + escapes.Replace(code): true,
			"||" + escapes.Replace(unit): true,
			"|" + escapes.Replace(system) + "|" + escapes.Replace(code):          true,
			"||" + escapes.Replace(other):                                        other == code || other == unit,
			"|" + escapes.Replace(system) + "|" + escapes.Replace(other):         other == code,
			"|" + escapes.Replace(other) + "|" + escapes.Replace(code):           other == system,
			"|" + escapes.Replace(system) + "|" + escapes.Replace(code+"|1"):     false,
			"|" + escapes.Replace(system+"|"+code) + "|" + escapes.Replace(code): false,
		} {
			if got := finds(t, rules, r, "length", value+scope); got != want {
				t.Fatalf("length=%s%s finds %v in %s %q %q %q", value, scope, got, value, system, code, unit)
			}
			for _, prefix := range []string{"eq", "ne", "lt", "le", "gt", "ge", "sa", "eb", "ap"} {
				if got, bare := finds(t, rules, r, "length", prefix+bound+scope), finds(t, rules, r, "length", prefix+bound); got != (bare && want) {
					t.Fatalf("length=%s%s%s finds %v, and %v without unit, in %s %q %q %q", prefix, bound, scope, got, bare, value, system, code, unit)
				}
			}
		}
	})
}
