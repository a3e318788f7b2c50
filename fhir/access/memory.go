package access

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/portico-health/portico/fhir"
)

const (
	maxAge      = 500 * time.Millisecond // of what a memory returns, from the moment when it began to be read
	readTimeout = 5 * time.Second        // of the store, whoever waits
	mostKept    = 1 << 13                // names of what is there in a generation of a memory; as many of what is not
)

// memory keeps what was read under names, so that most requests need no store. What get returns was read within maxAge before it was asked for, or after: a
// change of another process is seen within that time. What is not there is remembered too, apart, so that whoever asks for names by chance
// displaces nothing that is used; neither part grows without bound. While one goroutine reads a name, the others wait for it. A failure to read is told to those
// who waited, and not remembered; nobody is given anything older instead.
type memory[V any] struct {
	load func(ctx context.Context, name string) (V, error) // NotFound
	most int

	mu     sync.Mutex
	found  generations[V] // what is there; all of it was read
	others generations[V] // what is being read, and what is not there
}

// reading is what was read under a name. Value and err are set before done is closed, and stay.
type reading[V any] struct {
	began time.Time
	done  chan struct{}
	value V
	err   error
}

func newMemory[V any](load func(context.Context, string) (V, error)) *memory[V] {
	return &memory[V]{load: load, most: mostKept}
}

// remembered returns what is there under a name, if it is known without waiting.
func (m *memory[V]) remembered(name string, now time.Time) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.found.get(name); r.fresh(now) {
		return r.value, true
	}
	return value, false
}

// get returns what is there under a name. NotFound; Unavailable.
func (m *memory[V]) get(ctx context.Context, name string, now time.Time) (V, error) {
	m.mu.Lock()
	if r := m.found.get(name); r.fresh(now) {
		m.mu.Unlock()
		return r.value, nil
	}
	r := m.others.get(name)
	if !r.fresh(now) {
		r = &reading[V]{began: now, done: make(chan struct{}), err: fhir.Unavailable}
		name = strings.Clone(name) // of a header: a piece of it would hold the whole
		m.others.put(name, r, m.most)
		m.mu.Unlock()
		m.read(ctx, name, r)
		return r.value, r.err
	}
	m.mu.Unlock()
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		var none V
		return none, tookTooLong(ctx)
	}
}

// tookTooLong is the error of who cannot wait any longer.
func tookTooLong(ctx context.Context) error {
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The request took too long.").Because(ctx.Err())
}

// read reads a name for all who wait. It goes on when the first of them goes away.
func (m *memory[V]) read(ctx context.Context, name string, r *reading[V]) {
	defer close(r.done)
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer stop()
	r.value, r.err = m.load(ctx, name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.others.get(name) != r { // it was forgotten meanwhile, or somebody has begun anew
		return
	}
	switch {
	case r.err == nil:
		m.others.drop(name)
		m.found.put(name, r, m.most)
	case errors.Is(r.err, fhir.NotFound):
		m.found.drop(name)
	default:
		m.others.drop(name)
	}
}

// was says whether a name is remembered as one that was there lately, however long ago it was read.
func (m *memory[V]) was(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.found.get(name) != nil
}

// forget has a name read anew by whoever asks for it from now on.
func (m *memory[V]) forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.found.drop(name)
	m.others.drop(name)
}

// fresh says whether a reading began at most maxAge ago. That of nil did not.
func (r *reading[V]) fresh(now time.Time) bool {
	if r == nil {
		return false
	}
	age := now.Sub(r.began)
	return age >= 0 && age < maxAge
}

// generations are readings by name: the younger ones, and the older ones, which are dropped together when there are too many. What is used is
// read every half second, and so among the younger ones.
type generations[V any] struct{ young, old map[string]*reading[V] }

func (g *generations[V]) get(name string) *reading[V] {
	if r, ok := g.young[name]; ok {
		return r
	}
	return g.old[name]
}

func (g *generations[V]) put(name string, r *reading[V], most int) {
	if g.young == nil || len(g.young) >= most {
		g.young, g.old = map[string]*reading[V]{}, g.young
	}
	g.young[name] = r
}

func (g *generations[V]) drop(name string) {
	delete(g.young, name)
	delete(g.old, name)
}
