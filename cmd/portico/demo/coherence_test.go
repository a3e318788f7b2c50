package demo_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/r4"
)

// fault is where a check reports: a *testing.T or a *rapid.T.
type fault interface {
	Helper()
	Errorf(format string, args ...any)
}

// data is what was generated, by key and by type in the order in which it came.
type data struct {
	byKey  map[string]*fhir.Object
	byType map[string][]*fhir.Object
}

// collect generates, and checks on the way that every reference is to a resource that came before.
func collect(t fault, opts demo.Options) data {
	t.Helper()
	d := data{map[string]*fhir.Object{}, map[string][]*fhir.Object{}}
	for r := range demo.Generate(opts) {
		key := r.Key().String()
		if !fhir.ValidID(r.ID()) || d.byKey[key] != nil {
			t.Errorf("%s has an id that is invalid or comes twice", key)
		}
		for to := range references(r.Root()) {
			if to == "#"+contained(r.Root()) {
				continue
			}
			if d.byKey[to] == nil && to != holder(r.Root()) {
				t.Errorf("%s refers to %s, which has not come before", key, to)
			}
		}
		d.byKey[key] = r.Root()
		d.byType[r.Type()] = append(d.byType[r.Type()], r.Root())
	}
	return d
}

// holder is the appointment that a slot names.
func holder(slot *fhir.Object) string {
	for _, e := range slot.Objects("extension") {
		if e.Text("url") == booking.HolderURL {
			return e.Object("valueReference").Text("reference")
		}
	}
	return ""
}

func contained(o *fhir.Object) string {
	for _, c := range o.Objects("contained") {
		return c.Text("id")
	}
	return ""
}

// references yields the text of every reference below a value.
func references(v any) func(yield func(string) bool) {
	return func(yield func(string) bool) { walk(v, "reference", yield) }
}

func walk(v any, name string, yield func(string) bool) bool {
	switch v := v.(type) {
	case *fhir.Object:
		for member, value := range v.All() {
			if s, ok := value.(string); ok && member == name && !yield(s) {
				return false
			}
			if !walk(value, name, yield) {
				return false
			}
		}
	case fhir.Array:
		for _, item := range v {
			if !walk(item, name, yield) {
				return false
			}
		}
	}
	return true
}

func TestDataHangsTogether(t *testing.T) {
	tests := map[string]demo.Options{
		"defaults":           {},
		"summer time begins": {Patients: 300, At: time.Date(2026, time.March, 28, 0, 0, 0, 0, time.UTC)},
		"summer time ends":   {Patients: 300, At: time.Date(2026, time.October, 25, 0, 0, 0, 0, time.UTC)},
		"leap day":           {Patients: 60, At: time.Date(2028, time.February, 29, 0, 0, 0, 0, time.UTC)},
		"several trusts":     {Patients: 5500},
	}
	for name, opts := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := collect(t, opts)
			checkAll(t, d)
			checkStatuses(t, d)
		})
	}
}

func TestAnyDataHangsTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkAll(t, collect(t, demo.Options{
			Patients: rapid.IntRange(1, 130).Draw(t, "patients"),
			Seed:     rapid.Int64().Draw(t, "seed"),
			At:       time.Date(2026, time.January, rapid.IntRange(1, 700).Draw(t, "day"), 0, 0, 0, 0, time.UTC),
		}))
	})
}

func checkAll(t fault, d data) {
	t.Helper()
	checkPatients(t, d)
	checkContacts(t, d)
	checkSlots(t, d)
	checkAppointments(t, d)
	checkHolds(t, d)
	checkPatientsTime(t, d)
	checkTasks(t, d)
	checkBooking(t, d)
}

