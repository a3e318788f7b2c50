package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// own takes a lock beside a file, which is let go when the connection is closed or the process ends, however it ends. That the
// lock is one of SQLite's, on an empty database, makes it the same on every system.
func own(ctx context.Context, path string) (*conn, error) {
	lock := path + "-lock"
	f, err := os.OpenFile(lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w. Make the folder writable %s", err, forTheUser)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	c, err := dial(lock, uri(lock))
	if err != nil {
		return nil, err
	}
	for _, text := range []string{"PRAGMA busy_timeout = 0", "BEGIN EXCLUSIVE"} {
		if err := c.exec(ctx, text); err != nil {
			return nil, errors.Join(occupied(path, err), c.close())
		}
	}
	return c, nil
}

// occupied tells who has the lock.
func occupied(path string, err error) error {
	var failed *sqlite.Error
	if errors.As(err, &failed) && failed.Code()&0xff == codes.SQLITE_BUSY {
		return fmt.Errorf("%s is served by another process. Stop that one, or name another file", path)
	}
	return err
}
