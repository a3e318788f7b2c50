package storagetest

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// corpus is a store's content beside the memory of it, both made by chance.
type corpus struct {
	*house
	*rand.Rand
	types []string
	alive map[fhir.Key]search.Indexed
	times []fhir.Instant // of all versions
}

func newCorpus(x *house, seed uint64) *corpus {
	return &corpus{house: x, Rand: rand.New(rand.NewPCG(seed, 0)), types: []string{"Patient", "Slot"}, alive: make(map[fhir.Key]search.Indexed)}
}

// one is a value by chance.
func one[T any](c *corpus, values ...T) T { return values[c.IntN(len(values))] }

// The parameters of a corpus. "mixed" has entries of every kind, "rare" few, "nobody" none.
var (
	termParams  = []string{"code", "status", "mixed", "rare"}
	textParams  = []string{"name", "mixed"}
	rangeParams = []string{"date", "period", "mixed", "rare"}
	linkParams  = []string{"link", "owner"} // have references, of both types to both
)

// write changes some resources in one commit, and remembers what is there.
func (c *corpus) write(changes int, id func() string) {
	c.Helper()
	byKey := make(map[fhir.Key]storage.Op)
	for range changes {
		key := fhir.Key{Type: one(c, c.types...), ID: id()}
		op := storage.Op{Key: key, Origin: one(c, "", "somebody", "somebody else")}
		if c.IntN(6) > 0 {
			op.Resource, op.Entries = note(key, ""), c.entries()
		}
		byKey[key] = op
	}
	keys := slices.SortedFunc(maps.Keys(byKey), func(a, b fhir.Key) int { return strings.Compare(a.String(), b.String()) })
	ops := make([]storage.Op, len(keys))
	for i, k := range keys {
		ops[i] = byKey[k]
	}
	for i, r := range c.commit(home, ops...) {
		c.times = append(c.times, r.Version.Instant)
		if ops[i].Resource.IsZero() {
			delete(c.alive, keys[i])
		} else {
			c.alive[keys[i]] = search.Indexed{ID: keys[i].ID, Instant: r.Version.Instant, Entries: ops[i].Entries}
		}
	}
}

// anyID is an id of few, in letters of both cases.
func (c *corpus) anyID() string {
	return one(c, "a", "A", "b-", "Z.", "0") + one(c, "", "1", "x", "X", "10", "2", "aa", "-", "9z", "Q") + one(c, "", "k", "K", "3", "30", ".")
}

func (c *corpus) entries() search.Entries {
	terms, texts, ranges := make(map[search.Term]bool), make(map[search.Text]bool), make(map[search.Range]bool)
	ordereds, places := make(map[search.Ordered]bool), make(map[search.Place]bool)
	for range c.IntN(5) {
		terms[search.Term{Param: c.param(termParams), Value: c.value()}] = true
	}
	for range c.IntN(4) {
		terms[search.Term{Param: one(c, linkParams...), Value: c.reference()}] = true
	}
	for range c.IntN(4) {
		texts[search.Text{Param: c.param(textParams), Folded: c.word() + one(c, "", " "+c.word()), Exact: c.word()}] = true
	}
	for range c.IntN(4) {
		low := c.moment()
		ranges[search.Range{Param: c.param(rangeParams), Interval: fhir.Interval{Low: low, High: c.end(low)}}] = true
	}
	for range c.IntN(4) {
		ordereds[c.ordered()] = true
	}
	for range c.IntN(3) {
		places[search.Place{Param: one(c, placeParams...), Point: c.point()}] = true
	}
	// A map's order is chance that no seed repeats; the order of entries means nothing.
	e := search.Entries{
		Terms: slices.Collect(maps.Keys(terms)), Texts: slices.Collect(maps.Keys(texts)), Ranges: slices.Collect(maps.Keys(ranges)),
		Ordereds: slices.Collect(maps.Keys(ordereds)), Places: slices.Collect(maps.Keys(places)),
	}
	tellAbsence(&e)
	return e
}

