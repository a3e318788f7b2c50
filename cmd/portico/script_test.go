package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/portico-health/portico/fhir"
)

// The registers of a script: patients that all clients change, by id and by a condition, and such as each client has for itself.
const (
	scripters     = 8 // clients
	sharedByID    = 4
	sharedByMatch = 3
	ownByID       = 2
	scriptSteps   = 5000 // of one client, at most
)

// script lets clients write at random. The same seed makes each client draw the same lots; what it sends also depends on which versions it
// has seen.
type script struct {
	server    *client
	round     int
	seed      uint64
	start     time.Time
	bundles   []string // the types of Bundle that the server carries out
	impatient bool     // of five requests one is given up at some moment

	answered atomic.Int64
	mu       sync.Mutex
	history  []porcupine.Operation
	faults   []error
}

// scripter is one of the clients.
type scripter struct {
	*script
	number, step int
	lots         *rand.Rand
	seen         map[string]int64 // newest version that it knows, by register
}

// newScript begins a script on what is there before it.
func newScript(t *testing.T, round int, before record, server *client) *script {
	t.Helper()
	s := &script{server: server, round: round, seed: uint64(round + 1), start: time.Now(), bundles: server.bundles(t)}
	for register, versions := range before {
		s.history = append(s.history, porcupine.Operation{Call: -2, Return: -1, Input: input{register: register, deed: given, versions: versions.editions()}, Output: output{}})
	}
	return s
}

// bundles are the types of Bundle that the server carries out, by its CapabilityStatement.
func (c *client) bundles(t *testing.T) (types []string) {
	t.Helper()
	for _, rest := range c.read(t, "metadata").Root().Objects("rest") {
		for _, interaction := range rest.Objects("interaction") {
			if code := interaction.Text("code"); code == "batch" || code == "transaction" {
				types = append(types, code)
			}
		}
	}
	return types
}

// run lets all clients write until their server is gone; end is called when enough was answered.
func (s *script) run(ctx context.Context, enough int64, end func()) {
	var group sync.WaitGroup
	for number := range scripters {
		c := &scripter{script: s, number: number, lots: rand.New(rand.NewPCG(s.seed, uint64(number))), seen: make(map[string]int64)}
		group.Go(func() {
			for c.step = range scriptSteps {
				if !c.act(ctx) {
					return
				}
				if s.answered.Add(1) == enough {
					end()
				}
			}
		})
	}
	group.Wait()
}

// act carries out one operation, or several in a Bundle, and says whether the server is still there.
func (c *scripter) act(ctx context.Context) bool {
	ins, asked := c.draw()
	patience, cancel := c.patience(ctx)
	defer cancel()
	call := time.Since(c.start)
	a, err := c.server.send(patience, asked)
	end := time.Since(c.start)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return false // it was never sent
	case err != nil:
		for _, in := range ins {
			c.note(in, output{lost: true}, call, never) // the server may be at it still
		}
		return ctx.Err() == nil && patience.Err() != nil
	}
	outs, err := outputs(ins, a)
	if err != nil {
		c.fault(fmt.Errorf("client %d, step %d: %+v: %w", c.number, c.step, ins, err))
	}
	for i, out := range outs {
		c.note(ins[i], out, call, end)
		c.seen[ins[i].register] = max(c.seen[ins[i].register], out.edition.number)
	}
	return true
}

// outputs are what became of operations that went in one request.
func outputs(ins []input, a answer) ([]output, error) {
	outs := make([]output, len(ins))
	switch {
	case ins[0].bundle == "":
		out, err := ins[0].answered(a)
		outs[0] = out
		return outs, err
	case a.status != http.StatusOK: // of all of them, nothing was carried out
		for i := range outs {
			outs[i].refused = true
		}
		if a.status == http.StatusBadRequest && a.tellsOf("conflict", "deleted", "not-found") { // several of these at once
			return outs, nil
		}
		_, err := ins[0].answered(a)
		return outs, err
	}
	answers, err := a.answers(len(ins))
	if err != nil {
		return nil, err
	}
	var faults []error
	for i, one := range answers {
		outs[i], err = ins[i].answered(one)
		faults = append(faults, err)
	}
	return outs, errors.Join(faults...)
}

