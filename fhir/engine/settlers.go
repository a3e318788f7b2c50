package engine

import (
	"errors"
	"fmt"
	"sync"

	"github.com/portico-health/portico/fhir"
)

// gang does several things at once.
type gang struct {
	busy  sync.WaitGroup
	hands chan struct{}
}

// do does something beside the others as soon as fewer than so many are at it. Where one alone may be at it, that is the caller.
func (g *gang) do(atOnce int, what func()) {
	if atOnce == 1 {
		what()
		return
	}
	if g.hands == nil {
		g.hands = make(chan struct{}, atOnce)
	}
	g.hands <- struct{}{}
	g.busy.Go(func() {
		defer func() { <-g.hands }()
		what()
	})
}

// wait waits until all is done.
func (g *gang) wait() { g.busy.Wait() }

// errorList gathers what fails of several things that are done at once.
type errorList struct {
	mu  sync.Mutex
	all []error
}

// add notes that something failed with a record, by its name and the kind of the error: what else it says may be personal.
func (l *errorList) add(record string, err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var aside Aside
	if errors.As(err, &aside) {
		l.all = append(l.all, aside)
		return
	}
	l.all = append(l.all, fmt.Errorf("%s: %w", record, fhir.AsError(err).Kind))
}

func (l *errorList) join() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.all...)
}
