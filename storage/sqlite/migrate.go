package sqlite

import (
	"context"
	"database/sql/driver"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a file as ours (https://www.sqlite.org/pragma.html#pragma_application_id): "PRTC".
const applicationID = 0x50525443

// migrate brings the file to the layout that this program knows, one transaction a step. A file of another program, or of a
// newer version of this one, is refused.
func migrate(ctx context.Context, c *conn) error {
	if err := claim(ctx, c); err != nil {
		return err
	}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	for i, name := range names {
		if err := step(ctx, c, int64(i+1), name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	last, _, err := c.number(ctx, "SELECT max(number) FROM migration")
	if err == nil && last > int64(len(names)) {
		err = fmt.Errorf("the file has layout %d, this program knows layouts up to %d: use a newer program", last, len(names))
	}
	return err
}

// claim makes an empty file ours.
func claim(ctx context.Context, c *conn) error {
	return c.write(ctx, func() error {
		id, _, err := c.number(ctx, "PRAGMA application_id")
		if err != nil || id == applicationID {
			return err
		}
		tables, _, err := c.number(ctx, "SELECT count(*) FROM sqlite_schema")
		if err != nil {
			return err
		}
		if id != 0 || tables != 0 {
			return fmt.Errorf("the file is a database of another program")
		}
		if err := c.exec(ctx, "PRAGMA application_id = "+strconv.Itoa(applicationID)); err != nil {
			return err
		}
		return c.exec(ctx, "CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL)")
	})
}

// step applies one migration unless it is recorded already.
func step(ctx context.Context, c *conn, number int64, name string) error {
	return c.write(ctx, func() error {
		_, done, err := c.number(ctx, "SELECT number FROM migration WHERE number = ?", number)
		if err != nil || done {
			return err
		}
		script, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if err := c.exec(ctx, string(script)); err != nil {
			return err
		}
		if number == digested {
			if err := digestTerms(ctx, c); err != nil {
				return err
			}
		}
		return c.exec(ctx, "INSERT INTO migration VALUES (?, ?)", number, driver.Value(strings.TrimPrefix(name, "migrations/")))
	})
}

// digested is the migration whose term rows have digests.
const digested = 3

// digestTerms makes the rows of term of what live.entries says, in the transaction of the migration.
func digestTerms(ctx context.Context, c *conn) error {
	t := &tx{conn: c, ctx: ctx}
	for last, more := first, true; more; {
		var found [][]driver.Value
		err := c.query(ctx, "SELECT instant, entries FROM live WHERE instant > ? ORDER BY instant LIMIT +?", []driver.Value{last, int64(batchRows)}, func(row []driver.Value) error {
			found = append(found, slices.Clone(row))
			return nil
		})
		if err != nil {
			return err
		}
		for _, row := range found {
			last = integer(row[0])
			x := oldIndex(blob(row[1]), digestOf)
			if err := t.each(insertTerms, x.termValues(fhir.Instant(last))); err != nil {
				return err
			}
		}
		more = len(found) == batchRows
	}
	return nil
}

// write runs fn within a transaction that holds the write lock from its beginning.
func (c *conn) write(ctx context.Context, fn func() error) error {
	if err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		err = c.exec(context.WithoutCancel(ctx), "COMMIT")
	}
	if err != nil {
		_ = c.exec(context.WithoutCancel(ctx), "ROLLBACK") // fails when SQLite rolled back already
	}
	return err
}
