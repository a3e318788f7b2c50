package storagetest

import (
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Far are the cursors of the second page of a search ("second") and of its last among the first so many matches ("last"; a negative number: of all), as far as
// there are such pages, each of so many rows.
func Far(t *testing.T, s storage.Store, p fhir.Partition, q search.Query, rows, among int) map[string][]byte {
	t.Helper()
	all, err := s.Search(t.Context(), p, q, storage.PageRequest{CountUpTo: among})
	if err != nil {
		t.Fatal(err)
	}
	cursors := make(map[string][]byte)
	for name, passed := range map[string]int{"second": rows, "last": all.Total - rows/2} {
		var at storage.PageRequest
		for passed > 0 {
			at.Limit = min(passed, 5_000)
			page, err := s.Search(t.Context(), p, q, at)
			if err != nil {
				t.Fatal(err)
			}
			passed -= len(page.Versions)
			if at.After = page.Next; page.Next == nil {
				break
			}
		}
		if at.After != nil {
			cursors[name] = at.After
		}
	}
	return cursors
}
