package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
)

// The gate: whatever somebody asks of the engine passes one of these methods, and no other method takes a Principal from outside. They see to it that it is
// permitted (scopes.go), and that a record is made of what reads and of what is refused (record.go); of what is written the store tells, by storage.Op.Origin.
// An interaction that would show something fails as Unavailable while no record can be kept.

// Read returns the current version of a resource, and of an Appointment that $find proposed what was proposed, without a number. Its errors are NotFound, also for a type that is not
// served, Forbidden, and Gone for a deleted one (https://hl7.org/fhir/R4/http.html#read).
func (e *Engine) Read(ctx context.Context, p fhir.Principal, key fhir.Key) (v fhir.Version, err error) {
	if err = e.may(p, key.Type, fhir.MayRead); err == nil {
		v, err = e.readOrProposed(ctx, p, key)
	}
	if e.Audit == nil {
		return v, err
	}
	return e.recordRead(ctx, audit.Event{Who: p, Interaction: audit.Read, Key: key}, v, err)
}

// ReadVersion returns one version of a resource, current or superseded. Its errors are NotFound, Forbidden, and Gone
// where that version is the mark of a deletion (https://hl7.org/fhir/R4/http.html#vread).
func (e *Engine) ReadVersion(ctx context.Context, p fhir.Principal, key fhir.Key, number int64) (v fhir.Version, err error) {
	if err = e.may(p, key.Type, fhir.MayRead); err == nil {
		v, err = e.readVersion(ctx, p, key, number)
	}
	if e.Audit == nil {
		return v, err
	}
	return e.recordRead(ctx, audit.Event{Who: p, Interaction: audit.Vread, Key: key}, v, err)
}

// InstantBefore returns when the version before one that was just read came to be: what a face needs to answer a condition on a date. It shows nothing more,
// and is no interaction of its own: it is not recorded. Its errors are those of ReadVersion but Gone.
func (e *Engine) InstantBefore(ctx context.Context, p fhir.Principal, v fhir.Version) (fhir.Instant, error) {
	if err := e.may(p, v.Key.Type, fhir.MayRead); err != nil {
		return 0, err
	}
	before, err := e.Store.ReadVersion(ctx, p.Partition, v.Key, v.Number-1)
	return before.Instant, err
}

// History returns one page of a history, deletions among it. Versions of types that are not served are never among it, nor, where no types are named,
// those that the client may not search. The total is exact for one resource, and where it is asked for alone; else up to a thousand. Its errors are NotFound
// when there never was such a resource, or the type is not served, Forbidden, and Invalid for types that are not served, and for a cursor that was
// not given out for it.
func (e *Engine) History(ctx context.Context, p fhir.Principal, req HistoryRequest) (HistoryPage, error) {
	event := audit.Event{Who: p, Interaction: historyInteraction(req.Key), Key: req.Key}
	page, err := e.historyPage(ctx, p, req)
	e.notePatients(&event, page.Versions)
	return record(ctx, e, event, page, err)
}

// Search returns one page of matches, and what comes with them. Where no types are named, only those are searched that the client may search. Its errors
// are NotFound for a type that is not served or that is not in the compartment, Forbidden, also for types into which the query looks by chains, Invalid for
// what the query says wrong, TooCostly, and Unavailable for a parameter whose index is being made anew.
func (e *Engine) Search(ctx context.Context, p fhir.Principal, req SearchRequest) (SearchPage, error) {
	event := audit.Event{Who: p, Interaction: searchInteraction(req), Key: fhir.Key{Type: req.Type}}
	page, err := e.searchPage(ctx, p, req, &event)
	return record(ctx, e, event, page, err)
}

