package sqlite_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sqlitedriver "modernc.org/sqlite"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// appointment is an operation as the engine makes it for a resource of 1.6 KB: 23 terms, a date.
func appointment(i int) storage.Op {
	id := fmt.Sprintf("appointment-%08d", i)
	op := storage.Op{Key: key(id), Condition: storage.Condition{Absent: true}, Origin: "create live_2cV9xQ4mT7bK1nR8sW3yZ6 7f3c9b1e-ward-4 203.0.113.17"}
	op.Resource = fhir.NewResource(fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: "Appointment"},
		fhir.Member{Name: "id", Value: id},
		fhir.Member{Name: "comment", Value: strings.Repeat("word ", 300)}))
	token := func(param, system, code string) {
		for _, v := range []string{code, system + "|" + code, system + "|"} {
			op.Entries.Terms = append(op.Entries.Terms, search.Term{Param: param, Value: v})
		}
	}
	token("identifier", "https://example.org/appointments", fmt.Sprint(i))
	token("status", "http://hl7.org/fhir/appointmentstatus", []string{"booked", "fulfilled", "cancelled"}[i%3])
	token("service-type", "https://example.org/services", fmt.Sprint(i%20))
	token("part-status", "http://hl7.org/fhir/participationstatus", "accepted")
	token("appointment-type", "http://terminology.hl7.org/CodeSystem/v2-0276", "ROUTINE")
	for param, reference := range map[string]string{"patient": "Patient/", "practitioner": "Practitioner/", "location": "Location/"} {
		reference += fmt.Sprint(i % 1_000)
		op.Entries.Terms = append(op.Entries.Terms, search.Term{Param: param, Value: reference}, search.Term{Param: "actor", Value: reference})
	}
	op.Entries.Terms = append(op.Entries.Terms, search.Term{Param: "slot", Value: fmt.Sprint("Slot/", i)})
	start := fhir.Instant(i%10_000) * 900_000_000
	op.Entries.Ranges = []search.Range{{Param: "date", Interval: fhir.Interval{Low: start, High: start + 1_000_000}}}
	return op
}

// filled is a store with n appointments.
func filled(b *testing.B, path string, n int) *sqlite.Store {
	b.Helper()
	store := open(b, sqlite.Config{Path: path})
	for i := 0; i < n; {
		var ops []storage.Op
		for range 500 {
			ops, i = append(ops, appointment(i)), i+1
		}
		if _, err := store.Commit(b.Context(), home, ops); err != nil {
			b.Fatal(err)
		}
	}
	return store
}

const many = 20_000

// BenchmarkFloor is a point read by the driver itself: what no store on it can go below.
func BenchmarkFloor(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.db")
	filled(b, path, many)
	conn, err := new(sqlitedriver.Driver).Open("file:" + path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	statement, err := conn.Prepare("SELECT number, instant, method, body FROM version WHERE partition = ? AND type = ? AND id = ? ORDER BY number DESC LIMIT 1")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = statement.Close() }()
	row, n := make([]driver.Value, 4), 0
	for b.Loop() {
		n++
		rows, err := statement.Query([]driver.Value{string(home), "Appointment", appointmentID(n)}) //nolint:staticcheck // the driver's own interface, without database/sql
		if err != nil {
			b.Fatal(err)
		}
		if err := rows.Next(row); err != nil {
			b.Fatal(err)
		}
		if err := rows.Next(row); !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
		_ = rows.Close()
	}
}

// appointmentID is that of some appointment, another one for each n.
func appointmentID(n int) string { return fmt.Sprintf("appointment-%08d", n*7919%many) }

