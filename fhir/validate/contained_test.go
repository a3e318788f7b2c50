package validate_test

import (
	"testing"

	"github.com/portico-health/portico/fhir"
)

// TestContainedRefused: a contained resource has a life only by a reference, which needs an id that no other has (dom-3,
// https://hl7.org/fhir/R4/references.html#contained).
func TestContainedRefused(t *testing.T) {
	const (
		noID        = "A contained resource must have an id, so that the resource around it can refer to it, as in #a (dom-3)."
		unreferred  = "Nothing in the resource points at this contained resource, nor does it point at the resource around it with # (dom-3)."
		sameID      = `contained[0] has the id "a", too: it could not be known which of them #a means. Give each an id of its own.`
		withPointer = `{"resourceType":"Patient","managingOrganization":{"reference":"#a"},"contained":`
	)
	testRefusals(t, fhir.Unprocessable, []refusal{
		{"no id", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","name":"x"}]}`, []string{"invariant Patient.contained[0]: " + noID}},
		{"one with an id, one without", withPointer + `[{"resourceType":"Organization","id":"a","name":"x"},{"resourceType":"Organization","name":"y"}]}`,
			[]string{"invariant Patient.contained[1]: " + noID}},
		{"an id that nothing points at", `{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"a","name":"x"}]}`, []string{"invariant Patient.contained[0]: " + unreferred}},
		{"one id twice", withPointer + `[{"resourceType":"Organization","id":"a","name":"x"},{"resourceType":"Organization","id":"a","name":"y"}]}`,
			[]string{"invariant Patient.contained[1]: " + sameID}},
		{"one id three times", withPointer + `[{"resourceType":"Organization","id":"a","name":"x"},{"resourceType":"Organization","id":"a","name":"y"},{"resourceType":"Organization","id":"a","name":"z"}]}`,
			[]string{"invariant Patient.contained[1]: " + sameID, "invariant Patient.contained[2]: " + sameID}},
		{"in an entry of a Bundle", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","name":"x"}]}}]}`,
			[]string{"invariant Bundle.entry[0].resource.contained[0]: " + noID}},
	})
}

func TestContainedAccepted(t *testing.T) {
	const provenance = `"resourceType":"Provenance","target":[{"reference":"#"}],"recorded":"2026-01-01T09:00:00Z","agent":[{"who":{"display":"x"}}]`
	testAccepted(t, map[string]string{
		"points at what is around it": `{"resourceType":"Patient","contained":[{"id":"a",` + provenance + `}]}`,
		"the same, without an id":     `{"resourceType":"Patient","contained":[{` + provenance + `}]}`,
		"one points at another":       `{"resourceType":"Patient","generalPractitioner":[{"reference":"#a"}],"contained":[{"resourceType":"PractitionerRole","id":"a","organization":{"reference":"#b"}},{"resourceType":"Organization","id":"b","name":"x"}]}`,
		"one id in two entries": `{"resourceType":"Bundle","type":"collection","entry":[
			{"resource":{"resourceType":"Patient","managingOrganization":{"reference":"#a"},"contained":[{"resourceType":"Organization","id":"a","name":"x"}]}},
			{"resource":{"resourceType":"Patient","managingOrganization":{"reference":"#a"},"contained":[{"resourceType":"Organization","id":"a","name":"x"}]}}]}`,
	})
}
