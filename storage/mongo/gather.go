package mongo

import (
	"errors"
	"regexp"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// sifted is how many candidates are decided at once while all are gone through.
const sifted = 500

// errEnough ends what goes through all matches.
var errEnough = errors.New("mongo: enough")

// through goes through all matches of a quest, in no order, and calls fn with some at a time: with those of so many candidates at first, then of more and more; 0: of
// many. Of a quest that the filter decides it asks each index for no more than the first. A resource that changes meanwhile may come twice.
func (x *searching) through(a *quest, l *lead, fields bson.D, first int, fn func([]row) error) error {
	limit := 0
	if len(a.byRow) == 0 {
		limit = first
	}
	for _, arm := range x.armsOf(l) {
		var batch []row
		heavy, size := 0, sifted
		if first > 0 {
			size = min(first, sifted)
		}
		flush := func() error {
			if err := x.meter.look(len(batch) * a.toll()); err != nil {
				return err
			}
			matches, err := x.sift(a, batch)
			if err != nil {
				return err
			}
			batch, heavy, size = batch[:0:0], 0, min(2*size, sifted)
			return fn(matches)
		}
		err := x.rows(asked{index: arm.index, filter: []bson.D{arm.filter, a.says.filter}, fields: fields, limit: limit}, func(r row) (bool, error) {
			batch, heavy = append(batch, r), heavy+len(r.resource)
			if len(batch) < size && heavy < storage.MaxPageBytes {
				return true, nil
			}
			return true, flush()
		})
		if err == nil {
			err = flush()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// armsOf are those of a lead, or of the whole type.
func (x *searching) armsOf(l *lead) []arm {
	if l == nil {
		return []arm{{index: hintNewest, filter: x.ours()}}
	}
	return l.arms
}

// gather fetches all matches, if they are not more than so many, and, with bodies, not heavier than a page may be. It does not look at more of them.
func (x *searching) gather(a *quest, l *lead, upTo int, bodies bool) (all []row, whole bool, err error) {
	room := storage.MaxPageBytes
	at := make(map[string]int)
	err = x.through(a, l, a.fields(bodies), upTo+1, func(some []row) error {
		for _, r := range some {
			room -= len(r.resource)
			i, again := at[r.ID]
			switch {
			case !again:
				at[r.ID] = len(all)
				all = append(all, r)
			case r.Instant > all[i].Instant:
				all[i] = r
			}
		}
		if len(all) > upTo || room < 0 {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil, false, nil
	}
	return all, err == nil, err
}

// ranked are the first matches of all behind a place in their order.
func ranked(a *quest, all []row, after *search.Indexed, n int) []row {
	q := a.query()
	if after != nil {
		all = slices.DeleteFunc(slices.Clone(all), func(r row) bool { return search.Compare(q, *after, r.Indexed) >= 0 })
	}
	slices.SortFunc(all, func(a, b row) int { return search.Compare(q, a.Indexed, b.Indexed) })
	return all[:min(n, len(all))]
}

// isHeld says whether anybody may have a value of a key.
func (x *searching) isHeld(k search.SortKey) (bool, error) {
	beginning := bson.Regex{Pattern: "^" + regexp.QuoteMeta(k.Param+"=")}
	var index string
	var has bson.E
	switch k.By {
	case search.ByTime:
		index, has = hintTime, bson.E{Key: indexTime + ".param", Value: k.Param}
	case search.ByOrder:
		index, has = hintOrder, bson.E{Key: indexOrder + ".low", Value: beginning}
	case search.ByText:
		index, has = hintText, bson.E{Key: indexText + ".folded", Value: beginning}
	default:
		index, has = hintTerm, bson.E{Key: indexTerm, Value: beginning}
	}
	n, err := x.number(index, 1, append(x.ours(), has))
	return n > 0, err
}

func tooMany() *fhir.Error {
	return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly,
		"The search has more than %d matches to sort, and no index has them in this order; at most %d are sorted. Ask for fewer, or sort by another parameter.",
		storage.MaxGathered, storage.MaxGathered)
}
