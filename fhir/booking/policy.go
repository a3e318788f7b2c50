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
// no slot, by being moved: to another start, or away from one of its slots, and by going back to pending or becoming a hold, for that might end at any time. Slots that
// are added to those that it has are no move. One that becomes fulfilled or noshow after it has begun did not leave; one of which the provider is the cause may leave
// at any time, and so may one that was only held before. Its error is Unprocessable.
func CheckLeave(base string, before, after fhir.Resource, p Policy, now fhir.Instant) error {
	was, is := AppointmentOf(base, before), AppointmentOf(base, after)
	if !was.IsLive() || was.isHold() || was.Span == (Span{}) {
		return nil
	}
	path, why := leaving(was, is, now)
	latest := was.Start - fhir.Instant(p.Notice.Microseconds())
	if path == "" || p.Notice == 0 || now <= latest || isProvidersCause(after) {
		return nil
	}
	var f faults
	f.add(path, "%sThe appointment begins at %s, and the notice of a cancellation or a move is %s: until %s it could be cancelled or moved.", why, told(was.Start), inWords(p.Notice), told(latest))
	return f.err()
}

// leaving tells by which element an appointment that was live, and more than a hold, leaves its time; "" where it does not. Why that is to leave is a sentence
// with a space behind it, where it does not speak for itself.
func leaving(was, is Appointment, now fhir.Instant) (path, why string) {
	stays := func(slot fhir.Key) bool { return slices.Contains(is.Slots, slot) }
	switch {
	case is.Key == fhir.Key{}:
		return "Appointment", ""
	case (is.Status == "fulfilled" || is.Status == "noshow") && now >= was.Start:
		return "", ""
	case is.Status == "fulfilled", is.Status == "noshow":
		return "Appointment.status", "It has not begun: it can become " + is.Status + " when it has. "
	case !is.IsLive():
		return "Appointment.status", ""
	case is.Status == "pending" && was.Status != "pending":
		return "Appointment.status", "To become pending again is to be given back. "
	case is.isHold():
		return "Appointment.extension", "To be held for a time alone is to be given back when that ends. "
	case is.Start != was.Start:
		return "Appointment.start", ""
	case !allOf(was.Slots, stays):
		return "Appointment.slot", ""
	default:
		return "", ""
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
