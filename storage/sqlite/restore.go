package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// Restore is storage.Store's. A call is one transaction.
func (s *Store) Restore(ctx context.Context, versions []storage.Restored) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	indexes, size, err := s.indexesOf(ctx, versions)
	if err != nil || len(versions) == 0 {
		return classify(ctx, err)
	}
	return classify(ctx, s.writes.carry(ctx, size, func(t *tx) error {
		begun := t.last
		var written []placed
		err := t.undoable(func() error {
			for i, r := range versions {
				taken, err := s.restore(t, r, &indexes[i])
				if err != nil {
					return err
				}
				if taken {
					written = append(written, placed{place{r.Partition, r.Version.Key}, r.Version})
				}
			}
			return nil
		})
		if err != nil {
			t.last = begun
			return err
		}
		t.written = append(t.written, written...)
		return nil
	}))
}

// scoped is the index of a version with the number of its type.
type scoped struct {
	scope int64
	index
}

// indexesOf makes the index of every version that is no deletion, and says how many bytes all of it has.
func (s *Store) indexesOf(ctx context.Context, versions []storage.Restored) (all []scoped, size int, err error) {
	named := make(map[scope][]string)
	for _, r := range versions {
		if err := storage.CheckOrigin(r.Origin); err != nil {
			return nil, 0, err
		}
		if of := (scope{r.Partition, r.Version.Key.Type}); !r.Version.IsDeleted() {
			named[of] = append(named[of], params(r.Entries)...)
		}
	}
	known := make(map[scope]numbers, len(named))
	for of, names := range named {
		slices.Sort(names)
		if known[of], err = s.names.define(ctx, of, slices.Compact(names)); err != nil {
			return nil, 0, err
		}
	}
	all = make([]scoped, len(versions))
	for i, r := range versions {
		if !r.Version.IsDeleted() {
			n := known[scope{r.Partition, r.Version.Key.Type}]
			all[i] = scoped{n[""], newIndex(r.Entries, n, s.hash)}
		}
		size += len(r.Version.Body) + len(all[i].entries) + len(r.Origin)
	}
	return all, size, nil
}

// restore takes over one version, unless it is there already.
func (s *Store) restore(t *tx, r storage.Restored, x *scoped) (taken bool, err error) {
	v := r.Version
	before, err := current(t, r.Partition, v.Key)
	if err != nil {
		return false, err
	}
	if v.Number <= before.number {
		return false, t.same(r)
	}
	if err := t.follows(r, before); err != nil {
		return false, err
	}
	if before.exists() {
		if err := s.unindex(t, before.instant); err != nil {
			return false, err
		}
	}
	if !v.IsDeleted() {
		if err := x.insert(t, v.Instant, x.scope, v.Key.ID); err != nil {
			return false, err
		}
	}
	t.last = max(t.last, v.Instant)
	return true, t.insert(r.Partition, v, r.Origin)
}

// same demands that a version is the one of its number that is there.
func (t *tx) same(r storage.Restored) error {
	v, is := r.Version, false
	args := append(slices.Clone(columns().args), string(r.Partition), v.Key.Type, v.Key.ID, v.Number)
	err := t.query(t.ctx, "SELECT "+columns().text+", v.origin FROM version v WHERE v.partition = ? AND v.type = ? AND v.id = ? AND v.number = ?", args, func(row []driver.Value) error {
		there := version(v.Key, row)
		is = there.Instant == v.Instant && there.Method == v.Method && bytes.Equal(there.Body, v.Body) && (integer(row[6]) != 0) == r.Existed && text(row[7]) == r.Origin
		return nil
	})
	if err == nil && !is {
		err = contradicts(v, "another version of that number is there")
	}
	return err
}

// follows demands that a version may be the next one of a resource in this state.
func (t *tx) follows(r storage.Restored, before state) error {
	v := r.Version
	switch {
	case v.Number != before.number+1:
		return contradicts(v, "the version before it is not there")
	case v.Instant <= before.instant:
		return contradicts(v, "it is not later than the version before it")
	case r.Existed != before.exists():
		return contradicts(v, "it and the version before it disagree on whether there was a resource")
	case v.Method.String() == "", v.IsDeleted() && !before.exists(), v.IsDeleted() != (v.Body == nil):
		return contradicts(v, "it is neither a resource nor the deletion of one")
	}
	_, given, err := t.number(t.ctx, "SELECT number FROM version WHERE instant = ?", int64(v.Instant))
	if err == nil && given {
		err = contradicts(v, "another resource has a version of its instant")
	}
	return err
}

func contradicts(v fhir.Version, why string) *fhir.Error {
	return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Version %d of %s contradicts what is in the store: %s.", v.Number, v.Key, why)
}