func BenchmarkRead(b *testing.B) {
	store, n := filled(b, "", many), 0
	for b.Loop() {
		n++
		if _, err := store.Read(b.Context(), home, key(appointmentID(n))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSearch asks what users ask.
func BenchmarkSearch(b *testing.B) {
	store := filled(b, "", many)
	equal := func(param, value string) search.Any { return search.Any{search.Equal{Param: param, Value: value}} }
	from, to := fhir.Instant(5_000)*900_000_000, fhir.Instant(5_672)*900_000_000
	week := []search.Any{
		{search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: from + 1, HighTo: fhir.End}},
		{search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: to - 1, HighFrom: fhir.Beginning, HighTo: fhir.End}},
	}
	for _, c := range []struct {
		name  string
		query func(n int) search.Query
	}{
		{"identifier", func(n int) search.Query {
			return search.Query{All: []search.Any{equal("identifier", fmt.Sprint("https://example.org/appointments|", n*7919%many))}}
		}},
		{"patient/20", func(n int) search.Query {
			return search.Query{All: []search.Any{equal("patient", fmt.Sprint("Patient/", n%1_000))}}
		}},
		{"patient+status", func(n int) search.Query {
			return search.Query{All: []search.Any{equal("patient", fmt.Sprint("Patient/", n%1_000)), equal("status", "booked")}}
		}},
		{"newest/50", func(int) search.Query { return search.Query{} }},
		{"status/50", func(int) search.Query { return search.Query{All: []search.Any{equal("status", "booked")}} }},
		{"week/50", func(int) search.Query {
			return search.Query{All: week, Sort: []search.SortKey{{Param: "date"}}}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n++
				q := c.query(n)
				q.Type = "Appointment"
				page, err := store.Search(b.Context(), home, q, storage.PageRequest{Limit: 50, CountUpTo: 1_000})
				if err != nil || len(page.Versions) == 0 {
					b.Fatal(len(page.Versions), err)
				}
			}
		})
	}
}

// BenchmarkSorts asks for pages of twenty in the orders of every basis, the first and one with half of all behind it, and for a circle.
func BenchmarkSorts(b *testing.B) {
	store := open(b, sqlite.Config{})
	for i := 0; i < many; {
		var ops []storage.Op
		for range 500 {
			op := ordered(appointment(i), i)
			if i%5 == 0 { // fewer than are gathered
				op.Entries.Terms = append(op.Entries.Terms, search.Term{Param: "fifth", Value: "yes"})
			}
			ops, i = append(ops, op), i+1
		}
		if _, err := store.Commit(b.Context(), home, ops); err != nil {
			b.Fatal(err)
		}
	}
	fifth := []search.Any{{search.Equal{Param: "fifth", Value: "yes"}}}
	for _, c := range []struct {
		name  string
		query search.Query
	}{
		{"date", search.Query{Sort: []search.SortKey{{Param: "date"}}}},
		{"id", search.Query{Sort: []search.SortKey{{Param: search.ID}}}},
		{"id-down", search.Query{Sort: []search.SortKey{{Param: search.ID, Descending: true}}}},
		{"order", search.Query{Sort: []search.SortKey{{Param: "fee", By: search.ByOrder}}}},
		{"order-down", search.Query{Sort: []search.SortKey{{Param: "fee", By: search.ByOrder, Descending: true}}}},
		{"order-of-ten", search.Query{Sort: []search.SortKey{{Param: "priority", By: search.ByOrder}}}},
		{"order-of-ten-down", search.Query{Sort: []search.SortKey{{Param: "priority", By: search.ByOrder, Descending: true}}}},
		{"order-of-a-fifth", search.Query{All: fifth, Sort: []search.SortKey{{Param: "fee", By: search.ByOrder}}}},
		{"date-then-order", search.Query{Sort: []search.SortKey{{Param: "date"}, {Param: "fee", By: search.ByOrder}}}},
		{"text-of-a-fifth", search.Query{All: fifth, Sort: []search.SortKey{{Param: "name", By: search.ByText}}}},
		{"term-of-a-fifth", search.Query{All: fifth, Sort: []search.SortKey{{Param: "status", By: search.ByTerm}}}},
		{"near", search.Query{All: []search.Any{{search.Near{Param: "near", Point: search.Point{Latitude: 52, Longitude: -1}, Metres: 10_000}}}}},
	} {
		c.query.Type = "Appointment"
		middle := storage.PageRequest{Limit: 20}
		for gone := 0; gone < many/2; gone += 1_000 {
			page, err := store.Search(b.Context(), home, c.query, storage.PageRequest{Limit: 1_000, After: middle.After})
			if err != nil {
				b.Fatal(err)
			}
			if page.Next == nil {
				break
			}
			middle.After = page.Next
		}
		for name, request := range map[string]storage.PageRequest{"first": {Limit: 20}, "middle": middle} {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					if page, err := store.Search(b.Context(), home, c.query, request); err != nil || len(page.Versions) == 0 {
						b.Fatal(len(page.Versions), err)
					}
				}
			})
		}
	}
}

