package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/storage"
)

// How a slot goes over to another appointment that overlaps with it, on a store without transactions: booking/DESIGN.md ("Handing over").

// overRoot is where the records begin of slots that are being handed over; the partition follows, and the slot.
const overRoot = "booking/over/"

func overName(p fhir.Partition, slot fhir.Key) string {
	return overRoot + url.PathEscape(string(p)) + "/" + slot.ID
}

// lookAgain looks once more, behind what an undertaking has written, at the slots that its appointment let go or left to another one: who takes what overlaps
// with such a slot may have left it to this appointment. An appointment that was there before may have got slots that nobody knew of when it was changed.
func (s *steps) lookAgain(ctx context.Context) error {
	if s.existed {
		if err := s.findHeld(ctx); err != nil {
			return err
		}
	}
	named := booking.AppointmentOf(s.Rules.BaseURL(), s.main.Resource).Slots
	for _, key := range s.slots {
		if slices.Contains(named, key) { // nobody else has what overlaps with it
			continue
		}
		if err := s.handOver(ctx, s.client, key); err != nil {
			return err
		}
	}
	return nil
}

// findHeld has the undertaking follow also with slots that came to name its appointment after it was planned.
func (s *steps) findHeld(ctx context.Context) error {
	l := newLedger(ctx, &transaction{Engine: s.Engine, who: s.client})
	found, err := l.find(heldBy(s.main.Key))
	if err != nil {
		return err
	}
	known := len(s.slots)
	for _, x := range found {
		if !slices.Contains(s.slots, x.key) {
			s.slots = append(s.slots, x.key)
		}
	}
	if len(s.slots) == known {
		return nil
	}
	return s.follow(ctx)
}

// handOver gives a slot that is free to a live appointment that overlaps with it, if there is one. It is written down before, with the version from which the
// slot is taken; whoever comes across the record takes it, and frees it again if the appointment does not hold it any more. So no slot is left in the version
// from which somebody who was stopped could still take it.
func (e *Engine) handOver(ctx context.Context, who fhir.Principal, slot fhir.Key) error {
	for range attempts {
		l := newLedger(ctx, &transaction{Engine: e, who: who})
		x, err := l.at(slot)
		if err != nil {
			return err
		}
		if s := booking.SlotOf(l.base, x.now); s.Status != "free" || s.Holder != (fhir.Key{}) {
			return nil
		}
		to, err := l.inTheWay(x, false)
		if err != nil || to == (fhir.Key{}) {
			return err
		}
		x.write(booking.Take(x.now, overlapped, to, ""))
		op := l.op(x)
		value, err := json.Marshal(recordOf(op))
		if err != nil {
			return err
		}
		_, err = e.Store.Records().Swap(ctx, overName(who.Partition, slot), 0, value, 0)
		if err != nil && !errors.Is(err, fhir.Conflict) { // somebody else is handing it over
			return err
		}
		if err := e.carryOver(ctx, who, slot); err != nil {
			return err
		}
	}
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "%s is being changed by others again and again. Try again later.", slot)
}

// carryOver carries out what is written down of a slot that is handed over, if there is something.
func (e *Engine) carryOver(ctx context.Context, who fhir.Principal, slot fhir.Key) error {
	name := overName(who.Partition, slot)
	r, err := e.Store.Records().Get(ctx, name)
	if errors.Is(err, fhir.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var record opRecord
	if err := json.Unmarshal(r.Value, &record); err != nil {
		return cmp.Or(e.putAside(ctx, r), error(fhir.AsError(fmt.Errorf("fhir/engine: the record of a slot is none of this program's: %w", err))))
	}
	op, err := e.opOf("Slot", record)
	if err != nil {
		return cmp.Or(e.putAside(ctx, r), err)
	}
	steps := steps{Engine: e, intent: intent{client: who}}
	if _, err := steps.commitOne(ctx, op); err != nil && !isRefusal(err) {
		return err
	}
	if err := steps.takeBack(ctx, slot, booking.SlotOf(e.Rules.BaseURL(), op.Resource).Holder); err != nil {
		return err
	}
	_, err = e.Store.Records().Swap(ctx, name, r.Revision, nil, 0)
	if errors.Is(err, fhir.Conflict) { // somebody else removed it
		return nil
	}
	return err
}

// takeBack frees a slot that was handed over to an appointment which does not hold it. What a booking of it has taken is not looked at: that sees to it.
func (s *steps) takeBack(ctx context.Context, slot, from fhir.Key) error {
	base := s.Rules.BaseURL()
	for range attempts {
		is, err := s.state(ctx, slot)
		if err != nil {
			return err
		}
		held := booking.SlotOf(base, is.resource)
		if held.Holder != from || held.Attempt != "" {
			return nil
		}
		by, err := s.state(ctx, from)
		if err != nil || holds(booking.AppointmentOf(base, by.resource), held) {
			return err
		}
		op := is.becomes(booking.Release(is.resource))
		op.Entries, op.Origin = s.Rules.Extract(op.Resource), audit.OriginOf(s.client, audit.Update)
		if _, err := s.commitOne(ctx, op); !isRefusal(err) {
			return err
		}
	}
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "%s is being changed by others again and again. Try again later.", slot)
}

// handOverAll brings to an end what is left of slots that were being handed over.
func (e *Engine) handOverAll(ctx context.Context) error {
	if e.Store.Transactions() {
		return nil
	}
	failed, _, err := e.eachRecord(ctx, overRoot, "", 0, nil, func(place []string, r storage.Record) error {
		who := fhir.Principal{Partition: partitionOf(place, 0), Scopes: fhir.Unlimited()}
		slot := fhir.Key{Type: "Slot", ID: place[len(place)-1]}
		if err := e.carryOver(ctx, who, slot); err != nil {
			return err
		}
		return e.handOver(ctx, who, slot)
	})
	return errors.Join(failed, err)
}
