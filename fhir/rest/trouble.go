package rest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/portico-health/portico/fhir"
)

const (
	// troubleInterval is how long a trouble is not told again.
	troubleInterval = 10 * time.Second

	// maxTroubles is how many different ones are told in that time.
	maxTroubles = 16
)

// troubles are why requests could not be answered: a full disk, say, of which a client is told only to come again. The log tells each once in a while,
// however many requests it befalls. The zero value is ready.
type troubles struct {
	mu   sync.Mutex
	told map[string]time.Time // when, by the text of the cause
}

// isNew says whether a cause is to be told now.
func (t *troubles) isNew(cause string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for known, at := range t.told {
		if now.Sub(at) >= troubleInterval || now.Before(at) {
			delete(t.told, known)
		}
	}
	if _, known := t.told[cause]; known || len(t.told) == maxTroubles {
		return false
	}
	if t.told == nil {
		t.told = map[string]time.Time{}
	}
	t.told[cause] = now
	return true
}

// logTrouble tells the operator why a request is answered with Unavailable, by the private cause alone: issues may quote the request. That too much waits
// has no cause, and that the time of a request was over is none.
func (s *server) logTrouble(x *exchange, e *fhir.Error) {
	if e.Kind != fhir.Unavailable || e.Err == nil || errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded) {
		return
	}
	if cause := e.Err.Error(); s.troubles.isNew(cause, s.Engine.Now()) {
		s.log(x, slog.LevelWarn, "request refused", slog.String("cause", cause))
	}
}
