package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// fault is a failure of SQLite, told to the operator: which file, what is wrong with it, what would help.
type fault struct {
	path string
	err  *sqlite.Error
}

func (f *fault) Error() string {
	return fmt.Sprintf("%s %s (%v)", f.path, remedy(f.err.Code()), f.err)
}

// Unwrap gives errors.As SQLite's result code.
func (f *fault) Unwrap() error { return f.err }

// remedy says what a result code (https://www.sqlite.org/rescode.html) means for a file, and what is to be done about it.
func remedy(code int) string {
	switch code & 0xff {
	case codes.SQLITE_NOTADB:
		return "is no SQLite database, or its head is damaged: name another file, or stop what uses this one and put a backup in its place"
	case codes.SQLITE_CORRUPT:
		return "is damaged: stop what uses it, keep a copy for an examination, and put a backup in its place"
	case codes.SQLITE_FULL:
		return "cannot grow, its volume is full: free some space; nothing has to be restarted"
	case codes.SQLITE_READONLY, codes.SQLITE_PERM:
		return "cannot be written: let the user of this program write the file and its folder"
	case codes.SQLITE_CANTOPEN:
		return "cannot be opened: let the user of this program read and write the file and its folder"
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return fmt.Sprintf("is locked: another program has held it for more than %d s; end that program's work on it", busyTimeout/1_000)
	case codes.SQLITE_IOERR:
		return "cannot be read or written as it should: examine its volume; nothing has to be restarted when that is well again"
	default:
		return "made SQLite fail"
	}
}

// blame makes a fault of an error of SQLite that is none yet.
func (c *conn) blame(err error) error {
	var known *fault
	var failed *sqlite.Error
	if err == nil || errors.As(err, &known) || !errors.As(err, &failed) {
		return err
	}
	return &fault{c.path, failed}
}

// named makes sure that an error of opening a file says which.
func named(path string, err error) error {
	var known *fault
	if errors.As(err, &known) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}
