package main

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// The slots of a doctor are one register: who has each. An appointment takes slots where no other one has them, or a slot that overlaps with them, and
// leaves those that it had; one that is refused met another one at some moment.

// holders are the ids of the appointments that have the slots of a doctor; "" for nobody.
type holders [slotsOfDoctor]string

// dayDeed is what an operation does to the slots of a doctor.
type dayDeed int

const (
	dayBegins  dayDeed = iota // it was so when the history began
	dayTaken                  // the appointment has just these slots now, and none else of the doctor
	dayLeft                   // the appointment had all its slots taken away, or not: nobody knows
	dayRefused                // somebody else had one of the slots
	dayRead                   // the appointment was seen to have just these
	daySlot                   // one slot was seen
	dayEnds                   // it was so when everything was over
)

// dayInput is an operation on the slots of one doctor.
type dayInput struct {
	rota    *rota
	doctor  string
	deed    dayDeed
	parts   []dayPart // several in a transaction
	slot    string    // of daySlot
	seen    grip      // of daySlot
	holders holders   // of dayBegins and dayEnds
}

// dayPart is what one appointment has of a doctor.
type dayPart struct {
	id    string
	slots []string
}

// days is the model: each doctor for itself.
func days() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Partition: byDoctor,
		Init:      func() []any { return []any{holders{}} },
		Step:      func(s, in, _ any) []any { return in.(dayInput).after(s.(holders)) },
		Equal:     func(a, b any) bool { return a.(holders) == b.(holders) },
	}
	return m.ToModel()
}

func byDoctor(history []porcupine.Operation) (parts [][]porcupine.Operation) {
	all := make(map[string][]porcupine.Operation)
	for _, o := range history {
		name := o.Input.(dayInput).doctor
		all[name] = append(all[name], o)
	}
	for _, part := range all {
		parts = append(parts, part)
	}
	return parts
}

// after are the states in which the day may be after the operation; none where it could not have been answered so.
func (in dayInput) after(h holders) []any {
	next, free := h, true
	for _, part := range in.parts {
		next = next.without(part.id)
	}
	for _, part := range in.parts {
		free = free && !next.met(in.rota, part.slots)
		for _, s := range part.slots {
			next[in.rota.slot(s).place] = part.id
		}
	}
	may := func(right bool, state holders) []any {
		if right {
			return []any{state}
		}
		return nil
	}
	switch in.deed {
	case dayBegins:
		return []any{in.holders}
	case dayTaken:
		return may(free, next)
	case dayLeft:
		return []any{h, next}
	case dayRefused:
		return may(!free, h)
	case dayRead:
		return may(next == h, h)
	case daySlot:
		return may(h.shows(in.rota, in.slot, in.seen), h)
	default: // dayEnds
		return may(h == in.holders, h)
	}
}

// without is the day where the appointment has nothing.
func (h holders) without(id string) holders {
	for i := range h {
		if h[i] == id {
			h[i] = ""
		}
	}
	return h
}

// met says whether somebody has one of the slots, or one that overlaps.
func (h holders) met(r *rota, slots []string) bool {
	return slices.ContainsFunc(slots, func(s string) bool {
		return slices.ContainsFunc(r.besides(s), func(other string) bool { return h[r.slot(other).place] != "" })
	})
}

// shows says whether a slot looks as it should: it names the appointment that has it, or one that has what overlaps; and it is free where nobody has.
func (h holders) shows(r *rota, slot string, seen grip) bool {
	mine := h[r.slot(slot).place]
	switch {
	case seen.holder == "":
		return !h.met(r, []string{slot})
	case seen.status == "busy-unavailable":
		return mine == "" && slices.ContainsFunc(r.besides(slot), func(other string) bool { return h[r.slot(other).place] == seen.holder })
	default:
		return mine == seen.holder
	}
}

// day is who has the slots of a doctor now.
func (l *ledger) day(doctor string) (h holders) {
	for id, versions := range l.visits {
		if v := newest(versions); v.lives() {
			for _, s := range l.rota.of(doctor, v.slots) {
				h[l.rota.slot(s).place] = id
			}
		}
	}
	return h
}

// of are those of the slots that are the doctor's.
func (r *rota) of(doctor string, ids []string) (some []string) {
	for _, id := range ids {
		if r.slot(id).doctor == doctor {
			some = append(some, id)
		}
	}
	return some
}

// look is a slot that a client read.
type look struct {
	id        string
	seen      grip
	call, end time.Time
}

// round is what clients did between two ledgers, of which nothing is under way any more.
type round struct {
	before, after *ledger
	attempts      []attempt
	looks         []look
	end           time.Time
	whole         bool // the store has transactions, so that a slot is never seen on its way
}