// BenchmarkHistory asks for pages of 50 of the newest versions, and of those that have half of all behind them, where one type has 99 of 100
// versions; the totals are counted up to 1 000.
func BenchmarkHistory(b *testing.B) {
	const versions = 100_000
	store := open(b, sqlite.Config{})
	var middle fhir.Instant
	for i := 0; i < versions; {
		var ops []storage.Op
		for range 500 {
			op := put(fmt.Sprint(i), "")
			switch op.Key.Type = "AuditEvent"; {
			case i%500 == 0:
				op.Key.ID = "often"
			case i%100 == 0:
				op.Key.Type = "Slot"
			}
			op.Entries, ops, i = search.Entries{}, append(ops, op), i+1
		}
		results, err := store.Commit(b.Context(), home, ops)
		if err != nil {
			b.Fatal(err)
		}
		if i == versions/2 {
			middle = results[0].Version.Instant
		}
	}
	for _, c := range []struct {
		name  string
		query storage.HistoryQuery
	}{
		{"resource", storage.HistoryQuery{Key: fhir.Key{Type: "AuditEvent", ID: "often"}}},
		{"type", storage.HistoryQuery{Key: fhir.Key{Type: "AuditEvent"}}},
		{"rare-type", storage.HistoryQuery{Key: fhir.Key{Type: "Slot"}}},
		{"all", storage.HistoryQuery{}},
		{"all-but-many", storage.HistoryQuery{Types: []string{"Appointment", "Patient", "Slot"}}},
		{"all-during", storage.HistoryQuery{During: fhir.Interval{Low: middle, High: middle + 1}}},
	} {
		for page, before := range map[string]fhir.Instant{"newest": 0, "middle": middle} {
			b.Run(c.name+"/"+page, func(b *testing.B) {
				q := c.query
				q.Before, q.Limit, q.CountUpTo = before, 50, 1_000
				for b.Loop() {
					if found, err := store.History(b.Context(), home, q); err != nil || len(found.Versions) != q.Limit {
						b.Fatal(len(found.Versions), err)
					}
				}
			})
		}
	}
}

// BenchmarkCheck looks at a whole store.
func BenchmarkCheck(b *testing.B) {
	store := filled(b, "", many)
	for b.Loop() {
		looked, err := store.Check(b.Context(), nil, func(f storage.Fault) { b.Error(f) })
		if err != nil || looked.Resources != many {
			b.Fatal(looked, err)
		}
	}
}

// BenchmarkBackup copies a whole store.
func BenchmarkBackup(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.db")
	filled(b, path, many)
	for n := 0; b.Loop(); n++ {
		bytes, err := sqlite.Backup(b.Context(), path, fmt.Sprint(path, n))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(bytes)
	}
}

// BenchmarkCreate has sixteen writers, each of whom waits until its resource is durable.
func BenchmarkCreate(b *testing.B) { createBeside(b, appointment) }

// BenchmarkCreateOrdered creates resources that have three ordered values and a place as well.
func BenchmarkCreateOrdered(b *testing.B) {
	createBeside(b, func(i int) storage.Op { return ordered(appointment(i), i) })
}

// ordered gives an operation's resource what it can be sorted by, and a place.
func ordered(op storage.Op, i int) storage.Op {
	for param, value := range map[string]string{"priority": fmt.Sprint(i % 10), "fee": fmt.Sprintf("%06d", i*7919%many), "url": fmt.Sprint("https://example.org/", i)} {
		op.Entries.Ordereds = append(op.Entries.Ordereds, search.Ordered{Param: param, Low: value, High: value})
	}
	op.Entries.Places = []search.Place{{Param: "near", Point: search.Point{Latitude: 50 + float64(i*7919%many)*8/many, Longitude: -3 + float64(i%many)*4/many}}}
	op.Entries.Texts = append(op.Entries.Texts, search.Text{Param: "name", Folded: fmt.Sprint("name ", i*7919%many), Exact: fmt.Sprint("Name ", i*7919%many)})
	return op
}

