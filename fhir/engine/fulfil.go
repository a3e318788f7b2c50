package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/storage"
)

// fulfilLate looks once more whether an appointment and its Task are in step, when one of the two was written alone on a store without transactions. Each was held
// to the other as it was read before; so the later of two writers finds what the earlier wrote. What is written is written: where looking fails, the next change
// of the appointment brings them in step.
func (t *transaction) fulfilLate(ctx context.Context) {
	appointment, ok := t.fulfilled()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime)
	defer cancel()
	s := steps{Engine: t.Engine, intent: intent{client: t.who, main: storage.Op{Key: appointment}}}
	_ = s.follow(ctx)
}

// fulfilled is the appointment with a Task that the one change of a transaction is about, if it is.
func (t *transaction) fulfilled() (fhir.Key, bool) {
	if t.ledger == nil || !t.drafts[0].writesResource() {
		return fhir.Key{}, false
	}
	d := t.drafts[0]
	if p := t.ledger.plans[d]; p != nil {
		return d.target, len(p.is.Services) > 0
	}
	if !d.isOn("Task") {
		return fhir.Key{}, false
	}
	appointment, ok := t.ledger.focusOf(d.resource)
	return appointment, ok && booking.FulfilmentKey(appointment) == d.target
}
