package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/search"
)

// overlapped is the status of a slot that is held because it overlaps with one that its holder names.
const overlapped = "busy-unavailable"

// maxTaken bounds how many slots an appointment takes, and how many overlap with them.
const maxTaken = 1000

func tooMany() error {
	return fhir.Errorf(fhir.Unprocessable, fhir.CodeTooCostly, "More than %d slots would be taken at once: book less time.", maxTaken).At("Appointment.slot")
}

// heldBy asks for the slots that name an appointment.
func heldBy(appointment fhir.Key) search.Query {
	return search.Query{Type: "Slot", All: []search.Any{{search.Equal{Param: "appointment", Value: appointment.String()}}}}
}

// claim takes a slot that the Appointment of a change names.
func (l *ledger) claim(d *draft, x *entry) error {
	a := l.plans[d].is
	place := l.placeOf(d.resource, x.key)
	if x.taker != nil {
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Another entry of the transaction takes %s, or one that overlaps with it.", x.key).At(place)
	}
	holder, x, err := l.holder(x)
	if err != nil {
		return err
	}
	s := booking.SlotOf(l.base, x.now)
	switch {
	case holder == a.Key:
		l.holdAs(d, x, statusOf(a))
		return nil
	case holder != fhir.Key{}:
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s is taken, by %s.", x.key, holder).At(place)
	case s.Status == "entered-in-error":
		return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "%s was entered in error, and cannot be booked.", x.key).At(place)
	case s.Status != "free" && s.Holder == fhir.Key{} && x.draft == nil:
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s is not free: its status is %s.", x.key, fhir.Quote(s.Status)).At(place)
	default:
		l.holdAs(d, x, statusOf(a))
		return nil
	}
}

// holdAs has the Appointment of a change hold a slot that is free, or its own already.
func (l *ledger) holdAs(d *draft, x *entry, status string) {
	p := l.plans[d]
	s := booking.SlotOf(l.base, x.now)
	x.taker = d
	x.anew = s.Holder != p.is.Key || !holds(p.was, s)
	if x.anew || s.Status != status {
		attempt := "" // that of what is taken is named where it is carried out
		if !x.anew {
			attempt = s.Attempt
		}
		x.write(booking.Take(x.now, status, p.is.Key, attempt))
	}
}

// takeOverlapping takes the slots that overlap with those that the Appointment of a change names, and have an actor in common with them who can be at one place
// at a time. What is not free without a holder is somebody else's, and left alone.
func (l *ledger) takeOverlapping(d *draft) error {
	a := l.plans[d].is
	others, err := l.overlapping(l.plans[d].slots, a.Span, false)
	if err != nil {
		return err
	}
	if len(others) > maxTaken {
		return tooMany()
	}
	others = slices.DeleteFunc(others, func(x *entry) bool { return slices.Contains(a.Slots, x.key) })
	return eachOf(others, func(x *entry) error { return l.takeOverlapped(d, x) })
}

// takeOverlapped takes a slot that overlaps with those that the Appointment of a change names, unless it is held for the same reason already.
func (l *ledger) takeOverlapped(d *draft, x *entry) error {
	if x.taker != nil {
		if slices.Contains(l.plans[x.taker].is.Slots, x.key) {
			return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "The time is taken: another entry of the transaction takes %s, which overlaps with it and has an actor in common.", x.key).At("Appointment.slot")
		}
		return nil
	}
	holder, x, err := l.holder(x)
	if err != nil {
		return err
	}
	s := booking.SlotOf(l.base, x.now)
	l.seen[x.key] = true
	switch {
	case holder == d.target, holder == fhir.Key{} && s.Holder != fhir.Key{} && s.Status != "entered-in-error", s.Status == "free":
		l.holdAs(d, x, overlapped)
		return nil
	case holder != fhir.Key{} && s.Status != overlapped:
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "The time is taken: %s, which overlaps with it and has an actor in common, is taken by %s.", x.key, holder).At("Appointment.slot")
	case holder != fhir.Key{}:
		l.passed = append(l.passed, x.key)
		return nil
	default:
		return nil
	}
}

// leave releases a slot. One that overlaps with what another appointment has goes over to that: it is not free yet. Where the store has no transactions it is
// freed all the same, for nothing would keep the other from being cancelled meanwhile; it is handed over behind that (handOver).
func (l *ledger) leave(x *entry) error {
	if booking.SlotOf(l.base, x.now).Status == overlapped && l.Store.Transactions() {
		by, err := l.inTheWay(x, true)
		if err != nil {
			return err
		}
		if by != (fhir.Key{}) {
			x.write(booking.Take(x.now, overlapped, by, ""))
			return nil
		}
	}
	x.write(booking.Release(x.now))
	return nil
}

