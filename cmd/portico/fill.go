package main

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

// The site of a server for development, and the partition that has its data.
const (
	demoSite      = "demo"
	demoPartition = fhir.Partition("demo/test")
)

// developer is who comes to such a server without a credential.
var developer = fhir.Principal{Partition: demoPartition, Scopes: fhir.Unlimited(), Admin: true}

const (
	demoRecord   = "portico/demo"
	demoPatients = 500
	demoSeed     = 1
	fillers      = 32 // concurrent writes, so that the store can commit them in groups
)

// demoState is what a store knows of its demo data. The day is kept from the start, so that a fill that goes on
// tomorrow makes the same data.
type demoState struct {
	At     time.Time
	Filled []string // the resource types whose data are there, sorted
}

// fillDemo fills the demo site with generated data of the types that are served, each once in the life of a store: types that are served
// later are filled then, with what fits to the rest. A fill that was interrupted is taken up again: what is there already is left alone.
func (a *App) fillDemo(ctx context.Context) error {
	state, record, err := a.demoState(ctx)
	if err != nil {
		return err
	}
	due := slices.DeleteFunc(slices.Clone(a.Config.Resources), func(typ string) bool { return slices.Contains(state.Filled, typ) })
	if len(due) == 0 {
		return nil
	}
	all := demo.Generate(demo.Options{Patients: demoPatients, Seed: demoSeed, At: state.At})
	if err := a.fillAll(ctx, without(all, func(r fhir.Resource) bool { return !slices.Contains(due, r.Type()) })); err != nil {
		return err
	}
	state.Filled = slices.Sorted(slices.Values(slices.Concat(state.Filled, due)))
	value, err := json.Marshal(state)
	if err != nil {
		return err
	}
	_, err = a.store.Records().Swap(ctx, demoRecord, record.Revision, value, 0)
	return err
}

// demoState reads the state, and makes it where there is none.
func (a *App) demoState(ctx context.Context) (state demoState, record storage.Record, err error) {
	records := a.store.Records()
	record, err = records.Get(ctx, demoRecord)
	if errors.Is(err, fhir.NotFound) {
		var value []byte
		if value, err = json.Marshal(demoState{At: a.Now().UTC()}); err != nil {
			return state, record, err
		}
		record, err = records.Swap(ctx, demoRecord, 0, value, 0)
		if errors.Is(err, fhir.Conflict) {
			record, err = records.Get(ctx, demoRecord)
		}
	}
	if err == nil {
		err = json.Unmarshal(record.Value, &state)
	}
	return state, record, err
}

// fillAll stores resources, many at a time, in no order but one: appointments come last, for they take slots that are there, and leave the tasks
// that are there as they are. So the resources are gone through twice.
func (a *App) fillAll(ctx context.Context, resources iter.Seq[fhir.Resource]) error {
	isAppointment := func(r fhir.Resource) bool { return r.Type() == "Appointment" }
	if err := a.fillMany(ctx, without(resources, isAppointment)); err != nil {
		return err
	}
	return a.fillMany(ctx, without(resources, func(r fhir.Resource) bool { return !isAppointment(r) }))
}

// without are the resources that are not so.
func without(resources iter.Seq[fhir.Resource], is func(fhir.Resource) bool) iter.Seq[fhir.Resource] {
	return func(yield func(fhir.Resource) bool) {
		for r := range resources {
			if !is(r) && !yield(r) {
				return
			}
		}
	}
}

func (a *App) fillMany(ctx context.Context, resources iter.Seq[fhir.Resource]) error {
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
	for r := range resources {
		if ctx.Err() != nil {
			break
		}
		work <- r
	}
	close(work)
	group.Wait()
	return context.Cause(ctx)
}

func (a *App) fillOne(ctx context.Context, r fhir.Resource) error {
	_, err := a.engine.Write(ctx, developer, engine.Change{Action: engine.ActUpdate, Key: r.Key(), Resource: r, Pre: engine.Precondition{Absent: true}})
	if errors.Is(err, fhir.PreconditionFailed) {
		return nil
	}
	return err
}
