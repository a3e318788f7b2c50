package main

import (
	"context"
	"errors"
	"sync"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

const (
	demoFilledRecord = "portico/demo-filled"
	demoPatients     = 500
	demoSeed         = 1
	fillers          = 32 // concurrent writes, so that the store can commit them in groups
)

// fillDemo fills the demo site with generated data, once in the life of a store. A fill that was interrupted is
// taken up again: what is there already is left alone.
func (a *App) fillDemo(ctx context.Context) error {
	records := a.store.Records()
	if _, err := records.Get(ctx, demoFilledRecord); !errors.Is(err, fhir.NotFound) {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan fhir.Resource)
	var group sync.WaitGroup
	for range fillers {
		group.Go(func() {
			for r := range work {
				if err := a.fillOne(ctx, r); err != nil {
					cancel(err)
				}
			}
		})
	}
	for r := range demo.Generate(demo.Options{Patients: demoPatients, Seed: demoSeed, At: a.Now()}) {
		if ctx.Err() != nil {
			break
		}
		work <- r
	}
	close(work)
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	_, err := records.Swap(ctx, demoFilledRecord, 0, []byte("{}"), 0)
	if errors.Is(err, fhir.Conflict) { // another process on the same store was first, with the same data
		return nil
	}
	return err
}

func (a *App) fillOne(ctx context.Context, r fhir.Resource) error {
	who := fhir.Principal{Partition: demoPartition, Admin: true}
	_, err := a.engine.Update(ctx, who, r.Key(), r, engine.Precondition{Absent: true})
	if errors.Is(err, fhir.PreconditionFailed) {
		return nil
	}
	return err
}
