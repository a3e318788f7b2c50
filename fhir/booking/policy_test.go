package booking_test

import (
	"strings"
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
	notBegun := func(status string) string {
		return "Appointment.status: It has not begun: it can become " + status + " when it has. " + late[2:]
	}
	again := "Appointment.status: To become pending again is to be given back. " + late[2:]
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
		"fulfilled when it begins":      {state{}, state{status: "fulfilled"}, "10:00:00Z", nil},
		"fulfilled before":              {state{}, state{status: "fulfilled"}, "09:59:59Z", []string{notBegun("fulfilled")}},
		"fulfilled before, and arrived": {state{status: "arrived"}, state{status: "fulfilled"}, "09:00:00Z", []string{notBegun("fulfilled")}},
		"fulfilled before, in time":     {state{}, state{status: "fulfilled"}, "08:00:00Z", nil},
		"noshow":                        {state{}, state{status: "noshow"}, "10:30:00Z", nil},
		"noshow before":                 {state{}, state{status: "noshow"}, "09:00:00Z", []string{notBegun("noshow")}},
		"noshow of a pending one":       {state{status: "pending"}, state{status: "noshow"}, "09:00:00Z", []string{notBegun("noshow")}},
		"pending again":                 {state{}, state{status: "pending"}, "09:00:00Z", []string{again}},
		"pending again, in time":        {state{}, state{status: "pending"}, "08:00:00Z", nil},
		"pending again, held":           {state{}, state{status: "pending", rest: held}, "09:00:00Z", []string{again}},
		"arrived, pending again":        {state{status: "arrived"}, state{status: "pending", rest: held}, "09:00:00Z", []string{again}},
		"checked in, pending again":     {state{status: "checked-in"}, state{status: "pending"}, "09:00:00Z", []string{again}},
		"pending, now a hold":           {state{status: "pending"}, state{status: "pending", rest: held}, "09:00:00Z", []string{"Appointment.extension: To be held for a time alone is to be given back when that ends. " + late[2:]}},
		"pending, still":                {state{status: "pending"}, state{status: "pending"}, "09:00:00Z", nil},
		"held, still":                   {state{status: "pending", rest: held}, state{status: "pending", rest: held}, "09:00:00Z", nil},
		"held, no longer":               {state{status: "pending", rest: held}, state{status: "pending"}, "09:00:00Z", nil},
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

func TestPolicyOf(t *testing.T) {
	const (
		notice = `{"url":"` + booking.NoticeURL + `","valueDuration":%s}`
		lead   = `{"url":"` + booking.LeadTimeURL + `","valueDuration":%s}`
		told   = "HealthcareService.extension[1]: The notice of a cancellation is a valueDuration in min, h or d (http://unitsofmeasure.org), at least 0 and at most 400 days, but "
	)
	for _, tt := range []struct {
		duration string // of the notice
		want     time.Duration
		refused  string
	}{
		{`{"value":24,"unit":"hours","system":"http://unitsofmeasure.org","code":"h"}`, 24 * time.Hour, ""},
		{`{"value":90,"unit":"min"}`, 90 * time.Minute, ""},
		{`{"value":1.5,"unit":"d"}`, 36 * time.Hour, ""},
		{`{"value":0.1,"unit":"h"}`, 6 * time.Minute, ""},
		{`{"value":0,"unit":"h"}`, 0, ""},
		{`{"value":4E+2,"unit":"d"}`, 400 * 24 * time.Hour, ""},
		{`{"value":576000,"unit":"min"}`, 400 * 24 * time.Hour, ""},
		{`{"value":400.0001,"unit":"d"}`, 0, "this is the number 400.0001 d, and 0 to 400 are possible."},
		{`{"value":9601,"unit":"h"}`, 0, "this is the number 9601 h, and 0 to 9600 are possible."},
		{`{"value":1e6000,"unit":"h"}`, 0, "this is the number 1e6000 h, and 0 to 9600 are possible."},
		{`{"value":-1,"unit":"h"}`, 0, "this is the number -1 h, and 0 to 9600 are possible."},
		{`{"value":"1","unit":"h"}`, 0, "this has no value."},
		{`{"unit":"h"}`, 0, "this has no value."},
		{`{"value":1,"comparator":"<","unit":"h"}`, 0, "this has a comparator, and would be no certain time."},
		{`{"value":1}`, 0, `the unit of this is "".`},
		{`{"value":1,"unit":"week"}`, 0, `the unit of this is "week".`},
		{`{"value":1,"unit":"h","system":"http://unitsofmeasure.org","code":"wk"}`, 0, `the unit of this is "wk".`},
		{`{"value":1,"system":"http://example.org","code":"h"}`, 0, `the system of this is "http://example.org", not http://unitsofmeasure.org.`},
		{`"PT24H"`, 0, "this has no valueDuration."},
		{`null`, 0, "this has no valueDuration."},
	} {
		service := parsed(t, `{"resourceType":"HealthcareService","id":"s","extension":[`+lead+`,`+notice+`]}`, `{"value":2,"unit":"h"}`, tt.duration)
		got, err := booking.PolicyOf(service)
		if tt.refused != "" {
			wantFaults(t, err, told+tt.refused)
			continue
		}
		if want := (booking.Policy{Notice: tt.want, Lead: 2 * time.Hour}); err != nil || got != want {
			t.Errorf("%s is %v, %v; want %v", tt.duration, got, err, want)
		}
	}
	for _, services := range []string{`{"resourceType":"HealthcareService"}`, `{"resourceType":"HealthcareService","extension":[{"url":"http://example.org/x","valueDuration":{}}]}`} {
		if got, err := booking.PolicyOf(parsed(t, "%s", services)); err != nil || got != (booking.Policy{}) {
			t.Errorf("%s: %v, %v", services, got, err)
		}
	}
	_, err := booking.PolicyOf(parsed(t, `{"resourceType":"HealthcareService","extension":[{"url":"%s"},`+lead+`,`+lead+`]}`, booking.NoticeURL, `{"value":1,"unit":"h"}`, `{"value":1,"unit":"h"}`))
	wantFaults(t, err,
		"HealthcareService.extension[0]: The notice of a cancellation is a valueDuration in min, h or d (http://unitsofmeasure.org), at least 0 and at most 400 days, but this has no valueDuration.",
		"HealthcareService.extension[2]: The lead time of a booking is told twice: one such extension is enough.")
}

func TestStrictest(t *testing.T) {
	got := booking.Strictest(booking.Policy{Notice: 2, Lead: 1}, booking.Policy{Notice: 1, Lead: 3}, booking.Policy{})
	if want := (booking.Policy{Notice: 2, Lead: 3}); got != want || booking.Strictest() != (booking.Policy{}) {
		t.Errorf("the strictest is %v, of none %v", got, booking.Strictest())
	}
}

// TestNoticeInWords: a notice is told in the largest unit that has no fraction.
func TestNoticeInWords(t *testing.T) {
	before := parsed(t, `{"resourceType":"Appointment","id":"a","status":"booked","start":"2026-01-05T10:00:00Z","end":"2026-01-05T10:30:00Z"}`)
	for notice, want := range map[time.Duration]string{
		24 * time.Hour: "1 day", 48 * time.Hour: "2 days", time.Hour: "1 hour", 36 * time.Hour: "36 hours", 90 * time.Minute: "90 minutes", time.Minute: "1 minute", 30 * time.Second: "30s",
	} {
		err := booking.CheckLeave(base, before, fhir.Resource{}, booking.Policy{Notice: notice}, at("2026-01-05T10:00:00Z"))
		if !strings.Contains(fhir.AsError(err).Issues[0].Detail, " is "+want+": until ") {
			t.Errorf("%v is told as %v", notice, err)
		}
	}
}
