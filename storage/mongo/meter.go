package mongo

import (
	"math"
	"sync"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// meter counts the documents that a search was sent, and those that it had counted for it, and ends the search where they are too many. A nil meter
// sets no bound.
type meter struct {
	mu     sync.Mutex // arms of a way are followed at once
	budget int        // that may be looked at in vain; 0 sets no bound
	most   int        // that may be looked at
	looked int
	vain   int // of what was settled
}

// newMeter counts for a search that may look at budget in vain, beside so many that it is after.
func newMeter(budget, wanted int) *meter {
	m := &meter{budget: budget}
	m.restart(wanted)
	return m
}

// restart begins anew, with the same budget, to count what is looked at beside so many that are wanted.
func (m *meter) restart(wanted int) {
	m.looked, m.most = 0, math.MaxInt
	if m.budget > 0 && wanted < math.MaxInt-m.budget {
		m.most = m.budget + wanted
	}
}

// look counts so many documents. TooCostly beyond the budget.
func (m *meter) look(n int) error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.looked += n; m.looked > m.most {
		return overBudget(m.budget)
	}
	return nil
}

// settle holds what was looked at against the budget, when it is known how much of it was not in vain.
func (m *meter) settle(found int) error {
	vain := max(0, m.looked-found)
	if m.budget > 0 && vain > m.budget {
		return overBudget(m.budget)
	}
	m.vain += vain
	return nil
}

func overBudget(budget int) *fhir.Error {
	return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "The search would look at more than %d resources and index entries that are none of its matches.", budget).
		Because(storage.ErrOverBudget)
}
