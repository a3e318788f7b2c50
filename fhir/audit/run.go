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
	written, projected := complaint{trail: t, of: "what is read and refused"}, complaint{trail: t, of: "what is written"}
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			written.tell(ctx, t.Flush(ctx))
			projected.tell(ctx, t.Project(ctx))
		case <-t.much:
			written.tell(ctx, t.Flush(ctx))
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
	of    string    // what the events are about that cannot be written
	since time.Time // when it began; zero while all is well
	told  time.Time
}

// tell takes what the last try came to.
func (c *complaint) tell(ctx context.Context, err error) {
	now := c.trail.Now()
	switch {
	case ctx.Err() != nil:
	case err == nil && !c.since.IsZero():
		c.trail.Log.Info("audit events are written again", "of", c.of, "after", now.Sub(c.since))
		c.since, c.told = time.Time{}, time.Time{}
	case err != nil:
		if c.since.IsZero() {
			c.since = now
		}
		if now.Sub(c.told) >= sayEvery {
			c.told = now
			c.trail.Log.Error("audit events cannot be written; they are not lost, and tried again", "of", c.of, "error", err, "since", c.since)
		}
	}
}
