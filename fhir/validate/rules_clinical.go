package validate

import "github.com/portico-health/portico/fhir"

// clinicalRules are those of observations and of what is recorded about events.
var clinicalRules = map[string]func(node) string{
	"obs-3": func(n node) string {
		return must(n.has("low") || n.has("high") || n.has("text"), "A reference range must have low, high or text")
	},
	"obs-6": func(n node) string {
		return must(!n.has("dataAbsentReason") || !n.hasChoice("value"), "An observation with a value may not have a dataAbsentReason")
	},
	"obs-7": func(n node) string {
		return must(!n.hasChoice("value") || !n.componentRepeatsCode(),
			"An observation with a value may not have a component with the observation's own code: the value belongs into one place")
	},
	"sev-1": func(n node) string {
		return must(!n.has("name") || !n.has("query"), "An entity has a name or a query, not both")
	},
}

// codingKey is what makes two codings equal.
type codingKey struct{ system, version, code, display string }

func keyOf(coding *fhir.Object) codingKey {
	return codingKey{coding.Text("system"), coding.Text("version"), coding.Text("code"), coding.Text("display")}
}

// componentRepeatsCode says whether a coding of the observation is also one of a component.
func (n node) componentRepeatsCode() bool {
	own := map[codingKey]bool{}
	for _, c := range n.scope.resource.Object("code").Objects("coding") {
		own[keyOf(c)] = true
	}
	for _, component := range n.Objects("component") {
		for _, c := range component.Object("code").Objects("coding") {
			if own[keyOf(c)] {
				return true
			}
		}
	}
	return false
}
