package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// plot makes ledgers and attempts by hand. Times are milliseconds after its beginning, ten of them between one thing and the next.
type plot struct {
	*ledger
	begin time.Time
}

func newPlot() plot {
	begin := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	p := plot{&ledger{rota: newRota(2*slotsOfDoctor, begin), visits: make(map[string][]visitVersion), slots: make(map[string][]gripVersion)}, begin}
	for _, s := range p.rota.slots {
		p.slot(0, s.id, "free", "", "loaded")
	}
	return p
}

func (p plot) at(ms int) time.Time { return p.begin.Add(time.Duration(ms) * time.Millisecond) }

// visit adds a version of an Appointment.
func (p plot) visit(ms int, id, tag, status string, slots ...string) {
	p.visits[id] = append(p.visits[id], visitVersion{visit: visit{status: status, slots: slots, tag: tag}, id: id, number: int64(len(p.visits[id]) + 1), at: p.at(ms), deleted: status == ""})
}

// slot adds a version of a Slot.
func (p plot) slot(ms int, id, status, holder, tag string) {
	p.slots[id] = append(p.slots[id], gripVersion{grip: grip{status, holder, tag}, id: id, number: int64(len(p.slots[id]) + 1), at: p.at(ms)})
}

// asks is an attempt to write an Appointment, with its answer.
func (p plot) asks(from, to int, id, tag, method, status string, answer int, number int64, slots ...string) attempt {
	asked := visit{status: status, slots: slots, tag: tag}
	return attempt{tag: tag, method: method, id: id, asked: asked, call: p.at(from), end: p.at(to), lost: answer == 0, status: answer, number: number, told: asked}
}

// books makes a whole booking by an attempt that was answered.
func (p plot) books(ms int, id, tag, slot string) attempt {
	p.slot(ms+1, slot, "busy", id, "loaded")
	for _, other := range p.rota.besides(slot) {
		if other != slot {
			p.slot(ms+1, other, "busy-unavailable", id, "loaded")
		}
	}
	p.visit(ms+2, id, tag, "booked", slot)
	return p.asks(ms, ms+5, id, tag, http.MethodPut, "booked", http.StatusCreated, int64(len(p.visits[id])), slot)
}

