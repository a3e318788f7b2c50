package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/storage"
)

// follow brings the slots of an undertaking that is decided, and the fulfilment Task, to what the Appointment that is there now wants. It may be called again, and
// by several at once. It takes no slot: one that does not name the appointment is left alone.
func (s *steps) follow(ctx context.Context) error {
	for range attempts {
		stale, err := s.followOnce(ctx)
		if err != nil || !stale {
			return err
		}
	}
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The slots of %s are being changed by others again and again. Try again later.", s.main.Key)
}

// followOnce reads what is there, the appointment last: whoever writes it later has written the slots that it takes by then, so that a slot is changed in the version
// that was read only if the appointment does not want it otherwise. It is stale when another write came between.
func (s *steps) followOnce(ctx context.Context) (stale bool, err error) {
	held, err := s.held(ctx)
	if err != nil {
		return false, err
	}
	task, err := s.state(ctx, booking.FulfilmentKey(s.main.Key))
	if err != nil {
		return false, err
	}
	appointment, err := s.state(ctx, s.main.Key)
	if err != nil {
		return false, err
	}
	ops, err := s.release(ctx, booking.AppointmentOf(s.Rules.BaseURL(), appointment.resource), held)
	if err != nil {
		return false, err
	}
	if s.serves(task.key.Type) == nil {
		if next, changed := booking.Fulfilment(s.Rules.BaseURL(), s.main.Key, appointment.resource, task.resource, fhir.InstantOf(s.Now())); changed {
			ops = append(ops, task.becomes(next))
		}
	}
	for _, op := range ops {
		interaction := audit.Update
		if op.Condition.Absent {
			interaction = audit.Create
		}
		op.Entries, op.Origin = s.Rules.Extract(op.Resource), audit.OriginOf(s.client, interaction)
		if _, err := s.commitOne(ctx, op); isRefusal(err) {
			stale = true
		} else if err != nil {
			return false, err
		}
	}
	return stale, nil
}

// release is what is to be done about slots that name an appointment.
func (s *steps) release(ctx context.Context, a booking.Appointment, held []heldSlot) (ops []storage.Op, err error) {
	beside, err := s.beside(ctx, a, held)
	for _, slot := range held {
		switch status := wanted(a, slot.Slot, beside); {
		case status == "":
			ops = append(ops, slot.becomes(booking.Release(slot.resource)))
		case status != slot.Status:
			ops = append(ops, slot.becomes(booking.Take(slot.resource, status, a.Key, slot.Attempt)))
		}
	}
	return ops, err
}

// state is what is under a key, to be changed.
type state struct {
	key      fhir.Key
	resource fhir.Resource // zero: nothing, or a deletion
	number   int64
}

func (s *steps) state(ctx context.Context, key fhir.Key) (state, error) {
	v, exists, err := s.current(ctx, s.client, key)
	is := state{key: key, number: v.Number}
	if err == nil && exists {
		is.resource, err = stored(v)
	}
	return is, err
}

// becomes is the operation that makes the next version of what was read.
func (is state) becomes(next fhir.Resource) storage.Op {
	if is.resource.IsZero() {
		return storage.Op{Key: is.key, Resource: next, Condition: storage.Condition{Absent: true, Next: is.number + 1}, Method: fhir.Updated}
	}
	return storage.Op{Key: is.key, Resource: next, Condition: storage.Condition{Version: is.number}}
}

// heldSlot is a slot that names the appointment.
type heldSlot struct {
	state
	booking.Slot
}

// held are the slots of the undertaking that name its appointment, but for those that another undertaking of it has taken which is not decided: that one sees to them.
func (s *steps) held(ctx context.Context) (held []heldSlot, err error) {
	for _, key := range s.slots {
		is, err := s.state(ctx, key)
		if err != nil {
			return nil, err
		}
		if slot := booking.SlotOf(s.Rules.BaseURL(), is.resource); slot.Holder == s.main.Key {
			held = append(held, heldSlot{is, slot})
		}
	}
	other := func(slot heldSlot) bool { return slot.Attempt != "" && slot.Attempt != s.attempt }
	if !slices.ContainsFunc(held, other) {
		return held, nil
	}
	r, err := s.Store.Records().Get(ctx, stepName(s.client.Partition, s.main.Key))
	if errors.Is(err, fhir.NotFound) {
		return held, nil
	}
	if err != nil {
		return nil, err
	}
	now, err := s.readIntent(s.client.Partition, r.Value)
	return slices.DeleteFunc(held, func(slot heldSlot) bool { return other(slot) && slot.Attempt == now.attempt }), err
}

// wanted is the status that a slot which names an appointment should have by it; "" when the appointment does not hold it. One that it does not name has to be of
// one of the Schedules beside those that it names.
func wanted(a booking.Appointment, slot booking.Slot, beside []fhir.Key) string {
	switch {
	case !holds(a, slot):
		return ""
	case slices.Contains(a.Slots, slot.Key):
		return statusOf(a)
	case slices.Contains(beside, slot.Schedule):
		return overlapped
	default:
		return ""
	}
}

// beside are the Schedules that have an actor in common with those of the slots that a live appointment names, if it may hold others of the slots as well.
func (s *steps) beside(ctx context.Context, a booking.Appointment, held []heldSlot) ([]fhir.Key, error) {
	if !a.IsLive() || !slices.ContainsFunc(held, func(slot heldSlot) bool { return !slices.Contains(a.Slots, slot.Key) }) {
		return nil, nil
	}
	l := newLedger(ctx, &transaction{Engine: s.Engine, who: s.client})
	var named []*entry
	for _, key := range a.Slots {
		x, err := l.at(key)
		if err != nil {
			return nil, err
		}
		named = append(named, x)
	}
	return l.schedulesBeside(named, false)
}
