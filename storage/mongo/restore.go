package mongo

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// Restore is storage.Store's. Where there are transactions, a call is one.
func (s *Store) Restore(ctx context.Context, versions []storage.Restored) error {
	return s.call(ctx, func(ctx context.Context) error {
		docs, err := s.restored(ctx, versions)
		if err != nil || len(docs) == 0 {
			return err
		}
		if s.Transactions() {
			err = s.inTransaction(ctx, func(inside context.Context, w *work) error { return s.takeOver(ctx, inside, docs, w) })
		} else {
			err = s.takeOver(ctx, ctx, docs, &work{})
			// It may be this very call, of a process that was killed: what it sent is carried out all the same.
			for try := 1; try < overtakings && errors.Is(err, errOvertaken) && pause(ctx, overtaking) == nil; try++ {
				err = s.takeOver(ctx, ctx, docs, &work{})
			}
		}
		if errors.Is(err, errOvertaken) {
			return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Others write the same resources as are restored.").Because(err)
		}
		return err
	})
}

// How often Restore begins again where somebody else wrote meanwhile, and how long it waits before.
const (
	overtakings = 8
	overtaking  = 50 * time.Millisecond
)

// typed is the document of a version of a type.
type typed struct {
	typ string
	document
}

func (d typed) key() fhir.Key { return fhir.Key{Type: d.typ, ID: d.Name} }

// restored are the documents of versions that are to be taken over. Whether there was a version before each is not known yet.
func (s *Store) restored(ctx context.Context, versions []storage.Restored) ([]typed, error) {
	docs := make([]typed, len(versions))
	for i, r := range versions {
		v := r.Version
		if v.Number < 1 || v.Method.String() == "" || v.IsDeleted() != (v.Body == nil) {
			return nil, contradicts(v.Key, v.Number, "it is neither a resource nor the deletion of one")
		}
		if err := storage.CheckOrigin(r.Origin); err != nil {
			return nil, err
		}
		if err := s.prepare(ctx, v.Key.Type); err != nil {
			return nil, err
		}
		d := document{
			ID: documentID(r.Partition, v.Key.ID), Partition: r.Partition, Name: v.Key.ID,
			Version: v.Number, Instant: v.Instant, Method: v.Method.String(), Existed: r.Existed, Origin: r.Origin,
		}
		if !v.IsDeleted() {
			var err error
			if len(v.Body) > maxResource {
				return nil, tooLarge()
			}
			if d.Resource, err = encodeBody(v.Body); err != nil {
				return nil, err
			}
			if d.Index, err = encodeEntries(r.Entries, s.sortKeys(v.Key.Type)); err != nil {
				return nil, err
			}
		}
		if !d.fits() {
			return nil, tooLarge()
		}
		docs[i] = typed{v.Key.Type, d}
	}
	return docs, nil
}

// takeOver carries out a call of Restore; inside is ctx with the transaction, if there is one. Before the first version is written, everything is known
// that could contradict it.
func (s *Store) takeOver(ctx, inside context.Context, docs []typed, w *work) error {
	waves, err := s.contrast(inside, docs)
	if err != nil || len(waves) == 0 {
		return err
	}
	w.proof = &waves[0][0].typed
	fresh := slices.Concat(waves...)
	last, err := s.unused(ctx, inside, fresh)
	if err != nil {
		return err
	}
	// Behind this, in no transaction, commits get later instants.
	if err := s.clock.raise(ctx, last); err != nil {
		return err
	}
	for _, wave := range waves {
		if err := s.advance(inside, wave); err != nil {
			return err
		}
	}
	return nil
}

// follower is a version that is to follow another one.
type follower struct {
	typed
	before document // the zero document: it is the first
}

// contrast holds versions against what is there, and against each other. Those that are not there yet come in waves: of each resource one a wave.
func (s *Store) contrast(ctx context.Context, docs []typed) (waves [][]follower, err error) {
	type place struct{ typ, id string }
	var ids []typed
	for _, d := range docs {
		ids = append(ids, typed{d.typ, document{ID: d.ID}})
	}
	newest, depth := make(map[place]document), make(map[place]int)
	err = s.fetch(ctx, ids, "", func(d typed) { newest[place{d.typ, d.ID}] = d.document })
	if err != nil {
		return nil, err
	}
	known, old := make(map[place]document), []typed(nil)
	for at, d := range newest {
		known[place{at.typ, d.superseded().ID}] = d
	}
	for i := range docs {
		d, at := docs[i], place{docs[i].typ, docs[i].ID}
		before := newest[at]
		if d.Version <= before.Version {
			d.ID = d.superseded().ID // where it is, or would be
			old = append(old, d)
			continue
		}
		if err := d.follows(before); err != nil {
			return nil, err
		}
		d.Previous = before.Instant
		if depth[at] == len(waves) {
			waves = append(waves, nil)
		}
		waves[depth[at]] = append(waves[depth[at]], follower{d, before})
		depth[at]++
		newest[at], known[place{d.typ, d.superseded().ID}] = d.document, d.document
	}
	var past []typed
	for _, d := range old {
		if _, here := known[place{d.typ, d.ID}]; !here {
			past = append(past, d)
		}
	}
	err = s.fetch(ctx, past, pastSuffix, func(d typed) { known[place{d.typ, d.ID}] = d.document })
	if err != nil {
		return nil, err
	}
	for _, d := range old {
		if !d.isSame(known[place{d.typ, d.ID}]) {
			return nil, contradicts(d.key(), d.Version, "another version of that number is there")
		}
	}
	return waves, nil
}

