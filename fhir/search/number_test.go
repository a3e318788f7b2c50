package search_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

func risk(probability string) string {
	return `{"resourceType":"RiskAssessment","id":"r1","prediction":[{` + probability + `}]}`
}

// TestNumberRows is the table of https://hl7.org/fhir/R4/search.html#number, each row at its bounds.
func TestNumberRows(t *testing.T) {
	for _, row := range []struct {
		query       string
		finds, lets string
	}{
		{"100", "99.5 100 100.499999 1e2", "99.4999 100.5 -100"},
		{"eq100", "99.5 100.4", "100.5"},
		{"100.00", "99.995 100.00499", "99.9949 100.005"},
		{"1e2", "95 104.99", "94.99 105"},
		{"1.0e2", "95 104.99", "94.99 105"},
		{"-1e2", "-104.99 -105 -95.01", "-94.99 -95 -105.01 100"},
		{"lt100", "99.99999 -5", "100 100.0001"},
		{"le100", "100 99", "100.0001"},
		{"gt100", "100.0000001 1e3", "100 99.9999"},
		{"ge100", "100 100.0001", "99.9999"},
		{"ne100", "99.4999 100.5", "99.5 100 100.4"},
		{"sa100", "100.0001", "100 99"},
		{"eb100", "99.9999", "100 101"},
		{"ap100", "90 110 100", "89.99 110.01"},
		{"ap-100", "-90 -110", "-89.99 100"},
		{"ap1", "0.5 1.5 1", "0.49 1.51"}, // at least what rounds to it
		{"ap0", "0 0.5 -0.5", "0.51"},
		{"gt0.8", "0.80001", "0.8 0.79"}, // RiskAssessment?probability=gt0.8
		{"0", "0.49 -0.5 0 -0.0", "0.5"},
		{"1e%2B2", "100", "110"},
		{"1e+2", "100", "110"}, // a plus sign that has become a space
		{"5,7", "5 7", "6"},
	} {
		for number := range strings.FieldsSeq(row.finds) {
			checkHits(t, risk(`"probabilityDecimal":`+number), []hit{{"probability=" + row.query, true}})
		}
		for number := range strings.FieldsSeq(row.lets) {
			checkHits(t, risk(`"probabilityDecimal":`+number), []hit{{"probability=" + row.query, false}})
		}
	}
}

// TestNumberRange: a Range is compared as a stretch, by the rules of https://hl7.org/fhir/R4/search.html#prefix.
func TestNumberRange(t *testing.T) {
	checkHits(t, risk(`"probabilityRange":{"low":{"value":10},"high":{"value":20}}`), []hit{
		{"probability=15", false}, {"probability=1e1", false}, {"probability=ne15", true}, {"probability=gt15", true}, {"probability=lt15", true},
		{"probability=gt20", false}, {"probability=ge20", true}, {"probability=lt10", false}, {"probability=le10", true},
		{"probability=sa9", true}, {"probability=sa10", false}, {"probability=eb21", true}, {"probability=eb20", false},
		{"probability=ap21", true}, {"probability=ap9.2", true}, {"probability=ap9", false}, {"probability=ap23", false},
	})
	checkHits(t, risk(`"probabilityRange":{"low":{"value":10}}`), []hit{
		{"probability=gt1e50", true}, {"probability=lt5", false}, {"probability=lt11", true}, {"probability=sa5", true}, {"probability=eb1e50", false}, {"probability:missing=false", true},
	})
	for _, nothing := range []string{`"probabilityRange":{}`, `"probabilityRange":{"low":{"unit":"%"}}`, `"probabilityDecimal":"x"`} {
		checkHits(t, risk(nothing), []hit{{"probability:missing=false", true}, {"probability=ge-1e100", false}, {"probability=ne5", false}})
	}
	checkHits(t, risk(`"qualitativeRisk":{"text":"high"}`), []hit{{"probability:missing=true", true}, {"probability=ne5", false}})
}

func TestNumberRefusals(t *testing.T) {
	checkRefusals(t, []refusal{
		{"RiskAssessment", "probability=high", `"high" has no number: write digits`},
		{"RiskAssessment", "probability=lt", `"lt" has no number`},
		{"RiskAssessment", "probability=ab5", `begins with the prefix "ab", which is not known: the prefixes are eq, ne,`},
		{"RiskAssessment", "probability=.5", "has no number"},
		{"RiskAssessment", "probability=5|%25", "has no number"},
		{"RiskAssessment", "probability=1e999999999999999999999999", "has no number"},
		{"RiskAssessment", "probability:exact=5", "it takes missing"},
		{"RiskAssessment", "probability=0." + strings.Repeat("3", 35), "a number has at most 34 significant digits"},
		{"RiskAssessment", "probability=1e" + strings.Repeat("0", 200), "in at most 128 characters"},
		{"Observation", "value-quantity=gt" + strings.Repeat("9", 35) + "||mg", "at most 34 significant digits"},
		{"Location", "near=" + strings.Repeat("5", 35) + "|1", "has a number that is too long"},
	})
}

// TestNumberPrefixes: how the prefixes are related for every number, and what they mean by math/big.
func TestNumberPrefixes(t *testing.T) {
	rules := mustRules(t)
	rapid.Check(t, func(t *rapid.T) {
		target, value := decimals.Draw(t, "target"), decimals.Draw(t, "value")
		r := fhir.NewResource(object("resourceType", "RiskAssessment", "id", "r", "prediction", fhir.Array{object("probabilityDecimal", fhir.Number(target))}))
		is := func(prefix string) bool { return finds(t, rules, r, "probability", prefix+value) }
		x, _ := new(big.Rat).SetString(target)
		y, _ := new(big.Rat).SetString(value)
		for what, holds := range map[string]bool{
			"gt":                     is("gt") == (x.Cmp(y) > 0),
			"ge":                     is("ge") == (x.Cmp(y) >= 0),
			"lt":                     is("lt") == (x.Cmp(y) < 0),
			"le":                     is("le") == (x.Cmp(y) <= 0),
			"sa is gt of a point":    is("sa") == is("gt"),
			"eb is lt of a point":    is("eb") == is("lt"),
			"either eq or ne":        is("eq") != is("ne"),
			"eq implies ap":          !is("eq") || is("ap"),
			"an equal one is eq":     x.Cmp(y) != 0 || is("eq"),
			"without a prefix it eq": is("") == is("eq"),
		} {
			if !holds {
				t.Fatalf("%s does not hold of %s in a resource against %s", what, target, value)
			}
		}
	})
}

// TestNumberEntries pins the forms.
func TestNumberEntries(t *testing.T) {
	_, x := indexed(t, mustRules(t), `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":5.40},{"probabilityDecimal":5.4},{"probabilityRange":{"high":{"value":-100}}}]}`)
	want := []search.Ordered{{Param: "probability", Low: "2a154", High: "2a154"}, {Param: "probability", Low: "!", High: "0Z68~"}}
	if got := x.Entries.Ordereds; len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v", got)
	}
}
