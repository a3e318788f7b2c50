package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
)

// Resume is resume, for tests.
func Resume(ctx context.Context, e *Engine, p fhir.Partition, appointment fhir.Key) error {
	return e.resume(ctx, p, appointment)
}

// Lapse is lapse, for tests.
func Lapse(ctx context.Context, e *Engine, p fhir.Partition, appointment fhir.Key) error {
	return e.lapse(ctx, p, appointment)
}

// OneAtATime has Settle see to one record at a time, so that tests decide who comes first.
func OneAtATime(e *Engine) { e.hands = 1 }

// StartAgain has an engine take itself for one that has just begun.
func StartAgain(e *Engine) { e.settled.Store(false) }
