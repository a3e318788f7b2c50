package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// mostDamage is how many lines of SQLite's own are reported: of a torn file there would be one for every page.
const mostDamage = 100

// integrity asks SQLite about the file: https://www.sqlite.org/pragma.html#pragma_integrity_check. It takes one state of the store, for
// which the log of later writes has to wait.
func (k *checking) integrity() error {
	var said []string
	err := k.read(k.ctx, func(c *conn) (err error) {
		said, err = integrityOf(k.ctx, c)
		return err
	})
	for _, line := range said {
		k.faultf("The file is damaged: %s.", line)
	}
	return k.unlessDamaged("its pages", err)
}

// integrityOf returns what SQLite finds wrong in a file.
func integrityOf(ctx context.Context, c *conn) (said []string, err error) {
	err = c.query(ctx, fmt.Sprintf("PRAGMA integrity_check(%d)", mostDamage), nil, func(row []driver.Value) error {
		for line := range strings.SplitSeq(text(row[0]), "\n") {
			if line != "ok" && !strings.HasPrefix(line, "***") { // the name of the database
				said = append(said, line)
			}
		}
		return nil
	})
	return said, err
}

// layout reports tables and indexes that are not as the migrations make them. The rest cannot be read unless it is whole.
func (k *checking) layout() (whole bool, err error) {
	var is, want map[string]string
	err = k.read(k.ctx, func(c *conn) (err error) {
		is, err = schema(k.ctx, c)
		return err
	})
	if err == nil {
		want, err = freshSchema(k.ctx)
	}
	if err != nil {
		return false, k.unlessDamaged("its layout", classify(k.ctx, err))
	}
	whole = true
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if is[name] != want[name] {
			whole = false
			k.faultf("The %s is missing in the file, or not as this program makes it; what the tables hold was not looked at.", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if _, known := want[name]; !known {
			k.faultf("The %s in the file is none of this program's.", name)
		}
	}
	return whole, nil
}

// schema are the statements that would make the tables and indexes of a file, by "table version". Those that SQLite makes for itself
// are left out, and so are comments.
func schema(ctx context.Context, c *conn) (map[string]string, error) {
	made := make(map[string]string)
	err := c.query(ctx, `SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'`, nil, func(row []driver.Value) error {
		made[text(row[0])+" "+text(row[1])] = strings.Join(strings.Fields(comment.ReplaceAllString(text(row[2]), " ")), " ")
		return nil
	})
	return made, err
}

// comment is one in SQL, up to the end of its line.
var comment = regexp.MustCompile(`--.*`)

// freshSchema is the schema of a new store.
func freshSchema(ctx context.Context) (made map[string]string, err error) {
	c, err := dial("memory", "file::memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := migrate(ctx, c); err != nil {
		return nil, err
	}
	return schema(ctx, c)
}
