package storage

import (
	"context"

	"github.com/portico-health/portico/fhir"
)

// Records keeps small values under names, beside the resources: keys, claims, the state of queues. A
// name has a room's prefix, as in "access/key/AbC". All methods may be called from many
// goroutines at once.
type Records interface {
	// Get returns a record. NotFound when there is none or it expired.
	Get(ctx context.Context, name string) (Record, error)

	// Swap writes a record if its revision is still old (0: if there is none), and returns it with its new
	// revision. With a nil value it removes the record. Conflict when another writer was first: of
	// concurrent swaps of one revision exactly one succeeds.
	Swap(ctx context.Context, name string, old int64, value []byte, expires fhir.Instant) (Record, error)

	// Scan returns at most limit records whose names begin with prefix and follow after, in byte order of their
	// names. Expired records are left out.
	Scan(ctx context.Context, prefix, after string, limit int) ([]Record, error)
}

// Record is a value under a name.
type Record struct {
	Name     string
	Value    []byte
	Revision int64        // from 1, a new one with every swap; never the same again for a name
	Expires  fhir.Instant // 0: never
}
