package main

import (
	"context"
	"sync"
	"time"
)

// work is the context of the work on an answer: that of the request, until its time is over. It is what context.WithDeadline makes, but no
// timer is set before somebody waits for the end, and most requests are answered from memory without waiting for anything.
type work struct {
	context.Context // of the request
	end             time.Time
	seen            observation

	mu      sync.Mutex
	waited  context.Context // with a timer; nil as long as nobody waits
	release context.CancelFunc
}

// Deadline is context.Context's.
func (w *work) Deadline() (time.Time, bool) {
	if earlier, ok := w.Context.Deadline(); ok && earlier.Before(w.end) {
		return earlier, true
	}
	return w.end, true
}

// Done is context.Context's. It sets the timer.
func (w *work) Done() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waited == nil {
		w.waited, w.release = context.WithDeadline(w.Context, w.end)
	}
	return w.waited.Done()
}

// Err is context.Context's.
func (w *work) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.waited != nil:
		return w.waited.Err()
	case w.Context.Err() != nil:
		return w.Context.Err()
	case time.Now().Before(w.end):
		return nil
	default:
		return context.DeadlineExceeded
	}
}

// Value is context.Context's. It knows the observation of the request too.
func (w *work) Value(key any) any {
	if key == (observationKey{}) {
		return &w.seen
	}
	return w.Context.Value(key)
}

// stop ends what Done began, once the answer is given.
func (w *work) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.release != nil {
		w.release()
	}
}
