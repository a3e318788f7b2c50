package search_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir/search"
)

// bath is a place; 51.4545|-2.5879 is Bristol, 18.0 km away, 51.5074|-0.1278 London, some 155 km.
const bath = `{"resourceType":"Location","id":"l1","position":{"latitude":51.3811,"longitude":-2.3590}}`

// TestNearRows: the forms of https://hl7.org/fhir/R4/location.html#search.
func TestNearRows(t *testing.T) {
	checkHits(t, bath, []hit{
		{"near=51.4545|-2.5879|20|km", true},
		{"near=51.4545|-2.5879|17|km", false},
		{"near=51.4545|-2.5879|20|", true}, // "If the units are omitted, then kms should be assumed"
		{"near=51.4545|-2.5879|20", true},
		{"near=51.4545|-2.5879|17", false},
		{"near=51.4545|-2.5879", true}, // "If the distance is omitted, then the server can use its own discretion"
		{"near=51.4545|-2.5879||", true},
		{"near=51.5074|-0.1278", false},
		{"near=51.5074|-0.1278|156", true},
		{"near=51.5074|-0.1278|150", false},
		{"near=51.4545|-2.5879|18200|m", true},
		{"near=51.4545|-2.5879|17500|m", false},
		{"near=51.4545|-2.5879|11.5|[mi_i]", true},
		{"near=51.4545|-2.5879|11|[mi_us]", false},
		{"near=51.4545|-2.5879|60000|[ft_i]", true},
		{"near=51.4545|-2.5879|10|[nmi_i]", true},
		{"near=51.3811|-2.359|0", true},
		{"near=51.381100|-2.35900|0|m", true},
		{"near=51.3812|-2.359|0|m", false},
		{"near=0|0|1e5", true}, // all around
		{"near=0|0|1,51.3811|-2.3590|1", true},
		{"near:missing=false", true},
	})
	checkHits(t, `{"resourceType":"Location","id":"l2","name":"nowhere"}`, []hit{{"near=0|0|1e5", false}, {"near:missing=true", true}})
	for _, position := range []string{`{"latitude":91,"longitude":0}`, `{"latitude":0,"longitude":-180.001}`, `{"latitude":0}`, `{"latitude":"0","longitude":0}`} {
		checkHits(t, `{"resourceType":"Location","id":"l2","position":`+position+`}`, []hit{{"near=0|0|1e5", false}, {"near:missing=false", true}})
	}
}

// TestNearAcrossTheDateLine: the distance is that on the ball.
func TestNearAcrossTheDateLine(t *testing.T) {
	checkHits(t, `{"resourceType":"Location","id":"fiji","position":{"latitude":-17,"longitude":179.9}}`, []hit{{"near=-17|-179.9|25", true}, {"near=-17|-179.9|20", false}})
	checkHits(t, `{"resourceType":"Location","id":"pole","position":{"latitude":90,"longitude":0}}`, []hit{{"near=89.9|180|12", true}, {"near=89.9|180|11", false}})
}

func TestNearRefusals(t *testing.T) {
	for _, r := range []refusal{
		{"Location", "near=51.5", "is no place. Write latitude|longitude|distance|units, as in 51.5|-0.12|10|km."},
		{"Location", "near=51.5|0|1|km|x", "is no place."},
		{"Location", "near=91|0", "begins with no latitude: degrees from -90 to 90."},
		{"Location", "near=north|0", "begins with no latitude"},
		{"Location", "near=|0", "begins with no latitude"},
		{"Location", "near=0|180.5", "has no longitude in the second place: degrees from -180 to 180."},
		{"Location", "near=0|0|-1", "has no distance in the third place"},
		{"Location", "near=0|0|far", "has no distance in the third place"},
		{"Location", "near=0|0|NaN", "has no distance in the third place"},
		{"Location", "near=0|0|1e400", "has no distance in the third place"},
		{"Location", "near=0|0|1|parsec", `has the units "parsec", which are not known: there are [ft_i], [ft_us], [mi_i], [mi_us], [nmi_i], [yd_i], [yd_us], km and m.`},
		{"Location", "near=0|0||mi", `has the units "mi"`},
		{"Location", "near:exact=0|0", "it takes missing"},
	} {
		checkRefusals(t, []refusal{r})
	}
}

// TestNearLowers pins the metres.
func TestNearLowers(t *testing.T) {
	for query, want := range map[string]float64{"-0|0": 50_000, "0|0|2": 2000, "0|0|3|m": 3, "0|0|1|[mi_us]": 1609.3472186944374, "0|0|1e9": 20_100_000} {
		req, err := parse(mustRules(t), "Location", "near="+query)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]search.Any{{search.Near{Param: "near", Metres: want}}}, req.Query.All); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}
