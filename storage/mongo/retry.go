package mongo

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
)

// again runs a call of the database that may be carried out twice, and twice more at most when its answer did not arrive: a server that was restarted has
// left dead connections in the pool, which the first call to use one of them clears, and those that are being made just then fail, too.
func again(ctx context.Context, call func() error) error {
	err := call()
	for delay := 5 * time.Millisecond; delay < 50*time.Millisecond && isCut(err) && pause(ctx, delay) == nil; delay *= 4 {
		err = call()
	}
	return err
}

// isCut says whether a connection failed under a call, or while it was to be made.
func isCut(err error) bool {
	var cleared driver.RetryablePoolError
	return mongo.IsNetworkError(err) || errors.As(err, &cleared) && cleared.Retryable()
}

// pause waits for about as long as it is told, so that those who collided do not again.
func pause(ctx context.Context, about time.Duration) error {
	t := time.NewTimer(about/2 + rand.N(about)) //nolint:gosec // nobody gains by knowing how long somebody waits
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// isAbsent says whether nothing was found.
func isAbsent(err error) bool { return errors.Is(err, mongo.ErrNoDocuments) }

// unheard says whether a write may have been done although it failed, or would be done if it were sent again.
func unheard(err error) bool {
	var write mongo.WriteException
	undone := errors.As(err, &write) && write.WriteConcernError != nil // it is there, but may vanish
	return undone || passes(err) || hasCode(err, []int{internalError}) // of an engine whose own database is out of reach
}
