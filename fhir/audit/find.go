package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// finder finds one page of AuditEvents.
type finder struct {
	*Trail
	ctx       context.Context
	partition fhir.Partition
	query     search.Query
	page      storage.PageRequest
	sieve     sieve
	after     *pageEnd // where the page before ended
	meter     *meter

	found storage.SearchPage
	bytes int // of the bodies on the page
	last  hit // on the page
	full  bool
	count int // of matches
}

// pageEnd is where a page ended: the JSON form of SearchPage.Next.
type pageEnd struct {
	Search  string // a digest of partition and query: a cursor is good for its own search alone
	Instant fhir.Instant
	Block   string
	Place   int
}

// settled is how long after an event nothing comes before it any more: each server on the store writes what it recorded twice a second, and their clocks differ.
const settled = fhir.Instant(5 * time.Second / time.Microsecond)

// finder prepares a search, for which everything that was recorded before in its partition is written.
func (t *Trail) finder(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (*finder, error) {
	f := &finder{Trail: t, ctx: ctx, partition: p, query: q, page: page, sieve: newSieve(q.All), meter: &meter{budget: page.Budget}}
	f.sieve.from = max(f.sieve.from, t.forgotten()+1)
	if f.ascends() { // who goes on where the last page ended shall not have passed over what another server writes later
		f.sieve.to = min(f.sieve.to, fhir.InstantOf(t.Now())-settled)
	}
	if page.After != nil {
		f.after = new(pageEnd)
		if err := json.Unmarshal(page.After, f.after); err != nil || f.after.Search != f.digest() {
			return nil, badCursor(err)
		}
	}
	return f, cmp.Or(t.flush(ctx).of(p), t.project(ctx).of(p))
}

func badCursor(cause error) *fhir.Error {
	return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The cursor is none of this search. Take the one that came with its page before.").Because(cause)
}

func (f *finder) digest() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %#v", f.partition, f.query))
	return fmt.Sprintf("%x", sum[:12])
}

// streams says whether blocks have the order of the search: it goes by time and nothing else, but for what decides ties anyway.
func (f *finder) streams() bool {
	for i, k := range f.query.Sort {
		if k.Param == search.ID && !k.Descending && i > 0 {
			return true
		}
		if !isTime(k.Param) {
			return false
		}
	}
	return true
}

// ascends says whether a search begins with the oldest.
func (f *finder) ascends() bool {
	return len(f.query.Sort) > 0 && isTime(f.query.Sort[0].Param) && !f.query.Sort[0].Descending
}

// order is that of a search that streams.
func (f *finder) order() func(a, b hit) int {
	if f.ascends() {
		return younger
	}
	return older
}

// find finds the page, and counts.
func (f *finder) find() error {
	find := f.gather
	if f.streams() {
		find = f.stream
	}
	if err := find(); err != nil {
		return err
	}
	f.found.Vain = min(f.meter.looked/inVain, f.page.Budget)
	if !f.full {
		return nil
	}
	next, err := json.Marshal(pageEnd{f.digest(), f.last.Instant, f.last.block, f.last.place})
	f.found.Next = next
	return err
}

// stream reads the page from the blocks in their order, and counts on behind it.
func (f *finder) stream() error {
	f.full = f.page.Limit == 0
	err := f.walk(f.sieve, f.place)
	isThere := f.full
	f.full = f.full && f.page.Limit > 0
	if errors.Is(err, storage.ErrOverBudget) && isThere && f.page.CountUpTo > 0 {
		return nil // the page is there, and its total stays uncounted
	}
	if err != nil || f.page.CountUpTo == 0 {
		return err
	}
	f.told(f.count)
	return nil
}

// told sets the total.
func (f *finder) told(count int) {
	f.found.Total, f.found.Counted = count, f.page.CountUpTo < 0 || count <= f.page.CountUpTo
	if !f.found.Counted {
		f.found.Total = f.page.CountUpTo
	}
}

