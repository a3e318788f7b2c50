package rest

import (
	"errors"
	"net/http"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// transaction is a Bundle whose entries are carried out all or not at all.
type transaction struct {
	parts   []*part
	changes []engine.Change
	writers []*part // whose changes those are
}

// transaction carries out the entries that write, all or none, and then those that read, so that they see what was written:
// https://hl7.org/fhir/R4/http.html#trules. Its error tells the faults of all entries, as far as they can be known together.
func (s *server) transaction(x *exchange, parts []*part) error {
	t, err := s.plan(x, parts)
	if err != nil {
		x.recorded = true // entry by entry
		return err
	}
	outcomes, err := s.Engine.Transact(x.enter(), x.who, t.changes)
	if err != nil {
		return t.locate(err)
	}
	x.applied("return", x.prefer.returns)
	b := newBundle("transaction-response", s.Promises.BaseURL, -1, nil)
	done := 0
	for _, p := range parts {
		if done < len(t.writers) && t.writers[done] == p {
			in := x.of(p)
			if b.isFull() {
				in.prefer.returns = "minimal"
			}
			s.answer(in, t.changes[done], outcomes[done])
			done++
		} else {
			s.perform(x, p, b.isFull())
		}
		b.answered(p)
		p.body = nil
	}
	x.write(http.StatusOK, b.end())
	return nil
}

// plan reads the changes, and looks whether everything else could be answered. Of each entry that has a fault the record tells.
func (s *server) plan(x *exchange, parts []*part) (transaction, error) {
	t := transaction{parts: parts}
	var faults []error
	note := func(p *part, err error) {
		if err != nil {
			faults = append(faults, err)
			s.recordRefusal(x.of(p), err)
		}
	}
	for _, p := range parts {
		note(p, s.planPart(x, p, &t))
	}
	written := t.written()
	for _, p := range parts {
		note(p, s.rehearse(x, p, written))
	}
	return t, joined(faults)
}

// written are the resources that there will be, as far as they have a name before the transaction.
func (t transaction) written() map[fhir.Key]bool {
	keys := map[fhir.Key]bool{}
	for _, c := range t.changes {
		switch {
		case c.Action == engine.ActUpdate && c.Conditional:
			keys[c.Resource.Key()] = true // where nothing matches
		case c.Action == engine.ActUpdate || c.Action == engine.ActPatch:
			keys[c.Key] = true
		}
	}
	return keys
}

// planPart adds the change that an entry asks for; an entry that only reads asks for none.
func (s *server) planPart(x *exchange, p *part, t *transaction) error {
	if p.fault != nil {
		return p.fault
	}
	in := x.of(p)
	a, err := s.find(in)
	if err == nil && a.alone {
		err = fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "$%s changes what is stored, and is carried out by itself: send it as a request of its own, or in a batch. In a transaction, write the resource instead.", in.operation)
	}
	if err != nil || a.plan == nil {
		p.reads = err == nil
		return p.locate(err)
	}
	c, err := a.plan(in)
	if err != nil {
		return p.locate(err)
	}
	c.FullURL = p.fullURL
	t.changes, t.writers = append(t.changes, c), append(t.writers, p)
	return nil
}

// rehearse does what an entry that reads asks for, before anything is written: what cannot be answered fails the transaction while it still can
// fail. That a resource is not there says nothing where the transaction writes it.
func (s *server) rehearse(x *exchange, p *part, written map[fhir.Key]bool) error {
	if !p.reads {
		return nil
	}
	trial := *p
	trial.header = http.Header{}
	trial.request = p.request.WithContext(engine.Rehearsal(p.request.Context()))
	in := x.of(&trial)
	err := s.attempt(in, false)
	if absent := errors.Is(err, fhir.NotFound) || errors.Is(err, fhir.Gone); absent && written[in.key] && in.member == "" {
		return nil
	}
	return err
}

// locate returns the error of the changes with its places in the Bundle.
func (t transaction) locate(err error) error {
	var several engine.ChangeErrors
	var one *engine.ChangeError
	switch {
	case errors.As(err, &several):
	case errors.As(err, &one):
		several = engine.ChangeErrors{one}
	default:
		return err
	}
	var faults []error
	for _, fault := range several {
		faults = append(faults, t.writers[fault.Index].locate(ofCriteria(t.changes[fault.Index], fault.Err)))
	}
	return joined(faults)
}

// maxFaults is how many faults of a Bundle are told.
const maxFaults = 100

// joined is one error of the faults of several entries. Its kind is Invalid where one of them is, for then sending the same again is of no use;
// else that of the first. A failure of the server goes before all of them. It is nil for none.
func joined(faults []error) error {
	if len(faults) == 0 {
		return nil
	}
	all := &fhir.Error{Kind: fhir.AsError(faults[0]).Kind}
	for _, fault := range faults {
		e := fhir.AsError(fault)
		if e.Kind == fhir.Internal || e.Kind == fhir.Unavailable {
			return fault
		}
		if e.Kind == fhir.Invalid {
			all.Kind = fhir.Invalid
		}
		if e.Kind == all.Kind && all.Err == nil {
			all.Err = e.Err // the scope that is missing
		}
		all.Issues = append(all.Issues, e.Issues...)
	}
	if len(all.Issues) > maxFaults {
		all.Issues = append(all.Issues[:maxFaults], fhir.Issue{Severity: fhir.Information, Code: fhir.CodeInformational, Detail: "The list of faults ends here."})
	}
	return all
}
