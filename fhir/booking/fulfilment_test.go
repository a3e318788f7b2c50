package booking_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

func TestFulfilmentKey(t *testing.T) {
	long := strings.Repeat("x", 54)
	for id, want := range map[string]string{
		"1": "fulfilment-1", "A.b-9": "fulfilment-A.b-9", long[:53]: "fulfilment-" + long[:53], long: "fulfilment.45f316e10b2c99abf374b22bda893cf3300d7726",
	} {
		if got := booking.FulfilmentKey(key("Appointment", id)); got != key("Task", want) {
			t.Errorf("%s is fulfilled by %s, want %s", id, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[a-b]{1,2}|[A-Za-z0-9.-]{50,64}`)
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		x, y := booking.FulfilmentKey(key("Appointment", a)), booking.FulfilmentKey(key("Appointment", b))
		if !fhir.ValidID(x.ID) || (x == y) != (a == b) {
			t.Fatalf("%s and %s are fulfilled by %s and %s", a, b, x, y)
		}
	})
}

// visit is an appointment of one service, with more members and participants in its holes.
const visit = `{"resourceType":"Appointment","id":"a","status":"%s","start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z"%s,
	"participant":[{"actor":{"reference":"Patient/p"},"status":"accepted"},{"actor":{"reference":"HealthcareService/s","display":"Blood test at home"},"status":"accepted"}%s]}`

// by is a participant who does what is booked.
func by(reference, status string) string {
	return `,{"actor":{"reference":"` + reference + `"},"status":"` + status + `"}`
}

const (
	early = "2026-01-04T08:00:00.000000Z"
	later = "2026-01-05T09:40:00.000000Z"
)

// order is the Task of a visit, as it is made early: status, what comes behind for, what comes behind lastModified.
func order(t tester, status, execution, owner string) fhir.Resource {
	return parsed(t, `{"resourceType":"Task","id":"fulfilment-a","status":"%s","intent":"order","code":{"text":"Blood test at home"},"focus":{"reference":"Appointment/a"},
		"for":{"reference":"Patient/p"}%s,"authoredOn":"%s","lastModified":"%[3]s"%[4]s,"restriction":{"period":{"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z"}}}`,
		status, execution, early, owner)
}

const ownedBy1 = `,"owner":{"reference":"Practitioner/1"}`

// follow is Fulfilment of Appointment/a, of which all is valid.
func follow(t tester, appointment, task fhir.Resource, now string) (fhir.Resource, bool) {
	t.Helper()
	given := task.Clone()
	after, changed := booking.Fulfilment(base, key("Appointment", "a"), appointment, task, at(now))
	if !task.IsZero() && !fhir.Equal(given.Root(), task.Root()) {
		t.Fatalf("the task that was given is %s, and was %s", text(task), text(given))
	}
	if !after.IsZero() {
		wantValid(t, after)
	}
	return after, changed
}

// TestFulfilmentBegins: every appointment of a service has a Task, whatever its status, in the words of the Heim face's contract.
func TestFulfilmentBegins(t *testing.T) {
	for _, tt := range []struct {
		status, participant  string
		want, execution, own string
	}{
		{"proposed", "", "requested", "", ""},
		{"waitlist", "", "requested", "", ""},
		{"pending", by("Practitioner/1", "needs-action"), "requested", "", ""},
		{"booked", by("Practitioner/1", "declined"), "requested", "", ""},
		{"booked", by("Practitioner/1", "accepted"), "accepted", "", ownedBy1},
		{"booked", by("Practitioner/2", "tentative") + by("PractitionerRole/1", "accepted") + by("Practitioner/3", "accepted"), "accepted", "", `,"owner":{"reference":"PractitionerRole/1"}`},
		{"booked", by("https://elsewhere.example.org/fhir/Practitioner/1", "accepted"), "accepted", "", `,"owner":{"reference":"https://elsewhere.example.org/fhir/Practitioner/1"}`},
		{"booked", by("Location/1", "accepted"), "requested", "", ""},
		{"arrived", "", "in-progress", `,"executionPeriod":{"start":"` + early + `"}`, ""},
		{"checked-in", by("Practitioner/1", "accepted"), "in-progress", `,"executionPeriod":{"start":"` + early + `"}`, ownedBy1},
		{"fulfilled", by("Practitioner/1", "accepted"), "completed", `,"executionPeriod":{"end":"` + early + `"}`, ownedBy1},
		{"cancelled", "", "cancelled", "", ""},
		{"noshow", "", "cancelled", "", ""},
		{"entered-in-error", "", "entered-in-error", "", ""},
	} {
		appointment := parsed(t, visit, tt.status, "", tt.participant)
		wantValid(t, appointment)
		task, changed := follow(t, appointment, fhir.Resource{}, early)
		if diff := cmp.Diff(text(order(t, tt.want, tt.execution, tt.own)), text(task)); diff != "" || !changed {
			t.Errorf("%s%s: changed is %v (-want +got):\n%s", tt.status, tt.participant, changed, diff)
		}
	}
}

// TestFulfilmentMadeAfterwards: what happened before the Task was made did not happen when it was made.
func TestFulfilmentMadeAfterwards(t *testing.T) {
	for status, want := range map[string]string{
		"arrived": `{"start":"2026-01-05T09:00:00.000000Z"}`, "fulfilled": `{"end":"2026-01-05T09:30:00.000000Z"}`, "cancelled": `null`,
	} {
		task, _ := follow(t, parsed(t, visit, status, "", ""), fhir.Resource{}, later)
		period, _ := task.Root().Get("executionPeriod")
		if got := string(fhir.AppendJSON(nil, period)); got != want || task.Root().Text("authoredOn") != later {
			t.Errorf("%s: done in %s, want %s: %s", status, got, want, text(task))
		}
	}
}

// TestFulfilmentOfNoService: who books no service needs no Task.
func TestFulfilmentOfNoService(t *testing.T) {
	for _, actor := range []string{"Location/1", "https://elsewhere.example.org/fhir/HealthcareService/1"} {
		appointment := parsed(t, `{"resourceType":"Appointment","id":"a","status":"proposed","participant":[{"actor":{"reference":"%s"},"status":"accepted"}]}`, actor)
		if task, changed := follow(t, appointment, fhir.Resource{}, early); changed || !task.IsZero() {
			t.Errorf("%s: %s", actor, text(task))
		}
	}
	if task, changed := follow(t, fhir.Resource{}, fhir.Resource{}, early); changed || !task.IsZero() {
		t.Errorf("a deleted appointment: %s", text(task))
	}
}

// TestFulfilmentFollows: from each state of a Task to that which its appointment asks for.
func TestFulfilmentFollows(t *testing.T) {
	const (
		asks, gone, plain = "", "gone", "plain" // no participant; the appointment is deleted; it names no service any more
		begun             = `,"executionPeriod":{"start":"` + early + `"}`
		done              = `,"executionPeriod":{"start":"` + early + `","end":"` + later + `"}`
	)
	p1, organization := by("Practitioner/1", "accepted"), `,"owner":{"reference":"Organization/1"}`
	type task struct{ status, execution, owner string }
	for _, tt := range []struct {
		name        string
		before      task
		status, who string
		after       task
	}{
		{"nothing", task{"requested", "", ""}, "booked", asks, task{"requested", "", ""}},
		{"asked", task{"requested", "", ownedBy1}, "booked", asks, task{"requested", "", ownedBy1}},
		{"received", task{"received", "", ""}, "pending", asks, task{"received", "", ""}},
		{"by an organization", task{"accepted", "", organization}, "booked", asks, task{"accepted", "", organization}},
		{"ready", task{"ready", "", ownedBy1}, "booked", p1, task{"ready", "", ownedBy1}},
		{"assigned", task{"received", "", ""}, "booked", p1, task{"accepted", "", ownedBy1}},
		{"assigned to another", task{"accepted", "", ownedBy1}, "booked", by("Practitioner/2", "accepted"), task{"accepted", "", `,"owner":{"reference":"Practitioner/2"}`}},
		{"one more accepts", task{"accepted", "", ownedBy1}, "booked", by("Practitioner/2", "accepted") + by(base+"/Practitioner/1", "accepted"), task{"accepted", "", ownedBy1}},
		{"assigned within an organization", task{"ready", "", organization}, "booked", p1, task{"ready", "", ownedBy1}},
		{"no longer assigned", task{"accepted", "", ownedBy1}, "booked", by("Practitioner/1", "declined"), task{"requested", "", ""}},
		{"no longer ready", task{"ready", "", ownedBy1}, "proposed", asks, task{"requested", "", ""}},
		{"arrived", task{"accepted", "", ownedBy1}, "arrived", p1, task{"in-progress", `,"executionPeriod":{"start":"` + later + `"}`, ownedBy1}},
		{"on hold", task{"on-hold", begun, ownedBy1}, "checked-in", p1, task{"on-hold", begun, ownedBy1}},
		{"ended while it goes on", task{"in-progress", `,"executionPeriod":{"end":"2026-01-05T09:20:00Z"}`, ""}, "arrived", asks,
			task{"in-progress", `,"executionPeriod":{"start":"` + later + `"}`, ""}},
		{"not yet arrived", task{"in-progress", begun, ownedBy1}, "booked", p1, task{"accepted", "", ownedBy1}},
		{"fulfilled", task{"in-progress", begun, ownedBy1}, "fulfilled", p1, task{"completed", done, ownedBy1}},
		{"still fulfilled", task{"completed", done, ownedBy1}, "fulfilled", p1, task{"completed", done, ownedBy1}},
		{"fulfilled at once", task{"requested", "", ""}, "fulfilled", asks, task{"completed", `,"executionPeriod":{"end":"` + later + `"}`, ""}},
		{"fulfilled before it begins", task{"in-progress", `,"executionPeriod":{"start":"2027-05-01"}`, ""}, "fulfilled", asks,
			task{"completed", `,"executionPeriod":{"start":"2027-05-01","end":"2027-05-01"}`, ""}},
		{"not even begun", task{"completed", `,"executionPeriod":{"id":"e","end":"` + early + `"}`, ""}, "booked", asks, task{"requested", "", ""}},
		{"not yet fulfilled", task{"completed", done, ownedBy1}, "arrived", p1, task{"in-progress", begun, ownedBy1}},
		{"cancelled", task{"accepted", "", ownedBy1}, "cancelled", p1, task{"cancelled", "", ownedBy1}},
		{"rejected", task{"rejected", "", ""}, "cancelled", asks, task{"rejected", "", ""}},
		{"nobody there", task{"in-progress", begun, ""}, "noshow", asks, task{"cancelled", begun, ""}},
		{"lives again", task{"cancelled", begun, ""}, "booked", asks, task{"requested", "", ""}},
		{"lives again, unassigned", task{"cancelled", "", ownedBy1}, "waitlist", asks, task{"requested", "", ""}},
		{"lives again, assigned", task{"rejected", "", ""}, "booked", p1, task{"accepted", "", ownedBy1}},
		{"an error", task{"completed", done, ""}, "entered-in-error", asks, task{"entered-in-error", done, ""}},
		{"deleted", task{"accepted", "", ownedBy1}, "booked", gone, task{"cancelled", "", ownedBy1}},
		{"deleted when done", task{"completed", done, ""}, "booked", gone, task{"completed", done, ""}},
		{"no service any more", task{"requested", "", ""}, "booked", plain, task{"cancelled", "", ""}},
		{"no service any more, an error", task{"requested", "", ""}, "entered-in-error", plain, task{"entered-in-error", "", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var appointment fhir.Resource
			switch tt.who {
			case gone:
			case plain:
				appointment = parsed(t, strings.ReplaceAll(visit, "HealthcareService", "Location"), tt.status, "", "")
			default:
				appointment = parsed(t, visit, tt.status, "", tt.who)
			}
			before, want := order(t, tt.before.status, tt.before.execution, tt.before.owner), order(t, tt.after.status, tt.after.execution, tt.after.owner)
			changes := text(before) != text(want)
			if changes {
				want.Root().Set("lastModified", later)
			}
			after, changed := follow(t, appointment, before, later)
			if diff := cmp.Diff(text(want), text(after)); diff != "" || changed != changes {
				t.Errorf("changed is %v (-want +got):\n%s", changed, diff)
			}
		})
	}
}

// TestFulfilmentLeavesTheRest: what others wrote into the Task stays, byte by byte and in its place, but for the reason of a status that is no more.
func TestFulfilmentLeavesTheRest(t *testing.T) {
	const task = `{"resourceType":"Task","id":"fulfilment-a","meta":{"tag":[{"code":"x"}]},"extension":[{"url":"http://example.org/x","valueDecimal":1.10}],"identifier":[{"value":"9"}],
		"status":"%s"%s,"businessStatus":{"text":"kit sent"},"intent":"order","priority":"urgent","code":{"text":"%s"},"focus":{"reference":"%s/Appointment/a","display":"the visit"},
		"for":{"reference":"Patient/p/_history/3","display":"them"},"executionPeriod":{"extension":[{"url":"http://example.org/x","valueCode":"y"}]%s},"authoredOn":"2026-01-01","lastModified":"%s","note":[{"text":"knock twice"}],
		"restriction":{"repetitions":1,"period":{"start":"%s","end":"%s"},"recipient":[{"display":"any"}]},"output":[{"type":{"text":"result"},"valueString":"1.0"}]}`
	appointment := parsed(t, visit, "arrived", `,"serviceType":[{"coding":[{"code":"bt"}],"text":"Blood test"},{"text":"other"}]`, "")
	before := parsed(t, task, "requested", `,"_status":{"id":"s"},"statusReason":{"text":"as always"}`, "old", base, "", "2026-01-02T00:00:00Z", "2026-01-04T09:00:00Z", "2026-01-04T09:30:00Z")
	want := parsed(t, strings.Replace(task, `{"text":"%s"}`, `{"coding":[{"code":"bt"}],"text":"%s"}`, 1), "in-progress", "", "Blood test", base, `,"start":"`+later+`"`, later,
		"2026-01-05T09:00:00Z", "2026-01-05T09:30:00Z")
	wantValid(t, before)
	after, changed := follow(t, appointment, before, later)
	if diff := cmp.Diff(text(want), text(after)); diff != "" || !changed {
		t.Errorf("changed is %v (-want +got):\n%s", changed, diff)
	}
	other := parsed(t, task, "requested", "", "old", "https://elsewhere.example.org", "", early, early, later)
	if after, changed := follow(t, appointment, other, later); changed || text(after) != text(other) {
		t.Errorf("the Task of another focus became %s", text(after))
	}
}

// TestFulfilmentParts: what the Task takes from the appointment, and what goes when the appointment no longer says it.
func TestFulfilmentParts(t *testing.T) {
	const frame = `{"resourceType":"Appointment","id":"a","status":"proposed"%s,"participant":[{"actor":{"reference":"HealthcareService/s"},"status":"accepted"}%s]}`
	for name, tt := range map[string]struct{ members, who, element, want string }{
		"no time":                  {"", "", "restriction", ``},
		"the time that is asked":   {`,"requestedPeriod":[{"id":"r","start":"2026-01-05","end":"2026-01-06"},{"start":"2026-02-01"}]`, "", "restriction", `{"period":{"start":"2026-01-05","end":"2026-01-06"}}`},
		"from then on":             {`,"requestedPeriod":[{"start":"2026-01-05"}]`, "", "restriction", `{"period":{"start":"2026-01-05"}}`},
		"no name of the service":   {"", "", "code", `{"text":"old"}`},
		"no patient":               {"", "", "for", ``},
		"the first patient":        {"", by("Location/1", "accepted") + by("Patient/2", "needs-action") + by("Patient/3", "accepted"), "for", `{"reference":"Patient/2"}`},
		"a patient by identifier":  {"", `,{"actor":{"type":"Patient","identifier":{"value":"9990000018"}},"status":"accepted"}`, "for", `{"type":"Patient","identifier":{"value":"9990000018"}}`},
		"a patient within":         {`,"contained":[{"resourceType":"Patient","id":"c"}]`, by("#c", "accepted"), "for", ``},
		"a practitioner elsewhere": {"", `,{"actor":{"id":"x","type":"Practitioner","display":"Dr Ada Example"},"status":"accepted"}`, "owner", `{"type":"Practitioner","display":"Dr Ada Example"}`},
	} {
		appointment := parsed(t, frame, tt.members, tt.who)
		wantValid(t, appointment)
		before := order(t, "requested", "", "")
		before.Root().Object("code").Set("text", "old")
		task, _ := follow(t, appointment, before, later)
		got, has := task.Root().Get(tt.element)
		if gotText := string(fhir.AppendJSON(nil, got)); has && gotText != tt.want || !has && tt.want != "" {
			t.Errorf("%s: %s is %s, want %s", name, tt.element, gotText, tt.want)
		}
		again, changed := follow(t, appointment, task, "2026-02-01T00:00:00Z")
		if changed || text(again) != text(task) {
			t.Errorf("%s: not in step with itself (-first +again):\n%s", name, cmp.Diff(text(task), text(again)))
		}
	}
}

// TestFulfilmentOfTheFuture: lastModified is never before authoredOn (inv-1), whatever a client wrote there.
func TestFulfilmentOfTheFuture(t *testing.T) {
	before := order(t, "requested", "", "")
	before.Root().Set("authoredOn", "2030")
	after, _ := follow(t, parsed(t, visit, "cancelled", "", ""), before, later)
	if got := after.Root().Text("lastModified"); got != "2030" {
		t.Errorf("last modified %s", got)
	}
}

func TestCheckFulfilment(t *testing.T) {
	p1 := by("Practitioner/1", "accepted")
	const unclaimed = "Task.status: The Task may not be %s, for its owner has not accepted in Appointment/a: the participant's status there says who accepted."
	for _, tt := range []struct {
		appointment, who string
		allowed          []string
		refusal          string // of the others, behind "The Task may not be "x" while Appointment/a is"
	}{
		{"proposed", "", []string{"requested", "received", "accepted", "ready"}, "proposed, only requested, received, accepted or ready."},
		{"booked", "", []string{"requested", "received", "accepted", "ready"}, "booked, only requested, received, accepted or ready."},
		{"booked", p1, []string{"accepted", "ready"}, "booked, and a practitioner has accepted, only accepted or ready."},
		{"arrived", p1, []string{"in-progress", "on-hold"}, "arrived, only in-progress or on-hold."},
		{"checked-in", "", []string{"in-progress", "on-hold"}, "checked-in, only in-progress or on-hold."},
		{"fulfilled", "", []string{"completed"}, "fulfilled, only completed."},
		{"cancelled", "", []string{"cancelled", "rejected"}, "cancelled, only cancelled or rejected."},
		{"noshow", p1, []string{"cancelled", "rejected"}, "noshow, only cancelled or rejected."},
		{"entered-in-error", "", []string{"entered-in-error"}, "entered-in-error, only entered-in-error."},
	} {
		for _, status := range taskStatuses {
			var want []string
			if !slices.Contains(tt.allowed, status) {
				want = []string{`Task.status: The Task may not be "` + status + `" while Appointment/a is ` + tt.refusal}
			}
			wantFaults(t, booking.CheckFulfilment(base, parsed(t, visit, tt.appointment, "", tt.who), order(t, status, "", "")), want...)
		}
	}
	for _, status := range []string{"accepted", "ready"} {
		unassigned := parsed(t, visit, "booked", "", by("Practitioner/1", "tentative"))
		wantFaults(t, booking.CheckFulfilment(base, unassigned, order(t, status, "", ownedBy1)), strings.Replace(unclaimed, "%s", status, 1))
		wantFaults(t, booking.CheckFulfilment(base, unassigned, order(t, status, "", `,"owner":{"reference":"Organization/1"}`)))
	}
	other := order(t, "completed", "", "")
	other.Root().Set("intent", "plan")
	other.Root().Object("focus").Set("reference", "Appointment/b")
	wantFaults(t, booking.CheckFulfilment(base, parsed(t, visit, "booked", "", ""), other),
		"Task.focus: The Task fulfils Appointment/a: that is its focus, and stays it.",
		`Task.intent: The intent of a Task that fulfils an appointment is order, not "plan".`,
		`Task.status: The Task may not be "completed" while Appointment/a is booked, only requested, received, accepted or ready.`)
	wantFaults(t, booking.CheckFulfilment(base, fhir.Resource{}, other))
	wantFaults(t, booking.CheckFulfilment(base, parsed(t, `{"resourceType":"Appointment","id":"a","status":"booked"}`), other))
}

// taskStatuses are those of https://hl7.org/fhir/R4/valueset-task-status.html.
var taskStatuses = []string{"draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress", "on-hold", "failed", "completed", "entered-in-error"}

// TestFulfilmentIsInStep: a Task is in step after one step; then a client may write it as it is; and what a client may write keeps its status.
func TestFulfilmentIsInStep(t *testing.T) {
	statuses := []string{"proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error", "checked-in", "waitlist"}
	people := []string{"", by("Practitioner/1", "accepted"), by("Practitioner/1", "declined"), by("PractitionerRole/2", "accepted") + by("Practitioner/1", "accepted")}
	owners := []string{"", ownedBy1, `,"owner":{"reference":"PractitionerRole/2"}`, `,"owner":{"reference":"Organization/1"}`, `,"owner":{"reference":"` + base + `/Practitioner/1"}`}
	executions := []string{"", `,"executionPeriod":{"start":"2026-01-05"}`, `,"executionPeriod":{"end":"2026-01-05T09:20:00Z"}`, `,"executionPeriod":{"start":"2028"}`}
	rapid.Check(t, func(t *rapid.T) {
		appointment := parsed(t, visit, rapid.SampledFrom(statuses).Draw(t, "appointment"), "", rapid.SampledFrom(people).Draw(t, "people"))
		task := order(t, rapid.SampledFrom(taskStatuses).Draw(t, "task"), rapid.SampledFrom(executions).Draw(t, "execution"), rapid.SampledFrom(owners).Draw(t, "owner"))
		allowed := booking.CheckFulfilment(base, appointment, task) == nil
		after, changed := follow(t, appointment, task, later)
		if err := booking.CheckFulfilment(base, appointment, after); err != nil {
			t.Fatalf("%s may not be: %v", text(after), err)
		}
		if keeps := after.Root().Text("status") == task.Root().Text("status"); keeps != allowed {
			t.Fatalf("it was %s, which is allowed: %v; and became %s", text(task), allowed, text(after))
		}
		if changed == (text(after) == text(task)) {
			t.Fatalf("changed is %v:\n%s\n%s", changed, text(task), text(after))
		}
		if again, changed := follow(t, appointment, after, "2026-03-01T00:00:00Z"); changed || text(again) != text(after) {
			t.Fatalf("not in step with itself:\n%s\n%s", text(after), text(again))
		}
	})
}
