package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/booking"
)

// The operations $hold and $book of IHE's ITI Scheduling (ITI-116, ITI-117). Both bring one Appointment from how it stands to how it is wanted, by the ordinary
// write path: what takes and releases slots is there (book.go). What the rules of booking refuse is an answer of the operation, not its failure.

const appointmentType = "Appointment"

// DefaultHoldTime is how long $hold holds where nothing else is wanted.
const DefaultHoldTime = 10 * time.Minute

// BookRequest is what $book is asked (https://profiles.ihe.net/ITI/Scheduling/OperationDefinition/appointment-book), by a reference or a resource.
type BookRequest struct {
	Reference fhir.Key      // an Appointment that $find proposed, that $hold held, or that stands there as proposed
	Resource  fhir.Resource // one to be booked (pending), or one that is there, changed (pending, booked, arrived, checked-in) or cancelled; it is taken over
	Pre       Precondition  // what is demanded of the Appointment that is there
}

// Booking is what $hold or $book came to.
type Booking struct {
	Changed  bool // something was written
	Rejected bool // the rules of booking refuse it, and nothing was changed

	// Appointment is how the appointment stands now; it has no body where the client may not read it. Of a rejected $hold it is the proposal that cannot be
	// held any more, cancelled, of which nothing is stored (so that it has no number), or what has been cancelled. Else there is nothing to show, and no key.
	Appointment fhir.Version

	Issues []fhir.Issue // why it was rejected, and whatever else there is to say

	about []fhir.Version // of a rejected one, the Appointments that it was about: they say whose data it would have changed
}

// standing is an appointment as an operation finds it: stored, proposed by $find, or not there at all.
type standing struct {
	booking.Appointment
	resource fhir.Resource // zero where it is not there
	version  fhir.Version  // the newest under its key, which may be the mark of a deletion; zero for none
	stored   bool
	lapsed   bool  // it was only held, and that has ended
	absent   error // why it is not there
}

// stands reads how an appointment stands now. A hold that has ended is lapsed first.
func (e *Engine) stands(ctx context.Context, p fhir.Principal, key fhir.Key) (standing, error) {
	s, err := e.found(ctx, p, key)
	if err != nil || !s.lapsed {
		return s, err
	}
	if err := e.lapse(ctx, p.Partition, key); err != nil {
		return s, err
	}
	return e.found(ctx, p, key)
}

// found reads an appointment, from the store or else from what $find proposed.
func (e *Engine) found(ctx context.Context, p fhir.Principal, key fhir.Key) (s standing, err error) {
	if s.version, s.stored, err = e.current(ctx, p, key); err != nil {
		return s, err
	}
	if s.stored {
		s.resource, err = fhir.ParseResource(s.version.Body)
	} else {
		s.resource, s.absent = e.proposal(ctx, p.Partition, key)
		if s.absent != nil && !errors.Is(s.absent, fhir.NotFound) {
			err = s.absent
		}
	}
	s.Appointment = booking.AppointmentOf(e.Rules.BaseURL(), s.resource)
	s.Key = key
	s.lapsed = s.stored && s.IsLapsed(fhir.InstantOf(e.Now()))
	return s, err
}

// change is the write by which an appointment that stands so becomes what is wanted. It is carried out on just that state.
func (s standing) change(wanted fhir.Resource) Change {
	if s.stored {
		return Change{Action: ActUpdate, Key: s.Key, Resource: wanted, Pre: Precondition{Version: s.version.Number}}
	}
	return Change{Action: ActCreate, Key: s.Key, Resource: wanted}
}

// bring makes of an appointment what wanted says, by how it stands, and anew when another write came between. Where wanted returns the zero Resource, it is
// so already. What that takes of the client's scopes wanted has looked at.
func (e *Engine) bring(ctx context.Context, p fhir.Principal, key fhir.Key, wanted func(standing) (fhir.Resource, error)) (standing, Outcome, error) {
	for range attempts {
		s, err := e.stands(ctx, p, key)
		if err != nil {
			return s, Outcome{}, err
		}
		r, err := wanted(s)
		if err != nil || r.IsZero() {
			return s, Outcome{Version: s.version}, err
		}
		o, err := e.write(ctx, onBehalfOf(p), s.change(r))
		if err == nil {
			return s, o, nil
		}
		now, _, failed := e.current(ctx, p, key)
		if failed != nil || now.Number == s.version.Number {
			return s, Outcome{}, err
		}
	}
	return standing{}, Outcome{}, fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s was changed by others each of the %d times that it was tried. Nothing was done; try it again.", key, attempts)
}

// onBehalfOf is who writes for a client that was permitted an operation.
func onBehalfOf(p fhir.Principal) fhir.Principal {
	p.Scopes = fhir.Unlimited()
	return p
}

// mayBring refuses to make an appointment anew or to change the one that is there.
func (s standing) mayBring(p fhir.Principal) error {
	if s.stored {
		return p.Needs(appointmentType, fhir.MayUpdate)
	}
	return p.Needs(appointmentType, fhir.MayCreate)
}