// operations are what was done in the round to the slots of doctors.
func (r round) operations() (all []porcupine.Operation) {
	rota := r.after.rota
	last := r.end.Add(-time.Nanosecond)
	note := func(call, end time.Time, in dayInput) {
		in.rota = rota
		all = append(all, porcupine.Operation{Call: call.UnixNano(), Return: end.UnixNano(), Input: in})
	}
	for _, d := range rota.doctors(slices.Collect(maps.Keys(rota.byID))...) {
		note(time.Unix(0, 0), time.Unix(1, 0), dayInput{doctor: d, deed: dayBegins, holders: r.before.day(d)})
		note(r.end, r.end, dayInput{doctor: d, deed: dayEnds, holders: r.after.day(d)})
	}
	for _, together := range byBundle(r.attempts) {
		end := together[0].end
		if together[0].lost {
			end = last
		}
		for _, in := range r.deeds(together) {
			note(together[0].call, end, in)
		}
	}
	for id, versions := range r.after.visits {
		for i := max(1, len(r.before.visits[id])); i < len(versions); i++ {
			if before := versions[i-1]; before.tag == versions[i].tag && before.ends(versions[i]) {
				for _, d := range rota.doctors(before.slots...) {
					note(before.until, last, dayInput{doctor: d, deed: dayTaken, parts: []dayPart{{id: id}}})
				}
			}
		}
	}
	for _, k := range r.looks {
		if r.whole {
			note(k.call, k.end, dayInput{doctor: rota.slot(k.id).doctor, deed: daySlot, slot: k.id, seen: k.seen})
		}
	}
	return all
}

// byBundle puts together what went in one transaction.
func byBundle(attempts []attempt) (groups [][]attempt) {
	places := make(map[string]int)
	for _, a := range attempts {
		name := bundleTag(a.tag)
		if i, seen := places[name]; seen && name != "" {
			groups[i] = append(groups[i], a)
			continue
		}
		places[name] = len(groups)
		groups = append(groups, []attempt{a})
	}
	return groups
}

// deeds are what a request did to doctors: to those whose slots it took, and to those of whom its appointments ever had one.
func (r round) deeds(together []attempt) (all []dayInput) {
	for _, a := range together {
		deed, became, ok := r.deed(&a)
		if !ok {
			return nil
		}
		if !became.lives() {
			became.slots = nil
		}
		had := slices.Clone(became.slots)
		if deed != dayRefused {
			for _, v := range r.after.visits[a.id] {
				had = append(had, v.slots...)
			}
		}
		for _, d := range r.after.rota.doctors(had...) {
			i := slices.IndexFunc(all, func(in dayInput) bool { return in.doctor == d })
			if i < 0 {
				i, all = len(all), append(all, dayInput{doctor: d, deed: deed})
			}
			all[i].parts = append(all[i].parts, dayPart{a.id, r.after.rota.of(d, became.slots)})
		}
	}
	if all != nil && all[0].deed == dayRefused && len(all) > 1 {
		return nil // it met somebody at one of the doctors: nobody knows at which
	}
	return all
}

// deed is what an attempt came to; not ok where it came to nothing, or says nothing of who has what.
func (r round) deed(a *attempt) (deed dayDeed, became visit, ok bool) {
	switch {
	case a.lost && !a.writes():
		return 0, visit{}, false
	case a.lost && a.method == http.MethodDelete:
		return dayLeft, visit{}, true
	case a.lost:
		v, left := r.after.tagged(a.tag)
		a.id = v.id
		return dayTaken, v.visit, left
	case !a.writes():
		return dayRead, a.told, true
	case a.done():
		return dayTaken, a.told, true
	default:
		return dayRefused, a.asked, a.status == http.StatusConflict && r.whole && !a.keeps && a.asked.lives()
	}
}

// tagged is the version that a request made.
func (l *ledger) tagged(tag string) (visitVersion, bool) {
	for _, versions := range l.visits {
		if i := slices.IndexFunc(versions, func(v visitVersion) bool { return v.tag == tag }); i >= 0 {
			return versions[i], true
		}
	}
	return visitVersion{}, false
}

// checkDays looks for an order of what was done to each doctor's slots, each at a moment between its call and its return, in which all answers are right.
func (r round) checkDays(t *testing.T) {
	t.Helper()
	for _, part := range byDoctor(r.operations()) {
		if result := porcupine.CheckOperationsTimeout(days(), part, patience); result != porcupine.Ok {
			t.Errorf("what was done to the slots of %s is not linearizable (%s):", part[0].Input.(dayInput).doctor, result)
			for _, o := range part {
				in := o.Input.(dayInput)
				t.Logf("%s to %s: deed %d: %v %s %+v %v", time.Unix(0, o.Call).Format(time.StampMicro), time.Unix(0, o.Return).Format(time.StampMicro), in.deed, in.parts, in.slot, in.seen, in.holders)
			}
		}
	}
}
