package audit

import (
	"context"
	"time"
)

const (
	flushEvery = time.Second / 2
	lastWords  = 10 * time.Second // in which what is left is written when the program ends
	sayEvery   = time.Minute      // that it cannot be written
)

// Run writes what was recorded, every half second or when much waits, and projects, until ctx ends; then it writes what is left.
func (t *Trail) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	fault := &complaint{trail: t}
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			fault.tell(ctx, t.Flush(ctx), t.Project(ctx))
		case <-t.much:
			fault.tell(ctx, t.Flush(ctx))
		case <-ctx.Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if err := t.Flush(last); err != nil {
		t.Log.Error("audit events that were recorded last are lost", "error", err)
	}
}

// complaint tells the log of what fails, at once and then once in a while, and that it is over.
type complaint struct {
	trail *Trail
	since time.Time // when it began; zero while all is well
	told  time.Time
}

// tell takes what the last try came to.
func (c *complaint) tell(ctx context.Context, faults ...error) {
	now := c.trail.Now()
	for _, err := range faults {
		if err == nil || ctx.Err() != nil {
			continue
		}
		if c.since.IsZero() {
			c.since = now
		}
		if now.Sub(c.told) >= sayEvery {
			c.told = now
			c.trail.Log.Error("audit events cannot be written; they are kept in memory and tried again", "error", err, "since", c.since)
		}
		return
	}
	if !c.since.IsZero() && ctx.Err() == nil {
		c.trail.Log.Info("audit events are written again", "after", now.Sub(c.since))
		*c = complaint{trail: c.trail}
	}
}
