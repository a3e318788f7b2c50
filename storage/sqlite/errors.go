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
	if err == nil {
		return nil
	}
	var decided *fhir.Error // on the heap, as errors.As would have it, which no success has to pay for
	var failed *sqlite.Error
	switch {
	case errors.As(err, &decided):
		return err
	case ctx.Err() != nil:
		return ended(ctx.Err())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ended(err)
	case errors.As(err, &failed) && passes(failed.Code()):
		return unavailable().Because(fmt.Errorf("sqlite: %w", err))
	default:
		return fhir.AsError(fmt.Errorf("sqlite: %w", err))
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

// unavailable has no cause where too many writes wait: nothing is wrong then.
func unavailable() *fhir.Error {
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store is busy or out of reach at the moment. Try again later.")
}

func ended(cause error) *fhir.Error {
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The request ended before the store had answered it.").Because(cause)
}

// failOp is the error of one operation of a commit.
func failOp(index int, err *fhir.Error) error { return &storage.OpError{Index: index, Err: err} }
