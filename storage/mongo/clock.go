package mongo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
)

// The fields of the clock's document.
//
//	last   int64: the newest instant that was given
//	types  {Patient: int64, ...}: the newest instant that was given for a version of the type
//	under  {process: {low, high, stands}, ...}: of each process that has writes under way, the smallest instant of these (or a smaller one), the
//	       newest that was given to it, and its patience in microseconds: as long as the entry may stand unchanged before it is passed over
const (
	clockLast   = "last"
	clockTypes  = "types"
	clockUnder  = "under"
	clockLow    = "low"
	clockHigh   = "high"
	clockStands = "stands"
)

// quiet is how long a clock has nothing under way before it says so in the document: writes that follow each other closely shall not pay for it.
const quiet = 20 * time.Millisecond

// clock gives instants that strictly increase over all processes of a store, and knows up to where all that were given are decided.
//
// Writers that wait in one process share one findAndModify. Only one is under way at a time, so that what it gives is newer than what all
// before it gave.
type clock struct {
	docs     *mongo.Collection
	now      func() time.Time
	patience time.Duration
	process  string // names this clock in the document
	reading  bool   // nothing is written

	mu      sync.Mutex
	waiting []*stamp     // for the next call
	taking  bool         // a call is under way
	given   []*stamp     // in the order of their instants; the first of them is under way
	newest  fhir.Instant // that was given to this clock
	told    fhir.Instant // the newest that the document has of this clock, as far as it knows; 0: it has no entry
	safe    fhir.Instant // the greatest horizon that was told
	others  sightings[span]
	idle    *time.Timer // until it has been quiet; nil before the first time
	closed  bool
	work    sync.WaitGroup // goroutines of the clock
}

// span is what a process has under way: from the smallest instant on, none newer than the newest.
type span struct {
	low, high fhir.Instant
	stands    time.Duration // for which it may stand unchanged
}

// stamp is a number of instants, first, first+1, ..., for the versions of one commit.
type stamp struct {
	first fhir.Instant
	until time.Time // whoever has the instants sends its write before, or not at all

	types []string // of the versions, one for each
	ready chan struct{}
	err   error // instead of instants
	over  bool  // whatever came of them; guarded by the clock's mutex
}

// newClock is the clock of a store whose database is set.
func newClock(s *Store) *clock {
	return &clock{docs: s.db.Collection(clockCollection), now: s.now, patience: s.config.Patience, process: fhir.NewID(time.Now()), reading: s.config.reading}
}

// take gives an instant to each version of a commit, of these types. The caller writes them before the stamp's until, and then calls
// done, whatever came of it.
func (c *clock) take(ctx context.Context, types ...string) (*stamp, error) {
	t := &stamp{types: types, ready: make(chan struct{})}
	c.mu.Lock()
	c.waiting = append(c.waiting, t)
	if !c.taking {
		c.taking = true
		c.work.Go(c.serve)
	}
	c.mu.Unlock()
	select {
	case <-t.ready:
		return t, t.err
	case <-ctx.Done():
		c.done(t)
		return nil, ctx.Err()
	}
}

// done says that the writes of a stamp are decided, or never will be tried.
func (c *clock) done(t *stamp) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.over = true
	c.rest()
}

// ended says that the writes of a stamp ended with err. In doubt (errDoubt) they count as under way for as long again as the others give a process that died.
func (c *clock) ended(t *stamp, err error) {
	if errors.Is(err, errDoubt) {
		time.AfterFunc(c.patience, func() { c.done(t) })
	} else {
		c.done(t)
	}
}

// rest forgets what is over, and sees to it that the document does not tell of it for long. The caller holds the mutex.
func (c *clock) rest() {
	for len(c.given) > 0 && c.given[0].over {
		c.given = c.given[1:]
	}
	if len(c.given) > 0 || c.taking || c.told == 0 || c.closed {
		return
	}
	if c.idle == nil {
		c.idle = time.AfterFunc(quiet, c.leave)
	} else {
		c.idle.Reset(quiet)
	}
}

