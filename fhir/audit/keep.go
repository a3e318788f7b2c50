package audit

import (
	"bytes"
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
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

// get reads a block. NotFound, and Unavailable where it cannot be read.
func (t *Trail) get(ctx context.Context, p fhir.Partition, id string) (block, error) {
	r, err := t.Store.Records().Get(ctx, blockPrefix(p)+id)
	if err != nil {
		return block{}, err
	}
	b, err := decode(p, r.Value)
	if err != nil {
		err = t.unreadable(r.Name, err)
	}
	return b, err
}

// unreadable tells the log of a block that cannot be read, and is the error of who wanted to read it.
func (t *Trail) unreadable(name string, cause error) error {
	t.Log.Error("a block of audit events cannot be read", "record", name, "error", cause)
	return fhir.Errorf(fhir.Unavailable, fhir.CodeException, "A part of the record is damaged, or of a newer release of this server, and cannot be shown. "+
		"Leave its time out by date; the operator finds its name in the log.").Because(cause)
}
