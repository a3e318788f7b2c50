package engine

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/search"
)

// checkSlot refuses the change of a slot, or its deletion, that would make it tell otherwise than the appointment that holds it.
func (l *ledger) checkSlot(d *draft) error {
	if !d.isOn("Slot") {
		return nil
	}
	x, err := l.at(d.target)
	if err != nil {
		return err
	}
	was, is := booking.SlotOf(l.base, x.before), l.dropAttempts(x)
	if was == is || was.Holder == (fhir.Key{}) {
		return nil
	}
	if is.Attempt = was.Attempt; was == is { // which attempt took it is the server's to tell, and clients need not know it
		x.write(booking.Take(x.now, is.Status, is.Holder, is.Attempt))
		return nil
	}
	holder, _, err := l.holder(&entry{key: x.key, now: x.before})
	if err != nil || holder == (fhir.Key{}) {
		return err
	}
	if by, err := l.at(holder); err != nil || by.now.IsZero() { // kept for one that is not there: that is no reason to keep the slot from whoever has it
		return err
	}
	if x.now.IsZero() {
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s is taken by %s, and cannot be deleted. Cancel the appointment first.", x.key, holder)
	}
	place := "Slot"
	for _, differs := range []struct {
		element string
		is      bool
	}{
		{"status", was.Status != is.Status}, {"start", was.Start != is.Start}, {"end", was.End != is.End}, {"schedule", was.Schedule != is.Schedule}, {"extension", was.Holder != is.Holder},
	} {
		if differs.is {
			place = "Slot." + differs.element
			break
		}
	}
	return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s is taken by %s: as long as it is, its status, start, end, schedule and the extension %s stay as they are.", x.key, holder, booking.HolderURL).At(place)
}

// dropAttempts takes out of a slot that is written what names an attempt, unless it is the one that the stored slot names: nobody else shall be taken for the one
// who took it. It returns the slot as it is then.
func (l *ledger) dropAttempts(x *entry) booking.Slot {
	was, is := booking.SlotOf(l.base, x.before), booking.SlotOf(l.base, x.now)
	keep := ""
	if is.Holder == was.Holder {
		keep = was.Attempt
	}
	if x.now.IsZero() {
		return is
	}
	next, changed := booking.DropAttempts(x.now, keep)
	if changed {
		x.write(next)
	}
	return booking.SlotOf(l.base, next)
}

// checkSchedule refuses the deletion of a Schedule, and that other people take part in it, as long as live appointments hold slots of it.
func (l *ledger) checkSchedule(d *draft) error {
	if !d.isOn("Schedule") || l.serves("Slot") != nil {
		return nil
	}
	x, err := l.at(d.target)
	if err != nil || x.before.IsZero() {
		return err
	}
	was, is := l.pointers(x.before, "actor", ofCapacityOne...), l.pointers(x.now, "actor", ofCapacityOne...)
	apart := func(a, b []fhir.Key) bool {
		return slices.ContainsFunc(a, func(key fhir.Key) bool { return !slices.Contains(b, key) })
	}
	if !x.now.IsZero() && !apart(was, is) && !apart(is, was) {
		return nil
	}
	slots, err := l.findAll(search.Query{Type: "Slot", All: []search.Any{{search.Equal{Param: "schedule", Value: x.key.String()}}, {search.Missing{Param: "appointment"}}}})
	if err != nil {
		return err
	}
	for _, slot := range l.entries { // which the transaction takes
		if slot.taker != nil && booking.SlotOf(l.base, slot.now).Schedule == x.key && !slices.Contains(slots, slot) {
			slots = append(slots, slot)
		}
	}
	for _, slot := range slots {
		holder, slot, err := l.holder(slot)
		if err != nil {
			return err
		}
		if l.seen[slot.key] = true; holder == (fhir.Key{}) {
			continue
		}
		by, err := l.at(holder)
		switch {
		case err != nil:
			return err
		case by.now.IsZero(): // it is kept for one that is not there
		case x.now.IsZero():
			return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s of %s is taken by %s: the Schedule cannot be deleted. Cancel the appointment first.", slot.key, x.key, holder)
		default:
			return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s of %s is taken by %s: as long as it is, the practitioners, their roles and the devices of the Schedule stay the same.", slot.key, x.key, holder).At("Schedule.actor")
		}
	}
	return nil
}

// checkTask refuses a fulfilment Task that contradicts the appointment that it fulfils, or fulfils it no more.
func (l *ledger) checkTask(d *draft) error {
	if !d.isOn("Task") || !d.writesResource() {
		return nil
	}
	task, err := l.at(d.target)
	if err != nil {
		return err
	}
	appointment, fulfils := l.fulfilledBy(d.target, d.resource)
	if !fulfils {
		appointment, fulfils = l.fulfilledBy(d.target, task.before)
	}
	if !fulfils {
		return nil
	}
	x, err := l.at(appointment)
	if err != nil || x.now.IsZero() {
		return err
	}
	l.seen[x.key] = true
	return booking.CheckFulfilment(l.base, x.now, d.resource)
}

// fulfilledBy is the appointment of which a resource is the fulfilment Task: it has the key of that, and is about it.
func (l *ledger) fulfilledBy(key fhir.Key, task fhir.Resource) (fhir.Key, bool) {
	if task.IsZero() {
		return fhir.Key{}, false
	}
	appointment, ok := l.focusOf(task)
	return appointment, ok && booking.FulfilmentKey(appointment) == key
}

// focusOf is the appointment that a Task is about.
func (l *ledger) focusOf(task fhir.Resource) (fhir.Key, bool) {
	text, _, _ := strings.Cut(l.Rules.Relative(task.Root().Object("focus").Text("reference")), historySegment)
	id, is := strings.CutPrefix(text, "Appointment/")
	return fhir.Key{Type: "Appointment", ID: id}, is && fhir.ValidID(id)
}

// fulfil brings the Task by which the Appointment of a change is fulfilled in step with it, where a service takes part.
func (l *ledger) fulfil(d *draft) error {
	p := l.plans[d]
	if p == nil || len(p.was.Services)+len(p.is.Services) == 0 || l.serves("Task") != nil {
		return nil
	}
	appointment, err := l.at(d.target)
	if err != nil {
		return err
	}
	x, err := l.at(booking.FulfilmentKey(d.target))
	if err != nil || x.draft != nil && x.now.IsZero() {
		return err
	}
	if task, changed := booking.Fulfilment(l.base, d.target, appointment.now, x.now, l.now); changed {
		x.write(task)
	}
	return nil
}
