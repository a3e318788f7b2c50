package mongo

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// A chain leads from a resource to those that it refers to, or that refer to it: its other side is a selection of some type. Where an index has few
// candidates for the selection it is found first, and the chain becomes a list of references or ids ("grounded"). The chains that are left are grounded for
// each batch of candidates: for what they refer to, or are referred to by. Then every clause is decided by a resource's own entries.

// world is what the chains of a search lead to: the other resources of its partition.
type world struct {
	ctx       context.Context
	store     *Store
	partition fhir.Partition
	meter     *meter
}

// atOnce is how many resources are asked for by their names in one call.
const atOnce = 1_000

// ground replaces the chains of clauses on a type whose selection is few by tests without a chain; left says that there are others. The clauses keep their
// places.
func (w world) ground(all []search.Any, typ string) (grounded []search.Any, left bool, err error) {
	grounded, err = rewrite(all, func(t search.Test) (search.Any, error) {
		var some search.Any
		var few bool
		var err error
		switch t := t.(type) {
		case search.Refers:
			if some, few, err = w.toFew(&t); !few {
				some, left = search.Any{t}, true
			}
		case search.ReferredBy:
			if some, few, err = w.fromFew(&t, typ); !few {
				some, left = search.Any{t}, true
			}
		}
		return some, err
	})
	return grounded, left, err
}

// groundFor replaces all chains of clauses on a type by tests that are right for a batch of its resources.
func (w world) groundFor(all []search.Any, typ string, batch []search.Indexed) ([]search.Any, error) {
	return rewrite(all, func(t search.Test) (search.Any, error) {
		switch t := t.(type) {
		case search.Refers:
			targets, err := w.held(t.To, referredTo(batch, t.Param, t.To.Type))
			return referring(t, targets), err
		case search.ReferredBy:
			ids := make([]string, len(batch))
			for i, x := range batch {
				ids[i] = x.ID
			}
			targets, err := w.targets(t, typ, ids)
			return named(targets), err
		default:
			return nil, nil
		}
	})
}

// rewrite gives clauses other tests for their chains. Those of one clause that go the same way are one chain before.
func rewrite(all []search.Any, chain func(search.Test) (search.Any, error)) ([]search.Any, error) {
	if !leads(all) {
		return all, nil
	}
	rewritten := make([]search.Any, len(all))
	for i, a := range all {
		var of search.Any
		for _, t := range oneEach(a) {
			some, err := rewriteTest(t, chain)
			if err != nil {
				return nil, err
			}
			of = append(of, some...)
		}
		rewritten[i] = of
	}
	return rewritten, nil
}

func rewriteTest(t search.Test, chain func(search.Test) (search.Any, error)) (search.Any, error) {
	switch t := t.(type) {
	case search.Refers, search.ReferredBy:
		return chain(t)
	case search.Not:
		inner, err := rewrite([]search.Any{t.Any}, chain)
		if err != nil {
			return nil, err
		}
		return search.Any{search.Not{Any: inner[0]}}, nil
	case search.Every:
		inner, err := rewrite(t, chain)
		return search.Any{search.Every(inner)}, err
	default:
		return search.Any{t}, nil
	}
}

// oneEach makes one chain of those in a clause that go by the same parameter to the same type: one of these selections is a selection, too.
func oneEach(a search.Any) search.Any {
	type way struct {
		param, typ string
		back       bool
	}
	ways := make(map[way][]search.Selection)
	wayOf := func(t search.Test) (w way, s search.Selection, ok bool) {
		switch t := t.(type) {
		case search.Refers:
			return way{t.Param, t.To.Type, false}, t.To, true
		case search.ReferredBy:
			return way{t.Param, t.From.Type, true}, t.From, true
		}
		return w, s, false
	}
	for _, t := range a {
		if w, s, ok := wayOf(t); ok {
			ways[w] = append(ways[w], s)
		}
	}
	var some search.Any
	for _, t := range a {
		w, _, ok := wayOf(t)
		switch {
		case !ok:
			some = append(some, t)
		case ways[w] == nil: // it is there
		case w.back:
			some = append(some, search.ReferredBy{Param: w.param, From: oneOfSelections(ways[w])})
		default:
			some = append(some, search.Refers{Param: w.param, To: oneOfSelections(ways[w])})
		}
		ways[w] = nil
	}
	return some
}

// oneOfSelections has what one of some selections of a type has.
func oneOfSelections(some []search.Selection) search.Selection {
	if len(some) == 1 {
		return some[0]
	}
	var either search.Any
	for _, s := range some {
		either = append(either, search.Every(s.All))
	}
	return search.Selection{Type: some[0].Type, All: []search.Any{either}}
}

// toFew are the tests that stand for a reference to one of a selection, if that is few. Otherwise the chains of the selection itself are grounded.
func (w world) toFew(t *search.Refers) (some search.Any, few bool, err error) {
	rows, few, err := w.members(&t.To, byID)
	if !few || err != nil {
		return nil, false, err
	}
	targets := make([]string, len(rows))
	for i, r := range rows {
		targets[i] = r.ID
	}
	return referring(*t, targets), true, nil
}

