package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// BenchmarkBooking measures how many appointments are booked in a second: POST Appointment with a slot that is free, and a service, so that each writes a Slot, an Appointment and
// a Task. Beside it, in every round, are measured two floors: the same three writes by the driver alone, without HTTP, rules or a look at what is there (writes/s
// counts three as one), and plain creates over HTTP of appointments that name no slot (creates/s). Figures of one machine say little about another; the ratios say more.
func BenchmarkBooking(b *testing.B) {
	for _, connections := range []int{16, 64} {
		b.Run(fmt.Sprint(connections), func(b *testing.B) { benchBooking(b, connections) })
	}
}

func benchBooking(b *testing.B, connections int) {
	count := 40_000
	if anystore.IsMongo() {
		count = 4_000
	}
	d := &diaryBench{running: startLogging(b, b.TempDir(), nil, io.Discard), from: time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 1, 0), count: count}
	d.fill(b)
	booked, created := connect(b, d.Address(), connections), connect(b, d.Address(), connections)
	var bookings, creates, writes tally
	press := func(into *tally, c *clients, pick func(*rand.Rand) []byte) {
		done, err := c.press(slice, pick)
		if err != nil {
			b.Fatal(err)
		}
		into.add(done)
	}
	for b.Loop() {
		press(&creates, created, func(*rand.Rand) []byte { return d.request(fhir.Resource{}) })
		press(&bookings, booked, func(*rand.Rand) []byte { return d.request(d.next(b)) })
		writes.add(d.write(b, connections))
	}
	b.ReportMetric(bookings.perSecond(), "bookings/s")
	b.ReportMetric(creates.perSecond(), "creates/s")
	b.ReportMetric(writes.perSecond(), "writes/s")
	b.ReportMetric(bookings.perSecond()/creates.perSecond(), "of-creates")
	b.ReportMetric(bookings.perSecond()/writes.perSecond(), "of-writes")
	b.ReportMetric(bookings.quantile(0.5).Seconds()*1000, "p50-ms")
	b.ReportMetric(bookings.quantile(0.99).Seconds()*1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// diaryBench is a server with slots of which each is booked once.
type diaryBench struct {
	*running
	from  time.Time
	count int
	used  atomic.Int64
}

const benchPartition = fhir.Partition(testSite + "/test")

// slotsOfSchedule is how many slots a Schedule has: those of some months.
const slotsOfSchedule = 1000

// slot is the one of a number, as its schedule has it.
func (d *diaryBench) slot(b *testing.B, number int) fhir.Resource {
	start := d.from.Add(time.Duration(number%slotsOfSchedule) * slotLength)
	return parsed(b, fmt.Sprintf(`{"resourceType":"Slot","id":"slot-%d","schedule":{"reference":"Schedule/schedule-%d"},"status":"free","start":%q,"end":%q}`,
		number, number/slotsOfSchedule, start.Format(time.RFC3339), start.Add(slotLength).Format(time.RFC3339)))
}

func parsed(b *testing.B, text string) fhir.Resource {
	r, err := fhir.ParseResource([]byte(text))
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// op writes a resource as the engine would.
func (d *diaryBench) op(r fhir.Resource, c storage.Condition) storage.Op {
	return storage.Op{Key: r.Key(), Resource: r, Entries: d.engine.Rules.Extract(r), Condition: c}
}

// fill makes the schedules and slots.
func (d *diaryBench) fill(b *testing.B) {
	b.Helper()
	ops := []storage.Op{d.op(parsed(b, `{"resourceType":"HealthcareService","id":"service","name":"Service"}`), storage.Condition{})}
	for i := range (d.count + slotsOfSchedule - 1) / slotsOfSchedule {
		ops = append(ops, d.op(parsed(b, fmt.Sprintf(`{"resourceType":"Schedule","id":"schedule-%d","actor":[{"reference":"Practitioner/doctor-%d"}]}`, i, i)), storage.Condition{}))
	}
	for i := range d.count {
		ops = append(ops, d.op(d.slot(b, i), storage.Condition{}))
	}
	d.commit(b, ops, 500)
}

// commit carries out operations, several at once where the store has transactions, and one by one, but with several hands, where it has none.
func (d *diaryBench) commit(b *testing.B, ops []storage.Op, atOnce int) {
	b.Helper()
	if !d.store.Transactions() {
		atOnce = 1
	}
	chunks := slices.Collect(slices.Chunk(ops, atOnce))
	var next atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(chunks)); i = next.Add(1) - 1 {
				if _, err := d.store.Commit(context.Background(), benchPartition, chunks[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// next is a slot that nobody has booked.
func (d *diaryBench) next(b *testing.B) fhir.Resource {
	number := d.used.Add(1) - 1
	if number >= int64(d.count) {
		b.Error("there are no more slots: take a shorter -benchtime")
		number = int64(d.count) - 1
	}
	return d.slot(b, int(number))
}

// appointment is one that takes a slot, or none.
func (d *diaryBench) appointment(id string, slot fhir.Resource) string {
	start, named := d.from, ""
	if id != "" {
		id = fmt.Sprintf(`"id":%q,`, id)
	}
	if !slot.IsZero() {
		start, _ = time.Parse(time.RFC3339, slot.Root().Text("start"))
		named = fmt.Sprintf(`"slot":[{"reference":%q}],`, slot.Key())
	}
	return fmt.Sprintf(`{"resourceType":"Appointment",%s"status":"booked","start":%q,"end":%q,%s"participant":[{"actor":{"reference":"Patient/patient"},"status":"accepted"},`+
		`{"actor":{"reference":"HealthcareService/service"},"status":"accepted"}]}`, id, start.Format(time.RFC3339), start.Add(slotLength).Format(time.RFC3339), named)
}

// request books a slot; the zero Resource stands for none.
func (d *diaryBench) request(slot fhir.Resource) []byte {
	return wireRequest(http.MethodPost, conformance.FHIRPath+"/Appointment", d.appointment("", slot))
}

// write is what the driver alone does for bookings, for the time of a slice.
func (d *diaryBench) write(b *testing.B, connections int) (total tally) {
	b.Helper()
	var mu sync.Mutex
	var group sync.WaitGroup
	begun := time.Now()
	for range connections {
		group.Go(func() {
			for time.Since(begun) < slice && !b.Failed() {
				slot := d.next(b)
				ops := d.threeWrites(b, slot)
				then := time.Now()
				atOnce := len(ops)
				if !d.store.Transactions() {
					atOnce = 1
				}
				for some := range slices.Chunk(ops, atOnce) {
					if _, err := d.store.Commit(context.Background(), benchPartition, some); err != nil {
						b.Error(err)
						return
					}
				}
				mu.Lock()
				total.latencies = append(total.latencies, time.Since(then))
				mu.Unlock()
			}
		})
	}
	group.Wait()
	total.took = time.Since(begun)
	return total
}

// threeWrites are those of a booking.
func (d *diaryBench) threeWrites(b *testing.B, slot fhir.Resource) []storage.Op {
	key := fhir.Key{Type: "Appointment", ID: "of-" + slot.ID()}
	appointment := parsed(b, d.appointment(key.ID, slot))
	task, _ := booking.Fulfilment(d.Config.BaseURL, key, appointment, fhir.Resource{}, fhir.InstantOf(time.Now()))
	return []storage.Op{
		d.op(booking.Take(slot, "busy", key, ""), storage.Condition{Version: 1}),
		d.op(appointment, storage.Condition{Absent: true}), d.op(task, storage.Condition{Absent: true}),
	}
}
