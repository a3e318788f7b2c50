package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/storage"
)

func TestModes(t *testing.T) {
	type kept struct{ all, writes bool }
	for interaction, want := range map[audit.Interaction]kept{
		audit.Read: {true, false}, audit.SearchType: {true, false}, audit.HistorySystem: {true, false}, audit.Operation: {true, false},
		audit.Create: {true, true}, audit.Update: {true, true}, audit.Patch: {true, true}, audit.Delete: {true, true}, audit.Login: {true, true},
	} {
		for _, outcome := range []audit.Outcome{audit.Success, audit.Refused, audit.Failed} {
			want := want
			if outcome != audit.Success {
				want.writes = true
			}
			for mode, want := range map[audit.Mode]bool{audit.All: want.all, audit.Writes: want.writes, audit.Off: false} {
				m := newMemory()
				trail := trailOf(t, m, func() time.Time { return start }, func(c *audit.Config) { c.Mode = mode })
				e := read("c", "1")
				e.Interaction, e.Outcome = interaction, outcome
				must(t, trail.Record(e))
				must(t, trail.Flush(t.Context()))
				if all, _ := m.events(t, partition); (len(all) == 1) != want {
					t.Errorf("mode %s, %s with outcome %d: %d events are kept", mode, interaction, outcome, len(all))
				}
			}
		}
	}
}

// What administrators do is kept with the writes, also where it succeeds.
func TestOperatingIsKept(t *testing.T) {
	m := newMemory()
	trail := trailOf(t, m, func() time.Time { return start }, func(c *audit.Config) { c.Mode = audit.Writes })
	e := audit.Event{Who: fhir.Principal{Partition: audit.NoSite, Client: "c"}, Interaction: audit.Operation, Detail: "create site elm"}
	must(t, trail.Record(e))
	must(t, trail.Flush(t.Context()))
	if all, _ := m.events(t, audit.NoSite); len(all) != 1 {
		t.Errorf("%d events are kept", len(all))
	}
}

func TestRecordedAsItWas(t *testing.T) {
	m := newMemory()
	trail := trailOf(t, m, func() time.Time { return start })
	first, second := read("c", "1"), read("c", "2")
	first.Who.Scopes, first.Who.Admin = fhir.Unlimited(), true
	first.Detail, first.Query = strings.Repeat("é", 600), strings.Repeat("x", 9000)
	early := read("c", "3")
	early.Instant = fhir.InstantOf(start) - 5
	nobody := read("", "4")
	nobody.Who.Partition = ""
	for _, e := range []audit.Event{first, second, early, nobody} {
		must(t, trail.Record(e))
	}
	must(t, trail.Flush(t.Context()))
	must(t, trail.Flush(t.Context()))

	first.Instant, second.Instant, nobody.Instant = fhir.InstantOf(start), fhir.InstantOf(start)+1, fhir.InstantOf(start)+2 // none like another
	first.Who.Scopes, first.Who.Admin = nil, false
	first.Detail, first.Query = strings.Repeat("é", 512), strings.Repeat("x", 8192)
	nobody.Who.Partition = audit.NoSite
	got, blocks := m.events(t, partition)
	if diff := cmp.Diff([]audit.Event{early, first, second}, got); diff != "" || blocks != 1 {
		t.Errorf("%d blocks; events (-want +got):\n%s", blocks, diff)
	}
	got, _ = m.events(t, audit.NoSite)
	if diff := cmp.Diff([]audit.Event{nobody}, got); diff != "" {
		t.Errorf("without a site (-want +got):\n%s", diff)
	}
}

