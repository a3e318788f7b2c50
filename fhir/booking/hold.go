package booking

import (
	"slices"
	"time"

	"github.com/portico-health/portico/fhir"
)

// LongestHold is how far ahead the end of a hold may lie when it is written.
const LongestHold = 24 * time.Hour

// CheckHold says why an Appointment may not be held so long: the end of its hold is more than LongestHold ahead. A hold that was there before, and ends when it did,
// is not looked at; before is zero where there was nothing. Its error is Unprocessable.
func CheckHold(before, after Appointment, now fhir.Instant) error {
	latest := now + fhir.Instant(LongestHold.Microseconds())
	if !after.isHold() || after.HoldUntil <= latest || before.isHold() && before.HoldUntil == after.HoldUntil {
		return nil
	}
	var f faults
	f.add("Appointment.extension", "The appointment would be held until %s: a hold ends within %s, now by %s. One that is pending without %s is not ended by the server.",
		told(after.HoldUntil), inWords(LongestHold), told(latest), HoldUntilURL)
	return f.err()
}

// Hold is a copy of an Appointment that is pending until then.
func Hold(appointment fhir.Resource, until fhir.Instant) fhir.Resource {
	held := withStatus(appointment, "pending")
	all, _ := held.Root().Get("extension")
	list, _ := all.(fhir.Array)
	held.Root().SetAfter("extension", append(slices.Clip(list), fhir.NewObject(
		fhir.Member{Name: "url", Value: HoldUntilURL},
		fhir.Member{Name: "valueInstant", Value: until.String()},
	)), "implicitRules", "language", "text", "contained", "meta", "id", "resourceType")
	return held
}

// Book is a copy of an Appointment that is booked, and not for a time alone.
func Book(appointment fhir.Resource) fhir.Resource { return withStatus(appointment, "booked") }

// Cancel is a copy of an Appointment that is cancelled.
func Cancel(appointment fhir.Resource) fhir.Resource { return withStatus(appointment, "cancelled") }

// Unheld is a copy of an Appointment without the end of a hold.
func Unheld(appointment fhir.Resource) fhir.Resource {
	free := appointment.Clone()
	list := slices.DeleteFunc(slices.Clone(free.Root().Array("extension")), isHoldUntil)
	if len(list) == 0 {
		free.Root().Delete("extension")
	} else {
		free.Root().Set("extension", list)
	}
	return free
}

// withStatus is a copy that has a status, and no end of a hold.
func withStatus(appointment fhir.Resource, status string) fhir.Resource {
	changed := Unheld(appointment)
	setStatus(changed.Root(), status)
	return changed
}

// isHoldUntil says whether an extension tells the end of a hold.
func isHoldUntil(extension any) bool {
	o, _ := extension.(*fhir.Object)
	return o.Text("url") == HoldUntilURL
}
