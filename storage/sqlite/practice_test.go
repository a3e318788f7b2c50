package sqlite_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// practice is a store as a practice has it: of a hundred resources eighty are Appointments, fifteen Patients and five Locations. What they
// have is spread evenly, and stands in no relation to when they came to be.
type practice struct {
	*sqlite.Store
	appointments, patients, locations, observations int
}

// spread is a number below n, another one for each i below n, in no order that can be seen.
func spread(i, n int) int { return i * 7919 % n } // n has no factor 7919

const minute = fhir.Instant(60_000_000)

func newPractice(t testing.TB, resources int) *practice {
	t.Helper()
	p := &practice{Store: open(t, sqlite.Config{}), appointments: resources * 80 / 100, patients: resources * 15 / 100, locations: resources * 5 / 100}
	var ops []storage.Op
	add := func(kind string, i int, e search.Entries) {
		op := storage.Op{Key: fhir.Key{Type: kind, ID: fmt.Sprintf("%s-%07d", strings.ToLower(kind), i)}, Entries: e, Condition: storage.Condition{Absent: true}}
		op.Resource = fhir.NewResource(fhir.NewObject(
			fhir.Member{Name: "resourceType", Value: kind}, fhir.Member{Name: "id", Value: op.Key.ID}, fhir.Member{Name: "comment", Value: strings.Repeat("word ", 100)}))
		if ops = append(ops, op); len(ops) == 500 {
			p.commit(t, ops)
			ops = nil
		}
	}
	for i := range p.locations {
		n := spread(i, p.locations)
		add("Location", i, search.Entries{
			Texts:  []search.Text{{Param: "name", Folded: fmt.Sprint("clinic ", n), Exact: fmt.Sprint("Clinic ", n)}},
			Terms:  []search.Term{{Param: "type", Value: "clinic"}},
			Places: []search.Place{{Param: "near", Point: p.place(i)}},
		})
	}
	for i := range p.patients {
		add("Patient", i, p.patient(i))
	}
	for i := range p.appointments {
		add("Appointment", i, p.appointment(i))
	}
	p.commit(t, ops)
	return p
}

// place is where a Location is: some way up and across the country.
func (p *practice) place(i int) search.Point {
	return search.Point{Latitude: 50 + 8*float64(spread(i, p.locations))/float64(p.locations), Longitude: -3 + 4*float64(i)/float64(p.locations)}
}

// family is the name of a Patient's family, of twenty.
func (p *practice) family(i int) string { return fmt.Sprintf("family%05d", spread(i, p.patients)/20) }

func (p *practice) commit(t testing.TB, ops []storage.Op) {
	t.Helper()
	if _, err := p.Commit(t.Context(), home, ops); err != nil {
		t.Fatal(err)
	}
}

// patient is one of whom twenty share a family name, and half a gender.
func (p *practice) patient(i int) search.Entries {
	family, given := p.family(i), []string{"ann", "bob", "cy"}[i%3]
	born := fhir.Instant(spread(i, p.patients)) * 1440 * minute
	return search.Entries{
		Terms: []search.Term{
			{Param: "identifier", Value: fmt.Sprint("nhs|", i)}, {Param: "gender", Value: []string{"female", "male"}[i%2]},
			{Param: "gp", Value: fmt.Sprintf("Location/location-%07d", spread(i, p.locations))},
		},
		Texts:  []search.Text{{Param: "family", Folded: family, Exact: family}, {Param: "name", Folded: family, Exact: family}, {Param: "name", Folded: given, Exact: given}},
		Ranges: []search.Range{{Param: "birthdate", Interval: fhir.Interval{Low: born, High: born + 1440*minute}}},
	}
}

