package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/storage"
)

// intent is what is written down of an undertaking before it begins. Nobody changes it until it is removed.
type intent struct {
	attempt     string       // the name of the undertaking, in the slots that it takes
	began       fhir.Instant // when it was written down
	claims      []storage.Op
	main        storage.Op // Condition.Next is set: it can be written once
	existed     bool       // main changes an appointment that is there
	conditional bool       // main has a Condition.NoMatch, which is not written down
	slots       []fhir.Key // all that the appointment may have had or got, and those that it left to another
	client      fhir.Principal
}

// intentRecord is an intent in its record, as JSON.
type intentRecord struct {
	Attempt     string       `json:"attempt"`
	Began       fhir.Instant `json:"began"`
	Claims      []opRecord   `json:"claims,omitempty"`
	Main        opRecord     `json:"main"`
	Existed     bool         `json:"existed,omitempty"`
	Conditional bool         `json:"conditional,omitempty"`
	Slots       []string     `json:"slots,omitempty"` // ids
	Client      string       `json:"client,omitempty"`
	Request     string       `json:"request,omitempty"`
	Address     string       `json:"address,omitempty"`
}

// opRecord is an operation of an intent. What type its key has follows from where it stands.
type opRecord struct {
	ID      string          `json:"id"`
	Version int64           `json:"version,omitempty"`
	Next    int64           `json:"next,omitempty"`
	Absent  bool            `json:"absent,omitempty"`
	Method  fhir.Method     `json:"method,omitempty"`
	Origin  string          `json:"origin,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"` // none: it deletes
}

// intentOf gives an undertaking its name, and its appointment the number of the version that it makes.
func (e *Engine) intentOf(ctx context.Context, who fhir.Principal, u undertaking) (intent, error) {
	now := e.Now()
	p := intent{attempt: e.NewID(now), began: fhir.InstantOf(now), client: who, main: u.main, conditional: u.main.Condition.NoMatch != nil}
	if err := e.number(ctx, who, &p); err != nil {
		return intent{}, err
	}
	p.claims = slices.Clone(u.claims)
	for i, c := range p.claims {
		slot := booking.SlotOf(e.Rules.BaseURL(), c.Resource)
		p.claims[i].Resource = booking.Take(c.Resource, slot.Status, p.main.Key, p.attempt)
		p.slots = append(p.slots, c.Key)
	}
	for _, op := range u.rest {
		if op.Key.Type == "Slot" {
			p.slots = append(p.slots, op.Key)
		}
	}
	p.slots = append(p.slots, u.passed...)
	return p, nil
}

// number finds which version the appointment comes to, where its condition does not say it.
func (e *Engine) number(ctx context.Context, who fhir.Principal, p *intent) error {
	want := &p.main.Condition
	if want.Version > 0 {
		p.existed, want.Next = true, want.Version+1
		return nil
	}
	current, exists, err := e.current(ctx, who, p.main.Key)
	switch {
	case err != nil:
		return err
	case exists && want.Absent:
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s exists already, in version %d.", current.Key, current.Number)
	case want.Next == 0:
		want.Next = current.Number + 1
	}
	p.existed = exists
	return nil
}

// encode writes the intent for its record.
func (p intent) encode() ([]byte, error) {
	r := intentRecord{
		Attempt: p.attempt, Began: p.began, Main: recordOf(p.main), Existed: p.existed, Conditional: p.conditional,
		Client: p.client.Client, Request: p.client.Request, Address: p.client.Address,
	}
	for _, c := range p.claims {
		r.Claims = append(r.Claims, recordOf(c))
	}
	for _, key := range p.slots {
		r.Slots = append(r.Slots, key.ID)
	}
	return json.Marshal(r)
}

func recordOf(op storage.Op) opRecord {
	c := op.Condition
	r := opRecord{ID: op.Key.ID, Version: c.Version, Next: c.Next, Absent: c.Absent, Method: op.Becomes(), Origin: op.Origin}
	if !op.Resource.IsZero() {
		r.Body = fhir.AppendJSON(nil, op.Resource.Root())
	}
	return r
}

// readIntent reads a record. What its operations write is indexed by the rules of this engine.
func (e *Engine) readIntent(p fhir.Partition, value []byte) (intent, error) {
	var r intentRecord
	if err := json.Unmarshal(value, &r); err != nil {
		return intent{}, fhir.AsError(fmt.Errorf("fhir/engine: the record of a booking is none of this program's: %w", err))
	}
	all := intent{
		attempt: r.Attempt, began: r.Began, existed: r.Existed, conditional: r.Conditional,
		client: fhir.Principal{Partition: p, Client: r.Client, Request: r.Request, Address: r.Address},
	}
	var err error
	if all.main, err = e.opOf("Appointment", r.Main); err != nil {
		return intent{}, err
	}
	for _, c := range r.Claims {
		claim, err := e.opOf("Slot", c)
		if err != nil {
			return intent{}, err
		}
		all.claims = append(all.claims, claim)
	}
	for _, id := range r.Slots {
		all.slots = append(all.slots, fhir.Key{Type: "Slot", ID: id})
	}
	return all, nil
}

func (e *Engine) opOf(typ string, r opRecord) (storage.Op, error) {
	op := storage.Op{
		Key: fhir.Key{Type: typ, ID: r.ID}, Method: r.Method, Origin: r.Origin,
		Condition: storage.Condition{Version: r.Version, Next: r.Next, Absent: r.Absent},
	}
	if r.Body == nil {
		return op, nil
	}
	var err error
	if op.Resource, err = fhir.ParseResource(r.Body); err != nil {
		return op, fhir.AsError(fmt.Errorf("fhir/engine: the record of a booking of %s is damaged", op.Key)) // what is wrong in it may be personal
	}
	op.Entries = e.Rules.Extract(op.Resource)
	return op, nil
}
