package sqlite_test

import (
	"iter"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
	"github.com/portico-health/portico/storage/storagetest"
)

// practice is a store that has what a practice has.
type practice struct {
	*sqlite.Store
	storagetest.Practice
}

const minute = fhir.Instant(60_000_000)

func newPractice(t testing.TB, resources int) *practice {
	t.Helper()
	p := &practice{open(t, sqlite.Config{}), storagetest.NewPractice(resources)}
	p.commit(t, p.Ops())
	return p
}

// observe adds Observations of all that has several values or two parts, a quarter as many as there are other resources.
func (p *practice) observe(t testing.TB) {
	t.Helper()
	p.commit(t, p.ObservationOps())
}

// commit carries out operations, some at a time.
func (p *practice) commit(t testing.TB, all iter.Seq[storage.Op]) {
	t.Helper()
	var ops []storage.Op
	flush := func() {
		if _, err := p.Commit(t.Context(), home, ops); err != nil {
			t.Fatal(err)
		}
		ops = ops[:0]
	}
	for op := range all {
		if ops = append(ops, op); len(ops) == 500 {
			flush()
		}
	}
	flush()
}

func is(param, value string) search.Any { return search.Any{search.Equal{Param: param, Value: value}} }

// during are those that are at some time of a stretch of minutes: as date=ge…&date=lt… has it.
func during(from, to int) []search.Any {
	open := search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}
	since, until := open, open
	since.HighFrom, until.LowTo = fhir.Instant(from)*minute+1, fhir.Instant(to)*minute-1
	return []search.Any{{since}, {until}}
}

// over are those with an Ordered from one value up to another.
func over(param, from, to string) search.Any {
	return search.Any{search.Between{Param: param, LowFrom: from, LowTo: to, HighFrom: from, HighTo: to}}
}

func chain(param, kind string, all ...search.Any) search.Any {
	return search.Any{search.Refers{Param: param, To: search.Selection{Type: kind, All: all}}}
}

func has(kind, param string, all ...search.Any) search.Any {
	return search.Any{search.ReferredBy{Param: param, From: search.Selection{Type: kind, All: all}}}
}

func either(holds bool, a, b string) string {
	if holds {
		return a
	}
	return b
}

func not(a search.Any) search.Any { return search.Any{search.Not{Any: a}} }
