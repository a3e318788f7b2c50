package mongo

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// lead is a way from a clause to the resources that may satisfy it, by indexes.
type lead struct {
	clause int    // its place in the query
	what   string // indexes in a few words: storage.Plan.Index
	arms   []arm  // what satisfies the clause is in one of them, perhaps in several; none: nothing does
	key    string // the parameter of the promised order, or search.LastUpdated, that each arm is a stretch of, but for one of hintLong; "": none
	term   bool   // there is one arm, and it has one term: hintTerm's order by instant is that of its resources
	rank   rank
}

// arm is a part of a lead: an index, and the filter of what is asked of it. Marks of deletions may be found, too.
type arm struct {
	index  string
	filter bson.D
}

// rank is how few resources an index has for a test, as a rule: the first of them the fewest.
type rank int

const (
	byIDs rank = iota
	byTerms
	byTexts
	byOrders
	byPlaces
	byTimes
	byInstants
)

// hintID is the index that every collection has.
const hintID = "_id_"

// maxArms bounds the arms of a lead: each is a question to the database.
const maxArms = 16

// leadsOf are the ways to what satisfies the clauses, for a type with these promised keys. A clause without any has no index.
func leadsOf(p fhir.Partition, all []search.Any, keys []search.SortKey) []lead {
	x := leading{p, keys}
	var found []lead
	for i, a := range all {
		if l, ok := x.toClause(a); ok {
			l.clause = i
			found = append(found, l)
		}
	}
	for _, k := range keys {
		if l, ok := x.toTimes(all, k); ok {
			found = append(found, l)
		}
	}
	return found
}

// leading makes leads in a partition.
type leading struct {
	partition fhir.Partition
	keys      []search.SortKey
}

// arm is one of the partition.
func (x leading) arm(index string, tests ...bson.E) arm {
	return arm{index, slices.Concat(bson.D{{Key: fieldPartition, Value: string(x.partition)}}, tests)}
}

// armOf is the arm of resources that have these ids. It names the shard key, too, so that only the shards that have them are asked.
func armOf(p fhir.Partition, ids []string) arm {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = documentID(p, id)
	}
	return arm{hintID, bson.D{{Key: fieldID, Value: in(names)}, {Key: fieldPartition, Value: string(p)}, {Key: fieldName, Value: in(ids)}}}
}

// toClause is the lead of one clause by itself: an arm for all ids, one for all terms, and one for each other test.
func (x leading) toClause(a search.Any) (l lead, ok bool) {
	var ids, terms []string
	var words []string
	for _, t := range a {
		switch e, isEqual := t.(search.Equal); {
		case !isEqual:
			part, ok := x.toTest(t)
			if !ok {
				return lead{}, false
			}
			l.arms, l.rank, l.key = append(l.arms, part.arms...), max(l.rank, part.rank), part.key
			words = append(words, part.what)
		case !utf8.ValidString(e.Value):
			return lead{}, false
		case e.Param == search.ID:
			ids = append(ids, e.Value)
			words = append(words, "ids")
		default:
			terms = append(terms, prefixed(e.Param, e.Value))
			words = append(words, "terms of "+e.Param)
		}
	}
	if len(a) > 1 {
		l.key = ""
	}
	if len(terms) > 0 {
		l.arms, l.rank = append(l.arms, x.arm(hintTerm, bson.E{Key: indexTerm, Value: in(terms)})), max(l.rank, byTerms)
	}
	if len(ids) > 0 {
		l.arms = append(l.arms, armOf(x.partition, ids))
	}
	l.term = len(l.arms) == 1 && l.arms[0].isTerm()
	l.what = eachOnce(words)
	return l, len(l.arms) <= maxArms
}

// isTerm says whether the arm is that of a single term.
func (a arm) isTerm() bool {
	_, single := a.filter[len(a.filter)-1].Value.(string)
	return single && a.index == hintTerm
}

// eachOnce lists words, each once.
func eachOnce(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ", ")
}

// toTest is the lead of a test that is no Equal.
func (x leading) toTest(t search.Test) (lead, bool) {
	one := func(r rank, what string, index string, tests ...bson.E) (lead, bool) {
		return lead{what: what, rank: r, arms: []arm{x.arm(index, tests...)}}, true
	}
	switch t := t.(type) {
	case search.StartsWith:
		if !utf8.ValidString(t.Folded) {
			return lead{}, false
		}
		beginning := bson.Regex{Pattern: "^" + quoted(prefixed(t.Param, firstBytes(t.Folded, maxPattern)))}
		return one(byTexts, "texts of "+t.Param, hintText, bson.E{Key: indexFolded, Value: beginning})
	case search.Whole:
		return one(byTexts, "texts of "+t.Param, hintText, bson.E{Key: indexFolded, Value: prefixed(t.Param, t.Folded)})
	case search.Between:
		if t.LowFrom == search.First && t.LowTo == search.Last {
			return lead{}, false
		}
		low := bson.E{Key: "low", Value: textBounds(t.Param, t.LowFrom, t.LowTo)}
		return one(byOrders, "values of "+t.Param, hintOrder, oneOf(indexOrder, low).filter...)
	case search.Near:
		if c := near(t); !c.never {
			return one(byPlaces, "places of "+t.Param, hintPlace, c.filter...)
		}
		return lead{what: "places of " + t.Param}, true
	case search.Within:
		return x.toWindow(t)
	case search.Every:
		return x.toEvery(t)
	default:
		return lead{}, false
	}
}

