package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/portico-health/portico/fhir"
)

const (
	bookers        = 64
	sharedVisits   = 8    // appointments that all clients change
	ownVisits      = 3    // appointments that a client makes under ids of its own
	bookingSteps   = 5000 // of one client, at most
	bookingsAtMost = 4    // live appointments that a client knows to be its own, before it gives one back
)

// bookingRace lets clients race for the slots of a rota. The same seed makes each client draw the same lots.
type bookingRace struct {
	rota     *rota
	seed     uint64
	posts    []*post
	whole    bool // the store has transactions
	answered atomic.Int64

	mu       sync.Mutex
	attempts []attempt
	looks    []look
	asked    map[string]string // statuses that clients gave to slots, by tag
	faults   []error
}

// post is where a server is, also after it was killed and started again.
type post struct {
	mu      sync.Mutex
	client  *client
	changed chan struct{} // is closed when another one takes its place
}

func newPost(c *client) *post { return &post{client: c, changed: make(chan struct{})} }

// now is the client of the server, and what is closed when that is another one.
func (p *post) now() (*client, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.client, p.changed
}

// become puts another server in the place.
func (p *post) become(c *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.client = c
	close(p.changed)
	p.changed = make(chan struct{})
}

// booker is one of the clients.
type booker struct {
	*bookingRace
	round, number, step int
	lots                *rand.Rand
	mine                []string           // ids of appointments that it made, or tries to make
	known               map[string]attempt // what it was told of appointments last, by id
}

func (r *bookingRace) booker(round, number int) *booker {
	b := &booker{bookingRace: r, round: round, number: number, lots: rand.New(rand.NewPCG(r.seed+uint64(round), uint64(number))), known: make(map[string]attempt)}
	for k := range ownVisits {
		b.mine = append(b.mine, fmt.Sprintf("own-%d-%d-%d", round, number, k))
	}
	return b
}

// run lets all clients do what chance tells them until ctx ends.
func (r *bookingRace) run(ctx context.Context, round int) {
	var group sync.WaitGroup
	for number := range bookers {
		b := r.booker(round, number)
		group.Go(func() {
			for b.step = range bookingSteps {
				if ctx.Err() != nil {
					return
				}
				b.act(ctx)
			}
		})
	}
	group.Wait()
}

// act carries out one step.
func (b *booker) act(ctx context.Context) {
	switch n := b.lots.IntN(100); {
	case n < 6:
		b.look(ctx)
	case n < 12:
		b.writeSlot(ctx)
	case n < 22 && b.whole:
		b.transact(ctx)
	case n < 32:
		b.find(ctx)
	default:
		b.change(ctx, b.draw())
	}
}

// tag names the request of this step.
func (b *booker) tag() string { return fmt.Sprintf("r%dc%dn%d", b.round, b.number, b.step) }

// send sends a request to one of the servers. Not ok: it was never sent, and there is a server again, or ctx has ended.
func (b *booker) send(ctx context.Context, q request) (a answer, lost, ok bool) {
	p := b.posts[(b.number+b.step)%len(b.posts)]
	c, changed := p.now()
	a, err := c.send(context.WithoutCancel(ctx), q)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		select {
		case <-changed:
		case <-ctx.Done():
		}
		return a, false, false
	case err != nil, a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "":
		return a, true, true
	}
	b.answered.Add(1)
	return a, false, true
}

// some are one slot or two adjacent ones. Half of them begin in the first quarter of a doctor's day, for which all race.
func (b *booker) some() []string {
	i := b.lots.IntN(len(b.rota.slots))
	if b.lots.IntN(2) == 0 {
		i += b.lots.IntN(slotsOfDoctor/4) - b.rota.slots[i].place
	}
	return b.rota.from(i, 1+b.lots.IntN(10)/7)
}

// live is an appointment of its own that is live, as far as it knows.
func (b *booker) live() (attempt, bool) {
	var all []string
	for _, id := range b.mine {
		if b.known[id].told.lives() {
			all = append(all, id)
		}
	}
	if len(all) == 0 || len(all) < bookingsAtMost && b.lots.IntN(2) == 0 {
		return attempt{}, false
	}
	return b.known[all[b.lots.IntN(len(all))]], true
}

// draw chooses a change of one appointment, or a read.
func (b *booker) draw() attempt {
	if known, ok := b.live(); ok {
		return b.drawLater(known)
	}
	a := attempt{tag: b.tag(), method: http.MethodPost, asked: b.taking(b.some())}
	switch b.lots.IntN(6) {
	case 0, 1:
		a.method, a.id = http.MethodPut, b.mine[b.lots.IntN(ownVisits)]
	case 2:
		return b.drawShared()
	case 3:
		a.method, a.asked.status, a.asked.until = operationBook, "booked", time.Time{}
	}
	return a
}

