package audit

import (
	"bytes"
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// put writes a block under its id, where its record has a revision, 0 for a new one, and returns the next one. It may be called again with the same when it was
// in doubt whether it came through. Conflict: there is another block, or it has become another one.
func (t *Trail) put(ctx context.Context, p fhir.Partition, id string, revision int64, b block) (int64, error) {
	name, value := blockPrefix(p)+id, b.encode()
	expires := b.events[len(b.events)-1].Instant + fhir.Instant(t.Keep.Microseconds())
	r, err := t.Store.Records().Swap(ctx, name, revision, value, expires)
	if errors.Is(err, fhir.Conflict) {
		if there, getErr := t.Store.Records().Get(ctx, name); getErr == nil && bytes.Equal(there.Value, value) {
			return there.Revision, nil
		}
	}
	return r.Revision, err
}

// get reads a block, and the revision of its record. NotFound.
func (t *Trail) get(ctx context.Context, p fhir.Partition, id string) (block, storage.Record, error) {
	r, err := t.Store.Records().Get(ctx, blockPrefix(p)+id)
	if err != nil {
		return block{}, r, err
	}
	b, err := decode(p, r.Value)
	return b, r, err
}
