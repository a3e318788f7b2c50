package engine

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// Time is a stretch of free time that availability found: adjacent slots of one schedule, as many as the length asks for.
type Time struct {
	Slots    []fhir.Version
	Schedule fhir.Version
	Start    fhir.Instant
	End      fhir.Instant

	place moment
	diary *diary        // of which it is
	first fhir.Resource // of the slots
	last  fhir.Resource
}

// Wanted says which free time somebody looks for. Fields that are nil or zero ask for nothing; of several values in one field any suffices.
type Wanted struct {
	From, To   fhir.Instant  // its slots begin then or later, and before To; both are needed
	EndBy      fhir.Instant  // it ends then at the latest; 0: whenever
	Length     time.Duration // adjacent slots together are at least so long; 0: one slot of any length
	Services   []fhir.Key    // HealthcareServices
	Actors     [][]fhir.Key  // actors of the Schedule: any of each list. Of times that begin together those of an actor that stands further ahead in the first list come first
	PostalArea string        // of a Location of the schedule, or of one that its service covers: see search.InPostalArea
	Codes      []string      // of the slot's serviceType, as a token is searched: "system|code", "code" of any system, "|code" of none. What a slot does not say its schedule does, and for that its services
	Specialty  []string      // of its specialty, in the same way

	Suits func(start, end fhir.Instant) bool // whether such a time will do; nil: any does. It is the same for all pages

	After []byte // where the page before ended
	Limit int    // times; 1 at least
}

// The bounds of the work of one call.
const (
	mostSchedules = 2_000  // that are looked into
	mostSlots     = 20_000 // that are read
	mostPages     = 5_000  // of them, the empty ones counted
)

// availability finds free time, soonest first, and where the next page begins (nil: nowhere). A slot that is held is not free; one that has begun, or is nearer than
// the lead time of its services or of the schedule's working hours, can no longer be booked. A page goes on behind the last time of the one before, whatever was booked or released in between.
// It takes s on Slot and Schedule. Its errors are Forbidden, Invalid for a position that is none, TooCostly for too many schedules, slots or pages of them, and those of a search.
func (e *Engine) availability(ctx context.Context, p fhir.Principal, w Wanted) ([]Time, []byte, error) {
	if err := mayShow(p, []string{"Schedule", "Slot"}); err != nil {
		return nil, nil, err
	}
	l := looking{finder: e.finder(ctx, p), wanted: w, now: fhir.InstantOf(e.Now()), services: make(map[fhir.Key]service)}
	if w.After != nil && json.Unmarshal(w.After, &l.behind) != nil {
		return nil, nil, badCursor(nil)
	}
	diaries, err := l.diaries()
	if err != nil {
		return nil, nil, err
	}
	return l.merge(diaries)
}

// looking is one call of availability.
type looking struct {
	*finder
	wanted   Wanted
	now      fhir.Instant
	behind   moment               // where the page before ended
	services map[fhir.Key]service // that were met
	slots    int                  // that were read
	pages    int                  // of them
}

// service is a service, and what it demands of who books it: where that cannot be read, nobody can.
type service struct {
	resource fhir.Resource // zero where there is none
	policy   booking.Policy
	fault    error
}

// moment is where a time stands among all.
type moment struct {
	Start    fhir.Instant
	Rank     int // of its schedule
	Schedule string
	Slot     string // the first one
}

func (m moment) compare(o moment) int {
	return cmp.Or(cmp.Compare(m.Start, o.Start), cmp.Compare(m.Rank, o.Rank), strings.Compare(m.Schedule, o.Schedule), strings.Compare(m.Slot, o.Slot))
}

// merge takes the times of all diaries by turns, the soonest first.
func (l *looking) merge(diaries []*diary) (times []Time, next []byte, err error) {
	queue := make(soonest, 0, len(diaries))
	for _, d := range diaries {
		if more, err := l.advance(d); err != nil {
			return nil, nil, err
		} else if more {
			queue = append(queue, d)
		}
	}
	heap.Init(&queue)
	for len(queue) > 0 {
		d := queue[0]
		if len(times) == l.wanted.Limit {
			next, err = json.Marshal(times[len(times)-1].place)
			return times, next, err
		}
		times = append(times, d.head)
		more, err := l.advance(d)
		switch {
		case err != nil:
			return nil, nil, err
		case more:
			heap.Fix(&queue, 0)
		default:
			heap.Pop(&queue)
		}
	}
	return times, nil, nil
}

// soonest is a heap of diaries by their next time.
type soonest []*diary

func (s soonest) Len() int           { return len(s) }
func (s soonest) Less(i, j int) bool { return s[i].head.place.compare(s[j].head.place) < 0 }
func (s soonest) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

// Push is heap.Interface's; nothing comes to a heap that is being emptied.
func (s *soonest) Push(d any) { *s = append(*s, d.(*diary)) }

// Pop is heap.Interface's.
func (s *soonest) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

// anyOf says whether a resource has one of some codes in an element that is a CodeableConcept, or several; as a token search has it.
func anyOf(r *fhir.Object, element string, wanted []string) (says, has bool) {
	for _, concept := range r.Objects(element) {
		for _, coding := range concept.Objects("coding") {
			says = true
			if slices.ContainsFunc(wanted, func(w string) bool { return isCoded(coding, w) }) {
				return true, true
			}
		}
	}
	return says, false
}

// isCoded says whether a Coding is that of a token: "system|code", "code" of any system, "|code" of none.
func isCoded(coding *fhir.Object, token string) bool {
	system, code, told := strings.Cut(token, "|")
	if !told {
		return coding.Text("code") == token
	}
	return coding.Text("system") == system && coding.Text("code") == code
}
