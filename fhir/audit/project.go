package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// positionRecord is the record of the watermark.
const positionRecord = "audit/position"

// maxChanges is how many changes are recorded before it is written down how far that is.
const maxChanges = 500

// maxAhead is how often as many changes are recorded behind what cannot be, which are found again by the next call.
const maxAhead = 8

// Project makes the record of the writes since the last call, by whichever process that was, up to what the store tells of now. The first call ever begins with
// the first version that there is: who made the versions of before is told as far as they have an origin. What is older than Keep is left out. Several
// processes may call it at once, and each may die behind any step: each write is recorded once (told.go). Its error is that of the store; what was recorded
// before it stays, and the next call goes on. Where a block of one partition cannot be written, those of the others are.
//
// In the mode Off nothing is recorded, and what was written meanwhile is not recorded later either. So all processes on one store want the same mode.
func (t *Trail) Project(ctx context.Context) error { return t.project(ctx).first() }

func (t *Trail) project(ctx context.Context) faults {
	failed := make(faults)
	var at watermark
	for ahead := 0; ; {
		var err error
		if len(failed) == 0 {
			at, err = t.watermark(ctx)
		} else if ahead++; ahead > maxAhead {
			err = failed.first()
		}
		more := false
		if err == nil {
			more, err = t.advance(ctx, &at, failed)
		}
		if err != nil {
			failed[""] = err
		}
		if err != nil || !more {
			return failed
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

// advance records some changes behind a watermark, moves it unless there are faults, and says whether there may be more. Its error concerns all partitions.
func (t *Trail) advance(ctx context.Context, w *watermark, failed faults) (more bool, err error) {
	events, err := t.Store.Events(ctx, w.After, maxChanges)
	if err != nil || len(events) == 0 {
		return false, err
	}
	if t.Mode != Off {
		if err := t.tell(ctx, events, failed); err != nil {
			return false, err
		}
	}
	w.After = events[len(events)-1].Sequence
	if len(failed) == 0 {
		err = t.mark(ctx, *w)
	}
	return len(events) == maxChanges, err
}

// mark writes down how far the changes are recorded.
func (t *Trail) mark(ctx context.Context, w watermark) error {
	value, err := json.Marshal(w)
	if err != nil {
		return err
	}
	_, err = t.Store.Records().Swap(ctx, positionRecord, w.revision, value, 0)
	if errors.Is(err, fhir.Conflict) { // another process recorded the same, or more
		return nil
	}
	return err
}

// tell records what events of the store tell of. Its error is that of reading; what cannot be written is among the faults.
func (t *Trail) tell(ctx context.Context, events []storage.Event, failed faults) error {
	oldest := fhir.InstantOf(t.Now().Add(-t.Keep))
	for len(events) > 0 && events[0].Instant <= oldest {
		events = events[1:]
	}
	changes := make([][]change, len(events))
	err := cmp.Or(each(len(events), func(i int) (err error) {
		changes[i], err = t.changesOf(ctx, events[i])
		return err
	})...)
	if err != nil {
		return err
	}
	groups := grouped(slices.Concat(changes...))
	failed.add(each(len(groups), func(i int) error { return t.tellGroup(ctx, groups[i]) }), func(i int) fhir.Partition { return groups[i].partition })
	return nil
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
		case err == nil:
			versions = append(versions, v)
		case ctx.Err() != nil || fhir.AsError(err).Kind == fhir.Unavailable:
			return nil, err
		default: // however often it is tried: the writes behind it shall be on record all the same
			t.Log.Error("a version that was written is lost or cannot be read; its record names no patients of it",
				"partition", e.Partition, "type", e.Key.Type, "sequence", e.Sequence, "version", n, "kind", fhir.AsError(err).Kind)
		}
	}
	return PatientsOf(t.Rules.BaseURL(), versions...), nil
}
