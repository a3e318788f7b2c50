package demo

import (
	"maps"
	"slices"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// diary is what one of the staff has to do: the bookings, and the slots that they hold or could hold.
type diary struct {
	member   *member
	slots    []slot // soonest first
	bookings []*entry
}

type slot struct {
	number int
	span
	holder *entry // nil where it is free
}

// entry is an appointment of a diary before it is written down.
type entry struct {
	course
	number  int
	member  *member
	patient *patient
	task    careTask
	span        // zero when it has no time
	slot    int // number of the slot that it names, or -1

	place int // in the diary, of the span; -1 for none
}

// planner fills a diary. A place is a stretch of the length of a visit: the places of a day, then those of the next.
type planner struct {
	*dice
	calendar calendar
	member   *member
	patients []*patient
	starts   []int          // minutes of the day at which the places of a day begin
	free     [never][]int   // places that nobody has, shuffled; by when
	holders  map[int]*entry // of the places that are slots; nil for those that are free
	diary    diary
}

// diary plans the bookings of one of the staff for the patients of the practice.
func (w *world) diary(m *member, patients []*patient) diary {
	p := planner{
		dice:     newDice(w.Seed, "diary", m.number),
		calendar: w.calendar, member: m, patients: patients,
		holders: map[int]*entry{},
		diary:   diary{member: m},
	}
	p.open()
	from, to := w.share(w.appointments(), m.number)
	for number := from; number < to; number++ {
		p.book(number)
	}
	from, to = w.share(w.slots(), m.number)
	p.offer(to - from - len(p.holders))
	p.settle(from)
	return p.diary
}

// open finds the places and shuffles them.
func (p *planner) open() {
	starts, ofMorning := hours(p.member.craft.minutes)
	p.starts = starts
	today := daysBefore * len(starts)
	for place := range len(p.calendar.days) * len(starts) {
		w := future
		switch {
		case place < today:
			w = past
		case place < today+ofMorning:
			w = morning
		}
		p.free[w] = append(p.free[w], place)
	}
	for w := range p.free {
		p.shuffle(p.free[w])
	}
}

func (p *planner) at(place int) span {
	day := p.calendar.days[place/len(p.starts)]
	begin := p.starts[place%len(p.starts)]
	return span{clock(day, begin), clock(day, begin+p.member.craft.minutes)}
}

// book makes one booking. It takes the course that is next, unless no patient has time then.
func (p *planner) book(number int) {
	b := &entry{course: courseRound[number%len(courseRound)], number: number, member: p.member, slot: -1, place: -1}
	b.task = pick(p.dice, p.member.craft.tasks)
	if b.when != never && !p.schedule(b) {
		b.course = onWaitlist
	}
	if b.when == never {
		b.patient, b.task = p.patientFor(b.task, span{})
	}
	p.diary.bookings = append(p.diary.bookings, b)
}

// schedule finds a place and a patient who has time for it, and takes both.
func (p *planner) schedule(b *entry) bool {
	for i, place := range p.free[b.when] {
		b.span = p.at(place)
		patient, task := p.patientFor(b.task, b.span)
		if patient == nil {
			continue
		}
		b.patient, b.task, b.place = patient, task, place
		p.free[b.when] = slices.Delete(p.free[b.when], i, i+1)
		p.holders[place] = nil
		if b.isLive() {
			p.holders[place] = b
		}
		if b.slotStatus != "" {
			patient.visits = append(patient.visits, b.span)
		}
		return true
	}
	b.span = span{}
	return false
}

// patientFor finds a living patient who is free and has the age for the task, or else for the first task of the craft. The zero
// span suits everybody. It is nil when there is none.
func (p *planner) patientFor(task careTask, when span) (*patient, careTask) {
	offset := p.below(len(p.patients))
	for _, t := range []careTask{task, p.member.craft.tasks[0]} {
		for i := range p.patients {
			c := p.patients[(offset+i)%len(p.patients)]
			if c.died.IsZero() && t.from <= c.age && c.age <= t.to && c.isFree(when) {
				return c, t
			}
		}
	}
	return nil, task
}

// offer adds slots that are free, anywhere.
func (p *planner) offer(count int) {
	rest := slices.Concat(p.free[:]...)
	p.shuffle(rest)
	for _, place := range rest[:count] {
		p.holders[place] = nil
	}
}

// settle writes down the slots, soonest first, and tells the bookings which they name.
func (p *planner) settle(first int) {
	numbers := map[int]int{}
	for i, place := range slices.Sorted(maps.Keys(p.holders)) {
		numbers[place] = first + i
		p.diary.slots = append(p.diary.slots, slot{first + i, p.at(place), p.holders[place]})
	}
	for _, b := range p.diary.bookings {
		if b.slotStatus != "" {
			b.slot = numbers[b.place]
		}
	}
}

func (d diary) resources(w *world) []fhir.Resource {
	all := make([]fhir.Resource, 0, len(d.slots)+4*len(d.bookings))
	for _, s := range d.slots {
		all = append(all, s.resource(d.member))
	}
	for _, b := range d.bookings {
		all = append(all, w.work(b).resources()...)
	}
	return all
}

func slotID(number int) string { return numbered("slot", 6, number) }

// resource is the slot as the server has it when its appointment holds it: it names that.
func (s slot) resource(m *member) fhir.Resource {
	status := "free"
	var holder *fhir.Object
	if s.holder != nil {
		status = s.holder.slotStatus
		holder = object(f("url", booking.HolderURL), f("valueReference", s.holder.reference("Appointment", "app", "")))
	}
	return resource("Slot", slotID(s.number),
		f("extension", list(holder)),
		f("serviceCategory", m.craft.categories()),
		f("serviceType", m.craft.types()),
		f("specialty", m.craft.specialties()),
		f("schedule", reference("Schedule", m.scheduleID(), m.display())),
		f("status", status),
		f("start", instant(s.start)),
		f("end", instant(s.end)),
	)
}

// minutes is the length of the span.
func (s span) minutes() int { return int(s.end.Sub(s.start) / time.Minute) }
