//go:build unix

package engine

import (
	"context"
	"database/sql"
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
	"github.com/portico-health/portico/storage"
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

// askedBy has clients ask all at once, and reports how long they waited and what it cost.
func askedBy(b *testing.B, ask func(ctx context.Context, r *rand.Rand) error) {
	b.Helper()
	const rounds = 20
	var mu sync.Mutex
	var waits []time.Duration
	before := cpuTime(b)
	for b.Loop() {
		var all sync.WaitGroup
		for client := range benchClients {
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

// BenchmarkAvailability looks for the first times of a service in a postal district, within a week, among all slots.
func BenchmarkAvailability(b *testing.B) {
	practitioners, each := diarySlots()
	e, path := newClinics(b, practitioners, each)
	b.Run("Engine", func(b *testing.B) {
		askedBy(b, func(ctx context.Context, r *rand.Rand) error {
			_, _, err := e.availability(ctx, carol, someWeek(r, each))
			return err
		})
	})
	b.Run("Floor", func(b *testing.B) { benchmarkRawCalendars(b, e, path, each) })
}

// benchmarkRawCalendars is the floor of BenchmarkAvailability: the driver is asked for the same rows, where it is known which schedules have them.
func benchmarkRawCalendars(b *testing.B, e *Engine, path string, each int) {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=mmap_size(1073741824)")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(benchClients)
	db.SetMaxIdleConns(benchClients)
	rows, err := db.PrepareContext(b.Context(), `SELECT v.body FROM ordered s CROSS JOIN version v ON v.instant = s.instant
		WHERE s.param = (SELECT number FROM name WHERE partition = ? AND type = 'Slot' AND param = '_free') AND s.class = 0 AND s.low >= ? AND s.low < ? ORDER BY s.low LIMIT ?`)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	schedules := make(map[string][]fhir.Version)
	known := func(w Wanted) []fhir.Version { return schedules[w.Services[0].ID+w.PostalArea] }
	for area := range benchAreas {
		for s := range benchServices {
			w := Wanted{PostalArea: fmt.Sprintf("LS%d", area), Services: keysOf("HealthcareService", fmt.Sprintf("service-%d", s))}
			l := looking{finder: e.finder(b.Context(), carol), wanted: w}
			q, err := l.scheduled()
			if err != nil {
				b.Fatal(err)
			}
			found, err := e.Store.Search(b.Context(), carol.Partition, *q, storage.PageRequest{Limit: 100})
			if err != nil {
				b.Fatal(err)
			}
			schedules[w.Services[0].ID+w.PostalArea] = found.Versions
		}
	}
	askedBy(b, func(ctx context.Context, r *rand.Rand) error {
		w := someWeek(r, each)
		all := known(w)
		for _, v := range all {
			bounds := search.FreeOf(v.Key, w.From, w.To).(search.Between)
			if err := readAll(ctx, rows, string(carol.Partition), bounds.LowFrom, bounds.LowTo, min(benchTimes/len(all)+fewestAtOnce, mostAtOnce)); err != nil {
				return err
			}
		}
		return nil
	})
}

func readAll(ctx context.Context, s *sql.Stmt, args ...any) error {
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var body sql.RawBytes
		if err := rows.Scan(&body); err != nil {
			return err
		}
	}
	return rows.Err()
}

// BenchmarkFind proposes the next fifty appointments of two hundred practitioners, within a week.
func BenchmarkFind(b *testing.B) {
	e, _ := newClinics(b, 200, 100)
	b.ResetTimer()
	for b.Loop() {
		found, err := e.Find(b.Context(), carol, FindRequest{From: at(0), To: at(7 * 24 * 60)})
		if err != nil || len(found.Appointments) != DefaultProposals {
			b.Fatalf("%d, %v", len(found.Appointments), err)
		}
	}
}
