package sqlite

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// classify makes the error of a method out of whatever went wrong below. It is the one place where SQLite's result
// codes (https://www.sqlite.org/rescode.html) become kinds.
func classify(ctx context.Context, err error) error {
	var decided *fhir.Error
	var failed *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &decided):
		return err
	case ctx.Err() != nil:
		return ended(ctx.Err())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ended(err)
	case errors.As(err, &failed) && passes(failed.Code()):
		return unavailable().Because(fmt.Errorf("sqlite: %w%s", err, remedy(failed.Code())))
	case failed != nil:
		return fhir.AsError(fmt.Errorf("sqlite: %w%s", err, remedy(failed.Code())))
	default:
		return fhir.AsError(fmt.Errorf("sqlite: %w", err))
	}
}

const writableFolder = ". The file and its folder must be there, or such as can be made, and writable for the user who runs the program"

// remedy says to the operator what would help, behind the words of SQLite; "" where nobody can know.
func remedy(code int) string {
	switch code & 0xff {
	case codes.SQLITE_NOTADB:
		return ". Name another file; where there is none, one is made"
	case codes.SQLITE_CORRUPT:
		return ". The file is damaged: restore it from a backup"
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return ". Another program holds the file"
	case codes.SQLITE_FULL, codes.SQLITE_IOERR:
		return ". Look whether the disk is full, or fails"
	case codes.SQLITE_CANTOPEN, codes.SQLITE_READONLY, codes.SQLITE_PERM:
		return writableFolder
	default:
		return ""
	}
}

// passes says whether what a result code tells of can be over later: locks, a full disk, a failing one.
func passes(code int) bool {
	switch code & 0xff {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_FULL, codes.SQLITE_IOERR, codes.SQLITE_CANTOPEN,
		codes.SQLITE_NOMEM, codes.SQLITE_READONLY, codes.SQLITE_PROTOCOL, codes.SQLITE_INTERRUPT:
		return true
	default:
		return false
	}
}

func unavailable() *fhir.Error {
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store is busy or out of reach at the moment. Try again later.")
}

func ended(cause error) *fhir.Error {
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The request ended before the store had answered it.").Because(cause)
}

// failOp is the error of one operation of a commit.
func failOp(index int, err *fhir.Error) error { return &storage.OpError{Index: index, Err: err} }
