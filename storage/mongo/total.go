package mongo

import (
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// total counts the matches as far as it is asked to. A first page without a next one has them all.
func (x *searching) total(a *quest, want storage.PageRequest, isNext bool, all int, page *storage.SearchPage) error {
	if want.CountUpTo == 0 {
		return nil
	}
	if want.Limit > 0 && !isNext && page.Next == nil {
		all = len(page.Versions)
	}
	if all == uncounted {
		var err error
		all, err = x.count(a, want.CountUpTo)
		if errors.Is(err, storage.ErrOverBudget) && want.CountUpTo > 0 {
			return nil // it stays uncounted
		}
		if err != nil {
			return err
		}
	}
	page.Total, page.Counted = told(all, want.CountUpTo)
	return nil
}

// told is what is told of a number of matches when they are counted up to some number: a negative one is to the end.
func told(matches, upTo int) (total int, counted bool) {
	if upTo < 0 || matches <= upTo {
		return matches, true
	}
	return upTo, false
}

// count counts the matches: all of them, or when upTo is positive up to one more. What the filter decides the database counts.
func (x *searching) count(a *quest, upTo int) (n int, err error) {
	wanted := max(0, upTo+1)
	x.meter.restart(wanted)
	l, never, err := x.counting(a)
	switch {
	case err != nil || never:
		return 0, err
	case len(a.byRow) == 0:
		n, err = x.countByFilter(a, l, wanted)
	default:
		n, err = x.countByRow(a, l, wanted)
	}
	if err != nil {
		return 0, err
	}
	return n, x.meter.settle(min(n, wanted))
}

// counting is the lead by which matches are counted: there is no choice, or it was made, or is made now.
func (x *searching) counting(a *quest) (l *lead, never bool, err error) {
	leads := x.leads(a)
	for i := range leads {
		if len(leads[i].arms) == 0 {
			return nil, true, nil
		}
	}
	switch {
	case a.says.never:
		return nil, true, nil
	case len(leads) == 0:
		return nil, false, nil
	case len(leads) == 1:
		return &leads[0], false, nil
	}
	w, err := x.weigh(a, leads)
	return w.lead, false, err
}

// countByFilter counts up to a limit, 0 for no such, those of each index that are in none before.
func (x *searching) countByFilter(a *quest, l *lead, limit int) (n int, err error) {
	var before bson.A
	for _, arm := range x.armsOf(l) {
		filters := []bson.D{arm.filter, a.says.filter}
		if before != nil {
			filters = append(filters, bson.D{{Key: "$nor", Value: before}})
		}
		left := 0
		if limit > 0 {
			left = limit - n
		}
		some, err := x.number(arm.index, left, filters...)
		if err != nil {
			return 0, err
		}
		if n += some; limit > 0 && n >= limit {
			break
		}
		before = append(before, arm.filter)
	}
	return n, x.meter.look(n)
}

// countByRow counts up to a limit, 0 for no such, by going through the candidates.
func (x *searching) countByRow(a *quest, l *lead, limit int) (int, error) {
	seen := make(map[string]fhir.Instant)
	err := x.through(a, l, a.fields(false), limit, func(some []row) error {
		for _, r := range some {
			seen[r.ID] = r.Instant
		}
		if limit > 0 && len(seen) >= limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return limit, nil
	}
	return len(seen), err
}