// Write carries out one change:
//
//   - a create (https://hl7.org/fhir/R4/http.html#create) stores the resource under an id that the server gives; one that it brings is ignored. A
//     conditional one (#ccreate) whose criteria one resource satisfies changes nothing, and that resource is the outcome.
//   - an update (#update) makes the next version of the resource, or creates it. A conditional one (#cond-update) updates the resource that
//     satisfies the criteria; where none does, it creates one under the id in the resource, or else under one that the server gives.
//   - a patch (#patch) makes the next version of what it finds. One that comes between and is not forbidden by If-Match is patched in turn.
//   - a delete (#delete, #cdelete) of what is not there, or is deleted already, changes nothing.
//
// Whatever a decision rests on is decided inside the write: of equal conditional writes that come at once, one creates. Its errors are
// NotFound and MethodNotAllowed for types that are not served or not written; Invalid and Unprocessable for the resource, or what a
// patch makes of it, and those of patch.Patch.Apply; Invalid for an id that contradicts the key or the match; a CriteriaError;
// NotFound and Gone where there is nothing to patch; PreconditionFailed, also where several resources satisfy criteria;
// PreconditionRequired; Forbidden; Conflict where the id of what would be created is taken, or when other writes came between again and again.
func (e *Engine) Write(ctx context.Context, p fhir.Principal, c Change) (Outcome, error) {
	o, err := e.write(ctx, p, c)
	if e.Audit == nil || o.Changed {
		return o, err
	}
	return record(ctx, e, e.ofChange(p, c, o), o, err)
}

// Transact carries out all changes or none (https://hl7.org/fhir/R4/http.html#trules), each as Write does, and returns what they came to,
// in their order. They do not depend on their order: deletes come first, then creates, then updates and patches.
//
//   - No two changes are of one resource, whether it is named or selected by criteria, and no condition may be satisfied by what another change writes.
//     Criteria pass over what the transaction deletes; those of deletes do not look at what it creates.
//   - Links to the FullURL of a change become links to its resource: see eachLink for where they stand.
//   - Conditional references become references to the one resource that they select, as the transaction leaves the store.
//
// The error is a *ChangeError or ChangeErrors, with the faults of every change as far as they can be known together; their kinds are those of Write, and
// Invalid for what contradicts the above, PreconditionFailed for a conditional reference to none or several. It is Conflict for the whole
// when other writes came between again and again, TooLarge when it is more than can be written at once, TooCostly for too many conditions
// that nothing narrows. A store without transactions carries out none: Invalid.
func (e *Engine) Transact(ctx context.Context, p fhir.Principal, changes []Change) ([]Outcome, error) {
	outcomes, err := e.transact(ctx, p, changes)
	e.recordChanges(ctx, p, changes, outcomes, err)
	return outcomes, err
}

// Find looks for time that is free, and proposes Appointments in it ($find, https://profiles.ihe.net/ITI/Scheduling/OperationDefinition/appointment-find): each
// can be read under its id for half an hour. Nothing is held. Its errors are Invalid for what the request says wrong or is not supported, Forbidden, TooCostly where
// too many schedules would have to be looked into, and Unavailable while an index that it takes is being made anew.
func (e *Engine) Find(ctx context.Context, p fhir.Principal, req FindRequest) (Proposals, error) {
	event := audit.Event{Who: p, Interaction: audit.Operation, Key: fhir.Key{Type: "Appointment"}}
	found, err := e.propose(ctx, p, req)
	e.notePatients(&event, found.Appointments)
	return record(ctx, e, event, found, err)
}

// Hold carries out $hold of IHE's ITI Scheduling (ITI-116): an Appointment that $find proposed is stored under its id, pending, and takes its slots, until HoldTime
// is over. A stored one that is proposed becomes pending; one that is pending already stays as it is. It takes the scope to create Appointments, and to update
// them for one that is stored. That it cannot be had is no error, but a rejected Booking. Its errors are Forbidden, NotFound where neither the store nor $find
// knows of it (any more), and those of Write.
func (e *Engine) Hold(ctx context.Context, p fhir.Principal, key fhir.Key) (Booking, error) {
	b, err := e.hold(ctx, p, key)
	return e.recordBooking(ctx, p, key, b, err)
}

