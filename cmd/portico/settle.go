package main

import (
	"context"
	"errors"
	"time"

	"github.com/portico-health/portico/fhir/engine"
)

const (
	settleEvery = time.Second
	settleTold  = time.Minute // between two lines of log about what fails
)

// settle lapses holds that have ended and finishes bookings that a crash left half-done, at once and every second until ctx ends.
func (a *App) settle(ctx context.Context) {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		a.settleOnce(ctx, a.engine.Settle)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// settleOnce does one round, and tells the log of what fails, at once and then once in a while, and that it is over. A record that was moved out of the way is told
// of each time, for that comes once.
func (a *App) settleOnce(ctx context.Context, round func(context.Context) error) {
	err := round(ctx)
	now := a.Now()
	var aside engine.Aside
	switch {
	case errors.As(err, &aside):
		a.Log.Error("a booking that was left half-done cannot be finished", "error", err)
	case ctx.Err() != nil:
	case err == nil && !a.unsettled.IsZero():
		a.Log.Info("holds and bookings are settled again")
		a.unsettled = time.Time{}
	case err != nil && now.Sub(a.unsettled) >= settleTold:
		a.Log.Error("holds that have ended cannot be lapsed, or bookings that were left half-done not be finished; it is tried again", "error", err)
		a.unsettled = now
	}
}
