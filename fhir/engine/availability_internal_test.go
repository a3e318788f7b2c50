package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

var (
	carol    = fhir.Principal{Partition: "demo/test", Scopes: fhir.Unlimited(), Client: "carol"}
	tuesday  = time.Date(2026, 3, 31, 8, 0, 0, 0, time.UTC)
	calendar = []string{"Appointment", "HealthcareService", "Location", "Organization", "Patient", "Practitioner", "PractitionerRole", "Schedule", "ServiceRequest", "Slot"}
)

// newDiaryEngine is an engine whose time is Tuesday, eight o'clock.
func newDiaryEngine(t testing.TB) *Engine {
	t.Helper()
	return newDiaryEngineAt(t, func() time.Time { return tuesday })
}

func newDiaryEngineAt(t testing.TB, now func() time.Time) *Engine {
	t.Helper()
	rules, err := search.NewRules(search.Config{Types: calendar, BaseURL: "http://example.org/fhir"})
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(t.Context(), Config{
		Store: anystore.Open(t, rules, now), Rules: rules, Validator: validate.New(), Types: calendar,
		Now: now, NewID: fhir.NewID, SearchBudget: DefaultSearchBudget, MaxIncludes: DefaultMaxIncludes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// stow puts resources into the store as they are.
func stow(t testing.TB, e *Engine, texts ...string) {
	t.Helper()
	var ops []storage.Op
	for _, text := range texts {
		r, err := fhir.ParseResource([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		ops = append(ops, storage.Op{Key: r.Key(), Resource: r, Entries: e.Rules.Extract(r)})
	}
	size := len(ops)
	if !e.Store.Transactions() {
		size = 1
	}
	for chunk := range slices.Chunk(ops, max(1, size)) {
		if _, err := e.Store.Commit(t.Context(), carol.Partition, chunk); err != nil {
			t.Fatal(err)
		}
	}
}

// at is so many minutes behind Tuesday, eight o'clock.
func at(minutes int) fhir.Instant {
	return fhir.InstantOf(tuesday.Add(time.Duration(minutes) * time.Minute))
}

func slotJSON(id, schedule, status string, start, end int, more string) string {
	return fmt.Sprintf(`{"resourceType":"Slot","id":%q,"schedule":{"reference":"Schedule/%s"},"status":%q,"start":%q,"end":%q%s}`, id, schedule, status, at(start), at(end), more)
}

func scheduleJSON(id, more string, actors ...string) string {
	for i, a := range actors {
		actors[i] = fmt.Sprintf(`{"reference":%q}`, a)
	}
	return fmt.Sprintf(`{"resourceType":"Schedule","id":%q,"actor":[%s]%s}`, id, strings.Join(actors, ","), more)
}

func serviceJSON(id string, leadMinutes int, more string) string {
	lead := ""
	if leadMinutes > 0 {
		lead = fmt.Sprintf(`,"extension":[{"url":"https://github.com/portico-health/portico/fhir/StructureDefinition/booking-lead-time","valueDuration":{"value":%d,"system":"http://unitsofmeasure.org","code":"min"}}]`, leadMinutes)
	}
	return fmt.Sprintf(`{"resourceType":"HealthcareService","id":%q%s%s}`, id, lead, more)
}

func locationJSON(id, postalCode string) string {
	return fmt.Sprintf(`{"resourceType":"Location","id":%q,"address":{"postalCode":%q}}`, id, postalCode)
}

func keysOf(typ string, ids ...string) (all []fhir.Key) {
	for _, id := range ids {
		all = append(all, fhir.Key{Type: typ, ID: id})
	}
	return all
}

// slotsOf are the times as their slots, "a b" for one of two.
func slotsOf(times []Time) []string {
	all := make([]string, len(times))
	for i, t := range times {
		var ids []string
		for _, s := range t.Slots {
			ids = append(ids, s.Key.ID)
		}
		all[i] = strings.Join(ids, " ")
	}
	return all
}

// available is all that is found, in pages of so many.
func available(ctx context.Context, e *Engine, w Wanted) (all []Time, err error) {
	for range 10_000 {
		times, next, err := e.availability(ctx, carol, w)
		if err != nil {
			return nil, err
		}
		if len(times) > w.Limit || next != nil && len(times) < w.Limit {
			return nil, fmt.Errorf("a page of %d for %d, and another behind it: %v", len(times), w.Limit, next != nil)
		}
		if all = append(all, times...); next == nil {
			return all, nil
		}
		w.After = next
	}
	return nil, errors.New("there is no end of it")
}

func TestAvailability(t *testing.T) {
	e := newDiaryEngine(t)
	stow(t, e,
		locationJSON("leeds", "LS1 4AP"), locationJSON("far", "LS10 1AA"), locationJSON("wide", "LS"), locationJSON("bath", "BA1 1AA"),
		serviceJSON("visit", 0, `,"type":[{"coding":[{"system":"https://example.org/t","code":"visit"}]}],"coverageArea":[{"reference":"Location/leeds"}]`),
		serviceJSON("slow", 120, `,"location":[{"reference":"Location/far"}]`),
		serviceJSON("wrong", 0, `,"extension":[{"url":"https://github.com/portico-health/portico/fhir/StructureDefinition/booking-lead-time","valueDuration":{"value":1,"system":"http://unitsofmeasure.org","code":"a"}}]`),
		`{"resourceType":"PractitionerRole","id":"role","location":[{"reference":"Location/bath"}]}`,
		scheduleJSON("ann", `,"specialty":[{"coding":[{"system":"https://example.org/s","code":"gp"}]}]`, "Practitioner/ann", "HealthcareService/visit"),
		scheduleJSON("bob", "", "http://example.org/fhir/Practitioner/bob", "HealthcareService/slow"),
		scheduleJSON("cat", "", "PractitionerRole/role", "Location/wide"),
		scheduleJSON("old", `,"active":false`, "Practitioner/ann"),
		scheduleJSON("dud", "", "Practitioner/dud", "HealthcareService/wrong"),
		slotJSON("a1", "ann", "free", -10, 20, ""), slotJSON("a2", "ann", "free", 20, 40, ""), slotJSON("a3", "ann", "free", 40, 60, `,"serviceType":[{"coding":[{"system":"https://example.org/t","code":"call"}]}]`),
		slotJSON("a4", "ann", "busy", 60, 80, ""), slotJSON("a5", "ann", "free", 80, 100, ""), slotJSON("a6", "ann", "busy-tentative", 100, 120, ""),
		slotJSON("b1", "bob", "free", 60, 90, ""), slotJSON("b2", "bob", "free", 120, 150, ""),
		slotJSON("c1", "cat", "free", 20, 30, ""), slotJSON("c2", "cat", "free", 30, 40, ""), slotJSON("c3", "cat", "free", 45, 60, ""),
		slotJSON("o1", "old", "free", 20, 30, ""), slotJSON("d1", "dud", "free", 20, 30, ""),
	)
	day := func(w Wanted) Wanted {
		if w.From == 0 {
			w.From, w.To = at(-60), at(24*60)
		}
		return w
	}
	practitioners := keysOf("Practitioner", "ann", "bob")
	for _, c := range []struct {
		name string
		w    Wanted
		want []string
	}{
		{"all, soonest first, none that began or is too near", Wanted{}, []string{"a2", "c1", "c2", "a3", "c3", "a5", "b2"}},
		{"from and to", Wanted{From: at(30), To: at(80)}, []string{"c2", "a3", "c3"}},
		{"ended by", Wanted{From: at(0), To: at(80), EndBy: at(40)}, []string{"a2", "c1", "c2"}},
		{"of a service", Wanted{Services: keysOf("HealthcareService", "visit")}, []string{"a2", "a3", "a5"}},
		{"of one of two services", Wanted{Services: keysOf("HealthcareService", "visit", "slow")}, []string{"a2", "a3", "a5", "b2"}},
		{"of an actor", Wanted{Actors: [][]fhir.Key{practitioners[1:]}}, []string{"b2"}},
		{"of two kinds of actors", Wanted{Actors: [][]fhir.Key{practitioners, keysOf("HealthcareService", "visit")}}, []string{"a2", "a3", "a5"}},
		{"of nobody", Wanted{Actors: [][]fhir.Key{keysOf("Practitioner", "nobody")}}, nil},
		{"preferred", Wanted{Actors: [][]fhir.Key{{{Type: "PractitionerRole", ID: "role"}, practitioners[0]}}}, []string{"c1", "a2", "c2", "a3", "c3", "a5"}},
		{"that a service covers, or that lies around it", Wanted{PostalArea: "ls1 4"}, []string{"a2", "c1", "c2", "a3", "c3", "a5"}},
		{"where a service is", Wanted{PostalArea: "LS10"}, []string{"c1", "c2", "c3", "b2"}},
		{"where a role is", Wanted{PostalArea: "BA1"}, []string{"c1", "c2", "c3"}},
		{"where nobody is", Wanted{PostalArea: "W1"}, nil},
		{"adjacent slots", Wanted{Length: 40 * time.Minute}, []string{"a2 a3"}},
		{"two adjacent ones, of another length", Wanted{Length: 15 * time.Minute}, []string{"a2", "c1 c2", "a3", "c3", "a5", "b2"}},
		{"by a code of the slot, or of its service", Wanted{Codes: []string{"https://example.org/t|visit"}}, []string{"a2", "a5"}},
		{"by a code without system", Wanted{Codes: []string{"call", "none"}}, []string{"a3"}},
		{"by another code", Wanted{Codes: []string{"|call"}}, nil},
		{"by specialty", Wanted{Specialty: []string{"https://example.org/s|gp"}}, []string{"a2", "a3", "a5"}},
		{"all of whose slots are for it", Wanted{Codes: []string{"visit"}, Length: 40 * time.Minute}, nil},
		{"that suits", Wanted{Suits: func(start, end fhir.Instant) bool { return end-start == at(20)-at(0) }}, []string{"a2", "a3", "a5"}},
	} {
		for limit := 1; limit <= 8; limit += 2 {
			c.w.Limit = limit
			times, err := available(t.Context(), e, day(c.w))
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if diff := cmp.Diff(append([]string{}, c.want...), slotsOf(times)); diff != "" {
				t.Errorf("%s, %d at once: got +, want -:\n%s", c.name, limit, diff)
			}
			for _, found := range times {
				if len(found.Schedule.Body) == 0 || found.End <= found.Start {
					t.Errorf("%s: %+v", c.name, found)
				}
			}
		}
	}
}

// TestAvailabilityKeepsTheLeadTimeOfHours: working hours demand one, too.
func TestAvailabilityKeepsTheLeadTimeOfHours(t *testing.T) {
	e := newDiaryEngine(t)
	const own = "https://github.com/portico-health/portico/fhir/StructureDefinition/"
	stow(t, e,
		scheduleJSON("s", `,"extension":[{"url":"`+own+`working-hours","extension":[{"url":"slot-length","valueDuration":{"value":10,"code":"min","system":"http://unitsofmeasure.org"}},
			{"url":"`+own+`booking-lead-time","valueDuration":{"value":1,"code":"h","system":"http://unitsofmeasure.org"}},
			{"url":"weekly","extension":[{"url":"day","valueCode":"tue"},{"url":"from","valueTime":"09:00:00"},{"url":"to","valueTime":"17:00:00"}]}]}]`, "Practitioner/1"),
		slotJSON("near", "s", "free", 50, 60, ""), slotJSON("far", "s", "free", 60, 70, ""),
	)
	times, err := available(t.Context(), e, Wanted{From: at(0), To: at(600), Limit: 5})
	if diff := cmp.Diff([]string{"far"}, slotsOf(times)); diff != "" || err != nil {
		t.Errorf("%v, got +, want -:\n%s", err, diff)
	}
}

func TestAvailabilityRefuses(t *testing.T) {
	e := newDiaryEngine(t)
	w := Wanted{From: at(0), To: at(60), Limit: 5}
	if _, _, err := e.availability(t.Context(), fhir.Principal{Partition: "demo/test", Scopes: fhir.Scopes{"Slot": fhir.MaySearch}}, w); !errors.Is(err, fhir.Forbidden) || !strings.Contains(err.Error(), "Schedule") {
		t.Errorf("who may not search Schedules: %v", err)
	}
	w.After = []byte("x")
	if _, _, err := e.availability(t.Context(), carol, w); !errors.Is(err, fhir.Invalid) {
		t.Errorf("a position that is none: %v", err)
	}
	w.After, w.From, w.To = nil, at(60), at(0)
	if times, next, err := e.availability(t.Context(), carol, w); err != nil || times != nil || next != nil {
		t.Errorf("an empty time: %v %v %v", times, next, err)
	}
}

// world is what an oracle knows of a store.
type world struct {
	slots     map[string][]worldSlot // by schedule, in the order of their starts and ids
	actors    map[string][]string
	leads     map[string]int // of services, in minutes
	schedules []string
}

type worldSlot struct {
	id         string
	start, end int
}

// chance fills a store with some schedules, of which each has three actors.
func (w *world) chance(t *testing.T, e *Engine, r *rand.Rand) {
	w.slots, w.actors, w.leads = map[string][]worldSlot{}, map[string][]string{}, map[string]int{}
	var texts []string
	for i := range 3 {
		service := fmt.Sprintf("s%d", i)
		w.leads[service] = r.IntN(3) * 100
		texts = append(texts, serviceJSON(service, w.leads[service], ""))
	}
	for i := range 1 + r.IntN(5) {
		id := fmt.Sprintf("%c", 'a'+i)
		service, room := fmt.Sprintf("s%d", r.IntN(3)), fmt.Sprintf("r%d", r.IntN(2))
		w.schedules, w.actors[id] = append(w.schedules, id), []string{service, room}
		texts = append(texts, scheduleJSON(id, "", "Practitioner/"+id, "HealthcareService/"+service, "Location/"+room))
		start := r.IntN(100) - 50
		for n := range r.IntN(40) {
			length := 5 * (1 + r.IntN(4))
			slot, status := worldSlot{fmt.Sprintf("%s%02d", id, (n*7)%41), start, start + length}, "free"
			if r.IntN(4) == 0 {
				status = []string{"busy", "busy-tentative", "busy-unavailable", "entered-in-error"}[r.IntN(4)]
			} else {
				w.slots[id] = append(w.slots[id], slot)
			}
			texts = append(texts, slotJSON(slot.id, id, status, slot.start, slot.end, ""))
			start += []int{length, length, length, length + 5, 0, length - 5}[r.IntN(6)]
		}
	}
	stow(t, e, texts...)
}

// found is what one finds who goes through all schedules and slots.
func (w *world) found(q Wanted) []string {
	type candidate struct {
		rank     int
		schedule string
		chain    []worldSlot
	}
	var all []candidate
	for _, id := range w.schedules {
		service, rank := fhir.Key{Type: "HealthcareService", ID: w.actors[id][0]}, 0
		if len(q.Services) > 0 && !slices.Contains(q.Services, service) {
			continue
		}
		if len(q.Actors) > 0 {
			if rank = slices.Index(q.Actors[0], fhir.Key{Type: "Location", ID: w.actors[id][1]}); rank < 0 {
				continue
			}
		}
		slices.SortFunc(w.slots[id], func(a, b worldSlot) int {
			if a.start != b.start {
				return a.start - b.start
			}
			return strings.Compare(a.id, b.id)
		})
		for _, s := range w.slots[id] {
			if at(s.start) < max(q.From, at(w.leads[service.ID])) || at(s.start) >= q.To {
				continue
			}
			chain := []worldSlot{s}
			for time.Duration(chain[len(chain)-1].end-s.start)*time.Minute < q.Length {
				last := chain[len(chain)-1]
				next := slices.IndexFunc(w.slots[id], func(o worldSlot) bool { return o.start == last.end && at(o.start) < q.To })
				if next < 0 {
					chain = nil
					break
				}
				chain = append(chain, w.slots[id][next])
			}
			if chain != nil && (q.EndBy == 0 || at(chain[len(chain)-1].end) <= q.EndBy) {
				all = append(all, candidate{rank, id, chain})
			}
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return moment{at(a.chain[0].start), a.rank, a.schedule, a.chain[0].id}.compare(moment{at(b.chain[0].start), b.rank, b.schedule, b.chain[0].id})
	})
	texts := []string{}
	for _, c := range all {
		var ids []string
		for _, s := range c.chain {
			ids = append(ids, s.id)
		}
		texts = append(texts, strings.Join(ids, " "))
	}
	return texts
}

// TestAvailabilityByChance holds availability against somebody who goes through everything.
func TestAvailabilityByChance(t *testing.T) {
	seed := storagetest.Seed(t)
	rounds, asked := 12, 20
	if anystore.IsMongo() {
		rounds, asked = 3, 10
	}
	for round := range rounds {
		r := rand.New(rand.NewPCG(seed, uint64(round)))
		e := newDiaryEngine(t)
		var w world
		w.chance(t, e, r)
		for range asked {
			from := r.IntN(300) - 60
			q := Wanted{From: at(from), To: at(from + r.IntN(400)), Limit: 1 + r.IntN(12), Length: time.Duration(r.IntN(5)*r.IntN(15)) * time.Minute}
			if r.IntN(2) == 0 {
				q.Services = keysOf("HealthcareService", fmt.Sprintf("s%d", r.IntN(3)), fmt.Sprintf("s%d", r.IntN(3)))
			}
			if r.IntN(2) == 0 {
				q.Actors = [][]fhir.Key{keysOf("Location", []string{"r0", "r1"}[r.IntN(2):]...)}
				if r.IntN(2) == 0 {
					slices.Reverse(q.Actors[0])
				}
			}
			if r.IntN(3) == 0 {
				q.EndBy = at(from + r.IntN(400))
			}
			times, err := available(t.Context(), e, q)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(w.found(q), slotsOf(times)); diff != "" {
				t.Fatalf("round %d, %+v: got +, want -:\n%s", round, q, diff)
			}
		}
	}
}

// TestFreeSlotsStream: whatever a schedule has, its calendar is asked by an index, and no more is looked at than is found.
func TestFreeSlotsStream(t *testing.T) {
	e := newDiaryEngine(t)
	var texts []string
	for i := range 300 {
		texts = append(texts, slotJSON(fmt.Sprintf("s%03d", i), []string{"a", "b"}[i%2], []string{"free", "free", "busy"}[i%3], 10*i, 10*i+10, ""))
	}
	stow(t, e, texts...)
	schedule := fhir.Key{Type: "Schedule", ID: "a"}
	for _, c := range []struct {
		name  string
		test  search.Test
		sort  []search.SortKey
		found int
	}{
		{"free", search.FreeOf(schedule, at(1000), at(1600)), search.SoonestFree(), 20},
		{"overlapping", search.CalendarOf(schedule, at(1005), at(1025)), []search.SortKey{{Param: search.ID}}, 2},
	} {
		plan, err := e.Store.Explain(t.Context(), carol.Partition, search.Query{Type: "Slot", All: []search.Any{{c.test}}, Sort: c.sort}, storage.PageRequest{Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		// A calendar is looked into from a day before on: 72 slots of ten minutes for each of its two schedules.
		if plan.Found != c.found || plan.Looked > 2*(c.found+80) || plan.Clause != 0 {
			t.Errorf("%s: %+v", c.name, plan)
		}
		t.Logf("%s: %+v", c.name, plan)
	}
}
