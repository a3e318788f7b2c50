package mongo

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// practice is a store as a practice has it: of a hundred resources eighty are Appointments, fifteen Patients and five Locations. What they
// have is spread evenly, and stands in no relation to when they came to be.
type practice struct {
	*Store
	*wire
	appointments, patients, locations int
}

const (
	pageSize = 20
	minute   = fhir.Instant(60_000_000)
)

// resources is how many resources a test of what searches ask for has: PORTICO_TEST_SOAK asks for as many as are promised.
func resources() int {
	if os.Getenv("PORTICO_TEST_SOAK") != "" {
		return 100_000
	}
	return 5_000
}

// spread is a number below n, another one for each i below n, in no order that can be seen.
func spread(i, n int) int { return i * 7919 % n } // n has no factor 7919

// The promised orders of a practice.
var (
	dateKey   = search.SortKey{Param: "date", Absent: "date:none"}
	bornKey   = search.SortKey{Param: "birthdate", Absent: "birthdate:none"}
	feeKey    = search.SortKey{Param: "fee", By: search.ByOrder, Absent: "fee:none"}
	familyKey = search.SortKey{Param: "family", By: search.ByOrder, Absent: "family:none"}
)

// newPractice makes a store of so many resources. They are written as a restored backup would be: all at once.
func newPractice(t testing.TB, resources int) *practice {
	t.Helper()
	w := new(wire)
	p := &practice{wire: w, appointments: resources * 80 / 100, patients: resources * 15 / 100, locations: resources * 5 / 100}
	p.Store = openTest(t, fmt.Sprint(t.Name(), resources), func(c *Config) {
		c.monitor = &event.CommandMonitor{Started: w.started}
		c.SortKeys = func(typ string) []search.SortKey {
			return map[string][]search.SortKey{"Appointment": {dateKey, feeKey}, "Patient": {bornKey, familyKey}}[typ]
		}
	})
	at := fhir.Instant(1_000_000)
	fill := func(kind string, n int, entries func(i int) search.Entries) {
		if err := p.prepare(t.Context(), kind); err != nil {
			t.Fatal(err)
		}
		var batch []any
		for i := range n {
			at++
			if batch = append(batch, p.document(t, kind, i, at, entries(i))); len(batch) == 1_000 || i == n-1 {
				if _, err := p.current(kind).InsertMany(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
				batch = nil
			}
		}
	}
	fill("Location", p.locations, p.location)
	fill("Patient", p.patients, p.patient)
	fill("Appointment", p.appointments, p.appointment)
	return p
}

// document is that of a version of about 800 bytes.
func (p *practice) document(t testing.TB, kind string, i int, at fhir.Instant, e search.Entries) document {
	d := document{Partition: home, Name: fmt.Sprintf("%s-%07d", strings.ToLower(kind), i), Version: 1, Instant: at, Method: fhir.Created.String()}
	d.ID = documentID(home, d.Name)
	var err error
	if d.Index, err = encodeEntries(e, p.config.SortKeys(kind)); err != nil {
		t.Fatal(err)
	}
	if d.Resource, err = encodeBody(fmt.Appendf(nil, `{"resourceType":%q,"id":%q,"comment":%q}`, kind, d.Name, strings.Repeat("word ", 150))); err != nil {
		t.Fatal(err)
	}
	return d
}

// family is the name of a Patient's family, of twenty.
func (p *practice) family(i int) string { return fmt.Sprintf("family%05d", spread(i, p.patients)/20) }

func (p *practice) location(i int) search.Entries {
	n := spread(i, p.locations)
	return search.Entries{
		Texts:  []search.Text{{Param: "name", Folded: fmt.Sprint("clinic ", n), Exact: fmt.Sprint("Clinic ", n)}},
		Terms:  []search.Term{{Param: "type", Value: "clinic"}},
		Places: []search.Place{{Param: "near", Point: p.place(i)}},
	}
}

// place is where a Location is: some way up and across the country.
func (p *practice) place(i int) search.Point {
	return search.Point{Latitude: 50 + 8*float64(spread(i, p.locations))/float64(p.locations), Longitude: -3 + 4*float64(i)/float64(p.locations)}
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
		Texts:    []search.Text{{Param: "family", Folded: family, Exact: family}, {Param: "name", Folded: family, Exact: family}, {Param: "name", Folded: given, Exact: given}},
		Ranges:   []search.Range{{Param: "birthdate", Interval: fhir.Interval{Low: born, High: born + 1440*minute}}},
		Ordereds: []search.Ordered{{Param: "family", Low: family, High: family}},
	}
}

// appointment is one of those that a patient has at one time or another: five or six each.
func (p *practice) appointment(i int) search.Entries {
	start := fhir.Instant(spread(i, p.appointments)) * minute
	fee := fmt.Sprintf("%07d", spread(i, p.appointments))
	e := search.Entries{
		Terms: []search.Term{
			{Param: "identifier", Value: fmt.Sprint("booking|", i)}, {Param: "status", Value: []string{"booked", "fulfilled", "cancelled"}[(i+i/p.patients)%3]},
			{Param: "patient", Value: fmt.Sprintf("Patient/patient-%07d", spread(i, p.patients))},
			{Param: "actor", Value: fmt.Sprintf("Location/location-%07d", spread(i, p.locations))},
			{Param: "kind", Value: "consultation"},
		},
		Ranges:   []search.Range{{Param: "date", Interval: fhir.Interval{Low: start, High: start + 15*minute}}},
		Ordereds: []search.Ordered{{Param: "fee", Low: fee, High: fee}},
	}
	if i%(p.appointments/20) == 0 { // twenty of all
		e.Terms = append(e.Terms, search.Term{Param: "service", Value: "rare"})
	}
	return e
}

func is(param, value string) search.Any { return search.Any{search.Equal{Param: param, Value: value}} }

func not(a search.Any) search.Any { return search.Any{search.Not{Any: a}} }

func starts(param, folded string) search.Any {
	return search.Any{search.StartsWith{Param: param, Folded: folded}}
}

// during are those that are at some time of a stretch of minutes: as date=ge…&date=lt… has it.
func during(from, to int) []search.Any {
	open := search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}
	since, until := open, open
	since.HighFrom, until.LowTo = fhir.Instant(from)*minute+1, fhir.Instant(to)*minute-1
	return []search.Any{{since}, {until}}
}

// since are those that came to be at an instant or after it: as _lastUpdated=ge has it.
func since(at fhir.Instant) search.Any {
	return search.Any{search.Within{Param: search.LastUpdated, LowFrom: at, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}}
}

func chain(param, kind string, all ...search.Any) search.Any {
	return search.Any{search.Refers{Param: param, To: search.Selection{Type: kind, All: all}}}
}

func hasOne(kind, param string, all ...search.Any) search.Any {
	return search.Any{search.ReferredBy{Param: param, From: search.Selection{Type: kind, All: all}}}
}

func by(keys ...search.SortKey) []search.SortKey { return keys }

// wire keeps the commands that go to the server while it listens.
type wire struct {
	mu       sync.Mutex
	on       bool
	commands []bson.Raw
}

func (w *wire) started(_ context.Context, e *event.CommandStartedEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.on {
		w.commands = append(w.commands, append(bson.Raw(nil), e.Command...))
	}
}

// listen is what was sent to the server while fn ran.
func (w *wire) listen(fn func()) []bson.Raw {
	set := func(on bool) []bson.Raw {
		w.mu.Lock()
		defer w.mu.Unlock()
		sent := w.commands
		w.on, w.commands = on, nil
		return sent
	}
	set(true)
	fn()
	return set(false)
}
