package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

// The clock of the engines for tests stands at noon of Sunday, 1 March 2026.

var ward = fhir.Key{Type: "Schedule", ID: "ward"}

// schedule is a Schedule of so long slots, open on Mondays and Tuesdays.
func schedule(minutes int, from, to string, more ...string) string {
	return fmt.Sprintf(`{"resourceType":"Schedule","id":"ward","extension":[{"url":%q,"extension":[
		{"url":"slot-length","valueDuration":{"value":%d,"unit":"min","system":"http://unitsofmeasure.org","code":"min"}},
		{"url":"weekly","extension":[{"url":"day","valueCode":"mon"},{"url":"day","valueCode":"tue"},{"url":"from","valueTime":"%s:00"},{"url":"to","valueTime":"%s:00"}]}%s]}],
		"serviceCategory":[{"text":"Community nursing"}],"serviceType":[{"coding":[{"system":"http://example.org/service","code":"wound"}]}],
		"specialty":[{"coding":[{"system":"http://snomed.info/sct","code":"408443003"}]}],"actor":[{"reference":"Practitioner/1"}]}`,
		booking.WorkingHoursURL, minutes, from, to, strings.Join(more, ""))
}

func date(t testing.TB, s string) fhir.DateTime {
	t.Helper()
	d, err := fhir.ParseDateTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func generate(t *testing.T, e *engine.Engine, start, end string) engine.Generated {
	t.Helper()
	out, err := e.Generate(t.Context(), alice, engine.GenerateRequest{Schedule: ward, Start: date(t, start), End: date(t, end)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// slots are those that are stored, by start: "02T09:00-09:30 free", with a mark for those that a client wrote.
func slots(t *testing.T, e *engine.Engine) []string {
	t.Helper()
	page, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Slot", Query: "_sort=start&_count=1000"})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, v := range page.Versions {
		r := resource(t, "%s", v.Body)
		s := booking.SlotOf("", r)
		text := s.Start.Time().Format("02T15:04-") + s.End.Time().Format("15:04 ") + s.Status
		if !strings.Contains(string(v.Body), booking.GeneratedURL) {
			text += " own"
		}
		all = append(all, text)
	}
	return all
}

func wantSlots(t *testing.T, e *engine.Engine, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, slots(t, e)); diff != "" {
		t.Errorf("slots (-want +got):\n%s", diff)
	}
}

func slotAt(t *testing.T, e *engine.Engine, start string) fhir.Version {
	t.Helper()
	page, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Slot", Query: "start=" + start})
	if err != nil || len(page.Versions) != 1 {
		t.Fatal(start, page.Versions, err)
	}
	return page.Versions[0]
}

// TestGenerate follows a Schedule whose hours change while some of its slots are taken.
func TestGenerate(t *testing.T) {
	e := newEngineOf(t, "Schedule", "Slot")
	keep(t, e, "%s", schedule(30, "09:00", "11:00"))
	if got := generate(t, e, "2026-03-02", "2026-03-03"); got != (engine.Generated{Created: 8}) {
		t.Errorf("the first time: %+v", got)
	}
	wantSlots(t, e, "02T09:00-09:30 free", "02T09:30-10:00 free", "02T10:00-10:30 free", "02T10:30-11:00 free",
		"03T09:00-09:30 free", "03T09:30-10:00 free", "03T10:00-10:30 free", "03T10:30-11:00 free")

	made := slotAt(t, e, "2026-03-02T09:00:00Z")
	want := fmt.Sprintf(`"extension":[{"url":%q,"valueBoolean":true}],"serviceCategory":[{"text":"Community nursing"}],"serviceType":[{"coding":[{"system":"http://example.org/service","code":"wound"}]}],`+
		`"specialty":[{"coding":[{"system":"http://snomed.info/sct","code":"408443003"}]}],"schedule":{"reference":"Schedule/ward"},"status":"free","start":"2026-03-02T09:00:00Z","end":"2026-03-02T09:30:00Z"}`, booking.GeneratedURL)
	if !strings.HasSuffix(string(made.Body), want) {
		t.Errorf("a slot is\n%s\nand should end with\n%s", made.Body, want)
	}
	if issues, err := e.Validate(t.Context(), alice, engine.ValidateRequest{Type: "Slot", Resource: resource(t, "%s", made.Body)}); err != nil || len(faults(issues)) > 0 {
		t.Errorf("a slot that no client could write: %v, %v", issues, err)
	}

	if got := generate(t, e, "2026-03-02", "2026-03-03"); got != (engine.Generated{Kept: 8}) {
		t.Errorf("the second time: %+v", got)
	}
	if again := slotAt(t, e, "2026-03-02T09:00:00Z"); again.Number != 1 {
		t.Errorf("what stays is written anew, as version %d", again.Number)
	}

	// One is taken, one was made busy by a client, one is an error; a client wrote one of its own, and one is of another schedule.
	taken := resource(t, "%s", slotAt(t, e, "2026-03-02T09:30:00Z").Body)
	keepAsIs(t, e, booking.Take(taken, "busy", fhir.Key{Type: "Appointment", ID: "a"}, ""))
	changeStatus(t, e, "2026-03-02T10:30:00Z", "busy-unavailable")
	changeStatus(t, e, "2026-03-03T09:00:00Z", "entered-in-error")
	keep(t, e, "%s", ownSlot("own", "ward", "2026-03-03T10:50:00Z", "2026-03-03T11:10:00Z"))
	keep(t, e, "%s", ownSlot("elsewhere", "other", "2026-03-03T09:00:00Z", "2026-03-03T12:00:00Z"))
	keep(t, e, "%s", schedule(20, "09:00", "12:00", `,{"url":"exception","extension":[{"url":"date","valueDate":"2026-03-03"},{"url":"hours","extension":[{"url":"from","valueTime":"09:00:00"},{"url":"to","valueTime":"11:00:00"}]}]}`))
	if got := generate(t, e, "2026-03-02", "2026-03-03"); got != (engine.Generated{Created: 10, Removed: 5, Left: 5}) {
		t.Errorf("with other hours: %+v", got)
	}
	wantSlots(t, e, "02T09:00-09:20 free", "02T09:30-10:00 busy", "02T10:00-10:20 free", "02T10:30-11:00 busy-unavailable", "02T11:00-11:20 free", "02T11:20-11:40 free", "02T11:40-12:00 free",
		"03T09:00-09:20 free", "03T09:00-09:30 entered-in-error", "03T09:00-12:00 free own", "03T09:20-09:40 free", "03T09:40-10:00 free", "03T10:00-10:20 free", "03T10:20-10:40 free", "03T10:50-11:10 free own")

	// The taken one becomes free, and what was deleted is wanted again.
	keepAsIs(t, e, booking.Release(resource(t, "%s", slotAt(t, e, "2026-03-02T09:30:00Z").Body)))
	if got := generate(t, e, "2026-03-02", "2026-03-02"); got != (engine.Generated{Created: 2, Kept: 5, Removed: 1, Left: 2}) {
		t.Errorf("when one is free again: %+v", got)
	}
	keep(t, e, "%s", schedule(30, "09:00", "11:00"))
	if got := generate(t, e, "2026-03-02", "2026-03-02"); got != (engine.Generated{Created: 3, Kept: 1, Removed: 7}) {
		t.Errorf("with the hours of the beginning: %+v", got)
	}
	if again := slotAt(t, e, "2026-03-02T09:00:00Z"); again.Number != 3 {
		t.Errorf("a slot that was deleted is made again as version %d", again.Number)
	}
}

// keepAsIs stores the next version of a resource beside all rules, as the server itself does.
func keepAsIs(t *testing.T, e *engine.Engine, r fhir.Resource) {
	t.Helper()
	if _, err := e.Store.Commit(t.Context(), alice.Partition, []storage.Op{{Key: r.Key(), Resource: r, Entries: e.Rules.Extract(r)}}); err != nil {
		t.Fatal(err)
	}
}

func changeStatus(t *testing.T, e *engine.Engine, start, status string) {
	t.Helper()
	slot := resource(t, "%s", slotAt(t, e, start).Body)
	slot.Root().Set("status", status)
	if _, err := e.Update(t.Context(), alice, slot.Key(), slot, engine.Precondition{}); err != nil {
		t.Fatal(err)
	}
}

// ownSlot is a free Slot that a client wrote.
func ownSlot(id, schedule, start, end string) string {
	return fmt.Sprintf(`{"resourceType":"Slot","id":%q,"schedule":{"reference":"Schedule/%s"},"status":"free","start":%q,"end":%q}`, id, schedule, start, end)
}

// TestGenerateBounds: what begins before now or within the lead time stays as it is, and so does what begins outside of the period.
func TestGenerateBounds(t *testing.T) {
	e := newEngineOf(t, "Schedule", "Slot")
	lead := func(hours int) string {
		return fmt.Sprintf(`,{"url":%q,"valueDuration":{"value":%d,"unit":"h","code":"h","system":"http://unitsofmeasure.org"}},{"url":"weekly","extension":[{"url":"day","valueCode":"sun"},{"url":"from","valueTime":"11:00:00"},{"url":"to","valueTime":"15:00:00"}]}`, booking.LeadTimeURL, hours)
	}
	keep(t, e, "%s", schedule(60, "09:00", "10:00", lead(0)))
	if got := generate(t, e, "2026-02-28", "2026-03-01"); got != (engine.Generated{Created: 3}) {
		t.Errorf("on a day of which the half is over: %+v", got)
	}
	wantSlots(t, e, "01T12:00-13:00 free", "01T13:00-14:00 free", "01T14:00-15:00 free")
	keep(t, e, "%s", schedule(30, "09:00", "10:00", lead(2)))
	if got := generate(t, e, "2026-03-01", "2026-03-01"); got != (engine.Generated{Created: 2, Removed: 1}) {
		t.Errorf("with a lead time: %+v", got)
	}
	wantSlots(t, e, "01T12:00-13:00 free", "01T13:00-14:00 free", "01T14:00-14:30 free", "01T14:30-15:00 free")
	keep(t, e, "%s", schedule(45, "09:00", "10:30", lead(0)))
	if got := generate(t, e, "2026-03-01T14:15:00Z", "2026-03-02T09:10:00Z"); got != (engine.Generated{Created: 1, Removed: 1}) {
		t.Errorf("in a period of instants: %+v", got)
	}
	wantSlots(t, e, "01T12:00-13:00 free", "01T13:00-14:00 free", "01T14:00-14:30 free", "02T09:00-09:45 free")
	keep(t, e, "%s", ownSlot("long", "ward", "2026-03-02T09:45:00Z", "2026-05-02T09:45:00Z"))
	if got := generate(t, e, "2026-03-10", "2026-03-10"); got != (engine.Generated{Left: 2}) {
		t.Errorf("within a slot that began a week before: %+v", got)
	}
}

func TestGenerateRefused(t *testing.T) {
	e := newEngineOf(t, "Schedule", "Slot")
	keep(t, e, "%s", schedule(5, "00:00", "00:00"))
	keep(t, e, "%s", strings.Replace(schedule(30, "09:00", "11:00"), `"id":"ward"`, `"id":"closed","active":false`, 1))
	keep(t, e, "%s", `{"resourceType":"Schedule","id":"bare","actor":[{"reference":"Practitioner/1"}]}`)
	for name, c := range map[string]struct {
		id, start, end string
		kind           fhir.Kind
		words          string
	}{
		"no such schedule":          {"nobody", "2026-03-02", "2026-03-03", fhir.NotFound, "nobody"},
		"no working hours":          {"bare", "2026-03-02", "2026-03-03", fhir.Unprocessable, "Schedule.extension: Schedule/bare has no working hours"},
		"not active":                {"closed", "2026-03-02", "2026-03-03", fhir.Unprocessable, "Schedule.active: "},
		"an end before the start":   {"ward", "2026-03-03", "2026-03-02", fhir.Invalid, "end: The end must be later"},
		"a period that is over":     {"ward", "2026-02-02", "2026-02-28", fhir.Unprocessable, "end: The period is over: slots are made that begin at 2026-03-01T12:00:00Z"},
		"a period that is too long": {"ward", "2026-03-02", "2027-04-06", fhir.TooCostly, "end: Slots are made for at most 400 days"},
		"too many slots":            {"ward", "2026-03-02", "2027-04-05", fhir.TooCostly, "end: The working hours make 33"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := e.Generate(t.Context(), alice, engine.GenerateRequest{Schedule: fhir.Key{Type: "Schedule", ID: c.id}, Start: date(t, c.start), End: date(t, c.end)})
			wantKind(t, err, c.kind, c.words)
		})
	}
	wantSlots(t, e)
}

// TestGenerateScopes: what it takes, and what is recorded.
func TestGenerateScopes(t *testing.T) {
	e := newEngineOf(t, "Schedule", "Slot")
	keep(t, e, "%s", schedule(30, "09:00", "11:00"))
	record := &recorder{}
	e.Audit = record
	ask := func(scopes fhir.Scopes) error {
		_, err := e.Generate(t.Context(), with(scopes), engine.GenerateRequest{Schedule: ward, Start: date(t, "2026-03-02"), End: date(t, "2026-03-02")})
		return err
	}
	for missing, scopes := range map[string]fhir.Scopes{
		"system/Schedule.r": {"Schedule": c | u | d | s, "Slot": fhir.MayEverything},
		"system/Slot.cd":    {"Schedule": r, "Slot": d | u | r | s},
		"system/Slot.":      {"Schedule": r, "Slot": c | u | r | s},
	} {
		wantKind(t, ask(scopes), fhir.Forbidden, missing)
		if told := record.take(); len(told) != 1 || !strings.HasPrefix(told[0], "operation Schedule/ward 0 ? 4 ") {
			t.Errorf("recorded %q", told)
		}
	}
	wantSlots(t, e)
	record.take()
	if err := ask(fhir.Scopes{"Schedule": r, "Slot": c | d}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"operation Schedule/ward 0 ? 0 "}, record.take()); diff != "" {
		t.Error(diff)
	}
	events, err := e.Store.Events(t.Context(), 0, 100)
	if err != nil || len(events) != 5 || !strings.HasPrefix(events[4].Origin, "create alice ") {
		t.Errorf("the slots come of %v, %v", events, err)
	}
	bare := newEngineOf(t, "Schedule")
	_, err = bare.Generate(t.Context(), alice, engine.GenerateRequest{Schedule: ward})
	wantKind(t, err, fhir.NotFound, `"Slot" is not served`)
}