// TestManyPatients: who shows the data of very many patients leaves several events, of which each fits into a block that can be read; and a search for one of the
// patients finds it.
func TestManyPatients(t *testing.T) {
	m := newMemory()
	trail := trailOf(t, m, func() time.Time { return start })
	all := patients(280_001)
	e := read("c", "1")
	e.Patients = all
	must(t, trail.Record(e))
	must(t, trail.Flush(t.Context()))
	must(t, trail.Record(read("c", "2")))
	got, _ := m.events(t, partition)
	var seen []string
	for _, part := range got {
		if len(part.Patients) > mostPatients || part.Who.Request != e.Who.Request || part.Key != e.Key {
			t.Fatalf("an event of %s has %d patients", part.Key, len(part.Patients))
		}
		seen = append(seen, part.Patients...)
	}
	if !slices.Equal(seen, all) || len(got) != 94 {
		t.Errorf("%d events tell of %d patients", len(got), len(seen))
	}
	for name, r := range m.records {
		if len(r.Value) > 1<<20 {
			t.Errorf("%s has %d bytes", name, len(r.Value))
		}
	}
	for _, query := range []string{"patient=Patient/" + all[0], "patient=Patient/" + all[280_000], "patient=Patient/2"} {
		page, err := trail.Over(m).Search(t.Context(), partition, parse(t, trail, query), storage.PageRequest{Limit: 9})
		if err != nil || len(page.Versions) != 1 {
			t.Errorf("%s finds %d: %v", query, len(page.Versions), err)
		}
	}
}

// TestBlocksAtTheirBounds: whatever is recorded, however long, many and different, it can be read again.
func TestBlocksAtTheirBounds(t *testing.T) {
	long := func(n, from int) string { return strings.Repeat(string(rune('a'+from%26)), n) + fmt.Sprint(from) }
	for _, test := range []struct {
		name   string
		events int
		texts  int
		ids    int
	}{{"all is long", 30, 20_000, mostPatients}, {"the texts are long", 300, 20_000, 0}, {"many small ones", 5000, 1, 1}, {"nothing in them", 5000, 0, 0}, {"many patients again and again", 20, 2, mostPatients}} {
		t.Run(test.name, func(t *testing.T) {
			m, now := newMemory(), start
			trail := trailOf(t, m, func() time.Time { return now })
			for i := range test.events {
				now = now.Add(15 * time.Millisecond)
				e := audit.Event{Who: fhir.Principal{Partition: partition}, Interaction: audit.Read, Number: math.MaxInt64, Outcome: audit.Failed, Patients: patients(test.ids)}
				if test.texts > 0 {
					for at, text := range []*string{&e.Who.Client, &e.Who.Request, &e.Who.Address, &e.Key.Type, &e.Key.ID, &e.Query, &e.Detail} {
						*text = long(test.texts, 7*i+at)
					}
				}
				must(t, trail.Record(e))
			}
			must(t, trail.Flush(t.Context()))
			if all, _ := m.events(t, partition); len(all) != test.events {
				t.Errorf("%d of %d can be read", len(all), test.events)
			}
		})
	}
}

// TestBlocksGrow: what is recorded in the next half second goes into the same block, while it is small and young.
func TestBlocksGrow(t *testing.T) {
	m, now := newMemory(), start
	trail := trailOf(t, m, func() time.Time { return now })
	n := 0
	record := func(events int) {
		for range events {
			n++
			must(t, trail.Record(read("c", fmt.Sprint(n))))
		}
		must(t, trail.Flush(t.Context()))
	}
	for _, step := range []struct {
		later  time.Duration
		events int
		blocks int
	}{
		{0, 5, 1}, {time.Second, 5, 1}, {time.Second, 600, 1}, {time.Second, 5, 2}, {time.Second, 5, 2}, {29 * time.Second, 5, 3}, {time.Second, 4100, 5}, {-time.Hour, 5, 6},
	} {
		now = now.Add(step.later)
		record(step.events)
		if got, blocks := m.events(t, partition); blocks != step.blocks || len(got) != n {
			t.Errorf("after %d more: %d blocks with %d events, want %d with %d", step.events, blocks, len(got), step.blocks, n)
		}
	}
}