// walk goes through what may be matches, in the order of a search that streams. Of a page whose total is not wanted it begins where the page before ended.
func (f *finder) walk(s sieve, yield func(hit) (more bool, err error)) error {
	if f.after != nil && f.page.CountUpTo == 0 && f.streams() {
		if f.ascends() {
			s.from = max(s.from, f.after.Instant)
		} else {
			s.to = min(s.to, f.after.Instant)
		}
	}
	w := walk{Trail: f.Trail, ctx: f.ctx, partition: f.partition, sieve: &s, meter: f.meter, yield: yield}
	switch {
	case s.from > s.to:
		return nil
	case s.named:
		if err := w.named(); err != nil {
			return err
		}
		return w.release(f.order(), func(hit) bool { return true })
	case f.ascends():
		return w.oldest()
	default:
		return w.newest()
	}
}

// place puts a match on the page, or counts it, and says whether more are wanted.
func (f *finder) place(h hit) (more bool, err error) {
	_, matches, err := f.judge(h)
	if err != nil || !matches {
		return true, err
	}
	f.count++
	behind := f.after == nil || f.order()(h, hit{f.after.Block, f.after.Place, &Event{Instant: f.after.Instant}}) > 0
	if behind && !f.full {
		f.full = !f.put(h)
	}
	if !f.full {
		return true, nil
	}
	switch upTo := f.page.CountUpTo; {
	case upTo == 0:
		return false, nil
	case upTo > 0 && f.count > upTo:
		return false, nil
	default:
		return true, f.meter.look(1)
	}
}

// put puts a match on the page, unless that is full.
func (f *finder) put(h hit) bool {
	if len(f.found.Versions) == f.page.Limit {
		return false
	}
	v := h.version(h.id())
	if f.bytes += len(v.Body); f.bytes > storage.MaxPageBytes && len(f.found.Versions) > 0 {
		return false
	}
	f.found.Versions = append(f.found.Versions, v)
	f.last = h
	return true
}

// judge says whether an event that passed the sieve is a match, and what a search sees of it where that had to be found out.
func (f *finder) judge(h hit) (x search.Indexed, matches bool, err error) {
	if f.sieve.exact && f.streams() {
		return x, true, nil
	}
	x = f.indexed(h)
	if search.Match(f.query, x) {
		return x, true, nil
	}
	return x, false, f.meter.look(inVain)
}

// indexed is an event as search sees it.
func (f *finder) indexed(h hit) search.Indexed {
	id := h.id()
	return search.Indexed{ID: id, Instant: h.Instant, Entries: f.Rules.Extract(h.resource(id))}
}

// gathered is a match with what it is sorted by.
type gathered struct {
	hit
	search.Indexed
}

// gather sorts all matches, and takes the page from them.
func (f *finder) gather() error {
	var all []gathered
	err := f.walk(f.sieve, func(h hit) (bool, error) {
		x, matches, err := f.judge(h)
		if err != nil || !matches {
			return true, err
		}
		if all = append(all, gathered{h, x}); len(all) > storage.MaxGathered {
			return false, fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly,
				"The search has more than %d matches to sort, and AuditEvents are in the order of their time alone. Ask for fewer, or sort by date.", storage.MaxGathered)
		}
		return true, f.meter.look(inVain)
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b gathered) int { return search.Compare(f.query, a.Indexed, b.Indexed) })
	if f.page.CountUpTo != 0 {
		f.told(len(all))
	}
	if f.page.Limit == 0 {
		return nil
	}
	behind, err := f.behind()
	if err != nil {
		return err
	}
	for _, g := range all {
		if behind(g.Indexed) && !f.put(g.hit) {
			f.full = true
			break
		}
	}
	return nil
}

// behind says of a match whether it comes behind the page before.
func (f *finder) behind() (func(search.Indexed) bool, error) {
	if f.after == nil {
		return func(search.Indexed) bool { return true }, nil
	}
	e, err := f.event(f.ctx, f.partition, f.after.Block, f.after.Place)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The last AuditEvent of the page before is older than such are kept. Begin the search anew.")
	}
	last := f.indexed(hit{f.after.Block, f.after.Place, e})
	return func(x search.Indexed) bool { return search.Compare(f.query, x, last) > 0 }, nil
}
