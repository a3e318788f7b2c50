package engine

import (
	"cmp"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// gathering is a page of a search of several types (https://hl7.org/fhir/R4/http.html#vsearch): matches of all of them in the order of their
// instants, of which no two are equal in a store. The types are searched one after the other, each only within what the page may still
// reach; where the page ends is known by an instant, and the next page goes on from there in every type.
type gathering struct {
	*finder
	limit       int
	oldestFirst bool

	first, last fhir.Instant // what the page may reach, both included
	rows        []fhir.Version
	more        bool // there are matches behind the page
}

// ofTypes finds the matches of a search of several types.
func (f *finder) ofTypes(requests []search.Request, at *searchCursor) (page SearchPage, more bool, err error) {
	sort := requests[0].Query.Sort
	g := gathering{finder: f, limit: requests[0].Count, first: fhir.Beginning, last: fhir.End}
	g.oldestFirst = len(sort) > 0 && !sort[0].Descending // search.Rules.ParseSystem lets several types be sorted by instant alone
	if err := g.begin(at.Last); err != nil {
		return page, false, err
	}
	for _, r := range requests {
		if err := g.gather(r.Query); err != nil {
			return page, false, err
		}
	}
	page.Versions = g.rows
	switch upTo := at.countUpTo(requests[0]); {
	case upTo == 0:
	case g.limit > 0 && !g.more:
		page.Total, page.Counted = len(g.rows), true
	default:
		page.Total, page.Counted, err = f.finder(f.ctx, f.who).count(requests, upTo)
	}
	if g.more {
		at.Last = g.rows[len(g.rows)-1].Instant
	}
	return page, g.more, err
}

// begin puts the beginning of the page behind the last match of the page before. Oldest first, the page ends with what was there when it began: of
// two types that are written meanwhile, the one that is searched first would lose what came to it before the other's.
func (g *gathering) begin(behind fhir.Instant) error {
	if !g.oldestFirst {
		if behind != 0 {
			g.last = behind - 1
		}
		return nil
	}
	if behind != 0 {
		g.first = behind + 1
	}
	newest, err := g.Store.History(g.ctx, g.who.Partition, storage.HistoryQuery{Limit: 1})
	g.last = fhir.Beginning
	if err == nil && len(newest.Versions) > 0 {
		g.last = newest.Versions[0].Instant
	}
	return err
}

// gather adds the matches of a type.
func (g *gathering) gather(q search.Query) error {
	if g.limit == 0 {
		return nil
	}
	within := search.Within{Param: search.LastUpdated, LowFrom: g.first, LowTo: g.last, HighFrom: fhir.Beginning, HighTo: fhir.End}
	q.All = append(slices.Clip(q.All), search.Any{within})
	q.Sort = []search.SortKey{{Param: search.LastUpdated, Descending: !g.oldestFirst}}
	page, err := g.find(q, storage.PageRequest{Limit: g.limit})
	if err != nil || len(page.Versions) == 0 {
		return err
	}
	if page.Next != nil {
		g.end(page.Versions[len(page.Versions)-1].Instant)
	}
	g.merge(page.Versions)
	return nil
}

// merge keeps, of the matches so far and of more, what has room on the page.
func (g *gathering) merge(more []fhir.Version) {
	rows := slices.Concat(g.rows, more)
	slices.SortFunc(rows, func(a, b fhir.Version) int {
		if g.oldestFirst {
			a, b = b, a
		}
		return cmp.Compare(b.Instant, a.Instant)
	})
	g.rows = rows
	bytes := 0
	for i, v := range rows {
		bytes += len(v.Body)
		if i == g.limit || i > 0 && bytes > storage.MaxPageBytes {
			g.end(rows[i-1].Instant)
		}
		if v.Instant < g.first || v.Instant > g.last {
			g.rows = rows[:i]
			return
		}
	}
}

// end lets the page end with an instant, behind which there are matches.
func (g *gathering) end(with fhir.Instant) {
	g.more = true
	if g.oldestFirst {
		g.last = with
	} else {
		g.first = with
	}
}

// count adds up the matches of several types, up to some number, by the rule of one: with a budget of its own.
func (f *finder) count(requests []search.Request, upTo int) (total int, counted bool, err error) {
	for _, r := range requests {
		left := upTo
		if upTo > 0 {
			left = max(upTo-total, 1) // 0 would count nothing
		}
		page, err := f.find(r.Query, storage.PageRequest{CountUpTo: left})
		if err != nil {
			return 0, false, err
		}
		total += page.Total
		if !page.Counted || upTo > 0 && total > upTo {
			return 0, false, nil
		}
	}
	return total, true, nil
}
