package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
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

// What looks at too much is refused: the client is told what would be cheaper, and the operator which setting it is.
func TestSearchOverBudget(t *testing.T) {
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