// TestBookingFaultsAreFound plants what no server should have, and looks that each is found, by what should find it; and that what is right is not taken for wrong.
func TestBookingFaultsAreFound(t *testing.T) {
	const doubled, loose, dropped, unkept, groundless = "doubled", "loose", "dropped", "unkept", "groundless"
	tests := []struct {
		name  string
		plant func(p plot) []attempt
		want  []string
	}{
		{"a booking", func(p plot) []attempt { return []attempt{p.books(10, "a", "r0c0n0", "slot-3")} }, nil},
		{"neighbours", func(p plot) []attempt {
			return []attempt{p.books(10, "a", "r0c0n0", "slot-3"), p.books(20, "b", "r0c1n0", "slot-4")}
		}, nil},
		{"neighbours with an overlapping slot between them", func(p plot) []attempt {
			return []attempt{p.books(10, "a", "r0c0n0", "slot-10"), p.books(20, "b", "r0c1n0", "slot-11")}
		}, nil},
		{"two live appointments on a slot", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			p.visit(20, "b", "r0c1n0", "pending", "slot-3")
			return []attempt{a, p.asks(19, 22, "b", "r0c1n0", http.MethodPut, "pending", http.StatusCreated, 1, "slot-3")}
		}, []string{doubled, loose, dropped}},
		{"two for a moment", func(p plot) []attempt {
			a, b := p.books(10, "a", "r0c0n0", "slot-3"), p.books(20, "b", "r0c1n0", "slot-3")
			p.visit(25, "a", "r0c0n1", "cancelled", "slot-3")
			return []attempt{a, b, p.asks(24, 26, "a", "r0c0n1", http.MethodPut, "cancelled", http.StatusOK, 2, "slot-3")}
		}, []string{doubled, dropped}},
		{"two on overlapping slots of one doctor", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-11")
			b := p.books(20, "b", "r0c1n0", "slot-16") // a quarter of an hour behind it, in the other place
			return []attempt{a, b}
		}, []string{doubled, loose, dropped}},
		{"a transaction that swaps", func(p plot) []attempt {
			a, b := p.books(10, "a", "r0c0n0", "slot-3"), p.books(20, "b", "r0c1n0", "slot-5")
			p.slot(30, "slot-5", "busy", "a", "loaded")
			p.slot(30, "slot-3", "busy", "b", "loaded")
			p.visit(30, "a", "r0c0n1e0", "booked", "slot-5")
			p.visit(30, "b", "r0c0n1e1", "booked", "slot-3")
			return []attempt{a, b, p.asks(29, 31, "a", "r0c0n1e0", http.MethodPut, "booked", http.StatusOK, 2, "slot-5"), p.asks(29, 31, "b", "r0c0n1e1", http.MethodPut, "booked", http.StatusOK, 2, "slot-3")}
		}, nil},
		{"a busy slot that names nobody", func(p plot) []attempt { p.slot(10, "slot-3", "busy", "", "loaded"); return nil }, []string{loose}},
		{"one that a client made busy", func(p plot) []attempt { p.slot(10, "slot-3", "busy", "", "r0c0n0"); return nil }, nil},
		{"a busy slot that names an appointment that never was", func(p plot) []attempt { p.slot(10, "slot-3", "busy", "a", "loaded"); return nil }, []string{loose}},
		{"a cancelled appointment whose slot was not freed", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			p.visit(20, "a", "r0c0n1", "cancelled", "slot-3")
			return []attempt{a, p.asks(19, 21, "a", "r0c0n1", http.MethodPut, "cancelled", http.StatusOK, 2, "slot-3")}
		}, []string{loose}},
		{"a live appointment whose slot was freed", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			p.slot(20, "slot-3", "free", "", "r0c1n0")
			return []attempt{a}
		}, []string{loose, dropped}},
		{"one that was freed for a moment", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			p.slot(20, "slot-3", "free", "", "r0c1n0")
			p.slot(25, "slot-3", "busy", "a", "r0c1n0")
			return []attempt{a}
		}, []string{dropped}},
		{"one whose slot is taken after it was answered", func(p plot) []attempt {
			p.visit(10, "a", "r0c0n0", "booked", "slot-3")
			p.slot(20, "slot-3", "busy", "a", "loaded")
			return []attempt{p.asks(9, 12, "a", "r0c0n0", http.MethodPut, "booked", http.StatusCreated, 1, "slot-3")}
		}, []string{dropped}},
		{"a pending one whose slot is busy", func(p plot) []attempt {
			p.slot(10, "slot-3", "busy", "a", "loaded")
			p.visit(11, "a", "r0c0n0", "pending", "slot-3")
			return []attempt{p.asks(9, 12, "a", "r0c0n0", http.MethodPut, "pending", http.StatusCreated, 1, "slot-3")}
		}, []string{loose}},
		{"an overlapping slot that stayed free", func(p plot) []attempt {
			p.slot(10, "slot-10", "busy", "a", "loaded")
			p.visit(11, "a", "r0c0n0", "booked", "slot-10")
			return []attempt{p.asks(9, 12, "a", "r0c0n0", http.MethodPut, "booked", http.StatusCreated, 1, "slot-10")}
		}, []string{loose}},
		{"a hold that has ended", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			v := &p.visits["a"][0]
			v.status, v.until = "pending", p.at(50)
			p.slot(13, "slot-3", "busy-tentative", "a", "loaded")
			a.asked.status, a.asked.until, a.told = "pending", v.until, v.visit
			return []attempt{a}
		}, []string{loose}},
		{"an acknowledged booking that is lost", func(p plot) []attempt {
			return []attempt{p.asks(9, 12, "a", "r0c0n0", http.MethodPut, "booked", http.StatusCreated, 1, "slot-3")}
		}, []string{unkept}},
		{"one that gave way to nobody's cancellation", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			p.visit(20, "a", "r0c0n0", "cancelled", "slot-3")
			p.slot(21, "slot-3", "free", "", "loaded")
			return []attempt{a}
		}, []string{unkept}},
		{"one that was deleted by nobody", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			p.visit(20, "a", "", "")
			p.slot(21, "slot-3", "free", "", "loaded")
			return []attempt{a}
		}, []string{unkept}},
		{"one that was deleted by a request whose answer was lost", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			p.visit(20, "a", "", "")
			p.slot(21, "slot-3", "free", "", "loaded")
			return []attempt{a, p.asks(19, 0, "a", "r0c1n0", http.MethodDelete, "", 0, 0)}
		}, nil},
		{"a refused booking that is there", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			a.status, a.number = http.StatusConflict, 0
			return []attempt{a}
		}, []string{unkept, groundless}},
		{"a refusal because of what was left long ago", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			p.visit(20, "a", "r0c0n1", "cancelled", "slot-3")
			p.slot(21, "slot-3", "free", "", "loaded")
			return []attempt{a, p.asks(19, 22, "a", "r0c0n1", http.MethodPut, "cancelled", http.StatusOK, 2, "slot-3"), p.asks(800, 805, "b", "r0c1n0", http.MethodPut, "booked", http.StatusConflict, 0, "slot-3")}
		}, []string{groundless}},
		{"a transaction that wants a slot twice", func(p plot) []attempt {
			return []attempt{p.asks(20, 25, "a", "r0c1n0e0", http.MethodPut, "booked", http.StatusConflict, 0, "slot-10"), p.asks(20, 25, "b", "r0c1n0e1", http.MethodPut, "booked", http.StatusConflict, 0, "slot-15")}
		}, nil},
		{"a booking whose answer was lost", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			a.lost, a.status, a.number = true, 0, 0
			return []attempt{a}
		}, nil},
		{"one that was carried out twice", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			p.books(20, "b", "r0c0n0", "slot-6")
			a.lost, a.method = true, http.MethodPost
			return []attempt{a}
		}, []string{unkept}},
		{"one on another slot than it was asked for", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			a.asked.slots = []string{"slot-4"}
			return []attempt{a}
		}, []string{unkept}},
		{"a version number that is left out", func(p plot) []attempt {
			a := p.books(10, "a", "r0c0n0", "slot-3")
			p.visits["a"][0].number, a.number = 2, 2
			return []attempt{a}
		}, []string{unkept}},
		{"a refusal with a reason", func(p plot) []attempt {
			return []attempt{p.books(10, "a", "r0c0n0", "slot-10"), p.asks(20, 25, "b", "r0c1n0", http.MethodPut, "booked", http.StatusConflict, 0, "slot-15")}
		}, nil},
		{"a refusal without one", func(p plot) []attempt {
			return []attempt{p.books(10, "a", "r0c0n0", "slot-3"), p.asks(20, 25, "b", "r0c1n0", http.MethodPut, "booked", http.StatusConflict, 0, "slot-4")}
		}, []string{groundless}},
		{"a refusal because of a slot that only stands in the way", func(p plot) []attempt {
			return []attempt{p.books(10, "a", "r0c0n0", "slot-10"), p.asks(20, 25, "b", "r0c1n0", http.MethodPut, "booked", http.StatusConflict, 0, "slot-11")}
		}, []string{groundless}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPlot()
			attempts := test.plant(p)
			found := map[string][]error{
				doubled: p.doubleBookings(), loose: p.loose(map[string]string{"r0c0n0": "busy"}, p.at(1000)), dropped: p.dropped(),
				unkept: p.unkept(attempts), groundless: p.groundless(attempts),
			}
			for kind, faults := range found {
				if want := slices.Contains(test.want, kind); want != (len(faults) > 0) {
					t.Errorf("%s: %v, want any: %t", kind, faults, want)
				}
			}
		})
	}
}

