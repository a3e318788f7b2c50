package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// until has somebody go on to a call of the store.
func (a *actor) until(t *testing.T, point string) {
	t.Helper()
	for !strings.HasPrefix(a.at, point) {
		if a.ended {
			t.Fatalf("ended before %s: %v", point, a.err)
		}
		a.step()
	}
}

// slot is a slot of a partition.
func (d *desk) slot(t *testing.T, who fhir.Principal, id string) booking.Slot {
	t.Helper()
	return booking.SlotOf(base, d.all(t, who, "Slot")[fhir.Key{Type: "Slot", ID: id}])
}

// A client that writes the name of an attempt onto a slot is not taken for who took it: neither the booking that is under way nor anybody else believes it.
func TestForgedAttempt(t *testing.T) {
	d := newDesk(t)
	for name, times := range map[string]string{"at its time": "02T09:30 02T10:00", "at another": "02T15:00 02T15:30"} {
		t.Run(name, func(t *testing.T) {
			who := d.somebody(t)
			d.write(t, who, "PUT Appointment/zz zz cancelled 02T09:00 02T09:30 s1")
			a := d.begin(t, who, "PUT Appointment/a a booked 02T09:00 02T10:00 s1 s2")
			a.until(t, "Commit Slot/s2")
			attempt := d.slot(t, who, "s1").Attempt
			if attempt == "" {
				t.Fatal("s1 names no attempt")
			}
			from, to, _ := strings.Cut(times, " ")
			d.write(t, who, `PUT Slot/s2 {"resourceType":"Slot","id":"s2","extension":[{"id":"`+attempt+`","url":"`+booking.HolderURL+`","valueReference":{"reference":"Appointment/zz"}}],`+
				`"schedule":{"reference":"Schedule/ann"},"status":"busy","start":"2026-03-`+from+`:00Z","end":"2026-03-`+to+`:00Z"}`)
			if got := d.slot(t, who, "s2"); got.Attempt != "" || got.Holder.ID != "zz" {
				t.Errorf("s2 names %s, by the attempt %q", got.Holder, got.Attempt)
			}
			err := a.finish()
			d.mustHold(t, who)
			d.settle(t)
			d.mustHold(t, who)
			_, live := d.appointments(t, who)[fhir.Key{Type: "Appointment", ID: "a"}]
			if has := d.slot(t, who, "s2").Holder.ID == "a"; live != has || (err == nil) != live {
				t.Errorf("answered %v; the appointment is there: %t, it has s2: %t", err, live, has)
			}
		})
	}
}

// Which attempt took a slot is written by the server alone. What a client sends back as it read it stays.
func TestAttemptIsTheServers(t *testing.T) {
	d := newDesk(t)
	who := d.somebody(t)
	slot := func(id, attempt, holder, more string) string {
		return `PUT Slot/` + id + ` {"resourceType":"Slot","id":"` + id + `","extension":[{"id":"` + attempt + `","url":"` + booking.HolderURL + `","valueReference":{"reference":"Appointment/` + holder + `"}}],` +
			`"schedule":{"reference":"Schedule/ann"},"status":"busy","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z","comment":"` + more + `"}`
	}
	d.write(t, who, bookA)
	took := d.slot(t, who, "s1").Attempt
	for _, c := range []struct{ told, want string }{
		{slot("s1", took, "a", "as it was"), took},
		{slot("s1", "other", "a", "another attempt"), took},
		{slot("new", "mine", "later", "a new slot"), ""},
		{slot("new", "mine", "later", "the same again"), ""},
		{slot("new", took, "a", "another holder"), ""},
	} {
		d.write(t, who, c.told)
		id, _, _ := strings.Cut(strings.TrimPrefix(c.told, "PUT Slot/"), " ")
		if got := d.slot(t, who, id).Attempt; got != c.want {
			t.Errorf("%s: the attempt is %q, want %q", c.told, got, c.want)
		}
	}
}

const ofService = "PUT Appointment/a a booked 02T09:00 02T09:30 s1 HealthcareService/easy"

// taskOf is the Task of the appointment a, as a client writes it.
func taskOf(status string) string {
	return `PUT Task/fulfilment-a {"resourceType":"Task","id":"fulfilment-a","status":"` + status + `","intent":"order","focus":{"reference":"Appointment/a"}}`
}

// Whoever writes the Task of an appointment while somebody changes the appointment, stopped before each call of the store, in the end the two are in step.
func TestTaskWrittenBetweenTwoSteps(t *testing.T) {
	ofThisPackageAlone(t)
	t.Parallel()
	d := newDesk(t)
	for _, change := range []string{patched("a", "cancelled"), patched("a", "arrived"), "PUT Appointment/a a booked 02T09:30 02T10:00 s2 HealthcareService/easy"} {
		for name, turns := range map[string][2]string{"the Task": {taskOf("ready"), change}, "the appointment": {change, taskOf("ready")}} {
			t.Run(name+" is stopped, "+change, func(t *testing.T) {
				d.eachStop(t, []string{ofService}, turns[0], func(s stopped, was, is string) {
					_, otherErr := d.Write(t.Context(), s.who, changeOf(t, turns[1]))
					err := s.finish()
					d.mustBeWhole(t, s.who)
					for _, err := range []error{err, otherErr} {
						if err != nil && !errors.Is(err, fhir.Unprocessable) && !errors.Is(err, fhir.Conflict) {
							t.Errorf("answered %v, and the other %v", err, otherErr)
						}
					}
				})
			})
		}
	}
}

// A client that created an appointment and was not told what became of it is told where to look. What it is told holds.
func TestDoubtNamesTheAppointment(t *testing.T) {
	d := newDesk(t)
	for _, how := range []ending{unheard, unsaid} {
		for _, point := range []string{"Swap booking/step/", "Commit Slot/s1", "Commit Appointment/"} {
			who := d.somebody(t)
			var key string
			ctx := hamper(t.Context(), func(_ context.Context, at string) ending {
				if id, is := strings.CutPrefix(at, "Commit Appointment/"); is {
					key = id
				}
				if strings.HasPrefix(at, point) {
					return how
				}
				return answered
			})
			_, err := d.Write(ctx, who, changeOf(t, "POST Appointment - booked 02T09:00 02T09:30 s1"))
			if !errors.Is(err, fhir.Unavailable) {
				t.Fatalf("%s: %v", point, err)
			}
			d.settle(t)
			told := fhir.AsError(err).Issues[0].Detail
			if !strings.Contains(told, "Appointment/"+key) || !strings.Contains(told, "try again only if it is not there") {
				t.Errorf("%s: told %q", point, told)
			}
			for is := range d.appointments(t, who) {
				if !strings.Contains(told, is.String()) {
					t.Errorf("%s: %s is there, and told was %q", point, is, told)
				}
			}
		}
	}
}
