package mongo

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// work is what was done in a transaction that is to be committed.
type work struct {
	until time.Time // the commit is sent before, or not at all
	proof *typed    // a version that was written: it is there if and only if the transaction was committed; nil: none was

	over []func(err error) // to be called when it has ended with err, the last one first
}

func (w *work) end(err error) {
	for _, fn := range slices.Backward(w.over) {
		fn(err)
	}
}

// errOvertaken says that another writer was quicker.
var errOvertaken = errors.New("mongo: another writer was quicker")

// inTransaction does something in a transaction, again where another one was in its way. What do reads is one state of the database, which nobody else changes where do
// writes.
func (s *Store) inTransaction(ctx context.Context, do func(inside context.Context, w *work) error) error {
	session, err := s.client.StartSession()
	if err != nil {
		return err
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	end := time.Now().Add(s.config.Patience)
	for delay := time.Millisecond; ; delay *= 2 {
		err := s.tryTransaction(ctx, session, do)
		if err == nil || !isTransient(err) || time.Now().After(end) {
			return err
		}
		if err := pause(ctx, delay); err != nil {
			return err
		}
	}
}

// isTransient says whether a transaction that failed changed nothing, and may succeed when it is tried again. A duplicate is of an insertion that saw none: somebody
// else's is newer than the state that was read.
func isTransient(err error) bool {
	var told mongo.LabeledError
	return errors.Is(err, errOvertaken) || isDuplicate(err) || errors.As(err, &told) && told.HasErrorLabel(driver.TransientTransactionError)
}

func (s *Store) tryTransaction(ctx context.Context, session *mongo.Session, do func(context.Context, *work) error) (err error) {
	w := &work{until: time.Now().Add(s.config.Patience)}
	defer func() { w.end(err) }()
	if err := session.StartTransaction(oneState); err != nil {
		return err
	}
	if err := do(mongo.NewSessionContext(ctx, session), w); err != nil {
		_ = session.AbortTransaction(context.WithoutCancel(ctx)) // a server that does not hear it aborts by itself
		return err
	}
	if err := ctx.Err(); err != nil {
		_ = session.AbortTransaction(context.WithoutCancel(ctx))
		return err // from here on it is too late to give up
	}
	return s.decide(ctx, session, w)
}

var oneState = options.Transaction().SetReadConcern(readconcern.Snapshot()).SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary())

// decide commits a transaction. It asks until it is answered: a commit may be sent again.
func (s *Store) decide(ctx context.Context, session *mongo.Session, w *work) error {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), w.until)
	defer cancel()
	for delay := time.Millisecond; ; delay *= 2 {
		err := session.CommitTransaction(ctx)
		if err == nil || !unheard(err) {
			return err
		}
		if w.proof != nil {
			switch known, mine := s.outcome(ctx, w.proof.typ, w.proof.document); {
			case known && mine:
				return nil
			case known:
				return errOvertaken
			}
		}
		if isTransient(err) {
			return err
		}
		if pause(ctx, delay) != nil {
			return undecided().Because(errors.Join(errDoubt, err))
		}
	}
}

func undecided() *fhir.Error {
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The database did not say in time whether the transaction was carried out. Read what it was to write before you try again.")
}

// transact carries out several operations.
func (s *Store) transact(ctx context.Context, p fhir.Partition, changes []change) (results []storage.Result, err error) {
	back, err := s.line(ctx, p, changes)
	if err != nil {
		return nil, err
	}
	defer back()
	err = s.inTransaction(ctx, func(inside context.Context, w *work) error {
		if err := s.claimAll(ctx, p, changes, w); err != nil {
			return err
		}
		t := transaction{Store: s, partition: p, changes: changes, results: make([]storage.Result, len(changes)), work: w}
		results = t.results
		return t.run(ctx, inside)
	})
	return results, err
}

// line waits for the turn of each resource that is to be changed, always in the same order: two who want the same do not wait for each other.
func (s *Store) line(ctx context.Context, p fhir.Partition, changes []change) (back func(), err error) {
	var names []string
	for _, c := range changes {
		if !c.Guard {
			names = append(names, nameOf(p, c.Key))
		}
	}
	slices.Sort(names)
	var had []func()
	back = func() {
		for _, fn := range had {
			fn()
		}
	}
	for _, name := range names {
		one, err := s.writers.wait(ctx, name)
		if err != nil {
			back()
			return nil, err
		}
		had = append(had, one)
	}
	return back, nil
}

