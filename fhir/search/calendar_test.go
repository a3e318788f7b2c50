package search_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

func slot(schedule, status string, start, end fhir.Instant) string {
	return fmt.Sprintf(`{"resourceType":"Slot","id":"s","schedule":{"reference":%q},"status":%q,"start":%q,"end":%q}`, schedule, status, start, end)
}

func calendarEntries(e search.Entries) (all []search.Ordered) {
	for _, o := range e.Ordereds {
		if strings.HasPrefix(o.Param, "_") {
			all = append(all, o)
		}
	}
	return all
}

func TestCalendarEntries(t *testing.T) {
	rules := mustRules(t)
	const hour = fhir.Instant(3_600_000_000)
	start := fhir.InstantOf(time.Date(2026, 3, 29, 9, 0, 0, 0, time.UTC))
	at := func(i fhir.Instant) string { return fmt.Sprintf("a.b-1/%016x", uint64(i)^1<<63) }
	half := []search.Ordered{{Param: "_calendar", Low: at(start), High: at(start + hour/2)}}
	free := search.Ordered{Param: "_free", Low: at(start), High: at(start)}
	for _, c := range []struct {
		name, slot string
		want       []search.Ordered
	}{
		{"busy", slot("Schedule/a.b-1", "busy", start, start+hour/2), half},
		{"free", slot("Schedule/a.b-1", "free", start, start+hour/2), append(half, free)},
		{"absolute", slot(base+"/Schedule/a.b-1", "busy", start, start+hour/2), half},
		{"of a version", slot("Schedule/a.b-1/_history/3", "busy", start, start+hour/2), half},
		{"of another server", slot("https://else.example.org/Schedule/a.b-1", "free", start, start+hour/2), nil},
		{"of another type", slot("Location/a.b-1", "free", start, start+hour/2), nil},
		{"contained", slot("#a.b-1", "free", start, start+hour/2), nil},
		{"without end", `{"resourceType":"Slot","id":"s","schedule":{"reference":"Schedule/a.b-1"},"status":"free","start":"2026-03-29T09:00:00Z"}`, nil},
		{"of no time", slot("Schedule/a.b-1", "busy", start, start), []search.Ordered{{Param: "_calendar", Low: at(start), High: at(start)}}},
		{"a day", slot("Schedule/a.b-1", "busy", start, start+24*hour), []search.Ordered{{Param: "_calendar", Low: at(start), High: at(start + 24*hour)}}},
		{"two days and a half", slot("Schedule/a.b-1", "busy", start, start+60*hour), []search.Ordered{
			{Param: "_calendar", Low: at(start), High: at(start + 24*hour)},
			{Param: "_calendar", Low: at(start + 24*hour), High: at(start + 48*hour)},
			{Param: "_calendar", Low: at(start + 48*hour), High: at(start + 60*hour)},
		}},
		{"contained in another resource", `{"resourceType":"Appointment","id":"s","status":"proposed","slot":[{"reference":"#c"}],"contained":[` + strings.Replace(slot("Schedule/a.b-1", "free", start, start+hour), `"s"`, `"c"`, 1) + `]}`, nil},
	} {
		if diff := cmp.Diff(c.want, calendarEntries(rules.Extract(mustResource(t, c.slot)))); diff != "" {
			t.Errorf("%s: got +, want -:\n%s", c.name, diff)
		}
	}
	if n := len(rules.Extract(mustResource(t, slot("Schedule/1", "busy", start, start+24_000*hour))).Ordereds); n != 400 {
		t.Errorf("a slot of 1000 days has %d entries, want 400", n)
	}
}

// TestCalendarFindsWhatOverlaps: the tests on the calendar say what a person says who looks at start and end.
func TestCalendarFindsWhatOverlaps(t *testing.T) {
	rules := mustRules(t)
	const minute = 60_000_000
	instants := rapid.Custom(func(t *rapid.T) fhir.Instant {
		return now + fhir.Instant(rapid.IntRange(-6000, 6000).Draw(t, "minutes"))*minute + fhir.Instant(rapid.IntRange(0, 1).Draw(t, "and a microsecond"))
	})
	ids := rapid.SampledFrom([]string{"1", "11", "1.", "2"})
	statuses := rapid.SampledFrom([]string{"free", "busy"})
	rapid.Check(t, func(t *rapid.T) {
		of, asked, status := ids.Draw(t, "schedule"), fhir.Key{Type: "Schedule", ID: ids.Draw(t, "asked")}, statuses.Draw(t, "status")
		start := instants.Draw(t, "start")
		end := max(instants.Draw(t, "end"), start+1)
		from := instants.Draw(t, "from")
		to := max(instants.Draw(t, "to"), from+1)
		r, err := fhir.ParseResource([]byte(slot("Schedule/"+of, status, start, end)))
		if err != nil {
			t.Fatal(err)
		}
		x := search.Indexed{ID: "s", Instant: now, Entries: rules.Extract(r)}
		matches := func(test search.Test) bool {
			return search.Match(search.Query{Type: "Slot", All: []search.Any{{test}}}, x)
		}
		if got, want := matches(search.CalendarOf(asked, from, to)), of == asked.ID && start < to && from < end; got != want {
			t.Fatalf("from %s to %s, asked from %s to %s: overlaps %v, want %v", start, end, from, to, got, want)
		}
		if got, want := matches(search.FreeOf(asked, from, to)), of == asked.ID && status == "free" && from <= start && start < to; got != want {
			t.Fatalf("from %s, asked from %s to %s: free %v, want %v", start, from, to, got, want)
		}
	})
}

// TestCalendarIsNotASearchParameter: clients know nothing of it, but a store knows by which rules it was made.
func TestCalendarIsNotASearchParameter(t *testing.T) {
	rules := mustRules(t)
	for _, p := range rules.Params("Slot") {
		if strings.Contains(p.Name, "calendar") || strings.Contains(p.Name, "free") {
			t.Errorf("%s is promised", p.Name)
		}
	}
	if _, err := parse(rules, "Slot", "_free=1"); err == nil {
		t.Error("_free can be asked for")
	}
	stamps := rules.Stamps()["Slot"]
	if stamps["_calendar"] != "99d5f43bf245" || stamps["_free"] != stamps["_calendar"] {
		t.Errorf("the stamps are %q and %q. Where the entries have changed, calendarStamp has to, and this text with it", stamps["_calendar"], stamps["_free"])
	}
	other, err := search.NewRules(search.Config{Types: []string{"Slot"}, BaseURL: "https://other.example.org/fhir"})
	if err != nil || other.Stamps()["Slot"]["_free"] == stamps["_free"] {
		t.Errorf("another base URL has the same stamp, %v", err)
	}
	q := search.Query{Type: "Slot", All: []search.Any{{search.CalendarOf(fhir.Key{}, 0, 1)}, {search.FreeOf(fhir.Key{}, 0, 1)}}, Sort: search.SoonestFree()}
	if uses := q.Uses()["Slot"]; !slices.Equal(uses, []string{"_calendar", "_free"}) || search.Owner(uses[0]) != uses[0] {
		t.Errorf("the query uses %v", uses)
	}
}
