package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/portico-health/portico/fhir"
)

const (
	reindexTold  = 10 * time.Second // between two lines of log about the progress
	reindexPause = 30 * time.Second // before it is tried again when the store was out of reach
)

// reindex makes index entries anew where other rules made those in the store, beside the requests, and logs how far it is. It ends when
// that is done, when ctx ends, or when it cannot be done.
func (a *App) reindex(ctx context.Context) {
	state := a.engine.Index()
	if !state.Due {
		return
	}
	a.Log.Info("base URL, resource types or search parameters are not those of the last start: all resources are indexed anew, and until then searches by what differs, or by chains to it within contained resources, are refused",
		"parameters", state.Parameters(), "types", len(state.Unfinished))
	start := a.Now()
	for {
		err := a.reindexOnce(ctx)
		switch {
		case err == nil:
			a.Log.Info("all resources are indexed anew", "resources", a.engine.Index().Total, "seconds", a.Now().Sub(start).Seconds())
			return
		case ctx.Err() != nil:
			a.Log.Info("indexing anew was interrupted; the next start begins it again", "done", a.engine.Index().Progress())
			return
		case !errors.Is(err, fhir.Unavailable):
			a.Log.Error("indexing anew has failed; searches by what differs are refused until the next start", "error", err)
			return
		}
		a.Log.Warn("indexing anew has failed and is tried again", "error", err, "after", reindexPause.String())
		select {
		case <-time.After(reindexPause):
		case <-ctx.Done():
		}
	}
}

// reindexOnce runs the pass, and logs now and then how far it is.
func (a *App) reindexOnce(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- a.engine.Reindex(ctx) }()
	tick := time.NewTicker(reindexTold)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			state := a.engine.Index()
			a.Log.Info("indexing anew", slog.Int64("done", state.Done), slog.Int64("of", state.Total), slog.String("share", state.Progress()))
		}
	}
}
