package engine_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/engine"
)

// timed are the resources with a start and an end of their own, valid but for these, which go where the verb is.
var timed = map[string]string{
	"Slot":                `{"resourceType":"Slot","schedule":{"reference":"Schedule/1"},"status":"free",%s}`,
	"Appointment":         `{"resourceType":"Appointment","status":"booked","participant":[{"actor":{"reference":"Patient/1"},"status":"accepted"}],%s}`,
	"AppointmentResponse": `{"resourceType":"AppointmentResponse","appointment":{"reference":"Appointment/1"},"actor":{"reference":"Patient/1"},"participantStatus":"accepted",%s}`,
}

// TestEndsAfterStart: no time is booked that ends before, or when, it begins; $validate says so, too.
func TestEndsAfterStart(t *testing.T) {
	e := newEngine(t)
	for typ, frame := range timed {
		e.Types = append(e.Types, typ)
		for _, tt := range []struct{ times, refused string }{
			{`"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z"`, ""},
			{`"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:00:00.001Z"`, ""},
			{`"start":"2026-01-05T09:00:00+01:00","end":"2026-01-05T08:30:00Z"`, ""},
			{`"start":"2026-01-05T09:00:00Z","_end":{"extension":[{"url":"http://example.org/absent","valueCode":"unknown"}]}`, ""},
			{`"start":"2026-01-05T09:30:00Z","end":"2026-01-05T09:00:00Z"`, "The end, 2026-01-05T09:00:00Z, must be later than the start, 2026-01-05T09:30:00Z."},
			{`"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:00:00Z"`, "The end, 2026-01-05T09:00:00Z, must be later than the start, 2026-01-05T09:00:00Z."},
			{`"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00+01:00"`, "The end, 2026-01-05T08:30:00Z, must be later than the start, 2026-01-05T09:00:00Z."},
		} {
			body := fmt.Sprintf(frame, tt.times)
			_, err := e.Create(t.Context(), alice, resource(t, "%s", body))
			var want []fhir.Issue
			if tt.refused != "" {
				want = []fhir.Issue{{Severity: fhir.Severe, Code: fhir.CodeBusinessRule, Detail: tt.refused, Path: typ + ".end"}}
				wantKind(t, err, fhir.Unprocessable, tt.refused)
			} else if err != nil {
				t.Errorf("%s: %v", body, err)
			}
			told, err := e.Validate(t.Context(), alice, engine.ValidateRequest{Type: typ, Resource: resource(t, "%s", body)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, faults(told)); diff != "" {
				t.Errorf("%s validates with other faults (-want +got):\n%s", body, diff)
			}
		}
	}
}

// TestTimesThatAreNone: what is no instant is a fault of validation, and told once.
func TestTimesThatAreNone(t *testing.T) {
	e := newEngine(t)
	e.Types = append(e.Types, "Slot")
	for _, times := range []string{
		`"start":"2026-01-05T09:30:00","end":"2026-01-05T09:00:00Z"`,
		`"start":"2026-01-05T09:30:00Z","end":"tomorrow"`,
		`"start":"2026-01-05T09:30:00Z","end":7`,
	} {
		told, err := e.Validate(t.Context(), alice, engine.ValidateRequest{Type: "Slot", Resource: resource(t, timed["Slot"], times)})
		if err != nil {
			t.Fatal(err)
		}
		if told = faults(told); len(told) != 1 || told[0].Code == fhir.CodeBusinessRule {
			t.Errorf("%s: %v, want one fault, of validation", times, told)
		}
	}
}

// faults are the issues that a write would be refused for.
func faults(issues []fhir.Issue) []fhir.Issue {
	var severe []fhir.Issue
	for _, i := range issues {
		if i.Severity == fhir.Severe {
			severe = append(severe, i)
		}
	}
	return severe
}

// TestWorkingHours: working hours that nobody could make slots of are not stored.
func TestWorkingHours(t *testing.T) {
	e := newEngine(t)
	e.Types = append(e.Types, "Schedule")
	const schedule = `{"resourceType":"Schedule","actor":[{"reference":"Practitioner/1"}],"extension":[{"url":"` + booking.WorkingHoursURL + `","extension":[
		{"url":"slot-length","valueDuration":{"value":%s,"unit":"min","system":"http://unitsofmeasure.org","code":"min"}},
		{"url":"weekly","extension":[{"url":"day","valueCode":"%s"},{"url":"from","valueTime":"09:00:00"},{"url":"to","valueTime":"12:00:00"}]}]}]}`
	if _, err := e.Create(t.Context(), alice, resource(t, schedule, "15", "mon")); err != nil {
		t.Error(err)
	}
	_, err := e.Create(t.Context(), alice, resource(t, schedule, "3", "monday"))
	var told []string
	for _, issue := range fhir.AsError(err).Issues {
		told = append(told, issue.Path)
	}
	want := []string{"Schedule.extension[0].extension[0]", "Schedule.extension[0].extension[1].extension[0]"}
	if diff := cmp.Diff(want, told); !errors.Is(err, fhir.Unprocessable) || diff != "" {
		t.Errorf("%v, with faults elsewhere (-want +got):\n%s", err, diff)
	}
}

// TestExtensionsOfBooking: what a service demands, and until when an appointment holds its slots, can be read of everything that is stored.
func TestExtensionsOfBooking(t *testing.T) {
	e := newEngine(t)
	e.Types = append(e.Types, "HealthcareService", "Appointment")
	const (
		service     = `{"resourceType":"HealthcareService","extension":[{"url":"http://example.org/x","valueString":"x"},{"url":"%s","valueDuration":{"value":%s,"system":"http://unitsofmeasure.org","code":"%s"}}]}`
		appointment = `{"resourceType":"Appointment","status":"proposed","participant":[{"actor":{"reference":"Patient/1"},"status":"needs-action"}],"extension":[{"url":"%s","value%s":"%s"}]}`
	)
	for _, tt := range []struct{ body, refused string }{
		{fmt.Sprintf(service, booking.NoticeURL, "24", "h"), ""},
		{fmt.Sprintf(service, booking.NoticeURL, "2", "wk"), "HealthcareService.extension[1]"},
		{fmt.Sprintf(service, booking.LeadTimeURL, "0.5", "d"), ""},
		{fmt.Sprintf(service, booking.LeadTimeURL, "401", "d"), "HealthcareService.extension[1]"},
		{fmt.Sprintf(appointment, booking.HoldUntilURL, "Instant", "2026-03-01T12:10:00Z"), ""},
		{fmt.Sprintf(appointment, booking.HoldUntilURL, "DateTime", "2026-03-01"), "Appointment.extension[0]"},
	} {
		_, err := e.Create(t.Context(), alice, resource(t, "%s", tt.body))
		if tt.refused == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.body, err)
			}
			continue
		}
		if issues := fhir.AsError(err).Issues; !errors.Is(err, fhir.Unprocessable) || len(issues) != 1 || issues[0].Path != tt.refused || issues[0].Code != fhir.CodeBusinessRule {
			t.Errorf("%s: %v, want one fault of %s", tt.body, err, tt.refused)
		}
	}
}
