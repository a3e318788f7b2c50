package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// OpenToRead opens a store that is there, beside the servers that have it open, and makes nothing in the database, neither collections nor indexes: what
// would write is Unavailable. Internal when there is no store in the database.
func OpenToRead(ctx context.Context, c Config) (*Store, error) {
	c.reading = true
	return Open(ctx, c)
}

// mustBeThere refuses a database in which no store was made.
func (s *Store) mustBeThere(ctx context.Context) error {
	names, err := s.db.ListCollectionNames(ctx, bson.D{{Key: "name", Value: recordCollection}})
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("there is no store in the database %s", s.db.Name())
	}
	return err
}

var errReading = errors.New("mongo: the store was opened to read")
