package storagetest

import (
	"fmt"
	"iter"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Practice is what a store has that promises of its speed are held against: of a hundred resources eighty are Appointments, fifteen Patients and five
// Locations; and a quarter as many Observations, of all that has several values or two parts. What they have is spread evenly, and stands in no relation to
// when they came to be.
type Practice struct {
	Appointments, Patients, Locations, Observations int
}

// NewPractice is one of so many resources, beside its Observations. Searches find something for 4 000 or more.
func NewPractice(resources int) Practice {
	p := Practice{Appointments: resources * 80 / 100, Patients: resources * 15 / 100, Locations: resources * 5 / 100}
	p.Observations = (p.Appointments + p.Patients + p.Locations) / 4
	return p
}

// Spread is a number below n, another one for each i below n, in no order that can be seen. n has no factor 7919.
func Spread(i, n int) int { return i * 7919 % n }

const minute = fhir.Instant(60_000_000)

// Ops make all resources but the Observations, in their order.
func (p Practice) Ops() iter.Seq[storage.Op] {
	return func(yield func(storage.Op) bool) {
		comment := fhir.Member{Name: "comment", Value: strings.Repeat("word ", 100)}
		for _, of := range []struct {
			kind    string
			n       int
			entries func(i int) search.Entries
		}{{"Location", p.Locations, p.location}, {"Patient", p.Patients, p.patient}, {"Appointment", p.Appointments, p.appointment}} {
			for i := range of.n {
				if !yield(practiceOp(of.kind, i, of.entries(i), comment)) {
					return
				}
			}
		}
	}
}

// ObservationOps make the Observations.
func (p Practice) ObservationOps() iter.Seq[storage.Op] {
	return func(yield func(storage.Op) bool) {
		for i := range p.Observations {
			if !yield(practiceOp("Observation", i, p.observation(i))) {
				return
			}
		}
	}
}

func practiceOp(kind string, i int, e search.Entries, more ...fhir.Member) storage.Op {
	op := storage.Op{Key: fhir.Key{Type: kind, ID: fmt.Sprintf("%s-%07d", strings.ToLower(kind), i)}, Entries: e, Condition: storage.Condition{Absent: true}}
	op.Resource = fhir.NewResource(fhir.NewObject(append([]fhir.Member{{Name: "resourceType", Value: kind}, {Name: "id", Value: op.Key.ID}}, more...)...))
	return op
}

// Place is where a Location is: some way up and across the country.
func (p Practice) Place(i int) search.Point {
	return search.Point{Latitude: 50 + 8*float64(Spread(i, p.Locations))/float64(p.Locations), Longitude: -3 + 4*float64(i)/float64(p.Locations)}
}

func (p Practice) location(i int) search.Entries {
	n := Spread(i, p.Locations)
	return search.Entries{
		Texts:  []search.Text{{Param: "name", Folded: fmt.Sprint("clinic ", n), Exact: fmt.Sprint("Clinic ", n)}},
		Terms:  []search.Term{{Param: "type", Value: "clinic"}},
		Places: []search.Place{{Param: "near", Point: p.Place(i)}},
	}
}

// Family is the name of a Patient's family, of twenty.
func (p Practice) Family(i int) string { return fmt.Sprintf("family%05d", Spread(i, p.Patients)/20) }

// patient is one of whom twenty share a family name, and half a gender.
func (p Practice) patient(i int) search.Entries {
	family, given := p.Family(i), []string{"ann", "bob", "cy"}[i%3]
	born := fhir.Instant(Spread(i, p.Patients)) * 1440 * minute
	return search.Entries{
		Terms: []search.Term{
			{Param: "identifier", Value: fmt.Sprint("nhs|", i)}, {Param: "gender", Value: []string{"female", "male"}[i%2]},
			{Param: "gp", Value: fmt.Sprintf("Location/location-%07d", Spread(i, p.Locations))},
		},
		Texts:    []search.Text{{Param: "family", Folded: family, Exact: family}, {Param: "name", Folded: family, Exact: family}, {Param: "name", Folded: given, Exact: given}},
		Ranges:   []search.Range{{Param: "birthdate", Interval: fhir.Interval{Low: born, High: born + 1440*minute}}},
		Ordereds: []search.Ordered{{Param: "family", Low: family, High: family}},
	}
}

// appointment is one of those that a patient has at one time or another: five or six each.
func (p Practice) appointment(i int) search.Entries {
	start := fhir.Instant(Spread(i, p.Appointments)) * minute
	e := search.Entries{
		Terms: []search.Term{
			{Param: "identifier", Value: fmt.Sprint("booking|", i)}, {Param: "status", Value: []string{"booked", "fulfilled", "cancelled"}[(i+i/p.Patients)%3]},
			{Param: "patient", Value: fmt.Sprintf("Patient/patient-%07d", Spread(i, p.Patients))},
			{Param: "actor", Value: fmt.Sprintf("Patient/patient-%07d", Spread(i, p.Patients))},
			{Param: "actor", Value: fmt.Sprintf("Location/location-%07d", Spread(i, p.Locations))},
			{Param: "kind", Value: "consultation"},
		},
		Ranges:   []search.Range{{Param: "date", Interval: fhir.Interval{Low: start, High: start + 15*minute}}},
		Ordereds: []search.Ordered{{Param: "fee", Low: fmt.Sprintf("%07d", Spread(i, p.Appointments)), High: fmt.Sprintf("%07d", Spread(i, p.Appointments))}},
	}
	if i%(p.Appointments/20) == 0 { // twenty of all
		e.Texts = []search.Text{{Param: "patient.Patient.family", Folded: p.Family(0), Exact: p.Family(0)}}
		e.Terms = append(e.Terms, search.Term{Param: "service", Value: "rare"})
	}
	return e
}

// observation is one of a form and of a note that twenty share, at two times and of two sizes.
func (p Practice) observation(i int) search.Entries {
	n := Spread(i, p.Observations)
	number := fmt.Sprintf("%07d", n)
	at := func(n int) fhir.Interval {
		return fhir.Interval{Low: fhir.Instant(n) * minute, High: fhir.Instant(n)*minute + minute}
	}
	ordered := func(param, value string) search.Ordered {
		return search.Ordered{Param: param, Low: value, High: value}
	}
	return search.Entries{
		Terms: []search.Term{
			{Param: "instance", Value: form(n / 20)}, {Param: "code", Value: "bmi"},
			{Param: "code-value-concept", Value: "bmi$" + form(n/20)}, {Param: "derived-from", Value: fmt.Sprintf("Observation/observation-%07d", Spread(i+1, p.Observations))},
		},
		Texts:    []search.Text{{Param: "note", Folded: fmt.Sprintf("note%05d", n/20), Exact: fmt.Sprintf("Note%05d", n/20)}},
		Ranges:   []search.Range{{Param: "date", Interval: at(n)}, {Param: "date", Interval: at(n + 3)}},
		Ordereds: []search.Ordered{ordered("value", number), ordered("value|", "kg|"+number), ordered("code-value", "bmi$"+number), ordered("size", number), ordered("size", fmt.Sprintf("%07d", n+3))},
	}
}

func form(n int) string { return fmt.Sprintf("https://example.org/forms/%05d", n) }
