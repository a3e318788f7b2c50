package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// holding is a store of n Appointments with the entries that are made for each.
func holding(t testing.TB, n int, entries func(i int) search.Entries) *sqlite.Store {
	t.Helper()
	store := open(t, sqlite.Config{})
	var ops []storage.Op
	for i := range n {
		op := put(fmt.Sprintf("%06d", i), "tag")
		op.Entries = entries(i)
		if ops = append(ops, op); len(ops) == 500 || i == n-1 {
			if _, err := store.Commit(t.Context(), home, ops); err != nil {
				t.Fatal(err)
			}
			ops = nil
		}
	}
	return store
}

// having is a search for Appointments.
func having(all ...search.Any) search.Query { return search.Query{Type: "Appointment", All: all} }

// looked is how a page of twenty is found, without a bound.
func looked(t *testing.T, s *sqlite.Store, q search.Query) storage.Plan {
	t.Helper()
	plan, err := s.Explain(t.Context(), home, q, storage.PageRequest{Limit: 20})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// values are a test for each number below n.
func values(n int, test func(value string) search.Test) (a search.Any) {
	for i := range n {
		a = append(a, test(fmt.Sprint("no", i)))
	}
	return a
}

// The values of a clause are looked up together, however many a search may have.
func TestManyValuesAreLookedUpTogether(t *testing.T) {
	store := holding(t, 3, func(i int) search.Entries {
		return search.Entries{Terms: []search.Term{{Param: "code", Value: fmt.Sprint("no", 1_000*i)}, {Param: "other", Value: "x"}}}
	})
	a := values(search.MaxTests-1, func(v string) search.Test { return search.Equal{Param: "code", Value: v} })
	q := having(not(append(a, search.Equal{Param: "other", Value: "y"})))
	found, _, err := sqlite.Explain(t.Context(), store, home, q)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(found, "e USING PRIMARY KEY"); n != 2 {
		t.Errorf("%d looks at terms, want one for each parameter:\n%s", n, found)
	}
	if page, err := store.Search(t.Context(), home, q, storage.PageRequest{Limit: 20}); err != nil || len(page.Versions) != 1 || page.Versions[0].Key.ID != "000002" {
		t.Errorf("%+v, %v; want 000002, whose code is not among the values", page.Versions, err)
	}
}

// What is looked for in the texts of all resources waits for what is cheaper, wherever it stands.
func TestTextsWithinEveryWait(t *testing.T) {
	store := holding(t, 2_000, func(i int) search.Entries {
		return search.Entries{Terms: []search.Term{{Param: "a", Value: fmt.Sprint(i / 40)}}, Texts: []search.Text{{Param: "name", Folded: "anna", Exact: "Anna"}}}
	})
	nobody := search.Any{search.Contains{Param: "name", Folded: "nobody"}}
	plain, every := looked(t, store, having(is("a", "7"), nobody)), looked(t, store, having(is("a", "7"), search.Any{search.Every{nobody}}))
	if every.Looked != plain.Looked || every.Looked > 100 {
		t.Errorf("%d are looked at, and %d where the clause stands alone", every.Looked, plain.Looked)
	}
}

// Of an id the newest version counts, how many there were before it.
func TestSupersededVersionsAreNotLookedAt(t *testing.T) {
	store := holding(t, 3_000, func(int) search.Entries { return search.Entries{Terms: []search.Term{{Param: "a", Value: "x"}}} })
	for range 1_100 {
		commit(t, store, put("000007", "x"), put("000008", "x"))
	}
	commit(t, store, storage.Op{Key: key("000009")})
	plan := looked(t, store, having(search.Any{
		search.Equal{Param: search.ID, Value: "000007"}, search.Equal{Param: search.ID, Value: "000008"}, search.Equal{Param: search.ID, Value: "000009"},
	}))
	if plan.Found != 2 || plan.Looked > 10 {
		t.Errorf("%d are found, and %d looked at", plan.Found, plan.Looked)
	}
}

// What stands beside a chain in its clause is looked at as well.
func TestWhatStandsBesideAChainCounts(t *testing.T) {
	store := holding(t, 900, func(i int) search.Entries {
		return search.Entries{Terms: []search.Term{{Param: "a", Value: "x"}, {Param: "u", Value: fmt.Sprint(i)}, {Param: "next", Value: fmt.Sprintf("Appointment/%06d", i+1)}}}
	})
	alone := looked(t, store, having(chain("next", "Appointment", is("u", "7"))))
	beside := looked(t, store, having(append(chain("next", "Appointment", is("u", "7")), is("a", "x")...)))
	if beside.Looked < alone.Looked+900 {
		t.Errorf("%d are looked at, %d without 900 others", beside.Looked, alone.Looked)
	}
}

// What a row is asked for counts, not the row alone: many tests, of whatever form, are many rows' worth, and what they cost is what is refused.
func TestManyTestsWeigh(t *testing.T) {
	const n = 50
	store := holding(t, n, func(i int) search.Entries {
		return search.Entries{
			Terms:    []search.Term{{Param: "s", Value: "x"}, {Param: "next", Value: fmt.Sprintf("Appointment/%06d", (i+1)%n)}},
			Texts:    []search.Text{{Param: "name", Folded: "anna", Exact: "Anna"}},
			Ranges:   []search.Range{{Param: "date", Interval: fhir.Interval{Low: 5, High: 9}}},
			Ordereds: []search.Ordered{{Param: "size", Low: "1", High: "1"}},
		}
	})
	of := map[string]func(string) search.Test{
		"equal":    func(v string) search.Test { return search.Equal{Param: "s", Value: v} },
		"exactly":  func(v string) search.Test { return search.Exactly{Param: "name", Exact: v} },
		"starts":   func(v string) search.Test { return search.StartsWith{Param: "name", Folded: v} },
		"contains": func(v string) search.Test { return search.Contains{Param: "name", Folded: v} },
		"ends":     func(v string) search.Test { return search.EndsWith{Param: "name", Folded: v} },
		"whole":    func(v string) search.Test { return search.Whole{Param: "name", Folded: v} },
		"between": func(v string) search.Test {
			return search.Between{Param: "size", LowFrom: v, LowTo: v, HighFrom: v, HighTo: v}
		},
		"not": func(v string) search.Test {
			return search.Not{Any: search.Any{search.Equal{Param: "s", Value: "x"}, search.Equal{Param: "s", Value: v}}}
		},
	}
	for name, test := range of {
		for _, c := range []struct{ tests, rows int }{{3, 1}, {250, 10}} {
			q := having(search.Any{search.Not{Any: search.Any{search.Not{Any: values(c.tests, test)}}}})
			plan := looked(t, store, q)
			if plan.Found > 0 || plan.Looked < c.rows*n || c.rows == 1 && plan.Looked > n {
				t.Errorf("%d tests of %s at %d resources: %d are looked at", c.tests, name, n, plan.Looked)
			}
		}
	}
	deep := values(250, of["not"])
	for range 4 {
		deep = chain("next", "Appointment", deep)
	}
	if plan := looked(t, store, having(deep)); plan.Looked < 200*n {
		t.Errorf("250 tests behind a chain of four, at %d resources: %d are looked at", n, plan.Looked)
	}
}

// Each of the texts that are looked for together is found, with the bytes that frames escape, and nothing else.
func TestTextsAreLookedForTogether(t *testing.T) {
	names := []string{"anna", "annabel", "\xff\xfe", "", "bert"}
	store := holding(t, len(names), func(i int) search.Entries {
		return search.Entries{Texts: []search.Text{{Param: "name", Folded: names[i], Exact: "x" + names[i]}}, Terms: []search.Term{{Param: "all", Value: "x"}}}
	})
	for name, c := range map[string]struct {
		test func(string) search.Test
		want []string
	}{
		"starts":   {func(v string) search.Test { return search.StartsWith{Param: "name", Folded: v} }, []string{"000002", "000001"}},
		"contains": {func(v string) search.Test { return search.Contains{Param: "name", Folded: v} }, []string{"000002", "000001"}},
		"ends":     {func(v string) search.Test { return search.EndsWith{Param: "name", Folded: v} }, []string{"000002", "000001"}},
		"whole":    {func(v string) search.Test { return search.Whole{Param: "name", Folded: v} }, []string{"000002", "000001"}},
		"exactly":  {func(v string) search.Test { return search.Exactly{Param: "name", Exact: "x" + v} }, []string{"000002", "000001"}},
	} {
		q := having(search.Any{search.Not{Any: search.Any{search.Not{Any: search.Any{c.test("nobody"), c.test("annabel"), c.test("\xff\xfe")}}}}})
		page, err := store.Search(t.Context(), home, q, storage.PageRequest{Limit: 20})
		var got []string
		for _, v := range page.Versions {
			got = append(got, v.Key.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, got +, want -:\n%s", name, err, diff)
		}
	}
}

// Rows that are passed over count wherever they are: in a stretch of an index that one end bounds, among those that share a value and are sorted
// by another, and before the instants that are asked for.
func TestRowsPassedOverCount(t *testing.T) {
	const n = 2_000
	store := holding(t, n, func(i int) search.Entries {
		return search.Entries{
			Ordereds: []search.Ordered{{Param: "size", Low: fmt.Sprintf("%06d", i), High: fmt.Sprintf("8%06d", i)}, {Param: "priority", Low: "same", High: "same"}},
			Ranges:   []search.Range{{Param: "date", Interval: fhir.Interval{Low: fhir.Instant(i), High: fhir.Instant(i + 1)}}},
		}
	})
	size := search.Any{search.Between{Param: "size", LowFrom: "000000", LowTo: search.Last, HighFrom: search.First, HighTo: "7"}}
	high := search.Any{search.Between{Param: "size", LowFrom: search.First, LowTo: search.Last, HighFrom: search.First, HighTo: "8000005"}}
	date := search.SortKey{Param: "date", By: search.ByTime}
	v, err := store.Read(t.Context(), home, key("000800"))
	if err != nil {
		t.Fatal(err)
	}
	since := search.Any{search.Within{Param: search.LastUpdated, LowFrom: v.Instant, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}}
	for name, q := range map[string]search.Query{
		"a window on both ends":               {All: []search.Any{size}},
		"a window on both ends, in its order": {All: []search.Any{size}, Sort: []search.SortKey{{Param: "size", By: search.ByOrder}}},
		"a window on the end that orders not": {All: []search.Any{high}, Sort: []search.SortKey{{Param: "size", By: search.ByOrder}}},
		"many of one value, by another":       {Sort: []search.SortKey{{Param: "priority", By: search.ByOrder}, date}},
		"later instants, by another value":    {All: []search.Any{since}, Sort: []search.SortKey{date}},
	} {
		q.Type = "Appointment"
		t.Run(name, func(t *testing.T) {
			if plan := looked(t, store, q); plan.Looked < 800+1_000 { // most of the rows, or as many as are counted of a candidate
				t.Errorf("%d are looked at: %+v", plan.Looked, plan)
			}
		})
	}
}

// ending is a context that has ended when it is asked for the last time, and that nothing can wait for: only who asks knows of it.
type ending struct {
	context.Context
	left atomic.Int64
}

func (e *ending) Done() <-chan struct{} { return nil }

func (e *ending) Err() error {
	if e.left.Add(-1) <= 0 {
		return context.Canceled
	}
	return nil
}

// A search ends with its context in the midst of a statement: within 256 rows, whatever the driver does.
func TestSearchEndsInTheMidstOfAStatement(t *testing.T) {
	store := holding(t, 5_000, func(int) search.Entries {
		return search.Entries{Texts: []search.Text{{Param: "name", Folded: "anna", Exact: "Anna"}}}
	})
	q := having(search.Any{search.Exactly{Param: "name", Exact: "Nobody"}})
	const asked = 10 // times, before it has ended
	ctx := &ending{Context: t.Context()}
	ctx.left.Store(asked)
	_, err := store.Search(ctx, home, q, storage.PageRequest{Limit: 20, Budget: 1_000_000})
	if !errors.Is(err, context.Canceled) || -ctx.left.Load() > asked/2 {
		t.Errorf("%v, and the context was asked %d times after it had ended", err, -ctx.left.Load())
	}
	if page, err := store.Search(t.Context(), home, q, storage.PageRequest{Limit: 20, Budget: 1_000_000}); err != nil || len(page.Versions) > 0 {
		t.Errorf("afterwards: %v, %v", page, err)
	}
}
