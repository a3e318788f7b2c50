package main

import (
	"cmp"
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

// away stands for the holder of a slot that a client made busy for reasons of its own. Nobody may have it, but what overlaps with it.
const away = "!"

// awayIn is the holder of a slot of a status that no appointment has.
func awayIn(status string) string {
	if status == "free" {
		return ""
	}
	return away
}

// dayDeed is what an operation does to the slots of a doctor.
type dayDeed int

const (
	dayBegins  dayDeed = iota // it was so when the history began
	dayTaken                  // the appointment has just these slots now, and none else of the doctor
	dayRefused                // somebody else had one of the slots
	dayMarked                 // a client made a slot busy, or free, that no appointment has
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
	slot    string    // of daySlot and dayMarked
	seen    grip      // of daySlot; of dayMarked the status
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
	case dayRefused:
		return may(!free, h)
	case dayMarked:
		mine := &next[in.rota.slot(in.slot).place]
		nobodys := *mine == "" || *mine == away
		*mine = awayIn(in.seen.status)
		return may(nobodys, next)
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

// met says whether one of the slots is not to be had, or somebody has one that overlaps.
func (h holders) met(r *rota, slots []string) bool {
	return slices.ContainsFunc(slots, func(s string) bool {
		return h[r.slot(s).place] != "" || slices.ContainsFunc(r.besides(s), func(other string) bool {
			by := h[r.slot(other).place]
			return by != "" && by != away
		})
	})
}

// shows says whether a slot looks as it should: it names the appointment that has it, or one that has what overlaps; and it is free where nobody has. One that a client made
// free may have been away when another one that overlaps was taken.
func (h holders) shows(r *rota, slot string, seen grip) bool {
	mine := h[r.slot(slot).place]
	switch {
	case seen.holder == "" && seen.status == "free":
		return mine == "" && (seen.tag != "loaded" || !h.met(r, []string{slot}))
	case seen.holder == "":
		return mine == away
	case seen.status == "busy-unavailable":
		return mine == "" && slices.ContainsFunc(r.besides(slot), func(other string) bool { return h[r.slot(other).place] == seen.holder })
	default:
		return mine == seen.holder
	}
}

// day is who has the slots of a doctor now.
func (l *ledger) day(doctor string) (h holders) {
	for _, s := range l.rota.slots {
		if g := newest(l.slots[s.id]); s.doctor == doctor && g.holder == "" {
			h[s.place] = awayIn(g.status)
		}
	}
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

// look is a slot that a client read, or wrote.
type look struct {
	id        string
	seen      grip
	call, end time.Time
	wrote     bool // seen is what the client made of it
	lost      bool // or not: there was no answer
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
	note := func(call, end time.Time, in dayInput) {
		in.rota = rota
		all = append(all, porcupine.Operation{Call: call.UnixNano(), Return: end.UnixNano(), Input: in})
	}
	for _, d := range rota.doctors(slices.Collect(maps.Keys(rota.byID))...) {
		note(time.Unix(0, 0), time.Unix(1, 0), dayInput{doctor: d, deed: dayBegins, holders: r.before.day(d)})
		note(r.end, r.end, dayInput{doctor: d, deed: dayEnds, holders: r.after.day(d)})
	}
	for _, together := range byBundle(r.attempts) {
		if !together[0].lost {
			for _, in := range r.deeds(together) {
				note(r.begun(together[0]), together[0].end, in)
			}
		}
	}
	for _, u := range r.untold() {
		for _, in := range r.deeds(u.attempts) {
			note(u.call, u.end, in)
		}
	}
	for _, k := range r.looks {
		deed := daySlot
		if k.wrote {
			deed = dayMarked
		}
		if k.lost {
			k.end = r.end.Add(-time.Nanosecond)
		}
		left := slices.ContainsFunc(r.after.slots[k.id], func(g gripVersion) bool { return g.tag == k.seen.tag })
		if k.wrote && left || !k.wrote && r.whole {
			note(k.call, k.end, dayInput{doctor: rota.slot(k.id).doctor, deed: deed, slot: k.id, seen: k.seen})
		}
	}
	return all
}

// begun is when an attempt can have been carried out at the earliest: not before the instant of the version that it made. That makes a history much easier to check.
func (r round) begun(a attempt) time.Time {
	versions, i := r.after.visits[a.id], int(a.number)-1
	if a.writes() && a.done() && i >= 0 && i < len(versions) && versions[i].at.Add(-moment).After(a.call) {
		return versions[i].at.Add(-moment)
	}
	return a.call
}

// untold is what was carried out without anybody being told: the ends of holds, and what was asked for in requests whose answers were lost. It is as if somebody had been, between
// two moments.
type untold struct {
	attempts  []attempt
	call, end time.Time
}

// untold finds what was carried out by the versions that nobody was told of. They came to be at some time after what asked for them, and before others that came later, and were told.
func (r round) untold() (all []untold) {
	told := make(map[string]map[int64]bool)
	var acknowledged []acknowledgement
	for _, a := range r.attempts {
		if !a.writes() || !a.done() || a.number == 0 {
			continue
		}
		i := int(a.number) - 1
		if i >= len(r.after.visits[a.id]) || r.after.visits[a.id][i].at.Before(a.call.Add(-moment)) {
			continue // it deletes what was deleted before
		}
		if told[a.id] == nil {
			told[a.id] = make(map[int64]bool)
		}
		told[a.id][a.number] = true
		acknowledged = append(acknowledged, acknowledgement{r.after.visits[a.id][i].at, a.end})
	}
	for _, group := range r.after.chronicle() {
		first := group[0]
		if told[first.id][first.number] || int(first.number) <= len(r.before.visits[first.id]) {
			continue
		}
		u := untold{call: r.asked(first), end: r.end.Add(-time.Nanosecond)}
		for _, t := range acknowledged {
			if r.whole && t.at.After(group[len(group)-1].at) && t.end.Before(u.end) {
				u.end = t.end
			}
		}
		for _, v := range group {
			u.attempts = append(u.attempts, attempt{method: http.MethodPut, id: v.id, told: v.visit, status: http.StatusOK})
		}
		all = append(all, u)
	}
	return all
}

// acknowledgement is when a version came to be, and when that was told.
type acknowledgement struct{ at, end time.Time }

// asked is when a version was asked for at the earliest, of which nobody was told.
func (r round) asked(v visitVersion) time.Time {
	if v.number > 1 {
		if before := r.after.visits[v.id][v.number-2]; before.tag == v.tag && before.ends(v) {
			return before.until
		}
	}
	begin := v.at
	for _, a := range r.attempts {
		if a.lost && (a.tag == v.tag || v.deleted && a.id == v.id && a.method == http.MethodDelete) && a.call.Before(begin) {
			begin = a.call
		}
	}
	return begin
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
		deed, became, ok := r.deed(a)
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
			all[i].parts = append(all[i].parts, dayPart{cmp.Or(a.id, a.tag), r.after.rota.of(d, became.slots)})
		}
	}
	if all != nil && all[0].deed == dayRefused && len(all) > 1 {
		return nil // it met somebody at one of the doctors: nobody knows at which
	}
	return all
}

// deed is what an attempt that was answered came to; not ok where it says nothing of who has what.
func (r round) deed(a attempt) (deed dayDeed, became visit, ok bool) {
	switch {
	case !a.writes():
		return dayRead, a.told, true
	case a.done():
		return dayTaken, a.told, true
	default: // on its way, a booking that comes to nothing may refuse another one, where the store has no transactions
		return dayRefused, a.asked, a.status == http.StatusConflict && r.whole && !a.keeps && a.asked.lives()
	}
}

// checkDays looks for an order of what was done to each doctor's slots, each at a moment between its call and its return, in which all answers are right.
func (r round) checkDays(t *testing.T) {
	t.Helper()
	for _, part := range byDoctor(r.operations()) {
		doctor := part[0].Input.(dayInput).doctor
		switch porcupine.CheckOperationsTimeout(days(), part, patience) {
		case porcupine.Illegal:
			t.Errorf("what was done to the slots of %s is not linearizable:", doctor)
			r.log(t, part)
		case porcupine.Unknown: // the search for an order may take longer than the world has been there; the other checks do not depend on it
			t.Logf("what was done to the slots of %s was not decided within %s", doctor, patience)
		}
	}
}

// log shows what was done to the slots of a doctor, in the order of the answers, and what became of the appointments.
func (r round) log(t *testing.T, part []porcupine.Operation) {
	t.Helper()
	shown := make(map[string]bool)
	slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	for _, o := range part {
		in := o.Input.(dayInput)
		t.Logf("%s to %s: deed %d: %v %s %+v %q", time.Unix(0, o.Call).Format(time.StampMicro), time.Unix(0, o.Return).Format(time.StampMicro), in.deed, in.parts, in.slot, in.seen, in.holders)
		for _, p := range in.parts {
			shown[p.id] = true
		}
	}
	for id := range shown {
		for _, v := range r.after.visits[id] {
			t.Logf("Appointment/%s version %d of %s: %+v", id, v.number, v.at.Format(time.StampMicro), v.visit)
		}
	}
}
