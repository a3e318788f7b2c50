package engine

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// rulesRecord holds the fingerprint of the rules that made the index entries of the store; nothing, while they are made anew.
const rulesRecord = "engine/index-rules"

// Reindex makes the index entries of all resources anew where other rules made those that are there: with another base URL, other
// types or other search parameters, searches would silently find too much or too little. It is called before the first request, and
// takes its time: so far there is no way to serve while it runs. Before it begins, it calls begins. One that was interrupted is begun
// again by the next call, with whatever rules that one has.
func (e *Engine) Reindex(ctx context.Context, begins func()) error {
	record, err := e.Store.Records().Get(ctx, rulesRecord)
	missing := errors.Is(err, fhir.NotFound)
	if err != nil && !missing {
		return err
	}
	if string(record.Value) == e.Rules.Fingerprint() {
		return nil
	}
	if missing {
		events, err := e.Store.Events(ctx, 0, 1)
		if err != nil {
			return err
		}
		if len(events) == 0 { // a new store
			return e.noteRules(ctx, record)
		}
	}
	if record, err = e.Store.Records().Swap(ctx, rulesRecord, record.Revision, []byte{}, 0); err != nil {
		return err
	}
	begins()
	if err := e.Store.Reindex(ctx, e.entriesOf); err != nil {
		return err
	}
	return e.noteRules(ctx, record)
}

// noteRules records that the entries in the store are made by the rules of this engine. Another process may have been first, if
// it has the same rules.
func (e *Engine) noteRules(ctx context.Context, before storage.Record) error {
	_, err := e.Store.Records().Swap(ctx, rulesRecord, before.Revision, []byte(e.Rules.Fingerprint()), 0)
	if !errors.Is(err, fhir.Conflict) {
		return err
	}
	now, failed := e.Store.Records().Get(ctx, rulesRecord)
	if failed == nil && string(now.Value) == e.Rules.Fingerprint() {
		return nil
	}
	return err
}

// entriesOf makes the index entries of a stored version.
func (e *Engine) entriesOf(_ fhir.Partition, v fhir.Version) (search.Entries, error) {
	r, err := fhir.ParseResource(v.Body)
	if err != nil {
		return search.Entries{}, fhir.AsError(errors.New("the stored " + v.Key.String() + " is no JSON")) // what is wrong in it may be personal
	}
	return e.Rules.Extract(r), nil
}
