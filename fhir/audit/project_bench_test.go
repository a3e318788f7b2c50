package audit_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// attendance is an operation that creates or updates an Appointment of 1.6 KB with two dozen index entries.
func attendance(i int, who fhir.Principal) storage.Op {
	id := fmt.Sprintf("a%08d", i)
	op := storage.Op{Key: fhir.Key{Type: "Appointment", ID: id}, Origin: audit.OriginOf(who, audit.Create)}
	patient := fmt.Sprintf("Patient/p%d", i%1000)
	op.Resource = fhir.NewResource(fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: "Appointment"}, fhir.Member{Name: "id", Value: id},
		fhir.Member{Name: "comment", Value: strings.Repeat("Word ", 300)},
		fhir.Member{Name: "participant", Value: fhir.Array{fhir.NewObject(fhir.Member{Name: "actor", Value: fhir.NewObject(fhir.Member{Name: "reference", Value: patient})})}}))
	for n := range 23 {
		op.Entries.Terms = append(op.Entries.Terms, search.Term{Param: fmt.Sprint("param", n), Value: fmt.Sprint(patient, n)})
	}
	return op
}

// BenchmarkProject is what each of some writes costs, and what to record it costs besides: of so many at once.
func BenchmarkProject(b *testing.B) {
	for _, many := range []int{1, 50, 500} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			rules, err := search.NewRules(search.Config{Types: []string{"Patient"}, BaseURL: "https://example.org/fhir"})
			must(b, err)
			store := anystore.Open(b, rules, nil)
			trail := trailOf(b, store, time.Now)
			who := fhir.Principal{Partition: partition, Client: "test_2cV9xQ4mT7bK1nR8sW3yZ6", Address: "203.0.113.17"}
			var n atomic.Int64
			var writing, recording time.Duration
			for b.Loop() {
				began := time.Now()
				left := atomic.Int64{}
				left.Store(int64(many))
				var writers sync.WaitGroup
				for range min(many, 16) {
					writers.Go(func() {
						for left.Add(-1) >= 0 {
							by := who
							by.Request = fhir.NewID(time.Now())
							if _, err := store.Commit(b.Context(), partition, []storage.Op{attendance(int(n.Add(1)), by)}); err != nil {
								b.Error(err)
							}
						}
					})
				}
				writers.Wait()
				written := time.Now()
				must(b, trail.Project(b.Context()))
				writing, recording = writing+written.Sub(began), recording+time.Since(written)
			}
			b.ReportMetric(float64(writing.Microseconds())/float64(n.Load()), "µs/write")
			b.ReportMetric(float64(recording.Microseconds())/float64(n.Load()), "µs/record")
			b.ReportMetric(float64(recording)/float64(writing), "record/write")
			blocks, err := store.Records().Scan(b.Context(), audit.BlockPrefix(partition), "", 1<<20)
			must(b, err)
			bytes := 0
			for _, r := range blocks {
				bytes += len(r.Value)
			}
			b.ReportMetric(float64(bytes)/float64(n.Load()), "B/record")
		})
	}
}
