package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

// TestGenerateHolds changes hours, takes slots, frees them, writes others and generates, at random. Whatever comes before: what is taken and what a client wrote stays as
// it was, no slot is generated over another one, every wanted time is counted once, what is generated anew changes nothing, and times that are left have something in their way.
func TestGenerateHolds(t *testing.T) {
	e := newEngineOf(t, "Schedule", "Slot")
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		d := day{T: t, rt: rt, e: e, schedule: fhir.Key{Type: "Schedule", ID: fmt.Sprint("s", run)}}
		d.changeHours()
		for range rapid.IntRange(1, 5).Draw(rt, "steps") {
			rapid.SampledFrom([]func(){d.changeHours, d.take, d.free, d.writeOwn, d.generate, d.generate}).Draw(rt, "step")()
		}
		d.generate()
	})
}

// day is a Monday of a schedule.
type day struct {
	*testing.T
	rt       *rapid.T
	e        *engine.Engine
	schedule fhir.Key
	hours    booking.Hours
	own      int
}

func (d *day) put(text string) {
	r, err := fhir.ParseResource([]byte(text))
	if err == nil {
		_, err = d.e.Update(d.Context(), alice, r.Key(), r, engine.Precondition{})
	}
	if err != nil {
		d.rt.Fatal(err)
	}
}

func (d *day) changeHours() {
	minutes, from, to := 5*rapid.IntRange(2, 9).Draw(d.rt, "minutes"), rapid.IntRange(8, 9).Draw(d.rt, "from"), rapid.IntRange(10, 12).Draw(d.rt, "to")
	text := schedule(minutes, fmt.Sprintf("%02d:00", from), fmt.Sprintf("%02d:00", to))
	r, err := fhir.ParseResource([]byte(text))
	if err != nil {
		d.rt.Fatal(err)
	}
	r.SetID(d.schedule.ID)
	if d.hours, _, err = booking.HoursOf(r); err != nil {
		d.rt.Fatal(err)
	}
	d.put(string(fhir.AppendJSON(nil, r.Root())))
}

// slots are all of the schedule.
func (d *day) slots() []fhir.Version {
	page, err := d.e.Search(d.Context(), alice, engine.SearchRequest{Type: "Slot", Query: "schedule=" + d.schedule.String() + "&_sort=start&_count=1000"})
	if err != nil {
		d.rt.Fatal(err)
	}
	return page.Versions
}

func (d *day) some() (fhir.Resource, bool) {
	all := d.slots()
	if len(all) == 0 {
		return fhir.Resource{}, false
	}
	r, err := fhir.ParseResource(rapid.SampledFrom(all).Draw(d.rt, "slot").Body)
	if err != nil {
		d.rt.Fatal(err)
	}
	return r, true
}

func (d *day) write(r fhir.Resource) {
	if _, err := d.e.Store.Commit(d.Context(), alice.Partition, []storage.Op{{Key: r.Key(), Resource: r, Entries: d.e.Rules.Extract(r)}}); err != nil {
		d.rt.Fatal(err)
	}
}

func (d *day) take() {
	if r, any := d.some(); any {
		d.write(booking.Take(r, rapid.SampledFrom([]string{"busy", "busy-tentative", "busy-unavailable"}).Draw(d.rt, "status"), fhir.Key{Type: "Appointment", ID: "a"}, ""))
	}
}

func (d *day) free() {
	if r, any := d.some(); any {
		d.write(booking.Release(r))
	}
}

func (d *day) writeOwn() {
	d.own++
	start := 5 * rapid.IntRange(7*12, 12*12).Draw(d.rt, "start")
	end := start + 5*rapid.IntRange(1, 12).Draw(d.rt, "length")
	at := func(minute int) string { return fmt.Sprintf("2026-03-02T%02d:%02d:00Z", minute/60, minute%60) }
	d.put(ownSlot(fmt.Sprint(d.schedule.ID, "-own-", d.own), d.schedule.ID, at(start), at(end)))
}

func (d *day) generate() {
	period := engine.GenerateRequest{Schedule: d.schedule, Start: date(d, "2026-03-02"), End: date(d, "2026-03-02")}
	before := d.slots()
	out, err := d.e.Generate(d.Context(), alice, period)
	if err != nil {
		d.rt.Fatal(err)
	}
	after := d.slots()
	wanted := d.hours.Times(d.hours.Period(period.Start).Low, d.hours.Period(period.End).High)
	if out.Created+out.Kept+out.Left != len(wanted) || len(after) != len(before)+out.Created-out.Removed {
		d.rt.Fatalf("%+v of %d wanted, from %d to %d slots", out, len(wanted), len(before), len(after))
	}
	again, err := d.e.Generate(d.Context(), alice, period)
	if want := (engine.Generated{Kept: out.Created + out.Kept, Left: out.Left}); err != nil || again != want {
		d.rt.Fatalf("again: %+v, want %+v; %v", again, want, err)
	}
	d.compare(before, after)
	d.cover(wanted, after, out.Left)
}

// compare looks that only free slots that were generated have gone, that nothing was changed, and that nothing new lies over anything.
func (d *day) compare(before, after []fhir.Version) {
	numbers := map[fhir.Key]int64{}
	for _, v := range after {
		numbers[v.Key] = v.Number
	}
	had := map[fhir.Key]bool{}
	for _, v := range before {
		had[v.Key] = true
		slot := d.read(v)
		if goes := slot.Status == "free" && slot.Holder == (fhir.Key{}) && isGenerated(v); numbers[v.Key] != v.Number && (!goes || numbers[v.Key] != 0) {
			d.rt.Fatalf("%s is in version %d now: %s", v.Key, numbers[v.Key], v.Body)
		}
	}
	for i, v := range after {
		for _, w := range after[i+1:] {
			a, b := d.read(v), d.read(w)
			if overlaps(a.Span, b.Span) && (!had[v.Key] || !had[w.Key]) {
				d.rt.Fatalf("%s and %s overlap", v.Body, w.Body)
			}
		}
	}
}

// cover looks that every wanted time has its slot, or something in its way.
func (d *day) cover(wanted []booking.Span, after []fhir.Version, left int) {
	for _, w := range wanted {
		has := slices.ContainsFunc(after, func(v fhir.Version) bool { return d.read(v).Span == w })
		blocked := slices.ContainsFunc(after, func(v fhir.Version) bool { return overlaps(d.read(v).Span, w) })
		if !has && !blocked {
			d.rt.Fatalf("%s has no slot, and nothing is in its way", w.Start)
		}
		if !has {
			left--
		}
	}
	if left != 0 {
		d.rt.Fatalf("%d more times are said to be left than are", left)
	}
}

func (d *day) read(v fhir.Version) booking.Slot {
	r, err := fhir.ParseResource(v.Body)
	if err != nil {
		d.rt.Fatal(err)
	}
	return booking.SlotOf("", r)
}

func isGenerated(v fhir.Version) bool {
	r, err := fhir.ParseResource(v.Body)
	if err != nil {
		return false
	}
	for _, x := range r.Root().Objects("extension") {
		if x.Text("url") == booking.GeneratedURL {
			return true
		}
	}
	return false
}

func overlaps(a, b booking.Span) bool { return a.Start < b.End && b.Start < a.End }
