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
	what, remedy := diagnose(f.err.Code())
	return fmt.Sprintf("%s %s (%v). %s", f.path, what, f.err, remedy)
}

// Unwrap gives errors.As SQLite's result code.
func (f *fault) Unwrap() error { return f.err }

const forTheUser = "for the user who runs the program"

// diagnose says what a result code (https://www.sqlite.org/rescode.html) means for a file, and what would help.
func diagnose(code int) (what, remedy string) {
	switch code & 0xff {
	case codes.SQLITE_NOTADB:
		return "is no SQLite database", "Name another file, or restore it from a backup"
	case codes.SQLITE_CORRUPT:
		return "is damaged", "Stop what uses it, keep a copy for an examination, and restore it from a backup"
	case codes.SQLITE_FULL:
		return "cannot grow", "Its volume is full: free some space; nothing has to be restarted"
	case codes.SQLITE_IOERR:
		return "cannot be read or written", "Examine its volume; nothing has to be restarted when that is well again"
	case codes.SQLITE_READONLY, codes.SQLITE_PERM:
		return "cannot be written", "Make the file and its folder writable " + forTheUser
	case codes.SQLITE_CANTOPEN:
		return "cannot be opened", "Make the file and its folder readable and writable " + forTheUser
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return "is locked", fmt.Sprintf("Another program has held it for more than %d s: end its work on it", busyTimeout/1_000)
	default:
		return "makes SQLite fail", "This is a defect of the program"
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
