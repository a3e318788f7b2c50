package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

const (
	// asideRoot is where the records of bookings are kept that cannot be read; what follows is their names, and their revisions.
	asideRoot = "booking/aside/"

	// asideAfter is how long a record stays in its place that cannot be read: longer than whoever wrote it is at it (stepTime), for as long as that one may still
	// write the appointment, nobody may take its slots.
	asideAfter = time.Minute
)

// Aside is the error of a record of a booking that cannot be read, and was moved out of the way: it holds the new name, under which an operator finds it.
type Aside string

// Error is the text for the log.
func (a Aside) Error() string {
	return fmt.Sprintf("the record of a booking cannot be read, and was moved to %s; what the booking took counts as free", string(a))
}

// putAside moves a record that cannot be read out of the way when it has been there for a while: it would keep its appointment from being changed for ever. Its
// error is the Aside when it did.
func (e *Engine) putAside(ctx context.Context, r storage.Record) error {
	now := e.Now()
	seen, _ := e.damaged.LoadOrStore(r.Name, sighting{r.Revision, now})
	since := seen.(sighting)
	if since.revision != r.Revision {
		e.damaged.Store(r.Name, sighting{r.Revision, now})
		return nil
	}
	if now.Sub(since.at) < asideAfter {
		return nil
	}
	name := fmt.Sprintf("%s%s/%d", asideRoot, strings.TrimPrefix(r.Name, stepRoot), r.Revision)
	if _, err := e.Store.Records().Swap(ctx, name, 0, r.Value, 0); err != nil && !errors.Is(err, fhir.Conflict) { // a conflict: it was begun before
		return err
	}
	if _, err := e.Store.Records().Swap(ctx, r.Name, r.Revision, nil, 0); err != nil {
		return err
	}
	e.damaged.Delete(r.Name)
	return Aside(name)
}

// sighting is when a record was found that cannot be read.
type sighting struct {
	revision int64
	at       time.Time
}