// TestGenerateAtOnce: several that make the same slots make each once.
func TestGenerateAtOnce(t *testing.T) {
	e := newEngineOf(t, "Schedule", "Slot")
	keep(t, e, "%s", schedule(5, "06:00", "18:00"))
	var all sync.WaitGroup
	var mu sync.Mutex
	created := 0
	for range 4 {
		all.Go(func() {
			out, err := e.Generate(t.Context(), alice, engine.GenerateRequest{Schedule: ward, Start: date(t, "2026-03-02"), End: date(t, "2026-03-03")})
			mu.Lock()
			defer mu.Unlock()
			if created += out.Created; err != nil || out.Created+out.Kept != 288 || out.Left != 0 || out.Removed != 0 {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
	all.Wait()
	if found := slots(t, e); created != 288 || len(found) != 288 {
		t.Errorf("%d slots were made, and there are %d", created, len(found))
	}
}

// intruder does something once, before a commit that writes Slots.
type intruder struct {
	storage.Store
	once *sync.Once
	do   func()
}

func (i intruder) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	if ops[0].Key.Type == "Slot" {
		i.once.Do(i.do)
	}
	return i.Store.Commit(ctx, p, ops)
}

// TestGenerateLosesToABooking: a slot that is taken after it was looked at is not deleted, and nothing is made over it.
func TestGenerateLosesToABooking(t *testing.T) {
	e := newEngineOf(t, "Schedule", "Slot")
	keep(t, e, "%s", schedule(30, "09:00", "11:00"))
	generate(t, e, "2026-03-02", "2026-03-02")
	keep(t, e, "%s", schedule(20, "09:00", "11:00"))
	slot := resource(t, "%s", slotAt(t, e, "2026-03-02T09:30:00Z").Body)
	whole := e.Store
	e.Store = intruder{whole, new(sync.Once), func() {
		taken := booking.Take(slot, "busy", fhir.Key{Type: "Appointment", ID: "a"}, "")
		if _, err := whole.Commit(t.Context(), alice.Partition, []storage.Op{{Key: taken.Key(), Resource: taken, Entries: e.Rules.Extract(taken)}}); err != nil {
			t.Error(err)
		}
	}}
	if got := generate(t, e, "2026-03-02", "2026-03-02"); got != (engine.Generated{Created: 4, Removed: 3, Left: 2}) {
		t.Errorf("%+v", got)
	}
	wantSlots(t, e, "02T09:00-09:20 free", "02T09:30-10:00 busy", "02T10:00-10:20 free", "02T10:20-10:40 free", "02T10:40-11:00 free")
}

// TestGenerateByOldHours: where the store has transactions, no slot is made by hours that are not those of the Schedule any more.
func TestGenerateByOldHours(t *testing.T) {
	e := newTransactingOf(t, "Schedule", "Slot")
	keep(t, e, "%s", schedule(30, "09:00", "11:00"))
	whole := e.Store
	e.Store = intruder{whole, new(sync.Once), func() {
		r := resource(t, "%s", schedule(20, "09:00", "11:00"))
		if _, err := whole.Commit(t.Context(), alice.Partition, []storage.Op{{Key: r.Key(), Resource: r, Entries: e.Rules.Extract(r)}}); err != nil {
			t.Error(err)
		}
	}}
	_, err := e.Generate(t.Context(), alice, engine.GenerateRequest{Schedule: ward, Start: date(t, "2026-03-02"), End: date(t, "2026-03-02")})
	if !errors.Is(err, fhir.Conflict) || !strings.Contains(err.Error(), "Schedule/ward was changed") {
		t.Error(err)
	}
	wantSlots(t, e)
}
