package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/portico-health/portico/fhir"
)

// classify makes the error of a method out of whatever went wrong below. It is the one place where the server's error codes
// (https://www.mongodb.com/docs/manual/reference/error-codes/) and labels become kinds.
func classify(ctx context.Context, err error) error {
	var decided *fhir.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &decided):
		return err
	case ctx.Err() != nil:
		return ended(errors.Join(ctx.Err(), err))
	case isDuplicate(err):
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Another change came first.").Because(fmt.Errorf("mongo: %w", err))
	case hasCode(err, tooLargeCodes), errors.Is(err, driver.ErrDocumentTooLarge):
		return tooLarge().Because(fmt.Errorf("mongo: %w", err))
	case passes(err):
		return unavailable().Because(fmt.Errorf("mongo: %w", err))
	default:
		return fhir.AsError(fmt.Errorf("mongo: %w", err))
	}
}

// passes says whether what an error tells of can be over later: a server that is out of reach, not the primary, too busy or interrupted, a time-out, credentials that are
// not taken.
func passes(err error) bool {
	var labelled mongo.LabeledError
	if errors.As(err, &labelled) && slices.ContainsFunc(passingLabels, labelled.HasErrorLabel) {
		return true
	}
	var unselected topology.ServerSelectionError
	var unconnected topology.ConnectionError
	return hasCode(err, passingCodes) || hasWords(err, passingWords) || lacksIndex(err) || mongo.IsTimeout(err) || isCut(err) ||
		errors.As(err, &unselected) || errors.As(err, &unconnected) ||
		errors.Is(err, context.Canceled) || errors.Is(err, mongo.ErrClientDisconnected)
}

// hasCode says whether the server answered with one of these codes, be it for the command, one write or the write concern.
func hasCode(err error, codes []int) bool {
	var answered mongo.ServerError
	return errors.As(err, &answered) && slices.ContainsFunc(answered.ErrorCodes(), func(code int) bool { return slices.Contains(codes, code) })
}

// lacksIndex says whether a search named an index that is not there: an operator dropped it, and the next start makes it again, or it is being made.
func lacksIndex(err error) bool {
	var answered mongo.ServerError
	return errors.As(err, &answered) && answered.HasErrorCodeWithMessage(badValue, "hint")
}

// badValue is the code of an argument that a server does not take, a hint that names no index among them.
const badValue = 2

// isDuplicate says whether an insertion failed because its _id is there.
func isDuplicate(err error) bool {
	return mongo.IsDuplicateKeyError(err) || hasWords(err, duplicateWords)
}

// hasWords says whether FerretDB answered with one of these: what its PostgreSQL told it has no code of its own.
func hasWords(err error, words []string) bool {
	var answered mongo.ServerError
	return errors.As(err, &answered) && slices.ContainsFunc(words, func(w string) bool { return answered.HasErrorCodeWithMessage(internalError, w) })
}

// internalError is the code of failures that have none.
const internalError = 1

// Words of PostgreSQL and of the connection to it, behind internalError.
var (
	duplicateWords = []string{"duplicate key value violates unique constraint"} // for the second of two upserts at once
	passingWords   = []string{
		"failed to connect to", "unexpected EOF", "write failed", "connection reset", "broken pipe", "conn closed",
		"terminating connection", "the database system is", "too many clients", "canceling statement",
	}
)

var passingLabels = []string{
	driver.NetworkError, driver.RetryableWriteError, driver.TransientTransactionError, driver.UnknownTransactionCommitResult, driver.ErrSystemOverloadedError, driver.ErrRetryableError,
}

var tooLargeCodes = []int{
	10334, // BSONObjectTooLarge
	17419, // an update would make a document that is too large
	17420, // likewise, of an older release
}

var passingCodes = []int{
	6,     // HostUnreachable
	7,     // HostNotFound
	13,    // Unauthorized: of an operator's mistake, like the next
	18,    // AuthenticationFailed
	24,    // LockTimeout
	27,    // IndexNotFound
	43,    // CursorNotFound
	46,    // LockBusy
	50,    // MaxTimeMSExpired
	63,    // StaleShardVersion
	64,    // WriteConcernTimeout
	79,    // UnknownReplWriteConcern
	82,    // NoProgressMade
	89,    // NetworkTimeout
	91,    // ShutdownInProgress
	100,   // UnsatisfiableWriteConcern
	112,   // WriteConflict
	117,   // ConflictingOperationInProgress
	133,   // FailedToSatisfyReadPreference
	134,   // ReadConcernMajorityNotAvailableYet
	150,   // StaleEpoch
	175,   // QueryPlanKilled
	189,   // PrimarySteppedDown
	202,   // NetworkInterfaceExceededTimeLimit
	237,   // CursorKilled
	239,   // SnapshotTooOld
	246,   // SnapshotUnavailable
	251,   // NoSuchTransaction
	262,   // ExceededTimeLimit
	290,   // TransactionExceededLifetimeLimitSeconds
	365,   // TemporarilyUnavailable
	8000,  // AtlasError, of credentials and quotas
	9001,  // SocketException
	10058, // NotPrimary, of an older release
	10107, // NotWritablePrimary
	11600, // InterruptedAtShutdown
	11601, // Interrupted
	11602, // InterruptedDueToReplStateChange
	13388, // StaleConfig
	13435, // NotPrimaryNoSecondaryOk
	13436, // NotPrimaryOrSecondary
	14031, // OutOfDiskSpace
	16500, // RequestRateTooLarge, of Cosmos DB
}

func unavailable() *fhir.Error {
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store is busy or out of reach at the moment. Try again later.")
}

func ended(cause error) *fhir.Error {
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The request ended before the store had answered it.").Because(cause)
}

func tooLarge() *fhir.Error {
	return fhir.Errorf(fhir.TooLarge, fhir.CodeTooLong, "The resource has more bytes than the store can keep: %d at most.", maxResource)
}
