package storagetest

import (
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// explains holds that what Explain says of a search agrees with the search, and that a budget changes nothing of it but when it is exceeded.
func explains(x *house) {
	c := newCorpus(x, 23)
	for range 8 {
		c.write(25, c.anyID)
	}
	for range 150 / scale {
		q := c.query()
		page := storage.PageRequest{Limit: one(c, 1, 3, 20, 1_000)}
		want, err := c.Search(c.ctx, home, q, page)
		c.check(err)
		plan, err := c.Explain(c.ctx, home, q, page)
		c.check(err)
		if c.Failed() {
			return
		}
		if plan.Index == "" || plan.Clause < -1 || plan.Clause >= len(q.All) || plan.Found != len(want.Versions) || plan.Looked < plan.Found {
			c.Fatalf("%+v finds %d, by %+v", q, len(want.Versions), plan)
		}
		if plan.Counted && plan.Matches < len(want.Versions) && plan.Clause >= 0 {
			c.Fatalf("%+v finds %d among fewer, by %+v", q, len(want.Versions), plan)
		}
		page.Budget = max(1, plan.Looked-plan.Found)
		got, err := c.Search(c.ctx, home, q, page)
		c.check(err)
		c.equal(got, want)
		again, err := c.Explain(c.ctx, home, q, page)
		c.check(err)
		c.equal(again, plan)
		if page.Budget--; page.Budget > 0 {
			_, err := c.Search(c.ctx, home, q, page)
			c.want(err, fhir.TooCostly)
		}
	}
}
