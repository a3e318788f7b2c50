package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// newReaders makes a pool of readers of an empty store.
func newReaders(t *testing.T) *pool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store.reads
}

// cutOff is a connection on which a context ends while BEGIN runs: as the driver does it, the statement is carried out and
// called ended.
type cutOff struct {
	driver.Conn
	end func()
}

func (c cutOff) Prepare(text string) (driver.Stmt, error) {
	s, err := c.Conn.Prepare(text)
	if err != nil || text != "BEGIN" {
		return s, err
	}
	return cutOffBegin{s.(statement), c.end}, nil
}

type cutOffBegin struct {
	statement
	end func()
}

func (s cutOffBegin) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := s.statement.ExecContext(ctx, args)
	if s.end(); ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return result, err
}

// A search that is cancelled at whatever moment leaves a connection without a transaction, and keeps it.
func TestSnapshotThatIsCutOff(t *testing.T) {
	reads := newReaders(t)
	look := func(ctx context.Context) error {
		return reads.with(ctx, func(c *conn) error {
			return c.snapshot(ctx, func() error {
				_, _, err := c.number(ctx, "SELECT count(*) FROM version")
				return err
			})
		})
	}
	if err := look(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := reads.idle[0]
	c.forget()
	whole := c.raw
	ctx, cancel := context.WithCancel(t.Context())
	c.raw = cutOff{whole, cancel}
	if err := look(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if len(reads.idle) != 1 || reads.idle[0] != c {
		t.Fatal("the connection was thrown away")
	}
	c.forget()
	c.raw = whole
	if err := look(t.Context()); err != nil {
		t.Errorf("the next search: %v", err)
	}
}

// A connection whose transaction cannot be ended is thrown away, and so is one that failed.
func TestBrokenConnections(t *testing.T) {
	reads := newReaders(t)
	for name, fn := range map[string]func(c *conn) error{
		"ended within": func(c *conn) error {
			return c.snapshot(t.Context(), func() error { return c.exec(t.Context(), "COMMIT") })
		},
		"failed": func(c *conn) error { return c.exec(t.Context(), "SELECT nonsense") },
	} {
		if err := reads.with(t.Context(), fn); err == nil || len(reads.idle) != 0 {
			t.Errorf("%s: error %v, %d connections kept", name, err, len(reads.idle))
		}
	}
}

// A connection in whose use there was a panic is closed, and others have its place.
func TestPanicOnConnection(t *testing.T) {
	reads := newReaders(t)
	for range 2 * cap(reads.slots) {
		closed := false
		func() {
			defer func() { _ = recover() }()
			_ = reads.with(t.Context(), func(c *conn) error {
				c.raw = noted{c.raw, &closed}
				panic("a defect")
			})
		}()
		if !closed || len(reads.idle) != 0 {
			t.Fatalf("the connection is closed: %t, and %d are kept", closed, len(reads.idle))
		}
	}
}

// noted is a connection that tells when it is closed.
type noted struct {
	driver.Conn
	closed *bool
}

func (n noted) Close() error {
	*n.closed = true
	return n.Conn.Close()
}

// What a connection keeps prepared is bounded, in texts and in their size.
func TestPreparedStatements(t *testing.T) {
	err := newReaders(t).with(t.Context(), func(c *conn) error {
		long := "SELECT length('" + strings.Repeat("x", maxStatement) + "')"
		for range 2 {
			if n, _, err := c.number(t.Context(), long); err != nil || n != maxStatement {
				t.Errorf("a long statement gives %d, %v", n, err)
			}
		}
		if len(c.stmts) != 0 {
			t.Errorf("%d long statements are kept", len(c.stmts))
		}
		for i := range maxStatements + 10 {
			if err := c.exec(t.Context(), "SELECT 1"+strings.Repeat(" ", i)); err != nil {
				return err
			}
		}
		if len(c.stmts) != 10 {
			t.Errorf("%d statements are kept, want 10", len(c.stmts))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// While one connection is opened slowly, readers go on with those that are open.
func TestSlowDial(t *testing.T) {
	warm := &conn{}
	begun, end := make(chan struct{}), make(chan struct{})
	p := newPool(3, func() (*conn, error) {
		close(begun)
		<-end
		return &conn{}, nil
	})
	p.put(warm)
	use := func(*conn) error { return nil }
	dialled := make(chan error)
	err := p.with(t.Context(), func(*conn) error { // the warm one is in use, so that the other is dialled
		go func() { dialled <- p.with(t.Context(), use) }()
		<-begun
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := p.with(t.Context(), use); err != nil {
		t.Error(err)
	}
	close(end)
	if err := <-dialled; err != nil || len(p.idle) != 2 {
		t.Errorf("%d connections are idle, want 2 (%v)", len(p.idle), err)
	}
}
