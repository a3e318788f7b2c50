package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// A batch of a walk is what Reindex and Check hold in memory at once.
const (
	walkRows  = 200
	walkBytes = 4 << 20 // of documents; the one that exceeds it comes still
)

// walk hands the documents of a collection that a filter finds to look, some at a time, in the order of their _id. What comes to be behind
// the place where it is, is found; what comes to be before it, is not. Each batch is a call of its own, and look none.
func (s *Store) walk(ctx context.Context, in *mongo.Collection, filter bson.D, look func([]bson.Raw) error) error {
	for after := ""; ; {
		var some []bson.Raw
		err := s.call(ctx, func(ctx context.Context) (err error) {
			some, err = batch(ctx, in, append(bson.D{{Key: fieldID, Value: bson.D{{Key: "$gt", Value: after}}}}, filter...))
			return err
		})
		if err != nil || len(some) == 0 {
			return err
		}
		after = some[len(some)-1].Lookup(fieldID).StringValue()
		if err := look(some); err != nil {
			return err
		}
	}
}

// batch reads the first documents that a filter finds, in the order of their _id.
func batch(ctx context.Context, in *mongo.Collection, filter bson.D) (some []bson.Raw, err error) {
	opts := options.Find().SetHint(hintID).SetSort(bson.D{up(fieldID)}).SetLimit(walkRows).SetBatchSize(walkRows + 1)
	cursor, err := in.Find(ctx, filter, opts)
	if err != nil {
		return nil, err
	}
	for bytes := 0; bytes < walkBytes && cursor.Next(ctx); bytes += len(cursor.Current) {
		some = append(some, append(bson.Raw(nil), cursor.Current...))
	}
	return some, errors.Join(cursor.Err(), cursor.Close(ctx))
}
