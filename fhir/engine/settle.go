package engine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/storage"
)

const (
	// holdRoot is where the records begin that tell when holds end: that instant follows, as fhir.Instant writes it, so that they are in the order of time; then
	// the partition, and the appointment. They have no value.
	holdRoot = "booking/hold/"

	// helpAfter is how long whoever began an undertaking has time for it before Settle brings it to its end. It would do no harm before.
	helpAfter = 5 * time.Second

	// settledAtOnce is how many records are read at once.
	settledAtOnce = 100
)

func holdName(until fhir.Instant, p fhir.Partition, appointment fhir.Key) string {
	return holdRoot + until.String() + "/" + url.PathEscape(string(p)) + "/" + appointment.ID
}

// Settle does what is due in all partitions: it lapses holds that have ended, and finishes what a crash left half-done; the first time also what may be under way on
// another server. The program calls it when it begins and every second. Several may call it at once. One appointment that fails does not keep it from the others;
// the error tells of all, without a word of what is in them.
func (e *Engine) Settle(ctx context.Context) error {
	return errors.Join(e.completeAll(ctx), e.lapseAll(ctx))
}

// completeAll brings to an end what is left of undertakings.
func (e *Engine) completeAll(ctx context.Context) error {
	latest := fhir.End
	if e.settled.Load() {
		latest = fhir.InstantOf(e.Now().Add(-helpAfter))
	}
	err := e.eachRecord(ctx, stepRoot, func(place []string, r storage.Record) (fhir.Partition, bool, error) {
		p := partitionOf(place, 0)
		s, err := e.stepsOf(p, r)
		if err == nil && s.began <= latest {
			err = s.complete(ctx)
		}
		return p, true, err
	})
	if err == nil {
		e.settled.Store(true)
	}
	return err
}

// lapseAll lapses the holds that have ended.
func (e *Engine) lapseAll(ctx context.Context) error {
	now := fhir.InstantOf(e.Now()).String()
	return e.eachRecord(ctx, holdRoot, func(place []string, r storage.Record) (fhir.Partition, bool, error) {
		if place[0] > now {
			return "", false, nil
		}
		p := partitionOf(place, 1)
		err := e.lapse(ctx, p, fhir.Key{Type: "Appointment", ID: place[len(place)-1]})
		if err == nil {
			_, err = e.Store.Records().Swap(ctx, r.Name, r.Revision, nil, 0)
		}
		if errors.Is(err, fhir.Conflict) { // another server removed it
			err = nil
		}
		return p, true, err
	})
}

// partitionOf is the partition in the place of a record; "" where there is none.
func partitionOf(place []string, i int) fhir.Partition {
	if i >= len(place) {
		return ""
	}
	p, err := url.PathUnescape(place[i])
	if err != nil {
		return ""
	}
	return fhir.Partition(p)
}

// eachRecord does something with every record below a root, in the order of their names, until there is no more to do. It goes on behind what fails. The place is
// what follows the root, taken apart.
func (e *Engine) eachRecord(ctx context.Context, root string, do func(place []string, r storage.Record) (p fhir.Partition, more bool, err error)) error {
	var failed []error
	for after, more := "", true; more; {
		page, err := e.Store.Records().Scan(ctx, root, after, settledAtOnce)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		more = len(page) == settledAtOnce
		for _, r := range page {
			p, goOn, err := do(strings.Split(strings.TrimPrefix(r.Name, root), "/"), r)
			if err != nil {
				failed = append(failed, fmt.Errorf("a booking of %s: %w", p, fhir.AsError(err).Kind))
			}
			if ctx.Err() != nil || !goOn {
				return errors.Join(failed...)
			}
			after = r.Name
		}
	}
	return errors.Join(failed...)
}

// noteHold sees to it that a hold that ends then is lapsed soon after. It is called before the hold is written.
func (e *Engine) noteHold(ctx context.Context, p fhir.Partition, appointment fhir.Key, until fhir.Instant) error {
	_, err := e.Store.Records().Swap(ctx, holdName(until, p, appointment), 0, []byte{}, 0)
	if errors.Is(err, fhir.Conflict) { // it was noted before
		return nil
	}
	return err
}

// noteLate notes once more a hold that has ended before it was written: Settle may have come to its note in between, and found nothing to lapse.
func (e *Engine) noteLate(ctx context.Context, p fhir.Partition, a booking.Appointment) error {
	if !a.IsLapsed(fhir.InstantOf(e.Now())) {
		return nil
	}
	return e.noteHold(ctx, p, a.Key, a.HoldUntil)
}

// lapse cancels an appointment whose hold has ended, and releases its slots; it does nothing to others. It is the server's own change: its origin names nobody.
func (e *Engine) lapse(ctx context.Context, p fhir.Partition, appointment fhir.Key) error {
	t := transaction{Engine: e, who: fhir.Principal{Partition: p, Scopes: fhir.Unlimited()}, single: true}
	for range attempts {
		current, exists, err := e.current(ctx, t.who, appointment)
		if err != nil || !exists {
			return err
		}
		r, err := stored(current)
		if err != nil || !booking.AppointmentOf(e.Rules.BaseURL(), r).IsLapsed(fhir.InstantOf(e.Now())) {
			return err
		}
		cancel(r)
		t.drafts = []*draft{{Change: Change{Action: ActUpdate, Key: appointment}, resource: r, entries: e.Rules.Extract(r), aim: aimAt(current)}}
		if err := t.bookAll(ctx); err != nil {
			return err
		}
		if err := t.refusal(); err != nil {
			return err
		}
		if _, stale, err := t.commit(ctx); !stale {
			return err
		}
	}
	return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "%s is being changed by others again and again. Try again later.", appointment)
}

// cancel makes a lapsed hold a cancelled appointment (https://hl7.org/fhir/R4/appointment.html, app-4 permits a reason then). Until when it was held stays.
func cancel(appointment fhir.Resource) {
	code := fhir.NewObject(
		fhir.Member{Name: "system", Value: "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"},
		fhir.Member{Name: "code", Value: "other"}, fhir.Member{Name: "display", Value: "Other"},
	)
	root := appointment.Root()
	root.Set("status", "cancelled")
	root.Delete("_status")
	root.SetAfter("cancelationReason", fhir.NewObject(
		fhir.Member{Name: "coding", Value: fhir.Array{code}}, fhir.Member{Name: "text", Value: "The hold ended before the appointment was booked."},
	), "status")
}
