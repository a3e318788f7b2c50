package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Commit is storage.Store's.
func (s *Store) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) (results []storage.Result, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		changes, err := s.plan(ctx, ops)
		switch {
		case err != nil || len(changes) == 0:
			return err
		case len(changes) == 1:
			results = make([]storage.Result, 1)
			results[0], err = s.change(ctx, p, &changes[0])
			return err
		default:
			results, err = s.transact(ctx, p, changes)
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// change is an operation with everything made that is known beforehand.
type change struct {
	storage.Op
	place  int // in the commit
	method fhir.Method
	draft  fhir.Draft
	index  bson.Raw
}

// plan prepares the operations of a commit, and refuses those that no state of the store would make right.
func (s *Store) plan(ctx context.Context, ops []storage.Op) ([]change, error) {
	if len(ops) > 1 && !s.Transactions() {
		return nil, failOp(1, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "The database has no transactions: one resource can be changed at a time."))
	}
	seen := make(map[fhir.Key]bool, len(ops))
	changes := make([]change, len(ops))
	for i, op := range ops {
		if seen[op.Key] && op.Key != (fhir.Key{}) {
			return nil, failOp(i, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "%s is changed twice in one transaction; each resource can be changed once.", op.Key))
		}
		seen[op.Key] = true
		if err := storage.CheckOrigin(op.Origin); err != nil {
			return nil, failOp(i, err)
		}
		c := change{Op: op, place: i, method: op.Becomes()}
		if q := op.Condition.NoMatch; q != nil && leads(q.All) {
			return nil, c.fail(fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "A condition cannot lead to other resources: ask for values of the %s itself.", q.Type))
		}
		if c.stores() {
			if c.draft = fhir.NewDraft(op.Resource); c.draft.Size() > maxResource {
				return nil, c.fail(tooLarge())
			}
			var err error
			if c.index, err = encodeEntries(op.Entries, s.sortKeys(op.Key.Type)); err != nil {
				return nil, err
			}
		}
		if !c.Guard {
			if err := s.prepare(ctx, op.Key.Type); err != nil {
				return nil, err
			}
		}
		changes[i] = c
	}
	return changes, nil
}

func (s *Store) sortKeys(typ string) []search.SortKey {
	if s.config.SortKeys == nil {
		return nil
	}
	return s.config.SortKeys(typ)
}

// stores says whether the operation makes a version with a body.
func (c *change) stores() bool { return !c.Guard && c.method != fhir.Deleted }

// idle says whether the operation writes nothing to a resource in this state, if its condition holds.
func (c *change) idle(before document) bool {
	return c.Guard || c.method == fhir.Deleted && !before.exists()
}

// blind says whether the operation is best tried before anything was read: it makes a resource, and there should be none.
func (c *change) blind() bool {
	return c.stores() && c.Condition.Absent && c.Condition.Version == 0 && c.Condition.Next <= 1 && c.method == fhir.Created
}

// fail is an error of the operation.
func (c *change) fail(err *fhir.Error) error { return failOp(c.place, err) }

func failOp(index int, err *fhir.Error) error { return &storage.OpError{Index: index, Err: err} }

// exists says whether the document is a current resource, not the mark of a deletion, nor none.
func (d document) exists() bool { return d.Version > 0 && d.Method != fhir.Deleted.String() }