// TestNothingIsLostOrDoubled: however writing fails, before or after the store has done it, each event is written once in the end.
func TestNothingIsLostOrDoubled(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m, now := newMemory(), start
		var failing bool
		unavailable := fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "Out of reach.")
		m.fail = func(int64) (before, after error) {
			if !failing {
				return nil, nil
			}
			switch rapid.IntRange(0, 2).Draw(rt, "fails") {
			case 1:
				return unavailable, nil
			case 2:
				return nil, unavailable
			}
			return nil, nil
		}
		trail := trailOf(t, m, func() time.Time { return now })
		n := 0
		for range rapid.IntRange(1, 12).Draw(rt, "flushes") {
			for range rapid.SampledFrom([]int{0, 1, 3, 300, 2100}).Draw(rt, "events") {
				n++
				e := read("c", fmt.Sprint(n))
				e.Who.Partition = rapid.SampledFrom([]fhir.Partition{"a/test", "b/test"}).Draw(rt, "partition")
				must(t, trail.Record(e))
			}
			failing = rapid.Bool().Draw(rt, "failing")
			err := trail.Flush(t.Context())
			if !failing && err != nil {
				rt.Fatal(err)
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(rt, "seconds")) * time.Second)
		}
		failing = false
		must(t, trail.Flush(t.Context()))
		seen := make(map[string]int)
		for _, p := range []fhir.Partition{"a/test", "b/test"} {
			all, _ := m.events(t, p)
			for _, e := range all {
				seen[e.Key.ID]++
			}
		}
		for i := range n {
			if seen[fmt.Sprint(i+1)] != 1 {
				rt.Fatalf("event %d of %d is written %d times", i+1, n, seen[fmt.Sprint(i+1)])
			}
		}
	})
}

// TestOneBlockFails: where a block of one partition cannot be written, the others are found and kept as before.
func TestOneBlockFails(t *testing.T) {
	m := newMemory()
	trail := trailOf(t, m, func() time.Time { return start })
	other := read("c", "1")
	other.Who.Partition = "other/live"
	m.deaf = other.Who.Partition
	must(t, trail.Record(other))
	must(t, trail.Record(read("c", "2")))
	search := func(p fhir.Partition) (int, error) {
		page, err := trail.Over(m).Search(t.Context(), p, parse(t, trail, ""), storage.PageRequest{Limit: 9})
		return len(page.Versions), err
	}
	if n, err := search(partition); n != 1 || err != nil {
		t.Errorf("beside a partition whose block cannot be written, %d are found: %v", n, err)
	}
	if _, err := search(m.deaf); !errors.Is(err, fhir.Unavailable) {
		t.Errorf("where the block cannot be written: %v", err)
	}
	if err := trail.Flush(t.Context()); !errors.Is(err, fhir.Unavailable) {
		t.Errorf("Flush: %v", err)
	}
	m.deaf = ""
	if n, err := search("other/live"); n != 1 || err != nil {
		t.Errorf("when it can be written, %d are found: %v", n, err)
	}
}

// TestBlockIsGone: a block that grows and whose record is gone, for it was too old, is written anew.
func TestBlockIsGone(t *testing.T) {
	m := newMemory()
	trail := trailOf(t, m, func() time.Time { return start })
	must(t, trail.Record(read("c", "1")))
	must(t, trail.Flush(t.Context()))
	clear(m.records)
	for n := 2; n <= 3; n++ {
		must(t, trail.Record(read("c", fmt.Sprint(n))))
		must(t, trail.Flush(t.Context()))
		if all, _ := m.events(t, partition); len(all) != n {
			t.Errorf("%d events are written, want %d", len(all), n)
		}
	}
}