// claimAll takes the claim of each NoMatch, each once and always in the same order.
func (s *Store) claimAll(ctx context.Context, p fhir.Partition, changes []change, w *work) error {
	asked := make(map[string]*change)
	for i := range changes {
		if q := changes[i].Condition.NoMatch; q != nil {
			asked[claimID(p, *q)] = &changes[i]
		}
	}
	for _, c := range sortedValues(asked) {
		held, err := s.claims.take(ctx, p, *c.Condition.NoMatch)
		if err != nil {
			return err
		}
		w.over = append(w.over, held.free)
		w.until = earlier(w.until, held.until)
		s.passed(stepClaimed)
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// transaction is a commit of several operations.
type transaction struct {
	*Store
	partition fhir.Partition
	changes   []change
	results   []storage.Result
	*work

	before []document // of each operation
	made   []follower // by the operations so far
}

// run decides the operations one after the other; the first that is refused ends it. Then everything is written.
func (t *transaction) run(ctx, inside context.Context) error {
	if err := t.readAll(inside); err != nil {
		return err
	}
	t.passed(stepRead)
	stamp, err := t.stamp(ctx)
	if err != nil {
		return err
	}
	inside, cancel := context.WithDeadline(inside, t.until)
	defer cancel()
	at := stamp.first
	for i := range t.changes {
		c := &t.changes[i]
		if err := c.refuses(t.before[i]); err != nil {
			return err
		}
		if c.Condition.NoMatch != nil {
			if err := t.noneMatches(inside, i); err != nil {
				return err
			}
		}
		if c.idle(t.before[i]) {
			t.results[i] = c.nothing(t.before[i])
			continue
		}
		if err := t.make(i, at); err != nil {
			return err
		}
		at++
	}
	return t.write(inside)
}

// readAll reads the current version of every resource.
func (t *transaction) readAll(ctx context.Context) error {
	places := make(map[fhir.Key]int)
	var asked []typed
	for i, c := range t.changes {
		if c.Key != (fhir.Key{}) {
			places[c.Key] = i
			asked = append(asked, typed{c.Key.Type, document{ID: documentID(t.partition, c.Key.ID)}})
		}
	}
	t.before = make([]document, len(t.changes))
	return t.fetch(ctx, asked, "", func(d typed) { t.before[places[d.key()]] = d.document })
}

// stamp takes an instant for each version that the operations make, up to the first that is refused for what was read.
func (t *transaction) stamp(ctx context.Context) (*stamp, error) {
	var types []string
	for i := range t.changes {
		c := &t.changes[i]
		if c.refuses(t.before[i]) != nil {
			break
		}
		if !c.idle(t.before[i]) {
			types = append(types, c.Key.Type)
		}
	}
	if len(types) == 0 {
		return &stamp{}, nil
	}
	s, err := t.clock.take(ctx, types...)
	if err != nil {
		return nil, err
	}
	t.over = append(t.over, func(err error) { t.clock.ended(s, err) })
	t.until = earlier(t.until, s.until)
	t.passed(stepTimed)
	return s, nil
}

// make makes the version of operation i.
func (t *transaction) make(i int, at fhir.Instant) error {
	c := &t.changes[i]
	d, err := c.next(t.partition, t.before[i], at)
	if err != nil {
		return err
	}
	v, err := d.version(c.Key.Type)
	if err != nil {
		return err
	}
	t.results[i] = storage.Result{Version: v, Changed: true, Existed: d.Existed}
	t.made = append(t.made, follower{typed{c.Key.Type, d}, t.before[i]})
	return nil
}

// noneMatches refuses operation i when a resource matches its NoMatch that those before it write, or that is there and not changed by them.
func (t *transaction) noneMatches(ctx context.Context, i int) error {
	c := t.changes[i]
	q := *c.Condition.NoMatch
	var changed search.Any
	for k, b := range t.changes[:i] {
		if b.Key.Type != q.Type || b.idle(t.before[k]) {
			continue
		}
		changed = append(changed, search.Equal{Param: search.ID, Value: b.Key.ID})
		if b.stores() && search.Match(q, search.Indexed{ID: b.Key.ID, Instant: t.results[k].Version.Instant, Entries: b.Entries}) {
			return c.matched()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if changed != nil {
		q.All = append(slices.Clone(q.All), search.Any{search.Not{Any: changed}})
	}
	c.Condition.NoMatch = &q
	return t.holdsNoMatch(ctx, t.partition, &c, t.until)
}

// write writes the versions that were made, and makes sure of what was decided without making one.
func (t *transaction) write(ctx context.Context) error {
	if len(t.made) > 0 {
		t.proof = &t.made[0].typed
		if err := t.advance(ctx, t.made); err != nil {
			return err
		}
	}
	for i := range t.changes {
		if c := &t.changes[i]; c.idle(t.before[i]) {
			if err := t.touch(ctx, c, t.before[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// touch makes sure that what an operation decided and did not change is changed by nobody else before the commit: only who writes the same documents conflicts.
func (t *transaction) touch(ctx context.Context, c *change, d document) error {
	if c.Condition.Version == 0 && c.Condition.Next == 0 && !c.Condition.Absent {
		return nil
	}
	docs := t.current(c.Key.Type)
	if d.Version > 0 {
		r, err := docs.UpdateOne(ctx, d.itself(), bson.D{{Key: "$inc", Value: bson.D{{Key: fieldHeld, Value: int64(1)}}}})
		if err == nil && r.MatchedCount == 0 {
			err = errOvertaken
		}
		return err
	}
	d = document{ID: documentID(t.partition, c.Key.ID), Partition: t.partition, Name: c.Key.ID}
	if _, err := docs.InsertOne(ctx, d.place()); err != nil { // nobody sees it
		return err
	}
	_, err := docs.DeleteOne(ctx, d.place())
	return err
}

// sortedValues are the values of a map in the order of their keys.
func sortedValues[K cmp.Ordered, V any](m map[K]V) []V {
	var all []V
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, m[k])
	}
	return all
}
