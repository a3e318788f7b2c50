package sqlite

import (
	"context"
	"database/sql/driver"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// change is an operation with everything made that needs no writer.
type change struct {
	storage.Op
	method fhir.Method
	draft  fhir.Draft
	scope  int64
	index  index
	twin   twin  // of a NoMatch
	rivals []int // of a NoMatch
}

// Commit is storage.Store's.
func (s *Store) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	changes, err := s.prepare(ctx, p, ops)
	if err != nil || len(changes) == 0 {
		return nil, classify(ctx, err)
	}
	var results []storage.Result
	err = s.writes.carry(ctx, weight(changes), func(t *tx) (err error) {
		if results, err = s.apply(t, p, changes); err != nil {
			return err
		}
		for _, r := range results {
			if r.Changed {
				t.written = append(t.written, placed{place{p, r.Version.Key}, r.Version})
			}
		}
		return nil
	})
	if err != nil {
		return nil, classify(ctx, err)
	}
	return results, nil
}

// prepare does outside of the writer whatever can be done there.
func (s *Store) prepare(ctx context.Context, p fhir.Partition, ops []storage.Op) (changes []change, err error) {
	seen := make(map[fhir.Key]bool, len(ops))
	changes = make([]change, len(ops))
	for i, op := range ops {
		if seen[op.Key] && op.Key != (fhir.Key{}) {
			return nil, failOp(i, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "%s is changed twice in one transaction; each resource can be changed once.", op.Key))
		}
		seen[op.Key] = true
		if err := storage.CheckOrigin(op.Origin); err != nil {
			return nil, failOp(i, err)
		}
		c := change{Op: op, method: op.Becomes()}
		if c.method != fhir.Deleted && !c.Guard {
			known, err := s.names.define(ctx, scope{p, op.Key.Type}, params(op.Entries))
			if err != nil {
				return nil, err
			}
			c.draft, c.scope, c.index = fhir.NewDraft(op.Resource), known[""], newIndex(op.Entries, known, s.hash)
		}
		if op.Condition.NoMatch != nil {
			if slices.ContainsFunc(op.Condition.NoMatch.All, isChained) {
				return nil, failOp(i, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "A condition cannot lead to other resources: ask for values of the %s itself.", op.Condition.NoMatch.Type))
			}
			if c.rivals, err = rivals(ctx, changes[:i], *op.Condition.NoMatch); err != nil {
				return nil, err
			}
			if c.twin, err = s.foresee(ctx, p, *op.Condition.NoMatch); err != nil {
				return nil, err
			}
		}
		changes[i] = c
	}
	return changes, nil
}

// weight is how many bytes were prepared.
func weight(changes []change) (bytes int) {
	for _, c := range changes {
		bytes += c.draft.Size() + len(c.index.entries) + len(c.Origin)
	}
	return bytes
}

// apply carries out the operations of one commit. Whatever can refuse does so before the first change; only a NoMatch, which
// sees the changes before it, may come later.
func (s *Store) apply(t *tx, p fhir.Partition, changes []change) (results []storage.Result, err error) {
	before, begun := make([]state, len(changes)), t.last
	var refusal error
	last := -1 // with a NoMatch
	for i, c := range changes {
		if before[i], err = current(t, p, c.Key); err != nil {
			return nil, err
		}
		if refused := before[i].refuses(c); refused != nil {
			changes, refusal = changes[:i], failOp(i, refused)
			break
		}
		if c.Condition.NoMatch != nil {
			last = i
		}
	}
	if refusal != nil {
		changes = changes[:last+1] // of these one may be refused first
	}
	results = make([]storage.Result, len(changes))
	run := func() error {
		for i, c := range changes {
			if c.Condition.NoMatch != nil {
				if err := s.holdsNoMatch(t, p, changes, results, i, begun); err != nil {
					return err
				}
			}
			if results[i], err = s.change(t, p, &changes[i], before[i]); err != nil {
				return err
			}
		}
		return refusal
	}
	if last > 0 || last == 0 && refusal != nil {
		return results, t.undoable(run)
	}
	return results, run()
}