// isSame says whether two documents are of the same version. The index is none of it.
func (d typed) isSame(there document) bool {
	return d.Version == there.Version && d.Instant == there.Instant && d.Method == there.Method && d.Existed == there.Existed && d.Origin == there.Origin && bytes.Equal(d.Resource, there.Resource)
}

// follows demands that the version may be the next one of a resource in this state.
func (d typed) follows(before document) error {
	deletes := d.Method == fhir.Deleted.String()
	switch {
	case d.Version != before.Version+1:
		return contradicts(d.key(), d.Version, "the version before it is not there")
	case before.Version > 0 && d.Instant <= before.Instant:
		return contradicts(d.key(), d.Version, "it is not later than the version before it")
	case d.Existed != before.exists():
		return contradicts(d.key(), d.Version, "it and the version before it disagree on whether there was a resource")
	case deletes && !before.exists():
		return contradicts(d.key(), d.Version, "it is neither a resource nor the deletion of one")
	default:
		return nil
	}
}

func contradicts(key fhir.Key, number int64, why string) *fhir.Error {
	return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Version %d of %s contradicts what is in the store: %s.", number, key, why)
}

// fetch reads the documents of these types and _ids that there are, without their index.
func (s *Store) fetch(ctx context.Context, docs []typed, suffix string, see func(typed)) error {
	for typ, ids := range idsByType(docs) {
		cursor, err := s.db.Collection(typ+suffix).Find(ctx, bson.D{{Key: fieldID, Value: bson.D{{Key: "$in", Value: ids}}}}, options.Find().SetProjection(bson.D{{Key: fieldIndex, Value: 0}}))
		if err != nil {
			return err
		}
		for cursor.Next(ctx) {
			d, err := readDocument(slices.Clone(cursor.Current))
			if err != nil {
				return errors.Join(err, cursor.Close(ctx))
			}
			see(typed{typ, d})
		}
		if err := errors.Join(cursor.Err(), cursor.Close(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func idsByType(docs []typed) map[string]bson.A {
	all := make(map[string]bson.A)
	for _, d := range docs {
		all[d.typ] = append(all[d.typ], d.ID)
	}
	return all
}

// unused demands that no other version has the instant of one that is new, and returns the newest instants by type. errOvertaken where one is there by now.
func (s *Store) unused(ctx, inside context.Context, fresh []follower) (last map[string]fhir.Instant, err error) {
	last = make(map[string]fhir.Instant)
	used := make(map[fhir.Instant]typed, len(fresh))
	var asked bson.A
	first := fhir.End
	for _, d := range fresh {
		if _, twice := used[d.Instant]; twice {
			return nil, contradicts(d.key(), d.Version, taken)
		}
		used[d.Instant] = d.typed
		asked = append(asked, int64(d.Instant))
		last[d.typ] = max(last[d.typ], d.Instant)
		first = min(first, d.Instant)
	}
	clock, err := s.clock.read(ctx)
	if err != nil || first > clock.last {
		return last, err
	}
	types, err := s.types(ctx)
	if err != nil {
		return nil, err
	}
	for _, typ := range types {
		for _, docs := range []*mongo.Collection{s.current(typ), s.past(typ)} {
			found, err := s.instantOf(inside, docs, bson.D{{Key: fieldInstant, Value: bson.D{{Key: "$in", Value: asked}}}})
			if err != nil {
				return nil, err
			}
			d, is := used[found.Instant]
			switch {
			case !is || found.Version == 0:
			case d.typ == typ && d.Version == found.Version && (d.ID == found.ID || d.superseded().ID == found.ID):
				return nil, errOvertaken // it has come since it was looked for
			default:
				return nil, contradicts(d.key(), d.Version, taken)
			}
		}
	}
	return last, nil
}

const taken = "another resource has a version of its instant"

// advance makes versions current, of each resource one: what they follow is archived first. errOvertaken where another one is current.
func (s *Store) advance(ctx context.Context, wave []follower) error {
	past, now := make(map[string][]mongo.WriteModel), make(map[string][]mongo.WriteModel)
	for _, d := range wave {
		raw, err := d.raw()
		if err != nil {
			return err
		}
		if d.before.Version == 0 {
			now[d.typ] = append(now[d.typ], mongo.NewInsertOneModel().SetDocument(raw))
			continue
		}
		now[d.typ] = append(now[d.typ], mongo.NewReplaceOneModel().SetFilter(d.before.itself()).SetReplacement(raw))
		copied, err := d.before.superseded().raw()
		if err != nil {
			return err
		}
		past[d.typ] = append(past[d.typ], mongo.NewReplaceOneModel().SetFilter(d.before.superseded().place()).SetReplacement(copied).SetUpsert(true))
	}
	for typ, all := range past {
		if _, err := s.past(typ).BulkWrite(ctx, all, unordered); err != nil {
			return err
		}
	}
	for typ, all := range now {
		r, err := s.current(typ).BulkWrite(ctx, all, unordered)
		if isDuplicate(err) || err == nil && r.InsertedCount+r.MatchedCount < int64(len(all)) {
			return errOvertaken
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var unordered = options.BulkWrite().SetOrdered(false)
