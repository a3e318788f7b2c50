package search_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/portico-health/portico/fhir/search"
)

// stamped are resources with values of every form that entries are made of.
var stamped = []string{
	`{"resourceType":"Patient","id":"p","meta":{"tag":[{"system":"https://example.org/t","code":"x"},{"code":"y"},{"display":"z"}],"security":[{"system":"https://example.org/s"}]},
		"language":"en-GB","active":false,"gender":"other","birthDate":"1957-05","deceasedDateTime":"2020-02-29T23:59:59.5+01:00",
		"identifier":[{"system":"https://example.org/mrn","value":"A|1,b","type":{"text":"Medical Record","coding":[{"system":"https://example.org/ty|pe","code":"MR"},{"code":"x"}]}},{"value":"A1"},{"system":"https://example.org/mrn"}],
		"name":[{"text":"Dr. Ann  O'Hara-Ångström","family":"van der O'Hara-Ångström","given":["Ann","Łucja Ⅷ"],"prefix":["Dr."],"suffix":["ẞ"]}],
		"telecom":[{"system":"phone","value":"+44 (0)1632 960-001"},{"system":"email","value":"Ann@Example.org"}],
		"address":[{"use":"home","text":"1 High Street","line":["1 High St."],"city":"St. Albans","district":"Herts","state":"x","postalCode":"AL1 1AA","country":"GB"}],
		"generalPractitioner":[{"reference":"Practitioner/7"},{"reference":"` + base + `/Practitioner/8/_history/2"},{"reference":"https://else.example.org/Practitioner/9"},{"reference":"#c"},{"identifier":{"system":"https://example.org/i","value":"i"}},{"reference":"urn:uuid:0189bf5c-4c2e-7b0c-9d4a-000000000001"}],
		"contained":[{"resourceType":"Practitioner","id":"c"}],"link":[{"other":{"reference":"Patient/2","type":"Patient"},"type":"seealso"}],"managingOrganization":{"display":"d"}}`,
	`{"resourceType":"Observation","id":"o","status":"final","category":[{"coding":[{"system":"https://example.org/c","code":"C"}],"text":"t"}],"code":{"text":"only text"},"subject":{"reference":"Group/1"},
		"effectiveTiming":{"event":["2026-03-01","2026-03-02T10:00:00Z"],"repeat":{"boundsPeriod":{"start":"2026-01","end":"2026-02"}}},"valueString":"A Word","component":[{"code":{"coding":[{"code":"k"}]},"valueCodeableConcept":{"coding":[{"code":"v"}]}}]}`,
	`{"resourceType":"Observation","id":"o2","text":{"status":"generated","div":"<div><p>Some <b>T</b>ext&nbsp;here</p></div>"},"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1-1","display":"A Code-name"}]},"effectivePeriod":{"start":"2026-03-01T10:00:00.123456789Z"},"valueDateTime":"2026","subject":{"reference":"Patient/1"}}`,
	`{"resourceType":"Appointment","id":"a","status":"booked","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:30:00Z","participant":[{"status":"accepted","actor":{"reference":"Location/1"}},{"status":"declined","actor":{"reference":"#"}}]}`,
	`{"resourceType":"PlanDefinition","id":"d","url":"https://example.org/PlanDefinition/d","version":"1","status":"draft","title":"A Plan","description":"*marked* down","library":["https://example.org/Library/l|2"],"date":"2026-03","effectivePeriod":{"end":"2026-04-01"}}`,
	`{"resourceType":"Bundle","id":"b","type":"document","timestamp":"2026-03-01T10:00:00Z","entry":[{"resource":{"resourceType":"Composition","id":"c"}}]}`,
	`{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order","medicationCodeableConcept":{"coding":[{"system":"https://example.org/m","code":"1"}]},"subject":{"reference":"Patient/1"},"dosageInstruction":[{"timing":{"event":["2026-05-05"]}}]}`,
	`{"resourceType":"Observation","id":"o3","meta":{"profile":["https://example.org/p|1","urn:oid:1.2"],"source":"https://example.org/s/#1"},"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1$1"},{"code":"x"}]},
		"valueQuantity":{"value":-5.40e-3,"comparator":"<","unit":"grams","system":"http://unitsofmeasure.org","code":"g"},
		"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"2-2"}]},"valueQuantity":{"value":0,"unit":"a|b"}},{"code":{"coding":[{"code":"s"}]},"valueSampledData":{"origin":{"value":1},"period":1,"dimensions":1}}]}`,
	`{"resourceType":"Observation","id":"o4","status":"final","code":{"coding":[{"code":"d"}]},"valuePeriod":{"start":"2026"}}`,
	`{"resourceType":"Observation","id":"o5","status":"final","code":{"coding":[{"code":"s"}]},"valueString":"Ann's Väg"}`,
	`{"resourceType":"DocumentReference","id":"dr","status":"current","content":[{"attachment":{"url":"https://example.org/a/b"}}],"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/1"}}]}`,
	`{"resourceType":"Location","id":"l","name":"St. Ann's","alias":["Ann"],"position":{"longitude":-0.12,"latitude":51.5}}`,
	`{"resourceType":"RiskAssessment","id":"r","status":"final","subject":{"reference":"Patient/1"},"prediction":[{"probabilityDecimal":0.80},{"probabilityRange":{"low":{"value":1e2}}}]}`,
	`{"resourceType":"Patient","id":"p2"}`,
	`{"resourceType":"RiskAssessment","id":"r2","prediction":[{"probabilityRange":{}}]}`,
	`{"resourceType":"PlanDefinition","id":"d2","status":"draft","useContext":[{"code":{"system":"https://example.org/u","code":"age"},"valueRange":{"high":{"value":18,"unit":"a"}}}]}`,
}