// checkBooking holds the data against the rules of the server: loaded, and loaded again, it is not refused, and nothing in it is changed.
func checkBooking(t fault, d data) {
	t.Helper()
	const base = "http://example.org/fhir"
	find := func(key fhir.Key) fhir.Resource {
		o := d.byKey[key.String()]
		if o == nil {
			t.Errorf("there is no %s", key)
			return fhir.Resource{}
		}
		return fhir.NewResource(o)
	}
	for _, o := range d.byType["HealthcareService"] {
		if _, err := booking.PolicyOf(fhir.NewResource(o)); err != nil {
			t.Errorf("HealthcareService/%s: %v", o.Text("id"), err)
		}
	}
	wanted := map[fhir.Key][]booking.Span{}
	for _, o := range d.byType["Schedule"] {
		r := fhir.NewResource(o)
		hours, found, err := booking.HoursOf(r)
		if err != nil || !found {
			t.Errorf("%s has no working hours: %v", r.Key(), err)
		}
		horizon := o.Object("planningHorizon")
		wanted[r.Key()] = hours.Times(fhir.InstantOf(instant(t, horizon, "start")), fhir.InstantOf(instant(t, horizon, "end")))
	}
	for _, o := range d.byType["Slot"] {
		s := booking.SlotOf(base, fhir.NewResource(o))
		if !slices.Contains(wanted[s.Schedule], s.Span) {
			t.Errorf("%s is none of the slots that the working hours of %s make", s.Key, s.Schedule)
		}
	}
	for _, o := range d.byType["Appointment"] {
		r := fhir.NewResource(o)
		a := booking.AppointmentOf(base, r)
		var slots []booking.Slot
		for _, key := range a.Slots {
			slot := booking.SlotOf(base, find(key))
			if holds := slot.Holder == r.Key(); holds != a.IsLive() {
				t.Errorf("%s names %s: %t", key, r.Key(), holds)
			}
			slots = append(slots, slot)
		}
		if err := booking.CheckFit(a, slots); err != nil {
			t.Errorf("%s: %v", r.Key(), err)
		}
		task := find(booking.FulfilmentKey(r.Key()))
		if err := booking.CheckFulfilment(base, r, task); err != nil {
			t.Errorf("%s: %v", task.Key(), err)
		}
		if is, changed := booking.Fulfilment(base, r.Key(), r, task, 0); changed {
			t.Errorf("%s is\n%s, but would be\n%s", task.Key(), fhir.AppendJSON(nil, task.Root()), fhir.AppendJSON(nil, is.Root()))
		}
	}
}

var contacts = map[string]*regexp.Regexp{
	"phone": regexp.MustCompile(`^\+44(7700900|1632960|2079460)\d{3}$`), // Ofcom's numbers for drama
	"email": regexp.MustCompile(`^[a-z]+\.[a-z]+\d+@example\.org$`),
}

func checkContacts(t fault, d data) {
	t.Helper()
	for key, o := range d.byKey {
		for _, c := range o.Objects("telecom") {
			if form := contacts[c.Text("system")]; form == nil || !form.MatchString(c.Text("value")) {
				t.Errorf("%s: %s is not a contact for a demonstration", key, c.Text("value"))
			}
		}
	}
}

var postcode = regexp.MustCompile(`^[A-Z]{1,2}[1-9]\d? \d[ABD-HJLNP-UW-Z]{2}$`)

func checkPatients(t fault, d data) {
	t.Helper()
	seen := map[string]bool{}
	for _, p := range d.byType["Patient"] {
		number := ""
		for _, i := range p.Objects("identifier") {
			if i.Text("system") == "https://fhir.nhs.uk/Id/nhs-number" {
				number = i.Text("value")
			}
		}
		if !validNHSNumber(number) || seen[number] {
			t.Errorf("%s: the NHS number %q is invalid, out of the range 999, or comes twice", p.Text("id"), number)
		}
		seen[number] = true
		for _, a := range p.Objects("address") {
			if !postcode.MatchString(a.Text("postalCode")) {
				t.Errorf("%s: postcode %q", p.Text("id"), a.Text("postalCode"))
			}
		}
		if _, err := time.Parse(time.DateOnly, p.Text("birthDate")); err != nil {
			t.Errorf("%s: %v", p.Text("id"), err)
		}
	}
}

// validNHSNumber knows the rule in its other form: with the check digit, the weighted sum is a multiple of eleven.
func validNHSNumber(s string) bool {
	sum := 0
	for i, c := range s {
		if c < '0' || c > '9' {
			return false
		}
		sum += int(c-'0') * (10 - i)
	}
	return len(s) == 10 && strings.HasPrefix(s, "999") && sum%11 == 0
}

func instant(t fault, o *fhir.Object, name string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05Z", o.Text(name))
	if err != nil {
		t.Errorf("%s/%s: %s is no instant in UTC: %v", o.Text("resourceType"), o.Text("id"), name, err)
	}
	return at
}