// never is when a request ends that got no answer. The server that got it has ended before anything is examined.
const never = time.Duration(math.MaxInt64)

// patience is how long the client waits for an answer.
func (c *scripter) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.impatient && c.lots.IntN(5) == 0 {
		return context.WithTimeout(ctx, time.Duration(c.lots.Int64N(int64(4*time.Millisecond))))
	}
	return context.WithCancel(ctx)
}

func (c *scripter) note(in input, out output, call, end time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.history = append(c.history, porcupine.Operation{ClientId: c.number, Call: int64(call), Return: int64(end), Input: in, Output: out})
}

func (s *script) fault(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, err)
}

// lots are what the clients do, each as often as it stands here.
var lots = []deed{
	put, put, put, put, add, add, add, remove, remove, read, read, readVersion, create, create,
	createIfNone, createIfNone, putWhere, putWhere, removeWhere,
}

// draw chooses what comes next: an operation, or some of different registers in a batch or transaction.
func (c *scripter) draw() ([]input, request) {
	name := fmt.Sprintf("r%dc%dn%d", c.round, c.number, c.step)
	if c.lots.IntN(6) > 0 {
		in := c.drawOne(name)
		return []input{in}, in.request()
	}
	kind := c.bundles[c.lots.IntN(len(c.bundles))]
	var ins []input
	var asked []request
	for i := range 2 + c.lots.IntN(3) {
		in := c.drawOne(fmt.Sprintf("%se%d", name, i))
		in.bundle = kind + " " + name
		if !slices.ContainsFunc(ins, func(other input) bool { return other.register == in.register }) {
			ins, asked = append(ins, in), append(asked, in.request())
		}
	}
	return ins, bundleOf(kind, asked...)
}

// drawOne chooses an operation.
func (c *scripter) drawOne(name string) input {
	in := input{deed: lots[c.lots.IntN(len(lots))], name: name}
	switch in.deed {
	case create:
		in.register = "new-" + in.name
		return in
	case createIfNone, putWhere, removeWhere:
		in.register = fmt.Sprintf("match-%d", c.lots.IntN(sharedByMatch))
		return in
	}
	if k := c.lots.IntN(sharedByID + ownByID); k < sharedByID {
		in.register = fmt.Sprintf("shared-%d", k)
	} else {
		in.register = fmt.Sprintf("own-%d-%d", c.number, k)
	}
	conditional, newest := c.lots.IntN(3) == 0, c.seen[in.register]
	switch {
	case in.deed == readVersion:
		in.number = 1 + c.lots.Int64N(newest+1) // sometimes one too far
	case in.deed == read || !conditional:
	case newest > 0:
		in.match = newest
	case in.deed == put:
		in.absent = true
	}
	return in
}

// request is how an operation is asked for.
func (in input) request() request {
	where := "Patient?" + escaped(byIdentifier(in.register))
	header := make(map[string]string)
	if in.match > 0 {
		header["If-Match"] = fmt.Sprintf(`W/"%d"`, in.match)
	}
	if in.absent {
		header["If-None-Match"] = "*"
	}
	switch in.deed {
	case read:
		return request{method: http.MethodGet, path: "Patient/" + in.register}
	case readVersion:
		return request{method: http.MethodGet, path: fmt.Sprintf("Patient/%s/_history/%d", in.register, in.number)}
	case put:
		return request{method: http.MethodPut, path: "Patient/" + in.register, body: patientText(in.register, in.register, in.name), header: header}
	case add:
		return addName(in.register, in.name, header)
	case remove:
		return request{method: http.MethodDelete, path: "Patient/" + in.register, header: header}
	case create:
		return request{method: http.MethodPost, path: "Patient", body: patientText("", in.register, in.name)}
	case createIfNone:
		return request{method: http.MethodPost, path: "Patient", body: patientText("", in.register, in.name), header: map[string]string{"If-None-Exist": byIdentifier(in.register)}}
	case putWhere:
		return request{method: http.MethodPut, path: where, body: patientText("", in.register, in.name)}
	default: // removeWhere
		return request{method: http.MethodDelete, path: where}
	}
}

