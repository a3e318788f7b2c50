package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/storage"
)

const (
	// attempts bounds how often changes are decided anew because another write came between. Each time another one was carried out, so
	// that at least this many that come at once all succeed.
	attempts = 100

	// maxAllEntries bounds the index entries of a transaction, as maxEntries those of a resource.
	maxAllEntries = 100_000
)

// transact carries out all changes or none.
func (e *Engine) transact(ctx context.Context, p fhir.Principal, changes []Change) ([]Outcome, error) {
	if !e.Store.Transactions() {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "The store of this server has no transactions: it makes one change at a time.")
	}
	t := transaction{Engine: e, who: p, drafts: make([]*draft, len(changes)), named: map[string]*draft{}, queries: map[string]*conditionalReference{}}
	for i, c := range changes {
		t.drafts[i] = &draft{Change: c, index: i}
		if t.named[c.FullURL] == nil && c.FullURL != "" {
			t.named[c.FullURL] = t.drafts[i]
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	return t.run(ctx)
}

// transaction is a run of changes.
type transaction struct {
	*Engine
	who     fhir.Principal
	drafts  []*draft
	single  bool                             // the change stands for itself, and has no links
	named   map[string]*draft                // by FullURL
	queries map[string]*conditionalReference // by their text
	written written
	ledger  *ledger // of bookings; nil where nothing is booked
	faults  ChangeErrors
}

// run prepares the changes once, outside the store, and then decides and commits them, anew when another write came between.
func (t *transaction) run(ctx context.Context) ([]Outcome, error) {
	if err := t.prepareAll(); err != nil {
		return nil, err
	}
	for range attempts {
		if err := t.decideAll(ctx); err != nil {
			return nil, err
		}
		outcomes, stale, err := t.commit(ctx)
		if !stale {
			return outcomes, err
		}
	}
	return nil, fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "What this rests on was changed by others each of the %d times that it was tried. Nothing was written; try it again.", attempts)
}

// each does something with every change, and gathers their faults. A failure that is no change's fault ends it.
func (t *transaction) each(do func(*draft) error) error {
	for _, d := range t.drafts {
		err := do(d)
		if err == nil {
			continue
		}
		if isFailure(err) {
			return err
		}
		t.fault(d, err)
	}
	return nil
}

// isFailure says whether an error tells of the server and not of what it was asked. One with a place does: the index of that parameter is being
// made anew.
func isFailure(err error) bool {
	if err == nil {
		return false
	}
	e := fhir.AsError(err)
	return e.Kind == fhir.Internal || e.Kind == fhir.Unavailable && e.Issues[0].Path == ""
}

func (t *transaction) fault(d *draft, err error) {
	t.faults = append(t.faults, &ChangeError{Index: d.index, Err: err})
}

// refusal is the error for the faults that were gathered; nil for none.
func (t *transaction) refusal() error {
	slices.SortStableFunc(t.faults, func(a, b *ChangeError) int { return cmp.Compare(a.Index, b.Index) })
	switch len(t.faults) {
	case 0:
		return nil
	case 1:
		return t.faults[0]
	default:
		return t.faults
	}
}

// prepareAll does with the changes everything that needs no store. Links are set as if no criteria selected anything: what they name
// has the right type already, and only the index depends on the rest.
func (t *transaction) prepareAll() error {
	for _, step := range []func(*draft) error{t.readOne, t.checkFullURL, t.connectGiven, t.prepareGiven} {
		if err := t.each(step); err != nil {
			return err
		}
	}
	t.checkIdentities()
	return cmp.Or(t.refusal(), t.checkBreadth())
}

// readOne reads a change, and remembers whether it can be looked at any further.
func (t *transaction) readOne(d *draft) error {
	err := t.read(t.who, d)
	d.given = err == nil && !d.resource.IsZero()
	return err
}

// connectGiven finds the links of the resource that came with a change.
func (t *transaction) connectGiven(d *draft) error {
	if !d.given || t.single {
		return nil
	}
	return t.connect(d)
}

