package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Check has a store check itself: see storage.Store. Its index entries are compared with those that the rules make of the
// bodies, if these made them all; else with each other alone, and compared is false. It only reads, so that it may be asked beside a
// running server.
func Check(ctx context.Context, store storage.Store, rules *search.Rules, report func(storage.Fault)) (looked storage.Checked, compared bool, err error) {
	before, _, err := provenanceOf(ctx, store, rules)
	if err != nil {
		return looked, false, err
	}
	if before.Finished && before.Rules == rules.Fingerprint() {
		looked, err = store.Check(ctx, func(_ fhir.Partition, v fhir.Version) (search.Entries, error) { return Entries(rules, v) }, report)
		return looked, true, err
	}
	looked, err = store.Check(ctx, nil, report)
	return looked, false, err
}