// answered reads an answer. The error says that a server should not answer so, whatever came before.
func (in input) answered(a answer) (output, error) {
	out := output{status: a.status}
	switch {
	case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "":
		return out, nil
	case a.status >= http.StatusInternalServerError, a.status == http.StatusBadRequest, a.status == http.StatusUnprocessableEntity:
		return out, errors.New(a.String())
	case a.status >= http.StatusBadRequest:
		return out, nil
	}
	out.number = a.version()
	if in.deed == remove || in.deed == removeWhere {
		return out, nil
	}
	r, err := fhir.ParseResource(a.body)
	if err != nil {
		return out, err
	}
	p, err := readPatient(r)
	if err == nil && (p.identifier != in.register || p.version != out.number) {
		err = fmt.Errorf("the answer is about another patient or version: %s", a)
	}
	out.id, out.names = p.id, p.names
	return out, err
}

// TestScriptOfWritesUnderKills lets eight clients write at random, kills the server in the middle, and starts it again on the same
// file, several times. Nothing that was acknowledged is lost, nothing is half-written, histories are whole, searches find what is there, and
// all answers fit together as those of registers.
func TestScriptOfWritesUnderKills(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, dir)
	before := make(record)
	for round := range soak(5, 50) {
		s := newScript(t, round, before, p.client(t))
		enough := 300 + rand.New(rand.NewPCG(s.seed, scripters)).Int64N(600)
		s.run(t.Context(), enough, func() { _ = p.Process.Kill() })
		_ = p.Wait()
		if got := s.answered.Load(); got < enough {
			t.Fatalf("seed %d: only %d operations were answered: %s", s.seed, got, p.errs)
		}
		p = serve(t, dir)
		p.sound(t, dir)
		before = s.check(t, p.client(t))
	}
}

// check holds what was answered against what is there, and returns that. All servers of the script must have ended.
func (s *script) check(t *testing.T, c *client) record {
	t.Helper()
	for _, fault := range s.faults {
		t.Errorf("seed %d: %v", s.seed, fault)
	}
	all := c.record(t)
	all.checkAcknowledged(t, s.history)
	all.checkTransactions(t, s.history)
	c.checkSearches(t, all)
	examined := int64(time.Since(s.start))
	for _, part := range byRegister(s.history) {
		register := part[0].Input.(input).register
		part = all[register].settle(part, examined-1)
		part = append(part, porcupine.Operation{Call: examined, Return: examined, Input: input{register: register, deed: examine}, Output: output{versions: all[register].editions()}})
		checkLinearizable(t, part)
	}
	if t.Failed() {
		t.Fatalf("this was round %d, seed %d", s.round, s.seed)
	}
	return all
}

// TestSecondServerOnAFile starts servers on the file of one whose clients write: each is refused, and the first loses nothing.
func TestSecondServerOnAFile(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, dir)
	s := newScript(t, 0, make(record), p.client(t))
	ctx, end := context.WithCancel(t.Context())
	address, said := freeAddress(t), make([]string, 3)
	var others sync.WaitGroup
	others.Go(func() {
		for i := range said {
			out, err := command(t.Context(), "serve", "--listen", address, "--store", "sqlite:"+filepath.Join(dir, "portico.db")).CombinedOutput()
			said[i] = fmt.Sprint(string(out), err)
		}
	})
	s.run(ctx, 1000, end)
	others.Wait()
	for _, what := range said {
		if !strings.Contains(what, "is served by another process. Stop that one, or name another file") || !strings.Contains(what, fmt.Sprint("exit status ", exitUsage)) {
			t.Errorf("a second server says: %s", what)
		}
	}
	p.stop(t)
	p = serve(t, dir)
	s.check(t, p.client(t))
	p.stop(t)
}

// TestClientsThatGoAway lets clients give up requests at any moment: such a write is carried out whole, or not at all.
func TestClientsThatGoAway(t *testing.T) {
	dir := t.TempDir()
	before := make(record)
	for round := range soak(2, 20) {
		p := serve(t, dir)
		s := newScript(t, round, before, p.client(t))
		s.impatient = true
		ctx, end := context.WithCancel(t.Context())
		s.run(ctx, 1000, end)
		p.stop(t)
		p = serve(t, dir)
		before = s.check(t, p.client(t))
		p.stop(t)
	}
}
