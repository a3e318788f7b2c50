package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// conn is one connection with its prepared statements, for one goroutine at a time. It stands on the driver itself:
// database/sql would cost more than a point read.
type conn struct {
	path   string // of the file
	raw    driver.Conn
	stmts  map[string]statement
	meter  meter
	writes bool // what it reads may never become durable: its transaction may fail yet
	broken bool // nobody knows whether a transaction is open
	frozen bool // what is read is of one state, which may be past
}

// statement is what the driver's prepared statements are.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// The texts of searches are many, and some are long: what a connection keeps prepared is bounded.
const (
	maxStatements = 200
	maxStatement  = 4 << 10 // bytes of the text of one; a longer one is prepared, used and closed
)

// dial connects to the file at a path, as dsn says.
func dial(path, dsn string) (*conn, error) {
	c := &conn{path: path, stmts: make(map[string]statement)}
	with, err := functional()
	if err != nil {
		return nil, err
	}
	if c.raw, err = with.Open(dsn); err != nil {
		return nil, c.blame(err)
	}
	c.meter.install()
	return c, nil
}

// close closes a connection; nil is none.
func (c *conn) close() error {
	if c == nil {
		return nil
	}
	c.meter.uninstall()
	c.forget()
	return c.raw.Close()
}

// forget closes every prepared statement.
func (c *conn) forget() {
	for _, s := range c.stmts {
		_ = s.Close() // it repeats the error of its last use
	}
	clear(c.stmts)
}

// with runs fn with the prepared statement of a text.
func (c *conn) with(text string, fn func(statement) error) error {
	s, known := c.stmts[text]
	if !known {
		var err error
		if s, err = c.prepare(text); err != nil {
			return c.blame(err)
		}
		if len(text) > maxStatement {
			defer func() { _ = s.Close() }() // it repeats the error of its last use
		} else {
			c.remember(text, s)
		}
	}
	if err := fn(s); err != nil {
		return cmp.Or(c.meter.ended, c.blame(err))
	}
	return nil
}

func (c *conn) remember(text string, s statement) {
	if len(c.stmts) >= maxStatements {
		c.forget()
	}
	c.stmts[text] = s
}

func (c *conn) prepare(text string) (statement, error) {
	raw, err := c.raw.Prepare(text)
	if err != nil {
		return nil, err
	}
	s, ok := raw.(statement)
	if !ok {
		return nil, fmt.Errorf("the SQLite driver's statement %T lacks contexts", raw)
	}
	return s, nil
}

// exec runs one statement, or a script without arguments.
func (c *conn) exec(ctx context.Context, text string, args ...driver.Value) error {
	return c.with(text, func(s statement) error {
		_, err := s.ExecContext(ctx, bound(args))
		return err
	})
}

// query runs one statement and hands its rows on, one by one, until each returns io.EOF; the slice is used again for the next. The driver ends the
// statement soon after ctx, but only until its first row is there: what may search long for its rows
// must gather them before it gives the first.
func (c *conn) query(ctx context.Context, text string, args []driver.Value, each func(row []driver.Value) error) error {
	return c.with(text, func(s statement) error {
		rows, err := s.QueryContext(ctx, bound(args))
		if err != nil {
			return err
		}
		return forEach(rows, each)
	})
}

func forEach(rows driver.Rows, each func(row []driver.Value) error) error {
	row := make([]driver.Value, len(rows.Columns()))
	for {
		err := rows.Next(row)
		if err == nil {
			err = each(row)
		}
		if err != nil {
			return cmp.Or(ignoreEOF(err), rows.Close()) // which repeats the error, where there is one
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// number runs a statement whose first row begins with an integer, and says whether there was a row.
func (c *conn) number(ctx context.Context, text string, args ...driver.Value) (value int64, found bool, err error) {
	err = c.query(ctx, text, args, func(row []driver.Value) error {
		value, found = row[0].(int64)
		return nil
	})
	return value, found, err
}

// snapshot runs fn in one state of the store. Its transaction does not outlive it: it begins and ends whatever becomes of ctx,
// for of a statement that ctx ended nobody could say whether it was carried out.
func (c *conn) snapshot(ctx context.Context, fn func() error) error {
	ctx = context.WithoutCancel(ctx)
	if err := c.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	c.frozen = true
	err := fn()
	c.frozen = false
	if failed := c.exec(ctx, "COMMIT"); failed != nil {
		c.broken = true
		err = cmp.Or(err, failed)
	}
	return err
}

func bound(args []driver.Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, v := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return values
}
