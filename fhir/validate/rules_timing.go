package validate

import (
	"slices"

	"github.com/portico-health/portico/fhir"
)

// timingRules are those of stretches of time and of repetition.
var timingRules = map[string]func(node) string{
	"per-1": func(n node) string {
		return must(!precedes(n.Text("end"), n.Text("start")), "A period may not end before it starts")
	},
	"tim-1": needs("duration", "durationUnit"),
	"tim-2": needs("period", "periodUnit"),
	"tim-4": notNegative("duration"),
	"tim-5": notNegative("period"),
	"tim-6": needs("periodMax", "period"),
	"tim-7": needs("durationMax", "duration"),
	"tim-8": needs("countMax", "count"),
	// when may have several values, which the expression forgets; none of them may be the meals without before or after.
	"tim-9": func(n node) string {
		meal := slices.ContainsFunc(n.Array("when"), func(v any) bool {
			return v == "C" || v == "CM" || v == "CD" || v == "CV"
		})
		return must(!n.has("offset") || (n.has("when") && !meal), "An offset needs a when, and one that is not C, CM, CD or CV")
	},
	"tim-10": func(n node) string {
		return must(!n.has("timeOfDay") || !n.has("when"), "A timing has timeOfDay or when, not both")
	},
}

func needs(one, other string) func(node) string {
	return func(n node) string { return must(!n.has(one) || n.has(other), one+" needs "+other+" beside it") }
}

func notNegative(name string) func(node) string {
	return func(n node) string {
		value, ok := n.number(name)
		return must(!ok || compare(value, "0") >= 0, name+" may not be negative")
	}
}

// precedes says whether the date a lies wholly before b. What has no zone may be up to fourteen hours away from UTC.
func precedes(a, b string) bool {
	first, err := fhir.ParseDateTime(a)
	if err != nil {
		return false
	}
	second, err := fhir.ParseDateTime(b)
	if err != nil {
		return false
	}
	const hours14 = 14 * 60 * 60 * 1e6 // in microseconds
	var tolerance fhir.Instant
	if first.HasZone != second.HasZone {
		tolerance = hours14
	}
	return first.Interval().High+tolerance <= second.Interval().Low
}
