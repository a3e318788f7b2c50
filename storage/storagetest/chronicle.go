package storagetest

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// chronicle is the memory of all versions of a store: the oracle for histories.
type chronicle struct {
	*house
	written []entry // newest last
}

// entry is a version, and when it was superseded.
type entry struct {
	partition fhir.Partition
	fhir.Version
	existed bool         // there was a resource before it
	until   fhir.Instant // fhir.End while it is current
}

func newChronicle(x *house) *chronicle { return &chronicle{house: x} }

// write commits operations and remembers what came of them.
func (c *chronicle) write(p fhir.Partition, ops ...storage.Op) {
	c.Helper()
	for _, r := range c.commit(p, ops...) {
		if !r.Changed {
			continue
		}
		for i, e := range c.written {
			if e.partition == p && e.Key == r.Version.Key && e.until == fhir.End {
				c.written[i].until = r.Version.Instant
			}
		}
		c.written = append(c.written, entry{p, r.Version, r.Existed, fhir.End})
	}
}

// expect are the versions that a history has on its page and behind it.
func (c *chronicle) expect(p fhir.Partition, q storage.HistoryQuery) (all []fhir.Version) {
	for _, e := range slices.Backward(c.written) {
		if e.partition == p && e.asked(q) && (q.Before == 0 || e.Instant < q.Before) {
			all = append(all, e.Version)
		}
	}
	return all
}

// existed says of each version whether there was a resource before it.
func (c *chronicle) existed(versions []fhir.Version) (existed []bool) {
	for _, v := range versions {
		i := slices.IndexFunc(c.written, func(e entry) bool { return e.Instant == v.Instant })
		existed = append(existed, c.written[i].existed)
	}
	return existed
}

// asked says whether a query asks for a version, on whichever page.
func (e entry) asked(q storage.HistoryQuery) bool {
	switch {
	case q.Key.Type != "" && e.Key.Type != q.Key.Type, q.Key.ID != "" && e.Key.ID != q.Key.ID:
		return false
	case q.Key.Type == "" && q.Types != nil && !slices.Contains(q.Types, e.Key.Type):
		return false
	case q.Since != 0 && e.Instant < q.Since:
		return false
	default:
		return q.During == fhir.Interval{} || e.Instant < q.During.High && e.until > q.During.Low
	}
}

// same demands the page that a query asks for.
func (c *chronicle) same(p fhir.Partition, q storage.HistoryQuery) {
	c.Helper()
	want := storage.HistoryPage{Versions: c.expect(p, q)}
	want.More = q.Limit > 0 && len(want.Versions) > q.Limit
	want.Versions = want.Versions[:min(q.Limit, len(want.Versions))]
	want.Existed = c.existed(want.Versions)
	all := q
	all.Before = 0
	want.Total = len(c.expect(p, all))
	if want.Counted = q.CountUpTo < 0 || q.CountUpTo > 0 && want.Total <= q.CountUpTo; !want.Counted {
		want.Total = q.CountUpTo
	}
	got, err := c.History(c.ctx, p, q)
	c.check(err)
	c.agree(got.Versions, want.Versions, q)
	if got.Versions = want.Versions; !reflect.DeepEqual(got, want) {
		c.Fatalf("%s, %+v: got %+v, want %+v", p, q, got, want)
	}
}

// agree demands that a history has these versions.
func (c *chronicle) agree(got, want []fhir.Version, q storage.HistoryQuery) {
	c.Helper()
	if !slices.EqualFunc(got, want, func(a, b fhir.Version) bool { return reflect.DeepEqual(a, b) }) {
		c.Fatalf("%+v: got +, want -:\n%s", q, cmp.Diff(want, got, cmpopts.EquateEmpty()))
	}
}

// whole demands that pages, one behind the other, have every version once that there was when the first was asked for, whatever
// happens between them.
func (c *chronicle) whole(p fhir.Partition, q storage.HistoryQuery, between func()) {
	c.Helper()
	want := c.expect(p, q)
	var got []fhir.Version
	var existed []bool
	for {
		page, err := c.History(c.ctx, p, q)
		c.check(err)
		got, existed = append(got, page.Versions...), append(existed, page.Existed...)
		if !page.More {
			break
		}
		q.Before = page.Versions[len(page.Versions)-1].Instant
		between()
	}
	c.agree(got, want, q)
	c.equal(existed, c.existed(want))
}

func nothing() {}

// histories holds every kind of history against the memory of what was written, over random scripts.
func histories(x *house) {
	const scripts, writes, questions = 3, 60, 250
	for seed := range uint64(max(1, x.fewer(scripts))) {
		r := rand.New(rand.NewPCG(seed, 7))
		c := newChronicle(x)
		partitions := []fhir.Partition{fhir.Partition(name("a%d/test", seed)), fhir.Partition(name("a%d/live", seed))}
		for range writes {
			c.write(pick(r, partitions...), c.someOps(r)...)
			x.clock.move(pick(r, 0, time.Microsecond, time.Second, -time.Minute, time.Hour))
		}
		for range max(16, x.fewer(questions)) {
			p, q := pick(r, partitions...), c.question(r)
			if q.Key.ID == "" || c.knows(p, q.Key) {
				c.same(p, q)
				c.whole(p, q, nothing)
				continue
			}
			_, err := x.History(x.ctx, p, q)
			x.want(err, fhir.NotFound)
		}
	}
}

func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

func (c *chronicle) knows(p fhir.Partition, key fhir.Key) bool {
	return slices.ContainsFunc(c.written, func(e entry) bool { return e.partition == p && e.Key == key })
}

// someKey is the key of one of few resources.
func someKey(r *rand.Rand) fhir.Key {
	return fhir.Key{Type: pick(r, "Patient", "Patient", "Slot", "Task"), ID: pick(r, "a", "b", "c", "d", "A", "a.")}
}

// someOps are writes and deletions of a few resources.
func (c *chronicle) someOps(r *rand.Rand) (ops []storage.Op) {
	used := make(map[fhir.Key]bool)
	for range 1 + r.IntN(4) {
		key := someKey(r)
		if used[key] {
			continue
		}
		used[key] = true
		op := put(key, name("%d", r.IntN(1_000)))
		if r.IntN(4) == 0 {
			op = remove(key)
		}
		ops = append(ops, op)
	}
	return ops
}

// question is a query whose bounds lie about the instants of versions.
func (c *chronicle) question(r *rand.Rand) (q storage.HistoryQuery) {
	moment := func() fhir.Instant { return pick(r, c.written...).Instant + fhir.Instant(r.IntN(3)-1) }
	q.Limit, q.CountUpTo = pick(r, 2, 3, 7, 50, 1_000), pick(r, -1, -1, 0, 1, 5, 40)
	switch r.IntN(4) {
	case 0:
		q.Key = someKey(r)
	case 1:
		q.Key.Type = someKey(r).Type
	case 2:
		q.Types = []string{someKey(r).Type, someKey(r).Type}
	}
	if r.IntN(3) == 0 {
		q.Before = moment()
	}
	if r.IntN(3) == 0 {
		q.Since = moment()
	}
	if r.IntN(2) == 0 {
		low, high := moment(), moment()
		q.During = fhir.Interval{Low: min(low, high), High: max(low, high) + 1}
		switch r.IntN(6) {
		case 0:
			q.During.Low = fhir.Beginning
		case 1:
			q.During.High = fhir.End
		}
	}
	return q
}