// refuses says why an operation may not be done to a resource in this state; nil when it may.
func (s state) refuses(c change) *fhir.Error {
	want := c.Condition
	switch {
	case want.Version != 0 && !s.exists():
		return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s should be in version %d, but there is no such resource.", c.Key, want.Version)
	case want.Version != 0 && want.Version != s.number:
		return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s should be in version %d, but it is in version %d.", c.Key, want.Version, s.number)
	case want.Next != 0 && want.Next != s.number+1:
		return fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "%s should come to version %d, but the next one is %d.", c.Key, want.Next, s.number+1)
	case want.Absent && s.exists():
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s exists already, in version %d.", c.Key, s.number)
	default:
		return nil
	}
}

// holdsNoMatch refuses operation i when something matches that was there when the commit began, or that the operations before it wrote.
func (s *Store) holdsNoMatch(t *tx, p fhir.Partition, changes []change, results []storage.Result, i int, begun fhir.Instant) error {
	c := changes[i]
	q := *c.Condition.NoMatch
	matched, err := s.matches(t, p, q, c.twin, begun)
	if err != nil {
		return err
	}
	if matched || slices.ContainsFunc(c.rivals, func(r int) bool { return search.Match(q, changes[r].indexed(results[r].Version.Instant)) }) {
		return failOp(i, fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "A resource of type %s matches the condition, where none may.", q.Type))
	}
	return nil
}

// change carries out one operation.
func (s *Store) change(t *tx, p fhir.Partition, c *change, before state) (storage.Result, error) {
	if c.Guard {
		return storage.Result{}, nil
	}
	if c.method == fhir.Deleted && !before.exists() {
		return storage.Result{Version: before.version(c.Key)}, nil
	}
	v, err := s.write(t, p, c, before)
	return storage.Result{Version: v, Changed: true, Existed: before.exists()}, err
}

// state is the current version of a resource, as far as a decision needs it. The zero state: there never was one.
type state struct {
	number  int64
	instant fhir.Instant
	method  fhir.Method
}

func (s state) exists() bool { return s.number > 0 && s.method != fhir.Deleted }

// version is the state of a resource that is deleted, or never was.
func (s state) version(key fhir.Key) fhir.Version {
	if s.number == 0 {
		return fhir.Version{}
	}
	return fhir.Version{Key: key, Number: s.number, Instant: s.instant, Method: s.method}
}

func current(t *tx, p fhir.Partition, key fhir.Key) (s state, err error) {
	args := []driver.Value{string(p), key.Type, key.ID}
	err = t.query(t.ctx, "SELECT number, instant, method FROM version WHERE partition = ? AND type = ? AND id = ? ORDER BY number DESC LIMIT 1", args, func(row []driver.Value) error {
		s = state{number: integer(row[0]), instant: fhir.Instant(integer(row[1])), method: fhir.Method(integer(row[2]))}
		return nil
	})
	return s, err
}

// write makes the next version, and moves what searches find from the one before to it.
func (s *Store) write(t *tx, p fhir.Partition, c *change, before state) (fhir.Version, error) {
	at := t.tick()
	if before.exists() {
		if err := s.unindex(t, before.instant); err != nil {
			return fhir.Version{}, err
		}
	}
	v := fhir.Version{Key: c.Key, Number: before.number + 1, Instant: at, Method: c.method}
	if c.method != fhir.Deleted {
		v.Body = c.draft.Stamp(v.Number, at)
		if err := c.index.insert(t, at, c.scope, c.Key.ID); err != nil {
			return fhir.Version{}, err
		}
	}
	return v, t.insert(p, v, c.Origin)
}

// insert adds a version to those of its resource.
func (t *tx) insert(p fhir.Partition, v fhir.Version, origin string) error {
	return t.exec(t.ctx, "INSERT INTO version (instant, partition, type, id, number, method, origin, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		int64(v.Instant), string(p), v.Key.Type, v.Key.ID, v.Number, int64(v.Method), origin, v.Body)
}

// unindex takes a version out of what searches find.
func (s *Store) unindex(t *tx, at fhir.Instant) error {
	var x index
	var id string
	err := t.query(t.ctx, "SELECT entries, id FROM live WHERE instant = ?", []driver.Value{int64(at)}, func(row []driver.Value) error {
		x, id = oldIndex(blob(row[0]), s.hash), text(row[1])
		return nil
	})
	if err != nil {
		return err
	}
	return x.remove(t, at, id)
}
