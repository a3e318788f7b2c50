package sqlite

import (
	"context"
	"errors"
	"sync"
)

// pool keeps the reading connections. The one that was used last is used first: its page cache is warm.
type pool struct {
	dial  func() (*conn, error)
	slots chan struct{} // one for each connection that may be in use

	mu   sync.Mutex
	idle []*conn
}

func newPool(size int, dial func() (*conn, error)) *pool {
	return &pool{dial: dial, slots: make(chan struct{}, size)}
}

// with runs fn on a connection, and waits for one as long as ctx allows. A connection that failed, or whose fn panicked, is not used again; to be
// interrupted is no failure.
func (p *pool) with(ctx context.Context, fn func(*conn) error) (err error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.slots }()
	c := p.take()
	if c == nil {
		if c, err = p.dial(); err != nil {
			return err
		}
	}
	returned := false
	defer func() {
		if !returned || c.broken || err != nil && !isRefusal(err) && !isInterruption(ctx, err) {
			err = errors.Join(err, c.close())
			return
		}
		p.put(c)
	}()
	err = fn(c)
	returned = true
	return err
}

// isInterruption says whether an error is the end of ctx.
func isInterruption(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, ctx.Err())
}

// take returns the connection that was used last; nil when none is idle.
func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return c
}

func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
}

// close closes the connections; none may be in use.
func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, c := range p.idle {
		errs = append(errs, c.close())
	}
	p.idle = nil
	return errors.Join(errs...)
}
