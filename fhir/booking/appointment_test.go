package booking_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

func key(typ, id string) fhir.Key { return fhir.Key{Type: typ, ID: id} }

// TestAppointmentOf: of the slots and services that an appointment names, those count that are resources of this server.
func TestAppointmentOf(t *testing.T) {
	r := parsed(t, `{"resourceType":"Appointment","id":"a","status":"pending","start":"2026-01-05T10:00:00.000+01:00","end":"2026-01-05T09:30:00Z",
		"extension":[{"url":"http://example.org/x"},{"url":"%s","valueInstant":"2026-01-05T08:10:00Z"}],
		"slot":[{"reference":"Slot/1"},{"reference":"https://elsewhere.example.org/fhir/Slot/2"},{"reference":"%[2]s/Slot/3"},{"reference":"Slot/4/_history/2"},
			{"reference":"%[2]s/Slot/5/_history/1"},{"reference":"#c"},{"identifier":{"value":"6"}},{"reference":"Slot/7/x"},{"reference":"Schedule/8"},{"reference":"Slot/1"},
			{"reference":"%[2]sx/Slot/9"},{"reference":"Slot/"},{"reference":"Slot/10/_history/"},{"reference":"urn:uuid:5f3e8a4c-3cbb-4f39-a1a5-1d2a5d6a6c11"}],
		"participant":[{"actor":{"reference":"Patient/1"},"status":"accepted"},{"actor":{"reference":"HealthcareService/s"},"status":"accepted"},
			{"actor":{"reference":"%[2]s/HealthcareService/s"},"status":"accepted"},{"type":[{"text":"any"}],"status":"needs-action"},{"actor":{"reference":"HealthcareService/r"},"status":"accepted"}]}`,
		booking.HoldUntilURL, base)
	a := booking.AppointmentOf(base, r)
	if diff := cmp.Diff([]fhir.Key{key("Slot", "1"), key("Slot", "3"), key("Slot", "4"), key("Slot", "5"), key("Slot", "1")}, a.Slots); diff != "" {
		t.Errorf("other slots (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]fhir.Key{key("HealthcareService", "s"), key("HealthcareService", "r")}, a.Services); diff != "" {
		t.Errorf("other services (-want +got):\n%s", diff)
	}
	if want := (booking.Span{Start: at("2026-01-05T09:00:00Z"), End: at("2026-01-05T09:30:00Z")}); a.Span != want {
		t.Errorf("the time is %v, want %v", a.Span, want)
	}
	if a.Key != key("Appointment", "a") || a.Status != "pending" || a.HoldUntil != at("2026-01-05T08:10:00Z") {
		t.Errorf("%v, %s, held until %v", a.Key, a.Status, a.HoldUntil)
	}
}

// TestNoAppointment: nothing is read from nothing, and no time from half of one. Without a base URL, no absolute URL is ours.
func TestNoAppointment(t *testing.T) {
	if diff := cmp.Diff(booking.Appointment{}, booking.AppointmentOf(base, fhir.Resource{}), cmp.AllowUnexported(booking.Appointment{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	half := booking.AppointmentOf("", parsed(t, `{"resourceType":"Appointment","start":"2026-01-05T09:00:00Z","slot":[{"reference":"/Slot/1"},{"reference":"https://example.org/fhir/Slot/1"}]}`))
	if half.Span != (booking.Span{}) || len(half.Slots) != 0 {
		t.Errorf("%+v", half)
	}
}

// TestIsLive: https://hl7.org/fhir/R4/valueset-appointmentstatus.html, all of it.
func TestIsLive(t *testing.T) {
	live := map[string]bool{"proposed": false, "pending": true, "booked": true, "arrived": true, "fulfilled": false, "cancelled": false, "noshow": false,
		"entered-in-error": false, "checked-in": true, "waitlist": false}
	for status, want := range live {
		if got := (booking.Appointment{Status: status}).IsLive(); got != want {
			t.Errorf("%s: live is %v", status, got)
		}
	}
}

func TestIsLapsed(t *testing.T) {
	for _, tt := range []struct {
		status string
		until  fhir.Instant
		want   bool
	}{
		{"pending", 100, true}, {"pending", 99, true}, {"pending", 101, false}, {"pending", 0, false}, {"booked", 99, false}, {"cancelled", 99, false},
	} {
		if got := (booking.Appointment{Status: tt.status, HoldUntil: tt.until}).IsLapsed(100); got != tt.want {
			t.Errorf("%s until %d is lapsed at 100: %v", tt.status, tt.until, got)
		}
	}
}

// TestCheckHold: nobody holds for ever. What was held so long before may be written again.
func TestCheckHold(t *testing.T) {
	const now, latest = "2026-01-05T08:00:00Z", "2026-01-06T08:00:00Z"
	tooLong := "Appointment.extension: The appointment would be held until 2026-01-06T08:00:00.000001Z: a hold ends within 1 day, now by 2026-01-06T08:00:00Z. " +
		"One that is pending without " + booking.HoldUntilURL + " is not ended by the server."
	of := func(status, until string) booking.Appointment {
		a := booking.Appointment{Status: status}
		if until != "" {
			a.HoldUntil = at(until)
		}
		return a
	}
	never := of("pending", "2026-01-06T08:00:00.000001Z")
	for name, tt := range map[string]struct {
		before, after booking.Appointment
		want          []string
	}{
		"a day":                    {booking.Appointment{}, of("pending", latest), nil},
		"more than a day":          {booking.Appointment{}, never, []string{tooLong}},
		"over":                     {booking.Appointment{}, of("pending", "2020-01-01T00:00:00Z"), nil},
		"not held":                 {booking.Appointment{}, of("pending", ""), nil},
		"held so long before":      {never, never, nil},
		"prolonged":                {of("pending", latest), never, []string{tooLong}},
		"held now":                 {of("pending", ""), never, []string{tooLong}},
		"pending again":            {of("booked", never.HoldUntil.String()), never, []string{tooLong}},
		"it says nothing there":    {booking.Appointment{}, of("booked", never.HoldUntil.String()), nil},
		"shortened, but too long":  {of("pending", "2030-01-01T00:00:00Z"), never, []string{tooLong}},
		"deleted, however long":    {never, booking.Appointment{}, nil},
		"cancelled, however long":  {never, of("cancelled", never.HoldUntil.String()), nil},
		"what was pending, booked": {never, of("booked", ""), nil},
	} {
		t.Run(name, func(t *testing.T) { wantFaults(t, booking.CheckHold(tt.before, tt.after, at(now)), tt.want...) })
	}
}

// TestCheckMinutes: the minutes of an appointment may be less than its slots take, and not more.
func TestCheckMinutes(t *testing.T) {
	const (
		visit = `{"resourceType":"Appointment","status":"%s","minutesDuration":%s,"slot":[{"reference":"Slot/1"}],"start":"2026-01-05T10:00:00+01:00","end":"2026-01-05T09:30:00Z"}`
		long  = "Appointment.minutesDuration: The appointment would take %s minutes, but from 2026-01-05T09:00:00Z to 2026-01-05T09:30:00Z are 30: it takes no more than its slots, and may take less."
	)
	for minutes, want := range map[string][]string{"1": nil, "30": nil, "31": {strings.Replace(long, "%s", "31", 1)}, "2147483647": {strings.Replace(long, "%s", "2147483647", 1)}} {
		wantFaults(t, booking.CheckMinutes(parsed(t, visit, "booked", minutes)), want...)
		wantFaults(t, booking.CheckMinutes(parsed(t, visit, "proposed", minutes)), want...)
	}
	for _, body := range []string{
		`{"resourceType":"Appointment","minutesDuration":31,"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z"}`,
		`{"resourceType":"Appointment","minutesDuration":31,"slot":[{"reference":"Slot/1"}]}`,
		`{"resourceType":"Appointment","slot":[{"reference":"Slot/1"}],"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z"}`,
	} {
		wantFaults(t, booking.CheckMinutes(parsed(t, "%s", body)))
	}
}

func TestCheckHoldUntil(t *testing.T) {
	const none = "Until when the slots are held is told by a valueInstant, such as 2026-01-31T09:30:00Z, and this has none."
	for _, tt := range []struct {
		extensions string
		want       []string
	}{
		{`{"url":"http://example.org/x"}`, nil},
		{`{"url":"%[1]s","valueInstant":"2026-01-05T08:10:00Z"}`, nil},
		{`{"url":"%[1]s","valueDateTime":"2026-01-05T08:10:00Z"}`, []string{"Appointment.extension[0]: " + none}},
		{`{"url":"http://example.org/x"},{"url":"%[1]s","valueInstant":"2026-01-05"}`, []string{"Appointment.extension[1]: " + none}},
		{`{"url":"%[1]s","valueInstant":"2026-01-05T08:10:00Z"},{"url":"%[1]s","valueInstant":"2026-01-05T08:10:00Z"}`,
			[]string{"Appointment.extension[1]: Until when the slots are held is told twice: one such extension is enough."}},
	} {
		r := parsed(t, `{"resourceType":"Appointment","extension":[`+tt.extensions+`]}%.0[1]s`, booking.HoldUntilURL)
		wantFaults(t, booking.CheckHoldUntil(r), tt.want...)
	}
}
