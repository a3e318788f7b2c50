package mongo

import (
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest"
)

// mostLooked is how many documents a page has the database send or count, at most, however many there are: for each of two parts of a query a handful, and as many
// as tell that they are not few; and as many again among which its rows are found.
const mostLooked = 3*enough + 2*handful

// Every class of searches that is promised is served by indexes alone: the first page, the second and one far behind.
func TestPromisesOfAllDrivers(t *testing.T) {
	p := newPractice(t, resources())
	newest := p.last
	p.fill(t, p.ObservationOps())
	for _, class := range p.Promised(newest-199, newest-fhir.Instant(p.Appointments/4-1)) {
		t.Run(class.Name, func(t *testing.T) {
			cursors := storagetest.Far(t, p, home, class.Query, pageSize, deep)
			cursors["first"] = nil
			for page, cursor := range cursors {
				var plan storage.Plan
				var err error
				sent := p.listen(func() {
					plan, err = p.Explain(t.Context(), home, class.Query, storage.PageRequest{Limit: pageSize, After: cursor})
				})
				if err != nil || plan.Found == 0 || plan.Looked > mostLooked || p.rows > mostLooked {
					t.Errorf("the %s page finds %d by %q, looks at %d and is sent %d (%v); want some, with %d at most", page, plan.Found, plan.Index, plan.Looked, p.rows, err, mostLooked)
				}
				for _, command := range sent {
					p.goesByIndex(t, command)
				}
			}
		})
	}
}

// deep is how many resources are before a page that is far behind.
const deep = 10_000

// isByIndex says whether a plan goes by an index, the one that was hinted at: in the words of MongoDB (https://www.mongodb.com/docs/manual/reference/explain-results/),
// or in those of PostgreSQL.
func isByIndex(plan, hint string) bool {
	scans := slices.ContainsFunc([]string{"COLLSCAN", "Seq Scan"}, func(scan string) bool { return strings.Contains(plan, scan) })
	return !scans && hint != "" && strings.Contains(plan, `"`+hint+`"`)
}
