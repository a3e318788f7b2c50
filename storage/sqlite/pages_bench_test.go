package sqlite_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// BenchmarkPage asks for pages of 20 without a total, within a budget, in stores of 10 000 and 100 000 resources, and of a million where
// PORTICO_BENCH_MILLION asks for it: it takes some minutes to fill, and some gigabytes. It is always the same number of patients, families and days that
// is asked for, so that of each size as much is in memory.
func BenchmarkPage(b *testing.B) {
	const asked, families = 1_000, 50 // of twenty
	sizes := []int{10_000, 100_000}
	if os.Getenv("PORTICO_BENCH_MILLION") != "" {
		sizes = append(sizes, 1_000_000)
	}
	for _, size := range sizes {
		p := newPractice(b, size)
		family := func(n int) search.Any {
			return search.Any{search.StartsWith{Param: "family", Folded: p.family(n % families)}}
		}
		date := []search.SortKey{{Param: "date"}}
		for _, c := range []struct {
			name  string
			query func(n int) search.Query
		}{
			{"token", func(n int) search.Query {
				return search.Query{All: []search.Any{is("status", []string{"booked", "fulfilled", "cancelled"}[n%3])}}
			}},
			{"identifier", func(n int) search.Query {
				return search.Query{All: []search.Any{is("identifier", fmt.Sprint("booking|", n%asked))}}
			}},
			{"reference", func(n int) search.Query {
				return search.Query{All: []search.Any{is("patient", fmt.Sprintf("Patient/patient-%07d", n%asked))}}
			}},
			{"date+sort", func(n int) search.Query {
				from := spread(n%asked, p.appointments)
				return search.Query{All: during(from, from+1_000), Sort: date}
			}},
			{"token+sort", func(int) search.Query { return search.Query{All: []search.Any{is("status", "booked")}, Sort: date} }},
			{"prefix", func(n int) search.Query { return search.Query{Type: "Patient", All: []search.Any{family(n)}} }},
			{"prefix-of-many", func(n int) search.Query {
				return search.Query{Type: "Patient", All: []search.Any{{search.StartsWith{Param: "name", Folded: []string{"ann", "bob", "cy"}[n%3]}}}}
			}},
			{"chain", func(n int) search.Query {
				return search.Query{All: []search.Any{chain("patient", "Patient", is("identifier", fmt.Sprint("nhs|", n%asked)))}}
			}},
			{"chain-to-20", func(n int) search.Query {
				return search.Query{All: []search.Any{chain("patient", "Patient", family(n))}}
			}},
			{"chain-to-half", func(n int) search.Query {
				return search.Query{All: []search.Any{chain("patient", "Patient", is("gender", []string{"female", "male"}[n%2]))}}
			}},
			{"has", func(n int) search.Query {
				return search.Query{Type: "Patient", All: []search.Any{has("Appointment", "patient", is("identifier", fmt.Sprint("booking|", n%asked)))}}
			}},
			{"has-20", func(int) search.Query {
				return search.Query{Type: "Patient", All: []search.Any{has("Appointment", "patient", is("service", "rare"))}}
			}},
			{"has-third", func(n int) search.Query {
				return search.Query{Type: "Patient", All: []search.Any{has("Appointment", "patient", is("status", []string{"booked", "fulfilled", "cancelled"}[n%3]))}}
			}},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				var took []time.Duration
				for n := 0; b.Loop(); n++ {
					q := c.query(n)
					if q.Type == "" {
						q.Type = "Appointment"
					}
					start := time.Now()
					page, err := p.Search(b.Context(), home, q, storage.PageRequest{Limit: pageSize, Budget: 250_000})
					took = append(took, time.Since(start))
					if err != nil || len(page.Versions) == 0 {
						b.Fatal(len(page.Versions), err)
					}
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			})
		}
	}
}
