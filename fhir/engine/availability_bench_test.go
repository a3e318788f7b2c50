//go:build unix

package engine

import (
	"context"
	"database/sql" //nolint:depguard // the floor of a benchmark is the driver alone
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage/sqlite"
)

// diarySlots is how many slots the benchmarks of free time have: PORTICO_TEST_SOAK asks for as many as the figures are of.
func diarySlots() (practitioners, each int) {
	if os.Getenv("PORTICO_TEST_SOAK") != "" {
		return 500, 2_000
	}
	return 100, 200
}

const (
	benchAreas    = 40
	benchServices = 5
	benchDay      = 24 // slots of twenty minutes, from eight o'clock on
	benchClients  = 16
	benchTimes    = 20 // of a page
)

// benchSlot is the n-th slot of a practitioner: three of ten are taken.
func benchSlot(practitioner, n int) string {
	start := n/benchDay*24*60 + n%benchDay*20
	status := "free"
	if (n*7+practitioner)%10 < 3 {
		status = "busy"
	}
	return slotJSON(fmt.Sprintf("slot-%03d-%05d", practitioner, n), fmt.Sprintf("schedule-%03d", practitioner), status, start+20, start+40, "")
}

// newClinics is an engine on a file with practitioners in postal districts, each with two services, and their slots.
func newClinics(b *testing.B, practitioners, each int) (e *Engine, path string) {
	b.Helper()
	rules, err := search.NewRules(search.Config{Types: calendar, BaseURL: "http://example.org/fhir"})
	if err != nil {
		b.Fatal(err)
	}
	path = filepath.Join(b.TempDir(), "clinics.db")
	store, err := sqlite.Open(b.Context(), sqlite.Config{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	e, err = New(b.Context(), Config{
		Store: store, Rules: rules, Validator: validate.New(), Types: calendar, Now: func() time.Time { return tuesday },
		NewID: fhir.NewID, SearchBudget: DefaultSearchBudget, MaxIncludes: DefaultMaxIncludes,
	})
	if err != nil {
		b.Fatal(err)
	}
	for i := range benchServices {
		stow(b, e, serviceJSON(fmt.Sprintf("service-%d", i), 0, ""))
	}
	for i := range benchAreas {
		stow(b, e, locationJSON(fmt.Sprintf("location-%d", i), fmt.Sprintf("LS%d 4AP", i)))
	}
	for p := range practitioners {
		stow(b, e, scheduleJSON(fmt.Sprintf("schedule-%03d", p), "", fmt.Sprintf("Practitioner/practitioner-%03d", p),
			fmt.Sprintf("HealthcareService/service-%d", p/benchAreas%benchServices), fmt.Sprintf("HealthcareService/service-%d", (p/benchAreas+1)%benchServices), fmt.Sprintf("Location/location-%d", p%benchAreas)))
		for n := 0; n < each; {
			var texts []string
			for ; n < each && len(texts) < 1_000; n++ {
				texts = append(texts, benchSlot(p, n))
			}
			stow(b, e, texts...)
		}
	}
	return e, path
}

// askedBy has so many clients ask all at once, and reports how long they waited and what it cost.
func askedBy(b *testing.B, clients int, ask func(ctx context.Context, r *rand.Rand) error) {
	b.Helper()
	const rounds = 20
	var mu sync.Mutex
	var waits []time.Duration
	before := cpuTime(b)
	for b.Loop() {
		var all sync.WaitGroup
		for client := range clients {
			all.Go(func() {
				r := rand.New(rand.NewPCG(uint64(client), uint64(len(waits))))
				own := make([]time.Duration, rounds)
				for i := range own {
					begin := time.Now()
					if err := ask(b.Context(), r); err != nil {
						b.Error(err)
						return
					}
					own[i] = time.Since(begin)
				}
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, own...)
			})
		}
		all.Wait()
	}
	if len(waits) == 0 {
		return
	}
	slices.Sort(waits)
	b.ReportMetric(float64(waits[len(waits)/2].Microseconds()), "µs-median")
	b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "µs-p99")
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(len(waits)), "µs-CPU")
	b.ReportMetric(0, "ns/op") // of a round, which says nothing
}

