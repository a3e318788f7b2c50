package engine

import (
	"cmp"
	"context"
	"errors"
	"math/big"
	"net/url"
	"slices"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/storage"
)

// A booking on a store without transactions: booking/DESIGN.md ("Without transactions") tells why each step stands where it does.

const (
	// stepRoot is where the records of what is under way begin; the partition follows, and the appointment.
	stepRoot = "booking/step/"

	// stepTime bounds what is done behind the record, which goes on when the request has ended. What is left then is for Settle.
	stepTime = 20 * time.Second
)

// undertaking is a change of an Appointment with all that it brings with it, for a store without transactions.
type undertaking struct {
	// claims are the Slots that are taken, each on the version that was read (Condition.Version), in the order of their ids: all that the appointment is to hold,
	// but for those that the version of it which is changed holds already. So a slot is claimed also where it still names the appointment by an earlier hold.
	claims []storage.Op

	main storage.Op   // the Appointment, Absent or on the version that was read
	rest []storage.Op // what follows: Slots that are released or change their status, and the fulfilment Task, on the versions that were read

	passed []fhir.Key // Slots that overlap with claims, and were left to another appointment: they may be free behind that
}

// steps is an undertaking on its way.
type steps struct {
	*Engine
	intent
	revision int64 // of its record
}

func stepName(p fhir.Partition, appointment fhir.Key) string {
	return stepRoot + url.PathEscape(string(p)) + "/" + appointment.ID
}

