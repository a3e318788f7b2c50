package sqlite

import (
	"container/list"
	"context"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portico-health/portico/fhir"
)

// cache keeps current versions in memory, marks of deletions and what never was among them. What this process writes is in it as soon as it is
// visible, and never what was there before; what another process writes to the same file is seen after maxStale at the latest, and by every write
// at once, for the writer decides by the file alone. Bodies are shared with whoever reads: nobody may change them.
//
// It rests on instants: they strictly increase over the commits of all processes, so that a newest instant that the cache does not know of
// tells that somebody else wrote.
type cache struct {
	seed    maphash.Seed
	parts   [parts]part
	elapsed func() time.Duration // a clock that never goes back
	checked atomic.Int64         // when, by elapsed, the file was last asked for its newest instant
	newest  atomic.Int64         // the newest instant that the cache knows of
	emptied atomic.Int64         // how often it was emptied for what others wrote
}

const (
	cacheBytes = 16 << 20
	parts      = 16                     // each with a lock of its own
	maxStale   = 100 * time.Millisecond // how long a write of another process may stay unseen
	overhead   = 400                    // bytes of memory of an entry beside its body, about
	mostCached = 256 << 10              // bytes of an entry: a larger one would drop too many
)

// place is where a version is current.
type place struct {
	partition fhir.Partition
	key       fhir.Key
}

// placed is a version that became current.
type placed struct {
	place
	version fhir.Version // the zero Version: there never was one
}

func (p *placed) size() int { return overhead + len(p.version.Body) }

// part is a part of the cache, by hash of places. The versions that were used last are first.
type part struct {
	mu      sync.Mutex
	entries map[place]*list.Element // of used; values are *placed
	used    list.List
	room    int    // bytes that are free
	changes uint64 // grows with every change of a place of the part
	moving  int    // changes of places of the part that are being committed
}

func newCache(bytes int, elapsed func() time.Duration) *cache {
	c := &cache{seed: maphash.MakeSeed(), elapsed: elapsed}
	c.checked.Store(int64(-maxStale))
	for i := range c.parts {
		c.parts[i].entries, c.parts[i].room = make(map[place]*list.Element), bytes/parts
	}
	return c
}

func (c *cache) part(at place) *part {
	return &c.parts[maphash.Comparable(c.seed, at)%parts]
}

// isFresh says whether nothing of the cache is older than it may be.
func (c *cache) isFresh() bool { return c.elapsed()-time.Duration(c.checked.Load()) < maxStale }

// fresh returns what is current at a place, as far as that is known and no older than it may be. The order matters: what was got before somebody
// else noticed a write of another process would look fresh afterwards, however old it is.
func (c *cache) fresh(at place) (v fhir.Version, known bool) {
	if !c.isFresh() {
		return v, false
	}
	return c.get(at)
}

// get returns what was current at a place, if that is known. Another process may have superseded it.
func (c *cache) get(at place) (v fhir.Version, known bool) {
	p := c.part(at)
	p.mu.Lock()
	defer p.mu.Unlock()
	e, known := p.entries[at]
	if !known {
		return v, false
	}
	p.used.MoveToFront(e)
	return e.Value.(*placed).version, true
}

// watch begins to read a place from the file. What is read may be kept when it is quiet there, and stays so: nothing is being committed.
func (c *cache) watch(at place) (changes uint64, quiet bool) {
	p := c.part(at)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changes, p.moving == 0
}

// keep takes in what was read since watch.
func (c *cache) keep(read placed, changes uint64) {
	p := c.part(read.place)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changes == changes {
		p.put(&read)
	}
}

// begin takes out what a transaction is about to supersede, so that from its commit on nobody finds that any more. last is the
// transaction's newest instant. What it returns is for end.
func (c *cache) begin(written []placed, last fhir.Instant) (emptied int64) {
	emptied = c.emptied.Load()
	for _, w := range written {
		p := c.part(w.place)
		p.mu.Lock()
		p.drop(p.entries[w.place])
		p.changes++
		p.moving++
		p.mu.Unlock()
	}
	for known := c.newest.Load(); known < int64(last) && !c.newest.CompareAndSwap(known, int64(last)); {
		known = c.newest.Load()
	}
	return emptied
}

// end puts in what the transaction wrote, unless it failed, or others have been noticed that wrote behind it.
func (c *cache) end(written []placed, emptied int64, failed error) {
	for i := range written {
		p := c.part(written[i].place)
		p.mu.Lock()
		p.changes++
		p.moving--
		if failed == nil && c.emptied.Load() == emptied {
			p.put(&written[i])
		}
		p.mu.Unlock()
	}
	if failed != nil {
		c.newest.Store(0) // others may be given the instants that the transaction would have had
	}
}

// check finds out whether others have written, when that was not asked for long.
func (c *cache) check(ctx context.Context, conn *conn) error {
	if c.isFresh() {
		return nil
	}
	now := c.elapsed()
	newest, _, err := conn.number(ctx, "SELECT max(instant) FROM version")
	if err == nil {
		c.notice(fhir.Instant(newest))
		c.checked.Store(int64(now))
	}
	return err
}

// notice empties the cache when the newest instant of the file is not one that the cache knows of.
func (c *cache) notice(newest fhir.Instant) {
	known := c.newest.Load()
	if int64(newest) <= known {
		return
	}
	c.emptied.Add(1)
	for i := range c.parts {
		p := &c.parts[i]
		p.mu.Lock()
		for p.used.Len() > 0 {
			p.drop(p.used.Back())
		}
		p.changes++
		p.mu.Unlock()
	}
	c.newest.CompareAndSwap(known, int64(newest)) // else it is noticed again
}

// put makes a version the current one of its place, and drops what was not used for longest when there is no room.
func (p *part) put(w *placed) {
	p.drop(p.entries[w.place])
	w.key = fhir.Key{Type: strings.Clone(w.key.Type), ID: strings.Clone(w.key.ID)} // of a request, which need not be kept for them
	if w.version.Number > 0 {
		w.version.Key = w.key
	}
	if w.size() > mostCached {
		return
	}
	p.entries[w.place] = p.used.PushFront(w)
	for p.room -= w.size(); p.room < 0; {
		p.drop(p.used.Back())
	}
}

func (p *part) drop(e *list.Element) {
	if e == nil {
		return
	}
	old := p.used.Remove(e).(*placed)
	delete(p.entries, old.place)
	p.room += old.size()
}