// taking is what is asked for who takes slots: booked, or pending, perhaps held for a while.
func (b *booker) taking(slots []string) visit {
	v := visit{status: "booked", slots: slots, tag: b.tag()}
	if n := b.lots.IntN(10); n < 4 {
		v.status = "pending"
		if n < 2 {
			v.until = time.Now().Add(time.Duration(50+b.lots.IntN(1000)) * time.Millisecond).Truncate(time.Millisecond).UTC()
		}
	}
	return v
}

// The statuses that an appointment may get: those of who keeps the slots, and those of who leaves them.
var (
	keeping = []string{"booked", "booked", "arrived", "checked-in"}
	leaving = []string{"cancelled", "cancelled", "noshow", "fulfilled"}
)

// drawLater chooses what becomes of an appointment.
func (b *booker) drawLater(known attempt) attempt {
	a := attempt{tag: b.tag(), method: http.MethodPut, id: known.id, asked: visit{slots: known.told.slots, tag: b.tag()}}
	if b.lots.IntN(4) == 0 {
		a.match = known.number
	}
	switch n := b.lots.IntN(14); {
	case n < 3:
		a.asked = b.taking(b.some())
	case n < 5:
		a.method, a.asked.status = operationBook, keeping[b.lots.IntN(len(keeping))]
		if b.lots.IntN(2) == 0 {
			a.asked.status = "cancelled"
		}
	case n < 7:
		a.asked.status = keeping[b.lots.IntN(len(keeping))]
	case n < 9:
		a.asked.status = leaving[b.lots.IntN(len(leaving))]
	case n < 11:
		a.method, a.keeps, a.asked.slots = http.MethodPatch, true, nil
		a.asked.status = slices.Concat(keeping, leaving)[b.lots.IntN(len(keeping)+len(leaving))]
	case n < 13:
		a.method, a.asked = http.MethodDelete, visit{}
	default:
		a.method, a.asked, a.match = http.MethodGet, visit{}, 0
	}
	return a
}

// drawShared chooses a change of an appointment that all may change.
func (b *booker) drawShared() attempt {
	id := fmt.Sprintf("shared-%d", b.lots.IntN(sharedVisits))
	known, told := b.known[id]
	if told && b.lots.IntN(2) == 0 {
		return b.drawLater(known)
	}
	return attempt{tag: b.tag(), method: http.MethodPut, id: id, asked: b.taking(b.some())}
}

// request is how an attempt is asked for.
func (a attempt) request(r *rota) request {
	header := make(map[string]string)
	if a.match > 0 {
		header["If-Match"] = fmt.Sprintf(`W/"%d"`, a.match)
	}
	q := request{method: a.method, path: strings.TrimSuffix("Appointment/"+a.id, "/"), header: header}
	switch a.method {
	case http.MethodPost, http.MethodPut:
		q.body = r.text(a.id, a.asked)
	case operationBook, operationHold:
		q = a.operation(r)
	case http.MethodPatch:
		header["Content-Type"] = "application/json-patch+json"
		q.body = fmt.Sprintf(`[{"op":"replace","path":"/status","value":%q},{"op":"add","path":"/comment","value":%q}]`, a.asked.status, a.asked.tag)
	}
	return q
}

// change carries out a change of one appointment, or a read.
func (b *booker) change(ctx context.Context, a attempt) {
	a.call = time.Now()
	got, lost, ok := b.send(ctx, a.request(b.rota))
	if a.end = time.Now(); ok {
		b.note(a.answer(got, lost))
	}
}

// answer is the attempt with what it was told. The error says that a server should not answer so, whatever came before.
func (a attempt) answer(got answer, lost bool) (attempt, error) {
	if a.lost = lost; lost {
		return a, nil
	}
	a.status = got.status
	switch got.status {
	case http.StatusConflict:
		a.said = string(got.body)
		return a, nil
	case http.StatusPreconditionFailed:
		if a.match > 0 {
			return a, nil
		}
	case http.StatusNotFound, http.StatusGone:
		if a.method == http.MethodPatch || a.method == http.MethodGet {
			return a, nil
		}
	case http.StatusUnprocessableEntity:
		late := !a.asked.until.IsZero() && a.asked.until.Before(a.end)                                                        // the hold ended before it began
		explained := a.keeps && !slices.Contains([]string{"cancelled", "noshow"}, a.asked.status) && got.tellsOf("invariant") // it was cancelled by the server, which gave a reason: app-4
		if late || explained {
			return a, nil
		}
	case http.StatusOK, http.StatusCreated:
		a.number = got.version()
		if a.method == http.MethodDelete {
			return a, nil
		}
		body, err := fhir.ParseResource(got.body)
		if err != nil {
			return a, err
		}
		if body.Type() == "Bundle" {
			return a.outcome(body)
		}
		a.id = body.ID()
		a.told, err = visitOf(body.Root())
		return a, err
	}
	return a, fmt.Errorf("%s %s", a, got)
}