// TestDaysAreChecked holds the model of a doctor's day against histories that are right, and such as a server with a fault would leave.
func TestDaysAreChecked(t *testing.T) {
	p := newPlot()
	r := p.rota
	op := func(call, end int64, deed dayDeed, parts ...string) porcupine.Operation { // a part: "id slot slot"
		in := dayInput{rota: r, doctor: "doctor-1", deed: deed}
		for _, text := range parts {
			words := strings.Fields(text)
			in.parts = append(in.parts, dayPart{words[0], words[1:]})
		}
		return porcupine.Operation{Call: call, Return: end, Input: in}
	}
	look := func(call, end int64, slot, status, holder string) porcupine.Operation {
		return porcupine.Operation{Call: call, Return: end, Input: dayInput{rota: r, doctor: "doctor-1", deed: daySlot, slot: slot, seen: grip{status, holder, "loaded"}}}
	}
	mark := func(call, end int64, slot, status string) porcupine.Operation {
		return porcupine.Operation{Call: call, Return: end, Input: dayInput{rota: r, doctor: "doctor-1", deed: dayMarked, slot: slot, seen: grip{status: status}}}
	}
	tests := []struct {
		name    string
		right   bool
		history []porcupine.Operation
	}{
		{"one behind the other", true, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), op(3, 4, dayTaken, "a"), op(5, 6, dayTaken, "b slot-10")}},
		{"two at once", false, []porcupine.Operation{op(1, 5, dayTaken, "a slot-10"), op(1, 5, dayTaken, "b slot-10")}},
		{"two at once that overlap", false, []porcupine.Operation{op(1, 5, dayTaken, "a slot-11"), op(1, 5, dayTaken, "b slot-15")}},
		{"a pair, and one of it", false, []porcupine.Operation{op(1, 5, dayTaken, "a slot-10 slot-11"), op(1, 5, dayTaken, "b slot-11")}},
		{"neighbours", true, []porcupine.Operation{op(1, 5, dayTaken, "a slot-10"), op(1, 5, dayTaken, "b slot-11")}},
		{"one that makes room meanwhile", true, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), op(3, 9, dayTaken, "a slot-12"), op(4, 8, dayTaken, "b slot-10")}},
		{"one that makes room too late", false, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), op(5, 9, dayTaken, "a slot-12"), op(3, 4, dayTaken, "b slot-10")}},
		{"a swap in one transaction", true, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), op(1, 2, dayTaken, "b slot-13"), op(3, 4, dayTaken, "a slot-13", "b slot-10")}},
		{"a swap in two requests", false, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), op(1, 2, dayTaken, "b slot-13"), op(3, 4, dayTaken, "a slot-13"), op(3, 4, dayTaken, "b slot-10")}},
		{"a refusal while it was had", true, []porcupine.Operation{op(1, 5, dayTaken, "a slot-10"), op(4, 8, dayTaken, "a"), op(3, 6, dayRefused, "b slot-15")}},
		{"a refusal for nothing", false, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), op(3, 4, dayRefused, "b slot-12")}},
		{"a refusal of what one has oneself", false, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), op(3, 4, dayRefused, "a slot-10")}},
		{"a booking that is seen, and is gone", false, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), op(3, 4, dayRead, "a")}},
		{"a slot that is away", true, []porcupine.Operation{mark(1, 2, "slot-15", "busy"), op(3, 4, dayRefused, "a slot-15"), op(5, 6, dayTaken, "a slot-10"), look(7, 8, "slot-15", "busy", ""), mark(9, 9, "slot-15", "free")}},
		{"one that is taken though it is away", false, []porcupine.Operation{mark(1, 2, "slot-10", "busy"), op(3, 4, dayTaken, "a slot-10")}},
		{"one that is made free though it is taken", false, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), mark(3, 4, "slot-10", "free")}},
		{"a slot that names who has it", true, []porcupine.Operation{op(1, 5, dayTaken, "a slot-10"), look(2, 3, "slot-10", "free", ""), look(6, 7, "slot-10", "busy", "a"), look(6, 7, "slot-15", "busy-unavailable", "a"), look(6, 7, "slot-11", "free", "")}},
		{"a slot that is free too early", false, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), look(3, 4, "slot-10", "free", "")}},
		{"a slot that names somebody else", false, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), look(3, 4, "slot-10", "busy", "b")}},
		{"an end that nobody made", false, []porcupine.Operation{op(1, 2, dayTaken, "a slot-10"), {Call: 5, Return: 6, Input: dayInput{rota: r, doctor: "doctor-1", deed: dayEnds}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result := porcupine.CheckOperationsTimeout(days(), test.history, patience)
			if want := map[bool]porcupine.CheckResult{true: porcupine.Ok, false: porcupine.Illegal}[test.right]; result != want {
				t.Errorf("the history is %s, want %s", result, want)
			}
		})
	}
}
