package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// How much one Generate does.
const (
	MaxGenerateDays  = 400    // of a period
	MaxGenerateSlots = 20_000 // that the rules want in it
)

// GenerateRequest asks for the slots of a Schedule by its working hours. Start and End are each an instant, or a day in the time zone of the Schedule, of which End
// is the last one.
type GenerateRequest struct {
	Schedule   fhir.Key
	Start, End fhir.DateTime
}

// Generated is what there is in the period now.
type Generated struct {
	Created int // slots that were made
	Kept    int // slots that are wanted and were there already, whatever their status
	Removed int // slots that were generated before, were free, and are not wanted any more
	Left    int // times that are wanted and have no slot of their own, for another slot takes some of them
}

// generation is one Generate under way.
type generation struct {
	*Engine
	who      fhir.Principal
	schedule fhir.Version
	resource fhir.Resource // the Schedule
	period   booking.Span  // in which slots begin
	wanted   []booking.Span
}

// generate makes slots. First those go that may, then those come that are missing, but for the times that are taken by slots which stay.
func (e *Engine) generate(ctx context.Context, p fhir.Principal, req GenerateRequest) (Generated, error) {
	var out Generated
	g, err := e.generation(ctx, p, req)
	if err != nil {
		return out, err
	}
	there, err := g.slots(ctx)
	if err != nil {
		return out, err
	}
	stay, unwanted := g.sift(there)
	lost, err := g.remove(ctx, unwanted)
	if err != nil {
		return out, err
	}
	missing := g.missing(append(stay, lost...), &out)
	out.Removed = len(unwanted) - len(lost)
	return out, g.create(ctx, missing, &out)
}

// mayGenerate refuses whoever may not do all that is done: slots are created and deleted.
func (e *Engine) mayGenerate(p fhir.Principal) error {
	if err := cmp.Or(e.serves("Schedule"), e.writes("Slot")); err != nil {
		return err
	}
	refusal := also(nil, p.Needs("Schedule", fhir.MayRead))
	if refusal = also(refusal, p.Needs("Slot", fhir.MayCreate|fhir.MayDelete)); refusal == nil {
		return nil
	}
	return refusal
}

// generation finds out what is wanted.
func (e *Engine) generation(ctx context.Context, p fhir.Principal, req GenerateRequest) (*generation, error) {
	if err := e.mayGenerate(p); err != nil {
		return nil, err
	}
	v, err := e.readCurrent(ctx, p, req.Schedule)
	if err != nil {
		return nil, err
	}
	g := &generation{Engine: e, who: p, schedule: v}
	if g.resource, err = stored(v); err != nil {
		return nil, err
	}
	hours, found, err := booking.HoursOf(g.resource)
	active, told := g.resource.Root().Get("active")
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "%s has no working hours. They are an extension %s of it.", req.Schedule, booking.WorkingHoursURL).At("Schedule.extension")
	case told && active != true:
		return nil, fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "%s is not active: no slots are made for it.", req.Schedule).At("Schedule.active")
	}
	if err := g.span(hours, req); err != nil {
		return nil, err
	}
	if g.wanted = hours.Times(g.period.Start, g.period.End); len(g.wanted) > MaxGenerateSlots {
		return nil, fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "The working hours make %d slots in this period; at most %d are made at once. Ask for a shorter period, and then for the next one.", len(g.wanted), MaxGenerateSlots).At("end")
	}
	return g, nil
}

// span finds the period. What is past, or too soon to be booked, stays as it is.
func (g *generation) span(hours booking.Hours, req GenerateRequest) error {
	g.period = booking.Span{Start: hours.Period(req.Start).Low, End: hours.Period(req.End).High}
	soonest := fhir.InstantOf(g.Now().Add(hours.Lead))
	switch length := g.period.End.Time().Sub(g.period.Start.Time()); {
	case length <= 0:
		return fhir.Errorf(fhir.Invalid, fhir.CodeValue, "The end must be later than the start.").At("end")
	case length > MaxGenerateDays*24*time.Hour+2*time.Hour: // what clocks are set back by is no day
		return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "Slots are made for at most %d days at once. Ask for a shorter period, and then for the next one.", MaxGenerateDays).At("end")
	case g.period.End <= soonest:
		return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "The period is over: slots are made that begin at %s or later, which is now and the lead time of %s.", soonest.Time().Format(time.RFC3339), req.Schedule).At("end")
	}
	g.period.Start = max(g.period.Start, soonest)
	return nil
}

// sift tells those that stay of the slots that are there from those that were generated, nobody has taken, and nobody wants any more. A slot that was entered in
// error takes no time, but it stays.
func (g *generation) sift(there []calendarSlot) (stay, unwanted []calendarSlot) {
	wanted := make(map[booking.Span]bool, len(g.wanted))
	for _, w := range g.wanted {
		wanted[w] = true
	}
	for _, s := range there {
		isFree := s.Status == "free" && s.Holder == fhir.Key{}
		if s.generated && isFree && !wanted[s.Span] && s.Start >= g.period.Start && s.Start < g.period.End {
			unwanted = append(unwanted, s)
		} else {
			stay = append(stay, s)
		}
	}
	return stay, unwanted
}

// missing are the wanted times that have no slot and that no slot overlaps with. It counts the others.
func (g *generation) missing(stay []calendarSlot, out *Generated) []booking.Span {
	have := make(map[booking.Span]bool, len(stay))
	for _, s := range stay {
		have[s.Span] = true
	}
	taken := slices.DeleteFunc(slices.Clone(stay), func(s calendarSlot) bool { return s.Status == "entered-in-error" })
	slices.SortFunc(taken, func(a, b calendarSlot) int { return cmp.Compare(a.Start, b.Start) })
	var missing []booking.Span
	next, until := 0, fhir.Beginning // until: the latest end of those that begin before a time's end
	for _, w := range g.wanted {
		for ; next < len(taken) && taken[next].Start < w.End; next++ {
			until = max(until, taken[next].End)
		}
		switch {
		case have[w]:
			out.Kept++
		case until > w.Start:
			out.Left++
		default:
			missing = append(missing, w)
		}
	}
	return missing
}