// serve gives instants until nobody waits.
func (c *clock) serve() {
	for {
		c.mu.Lock()
		c.waiting = slices.DeleteFunc(c.waiting, func(t *stamp) bool { return t.over })
		batch := c.waiting
		c.waiting = nil
		if len(batch) == 0 {
			c.taking = false
			c.rest()
			c.mu.Unlock()
			return
		}
		update, n := c.request(batch)
		c.mu.Unlock()

		until := time.Now().Add(c.patience / 2)
		last, err := c.give(update, until)

		c.mu.Lock()
		if err == nil {
			c.newest, c.told = last, last
		}
		first := last - fhir.Instant(n) + 1
		for _, t := range batch {
			t.first, t.until, t.err = first, until, err
			first += fhir.Instant(len(t.types))
			if err == nil {
				c.given = append(c.given, t)
			}
			close(t.ready)
		}
		c.rest()
		c.mu.Unlock()
	}
}

// request is the update that gives n instants to a batch.
//
// A call whose answer was lost may be carried out later than it should be, behind a newer one. What it then says of this clock must not hide what is
// under way: it only raises the smallest instant where the document has of this clock what the clock believed when it asked.
func (c *clock) request(batch []*stamp) (update bson.A, n int64) {
	for _, t := range batch {
		n += int64(len(t.types))
	}
	back := func(k int64) bson.D { return bson.D{{Key: "$subtract", Value: bson.A{"$" + clockLast, k}}} }
	own := clockUnder + "." + c.process
	var low any = back(n - 1)
	if len(c.given) > 0 {
		low = int64(c.given[0].first)
	}
	low = bson.D{{Key: "$cond", Value: bson.A{
		bson.D{{Key: "$eq", Value: bson.A{"$" + own + "." + clockHigh, int64(c.told)}}},
		low,
		bson.D{{Key: "$min", Value: bson.A{"$" + own + "." + clockLow, low}}},
	}}}
	set := bson.D{{Key: own, Value: bson.D{{Key: clockLow, Value: low}, {Key: clockHigh, Value: "$" + clockLast}, {Key: clockStands, Value: c.patience.Microseconds()}}}}
	seen, behind := make(map[string]bool), int64(0)
	for _, t := range slices.Backward(batch) {
		for _, typ := range slices.Backward(t.types) {
			if !seen[typ] {
				seen[typ] = true
				set = append(set, bson.E{Key: clockTypes + "." + typ, Value: back(behind)})
			}
			behind++
		}
	}
	next := bson.D{{Key: "$max", Value: bson.A{
		bson.D{{Key: "$add", Value: bson.A{"$" + clockLast, n}}},
		int64(fhir.InstantOf(c.now())) + n - 1,
	}}}
	return bson.A{
		bson.D{{Key: "$set", Value: bson.D{{Key: clockLast, Value: next}}}},
		bson.D{{Key: "$set", Value: set}},
	}, n
}

// give carries out an update of the clock, and returns the newest instant.
func (c *clock) give(update bson.A, until time.Time) (last fhir.Instant, err error) {
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	how := options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After).SetProjection(bson.D{{Key: clockLast, Value: 1}})
	err = making(ctx, func() error {
		doc, err := c.docs.FindOneAndUpdate(ctx, bson.D{{Key: fieldID, Value: clockDocument}}, update, how).Raw()
		last = instantIn(doc, clockLast)
		return err
	})
	return last, err
}

// making runs an update of the clock's document that makes it where there is none. Of two who do that at once, one is refused, and then finds it.
func making(ctx context.Context, update func() error) error {
	err := again(ctx, update)
	if isDuplicate(err) {
		err = again(ctx, update)
	}
	return err
}

// instantIn is a field of the clock's document; 0 where there is none, as there is no document when a call failed.
func instantIn(doc bson.Raw, field string) fhir.Instant {
	at, _ := doc.Lookup(field).AsInt64OK()
	return fhir.Instant(at)
}

// leave takes this clock out of the document when nothing is under way. Should it fail, the others pass over the entry after a while.
func (c *clock) leave() {
	c.mu.Lock()
	if len(c.given) > 0 || c.taking || c.told == 0 || c.closed {
		c.mu.Unlock()
		return
	}
	told := c.told
	c.work.Add(1)
	defer c.work.Done()
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), c.patience)
	defer cancel()
	if c.remove(ctx, c.process, told) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told == told {
		c.told = 0
	}
}

// remove takes the entry of a process out of the document, unless it was given something newer.
func (c *clock) remove(ctx context.Context, process string, high fhir.Instant) error {
	own := clockUnder + "." + process
	_, err := c.docs.UpdateOne(ctx,
		bson.D{{Key: fieldID, Value: clockDocument}, {Key: own + "." + clockHigh, Value: int64(high)}},
		bson.D{{Key: "$unset", Value: bson.D{{Key: own, Value: ""}}}})
	return err
}