// TestRefusedWhenFull: what cannot be recorded is not done; and when the store is well again, it goes on.
func TestRefusedWhenFull(t *testing.T) {
	m := newMemory()
	m.fail = func(int64) (before, after error) {
		return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "Out of reach."), nil
	}
	trail := trailOf(t, m, func() time.Time { return start })
	e := read("c", "1")
	e.Query = strings.Repeat("x", 8000)
	n := 0
	var refusal error
	for ; refusal == nil && n < 100_000; n++ {
		if refusal = trail.Record(e); n%3000 == 0 && trail.Flush(t.Context()) == nil {
			t.Fatal("a flush succeeds though the store fails")
		}
	}
	if n < 5000 || n > 20_000 || !errors.Is(refusal, fhir.Unavailable) {
		t.Fatalf("after %d events of 8 KB: %v", n, refusal)
	}
	m.fail = nil
	must(t, trail.Flush(t.Context()))
	must(t, trail.Record(e))
	must(t, trail.Flush(t.Context()))
	if all, _ := m.events(t, partition); len(all) != n {
		t.Errorf("%d events are kept, want %d", len(all), n)
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var log bytes.Buffer
		trail := trailOf(t, m, time.Now, func(c *audit.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { trail.Run(ctx) })
		written := func() int {
			synctest.Wait()
			m.mu.Lock()
			n := len(m.records)
			m.mu.Unlock()
			if n == 0 {
				return 0
			}
			all, _ := m.events(t, partition)
			return len(all)
		}
		must(t, trail.Record(read("c", "1")))
		if n := written(); n != 0 {
			t.Errorf("%d events are written at once", n)
		}
		time.Sleep(510 * time.Millisecond)
		if n := written(); n != 1 {
			t.Errorf("after half a second %d events are written", n)
		}

		large := read("c", "2")
		large.Query = strings.Repeat("x", 8000)
		for range 600 {
			must(t, trail.Record(large))
		}
		if n := written(); n < 500 {
			t.Errorf("though much waits, %d events are written", n)
		}

		m.mu.Lock()
		m.fail = func(int64) (before, after error) { return errors.New("out of order"), nil }
		m.mu.Unlock()
		must(t, trail.Record(read("c", "3")))
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if n := strings.Count(log.String(), "cannot be written"); n != 2 {
			t.Errorf("in 90 seconds the log is told %d times that nothing can be written:\n%s", n, &log)
		}
		m.mu.Lock()
		m.fail = nil
		m.mu.Unlock()
		time.Sleep(time.Second)
		if n := written(); n != 602 || !strings.Contains(log.String(), "written again") {
			t.Errorf("%d events are written; the log:\n%s", n, &log)
		}

		must(t, trail.Record(read("c", "4")))
		stop()
		running.Wait()
		if n := written(); n != 603 {
			t.Errorf("in the end %d events are written", n)
		}
	})
}

// eventless is a store that tells of no writes, for it fails.
type eventless struct{ *memory }

func (eventless) Events(context.Context, int64, int) ([]storage.Event, error) { return nil, errDied }

// TestRunComplainsOfEach: while reads are written and writes are not, the log is told so once in a while, and never that all is well.
func TestRunComplainsOfEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		trail := trailOf(t, eventless{newMemory()}, time.Now, func(c *audit.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { trail.Run(ctx) })
		large := read("c", "1")
		large.Query = strings.Repeat("x", 8000)
		for range 9 {
			time.Sleep(10 * time.Second)
			for range 600 { // so much that it is written at once
				must(t, trail.Record(large))
			}
			synctest.Wait()
		}
		stop()
		running.Wait()
		if n := strings.Count(log.String(), "cannot be written"); n != 2 || strings.Contains(log.String(), "written again") {
			t.Errorf("in 90 seconds the log is told %d times:\n%s", n, &log)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	trail := trailOf(b, newMemory(), time.Now)
	e := read("c", "1")
	b.ReportAllocs()
	for b.Loop() {
		if trail.Record(e) != nil { // full
			b.StopTimer()
			must(b, trail.Flush(b.Context()))
			b.StartTimer()
		}
	}
}

// BenchmarkFlush writes 10 000 reads of 1 000 patients, and tells how many bytes of the store each takes.
func BenchmarkFlush(b *testing.B) {
	m := newMemory()
	trail := trailOf(b, m, time.Now)
	bytes := 0
	for b.Loop() {
		for i := range 10_000 {
			e := read("test_3kTMd0c7XQpZ4RrX2aLbQ1", fhir.NewID(start.Add(time.Duration(i%1000)*time.Second)))
			e.Who.Request = fhir.NewID(start)
			must(b, trail.Record(e))
		}
		must(b, trail.Flush(b.Context()))
	}
	for name, r := range m.records {
		bytes += len(name) + len(r.Value)
	}
	b.ReportMetric(float64(bytes)/float64(10_000*b.N), "bytes/event")
}
