package engine

import (
	"cmp"
	"context"
	"errors"
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

	// settledAtOnce is how many records are read at once, and settlers how many are seen to at once.
	settledAtOnce = 100
	settlers      = 8

	// lapsedARound is how many holds Settle lapses at most before it looks after bookings again.
	lapsedARound = 500
)

func holdName(until fhir.Instant, p fhir.Partition, appointment fhir.Key) string {
	return holdRoot + until.String() + "/" + url.PathEscape(string(p)) + "/" + appointment.ID
}

// Settle does what is due in all partitions: it finishes what a crash left half-done, as Recover does, and lapses holds that have ended, so many of them that a round
// ends. The program calls it every second. Several may call it at once. One appointment that fails does not keep it from the others; the error tells of all, by
// the names of their records, without a word of what is in them.
func (e *Engine) Settle(ctx context.Context) error {
	return errors.Join(e.Recover(ctx), e.handOverAll(ctx), e.lapseDue(ctx))
}

// Recover brings to an end what is left of bookings that were under way; the first time also what may be under way on another server. A record that cannot be read is
// moved out of the way when it has been found so for a minute: its error is an Aside.
func (e *Engine) Recover(ctx context.Context) error {
	latest := fhir.End
	if e.settled.Load() {
		latest = fhir.InstantOf(e.Now().Add(-helpAfter))
	}
	failed, _, err := e.eachRecord(ctx, stepRoot, "", 0, nil, func(place []string, r storage.Record) error {
		s, err := e.stepsOf(partitionOf(place, 0), r)
		if err != nil {
			return cmp.Or(e.putAside(ctx, r), err)
		}
		if s.began > latest {
			return nil
		}
		return s.complete(ctx)
	})
	if err == nil {
		e.settled.Store(true)
	}
	return errors.Join(failed, err)
}

// lapseDue lapses holds that have ended, and goes on the next time where it stopped, so that none which fails is for ever in the way of others.
func (e *Engine) lapseDue(ctx context.Context) error {
	now := fhir.InstantOf(e.Now()).String()
	due := func(place []string) bool { return place[0] <= now }
	failed, stopped, err := e.eachRecord(ctx, holdRoot, *e.lapsed.Load(), lapsedARound, due, func(place []string, r storage.Record) error {
		err := e.lapse(ctx, partitionOf(place, 1), fhir.Key{Type: "Appointment", ID: place[len(place)-1]})
		if err == nil {
			_, err = e.Store.Records().Swap(ctx, r.Name, r.Revision, nil, 0)
		}
		if errors.Is(err, fhir.Conflict) { // another server removed it
			return nil
		}
		return err
	})
	e.lapsed.Store(&stopped)
	return errors.Join(failed, err)
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

// eachRecord does something with every record below a root that follows another and is due, in the order of their names, some at once, until there is no more to do, or
// as many were looked at as there may be (0: all). It goes on behind what fails. The place is what follows the root, taken apart. It returns what failed, and the
// last record that it looked at, "" where none follows that is due; err is that of listing them.
func (e *Engine) eachRecord(ctx context.Context, root, after string, most int, due func(place []string) bool, do func(place []string, r storage.Record) error) (failed error, last string, err error) {
	var all errorList
	for looked := 0; ; {
		page, err := e.Store.Records().Scan(ctx, root, after, settledAtOnce)
		if err != nil {
			return all.join(), after, err
		}
		more := len(page) == settledAtOnce
		var work gang
		for _, r := range page {
			place := strings.Split(strings.TrimPrefix(r.Name, root), "/")
			if ctx.Err() != nil || due != nil && !due(place) {
				more = false
				break
			}
			after = r.Name
			work.do(e.hands, func() { all.add(r.Name, do(place, r)) })
		}
		work.wait()
		looked += len(page)
		switch {
		case !more:
			return all.join(), "", ctx.Err()
		case most > 0 && looked >= most:
			return all.join(), after, nil
		}
	}
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
