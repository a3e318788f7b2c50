package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// OpenToRead opens a store that is there, beside whoever else has it open, and neither makes nor changes anything in it: what would
// write is Unavailable. A file that nobody can write, on a medium or in a folder that cannot be written, is read as it is. Unavailable when
// the file cannot be had; Internal when it is no store of this program, or one in the layout of another release.
func OpenToRead(ctx context.Context, c Config) (*Store, error) {
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, unavailable().Because(err)
	}
	main, readers, err := dialExisting(ctx, path)
	if err != nil {
		return nil, classify(ctx, err)
	}
	if err := recognise(ctx, main); err != nil {
		return nil, classify(ctx, errors.Join(named(path, err), main.close()))
	}
	return newStore(c, main, readers), nil
}

// dialExisting connects to a file that is there, to read, and returns how others can.
func dialExisting(ctx context.Context, path string) (c *conn, dsn string, err error) {
	info, err := os.Stat(path) // SQLite would call every reason the same
	if err != nil {
		return nil, "", unavailable().Because(err)
	}
	if !info.Mode().IsRegular() {
		return nil, "", unavailable().Because(fmt.Errorf("%s is no file", path))
	}
	dsn = existingDSN(path)
	c, err = dialReadable(ctx, path, dsn)
	if err != nil && lacksLog(err, path) {
		dsn = untouchedDSN(path)
		c, err = dialReadable(ctx, path, dsn)
	}
	return c, dsn, err
}

// dialReadable connects to a file and reads its first page.
func dialReadable(ctx context.Context, path, dsn string) (*conn, error) {
	c, err := dial(path, dsn)
	if err != nil {
		return nil, err
	}
	if _, _, err = c.number(ctx, "SELECT count(*) FROM sqlite_schema"); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// lacksLog says whether a file cannot be read because SQLite can make no log beside it. Then nobody can write it, and it may be read without one,
// unless there is one that would have to be read.
func lacksLog(err error, path string) bool {
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return false
	}
	code := failed.Code() & 0xff
	info, missing := os.Stat(path + "-wal")
	return (code == codes.SQLITE_CANTOPEN || code == codes.SQLITE_READONLY) && (errors.Is(missing, fs.ErrNotExist) || missing == nil && info.Size() == 0)
}

// recognise refuses what Open would have to make or to change first.
func recognise(ctx context.Context, c *conn) error {
	if err := belongs(ctx, c); err != nil {
		return err
	}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	last, _, err := c.number(ctx, "SELECT max(number) FROM migration")
	if err == nil && last != int64(len(names)) {
		err = fmt.Errorf("the file has layout %d, this program knows layout %d: start the server on it once, which brings an older one up to date, or use a newer program", last, len(names))
	}
	return err
}

// belongs says whether a file is a store of this program, of whatever layout.
func belongs(ctx context.Context, c *conn) error {
	id, _, err := c.number(ctx, "PRAGMA application_id")
	if err == nil && id != applicationID {
		err = errors.New("the file is no store of this program")
	}
	return err
}