// isNoMore is the refusal to do something with an appointment in a status that does not lead there. Which that is learns who may read it.
func (s standing) isNoMore(p fhir.Principal, to string) error {
	if !p.Scopes.Permit(appointmentType, fhir.MayRead) {
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s cannot be %s as it stands.", s.Key, to).At("Appointment.status")
	}
	if s.HoldUntil != 0 && (s.lapsed || s.Status == "cancelled") {
		return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s was held until %s; that is over, and it can no more be %s.", s.Key, s.HoldUntil, to).At("Appointment.status")
	}
	return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "%s has the status %s: it can no more be %s.", s.Key, fhir.Quote(s.Status), to).At("Appointment.status")
}

// operable refuses what is no Appointment that can be written.
func (e *Engine) operable(key fhir.Key) error {
	if key.Type != appointmentType {
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "What is held and booked is an Appointment, not a resource of type %s.", fhir.Quote(key.Type)).At("resourceType")
	}
	return e.writes(key.Type)
}

// hold makes of a proposal a pending Appointment under the same id. One that is held already stays as it is: a hold is not lengthened, so that nobody holds for
// ever.
func (e *Engine) hold(ctx context.Context, p fhir.Principal, key fhir.Key) (Booking, error) {
	if err := cmp.Or(e.operable(key), p.Needs(key.Type, fhir.MayCreate)); err != nil {
		return Booking{}, err
	}
	s, o, err := e.bring(ctx, p, key, func(s standing) (none fhir.Resource, err error) {
		if s.Status == "pending" && s.stored && !s.lapsed {
			return none, nil
		}
		if err := s.mayBring(p); err != nil {
			return none, err
		}
		switch {
		case s.absent != nil:
			return none, notToBeHeld(s.absent)
		case s.Status != "proposed":
			return none, s.isNoMore(p, "held")
		}
		return booking.Hold(s.resource, fhir.InstantOf(e.Now().Add(e.HoldTime))), nil
	})
	switch {
	case err == nil:
		return bookingOf(o, "is held already; that is not lengthened."), nil
	case !isRejection(err) && !s.refuses(err):
		return Booking{}, err
	}
	b := Booking{Rejected: true, Issues: notToBeHeld(err).Issues, about: s.about(fhir.Resource{})}
	switch {
	case !s.stored && s.absent == nil:
		b.Appointment = fhir.Version{Key: key, Body: fhir.AppendJSON(nil, booking.Cancel(s.resource).Root())}
	case s.Status == "cancelled":
		b.Appointment = s.version
	}
	return b, nil
}

// notToBeHeld puts before an error what ITI-116 demands where an appointment cannot be held: an issue of severity fatal, with the code not-found.
func notToBeHeld(cause error) *fhir.Error {
	told := *fhir.AsError(cause)
	told.Issues = slices.Concat([]fhir.Issue{{Severity: fhir.Fatal, Code: fhir.CodeNotFound, Detail: "The appointment is not available, or no longer. Look for another one with $find."}}, told.Issues)
	return &told
}

// book books, changes or cancels.
func (e *Engine) book(ctx context.Context, p fhir.Principal, req BookRequest) (Booking, error) {
	key, wanted := req.Reference, func(s standing) (fhir.Resource, error) { return s.bookReferred(p) }
	if !req.Resource.IsZero() {
		key, wanted = req.Resource.Key(), func(s standing) (fhir.Resource, error) { return s.bookAs(p, req.Resource) }
	}
	if err := e.operable(key); err != nil {
		return Booking{}, err
	}
	if !p.Scopes.Permit(key.Type, fhir.MayUpdate) {
		if err := p.Needs(key.Type, fhir.MayCreate); err != nil {
			return Booking{}, err
		}
	}
	if key.ID == "" {
		key.ID = e.NewID(e.Now())
		req.Resource.SetID(key.ID)
	}
	s, o, err := e.bring(ctx, p, key, func(s standing) (fhir.Resource, error) {
		if err := cmp.Or(s.mayBring(p), req.Pre.holdsAsItStands(s)); err != nil {
			return fhir.Resource{}, err
		}
		return wanted(s)
	})
	switch {
	case err == nil:
		return bookingOf(o, "is "+s.Status+" already."), nil
	case isRejection(err), req.Resource.IsZero() && s.refuses(err):
		return Booking{Rejected: true, Issues: fhir.AsError(err).Issues, about: s.about(req.Resource)}, nil
	default:
		return Booking{}, err
	}
}

// holdsAsItStands says what a precondition misses in an appointment. Its errors are PreconditionFailed and PreconditionRequired.
func (pre Precondition) holdsAsItStands(s standing) error {
	if s.stored {
		return pre.holds(s.version)
	}
	return pre.holdsForAbsent(s.Key)
}

