package main

import (
	"context"
	"time"
)

const (
	settleEvery = time.Second
	settleTold  = time.Minute // between two lines of log about what fails
)

// settle lapses holds that have ended and finishes bookings that a crash left half-done, every second until ctx ends.
func (a *App) settle(ctx context.Context) {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			a.settleOnce(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// settleOnce does one round, and tells the log of what fails, at once and then once in a while, and that it is over.
func (a *App) settleOnce(ctx context.Context) {
	err := a.engine.Settle(ctx)
	now := a.Now()
	switch {
	case ctx.Err() != nil:
	case err == nil && !a.unsettled.IsZero():
		a.Log.Info("holds and bookings are settled again")
		a.unsettled = time.Time{}
	case err != nil && now.Sub(a.unsettled) >= settleTold:
		a.Log.Error("holds that have ended cannot be lapsed, or bookings that were left half-done not be finished; it is tried again", "error", err)
		a.unsettled = now
	}
}
