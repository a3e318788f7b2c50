package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// records is storage.Records of a Store: a document for each, whose _id is its name. One that was removed is a document without value, which counts as expired: it
// stays for a while, so that whoever makes a record of that name again goes on from its revision.
type records struct{ *Store }

// The fields of a record's document, beside its _id.
const (
	recordRevision = "revision" // int64
	recordValue    = "value"    // bytes; none: it was removed
	recordExpires  = "expires"  // fhir.Instant, 0: never
)

const (
	lingering   = fhir.Instant(time.Hour / time.Microsecond) // how long an expired record stays: longer than the clocks of two machines are apart
	sweepEvery  = 64                                         // swaps
	sweepAtMost = 4 * sweepEvery                             // records
)

// record is a document of the records.
type record struct {
	Name     string       `bson:"_id"`
	Revision int64        `bson:"revision"`
	Value    *bson.Binary `bson:"value"`
	Expires  fhir.Instant `bson:"expires"`
}

func (r record) record() storage.Record {
	return storage.Record{Name: r.Name, Value: r.Value.Data, Revision: r.Revision, Expires: r.Expires}
}

func (r records) documents() *mongo.Collection { return r.db.Collection(recordCollection) }

// alive is the filter of records that are there.
func (r records) alive() bson.E {
	now := int64(fhir.InstantOf(r.now()))
	return bson.E{Key: "$and", Value: bson.A{
		bson.D{{Key: recordValue, Value: bson.D{{Key: "$exists", Value: true}}}},
		bson.D{{Key: "$or", Value: bson.A{
			bson.D{{Key: recordExpires, Value: int64(0)}},
			bson.D{{Key: recordExpires, Value: bson.D{{Key: "$gt", Value: now}}}},
		}}},
	}}
}

// Get is storage.Records'.
func (r records) Get(ctx context.Context, name string) (found storage.Record, err error) {
	err = r.call(ctx, func(ctx context.Context) error {
		var d record
		if err := r.documents().FindOne(ctx, bson.D{{Key: fieldID, Value: name}, r.alive()}).Decode(&d); err != nil {
			return err
		}
		found = d.record()
		return nil
	})
	if errors.Is(err, mongo.ErrNoDocuments) {
		return storage.Record{}, fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no such record.").Because(fmt.Errorf("record %q", name))
	}
	return found, err
}

// Scan is storage.Records'.
func (r records) Scan(ctx context.Context, prefix, after string, limit int) (all []storage.Record, err error) {
	if limit <= 0 {
		return nil, nil
	}
	names := bson.D{{Key: "$gt", Value: after}, {Key: "$gte", Value: prefix}}
	if end := successor(prefix); end != "" {
		names = append(names, bson.E{Key: "$lt", Value: end})
	}
	err = r.call(ctx, func(ctx context.Context) error {
		cursor, err := r.documents().Find(ctx, bson.D{{Key: fieldID, Value: names}, r.alive()}, options.Find().SetSort(bson.D{up(fieldID)}).SetLimit(int64(limit)))
		if err != nil {
			return err
		}
		var documents []record
		if err := cursor.All(ctx, &documents); err != nil {
			return err
		}
		for _, d := range documents {
			all = append(all, d.record())
		}
		return nil
	})
	return all, err
}

// successor is the smallest string behind all that begin with prefix, "" where there is none. UTF-8 has the order of its characters.
func successor(prefix string) string {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch next := last + 1; {
		case next == 0xd800: // the surrogates are no characters
			return prefix + "\ue000"
		case next <= utf8.MaxRune:
			return prefix + string(next)
		}
	}
	return ""
}

