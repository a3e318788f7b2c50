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
// that was read only if the appointment is still in doubt about it. It is stale when another write came between.
func (s *steps) followOnce(ctx context.Context) (stale bool, err error) {
	held, err := s.held(ctx)
	if err != nil {
		return false, err
	}
	taskKey := booking.FulfilmentKey(s.main.Key)
	task, err := s.state(ctx, taskKey)
	if err != nil {
		return false, err
	}
	appointment, err := s.state(ctx, s.main.Key)
	if err != nil {
		return false, err
	}
	var ops []storage.Op
	for _, slot := range held {
		switch status := wanted(booking.AppointmentOf(s.Rules.BaseURL(), appointment.resource), slot.Slot); {
		case status == "":
			ops = append(ops, slot.becomes(booking.Release(slot.resource)))
		case status != slot.Status:
			ops = append(ops, slot.becomes(booking.Take(slot.resource, status, s.main.Key, slot.Attempt)))
		}
	}
	if slices.Contains(s.Types, taskKey.Type) {
		now := fhir.InstantOf(s.Now())
		if next, changed := booking.Fulfilment(s.Rules.BaseURL(), s.main.Key, appointment.resource, task.resource, now); changed {
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

// wanted is the status that a slot which names an appointment should have by it; "" when the appointment does not want it.
func wanted(a booking.Appointment, slot booking.Slot) string {
	switch {
	case !a.IsLive():
		return ""
	case slices.Contains(a.Slots, slot.Key) && a.Status == "pending":
		return "busy-tentative"
	case slices.Contains(a.Slots, slot.Key):
		return "busy"
	case slot.Status == "busy-unavailable" && a.Start < slot.End && slot.Start < a.End:
		return slot.Status
	default:
		return ""
	}
}