// param is one of some parameters; "rare" is rare.
func (c *corpus) param(of []string) string {
	if p := one(c, of...); p != "rare" || c.IntN(8) == 0 {
		return p
	}
	return of[0]
}

func (c *corpus) value() string {
	return one(c, "", "a", "A", "s|a", "s|", "é", "long long long", "\x00")
}

// reference names a resource that there may be, or something that is none.
func (c *corpus) reference() string {
	if len(c.alive) == 0 || c.IntN(8) == 0 {
		return one(c, "Patient/", "Slot/", "Patient/nobody", "Patientx/a", "https://example.org/Patient/a", "Slot/a/_history/1", `Slot/"`, "")
	}
	keys := slices.SortedFunc(maps.Keys(c.alive), func(a, b fhir.Key) int { return strings.Compare(a.String(), b.String()) })
	return one(c, keys...).String()
}

func (c *corpus) word() string {
	return one(c, "", "an", "ann", "anna", "b", "nn", "z", "łu", "ł", "😀")
}

// moment is an instant of few, at every scale and at the ends of time.
func (c *corpus) moment() fhir.Instant {
	if c.IntN(12) == 0 {
		return one(c, fhir.Beginning, fhir.End)
	}
	return fhir.Instant(c.IntN(5)-2) * one(c, fhir.Instant(1), 1_000_000, 86_400_000_000, 1<<45)
}

func (c *corpus) end(low fhir.Instant) fhir.Instant {
	if low == fhir.End {
		return low
	}
	return one(c, low, low+1, low+1_000_000, low+86_400_000_000, low+1<<45, fhir.End)
}

func (c *corpus) query() search.Query {
	q := search.Query{Type: one(c, c.types...)}
	for range one(c, 0, 1, 1, 1, 2, 2, 3) {
		q.All = append(q.All, c.any(2))
	}
	if c.IntN(6) == 0 {
		c.calendar(&q)
	}
	for range one(c, 0, 0, 1, 1, 2, 3) {
		q.Sort = append(q.Sort, c.sortKey())
	}
	return q
}

// linked is a query with a chain of up to four links, each of either direction.
func (c *corpus) linked() search.Query {
	q := c.query()
	chain := c.any(0)
	for range 1 + c.IntN(4) {
		s := search.Selection{Type: one(c, c.types...), All: []search.Any{chain}}
		if c.IntN(4) == 0 {
			s.All = append(s.All, c.any(0))
		}
		chain = search.Any{one[search.Test](c, search.Refers{Param: one(c, linkParams...), To: s}, search.ReferredBy{Param: one(c, linkParams...), From: s})}
		if c.IntN(6) == 0 {
			chain = search.Any{search.Not{Any: chain}}
		}
	}
	q.All = append(q.All, chain)
	return q
}

func (c *corpus) any(depth int) search.Any {
	var a search.Any
	for range one(c, 0, 1, 1, 1, 1, 1, 2, 2, 3) {
		a = append(a, c.test(depth))
	}
	return a
}

