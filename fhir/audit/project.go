package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// positionRecord is the record of the watermark.
const positionRecord = "audit/position"

// maxChanges is how many changes are recorded before it is written down how far that is.
const maxChanges = 500

// Project makes the record of the writes since the last call, by whichever process that was, up to what the store tells of now. The first call ever begins with
// the first version that there is: who made the versions of before is told as far as they have an origin. What is older than Keep is left out. Several
// processes may call it at once, and each may die behind any step: each write is recorded once (told.go). Its error is that of the store; what was recorded
// before it stays, and the next call goes on.
//
// In the mode Off nothing is recorded, and what was written meanwhile is not recorded later either. So all processes on one store want the same mode.
func (t *Trail) Project(ctx context.Context) error {
	for {
		at, err := t.watermark(ctx)
		if err != nil {
			return err
		}
		more, err := t.advance(ctx, at)
		if err != nil || !more {
			return err
		}
	}
}

// watermark is how far the changes are recorded: at least as far as that, for each process that records them writes it down behind what it did.
type watermark struct {
	After int64 `json:"after"` // the sequence of a change: it and all before it are recorded

	revision int64
}

func (t *Trail) watermark(ctx context.Context) (w watermark, err error) {
	r, err := t.Store.Records().Get(ctx, positionRecord)
	switch {
	case errors.Is(err, fhir.NotFound):
		return watermark{}, nil
	case err != nil:
		return watermark{}, err
	}
	w.revision = r.Revision
	if err := json.Unmarshal(r.Value, &w); err != nil {
		return watermark{}, fmt.Errorf("fhir/audit: the record %s is none of this program's: %w", positionRecord, err)
	}
	return w, nil
}

// advance records some changes behind a watermark, and says whether there may be more.
func (t *Trail) advance(ctx context.Context, w watermark) (more bool, err error) {
	events, err := t.Store.Events(ctx, w.After, maxChanges)
	if err != nil || len(events) == 0 {
		return false, err
	}
	if t.Mode != Off {
		if err := t.tell(ctx, events); err != nil {
			return false, err
		}
	}
	w.After = events[len(events)-1].Sequence
	value, err := json.Marshal(w)
	if err != nil {
		return false, err
	}
	_, err = t.Store.Records().Swap(ctx, positionRecord, w.revision, value, 0)
	if errors.Is(err, fhir.Conflict) { // another process recorded the same, or more
		err = nil
	}
	return len(events) == maxChanges, err
}

// tell records what events of the store tell of.
func (t *Trail) tell(ctx context.Context, events []storage.Event) error {
	oldest := fhir.InstantOf(t.Now().Add(-t.Keep))
	for len(events) > 0 && events[0].Instant <= oldest {
		events = events[1:]
	}
	changes := make([][]change, len(events))
	err := each(len(events), func(i int) (err error) {
		changes[i], err = t.changesOf(ctx, events[i])
		return err
	})
	if err != nil {
		return err
	}
	groups := grouped(slices.Concat(changes...))
	return each(len(groups), func(i int) error { return t.tellGroup(ctx, groups[i]) })
}

// methods are the interactions of changes that have no origin.
var methods = map[fhir.Method]Interaction{fhir.Created: Create, fhir.Updated: Update, fhir.Deleted: Delete}

// changesOf is what is recorded of a change. Who made one without origin is not known: the server itself, or a release that did not tell.
func (t *Trail) changesOf(ctx context.Context, e storage.Event) (all []change, err error) {
	who, interaction := parseOrigin(e.Origin)
	if interaction == "" {
		interaction = methods[e.Method]
	}
	who.Partition = e.Partition
	patients, err := t.patientsOf(ctx, e)
	event := Event{Instant: e.Instant, Who: who, Interaction: interaction, Key: e.Key, Number: e.Number, Patients: patients}
	event.bound()
	for part := range event.parts() {
		all = append(all, change{part, e.Sequence})
	}
	return all, err
}

// patientsOf are the patients of the version that came to be and of the one before it, whom it may have been about alone.
func (t *Trail) patientsOf(ctx context.Context, e storage.Event) ([]string, error) {
	numbers := []int64{e.Number, e.Number - 1}
	switch e.Method {
	case fhir.Created:
		numbers = numbers[:1]
	case fhir.Deleted:
		numbers = numbers[1:]
	}
	var versions []fhir.Version
	for _, n := range numbers {
		v, err := t.Store.ReadVersion(ctx, e.Partition, e.Key, n)
		switch {
		case errors.Is(err, fhir.NotFound) && n == 0: // the first version, by an update
		case errors.Is(err, fhir.NotFound):
			t.Log.Warn("a version that was written cannot be found; its record names no patients of it", "partition", e.Partition, "resource", e.Key, "version", n)
		case err != nil:
			return nil, err
		default:
			versions = append(versions, v)
		}
	}
	return PatientsOf(t.Rules.BaseURL(), versions...), nil
}

// each does something for each of n things, some of them at once, and goes on behind what fails. Of several errors it returns the first one's.
func each(n int, do func(i int) error) error {
	faults := make([]error, n)
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, maxAtOnce) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				faults[i] = do(int(i))
			}
		})
	}
	all.Wait()
	for _, err := range faults {
		if err != nil {
			return err
		}
	}
	return nil
}
