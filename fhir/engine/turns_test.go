package engine_test

import (
	"context"
	"runtime"
	"testing"
)

// actor is somebody who uses a hampered store, and waits before each call until it is their turn.
type actor struct {
	turn  chan bool   // false: never again
	point chan string // where they wait; closed when they have ended
	at    string
	how   ending // of the call before which they wait
	ended bool
	err   error
}

// launch has somebody begin, who waits before the first call.
func launch(t testing.TB, do func(ctx context.Context) error) *actor {
	a := &actor{turn: make(chan bool), point: make(chan string)}
	ctx := hamper(t.Context(), func(_ context.Context, point string) ending {
		a.point <- point
		if !<-a.turn {
			runtime.Goexit()
		}
		how := a.how
		a.how = answered
		return how
	})
	go func() {
		defer close(a.point)
		a.err = do(ctx)
	}()
	a.wait()
	return a
}

func (a *actor) wait() {
	point, waits := <-a.point
	a.at, a.ended = point, !waits
}

// step lets somebody make the call before which they wait, and go on to the next.
func (a *actor) step() {
	a.turn <- true
	a.wait()
}

// finish lets somebody go on to the end.
func (a *actor) finish() error {
	for !a.ended {
		a.step()
	}
	return a.err
}

// kill ends somebody where they wait.
func (a *actor) kill() {
	if !a.ended {
		a.turn <- false
		a.wait()
	}
}