// note keeps attempts, and what the client knows by them.
func (b *booker) note(a attempt, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attempts = append(b.attempts, a)
	if err != nil {
		b.bookingRace.faults = append(b.bookingRace.faults, err)
	}
	if a.lost || a.status >= http.StatusMultipleChoices {
		return
	}
	if b.known[a.id] = a; a.method == http.MethodPost || a.method == operationHold || a.method == operationBook && !slices.Contains(b.mine, a.id) && !strings.HasPrefix(a.id, "shared-") {
		b.mine = append(b.mine, a.id)
	}
}

// look reads a slot.
func (b *booker) look(ctx context.Context) {
	k := look{id: b.some()[0], call: time.Now()}
	got, lost, ok := b.send(ctx, request{method: http.MethodGet, path: "Slot/" + k.id})
	k.end = time.Now()
	if lost || !ok {
		return
	}
	body, err := fhir.ParseResource(got.body)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil || got.status != http.StatusOK {
		b.faults = append(b.faults, fmt.Errorf("GET Slot/%s: %s", k.id, got))
		return
	}
	k.seen = gripOf(body.Root())
	b.looks = append(b.looks, k)
}

// writeSlot writes a slot as the system does that the calendar is from: as it believes it to be, or as it was read.
func (b *booker) writeSlot(ctx context.Context) {
	s, status, tag := b.rota.slot(b.some()[0]), "free", b.tag()
	if b.lots.IntN(3) == 0 {
		status = "busy"
	}
	q := request{method: http.MethodPut, path: "Slot/" + s.id, body: s.text(status, tag)}
	if b.lots.IntN(2) == 0 {
		got, lost, ok := b.send(ctx, request{method: http.MethodGet, path: "Slot/" + s.id})
		if lost || !ok {
			return
		}
		body, err := fhir.ParseResource(got.body)
		if err != nil {
			b.note(attempt{method: http.MethodGet}, err)
			return
		}
		status = body.Root().Text("status")
		body.Root().Set("comment", tag)
		q.body, q.header = string(fhir.AppendJSON(nil, body.Root())), map[string]string{"If-Match": got.header.Get("ETag")}
	}
	b.mu.Lock()
	b.asked[tag] = status
	b.mu.Unlock()
	k := look{id: s.id, seen: grip{status: status, tag: tag}, call: time.Now(), wrote: true}
	got, lost, ok := b.send(ctx, q)
	k.end = time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !ok:
	case lost, got.status == http.StatusOK:
		if k.lost = lost; q.header == nil { // otherwise it has kept the status
			b.looks = append(b.looks, k)
		}
	case !slices.Contains([]int{http.StatusOK, http.StatusConflict, http.StatusPreconditionFailed}, got.status):
		b.faults = append(b.faults, fmt.Errorf("PUT Slot/%s: %s", s.id, got))
	}
}

// transact changes two appointments at once: two new ones, two that go to the other's time, or one that makes room for the other.
func (b *booker) transact(ctx context.Context) {
	pair := []attempt{
		{method: http.MethodPost, asked: b.taking(b.some())},
		{method: http.MethodPut, id: b.mine[b.lots.IntN(ownVisits)], asked: b.taking(b.some())},
	}
	one, ok := b.live()
	other, both := b.live()
	switch {
	case ok && both && one.id != other.id && !slices.Equal(one.told.slots, other.told.slots):
		pair[0] = attempt{method: http.MethodPut, id: one.id, asked: b.taking(other.told.slots)}
		pair[1] = attempt{method: http.MethodPut, id: other.id, asked: b.taking(one.told.slots)}
	case ok && one.id != pair[1].id:
		pair[0] = attempt{method: http.MethodPut, id: one.id, asked: visit{status: "cancelled", slots: one.told.slots}}
		pair[1].asked = b.taking(one.told.slots)
	}
	requests := make([]request, len(pair))
	for i := range pair {
		pair[i].tag = fmt.Sprintf("%se%d", b.tag(), i)
		pair[i].asked.tag = pair[i].tag
		requests[i] = pair[i].request(b.rota)
	}
	begun := time.Now()
	got, lost, sent := b.send(ctx, bundleOf("transaction", requests...))
	if !sent {
		return
	}
	end := time.Now()
	answers := []answer{got, got}
	if !lost && got.status == http.StatusOK {
		var err error
		if answers, err = got.answers(len(pair)); err != nil {
			b.note(pair[0], err)
			return
		}
	} else if got.status == http.StatusBadRequest && got.tellsOf("conflict") { // both at once
		answers[0].status, answers[1].status = http.StatusConflict, http.StatusConflict
	}
	for i, a := range pair {
		a.call, a.end = begun, end
		b.note(a.answer(answers[i], lost))
	}
}
