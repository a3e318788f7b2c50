package booking_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

const (
	free      = `{"resourceType":"Slot","id":"1","schedule":{"reference":"Schedule/1"},"status":"free","start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z","comment":"1.0"}`
	heldBy7   = `{"id":"x7","url":"` + booking.HolderURL + `","valueReference":{"reference":"Appointment/7"}}`
	heldBy8   = `{"url":"` + booking.HolderURL + `","valueReference":{"reference":"` + base + `/Appointment/8"}}`
	foreign   = `{"url":"http://example.org/x","valueString":"1"}`
	generated = `{"url":"` + booking.GeneratedURL + `","valueBoolean":true}`
)

func TestSlotOf(t *testing.T) {
	s := booking.SlotOf(base, parsed(t, `{"resourceType":"Slot","id":"1","extension":[%s,%s],"schedule":{"reference":"%s/Schedule/2"},"status":"busy",
		"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z"}`, foreign, heldBy7, base))
	want := booking.Slot{
		Key: key("Slot", "1"), Status: "busy", Span: booking.Span{Start: at("2026-01-05T09:00:00Z"), End: at("2026-01-05T09:30:00Z")},
		Schedule: key("Schedule", "2"), Holder: key("Appointment", "7"), Attempt: "x7",
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(booking.Slot{}, booking.SlotOf(base, fhir.Resource{})); diff != "" {
		t.Errorf("the zero resource (-want +got):\n%s", diff)
	}
}

// TestTakeAndRelease: byte by byte, what they change, and that they leave the slot alone that they were given.
func TestTakeAndRelease(t *testing.T) {
	const front, back = `{"resourceType":"Slot","id":"1"`, `"schedule":{"reference":"Schedule/1"},"status":"%s"%s,"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z"}`
	const taken9 = `{"id":"t","url":"` + booking.HolderURL + `","valueReference":{"reference":"Appointment/9"}}`
	for name, tt := range map[string]struct{ before, taken, released string }{
		"nothing there": {front + "," + back, front + `,"extension":[` + taken9 + `],` + back, front + "," + back},
		"behind meta": {front + `,"meta":{"source":"http://example.org"},` + back, front + `,"meta":{"source":"http://example.org"},"extension":[` + taken9 + `],` + back,
			front + `,"meta":{"source":"http://example.org"},` + back},
		"behind others": {front + `,"extension":[` + foreign + `,` + generated + `],` + back, front + `,"extension":[` + foreign + `,` + generated + `,` + taken9 + `],` + back,
			front + `,"extension":[` + foreign + `,` + generated + `],` + back},
		"in the place of the older": {front + `,"extension":[` + heldBy7 + `,` + foreign + `,` + heldBy8 + `],` + back, front + `,"extension":[` + taken9 + `,` + foreign + `],` + back,
			front + `,"extension":[` + foreign + `],` + back},
	} {
		for _, status := range []string{"free", "busy", "entered-in-error"} {
			before := parsed(t, tt.before, status, `,"_status":{"id":"s"}`)
			was := text(before)
			taken, released := booking.Take(before, "busy-tentative", key("Appointment", "9"), "t"), booking.Release(before)
			wantValid(t, taken)
			wantValid(t, released)
			if diff := cmp.Diff(text(parsed(t, tt.taken, "busy-tentative", "")), text(taken)); diff != "" {
				t.Errorf("%s: taken (-want +got):\n%s", name, diff)
			}
			kept := "" // what is said of a status stays with it
			if status == "free" {
				kept = `,"_status":{"id":"s"}`
			}
			if diff := cmp.Diff(text(parsed(t, tt.released, "free", kept)), text(released)); diff != "" {
				t.Errorf("%s: released (-want +got):\n%s", name, diff)
			}
			if text(before) != was {
				t.Errorf("%s: the slot itself was changed to %s", name, text(before))
			}
		}
	}
}

// anySlot draws a valid Slot with all that may stand around what Take and Release change.
func anySlot(t *rapid.T) fhir.Resource {
	r := parsed(t, free)
	o := r.Root()
	o.Set("status", rapid.SampledFrom([]string{"free", "busy", "busy-tentative", "busy-unavailable", "entered-in-error"}).Draw(t, "status"))
	var extensions fhir.Array
	for _, x := range rapid.SliceOfN(rapid.SampledFrom([]string{foreign, heldBy7, heldBy8, generated}), 0, 5).Draw(t, "extensions") {
		v, err := fhir.ParseJSON([]byte(x))
		if err != nil {
			t.Fatal(err)
		}
		extensions = append(extensions, v)
	}
	if extensions != nil {
		o.SetAfter("extension", extensions, rapid.SampledFrom([]string{"resourceType", "id", "end"}).Draw(t, "place"))
	}
	if rapid.Bool().Draw(t, "said of the status") {
		o.SetAfter("_status", fhir.NewObject(fhir.Member{Name: "id", Value: "s"}), "status")
	}
	return r
}

// released is what a slot is when it was taken and released: by its own words, not by those of the code.
func released(r fhir.Resource) fhir.Resource {
	r = r.Clone()
	r.Root().Set("status", "free")
	r.Root().Delete("_status")
	var rest fhir.Array
	for _, x := range r.Root().Array("extension") {
		if x.(*fhir.Object).Text("url") != booking.HolderURL {
			rest = append(rest, x)
		}
	}
	r.Root().Set("extension", rest)
	if rest == nil {
		r.Root().Delete("extension")
	}
	return r
}

// TestTakenSlotsTell: a taken slot names who took it and nobody else; released, it is what it was, but free.
func TestTakenSlotsTell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anySlot(t)
		status := rapid.SampledFrom([]string{"busy", "busy-tentative", "busy-unavailable"}).Draw(t, "taken")
		attempt := rapid.SampledFrom([]string{"", "t", "0Kx"}).Draw(t, "attempt")
		by := key("Appointment", rapid.StringMatching(`[A-Za-z0-9.-]{1,64}`).Draw(t, "by"))
		wantValid(t, r)
		taken := booking.Take(r, status, by, attempt)
		wantValid(t, taken)
		want := booking.SlotOf(base, r)
		want.Status, want.Holder, want.Attempt = status, by, attempt
		if diff := cmp.Diff(want, booking.SlotOf(base, taken)); diff != "" {
			t.Fatalf("taken (-want +got):\n%s", diff)
		}
		if again := booking.Take(taken, status, by, attempt); !fhir.Equal(again.Root(), taken.Root()) {
			t.Fatalf("taken once %s, twice %s", text(taken), text(again))
		}
		back := booking.Release(taken)
		wantValid(t, back)
		if diff := cmp.Diff(text(released(r)), text(back)); diff != "" {
			t.Fatalf("released (-want +got):\n%s", diff)
		}
	})
}

// TestCheckHolder: a slot that is free names nobody, in whatever words.
func TestCheckHolder(t *testing.T) {
	const slot = `{"resourceType":"Slot","id":"1","extension":[%s,%s],"schedule":{"reference":"Schedule/2"},"status":"%s","start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z"}`
	fault := func(path, holder string) string {
		return path + ": A free Slot names no appointment, and this one names " + fhir.Quote(holder) + ": leave it out. Where that appointment has the slot, cancel it; then the slot is free."
	}
	wantFaults(t, booking.CheckHolder(parsed(t, slot, foreign, heldBy7, "free")), fault("Slot.extension[1]", "Appointment/7"))
	wantFaults(t, booking.CheckHolder(parsed(t, slot, heldBy8, `{"url":"`+booking.HolderURL+`"}`, "free")), fault("Slot.extension[0]", base+"/Appointment/8"), fault("Slot.extension[1]", ""))
	wantFaults(t, booking.CheckHolder(parsed(t, slot, foreign, generated, "free")))
	for _, status := range []string{"busy", "busy-tentative", "busy-unavailable", "entered-in-error"} {
		wantFaults(t, booking.CheckHolder(parsed(t, slot, foreign, heldBy7, status)))
	}
}
