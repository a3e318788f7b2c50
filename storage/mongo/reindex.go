package mongo

import (
	"bytes"
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// renewal is one run of Reindex.
type renewal struct {
	*Store
	entriesOf   func(fhir.Partition, fhir.Version) (search.Entries, error)
	progress    func(done, total int64)
	done, total int64
}

// surveying is how long it may take to count the versions of a type, for the progress.
const surveying = time.Hour

// Reindex is storage.Store's. A version's entries are set where its document still has that version, and only where they are others. What was given an
// instant behind the newest one of its beginning is passed over.
func (s *Store) Reindex(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error), progress func(done, total int64)) error {
	r := &renewal{Store: s, entriesOf: entriesOf, progress: progress}
	old := make(map[string]bson.D) // filters, by type
	err := s.call(ctx, func(ctx context.Context) error {
		_, last, err := s.clock.horizon(ctx)
		for t, newest := range last {
			old[t] = bson.D{{Key: fieldMethod, Value: bson.D{{Key: "$ne", Value: fhir.Deleted.String()}}}, {Key: fieldInstant, Value: bson.D{{Key: "$lte", Value: newest}}}}
			long, cancel := context.WithTimeout(ctx, surveying)
			n, err := s.current(t).CountDocuments(long, old[t])
			cancel()
			if err != nil {
				return err
			}
			r.total += n
		}
		return err
	})
	if err != nil {
		return err
	}
	progress(0, r.total)
	for t, filter := range old {
		if err := s.walk(ctx, s.current(t), filter, func(some []bson.Raw) error { return classify(ctx, r.renew(ctx, t, some)) }); err != nil {
			return err
		}
	}
	return nil
}

// renew gives some versions of a type their new entries.
func (r *renewal) renew(ctx context.Context, typ string, some []bson.Raw) error {
	keys := r.sortKeys(typ)
	var changes []mongo.WriteModel
	for _, raw := range some {
		d, err := readDocument(raw)
		if err != nil {
			return err
		}
		v, err := d.version(typ)
		if err != nil {
			return err
		}
		entries, err := r.entriesOf(d.Partition, v)
		if err != nil {
			return err
		}
		index, err := encodeEntries(entries, keys)
		if err != nil {
			return err
		}
		if !bytes.Equal(index, d.Index) {
			same := append(at(d.Partition, d.Name), bson.E{Key: fieldVersion, Value: d.Version}) // as long as it is of this version
			changes = append(changes, mongo.NewUpdateOneModel().SetFilter(same).SetUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: fieldIndex, Value: index}}}}))
		}
	}
	for part := range slices.Chunk(changes, walkRows) {
		err := r.call(ctx, func(ctx context.Context) error {
			_, err := r.current(typ).BulkWrite(ctx, part, options.BulkWrite().SetOrdered(false))
			return err
		})
		if err != nil {
			return err
		}
	}
	r.done += int64(len(some))
	r.progress(min(r.done, r.total), r.total)
	return nil
}