// inTheWay is a live appointment, other than the one that a slot names, which names a slot that overlaps with this one and has an actor in common; zero for none.
func (l *ledger) inTheWay(x *entry, all bool) (fhir.Key, error) {
	s := booking.SlotOf(l.base, x.now)
	others, err := l.overlapping([]*entry{x}, s.Span, all)
	if err != nil {
		return fhir.Key{}, err
	}
	for _, other := range others {
		l.seen[other.key] = true // somebody may be about to take it who leaves the slot to the one that has it yet
		held := booking.SlotOf(l.base, other.now)
		if held.Holder == s.Holder || held.Holder == (fhir.Key{}) {
			continue
		}
		by, err := l.at(held.Holder)
		if err != nil {
			return fhir.Key{}, err
		}
		if a := booking.AppointmentOf(l.base, by.now); a.IsLive() && slices.Contains(a.Slots, held.Key) {
			l.seen[by.key] = true
			return by.key, nil
		}
	}
	return fhir.Key{}, nil
}

// holder is the appointment that holds a slot, as the transaction leaves it; zero where nobody does. What has to be done before that is known (a hold that has
// ended, a booking that was left half-done) is done, and the slot looked at again.
func (l *ledger) holder(x *entry) (fhir.Key, *entry, error) {
	var looked booking.Slot
	for range attempts {
		s := booking.SlotOf(l.base, x.now)
		if s.Holder == (fhir.Key{}) {
			return fhir.Key{}, x, nil
		}
		by, err := l.at(s.Holder)
		if err != nil {
			return fhir.Key{}, nil, err
		}
		a := booking.AppointmentOf(l.base, by.now)
		again := s.Holder != looked.Holder || s.Attempt != looked.Attempt // somebody else has it now, or by another booking
		held := holds(a, s) && !(s.Status == overlapped && l.moves(by))   // what overlaps is taken anew where an appointment goes to other time
		helped, err := l.help(by, a, s, again)
		looked = s
		switch {
		case err != nil:
			return fhir.Key{}, nil, err
		case !helped && (held || by.draft == nil && by.version.Number == 0): // or kept for one that is not there yet
			return s.Holder, x, nil
		case !helped:
			return fhir.Key{}, x, nil
		}
		if l.forget(s.Holder); l.writers[x.key] != nil { // it is written on the version that is looked at
			continue
		}
		l.forget(x.key)
		if x, err = l.at(x.key); err != nil {
			return fhir.Key{}, nil, err
		}
	}
	return fhir.Key{}, nil, fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "%s is being taken by others again and again. Try again later.", x.key)
}

// moves says whether an appointment goes to other time by the transaction.
func (l *ledger) moves(appointment *entry) bool {
	p := l.plans[appointment.draft]
	return p != nil && p.moves
}

// help does what somebody else has left to do about a slot, and says whether it should be looked at again.
func (l *ledger) help(by *entry, a booking.Appointment, s booking.Slot, again bool) (bool, error) {
	switch {
	case !again || by.draft != nil:
		return false, nil
	case a.IsLapsed(l.now):
		return true, l.lapse(l.ctx, l.who.Partition, by.key)
	case !holds(a, s) && s.Attempt != "":
		return true, l.resume(l.ctx, l.who.Partition, by.key)
	default:
		return false, nil
	}
}

