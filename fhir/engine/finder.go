package engine

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// finder asks the store on somebody's behalf for all that one page takes: searches of several types, and of what comes with the matches, share one
// budget.
type finder struct {
	*Engine
	ctx  context.Context
	who  fhir.Principal
	left int // of the budget
}

// finder has the whole budget.
func (e *Engine) finder(ctx context.Context, p fhir.Principal) *finder {
	return &finder{e, ctx, p, e.SearchBudget}
}

// find asks the store for a page of what satisfies a query, within what is left of the budget.
func (f *finder) find(q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	if err := f.finished(q); err != nil {
		return storage.SearchPage{}, err
	}
	page.Budget = max(1, f.left) // 0 would set no bound
	found, err := f.Store.Search(f.ctx, f.who.Partition, q, page)
	f.left -= found.Vain
	if errors.Is(err, storage.ErrOverBudget) {
		return found, fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "The search would look at more than %d resources and index entries that are none of its matches (the server's limit search-budget); there it ends. "+
			"Ask for a whole value as well, such as an identifier, a reference or a code, for a shorter period, or for fewer types.", f.SearchBudget).Because(err)
	}
	return found, err
}