// close takes the clock out of the document. The caller has nothing under way.
func (c *clock) close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	if c.idle != nil {
		c.idle.Stop()
	}
	c.mu.Unlock()
	c.work.Wait()
	if c.told == 0 || len(c.given) > 0 {
		return nil
	}
	// An entry that stays does no harm for long. Closing is not to fail where the database is out of reach already.
	_ = c.remove(ctx, c.process, c.told)
	return nil
}

// horizon is the instant before which every version that will ever come to be can be read; last are the newest instants that were given, by type.
func (c *clock) horizon(ctx context.Context) (before fhir.Instant, last map[string]fhir.Instant, err error) {
	face, err := c.read(ctx)
	if err != nil {
		return 0, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before = min(face.last+1, c.own(face.under[c.process]))
	delete(face.under, c.process)
	for process, s := range face.under {
		if c.others.unchanged(process, s) < max(c.patience, s.stands) {
			before = min(before, s.low)
		} else if !c.closed && !c.reading {
			c.work.Go(func() { c.bury(process, s) })
		}
	}
	c.others.keep(func(process string) bool { _, there := face.under[process]; return there })
	c.safe = max(c.safe, before)
	return c.safe, face.types, nil
}

// raise sees to it that what is given from now on is newer than the newest instants of some types.
func (c *clock) raise(ctx context.Context, last map[string]fhir.Instant) error {
	greatest := bson.D{{Key: clockLast, Value: int64(slices.Max(slices.Collect(maps.Values(last))))}}
	for typ, at := range last {
		greatest = append(greatest, bson.E{Key: clockTypes + "." + typ, Value: int64(at)})
	}
	return making(ctx, func() error {
		_, err := c.docs.UpdateOne(ctx, bson.D{{Key: fieldID, Value: clockDocument}}, bson.D{{Key: "$max", Value: greatest}}, options.UpdateOne().SetUpsert(true))
		return err
	})
}

// read reads the clock's document.
func (c *clock) read(ctx context.Context) (face, error) {
	doc, err := c.docs.FindOne(ctx, bson.D{{Key: fieldID, Value: clockDocument}}).Raw()
	if err != nil && !isAbsent(err) {
		return face{}, err
	}
	return readFace(doc)
}

// own is the smallest instant that this clock has under way, or fhir.End; s is what the document had of it a moment ago. The caller holds the mutex.
//
// What a call gave whose answer is still to come is not known here. When the document was read behind it, it has something newer of this clock than the
// clock knows of; all that is given now is newer than everything given before.
func (c *clock) own(s span) fhir.Instant {
	low := fhir.End
	if len(c.given) > 0 {
		low = c.given[0].first
	}
	if c.taking && s.high > c.newest {
		low = min(low, max(s.low, c.newest+1))
	}
	return low
}

// bury removes the entry of a process that has died: what it says has stood for longer than any write may take.
func (c *clock) bury(process string, s span) {
	ctx, cancel := context.WithTimeout(context.Background(), c.patience)
	defer cancel()
	_ = c.remove(ctx, process, s.high) // the next horizon tries again
}

// face is what the clock's document shows.
type face struct {
	last  fhir.Instant
	types map[string]fhir.Instant
	under map[string]span
}

// readFace reads the clock's document; nil is a clock that never gave an instant.
func readFace(doc bson.Raw) (f face, err error) {
	f.types, f.under = make(map[string]fhir.Instant), make(map[string]span)
	if doc == nil {
		return f, nil
	}
	f.last = instantIn(doc, clockLast)
	err = each(doc, clockTypes, func(name string, v bson.RawValue) {
		if at, is := v.AsInt64OK(); is {
			f.types[name] = fhir.Instant(at)
		}
	})
	if err != nil {
		return f, err
	}
	err = each(doc, clockUnder, func(name string, v bson.RawValue) {
		if d, is := v.DocumentOK(); is {
			f.under[name] = span{instantIn(d, clockLow), instantIn(d, clockHigh), time.Duration(instantIn(d, clockStands)) * time.Microsecond}
		}
	})
	return f, err
}

// each calls fn with the members of a sub-document, if there is one.
func each(doc bson.Raw, field string, fn func(name string, v bson.RawValue)) error {
	sub, is := doc.Lookup(field).DocumentOK()
	if !is {
		return nil
	}
	elements, err := sub.Elements()
	for _, e := range elements {
		fn(e.Key(), e.Value())
	}
	return err
}
