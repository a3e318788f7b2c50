package booking

import (
	"slices"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
)

// Policy is what a service demands of who books it. The zero Policy demands nothing.
type Policy struct {
	Notice time.Duration // before the start, of a cancellation or a move
	Lead   time.Duration // before the start, of a booking
}

// PolicyOf reads the policy of a HealthcareService: its extensions NoticeURL and LeadTimeURL, each once at most, of 0 to 400 days in min, h or d. Its error is
// Unprocessable, for values that are no such durations.
func PolicyOf(service fhir.Resource) (Policy, error) {
	var p Policy
	var f faults
	read := func(url, what string, into *time.Duration) {
		seen := false
		for i, x := range extensions(service.Root(), url) {
			path := extensionPath("HealthcareService", i)
			d, wrong := readDuration(x.Object("valueDuration"))
			if wrong != "" {
				f.add(path, "The %s is a valueDuration in min, h or d (%s), at least 0 and at most 400 days, but %s.", what, ucum, wrong)
			}
			if seen {
				f.add(path, "The %s is told twice: one such extension is enough.", what)
			}
			seen, *into = true, d
		}
	}
	read(NoticeURL, "notice of a cancellation", &p.Notice)
	read(LeadTimeURL, "lead time of a booking", &p.Lead)
	if err := f.err(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// Strictest demands what any of them does.
func Strictest(all ...Policy) Policy {
	var strictest Policy
	for _, p := range all {
		strictest.Notice = max(strictest.Notice, p.Notice)
		strictest.Lead = max(strictest.Lead, p.Lead)
	}
	return strictest
}

// CheckLeave says why an appointment may not leave its time now: the notice is too short. One leaves by being deleted (after is zero), by a status in which it takes
// no slot, or by being moved: to another start, or away from one of its slots. Slots that are added to those that it has are no move. One that becomes fulfilled or
// noshow did not leave; one of which the provider is the cause may leave at any time, and so may one that is only held by $hold. Its error is Unprocessable.
func CheckLeave(base string, before, after fhir.Resource, p Policy, now fhir.Instant) error {
	was, is := AppointmentOf(base, before), AppointmentOf(base, after)
	if !was.IsLive() || was.isHold() || was.Span == (Span{}) {
		return nil
	}
	path, leaves := leaving(was, is)
	latest := was.Start - fhir.Instant(p.Notice.Microseconds())
	if !leaves || p.Notice == 0 || now <= latest || isProvidersCause(after) {
		return nil
	}
	var f faults
	f.add(path, "The appointment begins at %s, and the notice of a cancellation or a move is %s: until %s it could be cancelled or moved.", told(was.Start), inWords(p.Notice), told(latest))
	return f.err()
}

// leaving says whether an appointment that was live leaves its time, and which element tells.
func leaving(was, is Appointment) (path string, leaves bool) {
	stays := func(slot fhir.Key) bool { return slices.Contains(is.Slots, slot) }
	switch {
	case is.Key == fhir.Key{}:
		return "Appointment", true
	case is.Status == "fulfilled", is.Status == "noshow":
		return "", false
	case !is.IsLive():
		return "Appointment.status", true
	case is.Start != was.Start:
		return "Appointment.start", true
	case !allOf(was.Slots, stays):
		return "Appointment.slot", true
	default:
		return "", false
	}
}

func allOf(keys []fhir.Key, is func(fhir.Key) bool) bool {
	return !slices.ContainsFunc(keys, func(k fhir.Key) bool { return !is(k) })
}

// isProvidersCause says whether an appointment was cancelled for a reason on the provider's side: prov… or maint…
// (https://terminology.hl7.org/CodeSystem-appointment-cancellation-reason.html).
func isProvidersCause(appointment fhir.Resource) bool {
	for _, coding := range appointment.Root().Object("cancelationReason").Objects("coding") {
		code := coding.Text("code")
		if coding.Text("system") == cancellationReasons && (strings.HasPrefix(code, "prov") || strings.HasPrefix(code, "maint")) {
			return true
		}
	}
	return false
}

const cancellationReasons = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