// fromFew are the tests that stand for being referred to by one of a selection, if that is few and so is what it refers to.
func (w world) fromFew(t *search.ReferredBy, typ string) (some search.Any, few bool, err error) {
	rows, few, err := w.members(&t.From, byTerm(t.Param))
	if !few || err != nil {
		return nil, false, err
	}
	targets := referredTo(indexed(rows), t.Param, typ)
	return named(targets), len(targets) <= w.store.enough(), nil
}

// members are those of a selection, with the entries that a key goes by, if an index has few candidates for it. Otherwise its chains are grounded.
func (w world) members(s *search.Selection, by search.SortKey) (rows []row, few bool, err error) {
	x := w.selection(s.Type)
	a, err := x.begin(search.Query{Type: s.Type, All: s.All, Sort: []search.SortKey{by}})
	if err != nil {
		return nil, false, err
	}
	s.All = a.all
	leads := x.leads(a)
	if a.says.never || slices.ContainsFunc(leads, func(l lead) bool { return len(l.arms) == 0 }) {
		return nil, true, nil
	}
	if l := x.saysAll(a, leads); l != nil {
		return x.gather(a, l, x.store.enough(), false)
	}
	best, err := x.weigh(a, leads)
	if err != nil || best.lead == nil || !best.full {
		return nil, false, err
	}
	return x.gather(a, best.lead, x.store.enough(), false)
}

// selection is a search for the other side of a chain.
func (w world) selection(typ string) *searching {
	return &searching{
		ctx: w.ctx, store: w.store, meter: w.meter, partition: w.partition, typ: typ, of: w.store.current(typ), keys: w.store.sortKeys(typ), world: w,
	}
}

// selected is the quest for a selection whose chains are as far grounded as they will be.
func selected(s search.Selection, by search.SortKey) *quest {
	a := &quest{all: s.All, sort: []search.SortKey{by}, left: leads(s.All)}
	a.judge()
	return a
}

// held are those of some ids that a selection has.
func (w world) held(s search.Selection, ids []string) (found []string, err error) {
	x, a := w.selection(s.Type), selected(s, byID)
	for some := range slices.Chunk(ids, atOnce) {
		err := x.through(a, &lead{arms: []arm{armOf(w.partition, some)}}, a.fields(false), len(some), func(rows []row) error {
			for _, r := range rows {
				found = append(found, r.ID)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// targets are those of some ids of a type that one of a selection refers to. Of one that was found nothing more is asked: what very many refer to
// is found by a few of them.
func (w world) targets(t search.ReferredBy, typ string, ids []string) (found []string, err error) {
	x, a := w.selection(t.From.Type), selected(t.From, byTerm(t.Param))
	for len(ids) > 0 {
		terms := make([]string, len(ids))
		for i, id := range ids {
			terms[i] = prefixed(t.Param, typ+"/"+id)
		}
		referring := lead{arms: []arm{{hintTerm, bson.D{{Key: fieldPartition, Value: string(w.partition)}, {Key: indexTerm, Value: in(terms)}}}}}
		came := 0
		err := x.through(a, &referring, a.fields(false), atOnce, func(rows []row) error {
			came += len(rows)
			here := referredTo(indexed(rows), t.Param, typ)
			ids = slices.DeleteFunc(ids, func(id string) bool {
				is := slices.Contains(here, id)
				if is {
					found = append(found, id)
				}
				return is
			})
			if len(ids) == 0 {
				return errEnough
			}
			return nil
		})
		switch {
		case errors.Is(err, errEnough):
			return found, nil
		case err != nil:
			return nil, err
		case came < atOnce || len(a.byRow) > 0: // there were no others
			return found, nil
		}
	}
	return found, nil
}

// The orders of the members of a selection: none, with nothing of their entries, and one that has their terms with them.
var byID = search.SortKey{Param: search.ID}

func byTerm(param string) search.SortKey { return search.SortKey{Param: param, By: search.ByTerm} }

// indexed are rows as search sees them.
func indexed(rows []row) []search.Indexed {
	list := make([]search.Indexed, len(rows))
	for i, r := range rows {
		list[i] = r.Indexed
	}
	return list
}

// referredTo are the ids of a type that resources refer to by a parameter, each once.
func referredTo(batch []search.Indexed, param, typ string) (ids []string) {
	for _, x := range batch {
		for _, t := range x.Entries.Terms {
			if id, is := strings.CutPrefix(t.Value, typ+"/"); is && t.Param == param {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// referring are the tests for a reference to one of these.
func referring(t search.Refers, targets []string) (some search.Any) {
	for _, id := range targets {
		some = append(some, search.Equal{Param: t.Param, Value: t.To.Type + "/" + id})
	}
	return some
}

// named are the tests for being one of these.
func named(ids []string) (some search.Any) {
	for _, id := range ids {
		some = append(some, search.Equal{Param: search.ID, Value: id})
	}
	return some
}