// appointment is one of those that a patient has at one time or another: five or six each.
func (p *practice) appointment(i int) search.Entries {
	start := fhir.Instant(spread(i, p.appointments)) * minute
	e := search.Entries{
		Terms: []search.Term{
			{Param: "identifier", Value: fmt.Sprint("booking|", i)}, {Param: "status", Value: []string{"booked", "fulfilled", "cancelled"}[(i+i/p.patients)%3]},
			{Param: "patient", Value: fmt.Sprintf("Patient/patient-%07d", spread(i, p.patients))},
			{Param: "actor", Value: fmt.Sprintf("Patient/patient-%07d", spread(i, p.patients))},
			{Param: "actor", Value: fmt.Sprintf("Location/location-%07d", spread(i, p.locations))},
			{Param: "kind", Value: "consultation"},
		},
		Ranges:   []search.Range{{Param: "date", Interval: fhir.Interval{Low: start, High: start + 15*minute}}},
		Ordereds: []search.Ordered{{Param: "fee", Low: fmt.Sprintf("%07d", spread(i, p.appointments)), High: fmt.Sprintf("%07d", spread(i, p.appointments))}},
	}
	if i%(p.appointments/20) == 0 { // twenty of all
		e.Texts = []search.Text{{Param: "patient.Patient.family", Folded: p.family(0), Exact: p.family(0)}}
		e.Terms = append(e.Terms, search.Term{Param: "service", Value: "rare"})
	}
	return e
}

func is(param, value string) search.Any { return search.Any{search.Equal{Param: param, Value: value}} }

// during are those that are at some time of a stretch of minutes: as date=ge…&date=lt… has it.
func during(from, to int) []search.Any {
	open := search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}
	since, until := open, open
	since.HighFrom, until.LowTo = fhir.Instant(from)*minute+1, fhir.Instant(to)*minute-1
	return []search.Any{{since}, {until}}
}

// within is one that is in a stretch of minutes as a whole.
func within(from, to int) search.Test {
	low, high := fhir.Instant(from)*minute, fhir.Instant(to)*minute
	return search.Within{Param: "date", LowFrom: low, LowTo: high, HighFrom: low, HighTo: high}
}

func between(from, to int) search.Any {
	return over("fee", fmt.Sprintf("%07d", from), fmt.Sprintf("%07d", to))
}

// over are those with an Ordered from one value up to another.
func over(param, from, to string) search.Any {
	return search.Any{search.Between{Param: param, LowFrom: from, LowTo: to, HighFrom: from, HighTo: to}}
}

// since are those that came to be with a version or after it: as _lastUpdated=ge has it.
func since(v fhir.Version) search.Any {
	return search.Any{search.Within{Param: search.LastUpdated, LowFrom: v.Instant, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}}
}

func chain(param, kind string, all ...search.Any) search.Any {
	return search.Any{search.Refers{Param: param, To: search.Selection{Type: kind, All: all}}}
}

func has(kind, param string, all ...search.Any) search.Any {
	return search.Any{search.ReferredBy{Param: param, From: search.Selection{Type: kind, All: all}}}
}

func either(holds bool, a, b string) string {
	if holds {
		return a
	}
	return b
}

func not(a search.Any) search.Any { return search.Any{search.Not{Any: a}} }

// observe adds Observations of all that has several values or two parts, a quarter as many as there are other resources.
func (p *practice) observe(t testing.TB) {
	t.Helper()
	p.observations = (p.appointments + p.patients + p.locations) / 4
	var ops []storage.Op
	for i := range p.observations {
		op := storage.Op{Key: fhir.Key{Type: "Observation", ID: fmt.Sprintf("observation-%07d", i)}, Entries: p.observation(i)}
		op.Resource = fhir.NewResource(fhir.NewObject(fhir.Member{Name: "resourceType", Value: "Observation"}, fhir.Member{Name: "id", Value: op.Key.ID}))
		if ops = append(ops, op); len(ops) == 500 || i == p.observations-1 {
			p.commit(t, ops)
			ops = nil
		}
	}
}

// observation is one of a form and of a note that twenty share, at two times and of two sizes.
func (p *practice) observation(i int) search.Entries {
	n := spread(i, p.observations)
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
			{Param: "code-value-concept", Value: "bmi$" + form(n/20)}, {Param: "derived-from", Value: fmt.Sprintf("Observation/observation-%07d", spread(i+1, p.observations))},
		},
		Texts:    []search.Text{{Param: "note", Folded: fmt.Sprintf("note%05d", n/20), Exact: fmt.Sprintf("Note%05d", n/20)}},
		Ranges:   []search.Range{{Param: "date", Interval: at(n)}, {Param: "date", Interval: at(n + 3)}},
		Ordereds: []search.Ordered{ordered("value", number), ordered("value|", "kg|"+number), ordered("code-value", "bmi$"+number), ordered("size", number), ordered("size", fmt.Sprintf("%07d", n+3))},
	}
}

func form(n int) string { return fmt.Sprintf("https://example.org/forms/%05d", n) }
