package mongo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/portico-health/portico/fhir"
)

// What the server answers becomes a kind by its code, be it the answer to a command, to one write of it or to the write concern, and what happens on the way to it by its label or type.
func TestClassify(t *testing.T) {
	for kind, codes := range map[fhir.Kind][]int{
		fhir.Unavailable: {6, 7, 13, 18, 27, 50, 64, 79, 89, 91, 100, 112, 134, 189, 251, 262, 9001, 10107, 11600, 11601, 11602, 13435, 13436, 14031, 16500},
		fhir.Conflict:    {11000, 11001},
		fhir.TooLarge:    {10334, 17419},
		fhir.Internal:    {1, 2, 9, 14, 20, 26, 59, 66, 67, 72, 73, 85, 86, 121, 16755, 40324},
	} {
		for _, code := range codes {
			for form, err := range map[string]error{
				"command": mongo.CommandError{Code: int32(code), Message: "x"},
				"write":   mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: code}}},
				"concern": mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: code}},
				"bulk":    mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{{WriteError: mongo.WriteError{Code: code}}}},
			} {
				checkKind(t, fmt.Sprintf("%s %d", form, code), t.Context(), fmt.Errorf("behind: %w", err), kind)
			}
		}
	}
	for label, kind := range map[string]fhir.Kind{
		"NetworkError": fhir.Unavailable, "RetryableWriteError": fhir.Unavailable, "TransientTransactionError": fhir.Unavailable,
		"UnknownTransactionCommitResult": fhir.Unavailable, "SystemOverloadedError": fhir.Unavailable, "Another": fhir.Internal,
	} {
		checkKind(t, label, t.Context(), mongo.CommandError{Code: 1, Labels: []string{label}}, kind)
	}
	refusal := fhir.Errorf(fhir.PreconditionFailed, fhir.CodeConflict, "Refused.")
	for name, c := range map[string]struct {
		err  error
		kind fhir.Kind
	}{
		"a refusal":                  {fmt.Errorf("behind: %w", refusal), fhir.PreconditionFailed},
		"no server":                  {topology.ServerSelectionError{Wrapped: io.EOF}, fhir.Unavailable},
		"no connection":              {topology.ConnectionError{Wrapped: io.EOF}, fhir.Unavailable},
		"no connection free":         {topology.WaitQueueTimeoutError{Wrapped: io.EOF}, fhir.Unavailable},
		"a pool that was cleared":    {clearedPool{}, fhir.Unavailable},
		"a closed client":            {mongo.ErrClientDisconnected, fhir.Unavailable},
		"the time of a call":         {driver.ErrDeadlineWouldBeExceeded, fhir.Unavailable},
		"a call given up":            {context.Canceled, fhir.Unavailable},
		"too large for the protocol": {driver.ErrDocumentTooLarge, fhir.TooLarge},
		"an upsert beside another":   {mongo.CommandError{Code: 1, Message: `duplicate key value violates unique constraint "collection_pk_16"`}, fhir.Conflict},
		"an engine without its own":  {mongo.CommandError{Code: 1, Message: "msg_find.go:43: failed to connect to `user=postgres`: connection refused"}, fhir.Unavailable},
		"the same words of another":  {mongo.CommandError{Code: 2, Message: "failed to connect to"}, fhir.Internal},
		"an index that was dropped":  {mongo.CommandError{Code: 2, Message: "error processing query: hint provided does not correspond to an existing index"}, fhir.Unavailable},
		"a defect":                   {errors.New("x"), fhir.Internal},
	} {
		checkKind(t, name, t.Context(), c.err, c.kind)
	}
	if err := classify(t.Context(), nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}

// clearedPool is what the driver says of a pool whose connections it gave up.
type clearedPool struct{}

func (clearedPool) Error() string   { return "the pool was cleared" }
func (clearedPool) Retryable() bool { return true }

// checkKind demands that an error becomes one of a kind, and wraps its cause.
func checkKind(t *testing.T, name string, ctx context.Context, cause error, kind fhir.Kind) {
	t.Helper()
	err := classify(ctx, cause)
	var e *fhir.Error
	if !errors.As(err, &e) || e.Kind != kind || len(e.Issues) != 1 {
		t.Errorf("%s: %v, want kind %q", name, err, kind)
		return
	}
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), cause.Error()) {
		t.Errorf("%s: %v does not wrap its cause", name, err)
	}
	if again := classify(ctx, err); !errors.Is(again, err) || again.Error() != err.Error() {
		t.Errorf("%s: classified again it is %v", name, again)
	}
}

// A context that ended is the cause, whatever the driver made of it; what was decided before stays.
func TestClassifyEnded(t *testing.T) {
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for name, cause := range map[string]error{
		"network": mongo.CommandError{Labels: []string{"NetworkError"}}, "defect": errors.New("x"), "duplicate": mongo.CommandError{Code: 11000},
	} {
		err := classify(stopped, cause)
		if !errors.Is(err, fhir.Unavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refusal := fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Refused.")
	if err := classify(stopped, refusal); !errors.Is(err, fhir.Conflict) {
		t.Error(err)
	}
}

// A duplicate is seen in every form, also behind classify, and nothing else is one.
func TestDuplicates(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"command": {mongo.CommandError{Code: 11000}, true},
		"write":   {mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 11000}}}, true},
		"bulk":    {mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{{WriteError: mongo.WriteError{Code: 11000}}}}, true},
		"upsert":  {mongo.CommandError{Code: 1, Message: "duplicate key value violates unique constraint"}, true},
		"words":   {mongo.CommandError{Code: 2, Message: "duplicate key value violates unique constraint"}, false},
		"code 1":  {mongo.CommandError{Code: 1}, false},
		"none":    {nil, false},
	} {
		if got := isDuplicate(c.err); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
		if got := isDuplicate(classify(t.Context(), c.err)); got != c.want {
			t.Errorf("%s, classified: %t", name, got)
		}
	}
}
