package demo

import (
	"iter"
	"time"

	"github.com/portico-health/portico/fhir"
)

// Defaults and bounds of [Options].
const (
	DefaultPatients = 500
	DefaultSeed     = 1
	MaxPatients     = 900_000 // a few less than there are NHS numbers of the range 999

	firstYear, lastYear = 1900, 2200 // of At
)

// Options say how much data is made, and for which day.
type Options struct {
	// Patients is how many patients there are; 0 means DefaultPatients. Everything else is in proportion: four slots and 1.6
	// appointments a patient, rounded down.
	Patients int

	// Seed chooses one of many equally good sets of data; 0 means DefaultSeed.
	Seed int64

	// At is the day around which the data lies: of its ten working days before, its morning, and nineteen working days after. Only the year, month
	// and day count, as At itself has them. A Saturday or Sunday means the Monday that follows. The zero time means 1 June 2026.
	At time.Time
}

// Check tells everything in the options that Generate cannot take as it is; the error has kind Invalid.
func (o Options) Check() error {
	refused := &fhir.Error{Kind: fhir.Invalid}
	add := func(e *fhir.Error) { refused.Issues = append(refused.Issues, e.Issues...) }
	if o.Patients < 0 || o.Patients > MaxPatients {
		add(fhir.Errorf(fhir.Invalid, fhir.CodeValue, "There can be 1 to %d patients, not %d.", MaxPatients, o.Patients).At("patients"))
	}
	if year := o.At.Year(); !o.At.IsZero() && (year < firstYear || year > lastYear) {
		add(fhir.Errorf(fhir.Invalid, fhir.CodeValue, "The day must be in the years %d to %d, not in %d.", firstYear, lastYear, year).At("at"))
	}
	if len(refused.Issues) == 0 {
		return nil
	}
	return refused
}

// settled puts the defaults where nothing was said, and where Check would refuse.
func (o Options) settled() Options {
	if o.Patients <= 0 {
		o.Patients = DefaultPatients
	}
	o.Patients = min(o.Patients, MaxPatients)
	if o.Seed == 0 {
		o.Seed = DefaultSeed
	}
	if o.At.Year() < firstYear || o.At.Year() > lastYear {
		o.At = time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)
	}
	return o
}

// Generate makes the data, one resource at a time, and keeps that of one practice in memory (some 250 patients). It makes the same
// resources in the same order whenever the options are the same. No resource refers to one that comes later, but a slot to the
// appointment that holds it.
//
// The order is: trusts with their sites, the catalogue of care tasks, and then for each practice the practice with
// its people and diaries, its patients, and for each diary the slots and the appointments with what belongs to them.
//
// Where [Options.Check] refuses, the default or the nearest bound is taken.
func Generate(opts Options) iter.Seq[fhir.Resource] {
	return func(yield func(fhir.Resource) bool) {
		for part := range newWorld(opts.settled()).parts() {
			for _, r := range part {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// world is what everything in the data has in common.
type world struct {
	Options
	calendar  calendar
	staff     int // practitioners, each with a diary
	practices int
	trusts    int
	numbers   *nhsNumbers
}

const (
	patientsPerDiary = 50
	practicesOfTrust = 10

	// For each five patients there are 20 slots and 8 appointments. A diary of 50 patients has 200 and 80 of them, which fit
	// into its 30 working days even when a visit takes an hour.
	slotsPerFive        = 20
	appointmentsPerFive = 8
)

func newWorld(opts Options) *world {
	w := &world{Options: opts, calendar: newCalendar(opts.At), numbers: newNHSNumbers(opts.Seed)}
	w.staff = min(max(len(crafts)+1, ceil(w.Patients, patientsPerDiary)), w.Patients)
	w.practices = ceil(w.staff, len(crafts))
	w.trusts = ceil(w.practices, practicesOfTrust)
	return w
}

func ceil(n, by int) int { return (n + by - 1) / by }

func (w *world) parts() iter.Seq[[]fhir.Resource] {
	return func(yield func([]fhir.Resource) bool) {
		for t := range w.trusts {
			if !yield(w.trust(t).resources()) {
				return
			}
		}
		if !yield(w.catalogue()) {
			return
		}
		for p := range w.practices {
			practice := w.practice(p)
			patients := w.patients(practice)
			if !yield(practice.resources(w)) || !yield(patientResources(patients)) {
				return
			}
			for _, m := range practice.members {
				if !yield(w.diary(m, patients).resources(w)) {
					return
				}
			}
		}
	}
}

func (w *world) catalogue() []fhir.Resource {
	d := newDice(w.Seed, "catalogue", 0)
	trust := w.trust(0).reference()
	var all []fhir.Resource
	for _, c := range crafts {
		phone := landline(d, "work")
		for _, t := range c.tasks {
			all = append(all, healthcareService(c, t, trust, phone))
		}
	}
	return all
}

// share is the part of total that falls to the member of the staff with a number: from, up to and without, to.
func (w *world) share(total, member int) (from, to int) {
	return member * total / w.staff, (member + 1) * total / w.staff
}

func (w *world) slots() int        { return w.Patients * slotsPerFive / 5 }
func (w *world) appointments() int { return w.Patients * appointmentsPerFive / 5 }