// overlapping are the slots that overlap with a time and have an actor of capacity one in common with some slots, these among them. Where it must be all of them, there
// may be no others when the transaction is written (finding).
func (l *ledger) overlapping(slots []*entry, time booking.Span, all bool) ([]*entry, error) {
	schedules, err := l.schedulesBeside(slots, all)
	if err != nil {
		return nil, err
	}
	var found []*entry
	for _, schedule := range schedules {
		some, err := l.finding(all)(search.Query{Type: "Slot", All: []search.Any{{search.CalendarOf(schedule, time.Start, time.End)}}})
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

// ofCapacityOne are the types of actors who can be at one place at a time.
var ofCapacityOne = []string{"Practitioner", "PractitionerRole", "Device"}

// schedulesBeside are the Schedules that have an actor of capacity one in common with the Schedules of some slots. The decision rests on them.
func (l *ledger) schedulesBeside(slots []*entry, all bool) ([]fhir.Key, error) {
	var actors []fhir.Key
	for _, x := range slots {
		schedule := booking.SlotOf(l.base, x.now).Schedule
		some, err := l.actorsOf(schedule, ofCapacityOne...)
		if err != nil {
			return nil, err
		}
		l.seen[schedule] = true
		actors = append(actors, some...)
	}
	asked := fmt.Sprint(all, actors)
	if schedules, known := l.beside[asked]; known {
		return schedules, nil
	}
	actors, err := l.withRoles(actors, all)
	if err != nil || len(actors) == 0 {
		return nil, err
	}
	found, err := l.finding(all)(search.Query{Type: "Schedule", All: []search.Any{refersToAny("actor", actors)}})
	if err != nil {
		return nil, err
	}
	schedules := []fhir.Key{}
	for _, x := range found {
		l.seen[x.key] = true
		schedules = append(schedules, x.key)
	}
	l.beside[asked] = schedules
	return schedules, nil
}

// schedulesOf are the Schedules of slots, the zero Resource for one that is not there.
func (l *ledger) schedulesOf(slots []booking.Slot) ([]fhir.Resource, error) {
	schedules := make([]fhir.Resource, len(slots))
	for i, s := range slots {
		if s.Schedule == (fhir.Key{}) {
			continue
		}
		x, err := l.at(s.Schedule)
		if err != nil {
			return nil, err
		}
		schedules[i] = x.now
	}
	return schedules, nil
}

// refersToAny asks for what refers by a parameter to one of several, each of them once.
func refersToAny(param string, keys []fhir.Key) (tests search.Any) {
	for _, key := range keys {
		if test := (search.Equal{Param: param, Value: key.String()}); !slices.Contains(tests, search.Test(test)) {
			tests = append(tests, test)
		}
	}
	return tests
}

// withRoles are actors, the Practitioners of those that are PractitionerRoles, and all roles of all these: somebody in two roles is one person.
func (l *ledger) withRoles(actors []fhir.Key, all bool) ([]fhir.Key, error) {
	if l.serves("PractitionerRole") != nil {
		return actors, nil
	}
	who := slices.Clone(actors)
	for _, actor := range actors {
		if actor.Type != "PractitionerRole" {
			continue
		}
		role, err := l.at(actor)
		if err != nil {
			return nil, err
		}
		l.seen[actor] = true
		who = append(who, l.pointers(role.now, "practitioner", "Practitioner")...)
	}
	people := slices.DeleteFunc(slices.Clone(who), func(key fhir.Key) bool { return key.Type != "Practitioner" })
	if len(people) == 0 {
		return who, nil
	}
	roles, err := l.finding(all)(search.Query{Type: "PractitionerRole", All: []search.Any{refersToAny("practitioner", people)}})
	for _, x := range roles {
		who = append(who, x.key)
	}
	return who, err
}

// actorsOf are the actors of a Schedule that are of some types.
func (l *ledger) actorsOf(schedule fhir.Key, types ...string) ([]fhir.Key, error) {
	if schedule == (fhir.Key{}) {
		return nil, nil
	}
	x, err := l.at(schedule)
	if err != nil {
		return nil, err
	}
	return l.pointers(x.now, "actor", types...), nil
}

// pointers are the resources of some types to which one refers by a parameter.
func (l *ledger) pointers(r fhir.Resource, param string, types ...string) (keys []fhir.Key) {
	if r.IsZero() {
		return nil
	}
	for _, text := range l.Rules.Pointers(r, []string{param}) {
		text, _, _ = strings.Cut(text, historySegment)
		if name, id, _ := strings.Cut(text, "/"); slices.Contains(types, name) && fhir.ValidID(id) {
			keys = append(keys, fhir.Key{Type: name, ID: id})
		}
	}
	return keys
}

// policyOf is what the working hours of the Schedule of its slots and the services demand of who books or cancels an appointment: of those that it names the ones that are actors of the Schedule of its slots; where
// that is none, all that it names, and all that are actors there. A service that does not exist demands nothing.
func (l *ledger) policyOf(a booking.Appointment) (booking.Policy, error) {
	var offered []fhir.Key
	var policies []booking.Policy
	for _, key := range a.Slots {
		x, err := l.at(key)
		if err != nil {
			return booking.Policy{}, err
		}
		in := booking.SlotOf(l.base, x.now).Schedule
		actors, err := l.actorsOf(in, "HealthcareService")
		if err != nil {
			return booking.Policy{}, err
		}
		offered = append(offered, actors...)
		if in != (fhir.Key{}) {
			schedule, err := l.at(in)
			if err != nil {
				return booking.Policy{}, err
			}
			policies = append(policies, booking.HoursPolicy(schedule.now))
		}
	}
	services := slices.DeleteFunc(slices.Clone(a.Services), func(k fhir.Key) bool { return !slices.Contains(offered, k) })
	if len(services) == 0 {
		services = slices.Concat(a.Services, offered)
	}
	for _, key := range services {
		x, err := l.at(key)
		if err != nil {
			return booking.Policy{}, err
		}
		policy, err := booking.PolicyOf(x.now)
		if err != nil {
			return booking.Policy{}, err
		}
		policies = append(policies, policy)
	}
	return booking.Strictest(policies...), nil
}

// placeOf is where an Appointment names a slot.
func (l *ledger) placeOf(appointment fhir.Resource, slot fhir.Key) string {
	for i, o := range appointment.Root().Objects("slot") {
		text, _, _ := strings.Cut(l.Rules.Relative(o.Text("reference")), historySegment)
		if text == slot.String() {
			return "Appointment.slot[" + strconv.Itoa(i) + "]"
		}
	}
	return "Appointment.slot"
}
