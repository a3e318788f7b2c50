package storagetest

import (
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// explains holds that what Explain says of a search agrees with the search, and that a budget changes nothing of it but when it is exceeded.
func explains(x *house) {
	c := newCorpus(x, 23)
	for range 8 {
		c.write(25, c.anyID)
	}
	for range max(10, x.fewer(150)) {
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
		if got.Vain != plan.Looked-plan.Found {
			c.Errorf("%+v took %d of its budget, by %+v", q, got.Vain, plan)
		}
		got.Vain = 0
		c.equal(got, want)
		again, err := c.Explain(c.ctx, home, q, page)
		c.check(err)
		c.equal(again, plan)
		if page.Budget--; page.Budget > 0 {
			_, err := c.Search(c.ctx, home, q, page)
			c.want(err, fhir.TooCostly)
			if !errors.Is(err, storage.ErrOverBudget) {
				c.Errorf("the cause of %v is not storage.ErrOverBudget", err)
			}
		}
	}
}

// budgets holds that counting within a budget counts the same or not at all, and that only a search that counts everything is TooCostly for it.
func budgets(x *house) {
	c := newCorpus(x, 29)
	for range 8 {
		c.write(25, c.anyID)
	}
	costly, uncounted := 0, 0
	for i := range max(20, x.fewer(60)) {
		q := c.query()
		if i%4 == 0 { // what is outside of a circle has no index
			q.All = []search.Any{{search.Not{Any: search.Any{c.near()}}}}
		}
		for _, upTo := range []int{-1, 5, 1_000} {
			page := storage.PageRequest{Limit: 3, CountUpTo: upTo}
			want, err := c.Search(c.ctx, home, q, page)
			c.check(err)
			enough := false
			for page.Budget = 1; page.Budget < 1<<24 && !enough; page.Budget *= 4 {
				got, err := c.Search(c.ctx, home, q, page)
				if errors.Is(err, fhir.TooCostly) {
					costly++
					continue
				}
				c.check(err)
				if got.Vain < 0 || upTo > 0 && got.Vain > 2*page.Budget {
					c.Errorf("%+v looked at %d in vain within a budget of %d", q, got.Vain, page.Budget)
				}
				got.Vain = 0
				if enough = got.Total == want.Total; !enough && upTo > 0 && got.Total == 0 && !got.Counted {
					uncounted++
					got.Total, got.Counted = want.Total, want.Counted
				}
				c.equal(got, want)
			}
			if !enough || c.Failed() {
				c.Fatalf("%+v, counting up to %d: no budget suffices", q, upTo)
			}
		}
	}
	if costly == 0 || uncounted == 0 {
		c.Errorf("%d searches were too costly, %d left their total uncounted; the budgets are not tried", costly, uncounted)
	}
}
