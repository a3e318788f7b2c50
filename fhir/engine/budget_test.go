package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// budgeted notes with which budgets it is searched.
type budgeted struct {
	storage.Store
	budgets []int
}

func (s *budgeted) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	s.budgets = append(s.budgets, page.Budget)
	return s.Store.Search(ctx, p, q, page)
}

// Every search of the store has the engine's budget, whatever asks for it.
func TestEverySearchHasABudget(t *testing.T) {
	config := newEngine(t).Config
	store := &budgeted{Store: config.Store}
	config.Store, config.SearchBudget = store, 77
	e, err := engine.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	put(t, e, alice, "a", "Ash")
	for name, ask := range map[string]func() error{
		"search": func() error {
			_, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Patient", Query: "family=ash"})
			return err
		},
		"conditional update": func() error {
			_, err := e.UpdateWhere(t.Context(), alice, "Patient", "family=ash", resource(t, `{"resourceType":"Patient"}`), engine.Precondition{})
			return err
		},
	} {
		store.budgets = nil
		if err := ask(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(store.budgets) == 0 {
			t.Errorf("%s: the store was not searched", name)
		}
		for _, b := range store.budgets {
			if b != 77 {
				t.Errorf("%s: budgets %v", name, store.budgets)
			}
		}
	}
}

func TestLimitsAreNeeded(t *testing.T) {
	for name, spoil := range map[string]func(*engine.Config){
		"no budget":   func(c *engine.Config) { c.SearchBudget = 0 },
		"no includes": func(c *engine.Config) { c.MaxIncludes = 0 },
	} {
		config := newEngine(t).Config
		spoil(&config)
		if _, err := engine.New(t.Context(), config); err == nil {
			t.Errorf("%s: an engine was made", name)
		}
	}
}

// greedy is a store whose searches take much of their budget, or are refused.
type greedy struct {
	storage.Store
	takes   int // of the budget, for each search
	budgets []int
	counted []int // how far it was to count
}

func (g *greedy) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	g.budgets, g.counted = append(g.budgets, page.Budget), append(g.counted, page.CountUpTo)
	if page.Budget < g.takes {
		return storage.SearchPage{}, fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "More than %d.", page.Budget).Because(storage.ErrOverBudget)
	}
	found, err := g.Store.Search(ctx, p, q, page)
	found.Vain = g.takes
	return found, err
}

// All searches of the store for a page share one budget: those of several types, and those of what refers to the matches. Their matches are
// counted once, for the first page, within a budget of its own.
func TestSearchesOfAPageShareTheBudget(t *testing.T) {
	config := newEngineOf(t, "Location", "Organization", "Patient", "Schedule", "Slot").Config
	store := &greedy{Store: config.Store, takes: 30}
	config.Store, config.SearchBudget = store, 100
	e, err := engine.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		keep(t, e, `{"resourceType":"Schedule","id":"a%d","actor":[{"reference":"Location/absent"}]}`, i)
		keep(t, e, `{"resourceType":"Location","id":"l%d"}`, i)
	}
	for _, c := range []struct {
		typ, query string
		budgets    []int
		counted    []int // of the first page; for a later one nothing is counted
	}{
		{"", "_type=Location,Schedule,Slot&_count=2", []int{100, 70, 40, 100, 70, 40}, []int{0, 0, 0, 1000, 996, 992}},
		{"", "_type=Location,Schedule,Slot&_count=0", []int{100, 70, 40}, []int{-1, -1, -1}},
		{"", "_type=Location,Schedule,Slot&_total=none", []int{100, 70, 40}, []int{0, 0, 0}},
		{"", "_type=Location,Organization,Schedule,Slot", []int{100, 70, 40, 10}, nil},
		{"Schedule", "_count=3", []int{100}, []int{1000}},
		{"Schedule", "_revinclude=Slot:schedule", []int{100, 70}, []int{1000, 0}},
	} {
		store.budgets, store.counted = nil, nil
		page, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: c.typ, Query: c.query})
		if !slices.Equal(store.budgets, c.budgets) {
			t.Errorf("%s?%s: budgets %v, want %v", c.typ, c.query, store.budgets, c.budgets)
		}
		if c.counted == nil {
			if !errors.Is(err, fhir.TooCostly) || !strings.Contains(err.Error(), "more than 100 resources") {
				t.Errorf("%s?%s: %v", c.typ, c.query, err)
			}
			continue
		}
		if err != nil || !slices.Equal(store.counted, c.counted) {
			t.Errorf("%s?%s: counted up to %v, want %v (%v)", c.typ, c.query, store.counted, c.counted, err)
		}
		for total := page.Total; page.Next != ""; {
			store.counted = nil
			if page, err = e.Search(t.Context(), alice, engine.SearchRequest{Type: c.typ, Query: engine.CursorParam + "=" + page.Next}); err != nil {
				t.Fatal(err)
			}
			if slices.Max(store.counted) != 0 || page.Total != total || !page.Counted {
				t.Errorf("%s?%s: a later page counts up to %v and has a total of %d (%t), the first one %d", c.typ, c.query, store.counted, page.Total, page.Counted, total)
			}
		}
	}
}

// What looks at too much is refused: the client is told what would be cheaper, and the operator which setting it is.
func TestSearchOverBudget(t *testing.T) {
	if anystore.IsMongo() {
		t.Skip("a MongoDB is bounded by time, not by what it passes over by itself")
	}
	config := newEngine(t).Config
	config.SearchBudget = 3
	e, err := engine.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		put(t, e, alice, fmt.Sprintf("p%d", i), "Ash")
	}
	for _, query := range []string{"name:missing=true", "family:contains=elm", "name:missing=true&_count=0", "name:missing=true&_include=Patient:organization"} {
		_, err := e.Search(t.Context(), alice, engine.SearchRequest{Type: "Patient", Query: query})
		if !errors.Is(err, fhir.TooCostly) || !strings.Contains(err.Error(), "more than 3 resources and index entries") || !strings.Contains(err.Error(), "search-budget") {
			t.Errorf("%s: %v", query, err)
		}
	}
}
