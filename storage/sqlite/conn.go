package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"modernc.org/sqlite"
)

// conn is one connection with its prepared statements, for one goroutine at a time. It stands on the driver itself:
// database/sql would cost more than a point read.
type conn struct {
	raw   driver.Conn
	stmts map[string]statement
}

// statement is what the driver's prepared statements are.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// maxStatements bounds the prepared statements of a connection; the texts of searches are many.
const maxStatements = 200

func dial(dsn string) (*conn, error) {
	raw, err := new(sqlite.Driver).Open(dsn)
	if err != nil {
		return nil, err
	}
	return &conn{raw: raw, stmts: make(map[string]statement)}, nil
}

func (c *conn) close() error {
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

func (c *conn) prepare(text string) (statement, error) {
	if s, ok := c.stmts[text]; ok {
		return s, nil
	}
	if len(c.stmts) >= maxStatements {
		c.forget()
	}
	raw, err := c.raw.Prepare(text)
	if err != nil {
		return nil, err
	}
	s, ok := raw.(statement)
	if !ok {
		return nil, fmt.Errorf("the SQLite driver's statement %T lacks contexts", raw)
	}
	c.stmts[text] = s
	return s, nil
}

// exec runs one statement, or a script without arguments.
func (c *conn) exec(ctx context.Context, text string, args ...driver.Value) error {
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(ctx, named(args))
	return err
}

// query runs one statement and hands its rows on, one by one; the slice is used again for the next. The driver ends the
// statement soon after ctx, but only until its first row is there: what may search long for its rows
// must gather them before it gives the first.
func (c *conn) query(ctx context.Context, text string, args []driver.Value, each func(row []driver.Value) error) error {
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, named(args))
	if err != nil {
		return err
	}
	row := make([]driver.Value, len(rows.Columns()))
	for {
		err := rows.Next(row)
		if err == nil {
			err = each(row)
		}
		if err != nil {
			err = errors.Join(ignoreEOF(err), rows.Close())
			return err
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

// snapshot runs fn in one state of the store.
func (c *conn) snapshot(ctx context.Context, fn func() error) error {
	if err := c.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	return errors.Join(fn(), c.exec(context.WithoutCancel(ctx), "COMMIT"))
}

func named(args []driver.Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, v := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return values
}
