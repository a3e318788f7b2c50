package engine

import "github.com/portico-health/portico/fhir"

// endsAfterStart: what is booked takes time. R4 states it for Period alone (per-1), and not for the resources that have start and end
// of their own. They are instants; one that is missing or none is for validation to tell, not for this rule.
func endsAfterStart(_ *Engine, r fhir.Resource) error {
	start, end := r.Root().Text("start"), r.Root().Text("end")
	from, err := fhir.ParseDateTime(start)
	if err != nil || !from.HasZone {
		return nil
	}
	to, err := fhir.ParseDateTime(end)
	if err != nil || !to.HasZone || to.Interval().Low > from.Interval().Low {
		return nil
	}
	return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "The end, %s, must be later than the start, %s.", end, start).At(r.Type() + ".end")
}
