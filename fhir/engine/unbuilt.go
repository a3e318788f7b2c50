package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// What is here is not built yet. Who builds it takes it out; the file is gone at the end.

// bookAll finds what the changes of Appointments, Slots and Tasks bring with them (book.go): it refuses what may not be, and sets t.consequences, which commit
// writes together with the changes.
func (t *transaction) bookAll(ctx context.Context) error { return nil }

// undertaking is a change of an Appointment with all that it brings with it, for a store without transactions.
type undertaking struct {
	claims []storage.Op // Slots that are taken, each on the version that was read, in the order of their ids
	main   storage.Op   // the Appointment, Absent or on the version that was read
	rest   []storage.Op // Slots that are released and the fulfilment Task, on the versions that were read
}

// undertake carries an undertaking out in steps, as booking/DESIGN.md tells ("Without transactions"), and returns what became of the Appointment. Its errors are those
// of storage.Store.Commit: PreconditionFailed and Conflict where something else came between, and nothing of it stays.
func (e *Engine) undertake(ctx context.Context, p fhir.Partition, u undertaking) (storage.Result, error) {
	return storage.Result{}, nil
}

// resume does what is left of an undertaking of an appointment, if one is under way or was left by a crash.
func (e *Engine) resume(ctx context.Context, p fhir.Partition, appointment fhir.Key) error {
	return nil
}

// noteHold sees to it that a hold that ends then is lapsed soon after. It is called before the hold is written.
func (e *Engine) noteHold(ctx context.Context, p fhir.Partition, appointment fhir.Key, until fhir.Instant) error {
	return nil
}

// lapse cancels an appointment whose hold has ended, and releases its slots; it does nothing to others.
func (e *Engine) lapse(ctx context.Context, p fhir.Partition, appointment fhir.Key) error { return nil }

// Settle does what is due in all partitions: it lapses holds that have ended, and finishes what a crash left half-done. The program calls it when it begins
// and every second. One appointment that fails does not keep it from the others; the error tells of all.
func (e *Engine) Settle(ctx context.Context) error { return nil }

// propose carries out $find. Nothing is stored but what is needed to resolve the ids.
func (e *Engine) propose(ctx context.Context, p fhir.Principal, req FindRequest) (Proposals, error) {
	return Proposals{}, nil
}

// proposal is a proposed Appointment that propose handed out under an id, as it is now: proposed. NotFound where there is none, or it expired.
func (e *Engine) proposal(ctx context.Context, p fhir.Partition, key fhir.Key) (fhir.Resource, error) {
	return fhir.Resource{}, fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no %s.", key)
}
