package mongo

import (
	"cmp"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

const (
	handful = 100   // candidates: they are fetched at once, bodies and all
	enough  = 1_000 // candidates: an index that has no more of them is asked, and the database sorts them; else one is followed that has the order
	mostLed = 16    // leads that are counted
)

// handful and enough are those of the configuration: what is found must not depend on the way to it, and tests choose another one.
func (s *Store) handful() int { return cmp.Or(s.config.handful, handful) }

func (s *Store) enough() int { return cmp.Or(s.config.enough, enough) }

// way is how the matches of a quest are come by.
type way struct {
	lead *lead // by whose index; nil: none, the whole type is gone through
	size int   // candidates that the index has, as far as they were counted
	full bool  // they were counted to the end

	follows bool // that index has them in the order asked for
	never   bool // there are none
	some    []row
	whole   bool // some are all matches
}

// weighed is the lead with the fewest candidates.
type weighed struct {
	best *lead
	size int
	full bool
}

// plan chooses how the matches of a quest are come by. The database is left no choice: it would have to try, and it might keep to what was good
// for another value.
func (x *searching) plan(a *quest, o *order) (way, error) {
	leads := x.leads(a)
	for i := range leads {
		if len(leads[i].arms) == 0 {
			return way{lead: &leads[i], full: true, never: true}, nil
		}
	}
	if a.says.never {
		return way{full: true, never: true}, nil
	}
	if l := x.only(leads, o); l != nil {
		return way{lead: l, follows: true}, nil
	}
	if w, err := x.few(a, leads); err != nil || w.whole {
		return w, err
	}
	w, err := x.weigh(a, leads)
	if err != nil || o == nil || w.full && w.lead != nil {
		return w, err
	}
	for i := range leads {
		if x.follows(&leads[i], o) {
			return way{lead: &leads[i], size: x.store.enough(), follows: true}, nil
		}
	}
	return way{}, nil
}

// leads are those of a quest, as many as are worth a look.
func (x *searching) leads(a *quest) []lead {
	all := leadsOf(x.partition, a.all, x.keys)
	return all[:min(len(all), mostLed)]
}

// only is the lead whose index has the order asked for, if there is none to something else: then there is no choice. A time may have several.
func (x *searching) only(leads []lead, o *order) *lead {
	i := slices.IndexFunc(leads, func(l lead) bool { return x.follows(&l, o) })
	switch {
	case i < 0, leads[i].term && len(leads) > 1, slices.ContainsFunc(leads, func(l lead) bool { return l.what != leads[i].what }):
		return nil
	default:
		return &leads[i]
	}
}

// follows says whether the index of a lead has the matches in an order. One over terms has, behind a single one, the instants; where the engine keeps to it.
func (x *searching) follows(l *lead, o *order) bool {
	switch {
	case o == nil:
		return false
	case o.field == fieldInstant:
		return l.key == search.LastUpdated || l.term && x.store.deployment.ordersByTerms
	case o.field == fieldID:
		return len(l.arms) == 1 && l.arms[0].index == hintID
	default:
		return l.key == o.key
	}
}

// few fetches all matches if a lead has but a handful of candidates. Those of one that says all are not counted before: it takes one call either way.
func (x *searching) few(a *quest, leads []lead) (way, error) {
	saysAll := x.saysAll(a, leads)
	for i := range leads {
		l := &leads[i]
		if saysAll == nil {
			size, err := x.size(l, x.store.handful())
			if err != nil {
				return way{}, err
			}
			if size > x.store.handful() {
				continue
			}
		}
		rows, whole, err := x.gather(a, l, x.store.handful(), true)
		if err != nil || whole {
			return way{lead: l, size: len(rows), full: true, some: rows, whole: whole}, err
		}
	}
	return way{}, nil
}

// saysAll is the only lead of a quest, if all that its only index has are matches.
func (x *searching) saysAll(a *quest, leads []lead) *lead {
	if len(leads) == 1 && len(a.all) == 1 && a.says.exact && len(leads[0].arms) == 1 {
		return &leads[0]
	}
	return nil
}

// weigh finds the lead with the fewest candidates, if any has not more than enough.
func (x *searching) weigh(a *quest, leads []lead) (best way, err error) {
	if a.weighed == nil {
		a.weighed = &weighed{}
		for i := range leads {
			limit := x.store.enough()
			if a.weighed.full {
				limit = a.weighed.size
			}
			size, err := x.size(&leads[i], limit)
			if err != nil {
				return best, err
			}
			if size <= limit && (!a.weighed.full || size < limit) {
				*a.weighed = weighed{&leads[i], size, true}
			}
		}
		if a.weighed.best == nil && len(leads) > 0 {
			*a.weighed = weighed{best: &leads[0], size: x.store.enough()}
		}
	}
	return way{lead: a.weighed.best, size: a.weighed.size, full: a.weighed.full}, nil
}

// size counts the candidates of a lead, up to one more than a number.
func (x *searching) size(l *lead, upTo int) (size int, err error) {
	for _, arm := range l.arms {
		n, err := x.number(arm.index, upTo+1-size, arm.filter)
		if err != nil {
			return 0, err
		}
		if size += n; size > upTo {
			break
		}
	}
	return size, x.meter.look(size)
}

// number counts the documents that satisfy some filters, up to a limit; 0: all.
func (x *searching) number(index string, limit int, filters ...bson.D) (n int, err error) {
	stages := bson.A{bson.D{{Key: "$match", Value: both(filters...)}}}
	if limit > 0 {
		stages = append(stages, bson.D{{Key: "$limit", Value: limit}})
	}
	cursor, err := x.aggregate(append(stages, bson.D{{Key: "$count", Value: "n"}}), index, 1)
	if err != nil {
		return 0, err
	}
	defer func() { _ = cursor.Close(x.ctx) }()
	var counted struct{ N int }
	if cursor.Next(x.ctx) { // of none nothing comes
		err = cursor.Decode(&counted)
	}
	return counted.N, errors.Join(err, tooLong(cursor.Err()))
}

// ours is the filter for the partition.
func (x *searching) ours() bson.D { return bson.D{{Key: fieldPartition, Value: string(x.partition)}} }

// first finds the first matches behind a place in their order, so many of them, and says how many there are in all if that comes to be known. Where they weigh
// more than a page may, those behind that may be missing.
func (x *searching) first(a *quest, after *search.Indexed, n int) (rows []row, all int, err error) {
	o := x.orderOf(a.sort[0])
	w, err := x.plan(a, o)
	if err != nil {
		return nil, 0, err
	}
	x.tell(a, w, o)
	switch {
	case w.never:
		return nil, 0, nil
	case w.whole:
		return ranked(a, w.some, after, n), len(w.some), nil
	case o != nil:
		rows, err = x.stream(a, w, o, after, n)
		return rows, uncounted, err
	}
	rows, whole, err := x.gather(a, w.lead, storage.MaxGathered, false)
	if err != nil {
		return nil, 0, err
	}
	if whole {
		return ranked(a, rows, after, n), len(rows), nil
	}
	if held, err := x.isHeld(a.sort[0]); err != nil || held {
		return nil, 0, cmp.Or(err, error(tooMany()))
	}
	rest := *a
	if rest.sort = a.sort[1:]; len(rest.sort) == 0 {
		rest.sort = []search.SortKey{{Param: search.ID}}
	}
	return x.first(&rest, after, n)
}