// Swap is storage.Records'.
func (r records) Swap(ctx context.Context, name string, old int64, value []byte, expires fhir.Instant) (storage.Record, error) {
	swapped := storage.Record{Name: name, Value: value, Expires: expires}
	err := r.call(ctx, func(ctx context.Context) (err error) {
		if r.config.reading {
			return unavailable().Because(errReading)
		}
		if old == 0 {
			swapped.Revision, err = r.create(ctx, name, value, expires)
		} else {
			swapped.Revision, err = r.replace(ctx, name, old, value, expires)
		}
		if err == nil && r.swaps.Add(1)%sweepEvery == 0 {
			err = r.sweep(ctx)
		}
		return err
	})
	if isDuplicate(err) || errors.Is(err, errSwapped) {
		err = fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Another change of the record came first.").Because(fmt.Errorf("record %q: it has not revision %d", name, old))
	}
	if err != nil {
		return storage.Record{}, err
	}
	return swapped, nil
}

var errSwapped = errors.New("mongo: the record has another revision")

// replace writes a record that has a revision.
func (r records) replace(ctx context.Context, name string, old int64, value []byte, expires fhir.Instant) (revision int64, err error) {
	revision = r.next(old)
	done, err := r.documents().UpdateOne(ctx, bson.D{{Key: fieldID, Value: name}, {Key: recordRevision, Value: old}, r.alive()}, bson.A{r.set(revision, value, expires)})
	if err == nil && done.MatchedCount == 0 {
		err = errSwapped
	}
	return revision, err
}

// create writes a record where there is none, or one that expired. Where there is one that lives the filter finds nothing, and MongoDB fails to insert it a second time.
func (r records) create(ctx context.Context, name string, value []byte, expires fhir.Instant) (revision int64, err error) {
	above := bson.D{{Key: "$max", Value: bson.A{bson.D{{Key: "$add", Value: bson.A{"$" + recordRevision, int64(1)}}}, r.next(0)}}}
	var made record
	err = r.documents().FindOneAndUpdate(ctx,
		bson.D{{Key: fieldID, Value: name}, {Key: "$nor", Value: bson.A{bson.D{r.alive()}}}},
		bson.A{r.set(above, value, expires)},
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After).SetProjection(bson.D{{Key: recordRevision, Value: 1}}),
	).Decode(&made)
	return made.Revision, err
}

// set is the stage of an update that writes a record, or what is left of one that is removed.
func (r records) set(revision any, value []byte, expires fhir.Instant) bson.D {
	var kept any = bson.D{{Key: "$literal", Value: bson.Binary{Data: value}}}
	if value == nil {
		kept, expires = "$$REMOVE", fhir.InstantOf(r.now())
	}
	return bson.D{{Key: "$set", Value: bson.D{{Key: recordRevision, Value: revision}, {Key: recordValue, Value: kept}, {Key: recordExpires, Value: int64(expires)}}}}
}

// next is a revision above an old one that this process never gave before. It follows the time, so that a record whose traces were swept begins above all that
// it ever had.
func (r records) next(old int64) int64 {
	for {
		last := r.revision.Load()
		next := max(int64(fhir.InstantOf(r.now())), last+1, old+1)
		if r.revision.CompareAndSwap(last, next) {
			return next
		}
	}
}

// sweep removes a few records that expired long ago.
func (r records) sweep(ctx context.Context) error {
	gone := bson.E{Key: recordExpires, Value: bson.D{{Key: "$gt", Value: int64(0)}, {Key: "$lt", Value: int64(fhir.InstantOf(r.now()) - lingering)}}}
	cursor, err := r.documents().Find(ctx, bson.D{gone}, options.Find().SetProjection(bson.D{{Key: fieldID, Value: 1}}).SetHint(hintExpires).SetLimit(sweepAtMost))
	if err != nil {
		return err
	}
	var found []record
	if err := cursor.All(ctx, &found); err != nil || len(found) == 0 {
		return err
	}
	names := make([]string, len(found))
	for i, d := range found {
		names[i] = d.Name
	}
	_, err = r.documents().DeleteMany(ctx, bson.D{{Key: fieldID, Value: bson.D{{Key: "$in", Value: names}}}, gone})
	return err
}
