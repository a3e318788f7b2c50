package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/r4"
	"github.com/portico-health/portico/fhir/search"
)

// interactions are what the changes are in the record.
var interactions = map[Action]audit.Interaction{
	ActCreate: audit.Create, ActUpdate: audit.Update, ActPatch: audit.Patch, ActDelete: audit.Delete,
}

// record tells the recorder of an interaction that has ended, and returns what it came to. Where that is a success of which no record can be kept, the
// error is that of the recorder, and nothing is shown. A rehearsal leaves no record.
func record[T any](ctx context.Context, e *Engine, event audit.Event, result T, err error) (T, error) {
	if e.Audit == nil || isRehearsal(ctx) {
		return result, err
	}
	if err != nil {
		event.Key, event.Outcome, event.Detail = named(event.Key), audit.OutcomeOf(err), reason(err)
	}
	if failed := e.Audit.Record(event); failed != nil && err == nil {
		var nothing T
		return nothing, failed
	}
	return result, err
}

// recordRead is record for one version. That of a deletion comes with its error.
func (e *Engine) recordRead(ctx context.Context, event audit.Event, v fhir.Version, err error) (fhir.Version, error) {
	if event.Number = v.Number; err == nil {
		event.Patients = audit.PatientsOf(e.Rules.BaseURL(), v)
	}
	return record(ctx, e, event, v, err)
}

// named is a key without what no resource and no type of R4 can have for its name: that is a text of the client's.
func named(key fhir.Key) fhir.Key {
	switch {
	case !r4.IsResource(key.Type):
		return fhir.Key{}
	case !fhir.ValidID(key.ID):
		key.ID = ""
	}
	return key
}

// reason says why an interaction failed, without a word of what was asked or is stored: the kind of the error and its codes, or the scope that was missing.
func reason(err error) string {
	var missing fhir.MissingScope
	if errors.As(err, &missing) {
		return "The credential does not permit this; it takes the scope " + string(missing) + "."
	}
	e := fhir.AsError(err)
	var codes []string
	for _, issue := range e.Issues {
		if !slices.Contains(codes, string(issue.Code)) {
			codes = append(codes, string(issue.Code))
		}
	}
	return e.Kind.Error() + ": " + strings.Join(codes, ", ")
}

// noteQuery puts into the record what was asked, as it was understood. The compartment that a path names stands among the parameters.
func (e *Engine) noteQuery(event *audit.Event, req SearchRequest, applied []search.Pair) {
	if e.Audit == nil {
		return
	}
	if req.Compartment != (fhir.Key{}) {
		applied = slices.Concat([]search.Pair{{Name: "_compartment", Value: req.Compartment.String()}}, applied)
	}
	event.Query = search.JoinQuery(applied)
}

// notePatients puts into the record whose data are shown.
func (e *Engine) notePatients(event *audit.Event, shown ...[]fhir.Version) {
	if e.Audit != nil {
		event.Patients = audit.PatientsOf(e.Rules.BaseURL(), slices.Concat(shown...)...)
	}
}

// historyInteraction is what a history is in the record.
func historyInteraction(key fhir.Key) audit.Interaction {
	switch {
	case key.Type == "":
		return audit.HistorySystem
	case key.ID == "":
		return audit.HistoryType
	default:
		return audit.HistoryInstance
	}
}

// searchInteraction is what a search is in the record.
func searchInteraction(req SearchRequest) audit.Interaction {
	if req.Type == "" {
		return audit.SearchSystem
	}
	return audit.SearchType
}

// ofChange begins the record of a change of which the store tells nothing: it failed, or there was nothing to do. A create that is
// answered with what matches its condition has read.
func (e *Engine) ofChange(p fhir.Principal, c Change, o Outcome) audit.Event {
	event := audit.Event{Who: p, Interaction: interactions[c.Action], Key: c.Key}
	if event.Key.Type == "" {
		event.Key.Type = c.Resource.Type()
	}
	if c.Action == ActCreate && o.Version.Number > 0 {
		event.Interaction, event.Key, event.Number = audit.SearchType, o.Version.Key, o.Version.Number
		event.Query, event.Patients = c.Criteria, audit.PatientsOf(e.Rules.BaseURL(), o.Version)
	}
	return event
}

// recordChanges tells the recorder of the changes of a transaction, one by one, as far as the store does not. What was written is written: where
// no record can be kept of what is to be shown beside it, that is not shown.
func (e *Engine) recordChanges(ctx context.Context, p fhir.Principal, changes []Change, outcomes []Outcome, err error) {
	if e.Audit == nil {
		return
	}
	if err != nil {
		faults := faultsOf(err)
		for i, c := range changes {
			fault, own := faults[i]
			if !own {
				fault = errAside(err)
			}
			_, _ = record(ctx, e, e.ofChange(p, c, Outcome{}), Outcome{}, fault) // the fault is told anyway
		}
		return
	}
	for i, c := range changes {
		if outcomes[i].Changed {
			continue
		}
		if _, failed := record(ctx, e, e.ofChange(p, c, outcomes[i]), outcomes[i], nil); failed != nil {
			outcomes[i].Version.Body = nil
		}
	}
}

// faultsOf are the faults of changes, by index.
func faultsOf(err error) map[int]error {
	faults := map[int]error{}
	var several ChangeErrors
	var one *ChangeError
	switch {
	case errors.As(err, &several):
	case errors.As(err, &one):
		several = ChangeErrors{one}
	}
	for _, fault := range several {
		faults[fault.Index] = fault.Err
	}
	return faults
}

// errAside is why a change was not made that has no fault of its own: it is that of the whole transaction, or another change has one.
func errAside(err error) error {
	if len(faultsOf(err)) == 0 {
		return err
	}
	return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Another change of the transaction was refused.")
}

// rehearsal marks a context.
type rehearsal struct{}

// Rehearsal is a context for interactions whose outcome is shown to nobody, but that tell what could not be answered. They are not recorded: who answers with such
// a failure has it recorded by Refused.
func Rehearsal(ctx context.Context) context.Context { return context.WithValue(ctx, rehearsal{}, true) }

func isRehearsal(ctx context.Context) bool { return ctx.Value(rehearsal{}) != nil }