func createBeside(b *testing.B, operation func(int) storage.Op) {
	store := filled(b, "", many)
	var n atomic.Int64
	n.Store(many)
	b.ResetTimer()
	b.SetParallelism(8) // times GOMAXPROCS
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := store.Commit(b.Context(), home, []storage.Op{operation(int(n.Add(1)))}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkUpdate has sixteen writers that change resources.
func BenchmarkUpdate(b *testing.B) {
	store := filled(b, "", many)
	var n atomic.Int64
	b.ResetTimer()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			op := appointment(int(n.Add(1)) * 7919 % many)
			op.Condition = storage.Condition{}
			if _, err := store.Commit(b.Context(), home, []storage.Op{op}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkBesideReindex tells how long reads and creates take while nothing else goes on, and while all index entries are made
// anew: each is other than before, so that all are rewritten.
func BenchmarkBesideReindex(b *testing.B) {
	store := filled(b, "", many)
	var n, passes atomic.Int64
	n.Store(many)
	anew := func(_ fhir.Partition, v fhir.Version) (search.Entries, error) {
		entries := appointment(int(v.Instant) % many).Entries
		for i := range entries.Terms {
			entries.Terms[i].Value += fmt.Sprint("#", passes.Load())
		}
		return entries, nil
	}
	for _, c := range []struct {
		name      string
		reindexes bool
	}{{"quiet", false}, {"reindexing", true}, {"quiet again", false}} {
		b.Run(c.name, func(b *testing.B) {
			ctx, stop := context.WithCancel(b.Context())
			var renewed atomic.Int64
			var pass sync.WaitGroup
			if c.reindexes {
				pass.Go(func() {
					for before := int64(0); ctx.Err() == nil; passes.Add(1) {
						_ = store.Reindex(ctx, anew, func(done, _ int64) { renewed.Add(max(done-before, 0)); before = done })
						before = 0
					}
				})
			}
			start := time.Now()
			reads, creates := latencies(b, store, &n)
			b.ReportMetric(float64(renewed.Load())/time.Since(start).Seconds(), "renewed/s")
			stop()
			pass.Wait()
			for name, took := range map[string][]time.Duration{"read": reads, "create": creates} {
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), name+"-p50-µs")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), name+"-p99-µs")
			}
		})
	}
}

// latencies lets four clients read ten resources and create one, in turns.
func latencies(b *testing.B, store *sqlite.Store, n *atomic.Int64) (reads, creates []time.Duration) {
	var mu sync.Mutex
	b.SetParallelism(2) // times GOMAXPROCS
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var read, created []time.Duration
		for pb.Next() {
			next := int(n.Add(1))
			for i := range 10 {
				start := time.Now()
				if _, err := store.Read(b.Context(), home, key(appointmentID(next+i))); err != nil {
					b.Error(err)
				}
				read = append(read, time.Since(start))
			}
			start := time.Now()
			if _, err := store.Commit(b.Context(), home, []storage.Op{appointment(next)}); err != nil {
				b.Error(err)
			}
			created = append(created, time.Since(start))
		}
		mu.Lock()
		defer mu.Unlock()
		reads, creates = append(reads, read...), append(creates, created...)
	})
	return reads, creates
}

// BenchmarkLastPage asks for the end of an order by date that nobody lacks, with entries that tell so and without.
func BenchmarkLastPage(b *testing.B) {
	store := filled(b, "", many)
	for name, absent := range map[string]string{"told": "date:none", "untold": ""} {
		b.Run(name, func(b *testing.B) {
			q := search.Query{Type: "Appointment", Sort: []search.SortKey{{Param: "date", Absent: absent}}}
			before, err := store.Search(b.Context(), home, q, storage.PageRequest{Limit: many - 10})
			if err != nil || before.Next == nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if page, err := store.Search(b.Context(), home, q, storage.PageRequest{Limit: 20, After: before.Next}); err != nil || len(page.Versions) != 10 || page.Next != nil {
					b.Fatal(len(page.Versions), err)
				}
			}
		})
	}
}

// BenchmarkSpend goes through numbers, and counts them, or not: what counting costs is the difference.
func BenchmarkSpend(b *testing.B) {
	store := open(b, sqlite.Config{})
	for name, counted := range map[string]bool{"counted": true, "uncounted": false} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := sqlite.Spend(b.Context(), store, many, counted); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/row")
		})
	}
}