// refuses says why an operation may not be done to a resource in this state; nil when it may.
func (c *change) refuses(before document) error {
	want := c.Condition
	switch {
	case want.Version != 0 && !before.exists():
		return c.fail(fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s should be in version %d, but there is no such resource.", c.Key, want.Version))
	case want.Version != 0 && want.Version != before.Version:
		return c.fail(fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s should be in version %d, but it is in version %d.", c.Key, want.Version, before.Version))
	case want.Next != 0 && want.Next != before.Version+1:
		return c.fail(fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s should come to version %d, but the next one is %d.", c.Key, want.Next, before.Version+1))
	case want.Absent && before.exists():
		return c.fail(fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s exists already, in version %d.", c.Key, before.Version))
	default:
		return nil
	}
}

// change carries out an operation that is the only one of its commit. Whoever loses the compare-and-set to another process begins again.
func (s *Store) change(ctx context.Context, p fhir.Partition, c *change) (storage.Result, error) {
	if !c.Guard {
		back, err := s.writers.wait(ctx, nameOf(p, c.Key))
		if err != nil {
			return storage.Result{}, err
		}
		defer back()
	}
	blind, end := c.blind(), time.Now().Add(s.config.Patience)
	for delay := time.Millisecond; ; delay *= 2 {
		r, won, err := s.attempt(ctx, p, c, blind)
		if won || err != nil {
			return r, err
		}
		if time.Now().After(end) {
			return r, c.fail(fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s is being changed by others again and again. Try again later.", c.Key))
		}
		if !blind {
			if err := pause(ctx, delay); err != nil {
				return r, err
			}
		}
		blind = false
	}
}

// nameOf is the name of the turn of a resource.
func nameOf(p fhir.Partition, key fhir.Key) string { return key.Type + "/" + documentID(p, key.ID) }

// attempt carries out an operation, unless another writer is quicker: then it has not won. A blind one takes it that there never was such a
// resource.
func (s *Store) attempt(ctx context.Context, p fhir.Partition, c *change, blind bool) (r storage.Result, won bool, err error) {
	var before document
	if !blind && c.Key != (fhir.Key{}) {
		if before, err = s.look(ctx, p, c.Key); err != nil {
			return r, false, err
		}
		s.passed(stepRead)
	}
	if err := c.refuses(before); err != nil {
		return r, false, err
	}
	until := time.Now().Add(s.config.Patience)
	if c.Condition.NoMatch != nil {
		if !c.idle(before) {
			held, err := s.claims.take(ctx, p, *c.Condition.NoMatch)
			if err != nil {
				return r, false, err
			}
			defer func() {
				held.free(err)
				s.passed(stepReleased)
			}()
			until = held.until
			s.passed(stepClaimed)
		}
		if err := s.holdsNoMatch(ctx, p, c, until); err != nil {
			return r, false, err
		}
	}
	if c.idle(before) {
		return c.nothing(before), true, nil
	}
	v, won, err := s.write(ctx, p, c, before, until)
	return storage.Result{Version: v, Changed: true, Existed: before.exists()}, won, err
}

// holdsNoMatch refuses an operation when a resource matches.
func (s *Store) holdsNoMatch(ctx context.Context, p fhir.Partition, c *change, until time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if matched, err := s.matches(ctx, p, *c.Condition.NoMatch); err != nil || !matched {
		return err
	}
	return c.matched()
}

func (c *change) matched() error {
	return c.fail(fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "A resource of type %s matches the condition, where none may.", c.Condition.NoMatch.Type))
}

// nothing is the result of an operation that writes nothing.
func (c *change) nothing(before document) storage.Result {
	if c.Guard || before.Version == 0 {
		return storage.Result{}
	}
	return storage.Result{Version: fhir.Version{Key: c.Key, Number: before.Version, Instant: before.Instant, Method: fhir.Deleted}}
}

// look reads the current version of a resource, without its index. There never was one: the zero document.
func (s *Store) look(ctx context.Context, p fhir.Partition, key fhir.Key) (document, error) {
	raw, err := s.current(key.Type).FindOne(ctx, at(p, key.ID), archived).Raw()
	if isAbsent(err) {
		return document{}, nil
	}
	if err != nil {
		return document{}, err
	}
	return readDocument(raw)
}

// archived leaves out of a document what a superseded version does not have.
var archived = options.FindOne().SetProjection(bson.D{{Key: fieldIndex, Value: 0}})

// write makes the version that follows before, and makes it current unless another one is.
func (s *Store) write(ctx context.Context, p fhir.Partition, c *change, before document, until time.Time) (v fhir.Version, won bool, err error) {
	inTime, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	archived := s.archiving(inTime, c.Key.Type, before)
	stamp, err := s.clock.take(inTime, c.Key.Type)
	if err == nil {
		defer func() { s.clock.ended(stamp, err) }()
		s.passed(stepTimed)
	}
	if err := errors.Join(err, <-archived); err != nil {
		return v, false, err
	}
	if before.Version > 0 {
		s.passed(stepArchived)
	}
	next, err := c.next(p, before, stamp.first)
	if err != nil {
		return v, false, err
	}
	if v, err = next.version(c.Key.Type); err != nil {
		return v, false, err
	}
	raw, err := next.raw()
	if err != nil {
		return v, false, err
	}
	until = earlier(until, stamp.until)
	switch {
	case ctx.Err() != nil:
		return v, false, ctx.Err() // from here on it is too late to give up
	case time.Now().After(until):
		return v, false, context.DeadlineExceeded
	}
	decided, stop := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer stop()
	if won, err = s.set(decided, c, before, next, raw); won {
		s.passed(stepWritten)
	}
	return v, won, err
}

// archiving archives a version, if there is one, beside whatever else is to be done before it is superseded.
func (s *Store) archiving(ctx context.Context, typ string, d document) <-chan error {
	done := make(chan error, 1)
	if d.Version == 0 {
		done <- nil
		return done
	}
	go func() { done <- s.archive(ctx, typ, d) }()
	return done
}

// next is the document of the version that the operation makes of a resource.
func (c *change) next(p fhir.Partition, before document, at fhir.Instant) (d document, err error) {
	d = document{
		ID: documentID(p, c.Key.ID), Partition: p, Name: c.Key.ID,
		Version: before.Version + 1, Instant: at, Method: c.method.String(), Existed: before.exists(), Previous: before.Instant, Origin: c.Origin,
	}
	if !c.stores() {
		return d, nil
	}
	d.Index = c.index
	d.Resource, err = encodeBody(c.draft.Stamp(d.Version, at))
	var unfit *fhir.Error
	switch {
	case errors.As(err, &unfit):
		return d, c.fail(unfit)
	case err == nil && !d.fits():
		return d, c.fail(tooLarge())
	default:
		return d, err
	}
}

// maxDocument is how many bytes the resource and the index of a document may have together, so that all of it has no more than MongoDB allows:
// https://www.mongodb.com/docs/manual/reference/limits/#bson-documents.
const maxDocument = 16<<20 - 4<<10

func (d document) fits() bool { return len(d.Resource)+len(d.Index) <= maxDocument }

// archive copies a version that is to be superseded. That it is there already is as good.
func (s *Store) archive(ctx context.Context, typ string, d document) error {
	raw, err := d.superseded().raw()
	if err != nil {
		return err
	}
	err = again(ctx, func() error {
		_, err := s.past(typ).InsertOne(ctx, raw)
		return err
	})
	if isDuplicate(err) {
		return nil
	}
	return err
}

// set makes a version current where before still is: this is the moment of the change. It is sent until it is answered: it cannot be carried out twice.
// When it could not be told in time, the error says so.
func (s *Store) set(ctx context.Context, c *change, before, next document, raw bson.Raw) (won bool, err error) {
	for delay, doubted := time.Millisecond, false; ; delay *= 2 {
		won, err = s.compareAndSet(ctx, c.Key.Type, before, next, raw)
		switch {
		case err == nil && (won || !doubted):
			return won, nil
		case err != nil && !unheard(err):
			return false, err
		}
		doubted = true
		if known, mine := s.outcome(ctx, c.Key.Type, next); known {
			return mine, nil
		}
		if pause(ctx, delay) != nil {
			return false, unavailableFor(c.Key).Because(errors.Join(errDoubt, err))
		}
	}
}

// errDoubt is the cause of an error behind which a write may have been carried out, or be carried out later.
var errDoubt = errors.New("mongo: nobody knows whether it was written")

// unavailableFor is the error of a write of which nobody knows whether it was done.
func unavailableFor(key fhir.Key) *fhir.Error {
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The database did not say in time whether %s was written. Read it before you try again.", key)
}

// compareAndSet tries once. That another version is current is no error.
func (s *Store) compareAndSet(ctx context.Context, typ string, before, next document, raw bson.Raw) (won bool, err error) {
	docs := s.current(typ)
	if before.Version == 0 {
		_, err = docs.InsertOne(ctx, raw)
		if isDuplicate(err) {
			return false, nil
		}
		return err == nil, err
	}
	var r *mongo.UpdateResult
	r, err = docs.ReplaceOne(ctx, before.itself(), raw)
	return err == nil && r.MatchedCount == 1, err
}

// outcome says whether it is decided if a version became current, and if it did: its instant is its own.
func (s *Store) outcome(ctx context.Context, typ string, d document) (known, mine bool) {
	now, err := s.instantOf(ctx, s.current(typ), d.place())
	if err != nil || now.Version < d.Version {
		return false, false
	}
	if now.Version > d.Version {
		if now, err = s.instantOf(ctx, s.past(typ), d.superseded().place()); err != nil {
			return false, false
		}
	}
	return true, now.Instant == d.Instant
}

// instantOf reads number and instant of a version; there is none: the zero document.
func (s *Store) instantOf(ctx context.Context, docs *mongo.Collection, filter bson.D) (document, error) {
	raw, err := docs.FindOne(ctx, filter, options.FindOne().SetProjection(bson.D{{Key: fieldVersion, Value: 1}, {Key: fieldInstant, Value: 1}})).Raw()
	if isAbsent(err) {
		return document{}, nil
	}
	if err != nil {
		return document{}, err
	}
	return readDocument(raw)
}
