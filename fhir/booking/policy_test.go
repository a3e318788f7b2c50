package booking_test

import (
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

func TestCheckLeave(t *testing.T) {
	const (
		resource = `{"resourceType":"Appointment","id":"a","status":"%s","slot":[%s],"start":"2026-01-05T%s","end":"2026-01-05T10:30:00Z"%s}`
		slots    = `{"reference":"Slot/1"},{"reference":"Slot/2"}`
		late     = ": The appointment begins at 2026-01-05T10:00:00Z, and the notice of a cancellation or a move is 2 hours: until 2026-01-05T08:00:00Z it could be cancelled or moved."
	)
	reason := func(system, code string) string {
		return `,"cancelationReason":{"coding":[{"system":"http://example.org","code":"x"},{"system":"` + system + `","code":"` + code + `"}]}`
	}
	const reasons = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
	held := `,"extension":[{"url":"` + booking.HoldUntilURL + `","valueInstant":"2026-01-05T09:10:00Z"}]`
	type state struct{ status, slots, start, rest string }
	for name, tt := range map[string]struct {
		before, after state
		now           string
		want          []string
	}{
		"cancelled in time":             {state{}, state{status: "cancelled"}, "08:00:00Z", nil},
		"cancelled late":                {state{}, state{status: "cancelled"}, "08:00:00.000001Z", []string{"Appointment.status" + late}},
		"cancelled afterwards":          {state{}, state{status: "cancelled"}, "23:00:00Z", []string{"Appointment.status" + late}},
		"deleted late":                  {state{}, state{status: "deleted"}, "09:00:00Z", []string{"Appointment" + late}},
		"an error, late":                {state{}, state{status: "entered-in-error"}, "09:00:00Z", []string{"Appointment.status" + late}},
		"proposed again, late":          {state{}, state{status: "proposed"}, "09:00:00Z", []string{"Appointment.status" + late}},
		"waiting again, late":           {state{}, state{status: "waitlist"}, "09:00:00Z", []string{"Appointment.status" + late}},
		"moved late":                    {state{}, state{start: "10:10:00Z"}, "09:00:00Z", []string{"Appointment.start" + late}},
		"moved in time":                 {state{}, state{start: "10:10:00Z"}, "07:00:00Z", nil},
		"to another slot, late":         {state{}, state{slots: `{"reference":"Slot/1"},{"reference":"Slot/3"}`}, "09:00:00Z", []string{"Appointment.slot" + late}},
		"out of a slot, late":           {state{}, state{slots: `{"reference":"Slot/2"}`}, "09:00:00Z", []string{"Appointment.slot" + late}},
		"other words for the same":      {state{}, state{slots: `{"reference":"` + base + `/Slot/2"},{"reference":"Slot/1/_history/4"}`, start: "11:00:00.0+01:00"}, "09:00:00Z", nil},
		"longer":                        {state{}, state{slots: slots + `,{"reference":"Slot/3"}`}, "09:00:00Z", nil},
		"arrived":                       {state{}, state{status: "arrived"}, "09:00:00Z", nil},
		"fulfilled":                     {state{}, state{status: "fulfilled", slots: `{"reference":"Slot/9"}`, start: "09:50:00Z"}, "10:30:00Z", nil},
		"noshow":                        {state{}, state{status: "noshow"}, "10:30:00Z", nil},
		"pending, cancelled late":       {state{status: "pending"}, state{status: "cancelled"}, "09:00:00Z", []string{"Appointment.status" + late}},
		"held, cancelled late":          {state{status: "pending", rest: held}, state{status: "cancelled"}, "09:00:00Z", nil},
		"once held, now booked":         {state{rest: held}, state{status: "cancelled"}, "09:00:00Z", []string{"Appointment.status" + late}},
		"proposed, cancelled":           {state{status: "proposed"}, state{status: "cancelled"}, "09:00:00Z", nil},
		"the provider is the cause":     {state{}, state{status: "cancelled", rest: reason(reasons, "prov")}, "09:00:00Z", nil},
		"the provider, more precisely":  {state{}, state{status: "cancelled", rest: reason(reasons, "prov-hosp")}, "09:00:00Z", nil},
		"maintenance":                   {state{}, state{status: "cancelled", rest: reason(reasons, "maint")}, "09:00:00Z", nil},
		"the patient is the cause":      {state{}, state{status: "cancelled", rest: reason(reasons, "pat-crs")}, "09:00:00Z", []string{"Appointment.status" + late}},
		"the cause is in another words": {state{}, state{status: "cancelled", rest: reason("http://example.org", "prov")}, "09:00:00Z", []string{"Appointment.status" + late}},
	} {
		t.Run(name, func(t *testing.T) {
			build := func(s state) fhir.Resource {
				if s.status == "deleted" {
					return fhir.Resource{}
				}
				or := func(s, otherwise string) string {
					if s == "" {
						return otherwise
					}
					return s
				}
				return parsed(t, resource, or(s.status, "booked"), or(s.slots, slots), or(s.start, "10:00:00Z"), s.rest)
			}
			before, after, now := build(tt.before), build(tt.after), at("2026-01-05T"+tt.now)
			wantFaults(t, booking.CheckLeave(base, before, after, booking.Policy{Notice: 2 * time.Hour}, now), tt.want...)
			wantFaults(t, booking.CheckLeave(base, before, after, booking.Policy{Lead: 2 * time.Hour}, now))
		})
	}
}