// TestStampsAreRaised: entries that are made otherwise than before need another stamp, or a store that was filled before would be
// searched as if it had the new ones. Whoever changes entries raises the number in the stamp of that kind (or pathsVersion), and puts the new
// pair here.
func TestStampsAreRaised(t *testing.T) {
	rules := withWords(t, "Patient", "Observation")
	made := map[string][]string{}
	stamps := map[string][]string{}
	for _, typ := range served {
		kinds := map[string]string{}
		for _, p := range rules.Params(typ) {
			kinds[p.Name] = p.Type
			stamps[p.Type] = append(stamps[p.Type], typ+" "+p.Name+" "+rules.Stamps()[typ][p.Name])
		}
		for _, text := range stamped {
			r := mustResource(t, text)
			if r.Type() != typ {
				continue
			}
			entries := rules.Extract(r)
			for _, e := range entries.Terms {
				kind := kinds[search.Owner(e.Param)]
				made[kind] = append(made[kind], fmt.Sprintf("%s %+v", r.Key(), e))
			}
			for _, e := range entries.Texts {
				kind := kinds[search.Owner(e.Param)]
				made[kind] = append(made[kind], fmt.Sprintf("%s %+v", r.Key(), e))
			}
			for _, e := range entries.Ranges {
				made[kinds[e.Param]] = append(made[kinds[e.Param]], fmt.Sprintf("%s %s %d %d", r.Key(), e.Param, e.Low, e.High))
			}
			for _, e := range entries.Ordereds {
				made[kinds[search.Owner(e.Param)]] = append(made[kinds[search.Owner(e.Param)]], fmt.Sprintf("%s %+v", r.Key(), e))
			}
			for _, e := range entries.Places {
				made[kinds[e.Param]] = append(made[kinds[e.Param]], fmt.Sprintf("%s %+v", r.Key(), e))
			}
		}
	}
	for kind, want := range map[string]struct{ entries, stamps string }{
		"number":    {"29594f54", "afd09129"},
		"quantity":  {"95e97eed", "265e4aaa"},
		"uri":       {"6a44dd05", "9e1ff073"},
		"special":   {"6f952b7a", "aa6dfa54"},
		"composite": {"1e56ac6f", "f3486aaa"},
		"token":     {"d5952d53", "71d28089"},
		"string":    {"f4a05099", "19f42dae"},
		"reference": {"dad9c0c4", "64b62209"},
		"date":      {"6391a7e0", "790a06a3"},
	} {
		slices.Sort(made[kind])
		entries, stamps := digestOf(made[kind]), digestOf(stamps[kind])
		switch {
		case entries != want.entries && stamps == want.stamps:
			t.Errorf("the entries of kind %s are others than before, under the same stamps: raise the number in its stamp, or pathsVersion", kind)
		case entries != want.entries || stamps != want.stamps:
			t.Errorf("kind %s has now entries with the digest %q under stamps with the digest %q", kind, entries, stamps)
		}
	}
}

func digestOf(lines []string) string {
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, lines)))[:8]
}
