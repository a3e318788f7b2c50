package sqlite

import (
	"bytes"

	"github.com/portico-health/portico/storage"
)

// proofBytes are more than a volume has left on which writes of ordinary size fail: it would take a few very small ones yet.
const proofBytes = 1 << 20

// prove is a write that says whether the store takes writes. After one that succeeded, nothing has to be written for that; after one that
// failed, a record that has expired as soon as it is there, and that the next swap of another one removes.
func (w *writer) prove(t *tx) error {
	if !w.failed || t.proved {
		return nil
	}
	t.proved = true
	_, err := swap(t, storage.Record{Name: "storage/proof", Value: bytes.Repeat([]byte{'.'}, proofBytes), Expires: t.now + 1})
	return err
}
