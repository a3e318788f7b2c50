package engine_test

import (
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

var stepTypes = []string{"Appointment", "Slot", "Schedule", "Task", "Patient", "HealthcareService", "Practitioner"}

// newStepping is newEngineOf on a store without transactions.
func newStepping(t testing.TB) *engine.Engine {
	t.Helper()
	e := newEngineOf(t, stepTypes...)
	e.Store = hampered{e.Store}
	return e
}

func stepSlot(id, status string) string {
	return `{"resourceType":"Slot","id":"` + id + `","schedule":{"reference":"Schedule/a"},"status":"` + status + `","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:15:00Z"}`
}

func stepAppointment(id, status string, slots ...string) string {
	text := `{"resourceType":"Appointment","id":"` + id + `","status":"` + status + `","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:15:00Z","participant":[{"status":"accepted","actor":{"reference":"Patient/p"}}],"slot":[`
	for i, slot := range slots {
		if i > 0 {
			text += ","
		}
		text += `{"reference":"Slot/` + slot + `"}`
	}
	return text + "]}"
}

// raw writes a resource past all rules.
func raw(t testing.TB, e *engine.Engine, r fhir.Resource) fhir.Version {
	t.Helper()
	results, err := e.Store.Commit(t.Context(), alice.Partition, []storage.Op{{Key: r.Key(), Resource: r, Entries: e.Rules.Extract(r)}})
	if err != nil {
		t.Fatal(err)
	}
	return results[0].Version
}

func slotNow(t testing.TB, e *engine.Engine, id string) booking.Slot {
	t.Helper()
	v, err := e.Store.Read(t.Context(), alice.Partition, fhir.Key{Type: "Slot", ID: id})
	if err != nil {
		t.Fatal(err)
	}
	r, err := fhir.ParseResource(v.Body)
	if err != nil {
		t.Fatal(err)
	}
	return booking.SlotOf(e.Rules.BaseURL(), r)
}

func TestUndertake(t *testing.T) {
	e := newStepping(t)
	v := raw(t, e, resource(t, "%s", stepSlot("s1", "free")))
	a := resource(t, "%s", stepAppointment("a1", "booked", "s1"))
	taken := booking.Take(resource(t, "%s", stepSlot("s1", "free")), "busy", a.Key(), "")
	main := storage.Op{Key: a.Key(), Resource: a, Entries: e.Rules.Extract(a), Condition: storage.Condition{Absent: true}}
	claim := storage.Op{Key: v.Key, Resource: taken, Entries: e.Rules.Extract(taken), Condition: storage.Condition{Version: v.Number}}
	r, err := engine.Undertake(t.Context(), e, alice, main, []storage.Op{claim}, nil)
	if err != nil || r.Version.Number != 1 || r.Existed || !r.Changed {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := slotNow(t, e, "s1"); s.Holder != a.Key() || s.Status != "busy" || s.Attempt == "" {
		t.Errorf("the slot is %+v", s)
	}
	main.Key.ID = "a2"
	main.Resource = resource(t, "%s", stepAppointment("a2", "booked", "s1"))
	_, err = engine.Undertake(t.Context(), e, alice, main, []storage.Op{claim}, nil)
	wantKind(t, err, fhir.PreconditionFailed, "")
	if left, err := e.Store.Records().Scan(t.Context(), "booking/", "", 10); err != nil || len(left) != 0 {
		t.Errorf("records are left: %v, %v", left, err)
	}
}
