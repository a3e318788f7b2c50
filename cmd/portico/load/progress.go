package load

import (
	"fmt"
	"io"
	"time"
)

const (
	redraw    = 100 * time.Millisecond
	clearLine = "\r\x1b[K" // ECMA-48: back to the left, erase to the right
)

// progress is one line that tells how far the load is. It is written at most ten times a second.
type progress struct {
	w    io.Writer // nil for none
	now  func() time.Time
	last time.Time
}

func newProgress(opts Options) *progress {
	p := &progress{w: opts.Progress, now: opts.Now}
	if p.now == nil {
		p.now = time.Now
	}
	return p
}

func (p *progress) update(s Summary, at Place) {
	if p.w == nil {
		return
	}
	now := p.now()
	if now.Sub(p.last) < redraw {
		return
	}
	p.last = now
	fmt.Fprintf(p.w, "%s%d loaded, %d refused (%s)", clearLine, s.Created+s.Updated+s.Other, s.Refused, at)
}

func (p *progress) clear() {
	if p.w != nil && !p.last.IsZero() {
		fmt.Fprint(p.w, clearLine)
	}
}
