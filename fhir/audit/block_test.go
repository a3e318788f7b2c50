package audit_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
)

// start is when the tests begin.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const partition = fhir.Partition("demo/test")

// someEvents draws events of one partition, ascending by instants that are close.
func someEvents(t *rapid.T) []audit.Event {
	text := rapid.SampledFrom([]string{"", "a", "b", "Patient", "Slot", "name=é%20x", strings.Repeat("long ", 400)})
	count := rapid.IntRange(1, 40).Draw(t, "count")
	at := fhir.InstantOf(start)
	var events []audit.Event
	for range count {
		at += fhir.Instant(rapid.IntRange(0, 1_000_000).Draw(t, "later") % 700_000)
		events = append(events, audit.Event{
			Instant: at,
			Who: fhir.Principal{
				Partition: partition, Client: text.Draw(t, "client"), Request: rapid.StringN(0, 64, 64).Draw(t, "request"), Address: text.Draw(t, "address"),
			},
			Interaction: audit.Interaction(text.Draw(t, "interaction")),
			Key:         fhir.Key{Type: text.Draw(t, "type"), ID: rapid.StringMatching(`[a-z]{0,3}`).Draw(t, "id")},
			Number:      int64(rapid.IntRange(0, 1<<40).Draw(t, "number")),
			Query:       text.Draw(t, "query"),
			Patients:    rapid.SliceOfN(rapid.StringMatching(`[a-z]{0,3}`), 0, 9).Draw(t, "patients"),
			Outcome:     rapid.SampledFrom([]audit.Outcome{audit.Success, audit.Refused, audit.Failed}).Draw(t, "outcome"),
			Detail:      text.Draw(t, "detail"),
		})
	}
	return events
}

func TestBlockRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := someEvents(t)
		mark := int64(rapid.IntRange(0, 1<<50).Draw(t, "mark"))
		value := audit.Encode(events, mark)
		got, gotMark, err := audit.Decode(partition, value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(events, got, cmpopts.EquateEmpty()); diff != "" || gotMark != mark {
			t.Fatalf("mark %d, %d; events (-want +got):\n%s", mark, gotMark, diff)
		}
		for _, e := range events {
			for _, id := range e.Patients {
				if !audit.MayHave(value, id) {
					t.Fatalf("the set of terms lacks patient %q", id)
				}
			}
		}
	})
}

// TestTermsAreRare: a set that says yes too often would have every block unpacked.
func TestTermsAreRare(t *testing.T) {
	var events []audit.Event
	for i := range 2000 {
		events = append(events, audit.Event{Instant: fhir.InstantOf(start) + fhir.Instant(i), Patients: []string{fmt.Sprintf("p%d", i)}})
	}
	value := audit.Encode(events, 0)
	wrong := 0
	for i := range 10_000 {
		if audit.MayHave(value, fmt.Sprintf("q%d", i)) {
			wrong++
		}
	}
	if wrong > 200 {
		t.Errorf("of 10 000 patients who are not in the block, it may have %d", wrong)
	}
}

func TestBlocksAreBounded(t *testing.T) {
	for _, test := range []struct {
		name   string
		count  int
		gap    time.Duration
		query  int // bytes of it
		blocks int
	}{
		{"few", 10, time.Millisecond, 0, 1},
		{"many", 4001, time.Microsecond, 0, 3},
		{"far from each other", 4, 31 * time.Second, 0, 4},
		{"large", 100, time.Microsecond, 8 << 10, 4},
		{"as large as a block", 3, time.Microsecond, 250 << 10, 3},
		{"larger than a block", 3, time.Microsecond, 300 << 10, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMemory()
			trail := trailOf(t, m, func() time.Time { return start })
			var want []audit.Event
			for i := range test.count {
				e := read("c", fmt.Sprint(i))
				e.Instant = fhir.InstantOf(start.Add(time.Duration(i) * test.gap))
				e.Patients = []string{strings.Repeat("x", test.query)}
				want = append(want, e)
			}
			for i := range want {
				must(t, trail.Record(want[len(want)-1-i]))
			}
			must(t, trail.Flush(t.Context()))
			got, blocks := m.events(t, partition)
			if blocks != test.blocks {
				t.Errorf("%d blocks, want %d", blocks, test.blocks)
			}
			if !reflect.DeepEqual(want, got) {
				t.Error("the events are others than were recorded")
			}
		})
	}
}

func TestNamesOfBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := fhir.Instant(rapid.Int64Range(0, 1<<52).Draw(t, "a")), fhir.Instant(rapid.Int64Range(0, 1<<52).Draw(t, "b"))
		x, y := audit.BlockID(a, "x"), audit.BlockID(b, "x")
		if a != b && (a < b) != (x > y) {
			t.Fatalf("%d, %d are named %s, %s: the newest comes first", a, b, x, y)
		}
		if first, ok := audit.FirstOf(x); !ok || first != a {
			t.Fatalf("%s tells %d (%v), want %d", x, first, ok, a)
		}
		place := rapid.IntRange(0, 1999).Draw(t, "place")
		id := audit.EventID(x, place)
		if block, got, ok := audit.PlaceOf(id); !ok || block != x || got != place || !fhir.ValidID(id) {
			t.Fatalf("%s is read as %s, %d, %v", id, block, got, ok)
		}
	})
	for _, id := range []string{"", "1", "-0001", "0123456-0001", "0123456789-1", "0123456789-000x", "0123456789-+001", "0123456789+0001", "0123/56789-0001"} {
		if _, _, ok := audit.PlaceOf(id); ok {
			t.Errorf("%q is taken for the id of an event", id)
		}
	}
}

func TestPartitionsAreApart(t *testing.T) {
	names := []fhir.Partition{"a", "a/", "a/b", "a/b/c", "a%2Fb", "a/live", "A/live", "a/livelier", ""}
	for _, x := range names {
		for _, y := range names {
			if x != y && strings.HasPrefix(audit.BlockPrefix(x), audit.BlockPrefix(y)) {
				t.Errorf("blocks of %q are found among those of %q", x, y)
			}
		}
	}
}

func FuzzBlock(f *testing.F) {
	at := fhir.InstantOf(start)
	f.Add(audit.Encode([]audit.Event{{Instant: at, Query: "a", Patients: []string{"1", "2"}}, {Instant: at + 5, Patients: []string{"2"}}}, 7))
	f.Add([]byte{1, 1})
	f.Fuzz(func(t *testing.T, value []byte) {
		events, mark, err := audit.Decode(partition, value)
		if err != nil {
			return
		}
		again, againMark, err := audit.Decode(partition, audit.Encode(events, mark))
		if err != nil || againMark != mark {
			t.Fatalf("mark %d, %d; error %v", mark, againMark, err)
		}
		if diff := cmp.Diff(events, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}
