package engine

import (
	"context"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// What changes of Appointments bring with them: the slots that they take and release, and the Task that follows them (fhir/booking/DESIGN.md). It is found out
// each time that the changes are decided, whatever way they came in, and written together with them.

// bookAll finds what the changes of Appointments, Slots, Schedules and Tasks bring with them. It refuses what may not be, and sets t.ledger, from which commit takes what is
// written together with the changes.
func (t *transaction) bookAll(ctx context.Context) error {
	t.ledger = nil
	if !slices.ContainsFunc(t.drafts, (*draft).isBooking) {
		return nil
	}
	l := newLedger(ctx, t)
	for _, step := range []func(*draft) error{l.checkSlot, l.plan, l.take, l.release, l.checkSchedule, l.checkTask, l.fulfil} {
		if err := t.each(func(d *draft) error { return d.untold(step(d)) }); err != nil || len(t.faults) > 0 {
			return err
		}
	}
	if len(l.unseen) > maxUnseen {
		return fhir.Errorf(fhir.TooLarge, fhir.CodeTooCostly, "The transaction books in calendars that it changes itself, so that %d of their parts have to stay as they are until it is written; at most %d are watched at once. Send it in several, or the slots first and then the appointments.", len(l.unseen), maxUnseen)
	}
	l.setDrafts()
	t.ledger = l
	return nil
}

// isBooking says whether the change may bring others with it, or get into the way of a booking.
func (d *draft) isBooking() bool {
	return !d.idle && slices.Contains([]string{"Appointment", "Slot", "Schedule", "Task"}, d.target.Type)
}

// isOn says whether the change writes, or deletes, a resource of a type.
func (d *draft) isOn(resourceType string) bool { return !d.idle && d.target.Type == resourceType }

// plan is what a change of an Appointment is to booking.
type plan struct {
	was, is booking.Appointment // before and after it; zero where there is none
	slots   []*entry            // those that it names, where it is live
	turns   bool                // something changes that decides which slots it holds, and how
	moves   bool                // it takes other time than before, or takes time for the first time
}

// plan compares an Appointment before and after its change, and asks whether it may be held so long, and leave the time that it had.
func (l *ledger) plan(d *draft) error {
	if !d.isOn("Appointment") {
		return nil
	}
	x, err := l.at(d.target)
	if err != nil {
		return err
	}
	p := &plan{was: booking.AppointmentOf(l.base, x.before), is: booking.AppointmentOf(l.base, x.now)}
	l.plans[d] = p
	p.moves = p.is.IsLive() && !(p.was.IsLive() && p.was.Span == p.is.Span && slices.Equal(p.was.Slots, p.is.Slots))
	p.turns = p.moves || p.was.IsLive() != p.is.IsLive() || p.is.IsLive() && statusOf(p.was) != statusOf(p.is)
	if err := booking.CheckHold(p.was, p.is, l.now); err != nil {
		return err
	}
	if !p.was.IsLive() || !p.turns && p.was.HoldUntil == p.is.HoldUntil {
		return nil
	}
	policy, err := l.policyOf(p.was)
	if err != nil {
		return err
	}
	return booking.CheckLeave(l.base, x.before, x.now, policy, l.now)
}

// statusOf is the status of the slots that a live appointment names.
func statusOf(a booking.Appointment) string {
	if a.Status == "pending" {
		return "busy-tentative"
	}
	return "busy"
}

// take takes the slots that the Appointment of a change is to hold: those that it names, and those that overlap with them.
func (l *ledger) take(d *draft) error {
	p := l.plans[d]
	if p == nil || !p.turns || !p.is.IsLive() || l.serves("Slot") != nil {
		return nil
	}
	var named, newly []booking.Slot
	for _, key := range p.is.Slots {
		x, err := l.at(key)
		if err != nil {
			return err
		}
		s := booking.SlotOf(l.base, x.now)
		if named = append(named, s); s.Holder != p.is.Key {
			newly = append(newly, s)
		}
		p.slots = append(p.slots, x)
	}
	if p.moves {
		if err := l.mayTake(p, named, newly); err != nil {
			return err
		}
	}
	if err := eachOf(p.slots, func(x *entry) error { return l.claim(d, x) }); err != nil || !p.moves {
		return err
	}
	return l.takeOverlapping(d)
}

// eachOf does something with every entry, and gathers what is said against it. A failure ends it.
func eachOf(all []*entry, do func(*entry) error) error {
	var refusal *fhir.Error
	for _, x := range all {
		err := do(x)
		if isFailure(err) {
			return err
		}
		refusal = also(refusal, err)
	}
	if refusal == nil {
		return nil
	}
	return refusal
}

// longest is how long a slot may be that is booked, in microseconds. A longer one would not be seen from all slots that overlap with it (search.CalendarOf).
const longest = 400 * 24 * 3600 * 1_000_000

// mayTake says why slots may not be taken, whoever has them.
func (l *ledger) mayTake(p *plan, named, newly []booking.Slot) error {
	if err := booking.CheckFit(p.is, named); err != nil {
		return err
	}
	if len(named) > maxTaken {
		return tooMany()
	}
	for _, s := range named {
		if s.End-s.Start > longest {
			return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "%s takes more than 400 days: no such slot can be booked.", s.Key).At("Appointment.slot")
		}
	}
	schedules, err := l.schedulesOf(newly)
	if err != nil {
		return err
	}
	if err := booking.CheckActive(p.is, newly, schedules); err != nil {
		return err
	}
	policy, err := l.policyOf(p.is)
	if err != nil {
		return err
	}
	return booking.CheckBook(p.is, newly, policy, l.now)
}

// release frees the slots that name the Appointment of a change, and that it is not to hold any more. A new one has none.
func (l *ledger) release(d *draft) error {
	p := l.plans[d]
	if p == nil || !p.turns || p.is.IsLive() && !p.moves || d.Action == ActCreate || l.serves("Slot") != nil {
		return nil
	}
	held, err := l.findAll(heldBy(d.target))
	if err != nil {
		return err
	}
	for _, x := range held {
		if x.taker == nil && booking.SlotOf(l.base, x.now).Holder == d.target {
			if err := l.leave(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// holds says whether an appointment is live and the slot, which names it, one of those that it holds.
func holds(a booking.Appointment, s booking.Slot) bool {
	return a.IsLive() && (slices.Contains(a.Slots, s.Key) || s.Status == overlapped && a.Start < s.End && s.Start < a.End)
}

// noteHolds tells when the holds of the transaction end, before they are written.
func (t *transaction) noteHolds(ctx context.Context) error {
	if t.ledger == nil {
		return nil
	}
	for _, d := range t.drafts {
		p := t.ledger.plans[d]
		if p == nil || p.is.Status != "pending" || p.is.HoldUntil == 0 || p.was.Status == "pending" && p.was.HoldUntil == p.is.HoldUntil {
			continue
		}
		if err := t.noteHold(ctx, t.who.Partition, p.is.Key, p.is.HoldUntil); err != nil {
			return err
		}
	}
	return nil
}

// noteLateHolds tells once more of holds that have ended by now, whatever the store said about them. What is written is written: where that fails, whoever wants
// a slot ends the hold.
func (t *transaction) noteLateHolds(ctx context.Context) {
	if t.ledger == nil {
		return
	}
	for _, p := range t.ledger.plans {
		_ = t.noteLate(context.WithoutCancel(ctx), t.who.Partition, p.is)
	}
}