func checkSlots(t fault, d data) {
	t.Helper()
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	ends := map[string]time.Time{} // of the last slot, by schedule; slots come soonest first
	for _, s := range d.byType["Slot"] {
		id, schedule := s.Text("id"), s.Object("schedule").Text("reference")
		start, end := instant(t, s, "start"), instant(t, s, "end")
		if !start.Before(end) || start.Before(ends[schedule]) {
			t.Errorf("Slot/%s from %v to %v overlaps with the one before, or is not in order", id, start, end)
		}
		ends[schedule] = end
		from, to := start.In(london), end.In(london)
		if day := from.Weekday(); day == time.Saturday || day == time.Sunday || from.Hour() < 9 || to.After(time.Date(from.Year(), from.Month(), from.Day(), 17, 0, 0, 0, london)) {
			t.Errorf("Slot/%s from %v to %v is outside of working hours", id, from, to)
		}
		horizon := d.byKey[schedule].Object("planningHorizon")
		if start.Before(instant(t, horizon, "start")) || end.After(instant(t, horizon, "end")) {
			t.Errorf("Slot/%s from %v to %v is outside of the schedule's horizon", id, start, end)
		}
	}
}

func checkStatuses(t fault, d data) {
	t.Helper()
	want, complete := r4.Codes("http://hl7.org/fhir/ValueSet/appointmentstatus")
	if !complete || len(want) == 0 {
		t.Errorf("the codes of appointmentstatus are not known")
	}
	got := map[string]bool{}
	for _, a := range d.byType["Appointment"] {
		got[a.Text("status")] = true
	}
	for _, status := range want {
		if !got[status] {
			t.Errorf("no appointment is %s", status)
		}
	}
}

// checkAppointments checks the invariants app-1 to app-4 of https://hl7.org/fhir/R4/appointment.html, and what goes beyond.
func checkAppointments(t fault, d data) {
	t.Helper()
	for _, a := range d.byType["Appointment"] {
		id, status := a.Text("id"), a.Text("status")
		hasStart, hasEnd := a.Text("start") != "", a.Text("end") != ""
		if hasStart != hasEnd {
			t.Errorf("Appointment/%s breaks app-2", id)
		}
		if !hasStart && !slices.Contains([]string{"proposed", "cancelled", "waitlist"}, status) {
			t.Errorf("Appointment/%s breaks app-3", id)
		}
		if a.Object("cancelationReason") != nil && status != "cancelled" && status != "noshow" {
			t.Errorf("Appointment/%s breaks app-4", id)
		}
		actors := map[string]int{}
		for _, p := range a.Objects("participant") {
			to := p.Object("actor").Text("reference")
			if to == "" {
				t.Errorf("Appointment/%s breaks app-1", id)
			}
			typ, _, _ := strings.Cut(to, "/")
			actors[typ]++
		}
		if actors["Patient"] != 1 || actors["HealthcareService"] != 1 || (actors["Practitioner"] == 1) != hasStart || (hasStart && actors["Location"]+actors["#home"] != 1) {
			t.Errorf("Appointment/%s, %s, has the participants %v", id, status, actors)
		}
		if !hasStart {
			continue
		}
		start, end := instant(t, a, "start"), instant(t, a, "end")
		if minutes, _ := a.Get("minutesDuration"); minutes != fhir.Number(fmt.Sprint(end.Sub(start).Minutes())) {
			t.Errorf("Appointment/%s lasts %v minutes, not %v", id, minutes, end.Sub(start))
		}
		if !instant(t, a, "created").Before(start) {
			t.Errorf("Appointment/%s was created after it began", id)
		}
	}
}

// slotStatus is that of the slot that an appointment names, by the status of the appointment. Where it is not free, the appointment is live and
// holds the slot. Appointments that are not listed name none.
var slotStatus = map[string]string{
	"pending": "busy-tentative", "booked": "busy", "arrived": "busy", "checked-in": "busy", "fulfilled": "free", "noshow": "free",
}

// checkHolds checks that a slot is held by one live appointment, which it names, at its time and with its practitioner, or is free; and that every live
// appointment holds one.
func checkHolds(t fault, d data) {
	t.Helper()
	named := map[string]string{}
	held := map[string]string{}
	for _, a := range d.byType["Appointment"] {
		key, want := "Appointment/"+a.Text("id"), slotStatus[a.Text("status")]
		var slots []string
		for _, s := range a.Objects("slot") {
			slots = append(slots, s.Text("reference"))
		}
		if (len(slots) == 1) != (want != "") {
			t.Errorf("%s is %s and names %d slots", key, a.Text("status"), len(slots))
			continue
		}
		for _, s := range slots {
			if named[s] != "" {
				t.Errorf("%s is named by %s and %s", s, named[s], key)
			}
			named[s] = key
			if want != "free" {
				held[s] = key
			}
			slot := d.byKey[s]
			if slot.Text("status") != want || slot.Text("start") != a.Text("start") || slot.Text("end") != a.Text("end") {
				t.Errorf("%s does not fit %s", s, key)
			}
			schedule := d.byKey[slot.Object("schedule").Text("reference")]
			if actors(schedule, "actor")["Practitioner/"] != actors(a, "participant")["Practitioner/"] {
				t.Errorf("%s is not of the practitioner of %s", s, key)
			}
			if !offers(schedule, actors(a, "participant")["HealthcareService/"]) {
				t.Errorf("%s is not of a schedule that offers what %s is for", s, key)
			}
		}
	}
	for _, s := range d.byType["Slot"] {
		key := "Slot/" + s.Text("id")
		if holder(s) != held[key] || (s.Text("status") == "free") != (held[key] == "") {
			t.Errorf("%s is %s and names %q, and is held by %q", key, s.Text("status"), holder(s), held[key])
		}
	}
}

