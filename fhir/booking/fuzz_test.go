package booking_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// FuzzRead: whatever stands in resources that somebody else wrote, nothing panics, the resources stay as they were, and what was made of a valid one is valid.
func FuzzRead(f *testing.F) {
	f.Add([]byte(free), []byte(`{"resourceType":"Appointment","id":"a","status":"pending","slot":[{"reference":"Slot/1"},7],"extension":[{"url":"`+booking.HoldUntilURL+`"},[]]}`))
	f.Add([]byte(`{"resourceType":"Slot","extension":[`+heldBy7+`,null,{"url":"`+booking.HolderURL+`","valueReference":7}],"status":[]}`), fmt.Appendf(nil, visit, "booked", "", by("#", "accepted")))
	f.Add([]byte(`{"resourceType":"Task","id":"fulfilment-a","focus":{"reference":"Appointment/a"},"owner":[],"restriction":{"period":7},"executionPeriod":{"start":7},"status":"accepted"}`),
		fmt.Appendf(nil, visit, "arrived", `,"serviceType":[7],"requestedPeriod":[{}]`, by("Practitioner/1", "accepted")))
	f.Add([]byte(`{"resourceType":"HealthcareService","extension":[{"url":"`+booking.NoticeURL+`","valueDuration":{"value":1e-6000,"unit":"d"}}]}`), []byte(`{"resourceType":"Appointment"}`))
	now := at("2026-01-05T08:00:00Z")
	f.Fuzz(func(t *testing.T, one, other []byte) {
		x, err := fhir.ParseResource(one)
		if err != nil {
			return
		}
		y, err := fhir.ParseResource(other)
		if err != nil {
			return
		}
		was := text(x) + text(y)
		isValid := validator.Check(x.Clone()) == nil && validator.Check(y.Clone()) == nil

		a, s := booking.AppointmentOf(base, y), booking.SlotOf(base, x)
		policy, _ := booking.PolicyOf(x)
		_ = booking.CheckHoldUntil(y)
		_ = booking.CheckFit(a, []booking.Slot{s, s, {}})
		_ = booking.CheckBook(a, []booking.Slot{s}, policy, now)
		_ = booking.CheckLeave(base, y, x, booking.Policy{Notice: time.Hour}, now)
		_ = booking.CheckFulfilment(base, y, x)
		made := []fhir.Resource{booking.Take(x, "busy", a.Key, "t"), booking.Release(x)}
		task, _ := booking.Fulfilment(base, y.Key(), y, x, now)
		begun, changed := booking.Fulfilment(base, y.Key(), y, fhir.Resource{}, now)
		if changed {
			made = append(made, begun)
		}
		if text(x)+text(y) != was {
			t.Errorf("they were %s, and are %s", was, text(x)+text(y))
		}
		switch {
		case !isValid || !fhir.ValidID(y.ID()):
		case x.Type() == "Task":
			wantValid(t, task)
		case x.Type() == "Slot":
			for _, r := range made {
				wantValid(t, r)
			}
		}
	})
}