// prepareGiven prepares the resource that came with a change.
func (t *transaction) prepareGiven(d *draft) (err error) {
	if d.given {
		d.relink()
		d.relinked = false
		d.entries, err = t.prepare(d.resource)
	}
	if err == nil && d.given {
		err = maySubscribe(t.who, d.resource)
	}
	if err == nil && d.given && d.Action == ActUpdate {
		err = refuseSubset(d.resource)
	}
	return err
}

// decideAll aims all changes at what is in the store now, and sets their links.
func (t *transaction) decideAll(ctx context.Context) error {
	for _, step := range []func(context.Context) error{t.aimAll, t.linkAll, t.bookAll} {
		if err := cmp.Or(step(ctx), t.refusal()); err != nil {
			return err
		}
	}
	return nil
}

// aimAll decides which resources the changes are about.
func (t *transaction) aimAll(ctx context.Context) error {
	deleted := keys{}
	err := t.each(func(d *draft) error {
		if d.Action != ActDelete {
			return nil
		}
		err := t.decide(ctx, t.who, d, nil)
		if d.target.ID != "" {
			deleted[d.target] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	err = t.each(func(d *draft) error {
		if d.Action == ActDelete {
			return nil
		}
		return t.decide(ctx, t.who, d, deleted)
	})
	t.checkIdentities()
	return err
}

// linkAll writes into all resources the keys that were decided, and looks whether conditions are satisfied by what is written.
func (t *transaction) linkAll(ctx context.Context) error {
	if err := t.preparePatches(ctx); err != nil || len(t.faults) > 0 || t.single {
		return err
	}
	if err := t.pin(ctx); err != nil {
		return err
	}
	for _, c := range t.queries {
		c.found = fhir.Key{}
	}
	t.relinkAll()
	if err := t.resolve(ctx); err != nil {
		return err
	}
	t.relinkAll()
	if err := t.checkConditions(ctx); err != nil {
		return err
	}
	total := 0
	for _, d := range t.drafts {
		total += size(d.entries)
	}
	if total > maxAllEntries {
		return fhir.Errorf(fhir.TooLarge, fhir.CodeTooCostly, "The resources of the transaction have %d values that searches look at; at most %d are written at once. Send it in several.", total, maxAllEntries)
	}
	return nil
}

// preparePatches prepares what patches leave.
func (t *transaction) preparePatches(ctx context.Context) error {
	return t.each(func(d *draft) (err error) {
		if d.Action != ActPatch {
			return nil
		}
		if !t.single {
			if err := t.connect(d); err != nil {
				return d.untold(err)
			}
			d.relink()
		}
		if d.entries, err = t.prepare(d.resource); err == nil {
			err = maySubscribe(t.who, d.resource)
		}
		return d.untold(err)
	})
}

// pin finds the versions that updates make, where a patch brings a link to one.
func (t *transaction) pin(ctx context.Context) error {
	return t.each(func(d *draft) error {
		if d.pinned && d.next == 0 {
			return t.decide(ctx, t.who, d, nil)
		}
		return nil
	})
}

// relinkAll sets the links of all resources, and makes the index entries anew where that changed something.
func (t *transaction) relinkAll() {
	for _, d := range t.drafts {
		if d.relink(); d.relinked {
			d.entries, d.relinked = t.Rules.Extract(d.resource), false
		}
	}
	t.written = writtenBy(t.drafts, fhir.InstantOf(t.Now()))
}

// inTurn are the changes in the order of https://hl7.org/fhir/R4/http.html#trules: deletes, creates, updates and patches. Before them comes what
// conditional deletes rest on, which are decided on what the transaction finds.
func (t *transaction) inTurn() []*draft {
	return slices.SortedStableFunc(slices.Values(t.drafts), func(a, b *draft) int { return cmp.Compare(a.turn(), b.turn()) })
}

// turn says when in a transaction a change is carried out.
func (d *draft) turn() int {
	switch {
	case d.idle && d.Action == ActDelete:
		return 0
	case d.Action == ActDelete:
		return 1
	case d.Action == ActCreate:
		return 2
	default:
		return 3
	}
}

// guards hold what the conditional references and the bookings rest on, as far as no change holds it.
func (t *transaction) guards() []storage.Op {
	held := make(keys, len(t.drafts))
	for _, d := range t.drafts {
		held[d.target] = true
	}
	for _, x := range t.ledger.consequences() {
		held[x.key] = true
	}
	guards := t.ledger.guards(held)
	for _, c := range t.queries {
		if c.guard.Guard && !held[c.guard.Key] {
			held[c.guard.Key] = true
			guards = append(guards, c.guard)
		}
	}
	return guards
}

// write hands operations to the store, with what bookings bring with them.
func (t *transaction) write(ctx context.Context, ops []storage.Op) ([]storage.Result, error) {
	consequences := t.ledger.consequences()
	switch {
	case t.Store.Transactions():
		guards := t.guards()
		ops = append(guards, ops...) // they hold what was found, before anything is written
		for _, x := range consequences {
			ops = append(ops, t.ledger.op(x))
		}
		results, err := t.Store.Commit(ctx, t.who.Partition, ops)
		if err != nil {
			return nil, err
		}
		return results[len(guards):], nil
	case len(consequences) > 0, t.ledger != nil && len(t.ledger.passed) > 0:
		result, err := t.undertake(ctx, t.who, t.ledger.undertaking(ops[0], consequences))
		return []storage.Result{result}, err
	default:
		results, err := t.Store.Commit(ctx, t.who.Partition, ops)
		if err == nil {
			t.fulfilLate(ctx)
		}
		return results, err
	}
}

// toWrite are the changes that the store is told of, in turn. What an idle one found and a booking writes is left out: the booking is written on the same version.
// They are stale where it is another by now.
func (t *transaction) toWrite() (order []*draft, stale bool) {
	booked := map[fhir.Key]*entry{}
	for _, x := range t.ledger.consequences() {
		booked[x.key] = x
	}
	order = slices.DeleteFunc(t.inTurn(), func(d *draft) bool {
		x := booked[d.target]
		if !d.idle || x == nil {
			return false
		}
		stale = stale || x.version.Number != d.found.Number
		return true
	})
	return order, stale
}

// commit hands the changes to the store. They are stale when what was read for them is not so any more.
func (t *transaction) commit(ctx context.Context) (outcomes []Outcome, stale bool, err error) {
	outcomes = make([]Outcome, len(t.drafts))
	if t.single && t.drafts[0].idle { // nothing rests on it
		outcomes[0] = t.drafts[0].outcome(storage.Result{})
		return outcomes, false, nil
	}
	for _, d := range t.drafts { // the outcome of what is written is set below
		if d.idle {
			outcomes[d.index] = d.outcome(storage.Result{})
		}
	}
	order, stale := t.toWrite()
	if stale {
		return nil, true, nil
	}
	ops := make([]storage.Op, len(order))
	origins := map[Action]string{}
	for i, d := range order {
		if ops[i] = d.op(); ops[i].Guard {
			continue
		}
		if origins[d.Action] == "" {
			origins[d.Action] = audit.OriginOf(t.who, interactions[d.Action])
		}
		ops[i].Origin = origins[d.Action]
	}
	if err := t.noteHolds(ctx); err != nil {
		return nil, false, err
	}
	results, err := t.write(ctx, ops)
	t.noteLateHolds(ctx)
	switch {
	case errors.Is(err, fhir.PreconditionFailed), errors.Is(err, fhir.Conflict):
		return nil, true, nil
	case err != nil:
		return nil, false, err
	}
	for i, d := range order {
		outcomes[d.index] = d.outcome(results[i])
	}
	return outcomes, false, nil
}