// offers says whether a service is among the actors of a schedule, by which it is found.
func offers(schedule *fhir.Object, service string) bool {
	for _, a := range schedule.Objects("actor") {
		if a.Text("reference") == service {
			return true
		}
	}
	return false
}

// actors are the references in a list, by the type and its slash.
func actors(o *fhir.Object, list string) map[string]string {
	all := map[string]string{}
	for _, item := range o.Objects(list) {
		to := item.Text("reference")
		if to == "" {
			to = item.Object("actor").Text("reference")
		}
		typ, _, _ := strings.Cut(to, "/")
		all[typ+"/"] = to
	}
	return all
}

// checkPatientsTime checks that no patient is in two places at once, that the dead have no appointments, and that children do not come
// alone.
func checkPatientsTime(t fault, d data) {
	t.Helper()
	type visit struct{ start, end time.Time }
	visits := map[string][]visit{}
	for _, a := range d.byType["Appointment"] {
		who := actors(a, "participant")["Patient/"]
		patient := d.byKey[who]
		if _, dead := patient.Get("deceasedBoolean"); dead || patient.Text("deceasedDateTime") != "" {
			t.Errorf("Appointment/%s is of %s, who has died", a.Text("id"), who)
		}
		born, _ := time.Parse(time.DateOnly, patient.Text("birthDate"))
		if instant(t, a, "created").Before(born.AddDate(15, 0, 0)) && actors(a, "participant")["RelatedPerson/"] == "" {
			t.Errorf("Appointment/%s is of a child, who comes alone", a.Text("id"))
		}
		if slotStatus[a.Text("status")] == "" {
			continue
		}
		v := visit{instant(t, a, "start"), instant(t, a, "end")}
		for _, other := range visits[who] {
			if other.start.Before(v.end) && v.start.Before(other.end) {
				t.Errorf("Appointment/%s overlaps with another of %s", a.Text("id"), who)
			}
		}
		visits[who] = append(visits[who], v)
	}
}

var taskStatuses = map[string][]string{
	"proposed": {"requested"}, "pending": {"requested"}, "waitlist": {"requested"}, "booked": {"accepted", "requested"},
	"arrived": {"in-progress"}, "checked-in": {"in-progress"}, "fulfilled": {"completed"},
	"cancelled": {"cancelled"}, "noshow": {"cancelled"}, "entered-in-error": {"entered-in-error"},
}

func checkTasks(t fault, d data) {
	t.Helper()
	focused := map[string]bool{}
	for _, task := range d.byType["Task"] {
		id, focus := task.Text("id"), task.Object("focus").Text("reference")
		appointment := d.byKey[focus]
		if appointment == nil || focused[focus] {
			t.Errorf("Task/%s has no appointment of its own", id)
			continue
		}
		focused[focus] = true
		if !slices.Contains(taskStatuses[appointment.Text("status")], task.Text("status")) {
			t.Errorf("Task/%s is %s, its appointment %s", id, task.Text("status"), appointment.Text("status"))
		}
		if task.Text("intent") != "order" || task.Object("for").Text("reference") != actors(appointment, "participant")["Patient/"] {
			t.Errorf("Task/%s is not an order for the patient of the appointment", id)
		}
		accepted := ""
		for _, p := range appointment.Objects("participant") {
			if to := p.Object("actor").Text("reference"); strings.HasPrefix(to, "Practitioner/") && p.Text("status") == "accepted" {
				accepted = to
			}
		}
		if owner := task.Object("owner").Text("reference"); owner != accepted {
			t.Errorf("Task/%s is owned by %q, but %q has accepted the appointment", id, owner, accepted)
		}
		if instant(t, task, "lastModified").Before(instant(t, task, "authoredOn")) {
			t.Errorf("Task/%s breaks inv-1", id)
		}
	}
	if len(focused) != len(d.byType["Appointment"]) {
		t.Errorf("%d of %d appointments have a task", len(focused), len(d.byType["Appointment"]))
	}
}
