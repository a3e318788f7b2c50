package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// Undertake is undertake, for tests.
func Undertake(ctx context.Context, e *Engine, who fhir.Principal, main storage.Op, claims, rest []storage.Op) (storage.Result, error) {
	return e.undertake(ctx, who, undertaking{claims: claims, main: main, rest: rest})
}

// Resume is resume, for tests.
func Resume(ctx context.Context, e *Engine, p fhir.Partition, appointment fhir.Key) error {
	return e.resume(ctx, p, appointment)
}

// NoteHold is noteHold, for tests.
func NoteHold(ctx context.Context, e *Engine, p fhir.Partition, appointment fhir.Key, until fhir.Instant) error {
	return e.noteHold(ctx, p, appointment, until)
}

// Lapse is lapse, for tests.
func Lapse(ctx context.Context, e *Engine, p fhir.Partition, appointment fhir.Key) error {
	return e.lapse(ctx, p, appointment)
}
