package main

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// attempt is what a client asked of an Appointment, and what it was told.
type attempt struct {
	tag      string // "" for what writes nothing
	method   string // of HTTP, or the name of the operation
	id       string // of the Appointment; "" where the server gives one, and did not tell
	asked    visit  // what it is to become; zero for GET and DELETE
	keeps    bool   // it keeps its slots, whatever they are
	proposed bool   // it was proposed by $find
	match    int64  // If-Match; 0: none

	call, end time.Time
	lost      bool  // there was no answer: it may have been carried out, or not, or be carried out later
	status    int   // of the answer
	number    int64 // of the version that the answer names; 0 for none
	told      visit // what the answer shows
	said      string
}

// done says whether the client was told that it was carried out.
func (a attempt) done() bool { return !a.lost && a.status < http.StatusMultipleChoices }

// writes says whether it was to change anything.
func (a attempt) writes() bool { return a.method != http.MethodGet }

// String is what a failed test shows of it.
func (a attempt) String() string {
	answer := fmt.Sprint(a.status)
	if a.lost {
		answer = "no answer"
	}
	return fmt.Sprintf("%s Appointment/%s %s %s %s (%s to %s): %s, version %d %s", a.method, a.id, a.asked.status, a.asked.slots, a.tag,
		a.call.Format(time.StampMicro), a.end.Format(time.StampMicro), answer, a.number, a.said)
}

// unkept are the answers that were not true, or not for as long as nobody else changed what they told, and the versions that nobody asked for. Every version is the work of one
// attempt that was carried out or whose answer was lost, or the end of a hold; and every attempt that was carried out made the version that it was told.
func (l *ledger) unkept(attempts []attempt) (faults []error) {
	makers := make(map[string]attempt) // by tag
	deletes := make(map[string]map[int64]bool)
	lostDeletes := make(map[string]int)
	for _, a := range attempts {
		makers[a.tag] = a
		switch {
		case !a.writes():
		case a.method == http.MethodDelete && a.lost:
			lostDeletes[a.id]++
		case a.method == http.MethodDelete && a.done() && a.number > 0:
			if deletes[a.id] == nil {
				deletes[a.id] = make(map[int64]bool)
			}
			deletes[a.id][a.number] = true
			faults = append(faults, l.shows(a)...)
		case a.method != http.MethodDelete && a.done():
			faults = append(faults, l.shows(a)...)
		}
	}
	places := make(map[string]string) // ids by tag
	for id, versions := range l.visits {
		for i, v := range versions {
			var before visitVersion
			if i > 0 {
				before = versions[i-1]
			}
			if v.number != before.number+1 {
				faults = append(faults, fmt.Errorf("Appointment/%s: after version %d there is version %d", id, before.number, v.number))
			}
			maker, known := makers[v.tag]
			other, elsewhere := places[v.tag]
			places[v.tag] = id
			switch {
			case v.deleted && deletes[id][v.number]:
			case v.deleted && lostDeletes[id] > 0:
				lostDeletes[id]--
			case v.deleted:
				faults = append(faults, fmt.Errorf("Appointment/%s version %d is a deletion that nobody asked for", id, v.number))
			case i > 0 && v.tag == before.tag && before.ends(v):
			case !known:
				faults = append(faults, fmt.Errorf("Appointment/%s version %d (%q) was asked for by nobody", id, v.number, v.tag))
			case elsewhere:
				faults = append(faults, fmt.Errorf("Appointment/%s version %d was carried out twice, also for %s: %s", id, v.number, other, maker))
			case !maker.lost && (!maker.done() || maker.number != v.number):
				faults = append(faults, fmt.Errorf("Appointment/%s version %d is there, though it was answered otherwise: %s", id, v.number, maker))
			case !maker.made(v):
				faults = append(faults, fmt.Errorf("Appointment/%s version %d is %s %s, not what was asked for: %s", id, v.number, v.status, v.slots, maker))
			}
		}
	}
	return faults
}

// shows looks for the version that an attempt was told.
func (l *ledger) shows(a attempt) []error {
	for _, v := range l.visits[a.id] {
		if v.number == a.number && v.deleted == (a.method == http.MethodDelete) && (v.deleted || v.tag == a.tag && v.same(a.told)) {
			return nil
		}
	}
	return []error{fmt.Errorf("acknowledged, but not there: %s", a)}
}

// made says whether a version is what was asked for.
func (a attempt) made(v visitVersion) bool {
	asked := a.asked
	if a.keeps {
		asked.slots, asked.until = v.slots, v.until
	}
	if a.method == operationHold { // the server says until when
		asked.until = v.until
	}
	return v.same(asked)
}

// ends says whether the next version is nothing but the end of the hold that this one is.
func (v visitVersion) ends(next visitVersion) bool {
	return v.status == "pending" && next.status == "cancelled" && !v.until.IsZero() && !next.at.Before(v.until)
}

// groundless are the refusals because of a taken slot, though at no moment between question and answer anybody else had one of the slots, or one that overlaps.
func (l *ledger) groundless(attempts []attempt) (faults []error) {
	holds := l.holds()
	for _, together := range byBundle(attempts) {
		if first := together[0]; first.lost || first.status != http.StatusConflict || !first.writes() {
			continue
		}
		grounds := slices.ContainsFunc(together, func(a attempt) bool {
			return a.keeps || slices.ContainsFunc(a.asked.slots, func(s string) bool { return l.taken(holds, a, s) || l.rota.wanted(s, a, together) })
		})
		if !grounds {
			faults = append(faults, fmt.Errorf("refused, though nobody had the time: %s", together))
		}
	}
	return faults
}

// wanted says whether another appointment of the same transaction is to have a slot, or one that overlaps with it.
func (r *rota) wanted(slot string, by attempt, together []attempt) bool {
	return slices.ContainsFunc(together, func(a attempt) bool {
		return a.tag != by.tag && slices.ContainsFunc(a.asked.slots, func(s string) bool { return slices.Contains(r.besides(slot), s) })
	})
}

// hold is the time in which a live appointment had a slot.
type hold struct {
	id         string
	begin, end time.Time
}

// holds are those of every slot.
func (l *ledger) holds() map[string][]hold {
	all := make(map[string][]hold)
	for id, versions := range l.visits {
		for i, v := range versions {
			end := endOfTime
			if i+1 < len(versions) {
				end = versions[i+1].at
			}
			if v.lives() {
				for _, s := range v.slots {
					all[s] = append(all[s], hold{id, v.at, end})
				}
			}
		}
	}
	return all
}

// unseen is how long after its instant a version may come to be seen: it is on its way to the disk then.
const unseen = 500 * time.Millisecond

// taken says whether somebody else had a slot, or one that overlaps with it, at a moment of an attempt: a live appointment, or a booking on its way to one, whose name the slot bore; or
// whether a client had made the slot itself busy.
func (l *ledger) taken(holds map[string][]hold, a attempt, slot string) bool {
	begin, end := a.call.Add(-unseen), a.end.Add(moment)
	for _, other := range l.rota.besides(slot) {
		if slices.ContainsFunc(holds[other], func(h hold) bool { return h.id != a.id && h.begin.Before(end) && begin.Before(h.end) }) {
			return true
		}
		if slices.ContainsFunc(l.during(other, begin, end), func(g gripVersion) bool {
			away := g.holder == "" && g.status != "free" && other == slot
			return away || g.holder != "" && g.holder != a.id && g.status != "busy-unavailable"
		}) {
			return true
		}
	}
	return false
}
