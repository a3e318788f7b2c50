package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// Names of records begin so.
const (
	siteRecords       = "access/site/"       // and the siteKey
	credentialRecords = "access/credential/" // and the id
)

// Registry keeps sites and credentials among the records of a store. It is all that the command line needs of this package.
type Registry struct {
	Records storage.Records
	Now     func() time.Time

	// IsType says whether a name is that of a resource type, so that scopes with another are refused. Nil: every name that could be one is.
	IsType func(name string) bool

	changed func(record string) // is told of every change that was made, or may have been; nil: nobody
}

const (
	scanned  = 200 // records a scan
	attempts = 100 // to change what others change at the same time
)

// fetch reads a record as JSON.
func fetch[T any](ctx context.Context, r Registry, name string) (value T, revision int64, err error) {
	record, err := r.Records.Get(ctx, name)
	if err != nil {
		return value, 0, err
	}
	if err := json.Unmarshal(record.Value, &value); err != nil {
		return value, 0, fmt.Errorf("record %s: %w", name, err)
	}
	return value, record.Revision, nil
}

// store writes a record if it still has the revision. Conflict.
func (r Registry) store(ctx context.Context, name string, revision int64, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("record %s: %w", name, err)
	}
	_, err = r.Records.Swap(ctx, name, revision, body, 0)
	if r.changed != nil { // also after an error: it may have been written
		r.changed(name)
	}
	return err
}

// alter changes a record by a function, which is called again for what another has made of it meanwhile. An error of the function ends it.
func alter[T any](ctx context.Context, r Registry, name string, by func(*T) error) (value T, err error) {
	for attempt := range attempts {
		var revision int64
		if value, revision, err = fetch[T](ctx, r, name); err != nil {
			return value, err
		}
		if err = by(&value); err != nil {
			return value, err
		}
		if err = r.store(ctx, name, revision, value); !errors.Is(err, fhir.Conflict) {
			return value, err
		}
		if err := pause(ctx, attempt); err != nil {
			return value, err
		}
	}
	return value, fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Others change the same all the time. Try again.").Because(err)
}

// pause lets others go first: longer, the more attempts have failed.
func pause(ctx context.Context, attempt int) error {
	select {
	case <-ctx.Done():
		return tookTooLong(ctx)
	case <-time.After(time.Duration(rand.IntN(1 + min(attempt, 20)*int(time.Millisecond)))): //nolint:gosec // nobody gains by knowing how long somebody waits
		return nil
	}
}

// all reads the records whose names begin with prefix, by name.
func all[T any](ctx context.Context, r Registry, prefix string) (values []T, err error) {
	after := ""
	for {
		records, err := r.Records.Scan(ctx, prefix, after, scanned)
		if err != nil {
			return nil, err
		}
		for _, record := range records {
			var value T
			if err := json.Unmarshal(record.Value, &value); err != nil {
				return nil, fmt.Errorf("record %s: %w", record.Name, err)
			}
			values = append(values, value)
		}
		if len(records) < scanned {
			return values, nil
		}
		after = records[len(records)-1].Name
	}
}
