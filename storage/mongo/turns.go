package mongo

import (
	"context"
	"sync"
)

// turns lets those in this process who want the same thing go one after the other, in the order in which they came: a compare-and-set that is lost has cost
// several calls of the database. The zero turns are ready.
type turns struct {
	mu    sync.Mutex
	lines map[string]*line
}

// line is everybody who wants one thing.
type line struct {
	users int           // one has it, the others wait; guarded by the mutex of the turns
	free  chan struct{} // has an element when nobody has it
}

// wait returns when the thing is the caller's, who gives it back.
func (t *turns) wait(ctx context.Context, name string) (back func(), err error) {
	t.mu.Lock()
	l := t.lines[name]
	if l == nil {
		l = &line{free: make(chan struct{}, 1)}
		l.free <- struct{}{}
		if t.lines == nil {
			t.lines = make(map[string]*line)
		}
		t.lines[name] = l
	}
	l.users++
	t.mu.Unlock()
	select {
	case <-l.free:
		return func() {
			l.free <- struct{}{}
			t.leave(name, l)
		}, nil
	case <-ctx.Done():
		t.leave(name, l)
		return nil, ctx.Err()
	}
}

func (t *turns) leave(name string, l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(t.lines, name)
	}
}
