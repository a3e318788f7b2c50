package sqlite_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest"
)

// BenchmarkPage asks for pages of 20 without a total, within a budget, in stores of 10 000 and 100 000 resources, and of a million where
// PORTICO_BENCH_MILLION asks for it: it takes some minutes to fill, and some gigabytes. The stores are asked in turn, so that what else the machine does
// slows all of them; and always for the same number of patients, families and days, so that of each as much is in memory.
func BenchmarkPage(b *testing.B) {
	sizes := []int{10_000, 100_000}
	if os.Getenv("PORTICO_BENCH_MILLION") != "" {
		sizes = append(sizes, 1_000_000)
	}
	var all []*practice
	for _, size := range sizes {
		all = append(all, newPractice(b, size))
	}
	for _, c := range pages {
		b.Run(c.name, func(b *testing.B) {
			took := make([][]time.Duration, len(all))
			for n := 0; b.Loop(); n++ {
				for i, p := range all {
					took[i] = append(took[i], p.ask(b, c.query(p, n)))
				}
			}
			for i, size := range sizes {
				slices.Sort(took[i])
				b.ReportMetric(float64(took[i][len(took[i])/2].Microseconds()), fmt.Sprintf("p50-µs/%d", size))
			}
		})
	}
}

// ask says how long a page takes.
func (p *practice) ask(b *testing.B, q search.Query) time.Duration {
	b.Helper()
	if q.Type == "" {
		q.Type = "Appointment"
	}
	start := time.Now()
	page, err := p.Search(b.Context(), home, q, storage.PageRequest{Limit: pageSize, Budget: 250_000})
	took := time.Since(start)
	if err != nil || len(page.Versions) == 0 {
		b.Fatal(len(page.Versions), err)
	}
	return took
}

const (
	asked    = 1_000 // patients, bookings and days
	families = 50    // of twenty
)

// pages are searches by their class; each is asked for the n-th time.
var pages = []struct {
	name  string
	query func(p *practice, n int) search.Query
}{
	{"token", func(_ *practice, n int) search.Query { return search.Query{All: []search.Any{status(n)}} }},
	{"identifier", func(_ *practice, n int) search.Query { return search.Query{All: []search.Any{booking(n)}} }},
	{"reference", func(_ *practice, n int) search.Query {
		return search.Query{All: []search.Any{is("patient", fmt.Sprintf("Patient/patient-%07d", n%asked))}}
	}},
	{"date+sort", func(p *practice, n int) search.Query {
		from := storagetest.Spread(n%asked, p.Appointments)
		return search.Query{All: during(from, from+1_000), Sort: []search.SortKey{{Param: "date"}}}
	}},
	{"token+sort", func(_ *practice, n int) search.Query {
		return search.Query{All: []search.Any{status(n)}, Sort: []search.SortKey{{Param: "date"}}}
	}},
	{"prefix", func(p *practice, n int) search.Query {
		return search.Query{Type: "Patient", All: []search.Any{p.named(n)}}
	}},
	{"prefix-of-third", func(_ *practice, n int) search.Query {
		return search.Query{Type: "Patient", All: []search.Any{{search.StartsWith{Param: "name", Folded: []string{"ann", "bob", "cy"}[n%3]}}}}
	}},
	{"chain", func(_ *practice, n int) search.Query {
		return search.Query{All: []search.Any{chain("patient", "Patient", is("identifier", fmt.Sprint("nhs|", n%asked)))}}
	}},
	{"chain-to-20", func(p *practice, n int) search.Query {
		return search.Query{All: []search.Any{chain("patient", "Patient", p.named(n))}}
	}},
	{"chain-to-half", func(_ *practice, n int) search.Query {
		return search.Query{All: []search.Any{chain("patient", "Patient", is("gender", []string{"female", "male"}[n%2]))}}
	}},
	{"has", func(_ *practice, n int) search.Query {
		return search.Query{Type: "Patient", All: []search.Any{has("Appointment", "patient", booking(n))}}
	}},
	{"has-20", func(*practice, int) search.Query {
		return search.Query{Type: "Patient", All: []search.Any{has("Appointment", "patient", is("service", "rare"))}}
	}},
	{"has-third", func(_ *practice, n int) search.Query {
		return search.Query{Type: "Patient", All: []search.Any{has("Appointment", "patient", status(n))}}
	}},
}

func status(n int) search.Any { return is("status", []string{"booked", "fulfilled", "cancelled"}[n%3]) }

func booking(n int) search.Any { return is("identifier", fmt.Sprint("booking|", n%asked)) }

// named are the twenty of a family.
func (p *practice) named(n int) search.Any {
	return search.Any{search.StartsWith{Param: "family", Folded: p.Family(n % families)}}
}