// bookReferred books an appointment as it stands: one that was proposed or held, or that waits.
func (s standing) bookReferred(p fhir.Principal) (none fhir.Resource, err error) {
	switch {
	case s.absent != nil:
		return none, s.absent
	case s.Status == "booked":
		return none, nil
	case s.lapsed || !slices.Contains([]string{"proposed", "pending", "waitlist"}, s.Status):
		return none, s.isNoMore(p, "booked")
	default:
		return booking.Book(s.resource), nil
	}
}

// bookAs makes an appointment what the client sends. What is new is sent as pending, and what is sent as pending is to be booked.
func (s standing) bookAs(p fhir.Principal, sent fhir.Resource) (none fhir.Resource, err error) {
	status := sent.Root().Text("status")
	named, _ := sent.Root().Get("slot")
	isOver := s.lapsed || slices.Contains([]string{"cancelled", "fulfilled", "noshow", "entered-in-error"}, s.Status)
	switch {
	case s.stored && status == "cancelled" && s.Status == status:
		return none, nil
	case s.stored && isOver:
		return none, s.isNoMore(p, "changed")
	case len(s.Slots) > 0 && named == nil && status != "cancelled":
		return none, s.givesUpSlots()
	case status == "pending", s.stored && status == "booked":
		return booking.Book(sent), nil
	case s.stored && status == "cancelled":
		return booking.Cancel(sent), nil
	case s.stored && (status == "arrived" || status == "checked-in"):
		return booking.Unheld(sent), nil
	case s.stored:
		return none, fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "$book changes an appointment to pending or booked (which books it), arrived, checked-in or cancelled, not to %s. PUT %s takes every status.", fhir.Quote(status), s.Key).At("Appointment.status")
	default:
		return none, fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "%s is not there yet: what is new comes with the status pending, and is booked. It has the status %s.", s.Key, fhir.Quote(status)).At("Appointment.status")
	}
}

// givesUpSlots is the refusal of an appointment that is sent without the slots that it has. Taken at its word it would leave them to others and keep its time, which
// nobody means who sends only what changes.
func (s standing) givesUpSlots() error {
	return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "%s has slots (%s), and is sent without any. Send them too if it keeps them, or others if it moves; cancel it to give them up. PUT takes it without slots.", s.Key, joinKeys(s.Slots)).At("Appointment.slot")
}

// joinKeys are keys in a sentence.
func joinKeys(keys []fhir.Key) string {
	all := make([]string, len(keys))
	for i, key := range keys {
		all[i] = key.String()
	}
	return strings.Join(all, ", ")
}

// refuses says whether an error is that of an appointment that is there, and cannot be what is wanted of it: it has no time, say. That is no fault of a request that
// only refers to it.
func (s standing) refuses(err error) bool {
	return s.absent == nil && errors.Is(err, fhir.Unprocessable)
}

// about are the Appointments that an operation was about: the one that stands there, and the one that was sent, if one was.
func (s standing) about(sent fhir.Resource) (all []fhir.Version) {
	for _, r := range []fhir.Resource{s.resource, sent} {
		if !r.IsZero() {
			all = append(all, fhir.Version{Key: s.Key, Body: fhir.AppendJSON(nil, r.Root())})
		}
	}
	return all
}

// isRejection says whether an error is a refusal by the rules of booking, and no fault of the request: something is taken (409), or a rule says no (422).
func isRejection(err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, fhir.Conflict):
		return true
	default:
		return errors.Is(err, fhir.Unprocessable) && slices.ContainsFunc(fhir.AsError(err).Issues, func(i fhir.Issue) bool { return i.Code == fhir.CodeBusinessRule })
	}
}

// bookingOf is what a success came to; already says what it was before, where nothing had to be done.
func bookingOf(o Outcome, already string) Booking {
	b := Booking{Changed: o.Changed, Appointment: o.Version}
	if !o.Changed {
		b.Issues = []fhir.Issue{{Severity: fhir.Information, Code: fhir.CodeInformational, Detail: o.Version.Key.String() + " " + already}}
	}
	return b
}

// recordBooking tells the recorder of an operation of which the store tells nothing, for it changed nothing, and leaves out what the client may not read.
func (e *Engine) recordBooking(ctx context.Context, p fhir.Principal, key fhir.Key, b Booking, err error) (Booking, error) {
	if !p.Scopes.Permit(appointmentType, fhir.MayRead) {
		b.Appointment.Body = nil
	}
	if e.Audit == nil || b.Changed {
		return b, err
	}
	event := audit.Event{Who: p, Interaction: audit.Operation, Key: key, Number: b.Appointment.Number}
	if b.Rejected {
		event.Outcome, event.Detail = audit.Refused, reason(&fhir.Error{Kind: fhir.Conflict, Issues: b.Issues})
	}
	shown := b.about
	if b.Appointment.Body != nil {
		shown = append(slices.Clip(shown), b.Appointment)
	}
	e.notePatients(&event, shown)
	return record(ctx, e, event, b, err)
}
