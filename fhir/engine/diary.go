package engine

import (
	"errors"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// diary is a schedule on the way through its free slots.
type diary struct {
	schedule fhir.Version
	root     fhir.Resource
	services []fhir.Resource // those that take part, as far as what is wanted asks for their codes
	rank     int             // how far ahead its actor stands among those that were asked for; 0 is the first

	next   fhir.Instant // slots that begin before it were read
	window fhir.Instant // that is being read ends here
	stride fhir.Instant // how long the next window is: each behind an empty one is twice as long, so that the width of a period costs little
	within []byte       // where the next page of it begins; nil: at its beginning, if that is still to be read
	size   int          // slots of the next page
	ahead  []freeSlot   // that were read, in the order of their starts

	head Time // the next time
}

// freeSlot is a free slot that was read. What it says is looked at when its turn comes: of most that are read behind the last one that is wanted it never does.
type freeSlot struct {
	version  fhir.Version
	resource fhir.Resource // zero until its turn
	booking.Slot
}

// What is read of a diary at once. Windows keep a store that sorts what it finds (storage.MaxGathered) from finding too much; slots of ten minutes in all of
// four weeks are 4 032.
const (
	longestWindow  = 28 * 24 * time.Hour
	shortestWindow = 24 * time.Hour
	fewestAtOnce   = 3
	mostAtOnce     = 128
)

// advance finds the next time of a diary, and says whether there is one.
func (l *looking) advance(d *diary) (bool, error) {
	for {
		if first, err := l.look(d, 0); err != nil || first == nil {
			return false, err
		}
		chain, err := l.chain(d)
		if err != nil {
			return false, err
		}
		first := d.ahead[0]
		d.ahead = d.ahead[1:]
		if chain == nil {
			continue
		}
		t := Time{
			Schedule: d.schedule, Start: first.Start, End: chain[len(chain)-1].End, diary: d, first: first.resource, last: chain[len(chain)-1].resource,
			place: moment{first.Start, d.rank, d.schedule.Key.ID, first.Key.ID},
		}
		if !l.suits(t) {
			continue
		}
		for _, s := range chain {
			t.Slots = append(t.Slots, s.version)
		}
		d.head = t
		return true, nil
	}
}

// suits says whether a time is one of those that are wanted, and not on a page before.
func (l *looking) suits(t Time) bool {
	w := l.wanted
	return t.End > t.Start && (w.EndBy == 0 || t.End <= w.EndBy) && (w.After == nil || t.place.compare(l.behind) > 0) && (w.Suits == nil || w.Suits(t.Start, t.End))
}

// chain are the first slot ahead and those that follow on it without a gap, as many as the length takes; nil where they are too short, or something else than
// what is wanted. Of several that begin where one ends the one that was read first is taken.
func (l *looking) chain(d *diary) (chain []freeSlot, err error) {
	for at, length := 0, fhir.Instant(l.wanted.Length.Microseconds()); ; {
		s := d.ahead[at] // which was looked at
		if !l.offers(d, s.resource) {
			return nil, nil
		}
		if chain = append(chain, s); s.End-chain[0].Start >= length {
			return chain, nil
		}
		for at++; ; at++ {
			if next, err := l.look(d, at); err != nil || next == nil || next.Start > s.End {
				return nil, err
			} else if next.Start == s.End {
				break
			}
		}
	}
}

// offers says whether a slot is for what is wanted: what it does not say its schedule does, and for that its services (https://hl7.org/fhir/R4/slot-definitions.html#Slot.serviceType).
func (l *looking) offers(d *diary, slot fhir.Resource) bool {
	return l.offersOne(d, slot, "serviceType", "type", l.wanted.Codes) && l.offersOne(d, slot, "specialty", "specialty", l.wanted.Specialty)
}

func (l *looking) offersOne(d *diary, slot fhir.Resource, element, ofService string, wanted []string) bool {
	if len(wanted) == 0 {
		return true
	}
	for _, r := range []fhir.Resource{slot, d.root} {
		if says, has := anyOf(r.Root(), element, wanted); says {
			return has
		}
	}
	for _, service := range d.services {
		if _, has := anyOf(service.Root(), ofService, wanted); has {
			return true
		}
	}
	return false
}

// look reads a slot that is so far ahead; nil where there are not so many.
func (l *looking) look(d *diary, at int) (*freeSlot, error) {
	if err := l.fill(d, at+1); err != nil || at >= len(d.ahead) {
		return nil, err
	}
	s := &d.ahead[at]
	if s.resource.IsZero() {
		r, err := stored(s.version)
		if err != nil {
			return nil, err
		}
		s.resource, s.Slot = r, booking.SlotOf(l.Rules.BaseURL(), r)
	}
	return s, nil
}

// fill reads on until so many slots are ahead, or there are no more.
func (l *looking) fill(d *diary, n int) error {
	for len(d.ahead) < n && (d.next < l.wanted.To || d.within != nil) {
		if d.within == nil {
			d.window = min(l.wanted.To, max(d.next, d.window))
			if d.window == d.next {
				d.stride = max(d.stride, fhir.Instant(longestWindow.Microseconds()))
				d.window = min(l.wanted.To, d.next+d.stride)
			}
		}
		if err := l.read(d); err != nil {
			return err
		}
	}
	return nil
}

// read reads the next page of a diary. Of a window in which there is too much for a store to sort it reads the half.
func (l *looking) read(d *diary) error {
	q := search.Query{Type: "Slot", All: []search.Any{{search.FreeOf(d.schedule.Key, d.next, d.window)}}, Sort: search.SoonestFree()}
	if l.pages++; l.pages > mostPages {
		return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "Schedules would have to be looked into more than %d times, and little of what is there is what is asked for. Ask for a shorter period, or name a service, an actor or an area.", mostPages)
	}
	page, err := l.find(q, storage.PageRequest{Limit: d.size, After: d.within})
	if tooMany := errors.Is(err, fhir.TooCostly) && !errors.Is(err, storage.ErrOverBudget); tooMany && d.within == nil && d.window-d.next > fhir.Instant(shortestWindow.Microseconds()) {
		d.window = d.next + (d.window-d.next)/2
		return nil
	}
	if err != nil {
		return err
	}
	if l.slots += len(page.Versions); l.slots > mostSlots {
		return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "More than %d free slots were looked at, and few of them are what is asked for. Ask for a shorter period, or name a service, an actor or an area.", mostSlots)
	}
	for _, v := range page.Versions {
		d.ahead = append(d.ahead, freeSlot{version: v})
	}
	if d.stride = 0; len(page.Versions) == 0 {
		d.stride = 2 * (d.window - d.next)
	}
	d.within, d.size = page.Next, min(2*d.size, mostAtOnce)
	if page.Next == nil {
		d.next = d.window
	}
	return nil
}