// toWindow is the lead of a test on a time, if that says where it begins.
func (x leading) toWindow(t search.Within) (lead, bool) {
	if t.Param == search.LastUpdated {
		c := within(t)
		return lead{what: "resources by instant", rank: byInstants, key: t.Param, arms: []arm{x.arm(hintNewest, c.filter...)}}, len(c.filter) > 0
	}
	bounds := instantBounds(t.LowFrom, t.LowTo)
	if len(bounds) == 0 || len(bounds) == 1 && slices.ContainsFunc(x.keys, func(k search.SortKey) bool { return isByTime(k, t.Param) }) {
		return lead{}, false // toTimes has a better one
	}
	begins := oneOf(indexTime, bson.E{Key: "param", Value: t.Param}, bson.E{Key: "low", Value: bounds})
	return lead{what: "ranges of " + t.Param, rank: byTimes, arms: []arm{x.arm(hintTime, begins.filter...)}}, true
}

// toEvery is the best of the leads of clauses all of which have to hold.
func (x leading) toEvery(all search.Every) (best lead, ok bool) {
	for _, a := range all {
		l, leads := x.toClause(a)
		switch {
		case !leads:
			continue
		case len(l.arms) == 0:
			return l, true
		case !ok || l.rank < best.rank:
			best, ok = l, true
		}
	}
	return best, ok
}

// isByTime says whether a promised key goes by the times of a parameter.
func isByTime(k search.SortKey, param string) bool {
	return isPromised(k) && k.By == search.ByTime && k.Param == param
}

// toTimes is the lead of all clauses together that ask for the times of a promised key alone. Resources with one short time have all of it within some stretch
// of their order; the others, which are not many as a rule, are an arm of their own.
func (x leading) toTimes(all []search.Any, k search.SortKey) (l lead, ok bool) {
	l = lead{clause: -1, what: "ranges of " + k.Param, key: k.Param, rank: byTimes}
	windows := []search.Within{{LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}}
	for i, a := range all {
		of, is := windowsOf(a, k)
		if !is {
			continue
		}
		if l.clause < 0 {
			l.clause = i
		}
		windows = common(windows, of)
	}
	if l.clause < 0 {
		return lead{}, false
	}
	for _, w := range windows {
		low, high := instantBounds(w.LowFrom, w.LowTo), instantBounds(w.HighFrom, w.HighTo)
		if len(low)+len(high) == 0 {
			return lead{}, false
		}
		l.arms = append(l.arms, x.arm(hintSort(ascending(k)), stretchOf(k, low, high)...))
	}
	l.arms = append(l.arms, x.arm(hintLong, bson.E{Key: indexLong, Value: k.Param}))
	return l, true
}

// stretchOf are the tests on the values that a resource is sorted by, as far as there are any.
func stretchOf(k search.SortKey, low, high bson.D) (tests bson.D) {
	if len(low) > 0 {
		tests = append(tests, bson.E{Key: sortField(ascending(k)), Value: low})
	}
	if len(high) > 0 {
		tests = append(tests, bson.E{Key: sortField(descending(k)), Value: high})
	}
	return tests
}

// ascending and descending are a key in an order of ours.
func ascending(k search.SortKey) search.SortKey  { k.Descending = false; return k }
func descending(k search.SortKey) search.SortKey { k.Descending = true; return k }

// windowsOf are the windows of a clause, if it asks for the times of a key alone: made as narrow as they are for one that is not longer than longTime.
func windowsOf(a search.Any, k search.SortKey) (windows []search.Within, is bool) {
	for _, t := range a {
		w, isWithin := t.(search.Within)
		if !isWithin || !isByTime(k, w.Param) {
			return nil, false
		}
		windows = append(windows, search.Within{
			LowFrom: max(w.LowFrom, before(w.HighFrom)), LowTo: min(w.LowTo, w.HighTo),
			HighFrom: max(w.HighFrom, w.LowFrom), HighTo: min(w.HighTo, behindBy(w.LowTo)),
		})
	}
	return apart(windows), len(a) > 0
}

// before and behindBy move an instant by longTime, and stop at the ends of time.
func before(i fhir.Instant) fhir.Instant   { return max(i, fhir.Beginning+longTime) - longTime }
func behindBy(i fhir.Instant) fhir.Instant { return min(i, fhir.End-longTime) + longTime }

// common are the windows in which both are.
func common(some, others []search.Within) (both []search.Within) {
	for _, a := range some {
		for _, b := range others {
			both = append(both, search.Within{
				LowFrom: max(a.LowFrom, b.LowFrom), LowTo: min(a.LowTo, b.LowTo),
				HighFrom: max(a.HighFrom, b.HighFrom), HighTo: min(a.HighTo, b.HighTo),
			})
		}
	}
	return apart(both)
}

// apart makes one of windows that overlap, in ascending order. Of too many there is one that has them all in it.
func apart(windows []search.Within) (few []search.Within) {
	slices.SortFunc(windows, func(a, b search.Within) int { return cmp.Compare(a.LowFrom, b.LowFrom) })
	for _, w := range windows {
		switch last := len(few) - 1; {
		case w.LowFrom > w.LowTo || w.HighFrom > w.HighTo: // nothing is in it
		case last >= 0 && w.LowFrom <= few[last].LowTo:
			few[last] = hull(few[last], w)
		default:
			few = append(few, w)
		}
	}
	for len(few) >= maxArms { // one is that of the long ones
		few = append(few[:len(few)-2], hull(few[len(few)-2], few[len(few)-1]))
	}
	return few
}

// hull is the smallest window that has both in it.
func hull(a, b search.Within) search.Within {
	return search.Within{
		LowFrom: min(a.LowFrom, b.LowFrom), LowTo: max(a.LowTo, b.LowTo),
		HighFrom: min(a.HighFrom, b.HighFrom), HighTo: max(a.HighTo, b.HighTo),
	}
}