// undertake carries an undertaking out in steps, and returns what became of the Appointment. Its errors are those of storage.Store.Commit: PreconditionFailed and
// Conflict where something else came between, and nothing of it stays; with Unavailable nobody knows, and Settle brings it to an end. The request may end
// meanwhile: what is written down is carried out.
func (e *Engine) undertake(ctx context.Context, who fhir.Principal, u undertaking) (storage.Result, error) {
	s := steps{Engine: e}
	var err error
	if s.intent, err = e.intentOf(ctx, who, u); err != nil {
		return storage.Result{}, err
	}
	if err := s.writeDown(ctx); err != nil {
		return storage.Result{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime)
	defer cancel()
	result, err := s.decide(ctx)
	if err != nil && !isRefusal(err) {
		return result, s.untold(err)
	}
	if err != nil || !s.commitEach(ctx, u.rest) || s.leavesTask(u.rest) {
		if s.follow(ctx) != nil { // it is decided; Settle does what is left
			return result, err
		}
	}
	if s.lookAgain(ctx) == nil {
		_ = s.strike(ctx)
	}
	return result, err
}

// resume does what is left of an undertaking of an appointment, if one is under way or was left by a crash. When it returns without error, whatever was
// under way when it was called is decided: who read before it which appointment a slot names can tell afterwards whether that appointment has it.
func (e *Engine) resume(ctx context.Context, p fhir.Partition, appointment fhir.Key) error {
	r, err := e.Store.Records().Get(ctx, stepName(p, appointment))
	switch {
	case errors.Is(err, fhir.NotFound):
		return nil
	case err != nil:
		return err
	}
	s, err := e.stepsOf(p, r)
	if err != nil {
		return err
	}
	return s.complete(ctx)
}

// stepsOf reads a record.
func (e *Engine) stepsOf(p fhir.Partition, r storage.Record) (*steps, error) {
	i, err := e.readIntent(p, r.Value)
	return &steps{e, i, r.Revision}, err
}

// complete brings an undertaking to its end, whoever began it, and whoever else is at it.
func (s *steps) complete(ctx context.Context) error {
	if _, err := s.decide(ctx); err != nil && !isRefusal(err) {
		return err
	}
	if err := s.follow(ctx); err != nil {
		return err
	}
	if err := s.lookAgain(ctx); err != nil {
		return err
	}
	return s.strike(ctx)
}

// writeDown makes the record. There is one for each appointment: who finds another undertaking in it helps that first, and is refused then, for what it rests on
// has changed.
func (s *steps) writeDown(ctx context.Context) error {
	name := stepName(s.client.Partition, s.main.Key)
	value, err := s.encode()
	if err != nil {
		return err
	}
	r, err := s.Store.Records().Swap(ctx, name, 0, value, 0)
	if !errors.Is(err, fhir.Conflict) {
		s.revision = r.Revision
		return s.untold(err)
	}
	busy := fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Another change of %s was under way.", s.main.Key)
	r, err = s.Store.Records().Get(ctx, name)
	if errors.Is(err, fhir.NotFound) {
		return busy
	}
	if err != nil {
		return s.untold(err)
	}
	there, err := s.stepsOf(s.client.Partition, r)
	switch {
	case err != nil:
		return err
	case there.attempt == s.attempt: // it was written after all
		s.revision = r.Revision
		return nil
	default:
		return cmp.Or(there.complete(ctx), error(busy))
	}
}

// strike removes the record. That somebody else did is as good. A hold that has ended by then is noted before, as long as there is a record by which that is done.
func (s *steps) strike(ctx context.Context) error {
	if err := s.noteLate(ctx, s.client.Partition, booking.AppointmentOf(s.Rules.BaseURL(), s.main.Resource)); err != nil {
		return err
	}
	_, err := s.Store.Records().Swap(ctx, stepName(s.client.Partition, s.main.Key), s.revision, nil, 0)
	if errors.Is(err, fhir.Conflict) {
		return nil
	}
	return err
}

// decide takes the slots and writes the appointment. A refusal is for ever: nobody can carry the undertaking out any more, and nobody can take a slot for it.
// That is why a slot that went elsewhere is looked for in the order of the claims, and why all are taken also for an appointment that cannot be written.
func (s *steps) decide(ctx context.Context) (storage.Result, error) {
	for _, c := range s.claims {
		if err := s.claim(ctx, c); err != nil {
			return storage.Result{}, err
		}
	}
	return s.decideMain(ctx)
}

// claim takes a slot, or finds that this attempt did. The version that follows the one which was read tells it for ever.
func (s *steps) claim(ctx context.Context, c storage.Op) error {
	_, refusal := s.commitOne(ctx, c)
	if !isRefusal(refusal) {
		return refusal
	}
	v, err := s.Store.ReadVersion(ctx, s.client.Partition, c.Key, c.Condition.Version+1)
	switch {
	case errors.Is(err, fhir.NotFound):
		return s.inDoubt(refusal)
	case err != nil:
		return err
	case !writes(c, v):
		return refusal
	default:
		return nil
	}
}

// decideMain writes the appointment, or finds that it was written, or that another version came to be in its place.
func (s *steps) decideMain(ctx context.Context) (storage.Result, error) {
	result, refusal := s.commitMain(ctx)
	if !isRefusal(refusal) {
		return result, refusal
	}
	v, err := s.Store.ReadVersion(ctx, s.client.Partition, s.main.Key, s.main.Condition.Next)
	if errors.Is(err, fhir.NotFound) && s.conditional {
		v, err = s.makeVoid(ctx)
	}
	switch {
	case errors.Is(err, fhir.NotFound):
		return storage.Result{}, s.inDoubt(refusal)
	case err != nil:
		return storage.Result{}, err
	case writes(s.main, v):
		return storage.Result{Version: v, Changed: true, Existed: s.existed}, nil
	default:
		return storage.Result{}, cmp.Or(s.buryVoid(ctx, v), refusal)
	}
}

// commitMain writes the appointment. Who does not have the criteria of a conditional one cannot.
func (s *steps) commitMain(ctx context.Context) (storage.Result, error) {
	if s.conditional && s.main.Condition.NoMatch == nil {
		return storage.Result{}, fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s was not written in time.", s.main.Key)
	}
	return s.commitOne(ctx, s.main)
}

// commitOne carries out one operation.
func (s *steps) commitOne(ctx context.Context, op storage.Op) (storage.Result, error) {
	results, err := s.Store.Commit(ctx, s.client.Partition, []storage.Op{op})
	if err != nil {
		return storage.Result{}, err
	}
	return results[0], nil
}

// commitEach carries out operations as they were planned, and says whether all could be.
func (s *steps) commitEach(ctx context.Context, ops []storage.Op) bool {
	for _, op := range ops {
		if _, err := s.commitOne(ctx, op); err != nil {
			return false
		}
	}
	return true
}

// leavesTask says whether operations leave the Task of the appointment as it was read before: it may have been written meanwhile.
func (s *steps) leavesTask(ops []storage.Op) bool {
	a := booking.AppointmentOf(s.Rules.BaseURL(), s.main.Resource)
	return len(a.Services) > 0 && !slices.ContainsFunc(ops, func(op storage.Op) bool { return op.Key.Type == "Task" })
}

// writes says whether an operation made a version. Numbers may have come to another spelling in the store.
func writes(op storage.Op, v fhir.Version) bool {
	if v.IsDeleted() || op.Resource.IsZero() {
		return v.IsDeleted() && op.Resource.IsZero()
	}
	draft := fhir.NewDraft(op.Resource)
	wanted, err := fhir.ParseResource(draft.Stamp(v.Number, v.Instant))
	if err != nil {
		return false
	}
	is, err := stored(v)
	return err == nil && sameValues(wanted.Root(), is.Root())
}

// sameValues compares two trees. Numbers count by their value.
func sameValues(a, b any) bool {
	switch a := a.(type) {
	case *fhir.Object:
		b, ok := b.(*fhir.Object)
		if !ok || a.Len() != b.Len() {
			return false
		}
		for name, value := range a.All() {
			if other, has := b.Get(name); !has || !sameValues(value, other) {
				return false
			}
		}
		return true
	case fhir.Array:
		b, ok := b.(fhir.Array)
		return ok && slices.EqualFunc(a, b, sameValues)
	case fhir.Number:
		b, ok := b.(fhir.Number)
		x, okX := new(big.Float).SetString(a.String())
		y, okY := new(big.Float).SetString(b.String())
		return ok && okX && okY && x.Cmp(y) == 0
	default:
		return a == b
	}
}

// isRefusal says whether the store tells that it has not carried out an operation.
func isRefusal(err error) bool {
	return errors.Is(err, fhir.PreconditionFailed) || errors.Is(err, fhir.Conflict) || isUnfit(err)
}

// isUnfit says whether an operation can be carried out in no state of the store.
func isUnfit(err error) bool {
	return errors.Is(err, fhir.Invalid) || errors.Is(err, fhir.TooLarge) || errors.Is(err, fhir.Unprocessable)
}

// inDoubt is the error for an operation that was refused, and might not be the next time; one that cannot be carried out at all is decided.
func (s *steps) inDoubt(refusal error) error {
	if isUnfit(refusal) {
		return refusal
	}
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "It could not be told in time whether %s may be changed. Try again later.", s.main.Key).Because(refusal)
}

// untold is the error for whoever cannot be told what became of an undertaking that may be written down. It names the appointment: who created it knows no id of it.
func (s *steps) untold(cause error) error {
	if cause == nil || isRefusal(cause) {
		return cause
	}
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "It could not be told in time whether this change of %s was carried out. The server brings it to an end within seconds, or undoes all of it: "+
		"read %s then, and try again only if it is not there, or as it was.", s.main.Key, s.main.Key).Because(cause)
}