func (c *corpus) test(depth int) search.Test {
	everything := slices.Concat([]string{search.LastUpdated, search.ID, "nobody"}, termParams, textParams, rangeParams, orderedParams, placeParams)
	switch c.IntN(20) {
	case 0:
		return search.Equal{Param: search.ID, Value: c.anyID()}
	case 1, 2, 3:
		if c.IntN(8) == 0 {
			return search.Equal{Param: one(c, toldKeys...).Absent}
		}
		return search.Equal{Param: one(c, termParams...), Value: c.value()}
	case 4:
		return search.StartsWith{Param: one(c, textParams...), Folded: c.word()}
	case 5:
		return search.Contains{Param: one(c, textParams...), Folded: c.word()}
	case 6:
		return search.Exactly{Param: one(c, textParams...), Exact: c.word()}
	case 7:
		return search.Missing{Param: one(c, everything...), Absent: c.IntN(2) == 0}
	case 8:
		if depth > 0 {
			return search.Not{Any: c.any(depth - 1)}
		}
		return search.Equal{Param: "nobody", Value: c.value()}
	case 9:
		if depth > 0 {
			return c.every(depth - 1)
		}
		return search.Every{}
	case 10:
		if depth > 0 {
			return search.Refers{Param: one(c, append(linkParams, "nobody")...), To: c.selection(depth - 1)}
		}
		return search.Equal{Param: one(c, linkParams...), Value: c.reference()}
	case 11:
		if depth > 0 {
			return search.ReferredBy{Param: one(c, append(linkParams, "nobody")...), From: c.selection(depth - 1)}
		}
		return search.Missing{Param: one(c, linkParams...), Absent: c.IntN(2) == 0}
	case 12:
		return c.window(search.LastUpdated, c.instantOfSome)
	case 13, 14:
		return c.between(one(c, orderedParams...))
	case 15:
		if c.IntN(2) == 0 {
			return search.Whole{Param: one(c, textParams...), Folded: c.word()}
		}
		return search.EndsWith{Param: one(c, textParams...), Folded: c.word()}
	case 16:
		return c.near()
	default:
		return c.window(one(c, rangeParams...), c.moment)
	}
}

func (c *corpus) every(depth int) search.Every {
	var all search.Every
	for range c.IntN(4) {
		all = append(all, c.any(depth))
	}
	return all
}

func (c *corpus) selection(depth int) search.Selection {
	s := search.Selection{Type: one(c, append(c.types, c.types[0], "Nothing")...)}
	for range one(c, 0, 1, 1, 1, 2) {
		s.All = append(s.All, c.any(depth))
	}
	return s
}

// window has bounds of which most are open, as in the windows that prefixes make.
func (c *corpus) window(param string, moment func() fhir.Instant) search.Within {
	w := search.Within{Param: param, LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}
	for range 1 + c.IntN(2) {
		*one(c, &w.LowFrom, &w.LowTo, &w.HighFrom, &w.HighTo) = moment()
	}
	return w
}

// instantOfSome is the instant of some version, or one beside it.
func (c *corpus) instantOfSome() fhir.Instant {
	return one(c, c.times...) + fhir.Instant(c.IntN(3)-1)
}

// Of makes the memory a search.World.
func (c *corpus) Of(resourceType string) iter.Seq[search.Indexed] {
	return func(yield func(search.Indexed) bool) {
		for key, x := range c.alive {
			if key.Type == resourceType && !yield(x) {
				return
			}
		}
	}
}

// expect is what a search must find.
func (c *corpus) expect(q search.Query) []search.Indexed {
	var found []search.Indexed
	for x := range c.Of(q.Type) {
		if search.MatchIn(c, q, x) {
			found = append(found, x)
		}
	}
	search.Sort(q, found)
	return found
}

// same demands that versions are just those expected, in that order.
func (c *corpus) same(q search.Query, got []fhir.Version, want []search.Indexed) bool {
	c.Helper()
	same := slices.EqualFunc(got, want, func(v fhir.Version, x search.Indexed) bool {
		return v.Key.ID == x.ID && v.Instant == x.Instant && v.Key.Type == q.Type && len(v.Body) > 0
	})
	if !same {
		c.Errorf("%+v:\ngot  %v\nwant %v", q, describe(got), describeIndexed(want))
	}
	return same
}

func describe(versions []fhir.Version) (list []string) {
	for _, v := range versions {
		list = append(list, fmt.Sprintf("%s@%d", v.Key.ID, v.Instant))
	}
	return list
}

func describeIndexed(all []search.Indexed) (list []string) {
	for _, x := range all {
		list = append(list, fmt.Sprintf("%s@%d", x.ID, x.Instant))
	}
	return list
}