// Book carries out $book (ITI-117): what the request refers to is booked as it stands, or what it brings is booked, changed or cancelled. What is so already is
// answered as it is. What is new takes the scope to create Appointments, and keeps the id that it comes with; all else takes that to update them. What the
// rules of booking refuse is no error, but a rejected Booking. Its errors are Forbidden, NotFound where neither the store nor $find knows of what is referred
// to, PreconditionFailed, and those of Write.
func (e *Engine) Book(ctx context.Context, p fhir.Principal, req BookRequest) (Booking, error) {
	key := req.Reference
	if !req.Resource.IsZero() {
		key = req.Resource.Key()
	}
	b, err := e.book(ctx, p, req)
	return e.recordBooking(ctx, p, key, b, err)
}

// Validate returns everything that a write of the resource would be refused for, and warnings; nothing is
// stored. The issues are empty when there is nothing to say. Its errors are those of asking: NotFound, Forbidden for who may do nothing with the type, Invalid
// for an unknown mode or a missing resource.
func (e *Engine) Validate(ctx context.Context, p fhir.Principal, req ValidateRequest) ([]fhir.Issue, error) {
	issues, err := e.validate(p, req)
	return record(ctx, e, audit.Event{Who: p, Interaction: audit.Operation, Key: fhir.Key{Type: req.Type, ID: req.ID}}, issues, err)
}

// Explain says how a search is understood, which index serves it and what its first page costs. It carries the page out, and shows nothing of what it
// finds but numbers. Its errors are those of Search, but that the budget is passed, and Forbidden for whoever may not operate the server, whatever the scopes;
// Invalid for a cursor, which stands for a search that began elsewhere.
func (e *Engine) Explain(ctx context.Context, p fhir.Principal, req SearchRequest) (Explanation, error) {
	event := audit.Event{Who: p, Interaction: audit.Operation, Key: fhir.Key{Type: req.Type}}
	explanation, err := e.explain(ctx, p, req, &event)
	return record(ctx, e, event, explanation, err)
}

// Generate makes the free slots of a Schedule by its working hours (booking.Hours), in a period of at most MaxGenerateDays days. It may be done again at any time, and
// by several at once: slots that are wanted and are there stay, whatever became of them; those that it made before, that are free and are not wanted any
// more, are deleted; what a client wrote, and what is taken, is never touched, and no slot is made that overlaps with it. Slots that begin before now, or within the lead
// time, stay as they are. Each slot is written on its own condition, so that a booking which comes between wins; when it fails, some are done, and it can be done
// again. It takes r on Schedule, and c and d on Slot. Its errors are NotFound and Gone for the Schedule, Forbidden, Unprocessable for one that is not active or has
// no working hours, and for a period that is over, Invalid for one that ends before it begins, TooCostly for one that is too long or has more than MaxGenerateSlots
// slots, and Conflict when the Schedule is changed meanwhile, where the store has transactions. Places of issues are start and end, or elements of the Schedule.
func (e *Engine) Generate(ctx context.Context, p fhir.Principal, req GenerateRequest) (Generated, error) {
	generated, err := e.generate(ctx, p, req)
	return record(ctx, e, audit.Event{Who: p, Interaction: audit.Operation, Key: req.Schedule}, generated, err)
}

// Refused records an interaction that a face refused before it asked any other method for it. What it was to be is a code of
// https://hl7.org/fhir/R4/valueset-type-restful-interaction.html; of the key there is as much as is known.
func (e *Engine) Refused(ctx context.Context, p fhir.Principal, interaction string, key fhir.Key, err error) {
	_, _ = record(ctx, e, audit.Event{Who: p, Interaction: audit.Interaction(interaction), Key: key}, struct{}{}, err) // it is refused anyway
}
