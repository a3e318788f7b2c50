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

// with runs fn on a connection, and waits for one as long as ctx allows. A connection that failed is not used again.
func (p *pool) with(ctx context.Context, fn func(*conn) error) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.slots }()
	c, err := p.take()
	if err != nil {
		return err
	}
	if err = fn(c); err != nil && !isRefusal(err) {
		return errors.Join(err, c.close())
	}
	p.put(c)
	return err
}

func (p *pool) take() (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return c, nil
	}
	return p.dial()
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