// cpuTime is that of the process.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// someWeek is free time of a service, in a postal district, within a week.
func someWeek(r *rand.Rand, each int) Wanted {
	from := fhir.InstantOf(tuesday.AddDate(0, 0, r.IntN(max(1, each/benchDay-7))))
	return Wanted{
		From: from, To: from + fhir.Instant((7 * 24 * time.Hour).Microseconds()), Limit: benchTimes, PostalArea: fmt.Sprintf("LS%d", r.IntN(benchAreas)),
		Services: keysOf("HealthcareService", fmt.Sprintf("service-%d", r.IntN(benchServices))),
	}
}

// rawCalendars is the floor: the driver is asked for the same rows, where it is known which schedules have them.
type rawCalendars struct{ rows *sql.Stmt }

func newRawCalendars(b *testing.B, path string) rawCalendars {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=mmap_size(1073741824)")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(benchClients)
	db.SetMaxIdleConns(benchClients)
	rows, err := db.PrepareContext(b.Context(), `SELECT v.body FROM ordered s CROSS JOIN version v ON v.instant = s.instant
		WHERE s.param = (SELECT number FROM name WHERE partition = ? AND type = 'Slot' AND param = '_free') AND s.class = 0 AND s.low >= ? AND s.low < ? ORDER BY s.low LIMIT ?`)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = rows.Close(), db.Close() })
	return rawCalendars{rows}
}

// read reads as many free slots of each schedule as the engine reads for a page of so many times.
func (c rawCalendars) read(ctx context.Context, schedules []fhir.Version, from, to fhir.Instant, limit int) error {
	for _, v := range schedules {
		bounds := search.FreeOf(v.Key, from, to).(search.Between)
		rows, err := c.rows.QueryContext(ctx, string(carol.Partition), bounds.LowFrom, bounds.LowTo, min(limit/len(schedules)+fewestAtOnce, mostAtOnce))
		if err != nil {
			return err
		}
		for rows.Next() {
			var body sql.RawBytes
			if err := rows.Scan(&body); err != nil {
				return errors.Join(err, rows.Close())
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// schedulesFor are those of which the engine reads the calendars.
func schedulesFor(b *testing.B, e *Engine, w Wanted) []fhir.Version {
	b.Helper()
	l := looking{finder: e.finder(b.Context(), carol), wanted: w}
	q, err := l.scheduled()
	if err != nil {
		b.Fatal(err)
	}
	found, err := l.some(*q, mostSchedules)
	if err != nil {
		b.Fatal(err)
	}
	return found
}

// BenchmarkAvailability looks for the first times of a service in a postal district, within a week, among all slots.
func BenchmarkAvailability(b *testing.B) {
	practitioners, each := diarySlots()
	e, path := newClinics(b, practitioners, each)
	b.Run("Engine", func(b *testing.B) {
		askedBy(b, benchClients, func(ctx context.Context, r *rand.Rand) error {
			_, _, err := e.availability(ctx, carol, someWeek(r, each))
			return err
		})
	})
	b.Run("Floor", func(b *testing.B) {
		raw, schedules := newRawCalendars(b, path), make(map[string][]fhir.Version)
		name := func(w Wanted) string { return w.Services[0].ID + " " + w.PostalArea }
		for area := range benchAreas {
			for s := range benchServices {
				w := Wanted{PostalArea: fmt.Sprintf("LS%d", area), Services: keysOf("HealthcareService", fmt.Sprintf("service-%d", s))}
				schedules[name(w)] = schedulesFor(b, e, w)
			}
		}
		askedBy(b, benchClients, func(ctx context.Context, r *rand.Rand) error {
			w := someWeek(r, each)
			return raw.read(ctx, schedules[name(w)], w.From, w.To, benchTimes)
		})
	})
}

// BenchmarkFind proposes the next fifty appointments of two hundred practitioners, within a week, to one client at a time. It determines a thousand.
func BenchmarkFind(b *testing.B) {
	e, path := newClinics(b, 200, 100)
	week := FindRequest{From: at(0), To: at(7 * 24 * 60)}
	b.Run("Engine", func(b *testing.B) {
		askedBy(b, 1, func(ctx context.Context, _ *rand.Rand) error {
			found, err := e.Find(ctx, carol, week)
			if err == nil && len(found.Appointments) != DefaultProposals {
				err = fmt.Errorf("%d are found", len(found.Appointments))
			}
			return err
		})
	})
	b.Run("Floor", func(b *testing.B) {
		raw, schedules := newRawCalendars(b, path), schedulesFor(b, e, Wanted{})
		askedBy(b, 1, func(ctx context.Context, _ *rand.Rand) error {
			return raw.read(ctx, schedules, week.From, week.To, MaxDetermined)
		})
	})
}
