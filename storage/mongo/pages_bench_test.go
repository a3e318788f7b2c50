package mongo

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest"
)

// BenchmarkSearch asks for pages of 20 without a total, within a budget, and beside it in turn for the same documents by the driver alone: one find with the same
// filter, hint, order and limit, whose documents are not even decoded. of-raw is the rate of the one as a share of that of the other, each by its median.
func BenchmarkSearch(b *testing.B) {
	p := newPractice(b, resources())
	partition := bson.E{Key: fieldPartition, Value: string(home)}
	term := func(value string) bson.D { return bson.D{partition, {Key: indexTerm, Value: value}} }
	newest, byDate := bson.D{{Key: fieldInstant, Value: -1}}, bson.D{{Key: sortField(dateKey), Value: 1}, {Key: fieldName, Value: 1}}
	status := func(n int) string { return []string{"booked", "fulfilled", "cancelled"}[n%3] }
	patient := func(n int) string { return fmt.Sprintf("Patient/patient-%07d", n%p.Patients) }
	day := func(n int) int { return storagetest.Spread(n%p.Appointments, p.Appointments) }
	for _, c := range []struct {
		name  string
		query func(n int) search.Query
		raw   func(n int) (filter bson.D, hint string, sort bson.D)
	}{
		{
			"newest",
			func(int) search.Query { return search.Query{} },
			func(int) (bson.D, string, bson.D) { return bson.D{partition}, hintNewest, newest },
		},
		{
			"identifier",
			func(n int) search.Query {
				return search.Query{All: []search.Any{is("identifier", fmt.Sprint("booking|", n%p.Appointments))}}
			},
			func(n int) (bson.D, string, bson.D) {
				return term(fmt.Sprint("identifier=booking|", n%p.Appointments)), hintTerm, newest
			},
		},
		{
			"token-of-20",
			func(int) search.Query { return search.Query{All: []search.Any{is("service", "rare")}} },
			func(int) (bson.D, string, bson.D) { return term("service=rare"), hintTerm, newest },
		},
		{
			"token-of-third",
			func(n int) search.Query { return search.Query{All: []search.Any{is("status", status(n))}} },
			func(n int) (bson.D, string, bson.D) { return term("status=" + status(n)), hintNewest, newest },
		},
		{
			"reference+sort",
			func(n int) search.Query {
				return search.Query{All: []search.Any{is("patient", patient(n))}, Sort: by(dateKey)}
			},
			func(n int) (bson.D, string, bson.D) { return term("patient=" + patient(n)), hintTerm, byDate },
		},
		{
			"window+sort",
			func(n int) search.Query { return search.Query{All: during(day(n), day(n)+1_000), Sort: by(dateKey)} },
			func(n int) (bson.D, string, bson.D) {
				from, to := int64(day(n))*int64(minute), int64(day(n)+1_000)*int64(minute)
				return bson.D{partition, {Key: sortField(dateKey), Value: bson.D{{Key: "$gte", Value: from}, {Key: "$lt", Value: to}}}}, hintSort(dateKey), byDate
			},
		},
		{
			"chain-to-one",
			func(n int) search.Query {
				return search.Query{All: []search.Any{chain("patient", "Patient", is("identifier", fmt.Sprint("nhs|", n%p.Patients)))}}
			},
			func(n int) (bson.D, string, bson.D) { return term("patient=" + patient(n)), hintTerm, newest },
		},
	} {
		b.Run(c.name, func(b *testing.B) {
			var ours, raw []time.Duration
			for n := 0; b.Loop(); n++ {
				ours = append(ours, p.took(b, func() int {
					q := c.query(n)
					q.Type = "Appointment"
					page, err := p.Search(b.Context(), home, q, storage.PageRequest{Limit: pageSize, Budget: 250_000})
					if err != nil {
						b.Fatal(err)
					}
					return len(page.Versions)
				}))
				filter, hint, sort := c.raw(n)
				raw = append(raw, p.took(b, func() int { return p.find(b, filter, hint, sort) }))
			}
			slices.Sort(ours)
			slices.Sort(raw)
			median := func(all []time.Duration) float64 { return float64(all[len(all)/2].Microseconds()) }
			b.ReportMetric(median(ours), "p50-µs")
			b.ReportMetric(median(raw), "raw-p50-µs")
			b.ReportMetric(median(raw)/median(ours), "of-raw")
		})
	}
}

// took is how long it takes to find something.
func (p *practice) took(b *testing.B, find func() int) time.Duration {
	b.Helper()
	start := time.Now()
	if n := find(); n == 0 {
		b.Fatal("nothing was found")
	}
	return time.Since(start)
}

// find asks for the first documents by the driver alone.
func (p *practice) find(b *testing.B, filter bson.D, hint string, sort bson.D) (n int) {
	b.Helper()
	cursor, err := p.current("Appointment").Find(b.Context(), filter, options.Find().SetHint(hint).SetSort(sort).SetLimit(pageSize+1))
	if err != nil {
		b.Fatal(err)
	}
	for cursor.Next(b.Context()) {
		n++
	}
	if err := cursor.Err(); err != nil {
		b.Fatal(err)
	}
	return n
}
