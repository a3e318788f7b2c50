package booking

import (
	"slices"

	"github.com/portico-health/portico/fhir"
)

// Slot is what booking looks at in a Slot.
type Slot struct {
	Key    fhir.Key
	Status string
	Span
	Schedule fhir.Key // of this server; zero for none
	Holder   fhir.Key // the appointment that it names; zero for none
	Attempt  string   // which attempt of a booking in steps took it; "" for none
}

// SlotOf reads a Slot; the zero one of the zero Resource.
func SlotOf(base string, r fhir.Resource) Slot {
	if r.IsZero() {
		return Slot{}
	}
	root := r.Root()
	s := Slot{Key: r.Key(), Status: root.Text("status"), Span: spanOf(root)}
	s.Schedule, _ = keyOf(base, root.Object("schedule"), "Schedule")
	for _, x := range extensions(root, HolderURL) {
		if key, ours := keyOf(base, x.Object("valueReference"), "Appointment"); ours {
			s.Holder, s.Attempt = key, x.Text("id")
			break
		}
	}
	return s
}

// CheckHolder says what is wrong with the extension HolderURL of a Slot: a free one names no appointment. Its error is Unprocessable.
func CheckHolder(slot fhir.Resource) error {
	var f faults
	if slot.Root().Text("status") == "free" {
		for i, x := range extensions(slot.Root(), HolderURL) {
			f.add(extensionPath("Slot", i), "A free Slot names no appointment, and this one names %s: leave it out. Where that appointment has the slot, cancel it; then the slot is free.",
				fhir.Quote(x.Object("valueReference").Text("reference")))
		}
	}
	return f.err()
}

// Take is a copy of a Slot that an appointment holds, with a status of "busy", "busy-tentative" or "busy-unavailable". The holder is an extension
// HolderURL, in the place of an older one; its id is the attempt, where there is one. Everything else stays as it was, but for what was said of a status that
// is no more (_status).
func Take(slot fhir.Resource, status string, by fhir.Key, attempt string) fhir.Resource {
	holder := fhir.NewObject(fhir.Member{Name: "url", Value: HolderURL}, fhir.Member{Name: "valueReference", Value: referenceTo(by)})
	if attempt != "" {
		holder.SetAfter("id", attempt)
	}
	slot = slot.Clone()
	setStatus(slot.Root(), status)
	setHolder(slot.Root(), holder)
	return slot
}

// DropAttempts is a copy of a Slot whose holders name no attempt but keep, and whether that changed anything: which attempt took a slot is the server's to tell.
func DropAttempts(slot fhir.Resource, keep string) (fhir.Resource, bool) {
	forged := func(x any) bool {
		o, _ := x.(*fhir.Object)
		_, has := o.Get("id")
		return isHolder(x) && has && (keep == "" || o.Text("id") != keep)
	}
	if !slices.ContainsFunc(slot.Root().Array("extension"), forged) {
		return slot, false
	}
	slot = slot.Clone()
	for _, x := range slot.Root().Array("extension") {
		if forged(x) {
			x.(*fhir.Object).Delete("id")
		}
	}
	return slot, true
}

// Release is a copy of a Slot that nobody holds: it is free, and names nobody. Everything else stays as Take says.
func Release(slot fhir.Resource) fhir.Resource {
	slot = slot.Clone()
	setStatus(slot.Root(), "free")
	setHolder(slot.Root(), nil)
	return slot
}

// setStatus changes the status of a resource. What stands beside the old value (its extensions: that it is unknown, say, or who found it) is not true of
// the new one, and goes.
func setStatus(o *fhir.Object, status string) {
	if o.Text("status") != status {
		o.Set("status", status)
		o.Delete("_status")
	}
}

// setHolder puts a holder into the place of the first that there is, or behind all other extensions; nil takes all holders out.
func setHolder(o *fhir.Object, holder *fhir.Object) {
	before := o.Array("extension")
	after := make(fhir.Array, 0, len(before)+1)
	for _, x := range before {
		if !isHolder(x) {
			after = append(after, x)
		}
	}
	if holder != nil {
		place := slices.IndexFunc(before, isHolder)
		if place < 0 {
			place = len(after)
		}
		after = slices.Insert(after, place, any(holder))
	}
	if len(after) == 0 {
		o.Delete("extension")
		return
	}
	o.SetAfter("extension", after, "contained", "text", "language", "implicitRules", "meta", "id", "resourceType")
}

func isHolder(extension any) bool {
	x, _ := extension.(*fhir.Object)
	return x.Text("url") == HolderURL
}
